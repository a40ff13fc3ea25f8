#!/bin/sh
# Stream a video while it is generated: here to a file, in practice to a player, ffmpeg or a socket.
#
#   sh stream.sh SPEECH OUT.mp4
set -eu
imagineid generate "$1" -o - --seed 1 --quiet | cat > "$2"
