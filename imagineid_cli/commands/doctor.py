"""``imagineid doctor``: checks of the installation, with a command that fixes each problem."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling, say

if TYPE_CHECKING:
    from imagineid.diagnosis import Finding

STYLES = {"good": "green", "note": "yellow", "problem": "red"}
MARKS = {"good": "ok", "note": "note", "problem": "PROBLEM"}


def doctor(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """Check the installation and run the embedded model on a short sound.

    Prints a command that fixes each problem.
    The exit code is 0 if generate works, 3 if it does not.
    """
    with error_handling(debug):
        from imagineid.diagnosis import examine

        findings: list[Finding] = []
        for finding in examine(debug):
            findings.append(finding)
            if not as_json:
                _show(finding)
        works = all(finding.level != "problem" for finding in findings)
        if as_json:
            found = [asdict(finding) for finding in findings]
            typer.echo(json.dumps({"works": works, "findings": found}, ensure_ascii=False))
        else:
            typer.echo("generate works here." if works else "generate does not work here.")
        if not works:
            raise typer.Exit(3)


def _show(finding: Finding) -> None:
    mark = MARKS[finding.level]
    say(f"{mark:<8} {finding.area:<9} {finding.text}", style=STYLES[finding.level])
    if finding.fix:
        say(f"{'':<18} {finding.fix}")
