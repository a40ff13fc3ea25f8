"""Export of every network to ONNX."""
