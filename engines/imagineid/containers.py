"""Safe opening of sound and video files: no playlists, devices, scripts or network.

Some formats refer to other files (HLS, ffconcat, image sequences), so an untrusted file could make
FFmpeg read any file of this machine. Only self-contained formats are opened, and they can't open
further files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from imagineid.errors import BadSound
from imagineid.files import open_regular_file

SELF_CONTAINED = (
    "3dostr 3g2 3gp 4xm aa aac aax ac3 ac4 ace acm act adf adp ads adx aea afc aiff aix alaw alp "
    "amr amrnb amrwb apac apc ape apm aptx aptx_hd argo_asf argo_brp asf asf_o ast au avi avr "
    "bethsoftvid bfi bfstm bink binka bit bmv boa bonk brstm c93 caf codec2 codec2raw daud dcstr "
    "derf dfa dfpwm dhav dsf dsicin dss dts dtshd dv dxa ea ea_cdata eac3 epaf f32be f32le f64be "
    "f64le film_cpk flac flic flv fsb fwse g722 g723_1 g726 g726le g728 g729 gdv genh gsm gxf hca "
    "hcom hnm iamf idcin iff ifv ilbc ircam iss ivf jv kux kvag laf lc3 live_flv lmlm4 loas luodat "
    "lvf lxf m4v matroska mca mcc mlp mlv mm mmf mods moflex mov mp3 mp4 mpc mpc8 mpeg mpegts "
    "mpegtsraw msf msp mtaf mtv mulaw musx mv mvi mxf mxg nc nistsphere nsp nsv nut nuv ogg oma "
    "osq paf pmp pp_bnk psxstr pva pvf qcp qoa r3d redspark rka rl2 rm roq rpl rsd rso s16be s16le "
    "s24be s24le s32be s32le s337m s8 sbc scd sdns sdr2 sds sdx shn siff simbiosis_imx sln smjpeg "
    "smk smush sol sox spdif svag svs swf tak thp tmv truehd tta txd u16be u16le u24be u24le "
    "u32be u32le u8 usm vag vividas vivo vmd voc vpk vqf w64 wady wav wavarc wc3movie webm wsaud "
    "wsd wsvqa wtv wv wve xa xmd xmv xvag xwma yop"
).split()
"""FFmpeg's names of allowed formats: self-contained ones with sound."""

SUBTITLES = "srt ass webvtt subviewer subviewer1 microdvd sami mpl2 mpsub pjs realtext stl vplayer"
"""FFmpeg's names of subtitle formats."""

LISTS = {
    b"#EXTM3U": "an HLS playlist",
    b"ffconcat": "an ffconcat list",
    b"[playlist]": "a PLS playlist",
}
"""First bytes of formats that refer to other files."""


@contextlib.contextmanager
def open_media(path: Path, formats: str = "") -> Iterator[InputContainer]:
    """Open a file as sound or video.

    Args:
        path: of the file.
        formats: FFmpeg's names of other formats that may be opened, with blanks between.

    Raises:
        BadSound: it refers to other files.
        OSError: it can't be opened.
        av.FFmpegError, ValueError: it can't be decoded as sound or video.
    """
    with open_regular_file(path) as file, open_container(file, formats) as container:
        yield container


def open_container(file: BinaryIO, formats: str = "") -> InputContainer:
    """Open the content of an open file from its current position; see :func:`open_media`."""
    head = file.read(64)
    file.seek(-len(head), 1)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, what in LISTS.items():
        if start.startswith(mark):
            raise BadSound(
                f"{file.name} is {what}: it refers to other files, which are not read.\n"
                "Give the recording itself:  imagineid generate OTHER.wav"
            )
    return open_stream(file, formats)


def open_stream(stream: Any, formats: str = "") -> InputContainer:
    """Open the content of a stream without seeking; see :func:`open_media`."""
    allowed = ",".join([*SELF_CONTAINED, *formats.split()])
    container = av.open(
        stream,
        options={"protocol_whitelist": "none", "format_whitelist": allowed},
        metadata_errors="replace",
    )
    assert isinstance(container, InputContainer)  # for the type checker
    return container
