PYTHON ?= python3

.PHONY: demo test test-all check world train clean

# A video from a real recording, from nothing: its own environment, then the command.
demo: .venv/installed
	.venv/bin/imagineid generate examples/speech.flac -o demo.mp4 --overwrite

.venv/installed: pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-compile -e .
	touch $@

.venv-test/installed: pyproject.toml
	test -x .venv-test/bin/python || $(PYTHON) -m venv .venv-test
	.venv-test/bin/python -m pip install --quiet -e '.[dev]'
	touch $@

test: .venv-test/installed
	.venv-test/bin/python -m pytest -q

test-all: .venv-test/installed
	.venv-test/bin/python -m pytest -q -m 'slow or not slow'

check: .venv-test/installed
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy

# These need the extras: pip install -e '.[world,train]'
world:
	$(PYTHON) -m imagineid_world.voices
	$(PYTHON) -m imagineid_world.faces

train:
	$(PYTHON) -m imagineid_train

clean:
	rm -rf .venv .venv-test build dist demo.mp4
