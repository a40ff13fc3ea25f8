from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from imagineid.errors import BackendMissing
from imagineid.face import FaceModel, load, project
from imagineid.spec import ARKIT, EMOTIONS
from imagineid_evaluate import landmarks, prompts
from imagineid_evaluate.autoencoder import details
from imagineid_evaluate.voices import rows
from imagineid_world.people import Tie, draw_traits, features, usual_pitch, usual_tract


@pytest.fixture(scope="module")
def face() -> FaceModel:
    return load()


def test_expected_lips_lie_on_the_rendered_mesh(face: FaceModel) -> None:
    points = face.vertices(np.zeros(80), np.zeros(52), np.zeros(6))
    expected = landmarks.expected_lips(face, points, 256)
    named = dict(zip(landmarks.LIPS, expected, strict=True))
    assert np.allclose(named[13], project(points[face.landmarks["lip_upper_inner_middle"]], 256))
    assert named[61][0] < named[0][0] < named[291][0]  # left is the viewer's
    assert named[0][1] < named[13][1] <= named[14][1] + 1 < named[17][1]
    assert np.allclose(landmarks.expected_lips(face, points, 512), 2 * expected, atol=1e-3)


def test_a_constant_landmark_offset_is_subtracted() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0, 256, (20, 14, 2))
    shift = rng.normal(0, 3, (14, 2))
    offset = landmarks.convention(expected + shift, expected)
    wrong = expected + shift + [3.0, 4.0]
    assert landmarks.distances(expected + shift, expected, offset).max() < 1e-9
    assert landmarks.distances(wrong, expected, offset) == pytest.approx(5.0)


def test_frames_without_a_face_stay_out_of_the_mean() -> None:
    landmarks_px = np.zeros((3, 14, 2))
    landmarks_px[1] = np.nan
    assert np.nanmean(landmarks.distances(landmarks_px, np.ones((3, 14, 2)))) == pytest.approx(
        2**0.5
    )


def test_a_missing_mediapipe_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(landmarks.PYTHON, raising=False)
    with pytest.raises(BackendMissing, match="mediapipe==0.10.21"):
        landmarks.look([np.zeros((8, 8, 3), np.uint8)])


def test_mouth_and_eyes_are_small_boxes_about_them(face: FaceModel) -> None:
    points = face.vertices(np.zeros(80), np.zeros(52), np.zeros(6))
    where = details(face, points, 256)
    assert 0.02 < where.mean() < 0.12
    for name in ("lip_upper_outer_middle", "lid_upper_left", "lid_upper_right"):
        x, y = project(points[face.landmarks[name]], 256).astype(int)
        assert where[y, x]


class PerfectPrediction:
    """What a perfect model predicts of an utterance."""

    def __init__(self, spoken: Spoken) -> None:
        self.gender = "male" if spoken.traits[0] > 0.5 else "female"
        self.age, self.shape = float(spoken.traits[1]), spoken.alpha
        self.emotions = np.eye(len(EMOTIONS))[spoken.emotion]
        self.expression = spoken.full


class Spoken:
    """An utterance, as the world holds it."""

    def __init__(self, speaker: int, male: int, age: int, emotion: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.speaker, self.emotion = speaker, emotion
        pitch_hz, tract = usual_pitch(male, age), usual_tract(male, age)
        self.traits = np.array([male, age, pitch_hz, tract, 0.0, 0.0])
        self.alpha = np.random.default_rng(speaker).standard_normal(80)
        self.full = rng.random((20, len(ARKIT)))


def test_perfect_predictions_meet_every_bar_and_wrong_ones_none() -> None:
    spoken = [Spoken(k % 4, k % 2, 20 + 10 * (k % 4), k % 8, k) for k in range(16)]
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((len(features(draw_traits(rng))), 80)).astype(np.float32)
    ones = np.ones(80, np.float32)
    tie = Tie(weights, np.diag(ones), np.zeros((81, 3), np.float32), 3 * ones)
    perfect = {r.name: r for r in rows([(s, PerfectPrediction(s)) for s in spoken], tie)}
    assert all(r.met for r in perfect.values() if r.bar is not None)
    assert perfect["jawOpen correlation"].value == pytest.approx(1)
    assert perfect["  at best"].value < 1, "one number of each voice is not all of a face"
    wrong = rows([(s, PerfectPrediction(spoken[(k + 3) % 16])) for k, s in enumerate(spoken)], tie)
    assert not any(r.met for r in wrong if r.bar is not None)


def test_64_prompts_differ_and_cover_what_is_judged() -> None:
    specs = [prompts.ask(i) for i in range(prompts.COUNT)]
    assert len({a.text for a in specs}) == 64
    assert {a.colour for a in specs} == {*prompts.HAIR, None}
    assert {a.length for a in specs} == {"bald", "short", "long"}
    assert sum(a.beard == "beard" for a in specs) >= 12
    assert sum(a.glasses for a in specs) == 32
    assert {a.background for a in specs} == {"plain", "room", "landscape"}
    assert all(a.male for a in specs if "beard" in a.text)


def test_what_was_not_obeyed_is_named() -> None:
    spec = prompts.ask(0)
    matching = {k: v or "anything" for k, v in spec.expected_classes().items()}
    assert prompts.disobeyed(spec, matching) == []
    assert prompts.disobeyed(spec, matching | {"glasses": "none"}) == ["glasses"]
    assert prompts.disobeyed(spec, matching | {"background colour": "teal"}) == ["background"]


def test_the_prompts_hold_only_words_of_the_captions() -> None:
    from imagineid.ccf.vocabulary import Vocabulary
    from imagineid_world.captions import SYNONYMS, VOCABULARY

    words = Vocabulary(VOCABULARY, SYNONYMS)
    assert all(not words.unknown(prompts.ask(i).text) for i in range(prompts.COUNT))


def graph(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A TF.js model of one strided convolution, a bias, a ReLU and a mean, weights as float16."""

    def node(name: str, op: str, *sources: str, **attr: object) -> dict[str, object]:
        return {"name": name, "op": op, "input": list(sources), "attr": attr}

    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float16)
    bias = np.array([0.1, -0.2, 0.3, 0.0], np.float16)
    nodes = [
        node("x", "Placeholder"),
        node("k", "Const"),
        node("b", "Const"),
        node("axes", "Const"),
        node(
            "conv",
            "Conv2D",
            "x",
            "k",
            strides={"list": {"i": ["1", "2", "2", "1"]}},
            padding={"s": base64.b64encode(b"SAME").decode()},
        ),
        node("sum", "Add", "conv", "b"),
        node("relu", "Relu", "sum:0"),
        node("mean", "Mean", "relu", "axes", keep_dims={"b": False}),
    ]
    packed = {"dtype": "float16", "original_dtype": "float32"}
    weights = [
        {"name": "k", "shape": [3, 3, 3, 4], "dtype": "float32", "quantization": packed},
        {"name": "b", "shape": [4], "dtype": "float32", "quantization": packed},
        {"name": "axes", "shape": [2], "dtype": "int32"},
    ]
    model = {
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"paths": ["tiny.bin"], "weights": weights}],
    }
    data = kernel.tobytes() + bias.tobytes() + np.array([1, 2], np.int32).tobytes()
    path = tmp_path / "models.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("tiny.json", json.dumps(model).encode()), ("tiny.bin", data)):
            info = tarfile.TarInfo(f"package/models/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path, kernel.astype(np.float32), bias.astype(np.float32)


def test_a_tfjs_graph_is_computed_as_its_formula_says(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[torch]'")
    from imagineid_evaluate.tfjs import from_tarball

    path, kernel, bias = graph(tmp_path)
    image = np.random.default_rng(1).normal(size=(1, 6, 6, 3)).astype(np.float32)
    output = from_tarball(path, "tiny")("mean", torch.from_numpy(image)).numpy()
    padded = np.pad(image[0], ((0, 1), (0, 1), (0, 0)))  # SAME with stride 2 pads the far edge
    conv = np.array(
        [
            [np.tensordot(padded[y : y + 3, x : x + 3], kernel, 3) for x in (0, 2, 4)]
            for y in (0, 2, 4)
        ]
    )
    assert output[0] == pytest.approx(np.maximum(conv + bias, 0).mean((0, 1)), rel=1e-4)


def test_the_classifier_learns_what_a_look_says() -> None:
    pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[torch]'")
    from imagineid_evaluate import attributes

    look = {"hair": "bald", "hair_name": "red", "beard": "goatee", "glasses": "round"}
    look |= {"backdrop": "gradient", "backdrop_name": "teal"}
    label_of = dict(zip(attributes.HEADS, attributes.labels(look), strict=True))
    assert label_of["hair colour"] == label_of["beard"] == attributes.UNSAID
    assert attributes.HEADS["background"][label_of["background"]] == "plain"
    assert attributes.HEADS["background colour"][label_of["background colour"]] == "teal"
    pictures = np.random.default_rng(0).integers(
        0, 256, (3, attributes.SIDE_PX, attributes.SIDE_PX, 3), np.uint8
    )
    assert attributes.judged(attributes.Classifier().eval(), pictures).shape == (3, 6)
