"""The autoencoder between frames and latents, with MBA (eq. 10) in its decoder.

The first layer folds 4x4 pixels into channels, so that no convolution runs at full resolution,
which makes it fast on a CPU. There is no normalisation across space, so a network trained on crops
behaves the same on whole frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class Encoder(nn.Module):
    """Frame to latent, and the features of its first level for MBA."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels = size.stages
        self.patch = size.patch
        self.stem = nn.Conv2d(3 * size.patch**2, channels[0], 3, padding=1)
        self.first = Residual(channels[0])
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1)
            for a, b in zip(channels, channels[1:], strict=False)
        )
        self.blocks = nn.ModuleList(Residual(c) for c in channels[1:])
        self.last = Residual(channels[-1])
        self.out = nn.Conv2d(channels[-1], size.latent_channels, 1)

    def features(self, image: Tensor) -> Tensor:
        """Return F_ve (B, C0, H/4, W/4) of frames (B, 3, H, W) in [-1, 1], the first level."""
        out: Tensor = self.first(self.stem(F.pixel_unshuffle(image, self.patch)))
        return out

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames.

        Args:
            image: (B, 3, H, W) in [-1, 1]; H and W multiples of ``size.factor``.

        Returns:
            latent (B, c, H/16, W/16) of about unit variance, and F_ve (B, C0, H/4, W/4).
        """
        feature = x = self.features(image)
        for down, block in zip(self.down, self.blocks, strict=True):
            x = block(down(x))
        return self.out(F.silu(self.last(x))), feature


class Decoder(nn.Module):
    """Latent to frame, copying the background under a mask in its last layer (MBA, eq. 10)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels = size.stages
        self.patch = size.patch
        self.stem = nn.Conv2d(size.latent_channels, channels[-1], 3, padding=1)
        self.deep = nn.Sequential(Residual(channels[-1]), Residual(channels[-1]))
        self.up = nn.ModuleList(
            nn.Conv2d(b, 4 * a, 1) for a, b in zip(channels[-2::-1], channels[:0:-1], strict=True)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(Residual(c), Residual(c)) for c in channels[-2::-1]
        )
        self.blend = nn.Conv2d(channels[0], channels[0], 1)
        # Edge pixels are repeated instead of padding with zeros: MBA blends in features that
        # were not trained with zeros, which would cause a dark rim.
        self.last = Residual(channels[0], "replicate")
        out = 3 * size.patch**2
        self.out = nn.Conv2d(channels[0], out, 3, padding=1, padding_mode="replicate")

    def features(self, latent: Tensor) -> Tensor:
        """Return F_vd, the features before the last layer, (B, C0, H/4, W/4)."""
        x = self.deep(self.stem(latent))
        for up, block in zip(self.up, self.blocks, strict=True):
            x = block(F.pixel_shuffle(up(x), 2))
        out: Tensor = x
        return out

    def draw(self, feature: Tensor) -> Tensor:
        """Turn last-layer features (B, C0, H/4, W/4) into a frame (B, 3, H, W)."""
        return F.pixel_shuffle(self.out(F.silu(self.last(feature))), self.patch)

    def forward(self, latent: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """Decode, keeping ``background`` where ``mask`` is 0.

        Args:
            latent: (B, c, h, w).
            background: F_ve of the inpainted background, (B, C0, H/4, W/4).
            mask: the person, (B, 1, H/4, W/4) in [0, 1]; all ones decodes the latent alone.

        Returns:
            The frame, (B, 3, H, W), about [-1, 1].
        """
        mixed = self.features(latent) * mask + self.blend(background) * (1 - mask)
        return self.draw(mixed)


def reconstruct(encoder: Encoder, decoder: Decoder, image: Tensor) -> Tensor:
    """Encode and decode ``image`` (B, 3, H, W) without MBA."""
    latent, _ = encoder(image)
    return decoder.draw(decoder.features(torch.as_tensor(latent)))
