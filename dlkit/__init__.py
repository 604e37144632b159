"""A deep learning course that a person runs."""

__version__ = "0.1.0"
