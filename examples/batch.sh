#!/bin/sh
# Make a video of every recording in a folder. Run it again after an interruption: finished videos are kept.
#
#   sh batch.sh RECORDINGS VIDEOS
set -eu
status=0
imagineid batch "$1" -o "$2" --prompt "short black hair" --resume || status=$?
case $status in
    0) echo "all done" ;;
    4) echo "some failed; see above" ;;
    *) exit "$status" ;;
esac
