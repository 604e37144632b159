"""What can be done to pictures of any data set."""

import numpy as np


def moved(pictures: np.ndarray, right: int = 0, down: int = 0) -> np.ndarray:
    """Pictures (..., height, width), moved by whole pixels.

    What leaves at the edge is lost, and what comes in is paper, 0.
    """
    height, width = pictures.shape[-2:]
    new = np.zeros_like(pictures)
    seen = pictures[..., _left(-down, height), _left(-right, width)]
    new[..., _left(down, height), _left(right, width)] = seen
    return new


def _left(move: int, size: int) -> slice:
    """Where on a side of `size` pixels something is left after a move."""
    return slice(max(move, 0), max(size + min(move, 0), 0))
