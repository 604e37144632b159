"""What has changed between two pictures, in few bytes: mostly little, and much of it plain paper.

Bytes are what a frame's way to the page costs: two megabytes, one picture of 1000 by 500 pixels,
take as long as everything else together. Runs, of one colour or of pixels that repeat the row above
as an enlarged picture's do, are found in a millisecond and make them a tenth to a half; zlib would
make them fewer, but page and kernel would spend on it what the way saves.
"""

import numpy as np

from dlkit.widgets.layers import as_numbers

SIDE = 32  # pixels
LONGEST = 255  # pixels of a run
COLOUR = np.uint32(0xFFFFFF)  # the three bytes of a pixel that hold its colour
SAME = np.uint32(0x1000000)  # no colour: as in the row above

Patch = tuple[int, int, int, int]  # left, top, width, height


def patches(new: np.ndarray, old: np.ndarray) -> list[Patch]:
    """Rectangles outside of which the pictures (height, width, 4) uint8 are the same.

    The pictures are cut into squares; those that differ and lie side by side make one rectangle.
    """
    height, width, _ = new.shape
    changed = as_numbers(new) != as_numbers(old)
    # A loop over strips, since reduceat over rows takes ten times as long.
    strips = [changed[top : top + SIDE].any(axis=0) for top in range(0, height, SIDE)]
    changed = np.logical_or.reduceat(strips, np.arange(0, width, SIDE), axis=1)
    edges = np.diff(changed.astype(np.int8), prepend=0, append=0)  # 1 begins a run, -1 ends it
    found = []
    for row in np.flatnonzero(changed.any(axis=1)).tolist():
        begins, ends = (SIDE * np.flatnonzero(edges[row] == edge) for edge in (1, -1))
        top = SIDE * row
        for left, right in zip(begins.tolist(), ends.tolist(), strict=True):
            found.append((left, top, min(right, width) - left, min(SIDE, height - top)))
    return found


def pack(picture: np.ndarray, places: list[Patch]) -> bytes:
    """The pixels of the rectangles, one after the other, as runs.

    A run is a number of four bytes, lowest first: red, green, blue, and how many pixels (1 … 255)
    have this colour. Where the last is 0, the first three say for how many pixels the row above is
    repeated. No run goes on into the next rectangle. The picture's own fourth byte, its alpha, is
    taken to be 255.
    """
    if not places:
        return b""
    numbers = as_numbers(picture)
    marks = np.concatenate([_marks(numbers[y : y + h, x : x + w]) for x, y, w, h in places])
    new = np.append(True, marks[1:] != marks[:-1])
    new[np.cumsum([0, *(w * h for _, _, w, h in places[:-1])])] = True
    starts, lengths = _cut(new)
    for run in np.flatnonzero((lengths > LONGEST) & (marks[starts] != SAME)):
        new[starts[run] : starts[run] + lengths[run] : LONGEST] = True
    starts, lengths = _cut(new)
    colours = marks[starts]
    return np.where(colours == SAME, lengths, colours | lengths << 24).tobytes()


def _cut(new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where runs start, and how long they are."""
    starts = np.flatnonzero(new)
    return starts, np.diff(starts, append=len(new)).astype(np.uint32)


def _marks(piece: np.ndarray) -> np.ndarray:
    """Each pixel's colour, or SAME where the one above has the same colour; row after row."""
    colours = piece & COLOUR
    marks = colours.copy()
    np.copyto(marks[1:], SAME, where=colours[1:] == colours[:-1])
    return marks.ravel()
