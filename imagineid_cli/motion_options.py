"""How the face acts beside its voice: where head and eyes move from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagineid.face.motion import Motion


@dataclass(frozen=True)
class MotionOptions:
    """Where head and eyes move from: made up, a reference, or not at all."""

    pose_from: Path | None = None
    still: bool = False

    def check(self) -> None:
        """Check what can be checked before anything is loaded.

        Raises:
            BadInput: both are asked for, or the reference is not there.
            BackendMissing: it is a video and the extra ``[motion]`` is not installed.
        """
        from imagineid.errors import BadInput

        if self.still and self.pose_from is not None:
            raise BadInput("--still and --pose-from exclude each other.\nLeave one of them out.")
        if self.pose_from is not None:
            from imagineid.face.reference import check

            check(self.pose_from)

    def motion(self, frames: int) -> Motion | None:
        """Return the motion of a video of ``frames``; None leaves it to the pipeline.

        Raises:
            BadInput: the reference can't be used.
            BackendMissing: it is a video and the extra ``[motion]`` is not installed.
        """
        from imagineid.face.motion import still

        if self.still:
            return still(frames)
        if self.pose_from is None:
            return None
        from imagineid.face.reference import motion_of

        return motion_of(self.pose_from, frames)

    def said(self) -> dict[str, Any]:
        """Return what a video's metadata say of it; nothing where it is made up."""
        if self.still:
            return {"motion": "still"}
        return {} if self.pose_from is None else {"motion": self.pose_from.name}
