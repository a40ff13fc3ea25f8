"""The decoder of later frames: warps the first frame and generates what it does not show.

MBA (eq. 10) blends features of a static background into the decoder's last layer under a mask.
Here the whole picture is blended: each pixel is a mixture of the first frame warped by the mesh
flow, the static background, and a picture generated from the latent. So a frame is as sharp as the
first one, and glasses, irises and brows keep their appearance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size

BOUND = 5.0
"""Limit of the difference between a score and its prior from coverage. Without the limit, training
chooses the warped picture everywhere before anything is generated, and never recovers."""

COVERED = 6.0
"""Score of the warped picture where the first frame shows what is to be seen. The embedded weights
learnt with 3 from latents of true frames; those of one step are weaker, and with 3 they blur brows,
eyes and skin that the first frame shows better."""

OFF_MESH = -0.95
"""A mesh picture is darker where there is no mesh."""

HIDDEN = 96
"""Channels before the last layer."""


class FrameDecoder(nn.Module):
    """Latent, first frame and mesh flow to a frame."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        wide, deep = size.frame_decoder
        self.patch, side = size.patch, size.feature_px
        self.mesh_patch = size.mesh_px // side
        self.picture = 3 * size.patch**2
        scores = 3 * self.mesh_patch**2  # masks are finer than features
        channels = self.picture + 4 * self.mesh_patch**2 + 12 + 2 + 1
        self.stem = nn.Conv2d(channels, wide, 1)
        self.moved = nn.Conv2d(size.stages[0], wide, 1, bias=False)
        self.down = nn.Conv2d(wide, deep, 2, stride=2)
        self.latent = nn.Sequential(
            nn.Conv2d(size.latent_channels, deep, 3, padding=1), Residual(deep), nn.SiLU()
        )
        self.grow = nn.Conv2d(deep, deep * (side // (2 * size.latent_px)) ** 2, 1)
        self.low = nn.Sequential(Residual(deep), Residual(deep))
        self.up = nn.Conv2d(deep, 4 * wide, 1)
        self.high = Residual(wide)
        self.head = nn.Conv2d(wide, HIDDEN, 1)
        self.out = nn.Conv2d(HIDDEN, self.picture + scores, 1)
        nn.init.zeros_(
            self.out.weight[self.picture :]
        )  # at the start of training, only the coverage counts
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        latent: Tensor,
        moved: Tensor,
        features: Tensor,
        inpainted: Tensor,
        mesh: Tensor,
        flow: Tensor,
        cover: Tensor,
        mask: Tensor,
    ) -> Tensor:
        """Make frames.

        Args:
            latent: z of the frame, (B, c, h, w).
            moved: I_id moved by the flow, (B, 3, H, W) in [-1, 1]; outside of the network, as it
                is the slowest part on a CPU, see :func:`imagineid.ccf.moving.warp`.
            features: F_ve(I_id), (B, C, h', w').
            inpainted: I_bg, (B, 3, H, W) in [-1, 1].
            mesh: I_rd, (B, 3, N, N) in [-1, 1].
            flow: backward flow, (B, 2, N, N); see :class:`imagineid.face.flow.Flow`.
            cover: visibility in the first frame, (B, 1, N, N) in [0, 1].
            mask: m, the matte of the previous frame, (B, 1, h', w') in [0, 1].

        Returns:
            (B, 3, H, W), about [-1, 1].
        """
        return self.layers(latent, moved, features, inpainted, mesh, flow, cover, mask)[0]

    def layers(
        self,
        latent: Tensor,
        moved: Tensor,
        features: Tensor,
        inpainted: Tensor,
        mesh: Tensor,
        flow: Tensor,
        cover: Tensor,
        mask: Tensor,
        freedom: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return frame, generated picture and shares, for training.

        ``freedom`` scales :data:`BOUND`. The shares (B, 3, H, W) are those of the warped first
        frame, the background and the generated picture.
        """
        side = features.shape[-1]
        coarse = F.avg_pool2d(flow, flow.shape[-1] // side)
        x = self._stem(moved, torch.cat([mesh, cover], 1), inpainted, torch.cat([coarse, mask], 1))
        x = x + self.moved(moved_by(features, coarse, side))
        factor = side // (2 * latent.shape[-1])
        deep = self.down(x) + F.pixel_shuffle(self.grow(self.latent(latent)), factor)
        x = x + F.pixel_shuffle(self.up(self.low(deep)), 2)
        y = self.out(F.silu(self.head(F.silu(self.high(x)))))
        generated = F.pixel_shuffle(y[:, : self.picture], self.patch)
        scores = F.pixel_shuffle(y[:, self.picture :], self.mesh_patch)
        shares = _softmax_of_three(
            self._prior(cover, mask, mesh) + freedom * BOUND * torch.tanh(scores / BOUND)
        )
        if shares.shape[-1] != moved.shape[-1]:
            shares = F.interpolate(shares, size=moved.shape[-2:], mode="bilinear")
        out = shares[:, :1] * moved + shares[:, 1:2] * inpainted + shares[:, 2:] * generated
        return out, generated, shares

    def _stem(self, moved: Tensor, mesh: Tensor, inpainted: Tensor, rest: Tensor) -> Tensor:
        """Apply ``stem`` to pictures as if their pixels had been put into channels first.

        A convolution whose stride is its kernel does both at once, three times as fast on a CPU.
        """
        half = F.avg_pool2d(inpainted, self.patch // 2)
        pictures = ((moved, self.patch), (mesh, self.mesh_patch), (half, 2))
        total, begin = self.stem.bias, 0
        assert total is not None
        total = total[:, None, None]
        for picture, patch in pictures:
            channels = picture.shape[1]
            end = begin + channels * patch**2
            kernel = self.stem.weight[:, begin:end].reshape(-1, channels, patch, patch)
            total = total + F.conv2d(picture, kernel, stride=patch)
            begin = end
        return total + F.conv2d(rest, self.stem.weight[:, begin:])

    def _prior(self, cover: Tensor, mask: Tensor, mesh: Tensor) -> Tensor:
        """Initial scores, (B, 3, N, N): from coverage, matte and mesh.

        Off the mesh the person is hair, ears and clothes, which move with it.
        """
        person = F.interpolate(mask, size=cover.shape[-2:], mode="bilinear")
        off_mesh = (mesh.amax(1, keepdim=True) < OFF_MESH).to(person.dtype)
        moved = 1 + COVERED * cover + 2 * off_mesh * person
        return torch.cat([moved, 4 * (1 - person), torch.full_like(cover, 2)], 1)


def _softmax_of_three(scores: Tensor) -> Tensor:
    """Return the softmax over three channels (B, 3, H, W); faster so on a CPU."""
    one, two, three = scores[:, :1], scores[:, 1:2], scores[:, 2:]
    most = torch.maximum(torch.maximum(one, two), three)
    raised = [torch.exp(each - most) for each in (one, two, three)]
    return torch.cat(raised, 1) / (raised[0] + raised[1] + raised[2])


def moved_by(picture: Tensor, flow: Tensor, side: int) -> Tensor:
    """Move a picture (B, C, N, N) by a flow (B, 2, M, M): (B, C, side, side), edges repeated."""
    if flow.shape[-1] != side:
        flow = F.interpolate(flow, size=(side, side), mode="bilinear")
    own = (torch.arange(side, device=flow.device, dtype=flow.dtype) + 0.5) * (2 / side) - 1
    grid = torch.stack([flow[:, 0] + own, flow[:, 1] + own[:, None]], -1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=False)
