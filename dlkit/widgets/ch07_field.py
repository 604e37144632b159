"""Explorer: a stack of convolutions, and what one of its units sees of the input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.widgets.ch04_machine import GREYS
from dlkit.widgets.ch07_stack import (
    POOLS,
    SIDE,
    Span,
    Stack,
    Stage,
    centre,
    expected,
    maps,
    measured,
    nearest,
    spans,
    spread_of,
    stages,
)
from dlkit.widgets.drawn import mnist
from dlkit.widgets.explorer import Explorer, Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import Tile, Tiles, paint

MOST = 5  # convolutions
INPUT = (0.3, 0.55, 4.2)  # left, low and side of the input's picture, in inches
MAPS, MAP, GAP = (4.95, 4.72), 0.84, 0.1  # left and top of the maps, a map's side, between maps
HIGH = 1.08  # from a row of maps to the next
MOVES = {"ArrowLeft": (0, -1), "ArrowRight": (0, 1), "ArrowUp": (-1, 0), "ArrowDown": (1, 0)}


@dataclass(frozen=True, eq=False)
class Field:
    """What one unit sees.

    layers: the stages up to the unit's own; every: all of them; unit: its row and column; rows,
    columns: what it sees along each axis, in the input first and then in each stage; share: of
    each pixel in its squared gradient, (28, 28), measured; theory: the same, if the weights were
    independent; picture: the input, (28, 28); answers: a map of each stage.
    """

    stack: Stack
    layers: tuple[Stage, ...]
    every: tuple[Stage, ...]
    unit: tuple[int, int]
    rows: list[Span]
    columns: list[Span]
    share: np.ndarray
    theory: np.ndarray
    picture: np.ndarray
    answers: tuple[np.ndarray, ...]

    @property
    def stage(self) -> Stage:
        """The stage of the unit."""
        return self.layers[-1]

    @property
    def inside(self) -> float:
        """How much of the unit's field lies in the picture, the rest being padding: 0 … 1."""
        return float(np.prod([_overlap(*axis[0]) for axis in (self.rows, self.columns)])) / (
            self.stage.field**2
        )

    @property
    def middle(self) -> tuple[int, float]:
        """The side of the square in the middle of the field, half as wide, and its share."""
        side = self.stage.field // 2
        side += (self.stage.field - side) % 2  # as many pixels on the left as on the right
        cut = (self.stage.field - side) // 2
        (top, bottom), (left, right) = self.rows[0], self.columns[0]
        rows = slice(max(top + cut, 0), max(bottom - cut + 1, 0))
        columns = slice(max(left + cut, 0), max(right - cut + 1, 0))
        return side, float(self.share[rows, columns].sum())


class ReceptiveField(Explorer):
    """Choose a unit of any layer: which pixels can reach it, and which do.

    kernel, stride, padding: of every convolution; pooling: after each of them; depth: how many
    convolutions; digit: the picture. State: layer, counted from 0, None for the last; place: the
    row and the column of the pixel that the unit looks at, its field's middle.
    """

    title = "The receptive field: what a unit can see, and what it does see"
    size = (9.8, 5.3)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "choose a unit",
        "[": "",
        "]": "choose a layer",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        slider = ipywidgets.IntSlider
        return {
            "kernel": slider(value=3, min=1, max=7, description="kernel"),
            "stride": slider(value=1, min=1, max=3, description="stride"),
            "padding": slider(value=1, min=0, max=3, description="padding"),
            "pooling": ipywidgets.Dropdown(options=list(POOLS), description="pooling"),
            "depth": slider(value=3, min=1, max=MOST, description="convolutions"),
            "digit": slider(value=5, min=0, max=9, description="digit"),
        }

    def state(self) -> dict[str, Any]:
        return {"layer": None, "place": (13.0, 13.0)}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"A unit in the middle": lambda: self.set(place=(13.0, 13.0))}

    def set(self, **values) -> None:
        """As in every explorer; a layer or a place that cannot be is refused."""
        layer = values.get("layer")
        if layer is not None and layer not in range(2 * MOST):
            raise ValueError(f"layer must be None or a number 0 … {2 * MOST - 1}, got {layer!r}")
        if "place" in values:
            values["place"] = _pair(values["place"])
        super().set(**values)

    @staticmethod
    def compute(kernel, stride, padding, pooling, depth, digit, layer, place) -> Field:
        stack = Stack(kernel, stride, padding, pooling, depth)
        every = stages(stack)
        number = len(every) - 1 if layer is None else min(layer, len(every) - 1)
        layers = every[: number + 1]
        row, column = (nearest(layers, pixel) for pixel in place)
        split = mnist()
        picture = split.x_test[int(np.argmax(split.y_test == digit))].astype(np.float32)
        theory = np.outer(expected(layers, row), expected(layers, column))
        return Field(
            stack,
            layers,
            every,
            (row, column),
            spans(layers, row),
            spans(layers, column),
            measured(stack, number, row, column),
            theory / (theory.sum() or 1.0),
            picture.reshape(SIDE, SIDE),
            maps(stack, picture.tobytes()),
        )

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is not self.sheet or event.kind in ("up", "leave"):
            return
        left, low, side = INPUT
        if event.pressed and left <= event.x < left + side and low <= event.y < low + side:
            pixel = SIDE / side
            self.set(place=((low + side - event.y) * pixel - 0.5, (event.x - left) * pixel - 0.5))
            return
        for number, stage in enumerate(self.data.every):
            x, y = _corner(self.data.every, number)
            if x <= event.x < x + MAP and y <= event.y < y + MAP:
                unit = MAP / stage.side
                self.choose(number, int((y + MAP - event.y) / unit), int((event.x - x) / unit))

    def on_key(self, event: Key) -> None:
        number, (row, column) = len(self.data.layers) - 1, self.data.unit
        if event.key in MOVES:
            down, right = MOVES[event.key]
            self.choose(number, row + down, column + right)
        else:
            number += 1 if event.key == "]" else -1
            number = int(np.clip(number, 0, len(self.data.every) - 1))
            self.set(layer=None if number == len(self.data.every) - 1 else number)

    def choose(self, number: int, row: int, column: int) -> None:
        """Look through this unit of stage `number`; beyond the map, through the last one there."""
        layers = self.data.every[: number + 1]
        most = layers[-1].side - 1
        units = int(np.clip(row, 0, most)), int(np.clip(column, 0, most))
        if (number + 1, units) == (len(self.data.layers), self.data.unit):
            return
        self.set(
            layer=None if number == len(self.data.every) - 1 else number,
            place=tuple(centre(layers, unit) for unit in units),
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles = Tiles(self.sheet)
        self.boxes = LineCollection([], linewidths=2, zorder=4)
        self.sheet.add_collection(self.boxes, autolim=False)
        self.labels = Labels(self.sheet)
        self.live(self.tiles, self.boxes, self.labels)

        ax = figure.add_axes((5.4 / width, 0.55 / height, 4.15 / width, 1.55 / height))
        ax.set(xlim=(-0.5, SIDE - 0.5), ylim=(0, 1.45), xlabel="column of the input", yticks=[])
        ax.set_ylabel("squared gradient")
        ax.spines[["top", "right"]].set_visible(False)
        (self.reach,) = ax.plot([], [], color=plots.GREY, lw=6, solid_capstyle="butt", alpha=0.6)
        (self.theory,) = ax.plot([], [], "--", color=plots.BLUE, lw=2.2)
        (self.found,) = ax.plot([], [], "o-", color=plots.VERMILION, lw=1.5, markersize=3.5)
        ax.legend(
            [self.found, self.theory, self.reach],
            ["measured", "theory", "can be seen"],
            fontsize=8.5,
            frameon=False,
            ncols=3,
            loc="upper center",
        ).set_zorder(0)
        self.live(self.reach, self.theory, self.found)

    def draw(self, data: Field) -> None:
        left, low, side = INPUT
        self.tiles.show([Tile(left, low, side, side, self._seen(data), plots.GREY), *self._maps()])
        lines, colours = [], []
        for number, (rows, columns) in enumerate(zip(data.rows, data.columns, strict=True)):
            corner = (left, low) if number == 0 else _corner(data.every, number - 1)
            units = SIDE if number == 0 else data.layers[number - 1].side
            lines.append(_box(rows, columns, corner, side if number == 0 else MAP, units))
            colours.append(plots.VERMILION if number == len(data.layers) else self.ink)
        self.boxes.set_segments(lines)
        self.boxes.set_color(colours)
        pixels = np.arange(SIDE)
        measured_along, expected_along = data.share.sum(axis=0), data.theory.sum(axis=0)
        scale = max(measured_along.max(), expected_along.max(initial=0)) or 1.0
        self.found.set_data(pixels, measured_along / scale)
        self.theory.set_data(pixels, expected_along / scale)
        first, last = data.columns[0]
        self.reach.set_data([first - 0.5, last + 0.5], [0.02, 0.02])
        self.labels.show(self._words(data))

    def _seen(self, data: Field) -> np.ndarray:
        """The picture, pale, and orange upon it: the root of each pixel's share.

        So pale that orange is darker than its ink (on a dark page: lighter), in a grey print too.
        """
        paper, ink, orange = (
            255 * np.array(to_rgb(c)) for c in (plots.PAPER[self.dark], self.ink, plots.ORANGE)
        )
        base = paper + (0.35 if self.dark else 0.2) * data.picture[..., None] * (ink - paper)
        strength = np.sqrt(data.share / (data.share.max() or 1.0))[..., None]
        pixels = np.full((SIDE, SIDE, 4), 255, np.uint8)
        pixels[..., :3] = base + strength * (orange - base) + 0.5
        return pixels[::-1]

    def _maps(self) -> list[Tile]:
        tiles, data = [], self.data
        for number, answer in enumerate(data.answers):
            chosen = number == len(data.layers) - 1
            values = 2 * answer[::-1] / max(float(np.abs(answer).max()), 1e-9) - 1
            pixels = paint(values, GREYS[self.dark])
            frame, line = (plots.VERMILION, 2.5) if chosen else (plots.GREY, 1.0)
            tiles.append(Tile(*_corner(data.every, number), MAP, MAP, pixels, frame, line))
        return tiles

    def _words(self, data: Field) -> list[Label]:
        head, small = Style(self.ink, size=10, anchor=0), Style(self.ink, size=7.5)
        stage, (row, column) = data.stage, data.unit
        words = [
            Label(INPUT[0], 5.0, "The input: box = can be seen, orange = counts", head),
            Label(MAPS[0], 5.0, "One map of each layer: choose a unit", head),
            Label(
                INPUT[0],
                0.3,
                f"{stage.name}, unit ({row}, {column}): {stage.field} × {stage.field} pixels, "
                f"spread {spread_of(data.share):.1f} pixels",
                head,
            ),
        ]
        for number, layer in enumerate(data.every):
            x, y = _corner(data.every, number)
            text = f"{layer.name}: {layer.side} × {layer.side}"
            words.append(Label(x + MAP / 2, y - 0.1, text, small))
        return words

    def describe(self, data: Field) -> str:
        stack, stage, (row, column) = data.stack, data.stage, data.unit
        pooled = "no pooling" if stack.pooling == "none" else f"{stack.pooling} pooling"
        place = f"Unit ({row}, {column}) of {stage.name}, which has {stage.side} × {stage.side},"
        words = [
            f"{stack.depth} {'convolution' if stack.depth == 1 else 'convolutions'} with kernel "
            f"{stack.kernel} × {stack.kernel}, stride {stack.stride}, padding {stack.padding}, "
            f"{pooled}. {place} can see {stage.field} × {stage.field} pixels, "
            f"{_apart(data.rows[0], 'rows')} and {_apart(data.columns[0], 'columns')}; its "
            f"neighbour looks {stage.jump} {'pixel' if stage.jump == 1 else 'pixels'} further."
        ]
        if data.inside < 1:
            outside = 100 * (1 - data.inside)
            words.append(f"{outside:.0f} % of that lies outside the picture, in the padding.")
        if not data.share.any():
            return " ".join([*words, "No pixel of the picture counts: the gradient is 0."])
        side, share = data.middle
        words.append(
            f"The pixels count differently: the {side} × {side} in the middle of the field, "
            f"{100 * side**2 / stage.field**2:.0f} % of it, hold {100 * share:.0f} % of the "
            f"squared gradient. Its spread is {spread_of(data.share):.2f} pixels measured, "
            f"{spread_of(data.theory):.2f} by theory."
        )
        return " ".join(words).replace("-", "−")


def _pair(place: Any) -> tuple[float, float]:
    try:
        row, column = (float(pixel) for pixel in place)
    except (TypeError, ValueError):
        row = column = np.nan
    if not np.isfinite([row, column]).all():
        raise ValueError(f"place must hold two finite numbers, row and column, got {place!r}")
    return row, column


def _overlap(low: int, high: int) -> int:
    """How many of the places low … high lie in the picture."""
    return max(min(high, SIDE - 1) - max(low, 0) + 1, 0)


def _apart(span: Span, name: str) -> str:
    return f"{name} {span[0]} to {span[1]}"


def _corner(every: tuple[Stage, ...], number: int) -> tuple[float, float]:
    """Left and low of a stage's map: convolutions in the upper row, each over its pooling."""
    pooled = any(stage.pools for stage in every)
    column, row = divmod(number, 2) if pooled else (number, 0)
    return MAPS[0] + (MAP + GAP) * column, MAPS[1] - MAP - HIGH * row


def _box(rows: Span, columns: Span, corner: tuple[float, float], side: float, units: int):
    """The outline of these rows and columns of a map with `units` along its side."""
    (left, low), unit = corner, side / units
    top, bottom = (low + side - unit * np.clip(edge, 0, units) for edge in (rows[0], rows[1] + 1))
    west, east = (left + unit * np.clip(edge, 0, units) for edge in (columns[0], columns[1] + 1))
    return [(west, top), (east, top), (east, bottom), (west, bottom), (west, top)]
