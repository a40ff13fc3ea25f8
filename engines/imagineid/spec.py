"""Model sizes, and the inputs and outputs of every network.

A :class:`Size` determines every shape; :func:`ports` derives the named inputs and outputs of each
network from it. Modules, ONNX names, dynamic axes, TensorRT profiles and parity tests use these
ports, so that no shape is written twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FPS = 25
"""Video frames per second."""

SAMPLE_RATE = 16_000
"""Sample rate of PAD's mono input, Hz."""

MELS = 80
"""Mel bands, 55 to 7600 Hz."""

HOP_SAMPLES = 200
"""Samples between mel frames, i.e. 80 mel frames a second."""

MEL_FRAMES = 16
"""Mel frames in the window of one video frame; 80 x 16 = 1280 numbers (the paper's A)."""

EMOTIONS = ("neutral", "angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised")
"""The eight emotions of MEAD, in the order of every emotion axis."""

ARKIT = (
    "eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft "
    "eyeWideLeft eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight "
    "eyeSquintRight eyeWideRight jawForward jawRight jawLeft jawOpen mouthClose mouthFunnel "
    "mouthPucker mouthRight mouthLeft mouthSmileLeft mouthSmileRight mouthFrownLeft "
    "mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight "
    "mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthPressLeft "
    "mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight "
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff "
    "cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut"
).split()
"""The 52 ARKit blendshapes in the column order of Live Link Face, the order of every beta axis."""

MOUTH = tuple(
    i for i, name in enumerate(ARKIT) if name.startswith(("jaw", "mouth", "cheekPuff", "tongue"))
)
"""Indices into :data:`ARKIT` of the units that speech content moves."""

FRAME_SAMPLES = SAMPLE_RATE // FPS
"""Samples per video frame."""


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """Numbers of a noise schedule; :mod:`imagineid.ccf.schedule` computes with them.

    Attributes:
        prediction: what the UNet predicts: ``velocity`` is rectified flow's, and needs no more;
            ``epsilon`` is the noise, ``v_prediction`` v, both under discrete diffusion.
        train_steps: timesteps it was trained with.
        betas: the first and the last.
        beta_schedule: interpolation between them.
        spacing: timesteps that a sampler of fewer steps uses.
        steps_offset: added to each timestep of ``leading`` spacing.
        set_alpha_to_one: whether the last step ends without noise, or at timestep 0.
    """

    prediction: Literal["velocity", "epsilon", "v_prediction"] = "velocity"
    train_steps: int = 1000
    betas: tuple[float, float] = (0.00085, 0.012)
    beta_schedule: Literal["linear", "scaled_linear"] = "scaled_linear"
    spacing: Literal["leading", "trailing", "linspace"] = "leading"
    steps_offset: int = 0
    set_alpha_to_one: bool = False

    def check(self) -> None:
        """Validate the fields.

        Raises:
            ValueError: a field has an invalid value.
        """
        allowed = {
            "prediction": ("velocity", "epsilon", "v_prediction"),
            "beta_schedule": ("linear", "scaled_linear"),
            "spacing": ("leading", "trailing", "linspace"),
            "set_alpha_to_one": (True, False),
        }
        for field, values in allowed.items():
            if getattr(self, field) not in values:
                raise ValueError(f"{field} is {getattr(self, field)!r}, not one of {values}")
        if self.train_steps < 1 or not 0 < self.betas[0] <= self.betas[1] < 1:
            raise ValueError(f"{self.train_steps} timesteps with betas {self.betas} are invalid")


@dataclass(frozen=True, slots=True)
class Size:
    """Every number of the method at one scale.

    Attributes:
        name: what the user calls it.
        frame_px: height and width of a frame in pixels.
        window: L, the video frames PAD hears at once.
        shape: components of alpha; expression: units of beta.
        identity: length of theta_id; emotion: length of theta_e; linguistic: length of l-bar.
        pad_dim, pad_layers, pad_heads: width, depth and heads of PAD's Transformers.
        mel_encoder: channels of each convolution over the spectrogram; each halves its bands.
        autoencoder: its family, ``patch`` our own, ``kl`` Stable Diffusion's.
        patch: side of the autoencoder's first patch; stages: channels of each level after it.
        latent_channels: channels of a latent.
        mba_level: of the autoencoder, where MBA blends; 0 is the frame's full size. Others than 0
            are of the family ``kl`` only.
        text: the text encoder's family, ``words`` our own, ``clip`` CLIP's.
        text_tokens: M, words of a prompt; pseudo_words: N, words made from the voice.
        text_dim, text_layers, text_heads: the text encoder.
        unet: channels of each level of the base UNet; unet_layers: blocks a level.
        unet_levels_without_cross_attention: of them, the deepest, which do not see the text.
        unet_heads: attention heads; unet_groups: GroupNorm groups.
        sca: channels inside the spatial adapter, a level each; sca_layers: blocks a level.
        matte: channels of the matte network.
        matting: what finds the person, ``own`` is the network of ``matte`` channels, ``modnet`` is
            MODNet, which is not one of the model's own networks.
        inpainting: what paints the person out, ``harmonic`` or ``lama``.
        schedule: how latents are noised, and what the UNet predicts.
        sampler: the usual one, of :data:`imagineid.ccf.sampling.SAMPLERS`.
        first_steps: its usual steps for the first frame, which has no neighbour; steps: for each
            later one.
        first_until: the time below which the first frame's steps are left out: the decoder draws
            the latent that is expected there; 0 leaves none out.
        first_temperature: scale of the noise that the first frame begins with.
        guidance: how strongly the prompt usually pulls; 1 is no guidance.
        mesh_px: height and width of a mesh picture and of the mesh flow.
        mesh_encoder: channels of each level of the mesh pictures' own encoder; none: the
            autoencoder's encodes them, too.
        first_decoder: channels of each level of the first frame's decoder, coarse to fine; it has
            levels finer than a patch; none: the autoencoder's own decoder.
        frame_decoder: channels at a cell and at 2x2 cells of the decoder that moves the first
            frame; none: every frame is decoded from its latent, with MBA.
        age_gain: the base draws people younger than the words say; for each year that a speaker is
            estimated to be over 30, the words are of a person so many years older.
        batch: the most items a TensorRT engine takes at once; it holds memory for them all.
    """

    name: str
    frame_px: int
    window: int = 32
    shape: int = 80
    expression: int = len(ARKIT)
    identity: int = 512
    emotion: int = 512
    linguistic: int = 64
    pad_dim: int = 192
    pad_layers: int = 3
    pad_heads: int = 4
    mel_encoder: tuple[int, ...] = (24, 32, 48, 64)
    autoencoder: Literal["patch", "kl"] = "patch"
    patch: int = 4
    stages: tuple[int, ...] = (48, 96, 160)
    latent_channels: int = 16
    mba_level: int = 0
    text: Literal["words", "clip"] = "words"
    text_tokens: int = 32
    pseudo_words: int = 8
    text_dim: int = 192
    text_layers: int = 3
    text_heads: int = 6
    unet: tuple[int, ...] = (96, 128, 160)
    unet_layers: int = 1
    unet_levels_without_cross_attention: int = 0
    unet_heads: int = 4
    unet_groups: int = 16
    sca: tuple[int, ...] = (128, 160, 192)
    sca_layers: int = 2
    matte: int = 24
    matting: Literal["own", "modnet"] = "own"
    inpainting: Literal["harmonic", "lama"] = "harmonic"
    schedule: ScheduleConfig = ScheduleConfig()
    sampler: Literal["euler", "ddim", "dpmpp-2m"] = "euler"
    first_steps: int = 24
    first_until: float = 0.0
    first_temperature: float = 1.0
    steps: int = 1
    guidance: float = 4.0
    mesh_px: int = 256
    mesh_encoder: tuple[int, ...] = ()
    first_decoder: tuple[int, ...] = ()
    frame_decoder: tuple[int, ...] = ()
    age_gain: float = 0.0
    batch: int = 8

    @property
    def factor(self) -> int:
        """Pixels of a frame along one side of a latent's cell."""
        factor: int = self.patch * 2 ** (len(self.stages) - 1)
        return factor

    @property
    def latent_px(self) -> int:
        """Height and width of a latent."""
        return self.frame_px // self.factor

    @property
    def feature_px(self) -> int:
        """Height and width of the decoder's last features, and of the person's mask."""
        return self.frame_px // self.patch

    @property
    def background(self) -> tuple[int, int, int]:
        """Shape of the background's features, which MBA blends: channels, height and width."""
        side = self.feature_px >> self.mba_level
        return self.stages[self.mba_level], side, side


MINI = Size(
    name="mini",
    frame_px=512,
    patch=8,
    latent_channels=32,
    mesh_encoder=(32, 64),
    first_decoder=(192, 160, 128, 64, 32),
    frame_decoder=(48, 96),
    age_gain=0.5,
    matte=12,
    first_steps=28,
    first_until=0.5,
    first_temperature=0.8,
    guidance=2.5,
)
"""The embedded model, whose later frames move the first one."""

SD15 = Size(
    name="sd15",
    frame_px=512,
    pad_dim=512,
    pad_layers=6,
    pad_heads=8,
    mel_encoder=(48, 64, 96, 128),
    autoencoder="kl",
    patch=1,
    stages=(128, 256, 512, 512),
    latent_channels=4,
    text="clip",
    text_tokens=69,  # 77 with the pseudo-words, as in CLIP
    text_dim=768,
    text_layers=12,
    text_heads=12,
    unet=(320, 640, 1280, 1280),
    unet_layers=2,
    unet_levels_without_cross_attention=1,
    unet_heads=8,
    unet_groups=32,
    sca=(192, 384, 768, 768),
    sca_layers=2,
    matting="modnet",
    inpainting="lama",
    schedule=ScheduleConfig(prediction="epsilon", steps_offset=1),
    sampler="dpmpp-2m",
    first_steps=20,
    steps=8,
    guidance=7.5,
    batch=2,
)
"""The paper's scale: Stable Diffusion 1.5 with PAD and the three adapters."""

SIZES = {size.name: size for size in (MINI, SD15)}


@dataclass(frozen=True, slots=True)
class Port:
    """A named input or output of a network; a string in ``dims`` is a dynamic axis."""

    name: str
    dims: tuple[int | str, ...]
    dtype: Literal["float32", "int64"] = "float32"


@dataclass(frozen=True, slots=True)
class Ports:
    """Inputs and outputs of a network; the inputs have the names of the module's arguments."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def ports(size: Size) -> dict[str, Ports]:
    """Return the ports of every network at ``size``.

    ``identity``, ``content``, ``emotion`` and ``expression`` are PAD (eq. 1-7); ``text`` is the
    text encoder with TIA before it (eq. 8); ``sca`` and ``unet`` imagine a latent (eq. 9);
    ``encoder`` and ``decoder`` are the autoencoder, with MBA in the decoder (eq. 10) or, at sizes
    that move the first frame, in ``frame_decoder``; ``mesh_encoder`` encodes mesh pictures;
    ``matte`` finds the person in a frame, where it is one of the model's own.
    """
    b, px, feature = "batch", size.frame_px, size.feature_px
    mel = Port("mel", (b, size.window, MELS * MEL_FRAMES))
    image = Port("image", (b, 3, px, px))
    latent = (b, size.latent_channels, size.latent_px, size.latent_px)
    shape = Port("shape", (b, size.shape))
    identity = Port("identity", (b, size.identity))
    emotion = Port("emotion", (b, size.emotion))
    linguistic = Port("linguistic", (b, size.window, size.linguistic))
    text = Port("text", (b, size.text_tokens + size.pseudo_words, size.text_dim))
    background = Port("background", (b, *size.background))
    mask = Port("mask", (b, 1, feature, feature))
    residuals = tuple(
        Port(f"residual_{i}", (b, channels, size.latent_px >> i, size.latent_px >> i))
        for i, channels in enumerate(size.unet)
    )
    drawing = {"decoder": Ports((Port("latent", latent), background, mask), (image,))}
    if size.frame_decoder:
        drawing["frame_decoder"] = _moving(size, image, Port("latent", latent), mask)
    if size.mesh_encoder:
        mesh = Port("mesh", (b, 3, size.mesh_px, size.mesh_px))
        drawing["mesh_encoder"] = Ports((mesh,), (Port("latent", latent),))
    own = {
        "identity": Ports((mel,), (shape, identity, Port("traits", (b, 2)))),
        "content": Ports((mel,), (linguistic,)),
        "emotion": Ports((mel,), (emotion, Port("emotions", (b, len(EMOTIONS))))),
        "expression": Ports(
            (linguistic, shape, emotion),
            (Port("expression", (b, size.window, size.expression)),),
        ),
        "text": Ports((Port("tokens", (b, size.text_tokens), "int64"), identity, emotion), (text,)),
        "sca": Ports(
            (Port("mesh", latent), Port("anchor", latent), Port("neighbour", latent)), residuals
        ),
        "unet": Ports(
            (Port("noisy", latent), Port("time", (b,)), text, *residuals),
            (Port("prediction", latent),),
        ),
        "encoder": Ports((image,), (Port("latent", latent), background)),
        **drawing,
        "matte": Ports((image,), (mask,)),
    }
    if size.matting != "own":
        del own["matte"]
    return own


def _moving(size: Size, image: Port, latent: Port, mask: Port) -> Ports:
    """Return the ports of the decoder of later frames, which move the first one."""
    b, px, mesh_px, feature = "batch", size.frame_px, size.mesh_px, size.feature_px
    inputs = (
        latent,
        Port("moved", (b, 3, px, px)),
        Port("features", (b, size.stages[0], feature, feature)),
        Port("inpainted", (b, 3, px, px)),
        Port("mesh", (b, 3, mesh_px, mesh_px)),
        Port("flow", (b, 2, mesh_px, mesh_px)),
        Port("cover", (b, 1, mesh_px, mesh_px)),
        mask,
    )
    return Ports(inputs, (image,))
