#!/bin/sh
# Choose one of nine faces for a voice, then make its video.
#
#   sh pick.sh SPEECH          # writes a sheet of faces with their seeds
#   sh pick.sh SPEECH SEED     # makes the video with that seed
set -eu
if [ $# -eq 1 ]; then
    imagineid generate "$1" --preview 9 --seed 0 --quiet --overwrite
else
    imagineid generate "$1" --seed "$2" --quiet --overwrite
fi
