"""Explorer: a digit is moved, and a dense net, a convolutional one and a Neocognitron read it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlkit import checkpoint, plots
from dlkit.data import moved
from dlkit.data.files import asset
from dlkit.models.dense import Sequential, softmax
from dlkit.models.neocognitron import Neocognitron
from dlkit.widgets.ch02_digit import check_model, trained
from dlkit.widgets.ch04_machine import tile_of
from dlkit.widgets.ch07_net import check_net, small_lenet
from dlkit.widgets.drawing_pad import from_bytes
from dlkit.widgets.drawn import DrawnExplorer
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.shares import Shares
from dlkit.widgets.tiles import Tile, Tiles

FAR = 8  # pixels that a digit can be moved
MOVES = np.arange(-FAR, FAR + 1)
NETS = ("dense", "convolutional", "Neocognitron")
COLOURS, STYLES = (plots.BLUE, plots.VERMILION, plots.GREEN), ("o-", "s--", "^:")
KEYS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}

PICTURE, PICTURE_AT = 1.5, (0.12, 3.5)  # places in inches
BAR_LEFTS, BARS = (2.1, 3.75, 5.4), (3.15, 1.05, 1.9)  # low, width, height
CHARTS = {"right": (0.5, 0.45), "down": (3.9, 0.45)}
CHART_WIDE, CHART_HIGH = 2.75, 2.0


@dataclass(frozen=True, eq=False)
class Compared:
    """A moved digit and what the three nets say.

    pixels: (28, 28) as moved; scores: (3, 10), probabilities of the first two nets, and what the
    Neocognitron's planes of each digit answer, as a part of the strongest (all 0 where it is
    silent); home: (3,) what each says where the digit was drawn, -1 for nothing; along: "right" and
    "down" → (3, 17), the score of the answer at home as a part of the best score, when the digit is
    moved along that axis, through the present place: 1 means that it is still the answer.
    """

    pixels: np.ndarray
    right: int
    down: int
    scores: np.ndarray
    home: np.ndarray
    along: dict[str, np.ndarray]

    @property
    def empty(self) -> bool:
        """Whether there is no ink left."""
        return not self.pixels.any()

    @property
    def says(self) -> np.ndarray:
        """(3,) what each net says now, -1 for nothing."""
        return _best(self.scores)


class ShiftTest(DrawnExplorer):
    """Move a digit: what do a dense net, a convolutional net and a Neocognitron still read?

    dense, conv: your own nets, `Sequential`s of 784 pixels and of (N, 1, 28, 28), with ten classes
    each; without them, small ones are trained on the digits that ship with the course. The
    Neocognitron learned the same digits without labels; a plane is named after the digit that it
    answers to most. right, down: how far the digit is moved, in pixels.
    """

    title = "Shift test: who still reads a digit that was moved?"
    size = (6.8, 5.4)
    beside = True
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "move the digit",
    }

    def __init__(self, dense: Sequential | None = None, conv: Sequential | None = None, **start):
        self.dense = trained() if dense is None else dense
        self.conv = small_lenet() if conv is None else conv
        for name, count in (("dense", check_model(self.dense)), ("conv", check_net(self.conv))):
            if count != 10:
                raise ValueError(f"{name} must have 10 classes, got {count}")
        self._drawing, self._known = b"", {}  # what the nets say of this drawing, by its place
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        far = {"value": 0, "min": -FAR, "max": FAR}
        return {
            "right": ipywidgets.IntSlider(description="move right by", **far),
            "down": ipywidgets.IntSlider(description="move down by", **far),
            "example": ipywidgets.Dropdown(
                options=["any", *map(str, range(10))], description="test digit"
            ),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {
            "Show a test digit": self.show_digit,
            "Back to the middle": lambda: self.set(right=0, down=0),
        }

    def compute(self, *, drawing, right, down, **_) -> Compared:
        if drawing != self._drawing:
            self._drawing, self._known = drawing, {}
        places = {
            "right": [(move, down) for move in MOVES.tolist()],
            "down": [(right, move) for move in MOVES.tolist()],
        }
        self._ask(from_bytes(drawing), [(0, 0), *places["right"], *places["down"]])
        home = _best(self._known[0, 0])
        along = {
            axis: np.array([_kept(self._known[place], home) for place in where]).T
            for axis, where in places.items()
        }
        pixels = moved(from_bytes(drawing), right, down)
        return Compared(pixels, right, down, self._known[right, down], home, along)

    def _ask(self, pixels: np.ndarray, places: list[tuple[int, int]]) -> None:
        """Let the three nets read the drawing at places where they have not yet."""
        new = [place for place in dict.fromkeys(places) if place not in self._known]
        if not new:
            return
        pictures = np.stack([moved(pixels, *place) for place in new])
        dense = softmax(self.dense(pictures.reshape(len(new), -1)))
        conv = softmax(self.conv(pictures[:, None]))
        found = np.stack([dense, conv, read(pictures)], axis=1)
        found[~pictures.any(axis=(1, 2))] = 0  # nothing is left to read
        self._known |= dict(zip(new, found, strict=True))

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        for axis, chart in self.charts.items():
            if event.axes is chart and event.pressed and event.kind in ("down", "move"):
                self.set(**{axis: int(np.clip(round(event.x), -FAR, FAR))})

    def on_key(self, event: Key) -> None:
        right, down = KEYS[event.key]
        values = self.values
        self.set(
            right=int(np.clip(values["right"] + right, -FAR, FAR)),
            down=int(np.clip(values["down"] + down, -FAR, FAR)),
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        self.bars = [
            Shares(self.sheet, (left, *BARS), range(10), colour=colour, chosen=colour)
            for left, colour in zip(BAR_LEFTS, COLOURS, strict=True)
        ]
        for bars in self.bars:
            self.live(*bars.artists)
        self.charts: dict[str, Axes] = {}
        self.lines, self.marks = {}, {}
        for axis, (left, low) in CHARTS.items():
            place = (left / width, low / height, CHART_WIDE / width, CHART_HIGH / height)
            self.charts[axis] = chart = figure.add_axes(place)
            self._build_chart(axis, chart)
        self.live(self.tiles, self.labels)

    def _build_chart(self, axis: str, chart: Axes) -> None:
        chart.set(xlim=(-FAR - 0.4, FAR + 0.4), ylim=(-0.04, 1.04), xticks=range(-FAR, FAR + 1, 4))
        chart.set_xlabel(f"moved {axis} by … pixels", fontsize=9)
        chart.set_ylabel("first answer's score / best", fontsize=8, labelpad=1)
        chart.tick_params(labelsize=8)
        chart.spines[["top", "right"]].set_visible(False)
        self.lines[axis] = [
            chart.plot(MOVES, 0 * MOVES, style, color=colour, ms=4, lw=1.5, label=name)[0]
            for name, style, colour in zip(NETS, STYLES, COLOURS, strict=True)
        ]
        self.marks[axis] = chart.axvline(0, color=plots.GREY, lw=1.2, zorder=1)
        self.live(self.marks[axis], *self.lines[axis])

    def draw(self, data: Compared) -> None:
        for bars, scores, home in zip(self.bars, data.scores, data.home, strict=True):
            bars.show(None if data.empty else scores, int(home))
        for axis, at in (("right", data.right), ("down", data.down)):
            for line, home, share in zip(
                self.lines[axis], data.home, data.along[axis], strict=True
            ):
                line.set_data(MOVES, share if home >= 0 else np.nan * share)  # no answer, no curve
            self.marks[axis].set_xdata([at, at])
        picture = tile_of(data.pixels, self.dark)
        self.tiles.show([Tile(*PICTURE_AT, PICTURE, PICTURE, picture, frame=plots.GREY)])
        self.labels.show(self._words(data))

    def _words(self, data: Compared) -> Iterator[Label]:
        head = Style(self.ink, size=9, anchor=0)
        bold, middle = Style(self.ink, size=9, weight="bold", anchor=0), Style(self.ink, size=9)
        yield Label(PICTURE_AT[0], PICTURE_AT[1] + PICTURE + 0.14, "the digit, moved", head)
        for left, name, says in zip(BAR_LEFTS, NETS, data.says, strict=True):
            text = name if data.empty else f"{name}: {said(says)}"
            yield Label(left - 0.15, BARS[0] + BARS[2] + 0.15, text, bold)
        note = Style(self.ink, size=8, anchor=0)
        words = "hatched: what it said where the digit was drawn; below, 1: it still says that"
        if data.empty:
            note, words = Style(self.ink, size=11, anchor=0), "The pad is empty: draw a digit."
            if (data.right, data.down) != (0, 0):
                words = "No ink is left here."
        yield Label(BAR_LEFTS[0] - 0.15, BARS[0] - 0.17, words, note)
        for axis, (left, low) in CHARTS.items():
            other = f"{data.down} down" if axis == "right" else f"{data.right} right"
            text = f"moved {axis}, and {other}".replace("-", "−")
            yield Label(left + CHART_WIDE / 2, low + CHART_HIGH + 0.12, text, middle)
        for number, (name, mark) in enumerate(zip(NETS, "●■▲", strict=True)):
            x, y = PICTURE_AT[0] + 0.02, PICTURE_AT[1] - 0.2 - 0.17 * number
            yield Label(x, y, mark, Style(COLOURS[number], size=8, anchor=0))
            yield Label(x + 0.19, y, name, Style(self.ink, size=8, anchor=0))

    def describe(self, data: Compared) -> str:
        if data.empty:
            return (
                "No ink is on the picture: draw a digit with the mouse, a finger or the keyboard, "
                "or press “Show a test digit”, and move it by no more than stays on the paper."
            )
        words = [f"The digit is moved right by {data.right} and down by {data.down} pixels."]
        for number, name in enumerate(NETS):
            now, home = int(data.says[number]), int(data.home[number])
            sure = 100 * data.scores[number, now]
            share = f" with {sure:.0f} %" if now >= 0 and number < 2 else ""
            kept = [int((data.along[axis][number] == 1).sum()) for axis in CHARTS]
            words.append(
                f"The {name if number == 2 else name + ' net'} said {said(home)} where it was "
                f"drawn and says {said(now)}{share} here; its first answer stays at {kept[0]} of "
                f"{len(MOVES)} places sideways and at {kept[1]} up and down."
            )
        return " ".join(words).replace("-", "−")


# What the nets say --------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def unlabelled() -> tuple[Neocognitron, np.ndarray]:
    """A Neocognitron that learned digits without labels, and the digit of each plane, (planes,).

    `tools/reproduce/ch07_cnn.py` trained it; -1 names a plane that has won for no digit.
    """
    stored = checkpoint.load(asset("models/ch07_neocognitron.safetensors"))
    state = stored["neocognitron"]
    planes = tuple(len(state[f"s{number}.b"]) for number in (1, 2, 3))
    net = Neocognitron(planes, rng=np.random.default_rng(0))
    net.load_state_dict(state)
    return net, np.asarray(stored["names"], int)


def read(pictures: np.ndarray) -> np.ndarray:
    """What the Neocognitron's planes of each digit answer, (N, 10): the strongest of that name.

    As a part of the strongest of all: 1 is the answer. All 0 where no plane answers.
    """
    net, names = unlabelled()
    answer = net(pictures)
    support = np.zeros((len(pictures), 10))
    for digit in range(10):
        if (names == digit).any():
            support[:, digit] = answer[:, names == digit].max(axis=1)
    best = support.max(axis=1, keepdims=True)
    return support / np.where(best > 0, best, 1)


def said(digit: int) -> str:
    """An answer as it is written."""
    return str(digit) if digit >= 0 else "nothing"


def _best(scores: np.ndarray) -> np.ndarray:
    """The likeliest digit of each net, -1 where there is none: (3,)."""
    return np.where(scores.max(axis=1) > 0, scores.argmax(axis=1), -1)


def _kept(scores: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Each net's score for its own digit as a part of its best, 0 where it has none: (3,)."""
    own = np.where(digits >= 0, scores[np.arange(len(scores)), np.maximum(digits, 0)], 0.0)
    best = scores.max(axis=1)
    return own / np.where(best > 0, best, 1)
