import json
from pathlib import Path

import pytest

from imagineid_evaluate.__main__ import main
from imagineid_evaluate.report import Row, table, write_json


@pytest.mark.parametrize(
    ("value", "side", "met"),
    [(0.95, "at least", True), (0.949, "at least", False), (2.7, "at most", True)],
)
def test_a_bar_is_met_when_it_is_reached(value: float, side: str, met: bool) -> None:
    assert Row("x", value, bar=2.7 if side == "at most" else 0.95, side=side).met is met


def test_a_number_that_could_not_be_measured_meets_no_bar() -> None:
    assert Row("x", float("nan"), bar=0.5).met is False
    assert Row("x", float("nan"), bar=0.5, side="at most").met is False


def test_the_table_says_what_was_missed() -> None:
    text = table([Row("speed", 4.0, "fps", 5.0, note="of 3"), Row("beside", 1.5, "s")])
    speed, beside = text.splitlines()[1:]
    assert speed.split() == ["speed", "4", "fps", ">=", "5", "fps", "MISSED", "of", "3"]
    assert beside.split() == ["beside", "1.500", "s"]


def test_json_holds_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "out" / "a.json", "voices", [Row("x", float("nan"), bar=1)], {"n": 2})
    output = json.loads((tmp_path / "out" / "a.json").read_text())
    assert output["rows"][0]["value"] is None
    assert output["rows"][0]["met"] is False
    assert output["about"] == {"n": 2}


def test_an_unknown_group_error_lists_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "recordings" in capsys.readouterr().out


def test_a_missing_model_gets_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["autoencoder", "--weights", str(tmp_path)]) == 2
    assert "No encoder, decoder" in capsys.readouterr().err
