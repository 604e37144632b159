"""What frame.js makes of runs."""

import numpy as np


def unpacked(data):
    """The pixels (count, 4) uint8 of runs."""
    runs = np.frombuffer(data, np.uint32)
    pixels = np.repeat(runs | 0xFF000000, runs >> 24)
    return pixels.astype(np.uint32).view(np.uint8).reshape(-1, 4)
