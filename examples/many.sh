#!/bin/sh
# Every recording of a folder becomes a video. Run it again after a stop: what is done is left alone.
#
#   sh many.sh RECORDINGS VIDEOS
set -eu
status=0
imagineid batch "$1" -o "$2" --prompt "short black hair" --resume || status=$?
case $status in
    0) echo "all done" ;;
    4) echo "some failed; see above" ;;
    *) exit "$status" ;;
esac
