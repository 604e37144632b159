"""Handwriting as the path of a pen: strokes traced from pictures, or drawn on a pad.

A stroke is a polyline (points, 2) of x, to the right, and y, down. A drawing becomes a sequence of
offsets (T, 3): how far the pen went to the right and down since the point before, and whether it
is lifted after this one (Graves 2013). Where and how large it was written does not show in them.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from dlkit.check import check_array, check_number
from dlkit.data.handwriting import DIGITS, mnist
from dlkit.data.sequences import Sequences

INK = 0.35  # from which grey on a pixel is ink
STEPS = 12  # steps of the pen along the longer side of a drawing
SHORTEST = 3  # pixels of a line that is a stroke; less is a burr of the thinning
TREMBLE = 0.3  # steps; a hand's smaller moves are no moves
TURN = 4  # pixels that tell the direction of the pen

# The eight neighbours of a pixel, clockwise from the one above: P2 … P9 of Zhang and Suen.
AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


# From a picture to a line one pixel wide -------------------------------------------------------


def thin(pictures: ArrayLike) -> np.ndarray:
    """The skeletons of pictures (N, height, width), or of one: bool, lines one pixel wide.

    Ink is what is darker than `INK`. Two passes take turns until nothing changes: each removes, all
    at once, the pixels whose removal cuts no line and shortens none, the first from the south-east,
    the second from the north-west. All pictures are done together: what a pixel's neighbours are
    is a number of eight bits, and a table of 256 entries says whether it goes.

    T. Zhang, C. Suen, "A fast parallel algorithm for thinning digital patterns", 1984. A square of
    2 × 2 pixels would vanish there; here a picture that vanishes keeps a pixel of its ink, the one
    nearest to the middle.
    """
    array = check_array("pictures", pictures, finite=True)
    if array.ndim not in (2, 3):
        raise ValueError(f"pictures must be (N, height, width) or one of them, got {array.shape}")
    ink = np.pad(array.reshape(-1, *array.shape[-2:]) > INK, ((0, 0), (1, 1), (1, 1)))
    skeleton = ink.copy()
    busy = np.arange(len(ink))
    while len(busy):
        part = skeleton[busy]
        before = part.sum(axis=(1, 2))
        for goes in _GOES:
            part[:, 1:-1, 1:-1] &= ~goes[_neighbourhood(part)]
        skeleton[busy] = part
        busy = busy[part.sum(axis=(1, 2)) < before]
    for i in np.flatnonzero(ink.any(axis=(1, 2)) & ~skeleton.any(axis=(1, 2))):
        rows, columns = np.nonzero(ink[i])
        nearest = np.hypot(rows - rows.mean(), columns - columns.mean()).argmin()
        skeleton[i, rows[nearest], columns[nearest]] = True
    return skeleton[:, 1:-1, 1:-1].reshape(array.shape)


def _neighbourhood(pictures: np.ndarray) -> np.ndarray:
    """Each inner pixel's neighbours as a number: bit k is neighbour k of `AROUND`."""
    height, width = pictures.shape[1:]
    code = np.zeros((len(pictures), height - 2, width - 2), np.uint8)
    for bit, (down, right) in enumerate(AROUND):
        part = pictures[:, 1 + down : height - 1 + down, 1 + right : width - 1 + right]
        code |= part.view(np.uint8) << bit
    return code


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Whether a pixel goes in the first and in the second pass, by its neighbourhood."""
    p = np.arange(256)[:, None] >> np.arange(8) & 1  # P2 … P9 in columns
    count = p.sum(axis=1)
    begins = ((p == 0) & (np.roll(p, -1, axis=1) == 1)).sum(axis=1)  # 0 → 1 on the way round
    inner = (count >= 2) & (count <= 6) & (begins == 1)
    up, right, down, left = p[:, 0], p[:, 2], p[:, 4], p[:, 6]
    first = inner & (up * right * down == 0) & (right * down * left == 0)
    second = inner & (up * right * left == 0) & (up * down * left == 0)
    return first, second


_GOES = _tables()


# From the line to the path of a pen ------------------------------------------------------------


def trace(skeleton: ArrayLike) -> list[np.ndarray]:
    """The strokes of one skeleton (height, width): polylines (points, 2) of x and y in pixels.

    A stroke begins at an end of a line, or at the top of a ring, to the left, and goes on as
    straight as it can where lines cross, over pixels it has passed before if need be. It is then
    turned so that it runs from top to bottom, and so are the strokes in their order: a pen's true
    path is not in the picture, and this is how most people write. Burrs shorter than `SHORTEST`
    pixels are dropped.
    """
    lines = check_array("skeleton", skeleton)
    if lines.ndim != 2:
        raise ValueError(f"skeleton must be (height, width), got {lines.shape}")
    free = {(int(x), int(y)) for y, x in np.argwhere(lines)}  # not passed yet
    every, strokes = frozenset(free), []
    while free:
        stroke = _follow(_beginning(free), free, every)
        if len(stroke) >= SHORTEST or not (strokes or free):
            strokes.append(np.array(stroke, float))
    if not strokes and every:
        strokes = [np.array([min(every, key=lambda p: p[1])], float)]
    strokes = [s if s[0, 1] <= s[-1, 1] else s[::-1] for s in strokes]
    return sorted(strokes, key=lambda s: s[0, 1])


def _beginning(free: set) -> tuple[int, int]:
    """The highest end of a line; without an end, the highest pixel."""
    ends = [(x, y) for x, y in free if sum((x + r, y + d) in free for d, r in AROUND) <= 1]
    return min(ends or free, key=lambda p: (p[1], p[0]))


def _follow(point: tuple[int, int], free: set, every: frozenset) -> list[tuple[int, int]]:
    """The pixels from `point` on; they are taken out of `free`."""
    stroke = [point]
    free.discard(point)
    while True:
        x, y = stroke[-1]
        back = stroke[max(len(stroke) - TURN, 0)]
        direction = (x - back[0], y - back[1]) if len(stroke) > 1 else (-1, 0)
        best, found = -2.0, None
        for right, down, through in _REACH:
            if (x + right, y + down) not in free:
                continue
            if through and (
                found or not any((x + r, y + d) in every for r, d in through)
            ):  # two pixels away: only if none is beside, and over the line itself
                continue
            length = np.hypot(right, down) * (np.hypot(*direction) or 1)
            straight = (right * direction[0] + down * direction[1]) / length
            if through and straight < 0.5:
                continue
            straight += 0.3 * (right * down == 0 and not through)  # along a stair, not over it
            if straight > best:
                best, found = straight, (x + right, y + down)
        if found is None:
            return stroke
        stroke.append(found)
        free.discard(found)


def _reach() -> list[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """(right, down, the pixels between) of the eight neighbours and the sixteen around them."""
    near = [(right, down, ()) for down, right in AROUND]
    far = []
    for down in range(-2, 3):
        for right in range(-2, 3):
            if max(abs(down), abs(right)) == 2:
                between = tuple(
                    (r, d) for d, r in AROUND if max(abs(right - r), abs(down - d)) == 1
                )
                far.append((right, down, between))
    return near + far


_REACH = _reach()


def strokes_of(picture: ArrayLike) -> list[np.ndarray]:
    """The strokes of one picture (height, width) of numbers in 0 … 1: thinned, traced, smoothed."""
    array = check_array("picture", picture, finite=True)
    if array.ndim != 2:
        raise ValueError(f"picture must be (height, width), got {array.shape}")
    return [_smooth(stroke) for stroke in trace(thin(array))]


def _smooth(stroke: np.ndarray) -> np.ndarray:
    """Each point moved to the mean of five, so that a stair becomes a slope; the ends stay."""
    if len(stroke) < 3:
        return stroke
    wide = np.concatenate([stroke[:1], stroke[:1], stroke, stroke[-1:], stroke[-1:]])
    smooth = np.mean([wide[k : k + len(stroke)] for k in range(5)], axis=0)
    smooth[0], smooth[-1] = stroke[0], stroke[-1]
    return smooth


# From the path to a sequence -------------------------------------------------------------------


def offsets(strokes: Sequence[ArrayLike], *, steps: int = STEPS) -> np.ndarray:
    """A drawing as a sequence (T, 3) float32: right, down, and 1 where the pen is lifted after it.

    `strokes` are polylines of points (x, y) or, as the drawing pad has them, (x, y, t). The drawing
    is scaled so that its longer side is `steps` long, and points are set one step apart along each
    stroke, so writing slowly changes nothing. The first offset counts from the drawing's middle.
    An empty drawing gives (0, 3).
    """
    check_number("steps", steps, low=1, whole=True)
    lines = []
    for stroke in strokes:
        if isinstance(stroke, Sequence | np.ndarray) and len(stroke) == 0:
            continue
        line = check_array("strokes", stroke, dtype=float, finite=True)
        if line.ndim != 2 or line.shape[1] not in (2, 3):
            raise ValueError(
                "strokes must be polylines of points (x, y) or (x, y, t), got one of shape"
                f" {line.shape}: a single stroke goes in as [stroke]"
            )
        lines.append(line[:, :2])
    if not lines:
        return np.zeros((0, 3), np.float32)
    every = np.concatenate(lines)
    low, high = every.min(axis=0), every.max(axis=0)
    side = (high - low).max()
    scale = steps / side if side > 0 else 1.0
    drawn = [_resample((line - (low + high) / 2) * scale) for line in lines]
    points = np.concatenate(drawn)
    lifted = np.zeros((len(points), 1))
    lifted[np.cumsum([len(line) for line in drawn]) - 1] = 1
    moves = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    return np.concatenate([moves, lifted], axis=1).astype(np.float32)


def _resample(line: np.ndarray) -> np.ndarray:
    """Points about one apart along the polyline, its ends among them; a dot stays one point.

    Points closer than `TREMBLE` to the one before are left out first: a slow hand's trembling, and
    the screen's pixels, would make the way longer than it is.
    """
    if len(line) > 2 and (np.hypot(*np.diff(line, axis=0).T) < TREMBLE).any():
        kept = [line[0]]
        for point in line[1:-1]:
            if np.hypot(*(point - kept[-1])) >= TREMBLE:
                kept.append(point)
        line = np.array([*kept, line[-1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    if along[-1] < 0.5:
        return line[:1]
    at = np.linspace(0, along[-1], max(round(along[-1]), 1) + 1)
    return np.column_stack([np.interp(at, along, line[:, k]) for k in range(2)])


def drawn(sequence: ArrayLike) -> list[np.ndarray]:
    """The strokes (points, 2) of a sequence of offsets (T, 3), around the drawing's middle."""
    rows = check_array("sequence", sequence, ("T", 3), finite=True)
    points = np.cumsum(rows[:, :2], axis=0, dtype=float)
    ends = np.flatnonzero(rows[:-1, 2] > 0.5) + 1
    return np.split(points, ends)


def pad(sequences: Sequence[np.ndarray], length: int | None = None) -> tuple[np.ndarray, ...]:
    """Sequences (T_i, D) side by side: x (T, N, D) with zeros at the end, mask (T, N), lengths."""
    if not len(sequences):
        raise ValueError("sequences is empty: at least one is needed")
    arrays = [np.asarray(one) for one in sequences]
    if any(one.ndim != 2 for one in arrays) or len({one.shape[1] for one in arrays}) != 1:
        shapes = sorted({one.shape for one in arrays})[:5]
        raise ValueError(f"sequences must be arrays (T_i, D) of one D, got shapes {shapes}")
    lengths = np.array([len(one) for one in arrays])
    steps = int(lengths.max())
    if length is not None:
        steps = int(check_number("length", length, whole=True))
    if steps < lengths.max():
        raise ValueError(f"length must be at least {lengths.max()}, the longest, got {length}")
    kind = np.result_type(*{one.dtype for one in arrays})
    x = np.zeros((steps, len(arrays), arrays[0].shape[1]), kind)
    for i, one in enumerate(arrays):
        x[: len(one), i] = one
    return x, np.arange(steps)[:, None] < lengths, lengths


def pen_digits() -> tuple[Sequences, Sequences]:
    """The 5,000 digits of `mnist()` as pen strokes: 4,000 to learn from and 1,000 to test on.

    x is (T, N, 3) float32, offsets of `STEPS` steps a side, padded with zeros; y (N,) int64 the
    digit; mask (T, N) and lengths (N,) say what is padding. Thinned and traced when first asked
    for, in one to two seconds, then kept in memory: the arrays returned are the caller's own.
    """
    return tuple(  # type: ignore[return-value]
        Sequences(
            part.x.copy(),
            part.y.copy(),
            part.mask.copy(),
            part.lengths.copy(),
            part.symbols,
            name=part.name,
        )
        for part in _pen_digits()
    )


@lru_cache(maxsize=1)
def _pen_digits() -> tuple[Sequences, Sequences]:
    split = mnist()
    sequences = [
        offsets([_smooth(stroke) for stroke in trace(skeleton)])
        for skeleton in thin(split.images(split.x))
    ]
    x, mask, lengths = pad(sequences)
    cut = len(split.y_train)
    parts = []
    for y, at in ((split.y_train, slice(cut)), (split.y_test, slice(cut, None))):
        longest = lengths[at].max()
        parts.append(
            Sequences(
                np.ascontiguousarray(x[:longest, at]),
                y,
                np.ascontiguousarray(mask[:longest, at]),
                lengths[at],
                DIGITS,
                name="digits as pen strokes",
            )
        )
    return parts[0], parts[1]
