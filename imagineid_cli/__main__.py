"""``python -m imagineid_cli`` is ``imagineid``."""

from imagineid_cli.main import run

run()
