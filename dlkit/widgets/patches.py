"""What has changed between two pictures, in few bytes: mostly little, and much of it plain paper.

Bytes are what a frame's way to the page costs: two megabytes, one picture of 1000 by 500 pixels,
take as long as everything else together. Runs of one colour take a tenth of a millisecond to find
and make them a tenth to a half; zlib would make them fewer, but page and kernel would spend on it
what the way saves.
"""

import numpy as np

SIDE = 32  # pixels
LONGEST = 255  # pixels of a run
COLOUR = np.uint32(0xFFFFFF)  # the three bytes of a pixel that hold its colour

Patch = tuple[int, int, int, int]  # left, top, width, height


def patches(new: np.ndarray, old: np.ndarray) -> list[Patch]:
    """Rectangles outside of which the pictures (height, width, 4) uint8 are the same.

    The pictures are cut into squares; those that differ and lie side by side make one rectangle.
    """
    height, width, _ = new.shape
    changed = (new.view(np.uint32) != old.view(np.uint32))[..., 0]
    changed = np.logical_or.reduceat(changed, np.arange(0, height, SIDE), axis=0)
    changed = np.logical_or.reduceat(changed, np.arange(0, width, SIDE), axis=1)
    edges = np.diff(changed.astype(np.int8), prepend=0, append=0)  # 1 begins a run, -1 ends it
    found = []
    for row in np.flatnonzero(changed.any(axis=1)).tolist():
        begins, ends = (SIDE * np.flatnonzero(edges[row] == edge) for edge in (1, -1))
        top = SIDE * row
        for left, right in zip(begins.tolist(), ends.tolist(), strict=True):
            found.append((left, top, min(right, width) - left, min(SIDE, height - top)))
    return found


def pack(picture: np.ndarray, places: list[Patch]) -> bytes:
    """The pixels of the rectangles, one after the other, as runs of one colour.

    A run is a number of four bytes, lowest first: red, green, blue, and how many pixels (1 … 255)
    have this colour. The picture's own fourth byte, its alpha, is taken to be 255.
    """
    pieces = [picture[y : y + h, x : x + w].reshape(-1, 4) for x, y, w, h in places]
    if not pieces:
        return b""
    pixels = np.concatenate(pieces).view(np.uint32)[:, 0] & COLOUR
    starts = np.flatnonzero(np.diff(pixels, prepend=~pixels[:1]))
    lengths = np.diff(starts, append=len(pixels))
    parts = -(-lengths // LONGEST)  # into so many runs a long one is divided
    runs = np.repeat(pixels[starts], parts)
    counts = np.full(len(runs), LONGEST, np.uint32)
    counts[np.cumsum(parts) - 1] -= (parts * LONGEST - lengths).astype(np.uint32)
    return (runs | counts << 24).tobytes()
