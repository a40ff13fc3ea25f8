"""The command line, ``imagineid``."""
