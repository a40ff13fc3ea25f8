"""The frozen base UNet: the class of diffusers, at every size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

if TYPE_CHECKING:
    from imagineid.spec import Size


class BaseUNet(nn.Module):
    """The text-conditioned latent diffusion model, which takes residuals of SCA."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        hearing = (
            len(size.unet) - size.unet_levels_without_cross_attention
        )  # levels that attend to the text
        self.model = UNet2DConditionModel(
            sample_size=size.latent_px,
            in_channels=size.latent_channels,
            out_channels=size.latent_channels,
            layers_per_block=size.unet_layers,
            block_out_channels=size.unet,
            down_block_types=("CrossAttnDownBlock2D",) * hearing
            + ("DownBlock2D",) * size.unet_levels_without_cross_attention,
            up_block_types=("UpBlock2D",) * size.unet_levels_without_cross_attention
            + ("CrossAttnUpBlock2D",) * hearing,
            cross_attention_dim=size.text_dim,
            attention_head_dim=size.unet_heads,  # diffusers reads this as the number of heads
            norm_num_groups=size.unet_groups,
        )

    def forward(self, noisy: Tensor, time: Tensor, text: Tensor, *residuals: Tensor) -> Tensor:
        """Return the prediction, as defined by the schedule.

        Args:
            noisy: (B, c, h, w).
            time: (B,) in [0, 1], 0 clean.
            text: Y, (B, M + N, D).
            residuals: F_sc, one a level, (B, C_i, h / 2^i, w / 2^i); none leaves the base alone.

        Returns:
            (B, c, h, w): noise or velocity, as :mod:`imagineid.ccf.sampling` says.
        """
        out: Tensor = self.model(
            noisy,
            time * 1000,
            text,
            down_intrablock_additional_residuals=list(residuals) or None,
            return_dict=False,
        )[0]
        return out
