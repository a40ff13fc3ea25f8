"""imagineid: a talking face imagined from a voice."""

import os

__version__ = "0.1.0"

# onnxruntime >= 1.29 reports to its makers unless told not to, from the moment it is imported.
# What somebody does with a voice is nobody else's business. A user's own setting stands.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
