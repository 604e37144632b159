"""What frame.js makes of runs."""

import numpy as np


def unpacked(data, places):
    """The pixels of each rectangle (left, top, width, height), (height, width, 4) uint8."""
    runs, pieces = iter(np.frombuffer(data, np.uint32).tolist()), []
    for _, _, width, height in places:
        pixels = []
        while len(pixels) < width * height:
            run = next(runs)
            count, colour = run >> 24, run & 0xFFFFFF
            if count:
                pixels += count * [colour | 0xFF000000]
            else:
                for _ in range(colour):
                    pixels.append(pixels[-width])
        assert len(pixels) == width * height
        pieces.append(np.array(pixels, np.uint32).view(np.uint8).reshape(height, width, 4))
    assert next(runs, None) is None
    return pieces
