"""Training data of a few drawn faces, laid out as ``imagineid_prepare`` does."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from imagineid.face import load
from imagineid.face.raster import mesh_picture, mouth_mask
from imagineid.spec import ARKIT, FRAME_SAMPLES, SAMPLE_RATE

FRAMES, SPEAKERS = 34, ("anna", "bob")
EMOTIONS = ("happy", "sad")


def write_shards(folder: Path, px: int = 64) -> Path:
    """Write a shard with a sample for each speaker and emotion: mesh pictures as people."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    with tarfile.open(folder / "shard-000000.tar", "w") as tar:
        for speaker in SPEAKERS:
            alpha = rng.normal(0, 0.5, 80).astype(np.float32)
            for emotion in EMOTIONS:
                files = _sample(rng, alpha, speaker, emotion, px)
                for ending, data in files.items():
                    member = tarfile.TarInfo(f"{speaker}-{emotion}-000.{ending}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return folder


def _sample(
    rng: np.random.Generator, alpha: np.ndarray, speaker: str, emotion: str, px: int
) -> dict[str, bytes]:
    face = load()
    beta = np.zeros((FRAMES, 52), np.float32)
    beta[:, ARKIT.index("jawOpen")] = 0.3 * np.abs(np.sin(np.arange(FRAMES) / 3))
    beta[:, ARKIT.index("mouthSmileLeft")] = 0.5 * (emotion == "happy")
    about = {
        "speaker": speaker,
        "emotion": emotion,
        "text": "",
        "caption": f"a photo of a {emotion} person talking",
        "frames": FRAMES,
        "phones": [["HH", 0.0, 0.4], ["AY", 0.4, 1.2], ["+NSN+", 1.2, 1.3]],
    }
    loud = np.repeat(beta[:, ARKIT.index("jawOpen")], FRAME_SAMPLES)
    sound, fit = io.BytesIO(), io.BytesIO()
    wave = np.clip(rng.normal(0, 0.5, len(loud)) * loud, -1, 1)
    soundfile.write(sound, wave, SAMPLE_RATE, format="flac")
    np.savez(fit, alpha=alpha, beta=beta, pose=np.zeros((FRAMES, 6), np.float32))
    files = {
        "json": json.dumps(about).encode(),
        "flac": sound.getvalue(),
        "npz": fit.getvalue(),
        "background.jpg": _file(np.full((px, px, 3), 90, np.uint8), "jpeg"),
    }
    for i in range(FRAMES):
        points = face.vertices(alpha, beta[i], np.zeros(6, np.float32))
        mesh = mesh_picture(points, face, px)
        person = mesh.max(axis=2) > 0
        frame = np.where(person[..., None], mesh, np.uint8(90))
        files[f"frame.{i:04d}.jpg"] = _file(frame, "jpeg")
        files[f"mesh.{i:04d}.png"] = _file(mesh, "png")
        mouth = mouth_mask(points, face, px)
        files[f"mouth.{i:04d}.png"] = _file(np.uint8(mouth) * np.uint8(255), "png")
        files[f"matte.{i:04d}.png"] = _file(np.uint8(person) * np.uint8(255), "png")
    return files


def _file(picture: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()
