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
from imagineid.ccf.moving import MeshFlows, enlarge, joined
from imagineid.ccf.sampling import Sampling
from imagineid.face import load
from imagineid.face.controls import FrameControls, mesh_flow, render_mesh
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
    side = 2 * MOVING.frame_px
    assert holds.moving.first.shape == (1, 3, side, side)
    back = enlarge(first).reshape(MOVING.frame_px, 2, MOVING.frame_px, 2, 3).mean((1, 3))
    assert np.abs(back - first).mean() < 12


def test_flows_of_several_chains_are_joined_in_order() -> None:
    _, found = flows(3)
    again = joined([found[[0]], found[[1, 2]]])
    np.testing.assert_array_equal(again.offset, found.offset)
    np.testing.assert_array_equal(again.cover, found.cover)
