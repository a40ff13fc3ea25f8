"""The mesh pictures' own encoder, taught by a decoder that is thrown away."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual
from imagineid.nn.mesh_encoder import MeshEncoder
from imagineid.spec import Size
from imagineid_train.data import sheet, to_image, to_picture
from imagineid_train.loop import ROOT, Budget, channels_last, device, drawn_ahead, per_step
from imagineid_train.moves import Moves
from imagineid_train.stage import Learning, Stage

BATCH, ON_GPU = 8, 32
"""Mesh pictures of a batch, on a CPU and on a GPU."""


class MeshDecoder(nn.Module):
    """Mesh latent to mesh picture: only for training."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        deep, side = 96, size.mesh_px // (4 * size.latent_px)
        self.side = side
        self.stem = nn.Sequential(
            nn.Conv2d(size.latent_channels, deep, 3, padding=1), Residual(deep)
        )
        self.up = nn.Conv2d(deep, 16 * 48, 1)
        self.fine = Residual(48)
        self.out = nn.Conv2d(48, 3 * side**2, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Return mesh pictures (B, 3, N, N) from latents (B, c, h, w)."""
        x = self.fine(F.pixel_shuffle(self.up(self.stem(latent)), 4))
        return F.pixel_shuffle(self.out(F.silu(x)), self.side)


def build(size: Size) -> Learning:
    """Encoder and throwaway decoder learn together; latents are held near unit variance."""
    encoder, decoder = MeshEncoder(size).to(device()), MeshDecoder(size).to(device())
    channels_last((encoder, decoder))
    people, held = Moves.open("train", size), Moves.open("val", size)
    batch = per_step(BATCH, ON_GPU)

    def draw(moves: Moves, chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
        some = []
        for person in chosen:
            shard, row = moves.index[int(person)]
            meshes = moves.cached[shard]["mesh"][row]
            some.append(meshes[int(rng.integers(len(meshes)))])
        return to_image(np.stack(some))

    batches = drawn_ahead(
        lambda rng: draw(people, rng.integers(len(people), size=batch), rng), 0, workers=2
    )

    def loss() -> dict[str, Tensor]:
        mesh = next(batches).to(device())
        latent = encoder(mesh)
        decoded = decoder(latent + 0.1 * torch.randn_like(latent)).float()
        error = (decoded - mesh).abs()
        # Lips, lids and irises cover few pixels, and are where pictures differ.
        weight = 1 + 4 * (mesh - mesh.mean(1, keepdim=True)).abs().amax(1, keepdim=True)
        spread = latent.float().pow(2).mean(dim=(0, 2, 3)) - 1
        return {"absolute": (weight * error).mean(), "spread": 0.01 * spread.pow(2).mean()}

    @torch.no_grad()
    def check() -> dict[str, float]:
        mesh = draw(held, np.arange(min(8, len(held))), np.random.default_rng(0)).to(device())
        latent = encoder(mesh)
        decoded = decoder(latent)
        sheet([to_picture(mesh), to_picture(decoded)], ROOT / size.name / STAGE.name / "sheet.png")
        return {
            "absolute": float((decoded - mesh).abs().mean()),
            "std": float(latent.std()),
        }

    modules: dict[str, nn.Module] = {"encoder": encoder, "decoder": decoder}
    return Learning(modules, loss, check, Budget(0, rate=2e-3), 200)


STAGE = Stage("mesh_encoder", 10.0, build)
