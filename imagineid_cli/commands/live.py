"""``imagineid live``: a face that speaks while the sound still comes in."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid.errors import BadOutput
from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress

if TYPE_CHECKING:
    from imagineid.live import LivePicture


class LiveFormat(str, Enum):
    """What is sent to a file or to standard output."""

    mp4 = "mp4"
    mjpeg = "mjpeg"
    raw = "raw"


@options.asks("avatar", "face", "prompt", "seed", "emotion", "head", "blink", "mouth", "track")
def live(
    source: Annotated[
        str,
        typer.Argument(metavar="[mic|-|FILE]", help="A microphone, standard input, or a pipe."),
    ] = "mic",
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="window|camera|-|OUT.mp4", help="Where frames are sent."
        ),
    ] = "window",
    form: Annotated[
        LiveFormat, typer.Option("--format", help="Format of -o - and files; raw is rgb24, 25 fps.")
    ] = LiveFormat.mp4,
    pcm: Annotated[
        str | None,
        typer.Option(
            metavar="RATE[xCHANNELS]", help="The input is headerless 16-bit PCM of this rate."
        ),
    ] = None,
    every_frame: Annotated[
        bool,
        typer.Option("--every-frame", help="Generate every frame, even if it is late."),
    ] = False,
    webrtc: Annotated[
        bool,
        typer.Option("--webrtc", help="Serve a local page: its microphone in, the face out."),
    ] = False,
    *,
    values: dict[str, Any],
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Microphone; python -m sounddevice lists them."),
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    model: options.Model = "mini",
    engine: options.Engine = "auto",
    debug: options.Debug = False,
) -> None:
    """Generate video while the sound comes in.

    With --avatar it starts at once; without, after two seconds of speech.
    On a slow machine the last frame is repeated, so picture and sound stay in step.
    """
    with error_handling(debug):
        from imagineid import avatars, pipeline, signals
        from imagineid.audio.live_input import Backlog, open_chunks, parse_pcm
        from imagineid.live import live as imagine_live
        from imagineid.request import Request
        from imagineid.video.live_output import open_sink
        from imagineid.webrtc import Server, check_installed

        if webrtc:
            check_installed()
        progress = TerminalProgress(quiet)
        request = options.requested(**values)
        request.check()
        rate, channels = parse_pcm(pcm)
        inputs = [Path(source), *request.files()]
        _check_output(output, form, overwrite, inputs)
        pipe = pipeline.load(model, engine=engine)
        request, found = avatars.with_avatar(pipe, request, progress)
        felt = None if request.emotion is None else pipe.emotion(request.emotion)
        progress.line(f"model {pipe.model}, {pipe.engine_line}; stop with Ctrl-C")

        def imagined(sound: Iterable[Any]) -> Iterator[LivePicture]:
            backlog = Backlog(sound)
            return imagine_live(
                pipe, backlog, request.over(Request(seed=0)), found,
                emotion=felt, waiting_s=None if every_frame else backlog.waiting_s,
            )  # fmt: skip

        if webrtc:
            with Server(imagined, progress.warn) as server:
                typer.echo(server.address)
                try:
                    threading.Event().wait()
                except (KeyboardInterrupt, signals.Stopped):
                    signals.stopped_on_purpose()
            return
        with contextlib.ExitStack() as stack:
            known = {"made_by": "imagineid", "model": pipe.model, **request.metadata()}
            sink = stack.enter_context(
                open_sink(output, form.value, pipe.size_px, known, overwrite)
            )
            sound = stack.enter_context(open_chunks(source, rate, channels, device, request.track))
            count = repeated = 0
            try:
                for picture in imagined(sound):
                    sink.write(picture)
                    count, repeated = count + 1, repeated + picture.repeated
            except (KeyboardInterrupt, signals.Stopped):
                signals.stopped_on_purpose()
        if repeated:
            progress.warn(f"{repeated} of {count} frames were repeated: this machine is too slow")
        if output not in ("-", "window", "camera"):
            typer.echo(output)


def _check_output(
    output: str, form: LiveFormat, overwrite: bool, inputs: Sequence[Path | None]
) -> None:
    """Check where pictures go, before anything is loaded."""
    from imagineid.files import check_output, check_outputs

    if output == "-" and sys.stdout is None:
        raise BadOutput("Standard output is closed.\nName a file:  -o OUT.mp4")
    if output == "-" and sys.stdout.isatty():
        raise BadOutput(
            "Standard output is a terminal, which can't show a video.\n"
            "Give it a player:  imagineid live - -o - | mpv -"
        )
    if output not in ("-", "window", "camera"):
        check_outputs([Path(output)], inputs)
        check_output(Path(output), overwrite, f".{form.value}")
