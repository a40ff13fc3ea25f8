"""Convolutions over mel windows, the first layers of each of PAD's encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagineid.nn.blocks import mlp
from imagineid.spec import FPS, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE

if TYPE_CHECKING:
    from imagineid.spec import Size


MELS_A_SECOND = SAMPLE_RATE // HOP_SAMPLES


class MelEncoder(nn.Module):
    """Mel windows A, (B, L, 1280) in [-4, 4], to one token per frame, (B, L, D).

    The paper uses MLPs here. Neighbouring windows overlap by four fifths, so they are joined to one
    spectrogram, and convolutions process it: a formant has the same pattern at any frequency.
    """

    _LOOKS = (1, 5, 9, 13)
    """Mel frames of the token of a video frame."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        starts = [MELS_A_SECOND * i // FPS for i in range(size.window)]
        # Mel frame t is taken from the last window that begins at or before it.
        last = [max(i for i, s in enumerate(starts) if s <= t) for t in range(starts[-1] + 1)]
        last += [size.window - 1] * (MEL_FRAMES - 1)
        at = torch.tensor([i * MEL_FRAMES + t - starts[i] for t, i in enumerate(last)])
        self.register_buffer("at", at, persistent=False)
        looks = torch.tensor([[(s + k) // 2 for k in self._LOOKS] for s in starts])
        self.register_buffer("looks", looks.flatten(), persistent=False)
        widths = (1, *size.mel_encoder)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3 if i else 5, stride=(2, 1 if i else 2), padding=1 if i else 2)
            for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False))
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for width in size.mel_encoder)
        bands = MELS >> len(size.mel_encoder)
        self.moment = nn.Linear(size.mel_encoder[-1] * bands, size.pad_dim)
        self.out = mlp(len(self._LOOKS) * size.pad_dim, size.pad_dim, size.pad_dim)

    def forward(self, mel: Tensor) -> Tensor:
        """Return tokens (B, L, D)."""
        b, length, _ = mel.shape
        windows = mel.reshape(b, length, MELS, MEL_FRAMES).transpose(1, 2)
        x = windows.reshape(b, 1, MELS, length * MEL_FRAMES).index_select(3, self.at) * 0.5
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = nn.functional.silu(norm(conv(x)))
        moments = self.moment(x.flatten(1, 2).transpose(1, 2))  # (B, T / 2, D)
        inputs = moments.index_select(1, self.looks).reshape(b, length, -1)
        out: Tensor = self.out(nn.functional.silu(inputs))
        return out
