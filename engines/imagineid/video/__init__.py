"""Writing: frames and sound into an mp4, with metadata that say how it was made."""

from imagineid.video.metadata import SYNTHETIC, read_metadata
from imagineid.video.writer import VideoWriter

__all__ = ["SYNTHETIC", "VideoWriter", "read_metadata"]
