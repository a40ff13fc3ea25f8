"""Audio input: decoding, resampling to 16 kHz mono, and mel windows."""

from imagineid.audio.mel import mel_edges_hz, mel_filters, mel_spectrogram, mel_windows
from imagineid.audio.sound import Sound, open_sound

__all__ = [
    "Sound",
    "mel_edges_hz",
    "mel_filters",
    "mel_spectrogram",
    "mel_windows",
    "open_sound",
]
