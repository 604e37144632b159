"""Explorer: a memory of Hopfield's. Store drawings, spoil one, and let it fall down the energy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dlkit import plots
from dlkit.models.hopfield import ALPHA_C, Hopfield, overlap, spoil
from dlkit.widgets.ch04_machine import ink_of, tile_of
from dlkit.widgets.drawing_pad import SIDE, DrawingPad, from_bytes, to_bytes
from dlkit.widgets.drawn import DrawnExplorer, mnist
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import Tile, Tiles
from dlkit.widgets.training import Finished, TrainingExplorer

UNITS = SIDE * SIDE
MOST = 150  # memories, beside those that are drawn
OWN = 10  # drawings that can be stored
BATCH = 28  # units that are updated in one step, one after another
KINDS = ("digits", "random patterns")
RULES = ("Hebb's rule", "projection")
DAMAGES = ("pixels turned round", "lower half erased")
STARTS = ("a memory, spoiled", "my drawing")
SAME = 0.99  # from which overlap on a memory counts as recalled

# Places in inches.
LARGE, LARGE_LOW, LARGE_LEFT = 1.28, 3.56, (0.12, 1.56, 3.0)
SMALL, FIRST, STEP, ROW_LOW, SHOWN = 0.56, 0.12, 0.645, 2.5, 10
CHART = (0.78, 0.46, 5.6, 1.46)


@dataclass(frozen=True, eq=False)
class Recall:
    """Where the state is on its way.

    memories: what is stored, (M, 784) of +1 (ink) and -1; cue: the state it began in, (784,); now:
    the present one; aim: the memory that the cue was made from, None for a drawing; overlaps: of
    `now` with every memory, (M,); energies: of every memory; path: the energies since the start,
    one for each step of `BATCH` updates; resting: whether no unit would change.
    """

    memories: np.ndarray
    own: int
    rule: str
    cue: np.ndarray
    now: np.ndarray
    aim: int | None
    overlaps: np.ndarray
    energies: np.ndarray
    path: np.ndarray
    resting: bool

    @property
    def nearest(self) -> int:
        """The memory that the present state is most like."""
        return int(self.overlaps.argmax())

    @property
    def updates(self) -> int:
        """How many units were updated since the start."""
        return (len(self.path) - 1) * BATCH

    def name(self, memory: int) -> str:
        """A memory as it is called in words."""
        return f"your drawing {memory + 1}" if memory < self.own else f"memory {memory + 1}"


class HopfieldMemory(DrawnExplorer, TrainingExplorer):
    """784 units remember pictures in their weights; a spoiled one falls towards a memory.

    kind, count: what is stored beside your own drawings, of `KINDS`, and how many; rule: how the
    weights are made, of `RULES`; start: what the state begins with, of `STARTS`; cue: which memory
    is spoiled, from 1; damage, share: how it is, of `DAMAGES`, and the share of pixels turned.
    Each step updates `BATCH` units, one after another, in an order drawn by chance.
    """

    title = "A memory that falls down its energy (Hopfield 1982)"
    size = (6.6, 5.2)
    beside = True
    restarts = ("kind", "count", "rule", "start", "cue", "damage", "share", "drawing", "own")
    most_steps = 5_000
    pace = "10 steps a second"
    pad_options = {"label": "Draw something to store, or to begin with"}  # noqa: RUF012
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "spoil another of the memories shown",
        "s": "spoil it anew",
    }

    def __init__(self, **start):
        self._rng = np.random.default_rng(0)
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "kind": ipywidgets.Dropdown(options=list(KINDS), description="store"),
            "count": ipywidgets.IntSlider(value=2, min=1, max=MOST, description="how many"),
            "rule": ipywidgets.Dropdown(options=list(RULES), description="weights by"),
            "start": ipywidgets.Dropdown(options=list(STARTS), description="begin with"),
            "cue": ipywidgets.IntSlider(value=1, min=1, max=MOST + OWN, description="memory"),
            "damage": ipywidgets.Dropdown(options=list(DAMAGES), description="spoiled by"),
            "share": ipywidgets.FloatSlider(
                value=0.25, min=0.0, max=0.5, step=0.05, description="turned"
            ),
        }

    def state(self) -> dict[str, Any]:
        return super().state() | {"own": ()}

    def actions(self) -> dict[str, Callable[[], Any]]:
        buttons = super().actions()
        return {name: buttons[name] for name in ("Run", "Step")} | {
            "Spoil anew": self.restart,
            "Store my drawing": self.store_drawing,
            "Forget my drawings": self.forget_drawings,
        }

    def idle(self, *, start: str, damage: str, **_) -> dict[str, bool]:
        drawn, erased = start == STARTS[1], damage == DAMAGES[1]
        return {"cue": drawn, "damage": drawn, "share": drawn or erased}

    def store_drawing(self) -> None:
        """Add what is on the pad to the memories, as the first of them."""
        drawing, own = self.values["drawing"], self.values["own"]
        if not ink_of(from_bytes(drawing)).any():
            raise ValueError("The pad is empty: draw something to store first.")
        if len(own) >= OWN:
            raise ValueError(f"{OWN} drawings are stored: forget them to store others.")
        self.set(own=(drawing, *own), start=STARTS[0], cue=1)

    def forget_drawings(self) -> None:
        """Take the stored drawings out of the memory."""
        self.set(own=())

    def set(self, **values) -> None:
        """As in every training; drawings that are none are refused before anything changes."""
        own = values.get("own", ())
        if not isinstance(own, tuple) or len(own) > OWN:
            raise ValueError(f"own must be a tuple of at most {OWN} drawings, got {own!r:.60}")
        for drawing in own:
            from_bytes(drawing)
        super().set(**values)

    def reset(self) -> None:
        """Clear the pad, forget the drawings, and begin as at first."""
        self.pad.clear()  # first: the memory follows what is drawn, and draws numbers for it
        self._rng = np.random.default_rng(0)
        super().reset()

    def drawn(self, pad: DrawingPad) -> None:
        """Begin with the drawing; an empty pad goes back to the memories."""
        start = STARTS[0] if pad.is_empty else STARTS[1]
        self.set(drawing=to_bytes(pad.pixels), start=start)

    # The memory -------------------------------------------------------------------------------

    def begin(self, start: str, cue: int, damage: str, share: float, drawing: bytes, **values):
        memories, net = memory(values["kind"], values["count"], values["rule"], values["own"])
        if start == STARTS[1]:
            ink = ink_of(from_bytes(drawing)).ravel()
            if not ink.any():
                raise ValueError("The pad is empty: draw something, or begin with a memory.")
            aim, first = None, _signs(ink)
        else:
            aim = min(cue, len(memories)) - 1
            first = memories[aim].copy()
            if damage == DAMAGES[1]:
                first[UNITS // 2 :] = -1
            else:
                first = spoil(first, share, self._rng)[0]
        energy = float(net.energy(first)[0])
        return {"cue": first, "now": first, "aim": aim, "order": [], "energy": energy}

    def step(self, state: dict[str, Any], **values) -> dict[str, float]:
        _, net = memory(values["kind"], values["count"], values["rule"], values["own"])
        if net.is_fixed(state["now"])[0]:
            raise Finished("At rest: no unit would change. Spoil it anew, or begin elsewhere.")
        if len(state["order"]) < BATCH:
            state["order"] = self._rng.permutation(UNITS)
        now, state["order"] = state["order"][:BATCH], state["order"][BATCH:]
        state["now"] = net.update(state["now"], now)[0]
        return {"energy": float(net.energy(state["now"])[0])}

    def look(self, state: dict[str, Any], **values) -> Recall:
        memories, net = memory(values["kind"], values["count"], values["rule"], values["own"])
        path = [state["energy"], *self.branch.metrics.get("energy", [])[: self.time]]
        return Recall(
            memories=memories,
            own=len(values["own"]),
            rule=values["rule"],
            cue=state["cue"],
            now=state["now"],
            aim=state["aim"],
            overlaps=overlap(memories, state["now"]),
            energies=net.energy(memories),
            path=np.array(path),
            resting=bool(net.is_fixed(state["now"])[0]),
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        left, low, wide, high = CHART
        self.chart = figure.add_axes((left / width, low / height, wide / width, high / height))
        self.chart.set_xlabel("updates of one unit", fontsize=9, labelpad=1)
        self.chart.set_ylabel("energy E", fontsize=9)
        self.chart.tick_params(labelsize=8)
        self.chart.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.chart.spines[["top", "right"]].set_visible(False)
        self.levels = self.chart.add_collection(
            LineCollection([], linewidths=0.8, linestyles=":", colors=plots.GREY, zorder=2),
            autolim=False,
        )
        (self.aim,) = self.chart.plot([], [], color=plots.VERMILION, lw=2, ls="--", zorder=3)
        (self.path,) = self.chart.plot([], [], color=plots.BLUE, lw=2, zorder=4)
        (self.spot,) = self.chart.plot([], [], "o", color=plots.BLUE, ms=7, zorder=5)
        self._limits: tuple | None = None
        self.live(self.tiles, self.labels, self.levels, self.aim, self.path, self.spot)

    def draw(self, data: Recall) -> None:
        self._set_limits(data)
        self.tiles.show(self._tiles(data))
        self.labels.show(self._words(data))
        _, right = self.chart.get_xlim()
        shown = data.energies[:SHOWN]
        self.levels.set_segments([[(0, e), (right, e)] for e in shown])
        goal = data.energies[data.nearest if data.aim is None else data.aim]
        self.aim.set_data([0, right], [goal, goal])
        at = BATCH * np.arange(len(data.path))
        colour = plots.SKY if self.dark else plots.BLUE
        self.path.set(color=colour)
        self.spot.set(markerfacecolor=colour, markeredgecolor=colour)
        self.path.set_data(at, data.path)
        self.spot.set_data(at[-1:], data.path[-1:])

    def _set_limits(self, data: Recall) -> None:
        """The chart's limits, in steps large enough to change seldom."""
        every = np.concatenate([data.path, data.energies[:SHOWN]])
        low, high = float(every.min()), max(float(every.max()), 0.0)
        grain = 10 ** np.floor(np.log10(max(high - low, 1e-3))) / 2
        low, high = np.floor(low / grain - 0.3) * grain, np.ceil(high / grain + 0.3) * grain
        right = 784 * max(2, -(-data.updates // 784))
        if (limits := (right, low, high)) != self._limits:
            self.chart.set(xlim=(0, right), ylim=(low, high))
            self._limits = limits

    def _tiles(self, data: Recall) -> Iterator[Tile]:
        for left, picture in zip(LARGE_LEFT, self._large(data), strict=True):
            pixels = tile_of((picture + 1) / 2, self.dark)
            yield Tile(left, LARGE_LOW, LARGE, LARGE, pixels, frame=plots.GREY)
        for i, one in enumerate(data.memories[:SHOWN]):
            chosen, near = i == data.aim, i == data.nearest
            frame = plots.VERMILION if chosen else self.ink if near else plots.GREY
            pixels = tile_of((one + 1) / 2, self.dark)
            yield Tile(
                FIRST + STEP * i,
                ROW_LOW,
                SMALL,
                SMALL,
                pixels,
                frame=frame,
                line=2.5 if chosen or near else 1.0,
            )

    def _large(self, data: Recall) -> tuple[np.ndarray, ...]:
        return data.cue, data.now, data.memories[data.nearest]

    def _words(self, data: Recall) -> Iterator[Label]:
        small = Style(self.ink, size=9)
        names = ("it began here", "now", f"nearest: {data.name(data.nearest)}")
        for left, words in zip(LARGE_LEFT, names, strict=True):
            yield Label(left + LARGE / 2, LARGE_LOW + LARGE + 0.13, words, small)
        lines = [
            f"{len(data.memories)} stored in {UNITS} units",
            f"= {len(data.memories) / UNITS:.3f} a unit",
            f"after {data.updates:,} updates",
            f"E = {number(data.path[-1])}",
            f"overlap with it {data.overlaps[data.nearest]:.3f}".replace("-", "−"),
            "at rest" if data.resting else "still falling",
        ]
        head, left = Style(self.ink, weight="bold", anchor=0), Style(self.ink, anchor=0)
        for i, words in enumerate(lines):
            yield Label(4.42, LARGE_LOW + LARGE - 0.06 - 0.22 * i, words, left if i else head)
        more = len(data.memories) - SHOWN
        words = "the memories and the overlap of the state with each"
        yield Label(
            FIRST - 0.04,
            ROW_LOW + SMALL + 0.16,
            words + (f" ({more} more are not shown)" if more > 0 else ""),
            left,
        )
        bold, plain = Style(self.ink, size=8, weight="bold"), Style(self.ink, size=8)
        for i, m in enumerate(data.overlaps[:SHOWN]):
            style = bold if i == data.nearest else plain
            x = FIRST + STEP * i + SMALL / 2
            yield Label(x, ROW_LOW - 0.12, f"{m:.2f}".replace("-", "−"), style)
        yield Label(
            CHART[0] + 0.1,
            CHART[1] + CHART[3] + 0.1,
            "line: the state; dashes: the memory aimed at; dots: the others shown",
            Style(self.ink, size=8, anchor=0),
        )

    def describe(self, data: Recall) -> str:
        load = len(data.memories) / UNITS
        kind = self.values["kind"] + (f" and {data.own} of your drawings" if data.own else "")
        words = [
            f"{len(data.memories)} memories ({kind}) in {UNITS} units by {data.rule}: "
            f"{load:.3f} a unit; random patterns can be recalled by Hebb's rule up to "
            f"about {ALPHA_C}."
        ]
        began = "your drawing" if data.aim is None else f"{data.name(data.aim)}, spoiled"
        words.append(
            f"It began with {began}, at an energy of {number(data.path[0])}, and is at "
            f"{number(data.path[-1])} after {data.updates:,} updates"
            f"{', at rest' if data.resting else ''}."
        )
        words.append(
            f"The nearest memory is {data.name(data.nearest)}, with an overlap of "
            f"{data.overlaps[data.nearest]:.3f} and an energy of "
            f"{number(data.energies[data.nearest])}."
        )
        if data.resting and data.aim is not None:
            m = data.overlaps[data.aim]
            came = "was recalled" if m >= SAME else f"was not recalled: the overlap is {m:.3f}"
            words.append(f"{data.name(data.aim).capitalize()} {came}.")
        return " ".join(words).replace(" -", " −")

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.kind != "down" or event.axes is not self.sheet:
            return
        for i in range(min(SHOWN, len(self.data.memories))):
            left = FIRST + STEP * i
            if 0 <= event.x - left <= SMALL and 0 <= event.y - ROW_LOW <= SMALL:
                self.set(cue=i + 1, start=STARTS[0])

    def on_key(self, event: Key) -> None:
        if event.key == "s":
            self.restart()
            return
        shown = min(SHOWN, len(self.data.memories))
        by = -1 if event.key == "ArrowLeft" else 1
        self.set(cue=(min(self.values["cue"], shown) - 1 + by) % shown + 1, start=STARTS[0])


@lru_cache(maxsize=4)
def memory(kind: str, count: int, rule: str, own: tuple[bytes, ...]) -> tuple[np.ndarray, Hopfield]:
    """What is stored, (M, 784) of +1 and -1, drawings first, and the net that has stored it."""
    drawn = [_signs(ink_of(from_bytes(drawing)).ravel()) for drawing in own]
    every = np.array([*drawn, *(random_patterns() if kind == KINDS[1] else digits())[:count]])
    net = Hopfield(UNITS)
    (net.store if rule == RULES[0] else net.project)(every)
    return every, net


@lru_cache(maxsize=1)
def digits() -> np.ndarray:
    """Test digits as +1 and -1, (150, 784): a 0, a 1, … a 9, and so on."""
    split = mnist()
    of = [np.flatnonzero(split.y_test == digit) for digit in range(10)]
    rows = [of[i % 10][i // 10] for i in range(MOST)]
    return _signs(ink_of(split.x_test[rows]))


@lru_cache(maxsize=1)
def random_patterns() -> np.ndarray:
    """Coins: +1 and -1, (150, 784)."""
    return _signs(np.random.default_rng(1).random((MOST, UNITS)) < 0.5)


def number(energy: float) -> str:
    """An energy as it is written, with a real minus."""
    return f"{energy:,.1f}".replace("-", "−")


def _signs(ink: np.ndarray) -> np.ndarray:
    return np.where(ink, np.float32(1), np.float32(-1))
