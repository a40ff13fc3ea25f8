"""Video output: frames and sound to a file, with metadata."""

from imagineid.video.metadata import SYNTHETIC, read_metadata
from imagineid.video.writer import VideoWriter

__all__ = ["SYNTHETIC", "VideoWriter", "read_metadata"]
