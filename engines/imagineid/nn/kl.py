"""Stable Diffusion's autoencoder behind our ports, with MBA (eq. 10) in its decoder.

The layers are diffusers' own. Added are the features of one of the encoder's levels, the first one
at the frame's full size unless the size says otherwise, and the blending in that of the decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffusers.models.autoencoders.vae import Decoder as KLDecoderLayers
from diffusers.models.autoencoders.vae import Encoder as KLEncoderLayers
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from imagineid.spec import Size

UNIT = 0.18215
"""Factor that scales Stable Diffusion's latents to about unit variance."""


class KLEncoder(nn.Module):
    """Frame to latent, and the features of one of its levels for MBA.

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
        self.level = size.mba_level

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames.

        Args:
            image: (B, 3, H, W) in [-1, 1].

        Returns:
            latent (B, c, H/8, W/8) of about unit variance, the mean of its distribution, and F_ve
            (B, Ck, H/2^k, W/2^k) of level k.
        """
        layers, k = self.layers, self.level
        feature = layers.conv_in(image)
        for level in layers.down_blocks[:k]:
            feature = level(feature)
        for block in layers.down_blocks[k].resnets:
            feature = block(feature, temb=None)
        x = feature
        for down in layers.down_blocks[k].downsamplers or ():
            x = down(x)
        for level in layers.down_blocks[k + 1 :]:
            x = level(x)
        x = layers.conv_out(layers.conv_act(layers.conv_norm_out(layers.mid_block(x))))
        mean, _ = self.quant(x).chunk(2, dim=1)
        return mean * UNIT, feature


class KLDecoder(nn.Module):
    """Latent to frame, copying the background under a mask in one of its levels (MBA, eq. 10)."""

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
        channels = size.stages[size.mba_level]
        self.blend = nn.Conv2d(channels, channels, 1)
        self.at = levels - 1 - size.mba_level  # the block of that level, counted from the latent

    def features(self, latent: Tensor) -> Tensor:
        """Return F_vd, the features that MBA blends, (B, Ck, H/2^k, W/2^k)."""
        layers = self.layers
        x = layers.mid_block(layers.conv_in(self.quant(latent / UNIT)))
        for level in layers.up_blocks[: self.at]:
            x = level(x)
        for block in layers.up_blocks[self.at].resnets:
            x = block(x, temb=None)
        out: Tensor = x
        return out

    def mixed(self, feature: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """Return the features of both where ``mask`` (B, 1, H, W) says, like ``feature``."""
        cell = mask.shape[-1] // feature.shape[-1]
        own = F.avg_pool2d(mask, cell) if cell > 1 else mask
        out: Tensor = feature * own + self.blend(background) * (1 - own)
        return out

    def draw(self, feature: Tensor) -> Tensor:
        """Turn blended features into a frame (B, 3, H, W)."""
        layers, x = self.layers, feature
        for up in layers.up_blocks[self.at].upsamplers or ():
            x = up(x)
        for level in layers.up_blocks[self.at + 1 :]:
            x = level(x)
        out: Tensor = layers.conv_out(layers.conv_act(layers.conv_norm_out(x)))
        return out

    def forward(self, latent: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """Decode, keeping ``background`` where ``mask`` is 0.

        Args:
            latent: (B, c, H/8, W/8).
            background: F_ve of the inpainted background, (B, Ck, H/2^k, W/2^k) of level k.
            mask: the person, (B, 1, H, W) in [0, 1]; all ones decodes the latent alone.

        Returns:
            The frame, (B, 3, H, W), about [-1, 1].
        """
        return self.draw(self.mixed(self.features(latent), background, mask))
