#!/bin/sh
# Make a series with one face: the first episode chooses it, the others reuse it.
#
#   sh series.sh FIRST.wav OTHERS.wav...
set -eu
first=$(imagineid generate "$1" --prompt "grey beard, glasses" --resume --quiet)
shift
for episode in "$@"; do
    imagineid generate "$episode" --like "$first" --resume --quiet
done
