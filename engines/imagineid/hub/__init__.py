"""Weights that are not embedded: the manifest, downloads, checks and the user's own."""
