"""onnxruntime, the engine of the embedded model on a processor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from imagineid.backends import Engine
from imagineid.errors import BackendMissing, BadWeights


def threads() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> str:
    """Return one line naming the engine.

    Raises:
        BackendMissing: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendMissing("onnxruntime", "cpu") from error
    count = threads()
    plural = "thread" if count == 1 else "threads"
    return f"onnxruntime {onnxruntime.__version__} on CPU, {count} {plural}"


def load(path: Path) -> Engine:
    """Open one network.

    Args:
        path: an ``.onnx`` file; its weights may lie beside it.

    Raises:
        BadWeights: the file is missing or is no network that onnxruntime can run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors share no base class
        reason = str(error).splitlines()[0]
        raise BadWeights(
            f"{path.name} can't be run: {reason}\n"
            "Install again:  pip install --force-reinstall imagineid"
        ) from error
    names = [output.name for output in session.get_outputs()]

    def run(**inputs: Any) -> dict[str, Any]:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run
