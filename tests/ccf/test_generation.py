"""Algorithm 1, with plain functions as engines that record their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imagineid.ccf.generation import (
    Scene,
    State,
    Text,
    encode_images,
    encode_neighbour,
    encode_scene,
    first_frame,
    initial_noise,
    next_frames,
    predict_matte,
    to_images,
    to_pictures,
)
from imagineid.ccf.sampling import Sampling
from imagineid.spec import MINI, Size

SIZE = Size(name="tiny", frame_px=64)
SIDE = SIZE.feature_px
SAID, UNSAID = np.ones((1, 40, 192), np.float32), np.zeros((1, 40, 192), np.float32)


class EngineSpy(dict[str, list[dict[str, Any]]]):
    """Engines that record the inputs of each call, by network."""

    def __init__(self) -> None:
        super().__init__({n: [] for n in ("encoder", "decoder", "sca", "unet", "matte")})

    def engines(self) -> dict[str, Any]:
        return {name: self._engine(name) for name in self}

    def _engine(self, name: str) -> Any:
        def run(**inputs: Any) -> dict[str, Any]:
            self[name].append(inputs)
            return getattr(self, f"_{name}")(**inputs)

        return run

    def _encoder(self, image: np.ndarray) -> dict[str, Any]:
        side, count = SIZE.latent_px, len(image)
        cells = image.reshape(count, 3, side, 16, side, 16).mean(axis=(3, 5))
        rows = [np.resize(row, (16, side, side)) for row in cells]
        return {
            "latent": np.stack(rows).astype("f4"),
            "background": np.full((count, 48, SIDE, SIDE), image.mean(), np.float32),
        }

    def _decoder(self, latent: np.ndarray, background: np.ndarray, mask: np.ndarray) -> Any:
        flat = np.tanh(latent.mean(axis=(1, 2, 3), keepdims=True))
        return {"image": np.broadcast_to(flat, (len(latent), 3, 64, 64)).astype(np.float32)}

    def _sca(self, mesh: np.ndarray, **_: np.ndarray) -> dict[str, Any]:
        return {"residual_0": mesh}

    def _unet(self, noisy: np.ndarray, text: np.ndarray, **_: np.ndarray) -> dict[str, Any]:
        return {"prediction": noisy * 0 + text.mean()}

    def _matte(self, image: np.ndarray) -> dict[str, Any]:
        mask = np.zeros((len(image), 1, SIDE, SIDE), np.float32)
        mask[..., 4:12, 5:11] = 1
        return {"mask": mask}


@pytest.fixture
def spy() -> EngineSpy:
    return EngineSpy()


def in_steps(steps: int) -> Sampling:
    return Sampling.of(SIZE, steps)


def a_picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_the_first_frame_sees_only_the_mesh_and_the_words(spy: EngineSpy) -> None:
    start = initial_noise(SIZE, 1)
    frame = first_frame(
        spy.engines(), SIZE, Text(SAID, UNSAID), a_picture(0), start, in_steps(4), 2.0
    )
    assert frame.shape == (64, 64, 3)
    assert frame.dtype == np.uint8
    assert not spy["sca"][0]["anchor"].any()
    assert not spy["sca"][0]["neighbour"].any()
    assert len(spy["sca"]) == 1, "SCA runs once a frame, not once a step"
    assert len(spy["unet"]) == 8, "with and without the prompt at each of 4 steps"
    assert [round(float(a["time"][0]), 2) for a in spy["unet"][::2]] == [1.0, 0.75, 0.5, 0.25]
    assert (spy["decoder"][0]["mask"] == 1).all()


def test_without_guidance_the_empty_prompt_is_never_asked(spy: EngineSpy) -> None:
    start = initial_noise(SIZE, 1)
    first_frame(spy.engines(), SIZE, Text(SAID, UNSAID), a_picture(0), start, in_steps(4), 1.0)
    assert len(spy["unet"]) == 4


def test_a_later_frame_sees_its_neighbour_without_the_mouth(spy: EngineSpy) -> None:
    engines, before = spy.engines(), a_picture(2)
    mouth = np.zeros((64, 64), bool)
    mouth[40:60, 20:44] = True
    encode_neighbour(engines, before[None], mouth[None])
    hidden = spy["encoder"][-1]["image"]
    assert not hidden[..., mouth].any()
    np.testing.assert_array_equal(hidden[..., ~mouth], to_images(before[None])[..., ~mouth])


def a_state(engines: Any, frames: np.ndarray) -> State:
    mouths = np.zeros((len(frames), 64, 64), bool)
    return State(encode_neighbour(engines, frames, mouths), predict_matte(engines, frames))


def test_sca_and_the_unet_are_conditioned_on_scene_and_previous_frame(spy: EngineSpy) -> None:
    engines, before = spy.engines(), a_picture(2)
    scene = encode_scene(engines, Text(SAID, UNSAID), before, initial_noise(SIZE, 1))
    mesh, state = encode_images(engines, a_picture(3)[None]), a_state(engines, a_picture(5)[None])
    next_frames(engines, scene, mesh, state, in_steps(2))
    assert (spy["sca"][-1]["anchor"] == scene.anchor).all()
    assert (spy["sca"][-1]["mesh"] == mesh).all()
    assert (spy["sca"][-1]["neighbour"] == state.neighbour).all()
    assert len(spy["sca"]) == 1, "once a frame, not once a step"
    assert len(spy["unet"]) == 2


def test_the_background_is_blended_outside_a_grown_matte(spy: EngineSpy) -> None:
    engines, before = spy.engines(), a_picture(2)
    scene = encode_scene(engines, Text(SAID, UNSAID), before, initial_noise(SIZE, 1))
    mesh = encode_images(engines, a_picture(3)[None])
    next_frames(engines, scene, mesh, a_state(engines, before[None]), in_steps(1))
    feeds = spy["decoder"][-1]
    assert feeds["background"] is scene.background
    assert feeds["mask"][0, 0, 4:12, 5:11].min() == 1
    assert feeds["mask"][0, 0, 0].max() == 0


def test_frames_imagined_together_are_those_imagined_alone(spy: EngineSpy) -> None:
    engines, frames = spy.engines(), np.stack([a_picture(i) for i in (3, 4, 5)])
    scene = encode_scene(engines, Text(SAID, UNSAID), a_picture(2), initial_noise(SIZE, 1))
    meshes, states = encode_images(engines, frames), a_state(engines, frames[::-1])
    together = next_frames(engines, scene, meshes, states, in_steps(2))
    for i in range(3):
        state = State(states.neighbour[i : i + 1], states.mask[i : i + 1])
        alone = next_frames(engines, scene, meshes[i : i + 1], state, in_steps(2))
        np.testing.assert_array_equal(together[i], alone[0])


def test_the_same_seed_gives_the_same_noise_of_unit_variance() -> None:
    np.testing.assert_array_equal(initial_noise(MINI, 5), initial_noise(MINI, 5))
    assert not np.allclose(initial_noise(MINI, 5), initial_noise(MINI, 6))
    assert initial_noise(MINI, 5).std() == pytest.approx(1, abs=0.05)


def test_pictures_survive_the_way_to_images_and_back() -> None:
    pictures = a_picture(4)[None]
    np.testing.assert_array_equal(to_pictures(to_images(pictures)), pictures)


def test_a_scene_is_made_of_the_first_frame_alone(spy: EngineSpy) -> None:
    scene = encode_scene(spy.engines(), Text(SAID, UNSAID), a_picture(9), initial_noise(SIZE, 1))
    assert isinstance(scene, Scene)
    assert scene.text is SAID
    assert len(spy["encoder"]) == 2, "the frame, and its inpainted background"
