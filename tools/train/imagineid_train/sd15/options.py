"""What can be chosen in training, and the numbers of a model on a base."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imagineid.ccf.schedule import read_scheduler_config
from imagineid.errors import BadInput, BadWeights
from imagineid.json_files import read_json
from imagineid.models.adapters import locate_part
from imagineid.spec import SD15, SIZES, Size

CLIP_TOKENS = 77
"""Tokens of the text encoder, the pseudo-words among them."""

CONDITIONS = ("mesh", "anchor", "neighbour")
"""What SCA may see (eq. 9): I_rd, I_id and I_ad."""

PROMPT = "a high quality photo of a face looking at the camera"
"""The predefined prompt that stands before each prompt of the user's."""


@dataclass(frozen=True)
class Options:
    """Choices that change what is learnt, the paper's ablations among them.

    Attributes:
        pad: the size whose numbers PAD has.
        pseudo_words: N of TIA.
        conditions: what SCA sees, of :data:`CONDITIONS`.
        all_three: the paper's p, the share of samples in which SCA sees more than the mesh.
        joint: whether TIA, SCA and MBA are trained together instead of in sequence.
        mba_level: where MBA blends, 0 at the frame's full size, 1 at half of it, and so on.
        matting: ``modnet``, or ``own`` for a network that learns from the data's mattes.
        inpainting: ``lama`` or ``harmonic``.
        prompt: see :data:`PROMPT`.
        captions: whether the data's captions follow the prompt in training.
        seed: of all that is drawn.
    """

    pad: str = SD15.name
    pseudo_words: int = SD15.pseudo_words
    conditions: tuple[str, ...] = CONDITIONS
    all_three: float = 0.8
    joint: bool = False
    mba_level: int = 0
    matting: Any = SD15.matting
    inpainting: Any = SD15.inpainting
    prompt: str = PROMPT
    captions: bool = False
    seed: int = 0

    def check(self) -> None:
        """Validate the choices.

        Raises:
            BadInput: one of them is invalid.
        """
        if not 1 <= self.pseudo_words <= CLIP_TOKENS - 3:
            raise BadInput(f"--pseudo-words must be 1 to {CLIP_TOKENS - 3}.\nTry:  8")
        if not 0 <= self.all_three <= 1:
            raise BadInput("--all-three must be 0 to 1.\nTry:  0.8")
        if "mesh" not in self.conditions or not set(self.conditions) <= set(CONDITIONS):
            raise BadInput(
                f"--conditions {','.join(self.conditions)} is invalid: the mesh is always one.\n"
                f"Use some of:  {','.join(CONDITIONS)}"
            )


def find_base(base: str) -> Path:
    """Return the folder of a base: a path, or a name of ``imagineid weights``.

    Raises:
        BadWeights: there is none.
    """
    folder = Path(base)
    return folder if (folder / "unet").is_dir() else locate_part({"base": base}, "base")


def size_on(base: Path, frame_px: int, options: Options) -> Size:
    """Return the numbers of a model on a base, as its ``config.json`` files say.

    Args:
        base: a folder as diffusers writes it.
        frame_px: side of the frames it learns from.
        options: of its adapters.

    Raises:
        BadWeights: a file is missing, or of another family than Stable Diffusion 1.5.
    """
    try:
        unet, vae, text = (
            read_json(base / part / "config.json") for part in ("unet", "vae", "text_encoder")
        )
        levels = tuple(unet["block_out_channels"])
        pad = SIZES[options.pad]
        return replace(
            SD15,
            frame_px=frame_px,
            pad_dim=pad.pad_dim,
            pad_layers=pad.pad_layers,
            pad_heads=pad.pad_heads,
            mel_encoder=pad.mel_encoder,
            stages=tuple(vae["block_out_channels"]),
            latent_channels=int(vae["latent_channels"]),
            mba_level=min(options.mba_level, len(vae["block_out_channels"]) - 1),
            text_tokens=int(text["max_position_embeddings"]) - options.pseudo_words,
            pseudo_words=options.pseudo_words,
            text_dim=int(text["hidden_size"]),
            text_layers=int(text["num_hidden_layers"]),
            text_heads=int(text["num_attention_heads"]),
            unet=levels,
            unet_layers=int(unet["layers_per_block"]),
            unet_levels_without_cross_attention=unet["down_block_types"].count("DownBlock2D"),
            unet_heads=int(unet["attention_head_dim"]),
            unet_groups=int(unet["norm_num_groups"]),
            sca=tuple(width * 3 // 5 for width in levels),  # as SD15's
            matting=options.matting,
            inpainting=options.inpainting,
            schedule=read_scheduler_config(base / "scheduler" / "scheduler_config.json"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadWeights(
            f"{base} is no base like Stable Diffusion 1.5: {error}.\n"
            "Fetch one:  imagineid weights pull sd15"
        ) from error
