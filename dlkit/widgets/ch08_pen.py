"""Explorer: write a digit, and a recurrent net reads the strokes as they come."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.data.strokes import drawn, offsets, strokes_of
from dlkit.models.dense import Sequential
from dlkit.widgets.ch04_machine import GREYS
from dlkit.widgets.ch08_reader import CLASSES, certainty, pen_reader
from dlkit.widgets.drawing_pad import SIDE, DrawingPad
from dlkit.widgets.drawn import mnist
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.running import RunningExplorer
from dlkit.widgets.shares import Shares
from dlkit.widgets.tiles import Tile, Tiles, paint

ORDERS = ("as written", "every stroke turned round", "the last stroke first")
ROOM = 40  # points that the chart has room for; more make it wider
PACE = 0.12  # seconds between two points when it is written again
HALF = 7.5  # steps from the middle of the path's picture to its edge

# Places in inches: left, low, width, height.
PATH, BARS, CHART = (0.15, 2.1, 2.7, 2.7), (3.5, 2.2, 2.3, 2.35), (0.5, 0.46, 5.9, 1.24)


@dataclass(frozen=True, eq=False)
class PenReading:
    """What a net says to a path, point by point.

    sequence: offsets (T, 3); points: where the pen was, (T, 2), x and y down; ends: the last point
    of each stroke; p: p(digit) after each point, (T, 10); read: how many points are read so far.
    """

    sequence: np.ndarray
    points: np.ndarray
    ends: np.ndarray
    p: np.ndarray
    read: int

    @property
    def empty(self) -> bool:
        """Whether nothing is written or nothing is read yet."""
        return self.read == 0

    @property
    def now(self) -> np.ndarray:
        """p(digit) after the last point read, (10,); all alike before the first."""
        return np.full(CLASSES, 1 / CLASSES) if self.empty else self.p[self.read - 1]

    @property
    def changes(self) -> list[tuple[int, int]]:
        """(point, digit): where the likeliest digit is another than at the point before."""
        best = self.p[: self.read].argmax(axis=1)
        at = np.flatnonzero(np.diff(best, prepend=-1))
        return [(int(t), int(best[t])) for t in at]


class ReadMyPen(RunningExplorer):
    """A pad, the pen's path as offsets, and what an LSTM says after every point of it.

    net: a net that gives logits (T·N, 10) for offsets (T, N, 3), such as the one that you have
    trained; without one, `pen_reader`. order: how the strokes are given to it, of `ORDERS`.
    The whole drawing is scaled to one size first, so where it begins already tells something of
    what came later; while you write it is scaled anew with every point, and read from the start.
    """

    title = "Read my pen: an LSTM reads the strokes as they come"
    size = (6.6, 5.0)
    beside = True
    run_label = "Write it again"
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "read one point less or more",
        "Home": "",
        "End": "read none, read all",
    }

    def __init__(self, net: Sequential | None = None, **start):
        self.net = pen_reader() if net is None else check_reader(net)
        self._rng = np.random.default_rng(0)
        self.pad = DrawingPad(label="Write a digit", preview=False)
        super().__init__(**start)
        self.pad.on_draw(lambda pad: self.set(strokes=pad.strokes, at=None))
        controls = self.children[-1].children[0]
        controls.children = (self.pad, *controls.children)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {"order": ipywidgets.Dropdown(options=list(ORDERS), description="strokes")}

    def state(self) -> dict[str, Any]:
        return {"strokes": [], "at": None}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {self.run_label: self._run_or_pause, "Write a test digit": self.show_digit}

    def show_digit(self) -> None:
        """Put the strokes of one of MNIST's test digits on the pad, traced from its picture."""
        split = mnist()
        picture = split.images(split.x_test)[self._rng.integers(len(split.x_test))]
        traced = [(stroke + 0.5) / SIDE for stroke in strokes_of(picture)]
        self.pad.background = b""
        self.pad.strokes = [stroke.tolist() for stroke in traced]

    def set(self, **values) -> None:
        """As in every explorer; strokes or a point that are none are refused at once."""
        if "strokes" in values:
            _offsets(values["strokes"])
        at = values.get("at")
        if at is not None and (isinstance(at, bool) or not isinstance(at, int) or at < 0):
            raise ValueError(f"at must be a number of points or None, got {at!r}")
        super().set(**values)

    def reset(self) -> None:
        """Clear the pad."""
        self._rng = np.random.default_rng(0)
        self.pad.clear()
        super().reset()

    # Reading ----------------------------------------------------------------------------------

    def compute(self, strokes: list, order: str, at: int | None) -> PenReading:
        lines = [np.asarray(stroke, float)[:, :2] for stroke in strokes if len(stroke)]
        if order == ORDERS[1]:
            lines = [line[::-1] for line in lines]
        elif order == ORDERS[2]:
            lines = lines[::-1]
        sequence = offsets(lines)
        steps = len(sequence)
        points = np.concatenate(drawn(sequence)) if steps else np.zeros((0, 2))
        return PenReading(
            sequence=sequence,
            points=points,
            ends=np.flatnonzero(sequence[:, 2] > 0.5),
            p=certainty(self.net, sequence[:, None])[:, 0],
            read=steps if at is None else min(at, steps),
        )

    def before_run(self) -> None:
        """Begin before the first point; an empty pad is said."""
        if not len(self.data.sequence):
            raise ValueError("The pad is empty: write a digit first.")
        if self.data.read == len(self.data.sequence):
            self.set(at=0)

    def beat(self) -> float:
        """One more point."""
        if self.data.read >= len(self.data.sequence):
            self.set(at=None)
            self.pause()
        else:
            self.set(at=self.data.read + 1)
        return PACE

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size

        def axes(place: tuple[float, float, float, float]):
            left, low, wide, high = place
            return figure.add_axes((left / width, low / height, wide / width, high / height))

        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.path, self.chart = axes(PATH), axes(CHART)
        self.path.set(xlim=(-HALF, HALF), ylim=(HALF, -HALF), xticks=[], yticks=[])
        self.path.spines[:].set_color(plots.GREY)
        self.jumps = self.path.add_collection(
            LineCollection([], linewidths=1, linestyles=":", colors=plots.GREY, zorder=2),
            autolim=False,
        )
        self.lines = self.path.add_collection(
            LineCollection([], linewidths=1.5, colors=plots.GREY, zorder=2), autolim=False
        )
        (self.later,) = self.path.plot([], [], "o", color=plots.GREY, ms=2.5, zorder=3)
        (self.points,) = self.path.plot([], [], "o", color=plots.BLUE, ms=4.5, zorder=4)
        (self.pen,) = self.path.plot(
            [], [], "o", mfc="none", mec=plots.VERMILION, mew=2.5, ms=11, zorder=5
        )
        self.words = Labels(self.path, zorder=7)
        self.bars = Shares(self.sheet, BARS, range(CLASSES))
        self.chart.set(xlim=(0, ROOM), ylim=(-0.5, CLASSES - 0.5))
        self.chart.invert_yaxis()
        self.chart.set_yticks(range(0, CLASSES, 3))
        self.chart.set_xlabel("points read", fontsize=9, labelpad=1)
        self.chart.set_ylabel("digit", fontsize=9)
        self.chart.tick_params(labelsize=8)
        self.chart.spines[["top", "right"]].set_visible(False)
        self.tiles = Tiles(self.chart)
        self.lifts = self.chart.add_collection(
            LineCollection([], linewidths=1.2, linestyles=":", colors=plots.GREY, zorder=5),
            autolim=False,
        )
        (self.cursor,) = self.chart.plot([], [], color=plots.VERMILION, lw=2, zorder=6)
        self.labels = Labels(self.sheet)
        self._room = ROOM
        self.live(self.jumps, self.lines, self.later, self.points, self.pen, self.words)
        self.live(*self.bars.artists, self.tiles, self.lifts, self.cursor, self.labels)

    def draw(self, data: PenReading) -> None:
        room = max(ROOM, 20 * -(-len(data.sequence) // 20))
        if room != self._room:
            self.chart.set_xlim(0, room)
            self._room = room
        begins = np.concatenate([[0], data.ends[:-1] + 1]).astype(int)
        strokes = [
            data.points[a : b + 1] for a, b in zip(begins, data.ends, strict=len(data.ends) > 0)
        ]
        self.lines.set_segments([s for s in strokes if len(s) > 1])
        self.jumps.set_segments([[a[-1], b[0]] for a, b in pairwise(strokes)])
        self.later.set_data(*data.points[data.read :].T)
        self.points.set_data(*data.points[: data.read].T)
        colour = plots.SKY if self.dark else plots.BLUE
        self.points.set(markerfacecolor=colour, markeredgecolor=colour)
        self.pen.set_data(*data.points[max(data.read - 1, 0) : data.read].T)
        self.words.show(self._changes(data))
        self.tiles.show(self._map(data))
        self.lifts.set_segments([[(e + 1, -0.5), (e + 1, CLASSES - 0.5)] for e in data.ends[:-1]])
        self.cursor.set_data([data.read, data.read], [-0.5, CLASSES - 0.5])
        self.cursor.set_visible(not data.empty)
        self.bars.show(None if data.empty else data.now, int(data.now.argmax()))
        self.labels.show(self._captions(data))

    def _changes(self, data: PenReading) -> Iterator[Label]:
        """The digit that is read from a point on, beside that point."""
        style = Style(plots.INK[0], "#FFFFFF", plots.GREY, size=8, weight="bold", padding=1.5)
        last = None
        for t, digit in data.changes:
            x, y = data.points[t] + (0.9, -0.5)
            if last is None or np.hypot(x - last[0], y - last[1]) > 1.2:
                x, y = np.clip((x, y), -HALF + 0.5, HALF - 0.5)
                yield Label(float(x), float(y), str(digit), style)
                last = (x, y)

    def _map(self, data: PenReading) -> list[Tile]:
        """p(digit) after every point as greys: a column a point, a row a digit."""
        if data.empty:
            return []
        pixels = paint(2 * data.p[: data.read].T[::-1] - 1, GREYS[self.dark])
        return [Tile(0, CLASSES - 0.5, data.read, -CLASSES, np.ascontiguousarray(pixels))]

    def _captions(self, data: PenReading) -> Iterator[Label]:
        left, low, wide, high = BARS
        small = Style(self.ink, size=9, anchor=0)
        for y, share in zip(self.bars.middles, data.now, strict=True) if not data.empty else ():
            yield Label(left + wide * float(share) + 0.06, y, f"{share:.2f}", small)
        head = Style(self.ink, weight="bold", anchor=0)
        total = len(data.sequence)
        words = (
            "the pad is empty: write a digit"
            if not total
            else f"{data.read} of {total} points, {len(data.ends)} stroke"
            + ("s" if len(data.ends) != 1 else "")
        )
        yield Label(left - 0.2, low + high + 0.16, words, head)
        yield Label(CHART[0], CHART[1] + CHART[3] + 0.12, "how sure it is: paper 0, ink 1", small)

    def describe(self, data: PenReading) -> str:
        if not len(data.sequence):
            return "The pad is empty: write a digit, and the net reads it point by point."
        best = data.now.argsort()[::-1]
        strokes = f"{len(data.ends)} stroke{'s' if len(data.ends) != 1 else ''}"
        words = [f"{data.read} of {len(data.sequence)} points are read, of {strokes}."]
        if data.empty:
            return words[0]
        words.append(
            f"The net says {best[0]} with {data.now[best[0]]:.2f}, then {best[1]} with "
            f"{data.now[best[1]]:.2f}."
        )
        course = ", ".join(f"{digit} from point {t + 1}" for t, digit in data.changes)
        words.append(f"The likeliest digit was {course}.")
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is self.chart and event.pressed and event.kind in ("down", "move"):
            self.pause()
            self.set(at=min(round(event.x), len(self.data.sequence)))

    def on_key(self, event: Key) -> None:
        total, read = len(self.data.sequence), self.data.read
        to = {"ArrowLeft": read - 1, "ArrowRight": read + 1, "Home": 0, "End": total}[event.key]
        self.pause()
        self.set(at=min(max(to, 0), total))


def check_reader(net: Any) -> Any:
    """The net itself; a `ValueError` if it does not read pen strokes."""
    try:
        logits = np.asarray(net.forward(np.zeros((2, 1, 3), np.float32)))
    except Exception as error:
        raise ValueError(f"net must read offsets (T, N, 3), got {net!r:.80} ({error})") from None
    if logits.shape != (2, CLASSES):
        raise ValueError(
            f"net must give logits (T·N, {CLASSES}), a row a step, got {logits.shape} for two steps"
        )
    return net


def _offsets(strokes: Sequence) -> np.ndarray:
    try:
        return offsets(strokes)
    except (TypeError, ValueError, IndexError):
        raise ValueError("strokes must be lists of points (x, y) or (x, y, t)") from None
