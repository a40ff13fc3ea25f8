#!/bin/sh
# Send a video on while it is made: here into a file, in life into a player, ffmpeg or a socket.
#
#   sh stream.sh SPEECH OUT.mp4
set -eu
imagineid generate "$1" -o - --seed 1 --quiet | cat > "$2"
