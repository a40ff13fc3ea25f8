"""A ComfyUI node: AUDIO in, IMAGE frames out. Copy this folder into ComfyUI/custom_nodes."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import imagineid
from imagineid.audio import open_sound
from imagineid.avatars import saved, with_avatar
from imagineid.pipeline import Pipeline
from imagineid.request import Request
from imagineid.spec import EMOTIONS, FPS

AS_HEARD, NOBODY = "as heard", "none"


@lru_cache(maxsize=1)
def _pipeline() -> Pipeline:
    return imagineid.load()


class ImagineTalkingFace:
    """Imagines a face from a voice: 25 frames a second, and the frame rate."""

    CATEGORY = "audio"
    RETURN_TYPES = ("IMAGE", "AUDIO", "FLOAT")
    RETURN_NAMES = ("frames", "audio", "fps")
    FUNCTION = "imagine"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return what ComfyUI shows."""
        return {
            "required": {
                "audio": ("AUDIO",),
                "prompt": ("STRING", {"default": "", "multiline": False}),
                "seed": ("INT", {"default": 7, "min": 0, "max": 2**32 - 1}),
                "emotion": ([AS_HEARD, *EMOTIONS],),
                "avatar": ([NOBODY, *saved()],),
            }
        }

    def imagine(
        self, audio: dict[str, Any], prompt: str, seed: int, emotion: str, avatar: str
    ) -> tuple[Any, dict[str, Any], float]:
        """Return the frames, (F, H, W, 3) in [0, 1], the sound as it came, and frames a second.

        Args:
            audio: ComfyUI's: ``waveform`` (1, channels, samples) and ``sample_rate``.
            prompt: what the face shall look like.
            seed: of the face.
            emotion: one of the eight, or as it is heard.
            avatar: a saved one, or none.
        """
        import torch

        pipe = _pipeline()
        request = Request(
            prompt=prompt or None,
            seed=None if avatar != NOBODY else seed,
            emotion=None if emotion == AS_HEARD else emotion,
            avatar=None if avatar == NOBODY else avatar,
        )
        request.check()
        request, face = with_avatar(pipe, request)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "voice.wav"
            wave = audio["waveform"][0].cpu().numpy().T  # (samples, channels)
            soundfile.write(path, wave, int(audio["sample_rate"]))
            with open_sound(path) as sound:
                factors = pipe.encode(sound)
        if face is not None:
            factors = factors.with_identity(face.identity)
        if request.emotion is not None:
            factors = factors.with_emotion(pipe.emotion(request.emotion))
        first = None if face is None else face.first_at(pipe.size_px)
        frames = np.stack(list(pipe.imagine(pipe.express(factors), request, first)))
        return torch.from_numpy(frames.astype(np.float32) / 255), audio, float(FPS)


NODE_CLASS_MAPPINGS = {"ImagineTalkingFace": ImagineTalkingFace}
NODE_DISPLAY_NAME_MAPPINGS = {"ImagineTalkingFace": "Imagine a talking face (imagineid)"}
