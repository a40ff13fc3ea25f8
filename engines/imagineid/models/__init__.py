"""Models on disk: the embedded one, and folders that ``imagineid export`` wrote."""

from imagineid.hub.manifest import MODEL_FILE
from imagineid.models.embedded import STORE, embedded_folder
from imagineid.models.model import (
    EMBEDDED,
    Model,
    Precision,
    embedded_model,
    embedded_weights,
    find,
    read,
    vocabulary_and_face,
    write_model_file,
)

__all__ = [
    "EMBEDDED",
    "MODEL_FILE",
    "STORE",
    "Model",
    "Precision",
    "embedded_folder",
    "embedded_model",
    "embedded_weights",
    "find",
    "read",
    "vocabulary_and_face",
    "write_model_file",
]
