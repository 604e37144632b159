"""Explorer: draw a digit, and see what a net makes of it, unit by unit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.data import moved
from dlkit.models.dense import Linear, Sequential, mlp, softmax
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.train import fit, numpy_step
from dlkit.widgets.drawing_pad import SIDE, DrawingPad, from_bytes, to_bytes
from dlkit.widgets.drawn import Answer, DrawnExplorer, mnist
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.shares import Shares
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint

SHOWN = 6  # units whose weights are shown
VIEWS = ("weights", "weights × ink")

BARS, UNITS = (0.55, 2.45, 2.0, 2.1), (3.35, 2.35, 3.1, 2.25)  # places in inches
PICTURE, FIRST, STEP = 0.94, 0.2, 1.06


@dataclass(frozen=True, eq=False)
class Reading(Answer):
    """What a net says to a drawing.

    hidden: the activations of each hidden layer, (units,); top: the units shown, most active
    first; weights: their pictures, (shown, 28, 28); pushes: how much each of them adds to the z of
    the likeliest class, NaN where it acts through further layers.
    """

    hidden: list[np.ndarray]
    top: np.ndarray
    weights: np.ndarray
    pushes: np.ndarray


class DrawADigit(DrawnExplorer):
    """A pad, a net's answer, its hidden units, and the weights of the most active ones.

    model: a `Sequential` from 784 pixels to one z for each class, for example the one that you
    have trained; without one, a net with 128 hidden units is trained on `mnist()` at once.
    names: the classes' names, 0 to 9 if not given. right, down: move the drawing, in pixels.
    """

    title = "Draw a digit: what does the net see?"
    size = (6.6, 5.0)
    beside = True

    def __init__(
        self, model: Sequential | None = None, names: Sequence[str] | None = None, **start
    ):
        self.model = trained() if model is None else model
        classes = check_model(self.model)
        self.names = [str(name) for name in (range(classes) if names is None else names)]
        if len(self.names) != classes:
            raise ValueError(
                f"names must name the model's {classes} classes, got {len(self.names)}"
            )
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "right": ipywidgets.IntSlider(value=0, min=-10, max=10, description="move right by"),
            "down": ipywidgets.IntSlider(value=0, min=-10, max=10, description="move down by"),
            "view": ipywidgets.Dropdown(options=list(VIEWS), description="show"),
            "example": ipywidgets.Dropdown(options=["any", *self.names], description="test digit"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"Show a test digit": self.show_digit}

    def drawn(self, pad: DrawingPad) -> None:
        self.set(drawing=to_bytes(pad.pixels), **({"right": 0, "down": 0} if pad.is_empty else {}))

    def compute(self, *, drawing: bytes, right: int, down: int, view: str, **_) -> Reading:
        pixels = moved(from_bytes(drawing), right, down)
        *hidden, z = activations(self.model, pixels.reshape(1, -1))
        probabilities = softmax(z)
        linears = [layer for layer in self.model.layers if isinstance(layer, Linear)]
        # A net without hidden units is one layer: its outputs are the units to look at.
        activity = hidden[0] if hidden else z
        top = np.argsort(-np.abs(activity), kind="stable")[:SHOWN]
        weights = linears[0].weight[top].reshape(-1, SIDE, SIDE)
        if view == VIEWS[1]:
            weights = weights * pixels
        pushes = np.full(len(top), np.nan)
        if len(linears) == 2:
            pushes = linears[1].weight[probabilities.argmax(), top] * activity[top]
        return Reading(pixels, probabilities, hidden, top, weights, pushes)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        self.bars = Shares(self.sheet, BARS, self.names)
        self.live(*self.bars.artists, self.tiles, self.labels)

    def draw(self, reading: Reading) -> None:
        self.bars.show(None if reading.empty else reading.probabilities, reading.likeliest)
        self.pad.seen = to_bytes(reading.pixels)  # moved, too
        self.tiles.show([*self._unit_tiles(reading), *self._weight_tiles(reading)])
        self.labels.show(self._words(reading))

    def _unit_tiles(self, reading: Reading) -> Iterator[Tile]:
        """Each hidden layer as a block of cells; those whose weights are shown have a frame."""
        left, low, wide, high = UNITS
        layers = reading.hidden
        share = high / max(len(layers), 1)
        for number, answers in enumerate(layers):
            columns = int(np.ceil(np.sqrt(len(answers) * wide / (share - 0.1))))
            rows = -(-len(answers) // columns)
            largest = np.abs(answers).max(initial=1e-6)
            cells = np.full(rows * columns, np.nan)
            cells[: len(answers)] = 0 if reading.empty else answers / largest
            cell = min(wide / columns, (share - 0.1) / rows)
            top = low + high - share * number
            block = paint(cells.reshape(rows, columns)[::-1], SIGNED[self.dark])
            place = (left, top - rows * cell, columns * cell, rows * cell)
            yield Tile(*place, block, frame=plots.GREY)
            if number == 0 and not reading.empty:
                for unit in reading.top:
                    row, column = divmod(int(unit), columns)
                    corner = left + column * cell, top - (row + 1) * cell
                    one = block[[[rows - 1 - row]], column]
                    yield Tile(*corner, cell, cell, one, frame=self.ink, line=1.2)

    def _weight_tiles(self, reading: Reading) -> Iterator[Tile]:
        if reading.empty:
            return
        largest = float(np.quantile(np.abs(reading.weights), 0.998)) or 1.0
        for place, weights in enumerate(reading.weights):
            pixels = paint(weights[::-1] / largest, SIGNED[self.dark])
            spot = (FIRST + STEP * place, 0.5, PICTURE, PICTURE)
            yield Tile(*spot, pixels, frame=plots.GREY)

    def _words(self, reading: Reading) -> Iterator[Label]:
        ink, (left, _, wide, _) = self.ink, BARS
        head, small = Style(ink, size=10, anchor=0), Style(ink, size=8)
        number, bold = Style(ink, size=9, anchor=0), Style(ink, size=9, weight="bold", anchor=0)
        yield Label(left - 0.3, 4.75, "How likely is each digit?", head)
        if reading.empty:
            yield Label(
                self.size[0] / 2, 1.1, "The pad is empty: draw a digit.", Style(ink, size=12)
            )
        else:
            for i, (y, p) in enumerate(zip(self.bars.middles, reading.probabilities, strict=True)):
                style = bold if i == reading.likeliest else number
                inside = min(left + wide * float(p) + 0.05, left + wide + 0.05)
                yield Label(inside, y, f"{100 * p:.0f} %" if p >= 0.005 else "", style)
        if reading.hidden:
            counts = " and ".join(str(len(answers)) for answers in reading.hidden)
            yield Label(UNITS[0], 4.75, f"What the {counts} hidden units answer", head)
        else:
            yield Label(UNITS[0], 4.75, "There are no hidden units.", head)
        if reading.empty:
            return
        kind = "hidden units" if reading.hidden else "outputs"
        yield Label(FIRST, 1.95, f"The {self.values['view']} of the strongest {kind}", head)
        activity = reading.hidden[0] if reading.hidden else np.log(reading.probabilities + 1e-30)
        for place, (unit, push) in enumerate(zip(reading.top, reading.pushes, strict=True)):
            x = FIRST + STEP * place + PICTURE / 2
            said = f"unit {unit + 1}: {activity[unit]:.2g}" if reading.hidden else self.names[unit]
            yield Label(x, 1.55, said.replace("-", "−"), small)
            if not np.isnan(push):
                name = self.names[reading.likeliest]
                yield Label(x, 0.38, f"{push:+.2g} for {name}".replace("-", "−"), small)
        if not np.isnan(reading.pushes).any():
            yield Label(
                self.size[0] / 2,
                0.14,
                "below: what the unit adds to the score z of the answer",
                small,
            )

    def describe(self, reading: Reading) -> str:
        if reading.empty:
            return (
                "The pad is empty: draw a digit with the mouse, a finger or the keyboard, "
                "or press “Show a test digit”. The pad scales and centres what you draw, as the "
                "makers of MNIST did; the sliders move it afterwards."
            )
        first, second = np.argsort(-reading.probabilities)[:2]
        p = reading.probabilities
        sure = "" if p[first] >= 0.5 else " It is not sure of anything."
        words = [
            f"The net says {self.names[first]} with {100 * p[first]:.1f} %, "
            f"then {self.names[second]} with {100 * p[second]:.1f} %.{sure}"
        ]
        for layer, answers in enumerate(reading.hidden):
            largest = np.abs(answers).max(initial=0)
            active = int((np.abs(answers) > 0.1 * largest).sum()) if largest else 0
            words.append(
                f"Hidden layer {layer + 1}: {active} of {len(answers)} units answer with more "
                "than a tenth of the strongest."
            )
        if reading.hidden:
            units = ", ".join(f"{unit + 1} ({reading.hidden[0][unit]:.2g})" for unit in reading.top)
            words.append(f"The strongest units are {units}.")
        if not np.isnan(reading.pushes).any():
            best = int(np.argmax(np.abs(reading.pushes)))
            way = "for" if reading.pushes[best] > 0 else "against"
            words.append(
                f"Of these, unit {reading.top[best] + 1} speaks loudest {way} "
                f"{self.names[reading.likeliest]}: {reading.pushes[best]:+.2g}."
            )
        return " ".join(words).replace("-", "−")


def check_model(model: Sequential) -> int:
    """How many classes the model knows; a `ValueError` if it does not take 784 pixels."""
    layers = list(getattr(model, "layers", []))
    linears = [layer for layer in layers if isinstance(layer, Linear)]
    if not linears or not isinstance(layers[0], Linear) or not isinstance(layers[-1], Linear):
        raise ValueError(
            "model must be a Sequential of dlkit's layers that begins and ends with a Linear, "
            f"such as mlp((784, 128, 10), rng=rng), got {model!r:.200}"
        )
    if linears[0].weight.shape[1] != SIDE * SIDE:
        raise ValueError(
            f"model must take {SIDE * SIDE} pixels, but its first layer takes "
            f"{linears[0].weight.shape[1]} numbers"
        )
    return linears[-1].weight.shape[0]


def activations(model: Sequential, x: np.ndarray) -> list[np.ndarray]:
    """What each hidden layer answers to one picture (1, 784), and last z: one array each."""
    found = []
    for layer in model.layers:
        x = layer(x)
        if not isinstance(layer, Linear):
            found.append(x[0])
    return [*found, x[0]]


@lru_cache(maxsize=1)
def trained() -> Sequential:
    """A net 784-128-10, trained on the small MNIST in about a second, once."""
    rng, split = np.random.default_rng(0), mnist()
    net = mlp((SIDE * SIDE, 128, 10), rng=rng)
    step = numpy_step(net, CrossEntropyLoss(), SGD(net.parameters, 0.1, momentum=0.9))
    batches = {"epochs": 12, "batch_size": 50, "rng": rng, "progress": False}
    fit(step, (split.x_train, split.y_train), **batches)
    return net
