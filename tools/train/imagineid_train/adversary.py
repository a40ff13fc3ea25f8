"""A patch discriminator with hinge losses: what makes pictures sharp that an average would blur.

Source:
    Isola et al. 2017, https://arxiv.org/abs/1611.07004; Lim and Ye 2017 for the hinge,
    https://arxiv.org/abs/1705.02894; Miyato et al. 2018 for the spectral norm,
    https://arxiv.org/abs/1802.05957
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from imagineid_train.loop import Progress

RAMP = 0.1
"""Share of the budget over which the adversarial loss comes in."""


class Critic(nn.Module):
    """Classifies each 8x8 patch as real or not, conditioned on what it should show."""

    def __init__(self, wide: int = 32) -> None:
        super().__init__()
        plan = ((6, wide, 2), (wide, 2 * wide, 2), (2 * wide, 3 * wide, 2), (3 * wide, 3 * wide, 1))
        layers: list[nn.Module] = []
        for a, b, stride in plan:
            kernel = 4 if stride == 2 else 3
            layers += [spectral_norm(nn.Conv2d(a, b, kernel, stride, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(3 * wide, 1, 3, 1, 1)))

    def forward(self, picture: Tensor, context: Tensor) -> Tensor:
        """Return scores (B, 1, h, w) of pictures and their contexts, (B, 3, H, W) in [-1, 1]."""
        out: Tensor = self.layers(torch.cat([picture, context], 1))
        return out


class Adversary:
    """Both sides of the game as terms of one loss: neither's gradient reaches the other."""

    def __init__(self, critic: Critic, weight: float, begin: float, progress: Progress) -> None:
        self.critic, self.weight, self.begin, self.progress = critic, weight, begin, progress

    def __call__(self, generated: Tensor, true: Tensor, context: Tensor) -> dict[str, Tensor]:
        """Return the critic's loss and the generator's; nothing before ``begin``.

        Args:
            generated: pictures that learn, (B, 3, H, W).
            true: what they should be.
            context: what both show: a mesh picture, or the blurred truth.
        """
        late = min(1.0, (self.progress.share - self.begin) / RAMP)
        if late <= 0:
            return {}
        real, fake = self.critic(true, context), self.critic(generated.detach(), context)
        own = F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()
        self.critic.requires_grad_(requires_grad=False)
        fool = -self.critic(generated, context).float().mean()
        self.critic.requires_grad_(requires_grad=True)
        return {"critic": own, "fool": self.weight * late * fool}


def blurred(picture: Tensor, cell: int = 8) -> Tensor:
    """Return pictures (B, 3, H, W) blurred by averaging over cells of this side."""
    small = F.avg_pool2d(picture, cell)
    return F.interpolate(small, scale_factor=cell, mode="bilinear", align_corners=False)
