"""Export: every network as an ONNX graph that points into one file of weights."""
