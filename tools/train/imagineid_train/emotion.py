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
from imagineid.spec import Size
from imagineid_train.content import JAW, Motion, closes
from imagineid_train.identity import anchored, contrast, strayed
from imagineid_train.loop import Budget, device, load_into
from imagineid_train.spectrograms import without_speech
from imagineid_train.stage import Learning, Stage
from imagineid_train.voices import WARP_MUCH, Voices, Windows

NAME = "emotion"
PAIRS = 24
SHOWN = 24
"""Windows of a batch whose faces are made too; all are named and compared."""

REAL = 0.7
"""Share of recorded voices: few of them act, and those tell more than many made ones."""

EVERY = 300
"""Steps between checks."""

STAY = 0.05
"""Weight of staying near the theta_e that was laid out, for made voices: other networks read it."""

LISTENS = 2
"""Windows of an utterance that are named together: pace and melody take longer than one."""


def accuracy(encoder: EmotionEncoder, windows: Windows) -> dict[str, float]:
    """Score unheard speakers' utterances, over windows together.

    Returns:
        Shares that are right, of made voices; of acted recordings; of calm ones.
    """
    v, right = windows.voices, []
    for start in range(0, len(windows.long), 64):
        chosen = list(windows.long[start : start + 64])
        batches = [windows.batch(chosen).mel.to(device()) for _ in range(4)]
        logits = torch.stack([encoder(mel)[1].float().log_softmax(-1) for mel in batches]).mean(0)
        right += (logits.argmax(-1).cpu().numpy() == v.emotion[chosen]).tolist()
    ok, real = np.array(right), v.real[windows.long]
    calm = v.emotion[windows.long] == 0
    out = {"accuracy": float(ok[~real].mean())}
    if real.any():
        out |= {"acted": float(ok[real & ~calm].mean()), "calm": float(ok[real & calm].mean())}
    return out


def build(size: Size) -> Learning:
    """Train Phi_E^e and Phi_D^e."""
    identity = load_into(IdentityEncoder(size), "identity", "identity").to(device())
    content = load_into(ContentEncoder(size), "content", "content").to(device())
    encoder, decoder = EmotionEncoder(size).to(device()), ExpressionDecoder(size).to(device())
    before = anchored(NAME, "emotion", encoder)
    encoder.ear.load_state_dict(identity.ear.state_dict())  # pitch and timbre, heard already
    draw = Windows(
        Voices.open("train"), size.window, 5, warp=WARP_MUCH, real=REAL, knowing="emotion"
    )
    held = Windows(Voices.open("val"), size.window, 6, augment=False, knowing="emotion")
    speaking = Windows(held.voices, size.window, 6, augment=False, knowing="content")
    rng = np.random.default_rng(7)
    quiet, motion = 4, Motion()

    def loss() -> dict[str, Tensor]:
        chosen = draw.choose(PAIRS, same_emotion=True)
        batch = draw.batch(chosen).to(device())
        silence = np.stack([without_speech(rng, size.window) for _ in range(quiet)])
        later = [draw.batch(chosen).mel.to(device()) for _ in range(LISTENS - 1)]
        mel = torch.cat([torch.from_numpy(silence).to(batch.mel), batch.mel, *later])
        spoken = slice(0, quiet + SHOWN)
        with torch.no_grad():
            shape, linguistic = identity(mel[spoken])[0].float(), content(mel[spoken]).float()
        emotion, logits = encoder(mel)
        predicted = decoder(linguistic, shape, emotion[spoken]).float()
        target = torch.cat([torch.zeros_like(batch.full[:quiet]), batch.full[:SHOWN]])
        known = torch.cat([torch.ones_like(batch.known[:quiet, 0]), batch.known[:SHOWN, 0]])
        nothing = torch.zeros(quiet, dtype=torch.long, device=device())
        alone = torch.cat([nothing, *[batch.emotion] * LISTENS])
        together = logits[quiet:].float().unflatten(0, (LISTENS, -1)).mean(dim=0)
        terms = motion(predicted, target, known) | {
            "contrast": 0.1 * contrast(emotion[quiet:][: len(chosen)], batch.emotion),
            "named": 0.5 * F.cross_entropy(together, batch.emotion),
            "alone": 0.15 * F.cross_entropy(logits.float(), alone),
        }
        if before is not None:
            with torch.no_grad():
                was, _ = before(batch.mel)
            now = emotion[quiet : quiet + len(chosen)]
            terms["strayed"] = STAY * strayed(now, was, (~batch.real).float())
        return terms

    @torch.no_grad()
    def check() -> dict[str, float]:
        batch = speaking(64)
        emotion, _ = encoder(batch.mel)
        predicted = decoder(content(batch.mel), identity(batch.mel)[0], emotion)
        a, b = predicted[..., JAW].flatten(), batch.full[..., JAW].flatten()
        return {
            "jaw_r": float(torch.corrcoef(torch.stack([a, b]))[0, 1]),
            "error": float((predicted - batch.full).abs().mean()),
            "closes": closes(motion, predicted, batch.full),
        } | accuracy(encoder, held)

    return Learning(
        {"emotion": encoder, "expression": decoder},
        loss,
        check,
        Budget(0, rate=8e-4, decay=0.05),
        EVERY,
    )


STAGE = Stage(NAME, 15.0, build, by_size=False)
