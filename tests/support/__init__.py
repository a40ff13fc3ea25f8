"""Shared test helpers: recordings of every kind, and a pipeline of plain arithmetic."""
