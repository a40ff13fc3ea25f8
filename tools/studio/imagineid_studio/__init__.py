"""A local page on which a recording becomes a video."""
