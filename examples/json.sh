#!/bin/sh
# Read the result in a script: write the JSON of a run to result.json and take one value from it.
#
#   sh json.sh SPEECH
set -eu
imagineid generate "$1" --seed 1 --resume --json --quiet > result.json
sed 's/.*"path": "\([^"]*\)".*/\1/' result.json
