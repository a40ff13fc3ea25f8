"""Stage PAD 3: emotion (eq. 6, 7), with identity and content frozen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from imagineid.nn.content import ContentEncoder
from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.expression import ExpressionDecoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import EMOTIONS, Size
from imagineid_train.content import JAW, Motion, closes
from imagineid_train.identity import contrast
from imagineid_train.loop import Budget, load_into, train
from imagineid_train.voices import WARP_MUCH, Voices, Windows, without_speech

NAME = "emotion"
PAIRS = 24
SHOWN = 24
"""Windows of a batch whose faces are made too; all are named and compared."""

LISTENS = 2
"""Windows of an utterance that are named together: pace and melody take longer than one."""


def accuracy(encoder: EmotionEncoder, windows: Windows) -> float:
    """Share of unheard speakers' utterances whose emotion, over windows together, is right."""
    right = 0
    for start in range(0, len(windows.long), 64):
        chosen = list(windows.long[start : start + 64])
        logits = sum(encoder(windows.batch(chosen).mel)[1].log_softmax(-1) for _ in range(3))
        right += int((logits.argmax(-1).numpy() == windows.voices.emotion[chosen]).sum())  # type: ignore[union-attr]
    return right / max(1, len(windows.long))


def run(size: Size, minutes: float) -> None:
    """Train Phi_E^e and Phi_D^e for ``minutes`` in all."""
    identity = load_into(IdentityEncoder(size), "identity", "identity")
    content = load_into(ContentEncoder(size), "content", "content")
    encoder, decoder = EmotionEncoder(size), ExpressionDecoder(size)
    encoder.ear.load_state_dict(identity.ear.state_dict())  # pitch and timbre, heard already
    draw = Windows(Voices.open("train"), size.window, 5, warp=WARP_MUCH)
    held = Windows(Voices.open("val"), size.window, 6, augment=False)
    rng = np.random.default_rng(7)
    quiet, motion = 4, Motion()

    def loss() -> dict[str, Tensor]:
        chosen = draw.choose(PAIRS, same_emotion=True)
        batch = draw.batch(chosen)
        silence = np.stack([without_speech(rng, size.window) for _ in range(quiet)])
        later = [draw.batch(chosen).mel for _ in range(LISTENS - 1)]
        mel = torch.cat([torch.from_numpy(silence), batch.mel, *later])
        shown = slice(0, quiet + SHOWN)
        with torch.no_grad():
            shape, linguistic = identity(mel[shown])[0].float(), content(mel[shown]).float()
        emotion, logits = encoder(mel)
        made = decoder(linguistic, shape, emotion[shown]).float()
        target = torch.cat([torch.zeros_like(batch.full[:quiet]), batch.full[:SHOWN]])
        nothing = torch.zeros(quiet, dtype=torch.long)
        alone = torch.cat([nothing, *[batch.emotion] * LISTENS])
        together = logits[quiet:].float().unflatten(0, (LISTENS, -1)).mean(dim=0)
        return motion(made, target) | {
            "contrast": 0.1 * contrast(emotion[quiet:][: len(chosen)], batch.emotion),
            "named": 0.5 * F.cross_entropy(together, batch.emotion),
            "alone": 0.15 * F.cross_entropy(logits.float(), alone),
        }

    @torch.no_grad()
    def check() -> dict[str, float]:
        batch = held(64)
        emotion, _ = encoder(batch.mel)
        made = decoder(content(batch.mel), identity(batch.mel)[0], emotion)
        a, b = made[..., JAW].flatten(), batch.full[..., JAW].flatten()
        return {
            "jaw_r": float(torch.corrcoef(torch.stack([a, b]))[0, 1]),
            "error": float((made - batch.full).abs().mean()),
            "closes": closes(motion, made, batch.full),
            "accuracy": accuracy(encoder, held),
            "chance": 1 / len(EMOTIONS),
        }

    train(
        NAME,
        {"emotion": encoder, "expression": decoder},
        loss,
        Budget(minutes, rate=8e-4, decay=0.05),
        check,
    )
