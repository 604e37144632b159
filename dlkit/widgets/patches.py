"""What has changed between two pictures: of a large picture, mostly little.

Bytes are what a frame's way to the page costs: two megabytes, one picture of 1000 by 500 pixels,
take as long as everything else together.
"""

import numpy as np

SIDE = 32  # pixels

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


def cut(picture: np.ndarray, places: list[Patch]) -> bytes:
    """The pixels of the rectangles, one after the other."""
    return b"".join(picture[y : y + h, x : x + w].tobytes() for x, y, w, h in places)
