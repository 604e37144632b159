"""What can be done to pictures of any data set."""

import numpy as np
from numpy.typing import ArrayLike

from dlkit.check import check_array, check_number


def moved(pictures: ArrayLike, right: int = 0, down: int = 0) -> np.ndarray:
    """Pictures (..., height, width), moved by whole pixels.

    What leaves at the edge is lost, and what comes in is paper, 0.
    """
    pictures = check_array("pictures", pictures)
    if pictures.ndim < 2:
        raise ValueError(f"pictures must be (..., height, width), got {pictures.shape}")
    right = int(check_number("right", right, whole=True))
    down = int(check_number("down", down, whole=True))
    height, width = pictures.shape[-2:]
    new = np.zeros_like(pictures)
    seen = pictures[..., _left(-down, height), _left(-right, width)]
    new[..., _left(down, height), _left(right, width)] = seen
    return new


def _left(move: int, size: int) -> slice:
    """Where on a side of `size` pixels something is left after a move."""
    return slice(max(move, 0), max(size + min(move, 0), 0))
