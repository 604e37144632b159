"""Explorer: all 32 states of a tiny RBM, their probabilities, and a chain that samples them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.special import gammaln

from dlkit import plots
from dlkit.models.boltzmann import total_variation
from dlkit.models.partition import all_states, log_partition
from dlkit.models.rbm import RBM
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.frame import alone
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.running import RunningExplorer

VISIBLE, HIDDEN = all_states(3), all_states(2)  # (8, 3) and (4, 2): rows and columns of the table
# Weights and biases are whole quarters, and the sliders' range is a power of two: the page counts
# in per cent of the range, and would send another number back for one that it cannot hit.
LIMIT, STRIDE = 8.0, 0.25
MOST = 100_000  # Gibbs steps that are counted
FILM = 0.02  # seconds between two pictures of a running chain

LOW = "₀₁₂₃"
WEIGHTS = {f"w{j}{i}": f"weight h{LOW[j]}v{LOW[i]}" for j in (1, 2) for i in (1, 2, 3)}
VISIBLE_BIASES = {f"b{i}": f"bias of v{LOW[i]}" for i in (1, 2, 3)}
HIDDEN_BIASES = {f"c{j}": f"bias of h{LOW[j]}" for j in (1, 2)}
PARAMETERS = WEIGHTS | VISIBLE_BIASES | HIDDEN_BIASES
Machine = tuple[float, ...]  # a number for each of PARAMETERS

FIRST: Machine = (2.0, 1.5, -1.0, -1.0, 1.0, 2.0, -0.5, -1.0, -0.5, -0.5, -0.5)
ZERO: Machine = (0.0,) * len(PARAMETERS)
VALLEYS: Machine = (4.0,) * 6 + (-4.0,) * 3 + (-6.0,) * 2  # two states at 0, a ridge between them

# Places in inches: the graph on the left, the table on the right.
UNITS = {f"v{i}": (1.5 * i - 0.9, 3.2) for i in (1, 2, 3)}
UNITS |= {f"h{j}": (1.5 * j - 0.15, 5.0) for j in (1, 2)}
RADIUS, BESIDE = 0.2, 0.4  # of a unit; from a unit to its bias
INCH = 2.0  # a drag over one inch changes a parameter by this much
LEFT, TOP, WIDE, HIGH, GAP = 4.5, 5.42, 1.03, 0.5, 0.08  # the table and its cells
CHART = (0.72, 0.55, 3.05, 1.65)
GUIDE = np.unique(np.geomspace(1, MOST, 60).round())


@dataclass(frozen=True, eq=False)
class Samples:
    """How often a chain has been where, since the machine last changed.

    state: the row and the column of the table where it is now; counts: (8, 4); history: pairs of
    the number of steps and the total variation distance reached by then.
    """

    machine: Machine
    state: tuple[int, int]
    counts: np.ndarray
    history: tuple[tuple[int, float], ...] = ()

    @property
    def steps(self) -> int:
        """How many steps have been counted."""
        return int(self.counts.sum())


@dataclass(frozen=True, eq=False)
class Landscape:
    """Everything there is to know about a machine with 32 states.

    energy, probability: (8, 4), a row for each visible and a column for each hidden state;
    log_z: log of the partition function Z = Σ e^-E; free_visible, free_hidden: (8,) and (4,),
    with p(v) = e^-F(v) / Z; guide: the distance that independent samples would have on average,
    for each number of samples in GUIDE.
    """

    machine: Machine
    energy: np.ndarray
    probability: np.ndarray
    log_z: float
    free_visible: np.ndarray
    free_hidden: np.ndarray
    samples: Samples
    guide: np.ndarray

    @property
    def frequency(self) -> np.ndarray:
        """The share of the steps that the chain has spent in each state: (8, 4), or all 0."""
        return self.samples.counts / max(self.samples.steps, 1)

    @property
    def distance(self) -> float:
        """The total variation distance of the frequencies; NaN without samples."""
        if not self.samples.steps:
            return np.nan
        return float(total_variation(self.frequency.ravel(), self.probability.ravel()))


class EnergyLandscape(RunningExplorer):
    """An RBM with three visible and two hidden units: each state's energy and probability.

    w11 … w23: the weights W[j, i] between hidden unit j and visible unit i; b1, b2, b3 and c1, c2:
    the biases of the visible and of the hidden units; steps: of the Gibbs chain between two
    pictures. Any change of the machine begins a new count where the chain is.
    """

    title = "Energy landscape: all 32 states of an RBM with 3 visible and 2 hidden units"
    size = (9.8, 6.0)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "choose a weight or a bias",
        "ArrowUp": "",
        "ArrowDown": "change it by ¼ (with Shift: by 1)",
        "1": "",
        "2": "",
        "3": "flip a visible unit",
        "4": "",
        "5": "flip a hidden unit",
        "s": "one Gibbs step",
        " ": "run or pause",
    }

    without_loop = "use sample(steps)"

    def __init__(self, **start):
        self._rng = np.random.default_rng(0)
        self._held: tuple[str, float, float] | None = None  # parameter, its value, where y was
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        sliders = {
            name: ipywidgets.FloatSlider(
                value=value,
                min=-LIMIT,
                max=LIMIT,
                step=STRIDE,
                readout_format=".2f",
                description=words,
            )
            for (name, words), value in zip(PARAMETERS.items(), FIRST, strict=True)
        }
        steps = ipywidgets.Dropdown(
            value=10,
            options=[1, 10, 100],
            description="steps a picture",
            tooltip="How many Gibbs steps the running chain takes between two pictures",
        )
        return {**sliders, "steps": steps}

    def state(self) -> dict[str, Any]:
        return {"chosen": "w11", "samples": None}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {
            "Run": self._run_or_pause,
            "Step": self._step_once,
            "Forget counts": self.forget,
            "All zero": lambda: self.become(ZERO),
            "Two valleys": lambda: self.become(VALLEYS),
        }

    def set(self, **values) -> None:
        """As in every explorer; what is no parameter cannot be chosen."""
        if values.get("chosen", "w11") not in PARAMETERS:
            raise ValueError(
                f"chosen must be one of {', '.join(PARAMETERS)}, got {values['chosen']!r}"
            )
        if not isinstance(values.get("samples"), Samples | None):
            raise ValueError(f"samples must be Samples or None, got {values['samples']!r:.60}")
        super().set(**values)

    def become(self, machine: Machine) -> None:
        """Set all weights and biases at once."""
        values: dict[str, Any] = dict(zip(PARAMETERS, machine, strict=True))
        self.set(**values)

    @staticmethod
    def compute(samples: Samples | None, **values) -> Landscape:
        parameters = tuple(float(values[name]) for name in PARAMETERS)
        rbm = build_machine(parameters)
        pairs = np.repeat(VISIBLE, 4, axis=0), np.tile(HIDDEN, (8, 1))
        energy = rbm.energy(*pairs).reshape(8, 4)
        log_z = log_partition(rbm)
        probability = np.exp(-energy - log_z)
        if samples is None or samples.machine != parameters:
            start = samples.state if samples else (0, 0)
            samples = Samples(parameters, start, np.zeros((8, 4), int))
        return Landscape(
            parameters,
            energy,
            probability,
            log_z,
            rbm.free_energy(VISIBLE),
            rbm.hidden_free_energy(HIDDEN),
            samples,
            expected_distance(probability, GUIDE),
        )

    # Sampling ---------------------------------------------------------------------------------

    def sample(self, steps: int) -> None:
        """Take Gibbs steps v → h → v and count the state after each."""
        with alone:
            past = self.data.samples
            steps = min(steps, MOST - past.steps)
            if steps <= 0:
                self.pause()
                self.message = f"{MOST:,} steps are counted: forget them to count anew."
                return
            visited = walk(build_machine(past.machine), past.state[0], steps, self._rng)
            counts = past.counts + np.bincount(visited, minlength=32).reshape(8, 4)
            frequency = counts.ravel() / counts.sum()
            distance = float(total_variation(frequency, self.data.probability.ravel()))
            history = (*past.history, (past.steps + steps, distance))
            if len(history) > 2 and history[-1][0] < 1.01 * history[-3][0]:
                history = (*history[:-2], history[-1])  # nobody sees two points in one place
            row, column = divmod(int(visited[-1]), 4)
            self.set(samples=Samples(past.machine, (row, column), counts, history))

    def forget(self) -> None:
        """Begin a new count where the chain is."""
        self._place(self.data.samples.state)

    def beat(self) -> float:
        """A few Gibbs steps for one picture."""
        self.sample(self.values["steps"])
        return FILM

    def reset(self) -> None:
        """Stop, forget all samples, and return to the first machine."""
        self._rng = np.random.default_rng(0)
        super().reset()

    def _place(self, state: tuple[int, int]) -> None:
        """Put the chain into a state and count anew."""
        self.set(samples=Samples(self.data.machine, state, np.zeros((8, 4), int)))

    def _flip(self, unit: str) -> None:
        row, column = self.data.samples.state
        states, place = (VISIBLE, row) if unit[0] == "v" else (HIDDEN, column)
        flipped = states[place].copy()
        flipped[int(unit[1]) - 1] = 1 - flipped[int(unit[1]) - 1]
        place = int((states == flipped).all(axis=1).argmax())
        self._place((place, column) if unit[0] == "v" else (row, place))

    def _step_once(self) -> None:
        self.pause()
        self.sample(1)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self._draw_grid()
        self.positive = LineCollection([], colors=plots.ORANGE, linestyles="-", zorder=1)
        self.negative = LineCollection([], colors=plots.BLUE, linestyles=(0, (4, 2)), zorder=1)
        self.exact = LineCollection([], colors=plots.BLUE, linewidths=6, zorder=3)
        self.sampled = LineCollection([], colors=plots.ORANGE, linewidths=3.5, zorder=3)
        for lines in (self.positive, self.negative, self.exact, self.sampled):
            lines.set_capstyle("butt")
            self.sheet.add_collection(lines, autolim=False)
        shared = {"markersize": 2 * RADIUS * 72, "markeredgecolor": plots.INK[0], "zorder": 4}
        (self.off,) = self.sheet.plot([], [], "o", color=plots.PAPER[0], **shared)
        (self.on,) = self.sheet.plot([], [], "o", color=plots.SKY, **shared)
        self.here = Rectangle((0, 0), WIDE, HIGH, fill=False, edgecolor=plots.INK[0], linewidth=2.5)
        self.sheet.add_patch(self.here).set_zorder(5)
        self.labels = Labels(self.sheet)

        left, low, wide, high = CHART
        self.chart = figure.add_axes((left / width, low / height, wide / width, high / height))
        self.chart.set(xscale="log", yscale="log", xlim=(1, MOST), ylim=(1e-3, 1.5))
        self.chart.set_xlabel("Gibbs steps counted", fontsize=9)
        self.chart.set_ylabel("total variation", fontsize=9)
        self.chart.tick_params(labelsize=8)
        self.chart.grid(color=plots.QUIET[0], linewidth=0.5)
        self.chart.set_axisbelow(True)
        self.chart.spines[["top", "right"]].set_visible(False)
        (self.hope,) = self.chart.plot([], [], "--", color=plots.GREY, linewidth=1.5)
        (self.fall,) = self.chart.plot([], [], "-", color=plots.VERMILION, linewidth=2)
        (self.now,) = self.chart.plot([], [], "o", color=plots.VERMILION, markersize=6)
        self.chart.legend(
            [self.fall, self.hope],
            ["this chain", "independent samples, on average"],
            fontsize=8,
            frameon=False,
            loc="lower left",
        ).set_zorder(0)
        self.live(self.positive, self.negative, self.exact, self.sampled, self.off, self.on)
        self.live(self.here, self.labels, self.hope, self.fall, self.now)

    def _draw_grid(self) -> None:
        """The lines of the table, and what never changes in it and in the graph."""
        cells = [cell(row, column) for row in range(9) for column in range(5)]
        lines = [
            [(x, y), (x + WIDE, y), (x + WIDE, y + HIGH), (x, y + HIGH), (x, y)] for x, y in cells
        ]
        grid = LineCollection(lines, colors=plots.QUIET[0], linewidths=0.8, zorder=0)
        self.sheet.add_collection(grid, autolim=False)
        # Behind all that is live: what lies in front of that is drawn again for every frame.
        ink: dict[str, Any] = {"color": plots.INK[0], "va": "center", "fontsize": 9, "zorder": 0}
        for column, hidden in enumerate(HIDDEN):
            x, _ = cell(0, column)
            self.sheet.text(x + WIDE / 2, TOP + 0.13, f"h = {bits(hidden)}", ha="center", **ink)
        for row, visible in enumerate(VISIBLE):
            _, y = cell(row, 0)
            self.sheet.text(LEFT - 0.06, y + HIGH / 2, f"v = {bits(visible)}", ha="right", **ink)
        x, y = cell(8, 4)
        self.sheet.text(x + WIDE / 2, TOP + 0.13, "sum: p(v)", ha="center", **ink)
        self.sheet.text(LEFT - 0.06, y + HIGH / 2, "sum: p(h)", ha="right", **ink)
        self.sheet.text(
            2.1, 5.83, "Drag a number up or down, click a unit to flip it", ha="center", **ink
        )
        self.sheet.text(
            7.2,
            5.83,
            "energy E or free energy F, and probability; click a state to go there",
            ha="center",
            **ink,
        )
        for unit, (x, y) in UNITS.items():
            name = unit[0] + LOW[int(unit[1])]
            self.sheet.text(x - RADIUS - 0.06, y, name, ha="right", **ink).set_fontsize(11)

    def draw(self, data: Landscape) -> None:
        self.sampled.set_color(plots.ORANGE)
        self.exact.set_color(plots.SKY if self.dark else plots.BLUE)
        self.negative.set_color(plots.SKY if self.dark else plots.BLUE)
        weights = np.array(data.machine[:6])
        ends = np.array([[UNITS[f"h{n[1]}"], UNITS[f"v{n[2]}"]] for n in WEIGHTS])
        for sign, lines in ((1, self.positive), (-1, self.negative)):
            chosen = sign * weights > 0
            lines.set_segments(list(ends[chosen]))
            lines.set_linewidths(0.5 + 0.8 * np.abs(weights[chosen]))
        on = [UNITS[unit] for unit in UNITS if self._is_on(data, unit)]
        off = [place for place in UNITS.values() if place not in on]
        self.on.set_data(*np.array(on).reshape(-1, 2).T)
        self.off.set_data(*np.array(off).reshape(-1, 2).T)
        self.here.set_xy(cell(*data.samples.state))
        exact, sampled = margins(data.probability), margins(data.frequency)
        self.exact.set_segments(bars(exact, data, 0.165))
        self.sampled.set_segments(bars(sampled, data, 0.075))
        self.hope.set_data(GUIDE, data.guide)
        history = np.array(data.samples.history).reshape(-1, 2).T
        self.fall.set_data(*history)
        self.now.set_data(*history[:, -1:])
        self.labels.show(self._words(data, exact))

    @staticmethod
    def _is_on(data: Landscape, unit: str) -> bool:
        row, column = data.samples.state
        state = VISIBLE[row] if unit[0] == "v" else HIDDEN[column]
        return bool(state[int(unit[1]) - 1])

    def _words(self, data: Landscape, exact: np.ndarray) -> Iterator[Label]:
        ink = self.ink
        for unit, (x, y) in UNITS.items():
            on = self._is_on(data, unit)
            style = Style("black" if on else ink, size=12, weight="bold")
            yield Label(x, y, "1" if on else "0", style)
        for name, value in zip(PARAMETERS, data.machine, strict=True):
            edge = plots.ORANGE if value > 0 else plots.SKY if self.dark else plots.BLUE
            style = Style(
                ink,
                plots.PAPER[self.dark],
                edge if value else plots.GREY,
                size=8.5,
                weight="bold" if name == self.values["chosen"] else "normal",
                padding=3.5 if name == self.values["chosen"] else 2.5,
                line=3.0 if name == self.values["chosen"] else 1.2,
            )
            yield Label(*handle(name), signed(value), style)
        left, right = Style(ink, size=8, anchor=0), Style(ink, size=8, anchor=1)
        energies = np.full((9, 5), np.nan)
        energies[:8, :4], energies[:8, 4] = data.energy, data.free_visible
        energies[8, :4] = data.free_hidden
        for (row, column), energy in np.ndenumerate(energies):
            x, y = cell(row, column)
            letter = "E" if row < 8 and column < 4 else "F"
            if not np.isnan(energy):
                yield Label(x + 0.02, y + 0.36, f"{letter} {decimal(energy)}", left)
                yield Label(x + WIDE - 0.02, y + 0.36, percent(float(exact[row, column])), right)
        x, y = cell(8, 4)
        yield Label(x + 0.05, y + 0.36, f"Z = {data_z(data)}", left)
        yield Label(x + 0.05, y + 0.14, f"log Z = {decimal(data.log_z)}", left)
        yield from self._lines(data)

    def _lines(self, data: Landscape) -> Iterator[Label]:
        """What is written under the table and over the chart."""
        plain = Style(self.ink, size=9, anchor=0)
        inner, outer = scales(data)
        x = 4.2
        yield Label(
            x,
            0.62,
            f"thick blue: exact; thin orange: counted. A full cell is {100 * inner:.0f} %, "
            f"in the sums {100 * outer:.0f} %.",
            plain,
        )
        row, column = data.samples.state
        v, h = VISIBLE[row], HIDDEN[column]
        rbm = build_machine(data.machine)
        parts = [rbm.visible_bias @ v, rbm.hidden_bias @ h, h @ rbm.weight @ v]
        sums = " − ".join(f"({decimal(part)})" for part in parts)
        energy, p = data.energy[row, column], data.probability[row, column]
        yield Label(
            x,
            0.38,
            f"Chain at v = {bits(v)}, h = {bits(h)}: E = −b·v − c·h − h·Wv = −{sums}",
            plain,
        )
        yield Label(
            x,
            0.15,
            f"= {decimal(energy)}, so p = exp(−E) / Z = exp({decimal(-energy)}) / "
            f"{data_z(data)} "
            f"= {percent(p)}",
            plain,
        )
        head = Style(self.ink, size=10, weight="bold")
        steps = data.samples.steps
        said = f"{steps:,} steps: distance {data.distance:.3f}" if steps else "no steps counted yet"
        yield Label(CHART[0] + CHART[2] / 2, 2.38, said, head)

    def describe(self, data: Landscape) -> str:
        machine = dict(zip(PARAMETERS, data.machine, strict=True))
        chosen = self.values["chosen"]
        row, column = np.unravel_index(data.probability.argmax(), (8, 4))
        visible, hidden = bits(VISIBLE[row]), bits(HIDDEN[column])
        marginal = ", ".join(
            f"{bits(v)} {percent(p)}"
            for v, p in zip(VISIBLE, data.probability.sum(axis=1), strict=True)
        )
        words = [
            f"Chosen: {PARAMETERS[chosen]} = {signed(machine[chosen])}. "
            f"Z = {data_z(data)}, log Z = {decimal(data.log_z)}. The most probable of the 32 "
            f"states is v = {visible}, h = {hidden}: "
            f"energy {decimal(data.energy[row, column])}, "
            f"probability {percent(data.probability[row, column])}. "
            f"Probabilities of the visible states: {marginal}."
        ]
        row, column = data.samples.state
        where = f"v = {bits(VISIBLE[row])}, h = {bits(HIDDEN[column])}"
        energy = decimal(data.energy[row, column])
        words.append(f"The chain is at {where}, with energy {energy}.")
        steps = data.samples.steps
        if not steps:
            words.append("No steps are counted yet.")
        else:
            expected = float(expected_distance(data.probability, np.array([float(steps)]))[0])
            words.append(
                f"After {steps:,} Gibbs {'step' if steps == 1 else 'steps'} the frequencies are "
                f"{data.distance:.3f} away from the probabilities (total variation distance); "
                f"as many independent samples would be {expected:.3f} away on average."
            )
            if steps >= 100 and data.distance > 2 * expected:
                words.append("The chain mixes slowly: its steps depend on each other.")
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        """A drag changes a parameter; a click puts the chain into a state or flips a unit."""
        if event.axes is not self.sheet:
            return
        if event.kind == "down":
            self._held = None
            name = parameter_at(event.x, event.y)
            unit = next((u for u, place in UNITS.items() if near(event, place)), None)
            state = cell_at(event.x, event.y)
            if unit:
                self._flip(unit)
            elif name:
                self._held = (name, self.values[name], event.y)
                self.set(chosen=name)
            elif state:
                self._place(state)
        elif event.kind == "move" and event.pressed and self._held:
            name, value, y = self._held
            self._change(name, value + INCH * (event.y - y))
        elif event.kind == "up":
            self._held = None

    def on_key(self, event: Key) -> None:
        names, chosen = list(PARAMETERS), self.values["chosen"]
        if event.key in ("ArrowLeft", "ArrowRight"):
            by = 1 if event.key == "ArrowRight" else -1
            self.set(chosen=names[(names.index(chosen) + by) % len(names)])
        elif event.key in ("ArrowUp", "ArrowDown"):
            by = (1.0 if event.shift else STRIDE) * (1 if event.key == "ArrowUp" else -1)
            self._change(chosen, self.values[chosen] + by)
        elif event.key in "12345":
            self._flip(list(UNITS)[int(event.key) - 1])
        elif event.key == "s":
            self._step_once()
        else:
            self._run_or_pause()

    def _change(self, name: str, value: float) -> None:
        value = float(np.clip(round(value / STRIDE) * STRIDE, -LIMIT, LIMIT))
        self.set(**{name: value})


def build_machine(machine: Machine) -> RBM:
    """The RBM with these weights and biases."""
    rbm = RBM(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    rbm.weight[...] = np.reshape(machine[:6], (2, 3))
    rbm.visible_bias[...] = machine[6:9]
    rbm.hidden_bias[...] = machine[9:]
    return rbm


def walk(rbm: RBM, row: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Gibbs steps v → h → v from a visible state: which of the 32 states each one ends in."""
    place = 2.0 ** np.arange(4, -1, -1)  # a state is a binary number: v, then h
    v = VISIBLE[[row]]
    visited = np.empty(steps, int)
    for t in range(steps):
        h = rbm.sample_hidden(v, rng)
        v = rbm.sample_visible(h, rng)
        visited[t] = v[0] @ place[:3] + h[0] @ place[3:]
    return visited


def expected_distance(probability: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The total variation distance that n independent samples have on average, for each n.

    Half the sum of the mean deviations of binomial counts, E|X - np| = 2 m C(n, m) pᵐ qⁿ⁻ᵐ⁺¹
    with m = ⌊np⌋ + 1 (de Moivre 1730).
    """
    n, p = samples[:, None], np.clip(probability.ravel(), 1e-300, 1 - 1e-15)
    m = np.floor(n * p) + 1
    ways = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
    deviation = 2 * np.exp(np.log(m) + ways + m * np.log(p) + (n - m + 1) * np.log1p(-p))
    return 0.5 * (deviation / n).sum(axis=1)


def margins(table: np.ndarray) -> np.ndarray:
    """The (8, 4) table with its sums: (9, 5)."""
    wide = np.concatenate([table, table.sum(axis=1, keepdims=True)], axis=1)
    return np.concatenate([wide, wide.sum(axis=0, keepdims=True)])


def scales(data: Landscape) -> tuple[float, float]:
    """Which probability fills a cell, among the states and among the sums."""
    steps = np.array([0.05, 0.1, 0.2, 0.5, 1.0])
    sums = max(data.probability.sum(axis=0).max(), data.probability.sum(axis=1).max())
    inner, outer = (float(steps[steps > 0.999 * p][0]) for p in (data.probability.max(), sums))
    return inner, outer


def bars(table: np.ndarray, data: Landscape, above: float) -> list[list[tuple[float, float]]]:
    """A bar in each cell of (9, 5) but the corner, at this height above its lower edge."""
    inner, outer = scales(data)
    full = np.full((9, 5), outer)
    full[:8, :4] = inner
    lengths = (WIDE - 0.1) * np.minimum(table / full, 1)
    found = []
    for (row, column), length in np.ndenumerate(lengths):
        if length > 0 and (row, column) != (8, 4):
            x, y = cell(row, column)
            found.append([(x + 0.05, y + above), (x + 0.05 + length, y + above)])
    return found


def cell(row: int, column: int) -> tuple[float, float]:
    """The lower left corner of a cell; row 8 and column 4 hold the sums."""
    x = LEFT + WIDE * column + (GAP if column == 4 else 0)
    return x, TOP - HIGH * (row + 1) - (GAP if row == 8 else 0)


def cell_at(x: float, y: float) -> tuple[int, int] | None:
    """Which state's cell is there."""
    row, column = int((TOP - y) // HIGH), int((x - LEFT) // WIDE)
    return (row, column) if 0 <= row < 8 and 0 <= column < 4 else None


def handle(name: str) -> tuple[float, float]:
    """Where a parameter's number is written: on the line, or beside the unit."""
    if name[0] == "w":
        (x, y), (to_x, to_y) = UNITS[f"h{name[1]}"], UNITS[f"v{name[2]}"]
        return x + 2 / 3 * (to_x - x), y + 2 / 3 * (to_y - y)
    x, y = UNITS[f"{'v' if name[0] == 'b' else 'h'}{name[1]}"]
    return x, y - BESIDE if name[0] == "b" else y + BESIDE


def parameter_at(x: float, y: float) -> str | None:
    """The parameter whose number is there, or else whose line."""
    for name in PARAMETERS:
        at_x, at_y = handle(name)
        if abs(x - at_x) < 0.25 and abs(y - at_y) < 0.15:
            return name
    place = np.array([x, y])
    distances = {}
    for name in WEIGHTS:
        start, end = np.array(UNITS[f"h{name[1]}"]), np.array(UNITS[f"v{name[2]}"])
        along = np.clip((place - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
        distances[name] = float(np.linalg.norm(start + along * (end - start) - place))
    nearest = min(distances, key=distances.__getitem__)
    return nearest if distances[nearest] < 0.12 else None


def near(event: Pointer, place: tuple[float, float]) -> bool:
    """Whether the pointer is on the unit at this place."""
    return float(np.hypot(event.x - place[0], event.y - place[1])) < RADIUS + 0.03


def bits(state: np.ndarray) -> str:
    """A state as 0s and 1s."""
    return "".join(str(int(unit)) for unit in state)


def decimal(number: float) -> str:
    """Two decimals, or one where there is no room for two; a real minus and no "−0.00"."""
    places = 2 if abs(number) < 9.995 else 1
    return f"{round(float(number), places) + 0.0:.{places}f}".replace("-", "−")


def signed(number: float) -> str:
    """A parameter with its sign, as short as it can be."""
    return f"{number:+g}".replace("-", "−") if number else "0"


def percent(p: float) -> str:
    """A probability in per cent."""
    return f"{100 * p:.1f} %" if p >= 5e-4 else "<0.1 %"


def data_z(data: Landscape) -> str:
    """The partition function; a large one in powers of ten."""
    z = float(np.exp(data.log_z))
    return f"{z:.4g}" if z < 1e4 else f"{z:.3g}".replace("e+", "e")
