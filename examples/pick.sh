#!/bin/sh
# Look at nine faces for a voice, then make the video of the one you like.
#
#   sh pick.sh SPEECH          # writes a sheet of faces, with the seed under each
#   sh pick.sh SPEECH SEED     # makes the video of that one
set -eu
if [ $# -eq 1 ]; then
    imagineid generate "$1" --preview 9 --seed 0 --quiet --overwrite
else
    imagineid generate "$1" --seed "$2" --quiet --overwrite
fi
