"""What ``--help`` shows below the options: examples to type, and the exit codes.

The examples stand in the README or a page of ``docs/`` too, where tests run them.
"""

from __future__ import annotations

EXIT_CODES = (
    (0, "done"),
    (1, "something unforeseen (--debug shows where)"),
    (2, "what was given can't be used: the recording, the output, an option"),
    (3, "an engine or the weights are missing or damaged"),
    (4, "some of several inputs failed, the others are done"),
    (130, "stopped by Ctrl-C"),
)
"""What each exit code means; also in the README."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "generate": (
        'imagineid generate speech.wav --prompt "red hair, glasses" -o out.mp4',
        "imagineid generate speech.wav --size 512 --aspect 9:16 -o tall.mp4",
        "imagineid generate speech.wav --background transparent -o clear.webm",
        "imagineid generate speech.wav --preview 9",
        "imagineid generate speech.wav --emotion happy --strength 0.7",
        "imagineid generate speech.wav -o - | ffplay -",
    ),
    "batch": ("imagineid batch recordings/ -o videos/ --resume",),
    "live": (
        "imagineid live --avatar anna",
        "arecord -f S16_LE -r 16000 | imagineid live - --pcm 16000 -o - | mpv -",
    ),
    "studio": ("imagineid studio",),
    "swap": ("imagineid swap --emotion-from b.wav",),
    "analyze": ("imagineid analyze speech.wav --csv motion.csv --plot heard.png",),
    "retrieve": ("imagineid retrieve speech.wav recordings/ --sheet alike.png",),
    "export": (
        "imagineid export --fp16",
        "imagineid export --fp16 --format tensorrt-rtx --target sm86,sm89",
    ),
    "bench": ("imagineid bench speech.wav --lengths 10,60,300,1200 --plot bench.png",),
    "doctor": ("imagineid doctor",),
}
"""A few lines to type for each command."""


def epilog(command: str = "") -> str:
    """Return what stands at the end of a command's help."""
    codes = "Exit codes: " + "; ".join(f"{code} {what}" for code, what in EXIT_CODES) + "."
    lines = "\n".join(f"  {line}" for line in EXAMPLES.get(command, ()))
    return f"\b\nExamples:\n{lines}\n\n{codes}" if lines else codes
