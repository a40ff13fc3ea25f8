"""PAD's emotion encoder (eq. 6), trained with the others frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from imagineid.nn.blocks import Transformer
from imagineid.nn.mel_encoder import MelEncoder
from imagineid.spec import EMOTIONS

if TYPE_CHECKING:
    from imagineid.spec import Size


class EmotionEncoder(nn.Module):
    """Phi_E^e: the emotion encoder (eq. 6)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ear = MelEncoder(size)
        self.transformer = Transformer(size, size.window)
        self.to_emotion = nn.Linear(size.pad_dim, size.emotion)
        self.to_emotions = nn.Linear(size.emotion, len(EMOTIONS))

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Map A (B, L, 1280) to theta_e (B, 512) and logits of the eight emotions (B, 8)."""
        emotion = self.to_emotion(self.transformer(self.ear(mel)).mean(dim=1))
        return emotion, self.to_emotions(emotion)
