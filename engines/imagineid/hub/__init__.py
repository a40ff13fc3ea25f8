"""Weights that are not embedded: manifest, downloads, checks, and the user's own weights."""
