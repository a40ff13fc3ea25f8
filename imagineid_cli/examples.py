"""The end of every ``--help``: examples and exit codes.

All examples are also in the README or in ``docs/``, where tests run them.
"""

from __future__ import annotations

EXIT_CODES = (
    (0, "done"),
    (1, "unexpected error (--debug prints a traceback)"),
    (2, "invalid input: the recording, the output file or an option"),
    (3, "a backend or the weights are missing or damaged"),
    (4, "some of several inputs failed, the others are done"),
    (130, "stopped with Ctrl-C"),
)
"""Meaning of each exit code; the README has the same list."""

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
    "forget": ("imagineid forget",),
}
"""Examples of each command."""


def epilog(command: str = "") -> str:
    """Return what stands at the end of a command's help."""
    codes = "Exit codes: " + "; ".join(f"{code} {what}" for code, what in EXIT_CODES) + "."
    lines = "\n".join(f"  {line}" for line in EXAMPLES.get(command, ()))
    return f"\b\nExamples:\n{lines}\n\n{codes}" if lines else codes
