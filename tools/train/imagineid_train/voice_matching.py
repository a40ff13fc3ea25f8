"""Voices for the world's faces: for each moment, a voice of like gender, age and emotion."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import Size
from imagineid_train.loop import load_into
from imagineid_train.voices import Voices, Windows


class VoiceMatcher:
    """What frozen PAD hears in the voices of one split, ready to be matched with faces."""

    @torch.no_grad()
    def __init__(self, size: Size, split: str, most: int = 6000) -> None:
        identity = load_into(IdentityEncoder(size), "identity", "identity")
        emotion = load_into(EmotionEncoder(size), "emotion", "emotion")
        voices = Voices.open(split)
        windows = Windows(voices, size.window, 11)
        chosen = np.random.default_rng(12).permutation(windows.long)[:most]
        ids, feelings = [], []
        for start in range(0, len(chosen), 64):
            mel = windows.batch(list(chosen[start : start + 64])).mel
            ids.append(identity(mel)[1])
            feelings.append(emotion(mel)[0])
        self.identity, self.emotion = torch.cat(ids), torch.cat(feelings)
        self.traits, self.feeling = voices.traits[chosen], voices.emotion[chosen]

    def match(
        self, rng: np.random.Generator, traits: np.ndarray, feeling: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """Return theta_id and theta_e (B, 512) for faces of ``traits`` (B, 6), ``feeling`` (B,)."""
        who, how = [], []
        for row, want in zip(traits, feeling, strict=True):
            gap = np.abs(self.traits[:, 1] - row[1]) / 8 + 5 * np.abs(self.traits[:, 0] - row[0])
            who.append(int(np.argpartition(gap, 20)[rng.integers(20)]))
            same_emotion = np.flatnonzero(self.feeling == want)
            how.append(
                int(rng.choice(same_emotion)) if len(same_emotion) else int(rng.integers(len(gap)))
            )
        return self.identity[who], self.emotion[how]
