PYTHON ?= python3

.PHONY: demo fuzz test test-all test-torch check docs world train clean

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

# Damaged and lying input for every reader: make fuzz MINUTES=20
MINUTES ?= 20

fuzz: .venv-test/installed
	IMAGINEID_FUZZ_MINUTES=$(MINUTES) .venv-test/bin/python -m pytest -q -s -m slow \
		tests/test_corrupt_files.py::test_fuzzing

check: .venv-test/installed
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports

# The pages of docs/ and the API reference, in build/docs; a broken link or docstring is an error.
docs: .venv-test/installed
	.venv-test/bin/python -m pip install --quiet -e '.[docs]'
	.venv-test/bin/sphinx-build -W --keep-going --quiet docs build/docs

# What needs torch: export and training. TORCH names the build to test with.
TORCH ?= torch==2.13.0

test-torch: .venv-test/installed
	.venv-test/bin/python -m pip install --quiet "$(TORCH)"
	.venv-test/bin/python -m pip install --quiet -e '.[dev,torch,export,rtx,webrtc,evaluate]'
	.venv-test/bin/python -m pytest -q tests/export tests/train tests/backends tests/bench \
		tests/nn tests/models tests/ccf tests/evaluate/test_tables.py \
		tests/test_moving_pipeline.py tests/test_webrtc.py

# These need the extras: pip install -e '.[world,train]'; docs/training.md says more.
IMAGINEID_TRAIN ?= .train
WORLD = $(IMAGINEID_TRAIN)/world
export IMAGINEID_TRAIN

# PHOTOS is a folder as in docs/photos.md.
world: $(WORLD)/kokoro-js.tgz
	test -n "$(PHOTOS)" || { echo "Type:  make world PHOTOS=FOLDER  (docs/photos.md)"; exit 2; }
	$(PYTHON) -m imagineid_world.bake
	$(PYTHON) -m imagineid_world.voices --hours 18 --resume
	$(PYTHON) -m imagineid_world.photos "$(PHOTOS)" --resume

$(WORLD)/kokoro-js.tgz:
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent kokoro-js@1.2.1 && mv kokoro-js-1.2.1.tgz $(@F)

train:
	$(PYTHON) -m imagineid_train

clean:
	rm -rf .venv .venv-test build dist demo.mp4
