"""Training: one file a stage, each with the earlier ones frozen."""
