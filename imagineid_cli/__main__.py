"""``python -m imagineid_cli`` is ``imagineid``; signals are taken before slow imports."""

from imagineid import signals

signals.install()

from imagineid_cli.main import run  # noqa: E402

__all__ = ["run"]

if __name__ == "__main__":
    run()
