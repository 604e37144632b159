"""Explorer: half a digit is given, and an RBM fills in the rest by Gibbs sampling."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dlkit import plots
from dlkit.models.rbm import RBM, bernoulli
from dlkit.widgets.ch04_machine import (
    GREYS,
    check_machine,
    digit_machine,
    ink_of,
    named,
    read,
)
from dlkit.widgets.drawing_pad import SIDE, from_bytes, to_bytes
from dlkit.widgets.drawn import DrawnExplorer
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.shares import Shares
from dlkit.widgets.tiles import Tile, Tiles, paint, palette
from dlkit.widgets.training import TrainingExplorer

MACHINES = 8  # completions side by side
WAIT = 20  # steps that are not counted: the chain still remembers the noise that it began with
ENOUGH = 10  # pixels of ink: fewer have only slipped over the line
BLOCK = 2  # pixels; what is given is painted in blocks of 2 × 2
BLOCKS = SIDE // BLOCK
BRUSH = 2  # blocks: as wide and as high is the brush
PAINTED = "what I paint"
VIEWS = ("pixel probabilities", "sampled pixels")

# Places in inches.
LARGE, LARGE_LOW = 1.4, 2.86
CELL = LARGE / BLOCKS
LARGE_LEFT = (0.12, 1.74, 3.36)
SMALL, FIRST, STEP = 0.7, 0.12, 0.805
NOW_LOW, MEAN_LOW = 1.62, 0.42
BARS = (5.35, 2.72, 0.75, 1.56)
FILLED = tuple(  # paper to the colour of what the machine fills in, on a light and a dark page
    palette(LinearSegmentedColormap.from_list("filled", pair))
    for pair in zip(plots.PAPER, (plots.BLUE, plots.SKY), strict=True)
)


def _half(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[rows, columns] = True
    return mask.ravel()


EVERY, FIRST_HALF, SECOND_HALF = slice(None), slice(SIDE // 2), slice(SIDE // 2, None)
HALVES = {
    "the upper half": _half(FIRST_HALF, EVERY),
    "the lower half": _half(SECOND_HALF, EVERY),
    "the left half": _half(EVERY, FIRST_HALF),
    "the right half": _half(EVERY, SECOND_HALF),
}


@dataclass(frozen=True, eq=False)
class Completion:
    """What is given, and what the machines make of it.

    drawing: all that is on the pad, (784,), True is ink; given: which pixels are, (784,); now:
    present pixels, (machines, 784), as probabilities or samples; average: of the probabilities
    since `WAIT`, (machines, 784), None before; counted: the number of steps in it; votes: how
    often chapter 02's net read 0 … 9 and nothing in them, (11,); age: steps since the drawing or
    what is given last changed; digits: what is read at present, -1 for nothing.
    """

    step: int
    age: int
    drawing: np.ndarray
    given: np.ndarray
    now: np.ndarray
    average: np.ndarray | None
    counted: int
    votes: np.ndarray
    digits: np.ndarray

    @property
    def empty(self) -> bool:
        """Whether there is nothing on the pad."""
        return not self.drawing.any()

    @property
    def hidden_ink(self) -> int:
        """How many pixels of the drawing the machine is not shown."""
        return int((self.drawing & ~self.given).sum())

    @property
    def whole(self) -> bool:
        """Whether so much of the drawing is not shown that the rest can be compared with it."""
        return self.hidden_ink >= ENOUGH

    @property
    def wrong(self) -> float:
        """How many pixels that are not given each sample has otherwise than the drawing."""
        if self.average is None:
            return np.nan
        return float(np.abs(self.average - self.drawing)[:, ~self.given].sum(axis=1).mean())


class CompleteMyDigit(DrawnExplorer, TrainingExplorer):
    """Draw half a digit: eight chains of one machine fill in the rest, the given pixels held.

    rbm: an `RBM` with 784 visible units, for example the one that you have trained, as it is now;
    without one, `digit_machine`, which has 256 hidden units. given: which part of the drawing the
    machine is shown, one of `HALVES` or `PAINTED`; view: what is shown of the present state.
    Drawing goes on while the chains run: they follow from their next step on.
    """

    title = "Complete my digit: half is given, the machine fills in the rest"
    size = (6.6, 4.56)
    beside = True
    most_steps = 20_000
    pace = "10 steps a second"
    pad_options = {"label": "Draw half a digit within the dashed box", "fit": False}  # noqa: RUF012
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "move the brush over what is given (with Shift: farther)",
        " ": "give what is under the brush, or take it away",
    }

    def __init__(self, rbm: RBM | None = None, **start):
        self.rbm = digit_machine() if rbm is None else copy.deepcopy(check_machine(rbm))
        self._rng = np.random.default_rng(0)
        self._stroke: tuple[bool, int, int] | None = None  # whether it gives, and where it is
        self._brush: tuple[int, int] | None = None  # the keyboard's: its first row and column
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "given": ipywidgets.Dropdown(options=[*HALVES, PAINTED], description="given is"),
            "view": ipywidgets.Dropdown(options=list(VIEWS), description="show"),
        }

    def state(self) -> dict[str, Any]:
        return super().state() | {"blocks": (True,) * (BLOCKS * BLOCKS)}

    def actions(self) -> dict[str, Callable[[], Any]]:
        buttons = super().actions()
        return {name: buttons[name] for name in ("Run", "Step")} | {
            "Start again from noise": self.restart,
            "Show a test digit": self.show_digit,
        }

    def set(self, **values) -> None:
        """As in every training; blocks that are none are refused at once."""
        check_blocks(values.get("blocks", self._start["blocks"]))
        self._note = ""
        super().set(**values)

    def reset(self) -> None:
        """Clear the pad, return the controls to the start, and begin as at first."""
        self.pad.clear()  # first: chains follow what is drawn, and draw numbers for it
        self._rng = np.random.default_rng(0)
        self._brush = None
        super().reset()

    # The machines -----------------------------------------------------------------------------

    def begin(self, **_) -> dict[str, Any]:
        v = self._rng.random((MACHINES, SIDE * SIDE)) < 0.5
        return {"v": v, "p": v.astype(np.float32), "of": None} | _nothing_counted()

    def step(self, state: dict[str, Any], drawing: bytes, given: str, blocks, **_):
        ink, held = ink_of(from_bytes(drawing)).ravel(), mask(given, blocks)
        if not ink.any():
            raise ValueError("The pad is empty: draw half a digit, or press “Show a test digit”.")
        if state["of"] != (drawing, held.tobytes()):
            state.update(_nothing_counted(), of=(drawing, held.tobytes()))
        v = np.where(held, ink, state["v"])
        state["v"], p = fill_in(self.rbm, v, held, self._rng)
        state["p"] = p
        state["age"] += 1
        if state["age"] > WAIT:
            state["sum"] = state["sum"] + p
            state["counted"] += 1
            state["votes"] = state["votes"] + np.bincount(read(p) % 11, minlength=11)
        return {"free energy": float(self.rbm.free_energy(state["v"]).mean())}

    def look(self, state, drawing: bytes, given: str, blocks, view: str) -> Completion:
        ink, held = ink_of(from_bytes(drawing)).ravel(), mask(given, blocks)
        if state["of"] != (drawing, held.tobytes()):
            state = state | _nothing_counted()
        p = np.where(held, ink, state["p"]).astype(np.float32)
        counted = state["counted"]
        return Completion(
            step=self.time,
            age=state["age"],
            drawing=ink,
            given=held,
            now=p if view == VIEWS[0] else np.where(held, ink, state["v"]).astype(np.float32),
            average=state["sum"] / np.float32(counted) if counted else None,
            counted=counted,
            votes=state["votes"],
            digits=read(p),
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.bars = Shares(self.sheet, BARS, range(10))
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        self.edges = self.sheet.add_collection(
            LineCollection([], linewidths=0.8, colors=plots.GREY, zorder=4), autolim=False
        )
        self.cursor = self.sheet.add_patch(
            Rectangle((0, 0), 1, 1, fill=False, ec=plots.VERMILION, lw=2.5, zorder=5)
        )
        self.live(*self.bars.artists, self.tiles, self.labels, self.edges, self.cursor)

    def draw(self, data: Completion) -> None:
        self.pad.veil = to_bytes(~data.given)
        self.tiles.show(self._tiles(data))
        self.labels.show(self._words(data))
        corners = [(left, LARGE_LOW, LARGE) for left in LARGE_LEFT[1:2]]
        corners += [
            (FIRST + STEP * i, low, SMALL) for low in (NOW_LOW, MEAN_LOW) for i in range(MACHINES)
        ]
        border = border_of(data.given) / SIDE
        shown = [] if data.empty else [corner[:2] + corner[2] * border for corner in corners]
        self.edges.set_segments(np.concatenate(shown) if shown and len(border) else [])
        votes = data.votes[:10]
        best = int(votes.argmax()) if data.counted else -1
        self.bars.show(votes / max(data.votes.sum(), 1), best)
        self.cursor.set_visible(self._brush is not None)
        if self._brush is not None:
            (row, column), side = self._brush, BRUSH * CELL
            left, top = LARGE_LEFT[0] + column * CELL, LARGE_LOW + LARGE - row * CELL
            self.cursor.set_bounds(left, top - side, side, side)

    def _tiles(self, data: Completion) -> Iterator[Tile]:
        """What is given, what is made of it on average, and the whole drawing; then machines."""
        frame = plots.GREY
        yield Tile(LARGE_LEFT[0], LARGE_LOW, LARGE, LARGE, self._shown(data), frame=frame)
        if data.empty:
            return
        nothing = np.zeros(SIDE * SIDE, np.float32)
        average = nothing if data.average is None else data.average.mean(axis=0)
        pixels = self._filled(average, data)
        yield Tile(LARGE_LEFT[1], LARGE_LOW, LARGE, LARGE, pixels, frame=frame)
        if data.whole:
            pixels = paint(2.0 * data.drawing.reshape(SIDE, SIDE)[::-1] - 1, GREYS[self.dark])
            yield Tile(LARGE_LEFT[2], LARGE_LOW, LARGE, LARGE, pixels, frame=frame)
        for i in range(MACHINES):
            left = FIRST + STEP * i
            yield Tile(left, NOW_LOW, SMALL, SMALL, self._filled(data.now[i], data), frame=frame)
            mean = nothing if data.average is None else data.average[i]
            yield Tile(left, MEAN_LOW, SMALL, SMALL, self._filled(mean, data), frame=frame)

    def _shown(self, data: Completion) -> np.ndarray:
        """What the machine is shown; a chequered grey where it is shown nothing."""
        rows, columns = np.indices((SIDE, SIDE))
        chequered = 0.22 + 0.12 * ((rows + columns) % 2)
        values = np.where(data.given, data.drawing, chequered.ravel()).reshape(SIDE, SIDE)
        return paint(2 * values[::-1] - 1, GREYS[self.dark])

    def _filled(self, picture: np.ndarray, data: Completion) -> np.ndarray:
        """The given pixels in ink, those that the machine has filled in, in blue."""
        values = np.where(data.given, data.drawing, picture).reshape(SIDE, SIDE)[::-1]
        given = data.given.reshape(SIDE, SIDE)[::-1, :, None]
        dark = self.dark
        return np.where(
            given, paint(2 * values - 1, GREYS[dark]), paint(2 * values - 1, FILLED[dark])
        )

    def _words(self, data: Completion) -> Iterator[Label]:
        small, left = Style(self.ink, size=9), Style(self.ink, size=9, anchor=0)
        above = LARGE_LOW + LARGE + 0.13
        yield Label(LARGE_LEFT[0] + LARGE / 2, above, "what is given", small)
        yield Label(BARS[0] - 0.2, BARS[1] + BARS[3] + 0.12, "samples read as", left)
        if data.empty:
            words = "The pad is empty: draw half a digit."
            yield Label(self.size[0] / 2, 1.5, words, Style(self.ink, size=12))
            return
        yield Label(LARGE_LEFT[1] + LARGE / 2, above, "average of all", small)
        if data.whole:
            yield Label(LARGE_LEFT[2] + LARGE / 2, above, "the whole drawing", small)
        head = Style(self.ink, anchor=0)
        now = f"after {steps(data.step)}; blue is filled in; below, what chapter 02’s net reads"
        yield Label(FIRST - 0.04, NOW_LOW + SMALL + 0.14, now, head)
        for i, digit in enumerate(data.digits):
            x = FIRST + STEP * i + SMALL / 2
            yield Label(x, NOW_LOW - 0.12, named(digit), Style(self.ink, size=8))
        if data.counted:
            words = f"the average of each, over the last {steps(data.counted)}"
        else:
            words = f"the average of each, from step {WAIT + 1} on"
        yield Label(FIRST - 0.04, MEAN_LOW + SMALL + 0.14, words, head)
        total = max(data.votes.sum(), 1)
        for y, votes in zip(self.bars.middles, data.votes[:10], strict=True):
            if votes:
                x = BARS[0] + BARS[2] * votes / total + 0.04
                yield Label(x, y, share_of(votes, total), Style(self.ink, size=8, anchor=0))
        if data.whole and data.counted:
            words = (
                f"A sample differs from your drawing in {data.wrong:.0f} of {(~data.given).sum()} "
                f"pixels not given; blank paper would in {data.hidden_ink}."
            )
            yield Label(FIRST - 0.04, 0.2, words, left)

    def describe(self, data: Completion) -> str:
        given, ink = int(data.given.sum()), int((data.drawing & data.given).sum())
        what = self.values["given"]
        part = f"{given} of {SIDE * SIDE} pixels" + (f", {what}," if what in HALVES else "")
        if data.empty:
            return (
                f"The pad is empty: draw half a digit, or press “Show a test digit”. {part} are "
                "what the machine will be shown."
            )
        words = [f"Given are {part} with {ink} of ink; {MACHINES} chains fill in the rest."]
        if data.step:
            now = " ".join(map(named, data.digits))
            words.append(f"After {steps(data.step)} chapter 02’s net reads {now} in them.")
        else:
            words.append("They have noise there as yet: press Run.")
        if not data.counted:
            words.append(f"Averages begin after {WAIT} steps.")
            return " ".join(words)
        total = data.votes.sum()
        votes = dict(enumerate(data.votes[:10].tolist()))
        best = sorted((digit for digit in votes if votes[digit]), key=votes.__getitem__)[:-4:-1]
        said = ", ".join(f"{digit} in {share_of(votes[digit], total)}" for digit in best)
        words.append(
            f"Of the {total:,} samples of the last {steps(data.counted)} it reads "
            f"{said or 'nothing in any'}."
        )
        if data.whole:
            words.append(
                f"In the {(~data.given).sum()} pixels not given, a sample differs from your "
                f"drawing in {data.wrong:.0f}; blank paper would in {data.hidden_ink}."
            )
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        x, y = event.x - LARGE_LEFT[0], LARGE_LOW + LARGE - event.y
        row, column = (int(np.clip(place / CELL - 0.5, 0, BLOCKS - BRUSH)) for place in (y, x))
        if event.kind in ("up", "leave"):
            self._stroke = None
        elif event.kind == "down":
            self._stroke = None
            if 0 <= x <= LARGE and 0 <= y <= LARGE:
                give = not self._blocks()[row, column]
                self._stroke, self._brush = (give, row, column), None
                self._give(give, [(row, column)])
        elif self._stroke:
            give, *last = self._stroke
            self._stroke = give, row, column
            count = 1 + max(abs(row - last[0]), abs(column - last[1]))
            self._give(give, np.linspace(last, (row, column), count).round().astype(int))

    def on_key(self, event: Key) -> None:
        by = 4 if event.shift else 1
        if self._brush is None:  # it appears in the middle
            by = 0
        row, column = self._brush or ((BLOCKS - BRUSH) // 2, (BLOCKS - BRUSH) // 2)
        if event.key == " ":
            self._brush = row, column
            self._give(not self._blocks()[row, column], [(row, column)])
            return
        row += by * {"ArrowUp": -1, "ArrowDown": 1}.get(event.key, 0)
        column += by * {"ArrowLeft": -1, "ArrowRight": 1}.get(event.key, 0)
        last = BLOCKS - BRUSH
        self._brush = min(max(row, 0), last), min(max(column, 0), last)
        self.refresh()

    def _blocks(self) -> np.ndarray:
        """What is given at present, block by block: (14, 14)."""
        given = mask(self.values["given"], self.values["blocks"])
        return given.reshape(SIDE, SIDE)[::BLOCK, ::BLOCK].copy()

    def _give(self, give: bool, places: Iterable[Sequence[int]]) -> None:
        """Give what is under the brush at these places, or take it away."""
        blocks = self._blocks()
        for row, column in places:
            blocks[row : row + BRUSH, column : column + BRUSH] = give
        self.set(given=PAINTED, blocks=tuple(blocks.ravel().tolist()))


def fill_in(
    rbm: RBM, v: np.ndarray, held: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One Gibbs step v → h → v that leaves the held pixels as they are: the new v, and P(v | h).

    After many steps the other pixels come from the machine's P(others | held).
    """
    p = rbm.visible_probabilities(rbm.sample_hidden(v, rng))
    p = np.where(held, v, p).astype(p.dtype)
    return np.where(held, v, bernoulli(p, rng) > 0), p


def mask(given: str, blocks: tuple[bool, ...]) -> np.ndarray:
    """Which pixels are given, (784,): one of `HALVES`, or blocks of 2 × 2 pixels."""
    if given in HALVES:
        return HALVES[given]
    return np.kron(check_blocks(blocks), np.ones((BLOCK, BLOCK), bool)).astype(bool).ravel()


def check_blocks(blocks: tuple[bool, ...]) -> np.ndarray:
    """Blocks as (14, 14) True and False, or a `ValueError`."""
    if not isinstance(blocks, tuple) or len(blocks) != BLOCKS**2 or set(blocks) - {True, False}:
        raise ValueError(f"blocks must be {BLOCKS**2} times True or False, row by row")
    return np.array(blocks, bool).reshape(BLOCKS, BLOCKS)


def border_of(given: np.ndarray) -> np.ndarray:
    """The lines between given and other pixels, (lines, 2 ends, x and y), y upwards from 0."""
    picture = given.reshape(SIDE, SIDE)
    rows, columns = np.nonzero(picture[1:] != picture[:-1])
    y = SIDE - 1 - rows
    flat = np.stack([np.stack([columns, y], 1), np.stack([columns + 1, y], 1)], axis=1)
    rows, columns = np.nonzero(picture[:, 1:] != picture[:, :-1])
    x, y = columns + 1, SIDE - rows
    steep = np.stack([np.stack([x, y], 1), np.stack([x, y - 1], 1)], axis=1)
    return np.concatenate([flat, steep]).astype(float)


def steps(count: int) -> str:
    """A number of steps in words: "1 step", "1,200 steps"."""
    return f"{count:,} step{'s' if count != 1 else ''}"


def share_of(votes: int, total: int) -> str:
    """A share in whole per cent; one below is not called none."""
    return f"{100 * votes / total:.0f} %" if votes >= 0.01 * total else "under 1 %"


def _nothing_counted() -> dict[str, Any]:
    zeros = np.zeros((MACHINES, SIDE * SIDE), np.float32)
    return {"sum": zeros, "counted": 0, "votes": np.zeros(11, int), "age": 0}
