"""Sizes and ports: every number a network is built from, written once.

A :class:`Size` decides every shape; :func:`ports` derives from it the named tensors at each
network's boundary. Modules, ONNX names, dynamic axes, TensorRT profiles and the parity tests all
read these ports, so that a shape is never written twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FPS = 25
"""Video frames per second."""

SAMPLE_RATE = 16_000
"""Samples per second of the mono sound that PAD hears."""

MELS = 80
"""Mel bands, 55 to 7600 Hz."""

HOP_SAMPLES = 200
"""Samples between mel frames: 80 mel frames a second."""

MEL_FRAMES = 16
"""Mel frames in the window of one video frame: 80 x 16 = 1280 numbers (the paper's A)."""

EMOTIONS = ("neutral", "angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised")
"""The eight emotions of MEAD, in the order of every emotion axis."""

ARKIT = (
    "eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft "
    "eyeWideLeft eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight "
    "eyeSquintRight eyeWideRight jawForward jawRight jawLeft jawOpen mouthClose mouthFunnel "
    "mouthPucker mouthRight mouthLeft mouthSmileLeft mouthSmileRight mouthFrownLeft "
    "mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight "
    "mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthPressLeft "
    "mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight "
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff "
    "cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut"
).split()
"""The 52 ARKit expression units in Live Link Face column order: the order of every beta axis."""

MOUTH = tuple(
    i for i, name in enumerate(ARKIT) if name.startswith(("jaw", "mouth", "cheekPuff", "tongue"))
)
"""Indices into :data:`ARKIT` of the units that speech content moves."""
