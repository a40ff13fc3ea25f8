"""Stable Diffusion's autoencoder behind our ports, with MBA (eq. 10) in its last decoder layer.

The layers are diffusers' own. Added are the features of the encoder's first level, at the frame's
full size, and the blending before the decoder's last layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffusers.models.autoencoders.vae import Decoder as KLDecoderLayers
from diffusers.models.autoencoders.vae import Encoder as KLEncoderLayers
from torch import Tensor, nn

if TYPE_CHECKING:
    from imagineid.spec import Size

UNIT = 0.18215
"""Factor that scales Stable Diffusion's latents to about unit variance."""


class KLEncoder(nn.Module):
    """Frame to latent, and the features of its first level for MBA.

    Source:
        Rombach et al. 2022, https://arxiv.org/abs/2112.10752
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        levels = len(size.stages)
        self.layers = KLEncoderLayers(
            out_channels=size.latent_channels,
            down_block_types=("DownEncoderBlock2D",) * levels,
            block_out_channels=size.stages,
            norm_num_groups=min(32, size.stages[0]),
        )
        self.quant = nn.Conv2d(2 * size.latent_channels, 2 * size.latent_channels, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames.

        Args:
            image: (B, 3, H, W) in [-1, 1].

        Returns:
            latent (B, c, H/8, W/8) of about unit variance, the mean of its distribution, and F_ve
            (B, C0, H, W).
        """
        layers = self.layers
        feature = layers.conv_in(image)
        first = layers.down_blocks[0]
        for block in first.resnets:
            feature = block(feature, temb=None)
        x = feature
        for down in first.downsamplers or ():
            x = down(x)
        for level in layers.down_blocks[1:]:
            x = level(x)
        x = layers.conv_out(layers.conv_act(layers.conv_norm_out(layers.mid_block(x))))
        mean, _ = self.quant(x).chunk(2, dim=1)
        return mean * UNIT, feature


class KLDecoder(nn.Module):
    """Latent to frame, copying the background under a mask in its last layer (MBA, eq. 10)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        levels = len(size.stages)
        self.quant = nn.Conv2d(size.latent_channels, size.latent_channels, 1)
        self.layers = KLDecoderLayers(
            in_channels=size.latent_channels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=size.stages,
            norm_num_groups=min(32, size.stages[0]),
        )
        self.blend = nn.Conv2d(size.stages[0], size.stages[0], 1)

    def features(self, latent: Tensor) -> Tensor:
        """Return F_vd, the features before the last layer, (B, C0, H, W)."""
        layers = self.layers
        x = layers.mid_block(layers.conv_in(self.quant(latent / UNIT)))
        for level in layers.up_blocks:
            x = level(x)
        out: Tensor = x
        return out

    def draw(self, feature: Tensor) -> Tensor:
        """Turn last-layer features (B, C0, H, W) into a frame (B, 3, H, W)."""
        layers = self.layers
        out: Tensor = layers.conv_out(layers.conv_act(layers.conv_norm_out(feature)))
        return out

    def forward(self, latent: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """Decode, keeping ``background`` where ``mask`` is 0.

        Args:
            latent: (B, c, H/8, W/8).
            background: F_ve of the inpainted background, (B, C0, H, W).
            mask: the person, (B, 1, H, W) in [0, 1]; all ones decodes the latent alone.

        Returns:
            The frame, (B, 3, H, W), about [-1, 1].
        """
        mixed = self.features(latent) * mask + self.blend(background) * (1 - mask)
        return self.draw(mixed)
