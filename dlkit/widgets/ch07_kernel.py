"""Explorer: paint a kernel, and see what a convolution with it makes of a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlkit import plots
from dlkit.check import check_array
from dlkit.models.convolution import Conv2d
from dlkit.widgets.ch04_machine import GREYS
from dlkit.widgets.drawing_pad import from_bytes, to_bytes
from dlkit.widgets.drawn import DrawnExplorer
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint

PHOTOGRAPHS = {"temple": "china.jpg", "flower": "flower.jpg"}  # scikit-learn ships them
DRAWING = "your drawing"
SIDE = 100  # pixels of a photograph, shrunk
SIZES = (3, 5)
MOST = 9  # the largest weight that can be painted
PRESETS = {
    "blur": [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
    "nothing (one pixel)": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "move left": [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
    "vertical edges": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "horizontal edges": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "all edges": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "empty": [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
}
WIDE = {  # where five by five is more than three by three with a border
    "blur": np.ones((5, 5)),
    "move left": np.eye(5)[2][:, None] * np.eye(5)[4],
    "all edges": np.where(np.arange(25).reshape(5, 5) == 12, 24, -1),
}
SUM, AS_IT_IS = "by the sum of the weights", "by 1"
MOVES = {"ArrowLeft": (0, -1), "ArrowRight": (0, 1), "ArrowUp": (-1, 0), "ArrowDown": (1, 0)}


SHOW, LEFTS, LOW = 3.0, (0.12, 3.6), 2.6  # side, lefts and low of the pictures, in inches
CELLS, CELL_LEFTS, CELL_LOW = 1.7, (0.12, 2.3, 4.48), 0.28


@dataclass(frozen=True, eq=False)
class Filtered:
    """A picture and what the kernel makes of it.

    picture: (H, W) in 0 … 1; weights: (k, k) as painted; divisor: what they are divided by;
    output: (H', W'); place: the row and column of the output that is looked at; patch: the (k, k)
    pixels under the kernel there, 0 beyond the border; products: weight × pixel / divisor.
    """

    picture: np.ndarray
    weights: np.ndarray
    divisor: float
    stride: int
    padding: int
    output: np.ndarray
    place: tuple[int, int]
    patch: np.ndarray
    products: np.ndarray

    @property
    def total(self) -> float:
        """The sum of the products."""
        return float(self.products.sum())

    @property
    def corner(self) -> tuple[int, int]:
        """The row and column of the picture under the kernel's first weight."""
        row, column = self.place
        return self.stride * row - self.padding, self.stride * column - self.padding


class KernelLab(DrawnExplorer):
    """Paint a 3×3 or 5×5 kernel, on a photograph or on your drawing.

    picture: what is looked at; preset, size: the kernel to begin with; brush: the weight that a
    click on the kernel paints; divide: by the weights' sum, where it is above 0, or by 1; stride
    and padding as in `Conv2d`. State: drawing, the place of the output that is looked at, the
    chosen weight, and what was painted. `set_kernel` takes a kernel as an array.
    """

    title = "Kernel lab: one small kernel, all over a picture"
    size = (6.75, 6.0)
    beside = True
    pad_options = {"label": "Draw something", "fit": False}  # noqa: RUF012
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "choose a weight (with Shift: move over the picture)",
        "+": "",
        "-": "raise or lower the weight",
        " ": "paint it with the brush",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        dropdown, slider = ipywidgets.Dropdown, ipywidgets.IntSlider
        return {
            "picture": dropdown(options=[*PHOTOGRAPHS, DRAWING], description="picture"),
            "preset": dropdown(options=list(PRESETS), value="vertical edges", description="kernel"),
            "size": dropdown(options=[(f"{k} × {k}", k) for k in SIZES], description="size"),
            "divide": dropdown(options=[SUM, AS_IT_IS], description="divided"),
            "brush": slider(value=1, min=-MOST, max=MOST, description="brush"),
            "stride": slider(value=1, min=1, max=4, description="stride"),
            "padding": slider(value=0, min=0, max=4, description="padding"),
        }

    def state(self) -> dict[str, Any]:
        return super().state() | {"place": None, "chosen": (1, 1), "painted": None}

    def set(self, **values) -> None:
        """As in every explorer; a place, a weight or a kernel that is none is refused."""
        for name in ("place", "chosen"):
            if values.get(name) is not None:
                values[name] = _pair(name, values[name])
        if values.get("painted") is not None:
            preset, size, weights = values["painted"]
            values["painted"] = preset, size, _kernel(weights, (size,))
        super().set(**values)

    def drawn(self, pad) -> None:
        """A stroke on the pad: look at it."""
        self.set(picture=DRAWING, drawing=to_bytes(pad.pixels))

    def set_kernel(self, weights: ArrayLike) -> None:
        """Use these weights, (3, 3) or (5, 5) numbers."""
        weights = _kernel(weights, SIZES)
        size = len(weights)
        self.set(size=size, painted=(self.values["preset"], size, weights))

    def paint(self, row: int, column: int, weight: float) -> None:
        """Give one weight of the kernel a value, -9 … 9."""
        if not abs(weight) <= MOST:
            raise ValueError(f"A weight lies between -{MOST} and {MOST}.".replace("-", "−"))
        weights = self.data.weights.copy()
        weights[row, column] = weight
        preset, size = self.values["preset"], self.values["size"]
        self.set(painted=(preset, size, weights), chosen=(row, column))

    @staticmethod
    def compute(
        *, picture, preset, size, divide, stride, padding, drawing, place, painted, **_
    ) -> Filtered:
        pixels = from_bytes(drawing).astype(float) if picture == DRAWING else photograph(picture)
        weights = begin(preset, size)
        if painted is not None and painted[:2] == (preset, size):  # another preset begins anew
            weights = painted[2]
        total = float(weights.sum())
        divisor = total if divide == SUM and total > 1e-9 else 1.0  # never turns the sign
        layer = Conv2d(
            *(1, 1, size),
            stride=stride,
            padding=padding,
            rng=np.random.default_rng(0),
            dtype=np.float64,
        )
        layer.load_state_dict({"weight": (weights / divisor)[None, None], "bias": np.zeros(1)})
        output = layer(pixels[None, None])[0, 0]
        limits = np.array(output.shape) - 1
        row, column = np.clip(limits // 2 if place is None else place, 0, limits).tolist()
        padded = np.pad(pixels, padding)
        top, left = stride * row, stride * column
        patch = padded[top : top + size, left : left + size]
        products = weights * patch / divisor
        return Filtered(
            *(pixels, weights, divisor, stride, padding, output, (row, column), patch, products)
        )

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.kind == "leave":
            return
        size = self.values["size"]
        x, y = event.x - CELL_LEFTS[0], CELL_LOW + CELLS - event.y
        if 0 <= x < CELLS and 0 <= y < CELLS:
            if event.kind == "down" or (event.kind == "move" and event.pressed):
                row, column = int(size * y / CELLS), int(size * x / CELLS)
                self.paint(row, column, self.values["brush"])
            return
        for left, over_output in zip(LEFTS, (False, True), strict=True):
            x, y = (event.x - left) / SHOW, (LOW + SHOW - event.y) / SHOW
            if 0 <= x < 1 and 0 <= y < 1:
                self.set(place=self._under(y, x, over_output))

    def _under(self, down: float, right: float, over_output: bool) -> tuple[int, int]:
        """The place of the output for a point of one of the pictures, as shares of its sides."""
        data = self.data
        if over_output:
            rows, columns = data.output.shape
            return int(down * rows), int(right * columns)
        middle = (len(data.weights) - 1) / 2
        pixels = np.array([down, right]) * data.picture.shape - 0.5
        at = np.round((pixels - middle + data.padding) / data.stride)
        row, column = np.clip(at, 0, np.array(data.output.shape) - 1).astype(int).tolist()
        return row, column

    def on_key(self, event: Key) -> None:
        (row, column), size = self.values["chosen"], self.values["size"]
        row, column = min(row, size - 1), min(column, size - 1)
        if event.key in MOVES and event.shift:
            at = np.array(self.data.place) + MOVES[event.key]
            at = np.clip(at, 0, np.array(self.data.output.shape) - 1)
            self.set(place=tuple(at.tolist()))
        elif event.key in MOVES:
            down, right = MOVES[event.key]
            self.set(chosen=((row + down) % size, (column + right) % size))
        elif event.key == " ":
            self.paint(row, column, self.values["brush"])
        else:
            step = 1 if event.key == "+" else -1
            self.paint(row, column, float(self.data.weights[row, column]) + step)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        ink = {"color": plots.INK[0], "fontsize": 14, "ha": "center", "va": "center"}
        for x, sign in zip((2.06, 4.24), "×=", strict=True):
            self.sheet.text(x, CELL_LOW + CELLS / 2, sign, **ink)
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        self.boxes = LineCollection([], linewidths=2, zorder=5, clip_on=False)
        self.sheet.add_collection(self.boxes, autolim=False)
        self.live(self.tiles, self.boxes, self.labels)

    def draw(self, data: Filtered) -> None:
        self.tiles.show(self._tiles(data))
        size = len(data.weights)
        row, column = (min(at, size - 1) for at in self.values["chosen"])
        cell = CELLS / size
        self.boxes.set_segments(
            [
                _box(*data.corner, size, data.picture.shape, LEFTS[0], LOW, SHOW),
                _box(*data.place, 1, data.output.shape, LEFTS[1], LOW, SHOW),
                _frame(
                    CELL_LEFTS[0] + cell * column, CELL_LOW + CELLS - cell * (row + 1), cell, cell
                ),
            ]
        )
        self.boxes.set_color([plots.VERMILION, plots.VERMILION, self.ink])
        self.labels.show(self._words(data))

    def _tiles(self, data: Filtered) -> Iterator[Tile]:
        for left, values in zip(LEFTS, (data.picture, data.output), strict=True):
            yield Tile(left, LOW, SHOW, SHOW, self._pixels(values), frame=plots.GREY)
        for left, colours in zip(CELL_LEFTS, self._colours(data), strict=True):
            yield Tile(left, CELL_LOW, CELLS, CELLS, colours[::-1], frame=plots.GREY)

    def _pixels(self, values: np.ndarray) -> np.ndarray:
        """Grey where nothing is negative, else blue below zero and orange above."""
        if values.min() < -1e-9:
            return paint(values[::-1] / np.abs(values).max(), SIGNED[self.dark])
        return paint(2 * values[::-1] / max(values.max(), 1.0) - 1, self._greys())

    def _greys(self) -> np.ndarray:
        """The colours of 0 … 1: in a photograph 1 is light, in a drawing it is ink."""
        photograph = self.values["picture"] != DRAWING
        return np.ascontiguousarray(GREYS[0][::-1]) if photograph else GREYS[self.dark]

    def _words(self, data: Filtered) -> Iterator[Label]:
        head, small = Style(self.ink, size=9, anchor=0), Style(self.ink, size=8, anchor=0)
        (height, width), (rows, columns) = data.picture.shape, data.output.shape
        top = LOW + SHOW + 0.15
        yield Label(LEFTS[0], top, f"the picture: {height} × {width}", head)
        shade = ", blue is below 0" if data.output.min() < -1e-9 else ""
        yield Label(LEFTS[1], top, f"the output: {rows} × {columns}{shade}", head)
        row, column = data.place
        titles = (
            "the kernel" + (f", divided by {data.divisor:g}" if data.divisor != 1 else ""),
            "the pixels in the box",
            f"products; their sum is {_two(data.total)}".replace("-", "−"),
        )
        for left, title in zip(CELL_LEFTS, titles, strict=True):
            yield Label(left, CELL_LOW + CELLS + 0.14, title, small)
        under = f"the output at row {row}, column {column}"
        yield Label(CELL_LEFTS[2], CELL_LOW - 0.13, under, small)
        if not data.picture.any():
            words = "The pad is empty: draw something."
            yield Label(LEFTS[0] + SHOW / 2, LOW + SHOW / 2, words, Style(self.ink, size=11))
        yield from self._numbers(data)

    def _numbers(self, data: Filtered) -> Iterator[Label]:
        """The numbers in the cells; on strong colours and on ink they change theirs."""
        size = len(data.weights)
        cell, points = CELLS / size, 10 if size == 3 else 7
        parts = zip((data.weights, data.patch, data.products), self._colours(data), strict=True)
        for left, (values, colours) in zip(CELL_LEFTS, parts, strict=True):
            light = plots.wants_light_letters(colours / 255)
            for (row, column), value in np.ndenumerate(values):
                text = f"{value:g}" if values is data.weights else _two(value)
                x, y = left + cell * (column + 0.5), CELL_LOW + CELLS - cell * (row + 0.5)
                ink = "white" if light[row, column] else "black"
                yield Label(x, y, text.replace("-", "−"), Style(ink, size=points))

    def _colours(self, data: Filtered) -> tuple[np.ndarray, ...]:
        """The cells of kernel, patch and products in colour, each (k, k, 4)."""
        most, bright = (np.abs(v).max() or 1.0 for v in (data.weights, data.products))
        signed = SIGNED[self.dark]
        return (
            paint(data.weights / most, signed),
            paint(2 * data.patch - 1, self._greys()),
            paint(data.products / bright, signed),
        )

    def describe(self, data: Filtered) -> str:
        size, values = len(data.weights), self.values
        (height, width), (rows, columns) = data.picture.shape, data.output.shape
        if not data.picture.any():
            return (
                "The pad is empty: draw something with the mouse, a finger or the keyboard, or "
                "choose a photograph."
            )
        name = values["picture"] if values["picture"] == DRAWING else f"the {values['picture']}"
        weights = "; ".join(" ".join(f"{w:g}" for w in line) for line in data.weights)
        row, column = data.place
        divided = f" divided by {data.divisor:g}" if data.divisor != 1 else ""
        low, high = data.output.min(), data.output.max()
        return (
            f"On {name}, {height} × {width} pixels, lies the {size} × {size} kernel [{weights}]"
            f"{divided}. With stride {data.stride} and padding {data.padding} the output has "
            f"{rows} × {columns} places, between {_two(low)} and {_two(high)}, on average "
            f"{_two(data.output.mean())}. At row {row}, column {column} the {size * size} products "
            f"add up to {_two(data.total)}."
        ).replace("-", "−")


def _two(value: float) -> str:
    """With two decimals, and no minus before a zero."""
    return f"{round(value, 2) + 0.0:.2f}"


# Pictures and kernels -----------------------------------------------------------------------------


@lru_cache(maxsize=len(PHOTOGRAPHS))
def photograph(name: str) -> np.ndarray:
    """A photograph that scikit-learn ships, its middle shrunk to (100, 100) greys in 0 … 1."""
    from sklearn.datasets import load_sample_image  # slow to import: only who looks waits

    colours = np.asarray(load_sample_image(PHOTOGRAPHS[name]), float) / 255
    grey = colours @ (0.299, 0.587, 0.114)
    block = min(grey.shape) // SIDE
    top, left = ((length - block * SIDE) // 2 for length in grey.shape)
    middle = grey[top : top + block * SIDE, left : left + block * SIDE]
    return middle.reshape(SIDE, block, SIDE, block).mean(axis=(1, 3))


def begin(preset: str, size: int) -> np.ndarray:
    """The weights of a preset, (size, size)."""
    if size == 5:
        return np.array(WIDE.get(preset, np.pad(PRESETS[preset], 1)), float)
    return np.array(PRESETS[preset], float)


def _kernel(weights: ArrayLike, sizes: tuple[int, ...]) -> np.ndarray:
    """The weights as an array of one of these sizes, each between -9 and 9."""
    weights = check_array("kernel", weights, ("k", "k"), dtype=np.float64, finite=True)
    if len(weights) not in sizes or weights.shape[0] != weights.shape[1]:
        wanted = " or ".join(f"({k}, {k})" for k in sizes)
        raise ValueError(f"kernel must have shape {wanted}, got {weights.shape}")
    if np.abs(weights).max() > MOST:
        raise ValueError(f"kernel must lie between -{MOST} and {MOST}, got {weights.tolist()}")
    return weights.copy()


def _pair(name: str, value: Any) -> tuple[int, int]:
    try:
        row, column = (int(number) for number in value)
        if (row, column) == tuple(value) and min(row, column) >= 0:
            return row, column
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} must be a row and a column, whole numbers from 0, got {value!r}")


def _frame(left: float, low: float, width: float, height: float) -> list[tuple[float, float]]:
    right, top = left + width, low + height
    return [(left, low), (right, low), (right, top), (left, top), (left, low)]


def _box(row, column, side, shape, left, low, show) -> list[tuple[float, float]]:
    """A square of `side` pixels at a row and column of a picture shown with side `show`."""
    down, right = show / shape[0], show / shape[1]
    bottom = low + show - down * (row + side)
    return _frame(left + right * column, bottom, right * side, down * side)
