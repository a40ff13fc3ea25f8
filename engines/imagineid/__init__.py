"""imagineid: a talking face imagined from a voice."""

__version__ = "0.1.0"
