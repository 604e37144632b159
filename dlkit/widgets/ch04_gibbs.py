"""Explorer: Gibbs chains of an RBM of digits, from digits, from noise and from a drawing."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dlkit import plots
from dlkit.models.rbm import RBM
from dlkit.widgets.ch04_machine import (
    check_machine,
    digit_machine,
    ink_of,
    named,
    read,
    tile_of,
    usual,
)
from dlkit.widgets.drawing_pad import SIDE, DrawingPad, from_bytes, to_bytes
from dlkit.widgets.drawn import DrawnExplorer, mnist
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.frame import DPI
from dlkit.widgets.labels import Label, Labels, Style, render
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint
from dlkit.widgets.training import Recording, TrainingExplorer

CHAINS = 20  # two rows of ten
ROW = CHAINS // 2
STARTS = ("digits above, noise below", "digits", "noise", "my drawing")
VIEWS = ("pixel probabilities", "sampled pixels", "hidden units")

# Places in inches.
LARGE, LARGE_LOW = 1.12, 4.58
LARGE_LEFT = {"before": 0.12, "hidden": 1.9, "now": 3.68}
SMALL, FIRST, STEP = 0.56, 0.12, 0.645
ROW_LOW = (3.5, 2.47)
CHART = (0.72, 0.48, 5.6, 1.38)
KEY_Y = 2.07  # of the chart's key
POINTS = 400  # of a curve, at most


@dataclass(frozen=True)
class Kind:
    """How chains that began alike look in the chart."""

    colour: str
    on_dark: str
    line: str


KINDS = {
    "digits": Kind(plots.BLUE, plots.SKY, "-"),
    "noise": Kind(plots.VERMILION, plots.ORANGE, "--"),
    "your drawing": Kind(plots.GREEN, plots.GREEN, "-."),
}


@dataclass(frozen=True, eq=False)
class Curve:
    """Free energies of some chains at some steps: steps (points,), energies (points, chains)."""

    steps: np.ndarray
    energies: np.ndarray


@dataclass(frozen=True, eq=False)
class Chains:
    """Where all chains are, and how they came there.

    before, now: visible units before and after the last step, (chains, 784), True is on; hidden:
    in between, (chains, hidden), None at the start; ink: the probabilities that `now` was drawn
    from; energy: the free energy of `now`, (chains,), in nats; past: its curve up to now; others:
    curves of the chain looked at as it goes on in what was rewound; kinds: what each chain began
    with; digits: what chapter 02's net reads in `ink`, -1 for nothing it is sure of, and at the
    start; chain: the one looked at, from 0; usual: between which free energies nine of ten test
    digits lie.
    """

    step: int
    view: str
    before: np.ndarray
    hidden: np.ndarray | None
    now: np.ndarray
    ink: np.ndarray
    energy: np.ndarray
    past: Curve
    others: tuple[Curve, ...]
    kinds: tuple[str, ...]
    digits: np.ndarray
    digits_at_start: np.ndarray
    chain: int
    usual: tuple[float, float]

    def of(self, kind: str) -> np.ndarray:
        """Which chains began with this."""
        return np.array([own == kind for own in self.kinds])

    @property
    def began_as_digits(self) -> np.ndarray:
        """Which chains began with something in which the net was sure to read a digit."""
        return (self.digits_at_start >= 0) & ~self.of("noise")

    @property
    def changed(self) -> np.ndarray:
        """Which chains began as a digit and show another by now, or none."""
        return self.began_as_digits & (self.digits != self.digits_at_start)


class GibbsChain(DrawnExplorer, TrainingExplorer):
    """Twenty Gibbs chains v → h → v of one machine, side by side, and their free energies.

    rbm: an `RBM` with 784 visible units, for example the one that you have trained, as it is now;
    without one, `digit_machine`, which has 256 hidden units. start: what the chains begin with,
    one of `STARTS`; chain: the one that is shown large, 1 to 20; view: what is shown of all, one of
    `VIEWS`. Rewinding and going on shows another future of the same past.
    """

    title = "Gibbs chains: the machine dreams of digits"
    size = (6.6, 6.0)
    beside = True
    restarts = ("start", "drawing")
    most_steps = 20_000
    pace = "10 steps a second"
    pad_options = {"label": "Draw a digit to start from"}  # noqa: RUF012
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "look at another chain",
    }

    def __init__(self, rbm: RBM | None = None, **start):
        self.rbm = digit_machine() if rbm is None else copy.deepcopy(check_machine(rbm))
        self._usual = usual(self.rbm)
        self._rng = np.random.default_rng(0)
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "start": ipywidgets.Dropdown(options=list(STARTS), description="start from"),
            "view": ipywidgets.Dropdown(options=list(VIEWS), description="show"),
            "chain": ipywidgets.IntSlider(value=1, min=1, max=CHAINS, description="chain"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        buttons = super().actions()
        return {name: buttons[name] for name in ("Run", "Step")} | {
            "Start again": self.restart,
            "Show a test digit": self.show_digit,
        }

    def reset(self) -> None:
        """Clear the pad, return the controls to the start, and begin as at first."""
        self.pad.clear()  # first: chains follow what is drawn, and draw numbers for it
        self._rng = np.random.default_rng(0)
        super().reset()

    def drawn(self, pad: DrawingPad) -> None:
        """Start from the drawing; a chain that runs goes on running."""
        start, running = self.values["start"], self.running
        if not pad.is_empty:
            start = STARTS[3]
        elif start == STARTS[3]:
            start = self._start["start"]
        self.set(drawing=to_bytes(pad.pixels), start=start)
        if running:
            self.run()

    # The chains -------------------------------------------------------------------------------

    def begin(self, start: str, drawing: bytes, **_) -> dict[str, Any]:
        drawn = ink_of(from_bytes(drawing)).ravel()
        if start == STARTS[3] and not drawn.any():
            raise ValueError("The pad is empty: draw a digit first, or start from something else.")
        v, kinds = self._rng.random((CHAINS, SIDE * SIDE)) < 0.5, ["noise"] * CHAINS
        if start == STARTS[3]:
            v[:], kinds = drawn, ["your drawing"] * CHAINS
        elif start != "noise":
            many = CHAINS if start == "digits" else ROW
            v[:many], kinds[:many] = ink_of(some_digits(many, self._rng)), ["digits"] * many
        energy = self.rbm.free_energy(v)
        return {"before": v, "hidden": None, "now": v, "energy": energy} | {
            "kinds": tuple(kinds),
            "energy at start": energy,
            "digits at start": read(v),
        }

    def step(self, state: dict[str, Any], **_) -> dict[str, float]:
        """v → h → v in every chain. Chance is no part of the state: rewound, it falls anew."""
        hidden = self.rbm.sample_hidden(state["now"], self._rng)
        state["before"], state["hidden"] = state["now"], hidden.astype(bool)
        state["now"] = self.rbm.sample_visible(hidden, self._rng).astype(bool)
        state["energy"] = self.rbm.free_energy(state["now"])
        return {str(i): float(energy) for i, energy in enumerate(state["energy"])}

    def look(self, state: dict[str, Any], chain: int, view: str, **_) -> Chains:
        hidden, start = state["hidden"], state["energy at start"]
        ink = state["now"].astype(np.float32)
        if hidden is not None:
            ink = self.rbm.visible_probabilities(hidden)
        rewound = [b for b in self.branches if b.length > (self.time if b is self.branch else 0)]
        return Chains(
            step=self.time,
            view=view,
            before=state["before"],
            hidden=hidden,
            now=state["now"],
            ink=ink,
            energy=state["energy"],
            past=curve(self.branch, self.time, range(CHAINS), start),
            others=tuple(curve(b, b.length, [chain - 1], start) for b in rewound),
            kinds=state["kinds"],
            digits=read(ink),
            digits_at_start=state["digits at start"],
            chain=chain - 1,
            usual=self._usual,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        middle = LARGE_LOW + LARGE / 2
        for left, words in ((LARGE_LEFT["before"], "P(h | v)"), (LARGE_LEFT["hidden"], "P(v | h)")):
            ends = left + LARGE + 0.06, left + LARGE + 0.6
            look = {"arrowstyle": "-|>", "color": plots.INK[0], "shrinkA": 0, "shrinkB": 0}
            arrow = self.sheet.annotate("", (ends[1], middle), (ends[0], middle), arrowprops=look)
            name = self.sheet.text(sum(ends) / 2, middle + 0.1, words, fontsize=9, ha="center")
            for still in (arrow, name):
                still.set_zorder(1)  # behind what changes, or they would be drawn for every frame
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        self.samples = {
            name: self.sheet.plot([], [], color=kind.colour, ls=kind.line, lw=2, zorder=3)[0]
            for name, kind in KINDS.items()
        }
        (self.samples["chosen"],) = self.sheet.plot([], [], color=plots.INK[0], lw=1, zorder=3)
        left, low, wide, high = CHART
        self.chart = figure.add_axes((left / width, low / height, wide / width, high / height))
        self.chart.set_xlabel("steps v → h → v", fontsize=9, labelpad=1)
        self.chart.set_ylabel("F(v) in nats", fontsize=9)
        self.chart.tick_params(labelsize=8)
        self.chart.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.chart.spines[["top", "right"]].set_visible(False)
        self.chart.axhspan(*self._usual, color=plots.GREY, alpha=0.25, linewidth=0, zorder=0)
        self.each = self.chart.add_collection(
            LineCollection([], linewidths=0.7, alpha=0.45, zorder=2), autolim=False
        )
        self.futures = self.chart.add_collection(
            LineCollection([], linewidths=0.9, colors=plots.GREY, linestyles=":", zorder=3),
            autolim=False,
        )
        self.means = [
            self.chart.plot([], [], color=kind.colour, linestyle=kind.line, linewidth=2, zorder=4)[
                0
            ]
            for kind in KINDS.values()
        ]
        (self.chosen,) = self.chart.plot([], [], color=plots.INK[0], linewidth=1, zorder=5)
        self._limits: tuple | None = None
        self.live(self.tiles, self.labels, *self.samples.values())
        self.live(self.each, self.futures, *self.means, self.chosen)

    def draw(self, data: Chains) -> None:
        self._set_limits(data)
        steps, energies = data.past.steps, data.past.energies
        self.each.set_segments([np.column_stack([steps, one]) for one in energies.T])
        self.each.set_colors([self._colour(kind) for kind in data.kinds])
        for kind, mean in zip(KINDS, self.means, strict=True):
            mean.set(color=self._colour(kind), visible=kind in data.kinds)
            if kind in data.kinds:
                mean.set_data(steps, energies[:, data.of(kind)].mean(axis=1))
            self.samples[kind].set_color(self._colour(kind))
        self.chosen.set_data(steps, energies[:, data.chain])
        self.futures.set_segments(
            [np.column_stack([c.steps, c.energies[:, 0]]) for c in data.others]
        )
        self.tiles.show([*self._large(data), *self._small(data)])
        self.labels.show([*self._words(data), *self._row_words(data), *self._key(data)])

    def _colour(self, kind: str) -> str:
        return KINDS[kind].on_dark if self.dark else KINDS[kind].colour

    def _set_limits(self, data: Chains) -> None:
        """The chart's limits, in steps large enough to change seldom."""
        low, high = self._usual
        span = max(high - low, 1.0)
        lowest = min(low, float(data.past.energies.min()))
        below = low - span * (0.25 + max(0, np.ceil(2 * (low - lowest) / span)) / 2)
        reach = max([data.step, *(c.steps[-1] for c in data.others)])
        right = next(r * 10**e for e in range(1, 9) for r in (2, 5, 10) if r * 10**e >= reach)
        if (limits := (right, below)) != self._limits:
            self.chart.set(xlim=(0, right), ylim=(below, high + 2.75 * span))
            self._limits = limits

    def _large(self, data: Chains) -> Iterator[Tile]:
        """One chain's last step: v, h and the new v."""
        pictures = {"before": data.before, "now": data.now}
        for name, left in LARGE_LEFT.items():
            if name == "hidden":
                pixels = self._units(data, data.chain)
            else:
                pixels = tile_of(pictures[name][data.chain], self.dark)
            yield Tile(left, LARGE_LOW, LARGE, LARGE, pixels, frame=plots.GREY)

    def _small(self, data: Chains) -> Iterator[Tile]:
        for i in range(CHAINS):
            if data.view == VIEWS[2]:
                pixels = self._units(data, i)
            else:
                pixels = tile_of((data.ink if data.view == VIEWS[0] else data.now)[i], self.dark)
            looked_at = i == data.chain
            frame, line = (self.ink, 2.5) if looked_at else (self._colour(data.kinds[i]), 1.0)
            yield Tile(*corner(i), SMALL, SMALL, pixels, frame=frame, line=line)

    def _units(self, data: Chains, chain: int) -> np.ndarray:
        """The hidden units of one chain as a square of cells, orange where one is on."""
        units = len(self.rbm.hidden_bias)
        side = int(np.ceil(np.sqrt(units)))
        cells = np.full(side * -(-units // side), np.nan)
        cells[:units] = 0 if data.hidden is None else data.hidden[chain]
        return paint(cells.reshape(-1, side)[::-1], SIGNED[self.dark])

    def _words(self, data: Chains) -> Iterator[Label]:
        """What the last step of the chosen chain was."""
        small, units = Style(self.ink, size=9), len(self.rbm.hidden_bias)
        on = "not yet sampled" if data.hidden is None else f"{data.hidden[data.chain].sum()} on"
        captions = {"before": "v before", "hidden": f"{units} units h: {on}", "now": "v now"}
        for name, words in captions.items():
            yield Label(LARGE_LEFT[name] + LARGE / 2, LARGE_LOW + LARGE + 0.13, words, small)
        head, left = Style(self.ink, weight="bold", anchor=0), Style(self.ink, anchor=0)
        lines = [
            f"chain {data.chain + 1} of {CHAINS}",
            f"from {data.kinds[data.chain]}",
            f"after {data.step:,} step{'s' if data.step != 1 else ''}",
            f"F(v) = {nats(data.energy[data.chain])} nats",
            f"read as {named(data.digits[data.chain])}",
        ]
        for i, words in enumerate(lines):
            yield Label(4.98, LARGE_LOW + LARGE - 0.12 - 0.22 * i, words, left if i else head)

    def _row_words(self, data: Chains) -> Iterator[Label]:
        head, small = Style(self.ink, anchor=0), Style(self.ink, size=8)
        bold = Style(self.ink, size=8, weight="bold")
        for row, low in enumerate(ROW_LOW):
            first = row * ROW
            words = f"chains {first + 1} to {first + ROW}, from {data.kinds[first]}"
            if row == 0:
                words += "; below, what chapter 02’s net reads (bold: changed)"
            yield Label(FIRST - 0.04, low + SMALL + 0.13, words, head)
        changed = data.changed
        for i, digit in enumerate(data.digits):
            left, low = corner(i)
            yield Label(left + SMALL / 2, low - 0.11, named(digit), bold if changed[i] else small)

    def _key(self, data: Chains) -> Iterator[Label]:
        """The key of the chart, with the mean of each group."""
        left, x = Style(self.ink, size=8, anchor=0), FIRST
        names = {
            kind: f"from {kind}: mean {nats(data.energy[data.of(kind)].mean())}"
            for kind in KINDS
            if kind in data.kinds
        }
        names["chosen"] = f"chain {data.chain + 1}"
        for kind, sample in self.samples.items():
            sample.set_visible(kind in names)
            if kind in names:
                sample.set_data([x, x + 0.33], [KEY_Y, KEY_Y])
                yield Label(x + 0.36, KEY_Y, names[kind], left)
                x += 0.5 + render(names[kind], left, DPI).shape[1] / DPI
        yield Label(x, KEY_Y, "band: 9 of 10 test digits", left)

    def describe(self, data: Chains) -> str:
        low, high = data.usual
        words = [
            f"After {data.step:,} step{'s' if data.step != 1 else ''}.",
            f"Nine of ten test digits have free energies from {nats(low)} to {nats(high)} nats.",
        ]
        for kind in KINDS:
            own = data.of(kind)
            if own.any():
                energies = data.energy[own]
                inside = ((low <= energies) & (energies <= high)).sum()
                words.append(
                    f"{own.sum()} chains from {kind}: {nats(energies.mean())} nats on average, "
                    f"{nats(energies.min())} to {nats(energies.max())}, {inside} of them among "
                    f"these; chapter 02’s net reads {' '.join(map(named, data.digits[own]))}."
                )
        if data.step and (known := data.began_as_digits.sum()):
            same = known - data.changed.sum()
            words.append(f"{same} of {known} still show the digit that they began with.")
        on = (
            ""
            if data.hidden is None
            else (f", {data.hidden[data.chain].sum()} of {data.hidden.shape[1]} hidden units on")
        )
        words.append(
            f"Chain {data.chain + 1}, from {data.kinds[data.chain]}: free energy "
            f"{nats(data.energy[data.chain])} nats{on}, read as {named(data.digits[data.chain])}."
        )
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.kind != "down" or event.axes is not self.sheet:
            return
        for i in range(CHAINS):
            left, low = corner(i)
            if 0 <= event.x - left <= SMALL and 0 <= event.y - low <= SMALL:
                self.set(chain=i + 1)

    def on_key(self, event: Key) -> None:
        by = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -ROW, "ArrowDown": ROW}[event.key]
        self.set(chain=(self.values["chain"] - 1 + by) % CHAINS + 1)


def some_digits(count: int, rng: np.random.Generator) -> np.ndarray:
    """Test digits, (count, 784): a 0, a 1, … a 9, and so on, each chosen at random."""
    split = mnist()
    rows = [rng.choice(np.flatnonzero(split.y_test == i % 10)) for i in range(count)]
    return split.x_test[rows]


def curve(branch: Recording, length: int, chains: Sequence[int], start: np.ndarray) -> Curve:
    """The free energies of these chains in the first steps of a branch, thinned for the eye."""
    stride = -(-length // POINTS) or 1
    kept = slice(stride - 1, length, stride)
    steps = np.arange(length + 1)[kept.start + 1 :: stride]
    energies = [[start[i], *branch.metrics.get(str(i), [])[kept]] for i in chains]
    return Curve(np.array([0, *steps]), np.array(energies).T)


def corner(chain: int) -> tuple[float, float]:
    """Where the small picture of a chain has its lower left corner, in inches."""
    row, column = divmod(chain, ROW)
    return FIRST + STEP * column, ROW_LOW[row]


def nats(value: float) -> str:
    """A free energy as it is written, with a real minus."""
    return f"{value:,.0f}".replace("-", "−")
