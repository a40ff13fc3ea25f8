"""The frozen base UNet (diffusers' own class at every size) and the spatial adapter SCA (eq. 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from imagineid.ccf.autoencoder import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class BaseUNet(nn.Module):
    """The text-conditioned latent diffusion model, with doors for SCA's residuals."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        hearing = len(size.unet) - size.unet_deaf  # levels that attend to the text
        self.model = UNet2DConditionModel(
            sample_size=size.latent_px,
            in_channels=size.latent_channels,
            out_channels=size.latent_channels,
            layers_per_block=size.unet_layers,
            block_out_channels=size.unet,
            down_block_types=("CrossAttnDownBlock2D",) * hearing
            + ("DownBlock2D",) * size.unet_deaf,
            up_block_types=("UpBlock2D",) * size.unet_deaf + ("CrossAttnUpBlock2D",) * hearing,
            cross_attention_dim=size.text_dim,
            attention_head_dim=size.unet_heads,  # diffusers reads this as the number of heads
            norm_num_groups=size.unet_groups,
        )

    def forward(self, noisy: Tensor, time: Tensor, text: Tensor, *residuals: Tensor) -> Tensor:
        """Predict what the schedule asks for.

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


class SpatialAdapter(nn.Module):
    """SCA, F_SC: the summed latents of mesh, first frame and neighbour steer the frozen UNet.

    A 1x1 projection of each latent comes before the sum, the identity at the start. It is wider
    than a latent, so that what the three say can stay apart in the sum. A condition that is absent
    (diverse mode) is a latent of zeros.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        c = size.latent_channels
        self.projections = nn.ModuleDict(
            {
                name: nn.Conv2d(c, size.sca[0], 1, bias=False)
                for name in ("mesh", "anchor", "neighbour")
            }
        )
        for projection in self.projections.values():
            nn.init.dirac_(projection.weight)
        self.stem = nn.Conv2d(size.sca[0], size.sca[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1)
            for a, b in zip(size.sca, size.sca[1:], strict=False)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Residual(w) for _ in range(size.sca_layers))) for w in size.sca
        )
        self.doors = nn.ModuleList(
            nn.Conv2d(w, out, 1) for w, out in zip(size.sca, size.unet, strict=True)
        )
        for door in self.doors:
            nn.init.zeros_(door.weight)
            nn.init.zeros_(door.bias)

    def forward(self, mesh: Tensor, anchor: Tensor, neighbour: Tensor) -> tuple[Tensor, ...]:
        """Return F_sc from E(I_rd), E(I_id) and E(I_ad), each (B, c, h, w)."""
        x = (
            self.projections["mesh"](mesh)
            + self.projections["anchor"](anchor)
            + self.projections["neighbour"](neighbour)
        )
        x = self.blocks[0](self.stem(x))
        out = [self.doors[0](x)]
        for down, block, door in zip(self.down, self.blocks[1:], self.doors[1:], strict=True):
            x = block(down(x))
            out.append(door(x))
        return tuple(out)
