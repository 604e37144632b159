"""Explorer: draw a digit and look inside a LeNet: its maps, and which pixels its answer needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.data import moved
from dlkit.models.convolution import Flatten
from dlkit.models.dense import Linear, Sequential, softmax
from dlkit.widgets.ch04_machine import GREYS, tile_of
from dlkit.widgets.ch07_net import check_net, stages_of, trained_lenet
from dlkit.widgets.ch07_stack import SIDE, Span, spans
from dlkit.widgets.drawing_pad import DrawingPad, from_bytes, to_bytes
from dlkit.widgets.drawn import Answer, DrawnExplorer
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.shares import Shares
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint

COVERS = {"paper": 0.0, "grey": 0.5, "ink": 1.0}
ANSWER = "the answer"
AT_ONCE = 32  # covered pictures that the net reads
MOVES = {"ArrowLeft": (0, -1), "ArrowRight": (0, 1), "ArrowUp": (-1, 0), "ArrowDown": (1, 0)}

PICTURE, PICTURES, LOW = 1.42, (0.12, 1.72, 3.32), 4.3  # side, lefts and low, in inches
BARS = (5.2, 4.3, 1.45, 1.42)
ROWS = 4  # in which a dense layer's units stand
BLOCK, LEFTS, TOPS = (3.22, 0.88), (0.12, 3.52), (3.72, 2.56)


@dataclass(frozen=True, eq=False)
class Insight(Answer):
    """What a net makes of a drawing.

    maps: for each stage (channels, side, side); dense: the answers of each hidden layer behind
    them; target: the class that is asked about; cost: (28, 28), by how much its probability falls
    when a square is put there; gradient: (28, 28), ∂z/∂pixel of that class; covered: the
    probabilities with the square at `cover`.
    """

    maps: list[np.ndarray]
    dense: list[np.ndarray]
    target: int
    cost: np.ndarray
    gradient: np.ndarray
    cover: tuple[int, int] | None = None
    covered: np.ndarray | None = None


class WhatItSees(DrawnExplorer):
    """A pad, every feature map of a net, and what its answer hangs on.

    model: a `Sequential` that begins with a Conv2d and takes (N, 1, 28, 28); without one, a LeNet
    that has been trained. right, down: move the drawing, in pixels; square: the side of what covers
    a part of it, and cover_with: its colour; about: the class whose probability is watched. State:
    drawing, the middle of the square or None, and the map that is looked at, (stage, channel).
    """

    title = "What it sees: a LeNet's maps, and the pixels that its answer needs"
    size = (6.8, 6.2)
    beside = True
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "move the covering square",
        "x": "take it away",
        "[": "",
        "]": "choose a map",
    }

    def __init__(self, model: Sequential | None = None, **start):
        self.model = trained_lenet() if model is None else model
        self.classes = check_net(self.model)
        self.kinds = stages_of(self.model)
        if len(self.kinds) > len(LEFTS) * len(TOPS):
            raise ValueError(f"model must have at most 4 kinds of maps, got {len(self.kinds)}")
        self._last: dict[Any, Insight] = {}  # of the present drawing: a hover asks it often
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        names = [str(name) for name in range(self.classes)]
        return {
            "right": ipywidgets.IntSlider(value=0, min=-10, max=10, description="move right by"),
            "down": ipywidgets.IntSlider(value=0, min=-10, max=10, description="move down by"),
            "square": ipywidgets.IntSlider(value=5, min=1, max=14, description="covering square"),
            "cover_with": ipywidgets.Dropdown(options=list(COVERS), description="covered with"),
            "about": ipywidgets.Dropdown(options=[ANSWER, *names], description="asked about"),
            "example": ipywidgets.Dropdown(options=["any", *names], description="test digit"),
        }

    def state(self) -> dict[str, Any]:
        return super().state() | {"cover": None, "chosen": (0, 0)}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"Show a test digit": self.show_digit}

    def drawn(self, pad: DrawingPad) -> None:
        """A new drawing begins where it is drawn."""
        self.set(drawing=to_bytes(pad.pixels), **({"right": 0, "down": 0} if pad.is_empty else {}))

    def set(self, **values) -> None:
        """As in every explorer; a place or a map that is none is refused."""
        if values.get("cover") is not None:
            values["cover"] = _place(values["cover"])
        if "chosen" in values:
            values["chosen"] = self._map(values["chosen"])
        super().set(**values)

    def _map(self, chosen: Any) -> tuple[int, int]:
        counts = self._channels()
        try:
            stage, channel = (int(number) for number in chosen)
            if (stage, channel) == tuple(chosen) and 0 <= channel < dict(enumerate(counts))[stage]:
                return stage, channel
        except (TypeError, ValueError, KeyError):
            pass
        raise ValueError(f"chosen must be a stage and one of its {counts} maps, got {chosen!r}")

    def _channels(self) -> list[int]:
        """How many maps each stage has."""
        blank = np.zeros((1, 1, SIDE, SIDE), np.float32)
        if not hasattr(self, "_counts"):
            self._counts = [maps.shape[0] for maps in look(self.model, self.kinds, blank)[1]]
        return self._counts

    def compute(self, *, drawing, right, down, square, cover_with, about, cover, **_) -> Insight:
        key = drawing, right, down, square, cover_with, about
        if key not in self._last:
            target = None if about == ANSWER else int(about)
            pixels, colour = moved(from_bytes(drawing), right, down), COVERS[cover_with]
            self._last = {key: insight(self.model, self.kinds, pixels, target, square, colour)}
        found = self._last[key]
        if cover is None or found.empty:
            return found
        (says,) = answers(
            self.model, found.pixels, squares(square)[cover][None], COVERS[cover_with]
        )
        return replace(found, cover=cover, covered=says)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        for left in PICTURES[:2] if event.kind != "leave" else ():
            x, y = (event.x - left) / PICTURE, (LOW + PICTURE - event.y) / PICTURE
            if 0 <= x < 1 and 0 <= y < 1:
                self.set(cover=(int(SIDE * y), int(SIDE * x)))
                return
        for stage, channel, tile in self._places():
            left, low, side = tile
            if 0 <= event.x - left < side and 0 <= event.y - low < side:
                if event.kind == "down":
                    self.set(chosen=(stage, channel), cover=None)
                return
        if self.values["cover"] is not None:
            self.set(cover=None)

    def on_key(self, event: Key) -> None:
        if event.key in MOVES:
            down, right = MOVES[event.key]
            row, column = self.values["cover"] or (SIDE // 2, SIDE // 2)
            self.set(
                cover=(
                    int(np.clip(row + down, 0, SIDE - 1)),
                    int(np.clip(column + right, 0, SIDE - 1)),
                )
            )
        elif event.key == "x":
            self.set(cover=None)
        else:
            every = [(s, c) for s, count in enumerate(self._channels()) for c in range(count)]
            step = 1 if event.key == "]" else -1
            place = every.index(self.values["chosen"])
            self.set(chosen=every[(place + step) % len(every)])

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        self.outlines = LineCollection([], linewidths=1.8, zorder=4)
        self.sheet.add_collection(self.outlines, autolim=False)
        self.bars = Shares(self.sheet, BARS, range(self.classes))
        unnamed, colour = [""] * self.classes, plots.VERMILION
        self.second = Shares(self.sheet, BARS, unnamed, colour=colour, thick=0.34)
        self.live(*self.bars.artists, *self.second.artists, self.tiles, self.outlines, self.labels)

    def draw(self, data: Insight) -> None:
        self.pad.seen = to_bytes(data.pixels)  # moved, too
        self.bars.show(None if data.empty else data.probabilities, data.likeliest)
        self.second.show(data.covered)
        self.tiles.show([*self._pictures(data), *self._map_tiles(data), *self._dense_tiles(data)])
        self.outlines.set_segments([])
        lines, colours = [], []
        if not data.empty:
            rows, columns, _ = self._looks_at(data)
            lines.append(_outline(rows, columns, PICTURES[0]))
            colours.append(plots.BLUE if not self.dark else plots.SKY)
        if data.cover is not None:
            row, column = (_span(at, self.values["square"]) for at in data.cover)
            lines += [_outline(row, column, left) for left in PICTURES[:2]]
            colours += [plots.VERMILION] * 2
        self.outlines.set_segments(lines)
        self.outlines.set_color(colours or [plots.GREY])
        self.labels.show(self._words(data))

    def _pictures(self, data: Insight) -> Iterator[Tile]:
        gradient = 0 * data.gradient if data.empty else data.gradient
        gradient = gradient / (np.abs(gradient).max() or 1.0)
        signed = SIGNED[self.dark]
        pictures = (
            tile_of(data.pixels, self.dark),
            paint(data.cost[::-1], signed),
            paint(gradient[::-1], signed),
        )
        for left, pixels in zip(PICTURES, pictures, strict=True):
            yield Tile(left, LOW, PICTURE, PICTURE, pixels, frame=plots.GREY)

    def _places(self) -> Iterator[tuple[int, int, tuple[float, float, float]]]:
        """Stage, channel, and left, low and side of each map on the sheet."""
        for stage, count in enumerate(self._channels()):
            row, column = divmod(stage, len(LEFTS))
            wide, high = BLOCK
            columns = _columns(count, wide, high)
            side = min(wide / columns, high / -(-count // columns))
            for channel in range(count):
                down, right = divmod(channel, columns)
                left, top = LEFTS[column] + side * right, TOPS[row] - side * down
                yield stage, channel, (left, top - side, 0.94 * side)

    def _map_tiles(self, data: Insight) -> Iterator[Tile]:
        painted = [self._painted(0 * maps if data.empty else maps) for maps in data.maps]
        for stage, channel, (left, low, side) in self._places():
            chosen = (stage, channel) == self.values["chosen"]
            frame, line = (self.ink, 2.2) if chosen else (plots.GREY, 0.8)
            yield Tile(left, low, side, side, painted[stage][channel], frame, line)

    def _painted(self, maps: np.ndarray) -> np.ndarray:
        """A stage's maps (channels, side, side) as colours, lowest row first."""
        values = maps[:, ::-1] / (np.abs(maps).max() or 1.0)
        if maps.min() < 0:
            return paint(values, SIGNED[self.dark])
        return paint(2 * values - 1, GREYS[self.dark])

    def _dense_tiles(self, data: Insight) -> Iterator[Tile]:
        for number, answers in enumerate(data.dense[:2]):
            columns = -(-len(answers) // ROWS)
            cells = np.full(ROWS * columns, np.nan)
            largest = float(np.abs(answers).max()) or 1.0
            cells[: len(answers)] = 0 if data.empty else answers / largest
            pixels = paint(cells.reshape(ROWS, columns)[::-1], SIGNED[self.dark])
            cell = min(BLOCK[0] / columns, 0.1)
            place = (LEFTS[number], 1.25 - ROWS * cell, cell * columns, ROWS * cell)
            yield Tile(*place, pixels, frame=plots.GREY)

    def _looks_at(self, data: Insight) -> tuple[Span, Span, tuple[int, int]]:
        """What the strongest unit of the chosen map sees, and where it stands in its map."""
        stage, channel = self.values["chosen"]
        answers = data.maps[stage][channel]
        row, column = (int(i) for i in np.unravel_index(answers.argmax(), answers.shape))
        layers = self.kinds[stage][1]
        return spans(layers, row)[0], spans(layers, column)[0], (row, column)

    def _words(self, data: Insight) -> Iterator[Label]:
        head, small = Style(self.ink, size=9, anchor=0), Style(self.ink, size=8, anchor=0)
        about = "" if data.empty else f"({data.target})"
        titles = "your drawing", f"covered here: p{about}", f"pixels that raise z{about}"
        for left, text in zip(PICTURES, titles, strict=True):
            yield Label(left, LOW + PICTURE + 0.16, text, head)
        yield Label(BARS[0] - 0.2, LOW + PICTURE + 0.16, "what it says", head)
        notes = "", "orange: it falls, blue: it rises", "orange: raise, blue: lower"
        for left, text in zip(PICTURES, notes, strict=True):
            yield Label(left, LOW - 0.13, text, Style(self.ink, size=7.5, anchor=0))
        if data.covered is not None:
            yield Label(BARS[0] - 0.2, LOW - 0.13, "narrow bars: with the square", small)
        for stage, (_, layers) in enumerate(self.kinds):
            row, column = divmod(stage, len(LEFTS))
            layer, count = layers[-1], self._channels()[stage]
            text = f"{layer.name}: {count} maps of {layer.side} × {layer.side}"
            yield Label(LEFTS[column], TOPS[row] + 0.13, text, head)
        for number, answers in enumerate(data.dense[:2]):
            text = f"dense layer {number + 1}: {len(answers)} units"
            yield Label(LEFTS[number], 1.38, text, head)
        if data.empty:
            words = "The pad is empty: draw a digit."
            yield Label(LEFTS[0], 0.5, words, Style(self.ink, size=11, anchor=0))
            return
        for line, text in enumerate(self._about_map(data)):
            yield Label(LEFTS[0], 0.62 - 0.23 * line, text, head)

    def _about_map(self, data: Insight) -> tuple[str, str]:
        stage, channel = self.values["chosen"]
        rows, columns, (row, column) = self._looks_at(data)
        maps, field = data.maps[stage][channel], self.kinds[stage][1][-1].field
        return (
            f"Map {channel + 1} of {self.kinds[stage][1][-1].name}: strongest with "
            f"{maps.max():.2f} at ({row}, {column}); {100 * (maps > 0).mean():.0f} % of its units "
            "are on.",
            f"That unit sees {field} × {field} pixels: rows {rows[0]} to {rows[1]}, columns "
            f"{columns[0]} to {columns[1]} (the blue box).",
        )

    def describe(self, data: Insight) -> str:
        if data.empty:
            return (
                "The pad is empty: draw a digit with the mouse, a finger or the keyboard, or press "
                "“Show a test digit”."
            )
        p, target = data.probabilities, data.target
        first, second = np.argsort(-p)[:2]
        change = np.abs(data.cost)
        row, column = (int(i) for i in np.unravel_index(change.argmax(), change.shape))
        becomes = p[target] - data.cost[row, column]
        square, colour = self.values["square"], self.values["cover_with"]
        up, down = (int((sign * data.gradient > 0).sum()) for sign in (1, -1))
        on = data.gradient * data.pixels
        words = [
            f"The net says {first} with {100 * p[first]:.1f} %, then {second} with "
            f"{100 * p[second]:.1f} %.",
            f"Covered by {square} × {square} pixels of {colour}, p({target}) = {p[target]:.2f} "
            f"changes most, to {abs(becomes):.2f}, with the square around row {row}, column "
            f"{column}; at {100 * (change > 0.1).mean():.0f} % of the places it changes by more "
            f"than 0.1. Ink would raise z({target}) at {up} pixels and lower it at {down}; the ink "
            f"that is there adds {on[on > 0].sum():.1f} and takes {-on[on < 0].sum():.1f} by the "
            "gradient.",
        ]
        if data.cover is not None and data.covered is not None:
            says = int(data.covered.argmax())
            words.append(
                f"With the square at row {data.cover[0]}, column {data.cover[1]} it says {says} "
                f"with {100 * data.covered[says]:.1f} %, and p({target}) is "
                f"{data.covered[target]:.2f}."
            )
        return " ".join([*words, *self._about_map(data)]).replace("-", "−")


# What the net says --------------------------------------------------------------------------------


def look(model: Sequential, kinds: list, x: np.ndarray) -> tuple[np.ndarray, list, list]:
    """z (classes,), the maps of each stage and the answers of each hidden dense layer, to x."""
    wanted = [position for position, _ in kinds]
    flat = next(i for i, layer in enumerate(model.layers) if isinstance(layer, Flatten))
    maps, dense = [], []
    for position, layer in enumerate(model.layers):
        x = layer(x)
        if position in wanted:
            maps.append(x[0].copy())
        elif position > flat and not isinstance(layer, Linear):
            dense.append(x[0].copy())
    return x[0], maps, dense


def insight(
    model: Sequential,
    kinds: list,
    pixels: np.ndarray,
    target: int | None,
    square: int,
    colour: float,
) -> Insight:
    """Everything about a drawing (28, 28); `target` None asks about the likeliest class.

    The gradient ∂z/∂x of a class is Simonyan, Vedaldi and Zisserman's saliency (2013), the covering
    square Zeiler and Fergus's (2014).
    """
    x = pixels.reshape(1, 1, SIDE, SIDE).astype(np.float32)
    z, maps, dense = look(model, kinds, x)
    p = softmax(z)
    target = int(p.argmax()) if target is None else target
    grad = np.zeros((1, len(z)), x.dtype)
    grad[0, target] = 1
    gradient = model.backward(grad)[0, 0].copy()
    hidden, cost = squares(square), np.zeros((SIDE, SIDE))
    changed = (hidden & (pixels != colour)).any(axis=(2, 3))  # paper upon paper changes nothing
    if pixels.any() and changed.any():
        cost[changed] = p[target] - answers(model, pixels, hidden[changed], colour)[:, target]
    return Insight(pixels, p, maps, dense, target, cost, gradient)


def answers(model: Sequential, pixels: np.ndarray, hidden: np.ndarray, colour: float) -> np.ndarray:
    """The probabilities (n, classes) of the picture with each of `hidden` (n, 28, 28) covered.

    The net reads `AT_ONCE` of them at a time: what it needs for all, and even for twice as many,
    would be new memory from the system for each drawing, and take up to twice as long.
    """
    parts = [hidden[first : first + AT_ONCE] for first in range(0, len(hidden), AT_ONCE)]
    return softmax(np.concatenate([model(covered(pixels, part, colour)) for part in parts]))


def covered(pixels: np.ndarray, hidden: np.ndarray, colour: float) -> np.ndarray:
    """The picture (28, 28) with a colour where each of `hidden` (n, 28, 28) is: (n, 1, 28, 28)."""
    return np.where(hidden, np.float32(colour), pixels.astype(np.float32))[:, None]


@lru_cache(maxsize=SIDE)
def squares(side: int) -> np.ndarray:
    """The pixels of a square of this side around each place: (28, 28, 28, 28) truth values."""
    at = np.arange(SIDE)
    first = at[:, None] - (side - 1) // 2
    near = (first <= at) & (at < first + side)
    return near[:, None, :, None] & near[:, None, :]


def _span(at: int, square: int) -> Span:
    """The rows, or the columns, of a square around `at`."""
    first = at - (square - 1) // 2
    return first, first + square - 1


def _outline(rows: Span, columns: Span, left: float) -> list[tuple[float, float]]:
    """A box around these pixels of a picture of the top row."""
    pixel = PICTURE / SIDE
    top, bottom = (
        LOW + PICTURE - pixel * float(np.clip(edge, 0, SIDE)) for edge in (rows[0], rows[1] + 1)
    )
    west, east = (
        left + pixel * float(np.clip(edge, 0, SIDE)) for edge in (columns[0], columns[1] + 1)
    )
    return [(west, top), (east, top), (east, bottom), (west, bottom), (west, top)]


def _columns(count: int, wide: float, high: float) -> int:
    """In how many columns `count` squares fill a block best."""
    return max(range(1, count + 1), key=lambda n: min(wide / n, high / -(-count // n)))


def _place(cover: Any) -> tuple[int, int]:
    try:
        row, column = (int(pixel) for pixel in cover)
        if (row, column) == tuple(cover) and 0 <= min(row, column) <= max(row, column) < SIDE:
            return row, column
    except (TypeError, ValueError):
        pass
    raise ValueError(f"cover must be None or a row and a column 0 … {SIDE - 1}, got {cover!r}")
