"""Train the first frame's decoder further, alone, against the critic from the start.

The encoder is frozen, so every kept latent stays as it is.
"""

from __future__ import annotations

from imagineid.nn.autoencoder import Encoder
from imagineid.nn.first_decoder import FirstDecoder
from imagineid.spec import Size
from imagineid_train.loop import device, load_into
from imagineid_train.stage import Learning, Stage
from imagineid_train.stages.autoencoder import frozen, learning


def build(size: Size) -> Learning:
    """Begin with the decoder of the stage ``autoencoder``, latents of unit variance."""
    encoder, decoder = Encoder(size).to(device()), FirstDecoder(size).to(device())
    load_into(encoder, frozen(size), "encoder")
    load_into(decoder, frozen(size), "decoder").requires_grad_(requires_grad=True)
    return learning(size, encoder, decoder, {"decoder": decoder}, 0.0, STAGE.name, 5e-4)


STAGE = Stage("first_decoder", 240.0, build)
