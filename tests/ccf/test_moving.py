"""Later frames that move the first one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from imagineid.ccf.generation import (
    Scene,
    State,
    Text,
    encode_meshes,
    encode_scene,
    first_frame,
    initial_noise,
    next_frames,
)
from imagineid.ccf.moving import FINE, MeshFlows, enlarge, joined, warp
from imagineid.ccf.sampling import Sampling
from imagineid.face import load
from imagineid.face.controls import FrameControls, mesh_flow, render_mesh
from imagineid.nn.frame_decoder import moved_by
from imagineid.nn.networks import network, redraw_zeros
from imagineid.spec import ARKIT, ports
from support.moving import MOVING

FACE = load()
REST = FACE.neutral(np.zeros(80, np.float32))
OPENING = FrameControls(np.zeros(52, np.float32), np.zeros(6, np.float32), -30.0)


def talking(number: int) -> FrameControls:
    units = np.zeros(52, np.float32)
    units[ARKIT.index("jawOpen")] = 0.15 * number
    return FrameControls(units, np.array([0, 0.03 * number, 0, 0, 0, 0], np.float32), -20.0)


@pytest.fixture(scope="module")
def engines() -> dict[str, Callable[..., dict[str, Any]]]:
    """Networks of random weights behind the engines' seam."""
    torch.manual_seed(0)

    def engine(name: str) -> Callable[..., dict[str, Any]]:
        module, own = redraw_zeros(network(name, MOVING, 10)), ports(MOVING)[name]

        @torch.no_grad()
        def run(**inputs: np.ndarray) -> dict[str, Any]:
            outputs = module(*(torch.from_numpy(inputs[port.name]) for port in own.inputs))
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            return {p.name: x.numpy() for p, x in zip(own.outputs, outputs, strict=True)}

        return run

    return {name: engine(name) for name in ports(MOVING) if name not in ("identity", "content")}


@pytest.fixture(scope="module")
def scene(engines: dict[str, Any]) -> tuple[Scene, State, np.ndarray]:
    y = np.random.default_rng(0).standard_normal((1, 40, MOVING.text_dim)).astype(np.float32)
    mesh = render_mesh(FACE, REST, OPENING, MOVING).picture
    noise = initial_noise(MOVING, 0)
    first = first_frame(engines, MOVING, Text(y, y), mesh, noise, Sampling.of(MOVING, 2), 1.0)
    encoded = encode_scene(engines, Text(y, y), first, noise)
    mask = np.ones((1, 1, MOVING.feature_px, MOVING.feature_px), np.float32)
    return encoded, State(encoded.anchor, mask), first


def flows(count: int) -> tuple[np.ndarray, MeshFlows]:
    move = mesh_flow(FACE, REST, OPENING, MOVING)
    rendered = [render_mesh(FACE, REST, talking(n), MOVING, move) for n in range(count)]
    pictures = np.stack([each.picture for each in rendered])
    offset = np.stack([each.flow.offset for each in rendered]).astype(np.float16)
    cover = np.stack([np.uint8(each.flow.cover * 255 + 0.5) for each in rendered])
    return pictures, MeshFlows(pictures, offset, cover)


def test_a_moved_frame_has_the_same_bits_whatever_is_made_beside_it(
    engines: dict[str, Any], scene: tuple[Scene, State, np.ndarray]
) -> None:
    holds, state, _ = scene
    pictures, found = flows(3)
    meshes = encode_meshes(engines, pictures)
    one = Sampling.of(MOVING, 1)
    frames = next_frames(engines, holds, meshes, state, one, found)
    assert frames.shape == (3, MOVING.frame_px, MOVING.frame_px, 3)
    (alone,) = next_frames(engines, holds, meshes[[2]], state, one, found[[2]])
    assert np.abs(alone.astype(int) - frames[2]).max() <= 1
    assert np.abs(frames[0].astype(int) - frames[2]).max() > 8


def test_the_first_frame_is_enlarged_and_nothing_else_of_it_is_lost(
    scene: tuple[Scene, State, np.ndarray],
) -> None:
    holds, _, first = scene
    assert holds.moving is not None
    side = MOVING.frame_px
    assert holds.moving.first.shape == (FINE * side, FINE * side)
    pixels = holds.moving.first.view(np.uint8).reshape(side, FINE, side, FINE, 4)[..., :3]
    assert np.abs(pixels.mean((1, 3)) - first).mean() < 12


def test_a_warp_by_whole_pixels_moves_a_picture_by_them() -> None:
    picture = a_smooth_picture(64)
    offset = np.zeros((2, 2, 32, 32), np.float32)
    offset[1, 0], offset[1, 1] = 2 * 5 / 64, -2 * 3 / 64  # from 5 px to the right, 3 px above
    still, moved = warp(enlarge(picture), offset).astype(int)
    assert np.abs(still - picture).max() <= 4
    assert np.abs(moved[3:, :-5] - picture[:-3, 5:]).max() <= 4
    np.testing.assert_array_equal(moved[3:, -1], moved[3:, -5])  # edges are repeated


def test_a_warp_reads_where_torch_reads() -> None:
    picture = a_smooth_picture(64)
    rng = np.random.default_rng(0)
    offset = rng.normal(0, 0.05, (2, 2, 8, 8)).astype(np.float32)
    image = torch.from_numpy(picture).movedim(-1, 0)[None].float().expand(2, -1, -1, -1)
    expected = moved_by(image, torch.from_numpy(offset), 64).movedim(1, -1).numpy()
    assert np.abs(warp(enlarge(picture), offset) - expected).mean() < 1


def a_smooth_picture(side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.sin(6 * x), np.cos(5 * y), np.sin(4 * (x + y))], -1)
    return np.uint8(128 + 100 * waves)


def test_flows_of_several_chains_are_joined_in_order() -> None:
    _, found = flows(3)
    again = joined([found[[0]], found[[1, 2]]])
    np.testing.assert_array_equal(again.offset, found.offset)
    np.testing.assert_array_equal(again.cover, found.cover)
