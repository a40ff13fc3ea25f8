"""Every stage of PAD takes two steps, stops and resumes, in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.small_world import write_world

TRAINING = """
import json, sys
import torch
from imagineid.spec import MINI
from imagineid_train import recipe
from imagineid_train.loop import ROOT
torch.manual_seed(0)
for stage in recipe.VOICES:
    for steps in (2, 3):
        stage.run(MINI, steps=steps)
names = [stage.name for stage in recipe.VOICES]
done = {name: json.loads((ROOT / name / "state.json").read_text())["step"] for name in names}
print(json.dumps(done))
"""


@pytest.mark.slow
def test_every_stage_takes_two_steps_and_resumes(tmp_path: Path) -> None:
    write_world(tmp_path)
    completed = subprocess.run(
        [sys.executable, "-c", TRAINING],
        env={**os.environ, "IMAGINEID_TRAIN": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
    done = json.loads(completed.stdout.splitlines()[-1])
    assert set(done.values()) == {3}
    assert len(done) == 4
