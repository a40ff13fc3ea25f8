"""Measuring: every bar with its number."""
