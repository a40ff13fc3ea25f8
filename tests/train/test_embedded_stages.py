"""Every stage of the embedded model takes two steps, is left, and goes on, in its own process."""

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
from imagineid_train import embedded
from imagineid_train.loop import ROOT
torch.manual_seed(0)
stages = {stage.name: stage for stage in embedded.STAGES}
for name in embedded.ORDER:
    if name in stages:
        for steps in (2, 3):
            stages[name].run(MINI, steps=steps)
    elif name != "ship":
        embedded.STEPS[name](MINI)
done = {name: json.loads((ROOT / name / "state.json").read_text())["step"] for name in stages}
print(json.dumps(done))
"""


@pytest.mark.slow
def test_every_stage_takes_two_steps_and_goes_on(tmp_path: Path) -> None:
    write_world(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", TRAINING],
        env={**os.environ, "IMAGINEID_TRAIN": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    done = json.loads(ended.stdout.splitlines()[-1])
    assert set(done.values()) == {3}
    assert len(done) == 11
