#!/bin/sh
# What was heard, for a script: the JSON of a run, and one value out of it.
#
#   sh told.sh SPEECH
set -eu
imagineid generate "$1" --seed 1 --resume --json --quiet > told.json
sed 's/.*"path": "\([^"]*\)".*/\1/' told.json
