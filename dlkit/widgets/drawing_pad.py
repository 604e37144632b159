"""A pad to draw a digit on, by mouse, finger, pen or keyboard.

The page inks at once by itself and sends the strokes; here they become 28 × 28 pixels as MNIST's
makers prepared theirs. `rasterise` does that without a page:

    >>> pad = DrawingPad()
    >>> pad.strokes = [[(0.5, 0.1, 0), (0.5, 0.9, 300)]]      # a 1, drawn in 300 ms
    >>> pad.pixels.shape, pad.is_empty
    ((28, 28), False)
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from dlkit.check import check_array, check_between_0_and_1

SIDE = 28  # pixels of a picture
BOX = 20  # pixels of the box that MNIST's digits were scaled into
PEN = 1.25  # radius of the pen in pixels: MNIST's strokes are two to three pixels wide
BLANK = bytes(SIDE * SIDE)  # the drawing on an empty pad, as bytes

Stroke = Sequence[Sequence[float]]  # points (x, y) or (x, y, t): 0..1 from the top left, and ms


class DrawingPad(anywidget.AnyWidget):
    """A square to draw on.

    `strokes` is a list of polylines of points (x, y, t): x and y in 0 … 1 from the top left, t in
    milliseconds since the first point. `pixels` is the drawing as a network wants it. `label` names
    the pad on the page and for a screen reader. `fit=False` leaves the drawing where it was drawn.
    `veil` shades a part of the pad, and shows the box in which MNIST's digits lie. `preview=False`
    hides the small picture of the pixels, for a network that reads the strokes themselves.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    # The page knows its own strokes: sent back, they would undo what was drawn in the meantime.
    strokes = traitlets.List().tag(sync=True, echo_update=False)
    label = traitlets.Unicode("Draw a digit").tag(sync=True)
    background = traitlets.Bytes(b"").tag(  # a loaded picture, 784 bytes, or nothing
        sync=True, from_json=lambda value, _: bytes(value)
    )
    seen = traitlets.Bytes(b"").tag(sync=True)  # `pixels` as bytes, shown beside the pad
    preview = traitlets.Bool(True).tag(sync=True)
    fit = traitlets.Bool(True)  # whether strokes are scaled and centred, as MNIST's makers did
    veil = traitlets.Bytes(b"").tag(sync=True)  # 784 bytes, how dark the shade is, or nothing

    def __init__(self, **traits):
        super().__init__(**traits)
        self._callbacks: list[Callable[[DrawingPad], None]] = []
        self.observe(self._changed, ["strokes", "background", "fit"])
        self._show_seen()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn or loaded."""
        return not self.strokes and not self.background

    @property
    def pixels(self) -> np.ndarray:
        """The drawing as (28, 28) float32, 0 (paper) … 1 (ink), like MNIST's digits.

        All zeros when the pad is empty. A loaded picture stays as it is, and ink goes on top.
        """
        if not self.background:
            return rasterise(self.strokes, fit=self.fit)
        return np.maximum(from_bytes(self.background), rasterise(self.strokes, fit=False))

    def on_draw(self, callback: Callable[["DrawingPad"], None]) -> None:
        """Call `callback(pad)` whenever the drawing has changed."""
        self._callbacks.append(callback)

    def clear(self) -> None:
        """Take everything off the pad."""
        with self.hold_trait_notifications():
            self.background = b""
            self.strokes = []

    def load(self, pixels: ArrayLike) -> None:
        """Put a picture on the pad: (28, 28) or (784,) numbers in 0 … 1."""
        picture = check_array("pixels", np.ravel(np.asarray(pixels)), (SIDE * SIDE,), finite=True)
        check_between_0_and_1("pixels", picture)
        with self.hold_trait_notifications():
            self.strokes = []
            self.background = to_bytes(picture)

    @traitlets.validate("strokes")
    def _valid_strokes(self, proposal: dict) -> list:
        return [[list(point) for point in stroke] for stroke in _points(proposal["value"])]

    def _changed(self, _) -> None:
        self._show_seen()
        for callback in self._callbacks:
            callback(self)

    def _show_seen(self) -> None:
        self.seen = to_bytes(self.pixels)

    def __repr__(self) -> str:
        content = f"{len(self.strokes)} strokes" + (" on a picture" if self.background else "")
        return f"DrawingPad({'empty' if self.is_empty else content})"


def to_bytes(pixels: np.ndarray) -> bytes:
    """A picture of numbers in 0 … 1, (28, 28) or (784,), as 784 bytes, which can be hashed."""
    return np.round(np.ravel(pixels) * 255).astype(np.uint8).tobytes()


def from_bytes(drawing: bytes) -> np.ndarray:
    """784 bytes as a picture (28, 28) float32 in 0 … 1; a `ValueError` for anything else."""
    if not isinstance(drawing, bytes) or len(drawing) != SIDE * SIDE:
        raise ValueError(f"drawing must be {SIDE * SIDE} bytes, one for each pixel")
    return np.frombuffer(drawing, np.uint8).reshape(SIDE, SIDE) / np.float32(255)


def rasterise(strokes: Sequence[Stroke], *, fit: bool = True) -> np.ndarray:
    """Ink strokes with a round pen: (28, 28) float32, 0 (paper) … 1 (ink); no strokes give zeros.

    With `fit` as MNIST was made (LeCun et al. 1998, sec. III-A): scaled into a box of 20 × 20
    pixels with its proportions kept, and moved so that its centre of mass is the picture's centre,
    as far as that cuts off no ink.
    Being strokes, they are scaled before they are inked, so the pen is as wide in every drawing.
    """
    lines = [np.asarray(stroke, float)[:, :2] * SIDE for stroke in _points(strokes)]
    if not lines:
        return np.zeros((SIDE, SIDE), np.float32)
    if not fit:
        return _ink(lines)
    every = np.concatenate(lines)
    low, high = every.min(axis=0), every.max(axis=0)
    longest = (high - low).max()
    scale = (BOX - 2 * PEN) / longest if longest > 1 else 1.0  # a dot stays a dot
    lines = [(line - (low + high) / 2) * scale + SIDE / 2 for line in lines]
    picture = _ink(lines)
    centres = np.arange(SIDE) + 0.5
    mass = np.array([picture.sum(axis=0) @ centres, picture.sum(axis=1) @ centres]) / picture.sum()
    room = (SIDE - BOX) / 2
    move = (SIDE / 2 - mass).clip(-room, room)
    return _ink([line + move for line in lines])


def _ink(lines: list[np.ndarray]) -> np.ndarray:
    """A pixel is as dark as the pen covers it, judged by its distance from the nearest segment."""
    starts = np.concatenate([line[:-1] if len(line) > 1 else line for line in lines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in lines])
    along = ends - starts
    length2 = np.maximum((along**2).sum(axis=1), 1e-12)
    centres = np.arange(SIDE) + 0.5
    from_start_x = centres[None, :] - starts[:, :1]  # (segments, 28)
    from_start_y = centres[None, :] - starts[:, 1:]
    x, y = from_start_x[:, None, :], from_start_y[:, :, None]  # (segments, rows, columns)
    at = (x * along[:, 0, None, None] + y * along[:, 1, None, None]) / length2[:, None, None]
    at = at.clip(0, 1)
    distance2 = (x - at * along[:, 0, None, None]) ** 2 + (y - at * along[:, 1, None, None]) ** 2
    nearest = np.sqrt(distance2.min(axis=0))
    return (PEN + 0.5 - nearest).clip(0, 1).astype(np.float32)


def _points(strokes: Sequence[Stroke]) -> list[list[tuple[float, ...]]]:
    """Strokes as lists of points (x, y, t) inside the pad; `ValueError` if they are none."""
    try:
        drawn = [[tuple(map(float, point)) for point in stroke] for stroke in strokes]
    except (TypeError, ValueError):
        drawn = [[()]]
    if any(
        len(point) not in (2, 3) or not all(map(math.isfinite, point))
        for stroke in drawn
        for point in stroke
    ):
        raise ValueError("strokes must be lists of points (x, y) or (x, y, t) of finite numbers")
    return [
        [(*np.clip(point[:2], 0.0, 1.0).tolist(), *point[2:]) for point in stroke]
        for stroke in drawn
        if stroke
    ]
