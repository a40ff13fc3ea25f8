"""The spatial adapter SCA (eq. 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class SpatialAdapter(nn.Module):
    """SCA, F_SC: residuals for the frozen UNet from the latents of mesh, first and previous frame.

    Each latent passes a 1x1 projection before the sum, which is initialised as the identity. It is
    wider than a latent, so that the three conditions remain separable in the sum. A missing
    condition (diverse mode) is a latent of zeros.
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
        self.outputs = nn.ModuleList(
            nn.Conv2d(w, out, 1) for w, out in zip(size.sca, size.unet, strict=True)
        )
        for out in self.outputs:
            nn.init.zeros_(out.weight)
            nn.init.zeros_(out.bias)

    def forward(self, mesh: Tensor, anchor: Tensor, neighbour: Tensor) -> tuple[Tensor, ...]:
        """Return F_sc from E(I_rd), E(I_id) and E(I_ad), each (B, c, h, w)."""
        x = (
            self.projections["mesh"](mesh)
            + self.projections["anchor"](anchor)
            + self.projections["neighbour"](neighbour)
        )
        x = self.blocks[0](self.stem(x))
        residuals = [self.outputs[0](x)]
        for down, block, out in zip(self.down, self.blocks[1:], self.outputs[1:], strict=True):
            x = block(down(x))
            residuals.append(out(x))
        return tuple(residuals)
