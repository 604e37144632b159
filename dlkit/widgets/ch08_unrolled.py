"""Explorer: a recurrent net unrolled; its signal forward, its gradient backward."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.models.recurrent import GRU, LSTM, RNN, clip_gradients
from dlkit.widgets.explorer import Explorer, Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint

CELLS = {"Elman": RNN, "LSTM": LSTM, "GRU": GRU}
UNITS, INPUTS = 16, 4
LONGEST = 60
LEAST, MOST = 1e-9, 1e9  # lengths that the chart shows
NUDGE = 1e-3  # by how much the first input is changed, to see how long the states tell
MEASURED = 1e-250  # a gradient shorter than this is left out of the measured rate
GONE, BURST = 1e-3, 1e3  # of the gradient between the last step and the first

RIGHT = (7.65, 2.05)  # left and width of the panel of lengths, in inches
BARS = np.array([1.75, 1.2, 0.65])  # how high its bars stand


@dataclass(frozen=True, eq=False)
class Run:
    """One sequence through one net and back.

    states, gradients: h and ∂L/∂h after each step, (T, UNITS); lengths: of ∂L/∂(state after each
    step), the LSTM's cell included, (T,); theory: what it should be, (T,); signal: how far the
    states move apart when the first input is changed, step 1 being 1, (T,); before, after: the
    length of the gradient of all weights, before and after clipping; weights: that of the weights.
    """

    cell: str
    states: np.ndarray
    gradients: np.ndarray
    lengths: np.ndarray
    theory: np.ndarray
    signal: np.ndarray
    before: float
    after: float
    weights: float

    @property
    def steps(self) -> int:
        """How long the sequence is."""
        return len(self.lengths)

    @property
    def rates(self) -> tuple[float, float]:
        """By what a step back multiplies the gradient, on average: measured, and by theory."""
        return _rate(self.lengths), _rate(self.theory)

    @property
    def left(self) -> float:
        """The gradient's length at the first step, that at the last being 1."""
        return float(self.lengths[0] / self.lengths[-1])


class Unrolled(Explorer):
    """A recurrent net, one copy for each step: what goes forward, what comes back.

    cell: the kind of net; radius: the spectral radius of its recurrent weights, which are that
    number times an orthogonal matrix (for each gate one); strength: of the input; steps: of the
    sequence; forget: what is added to the LSTM's forget gate; clipping, longest: whether, and at
    which length, the gradient of the weights is cut; start: of the random numbers. State: at, the
    step that is looked at.
    """

    title = "Unrolled: the signal goes forward, the gradient comes back"
    size = (9.8, 5.5)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "look at another step",
        "ArrowUp": "",
        "ArrowDown": "larger or smaller spectral radius",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        slider, whole = ipywidgets.FloatSlider, ipywidgets.IntSlider
        return {
            "cell": ipywidgets.Dropdown(options=list(CELLS), description="cell"),
            "radius": slider(value=0.9, min=0.1, max=2.0, step=0.05, description="spectral radius"),
            "steps": whole(value=30, min=2, max=LONGEST, description="steps"),
            "strength": slider(value=0.5, min=0, max=3, step=0.1, description="input strength"),
            "forget": slider(value=1, min=-3, max=5, step=0.5, description="LSTM forget bias"),
            "clipping": ipywidgets.Checkbox(value=False, description="clip the gradient"),
            "longest": ipywidgets.FloatLogSlider(
                value=1, min=-2, max=2, step=0.25, description="clip at length"
            ),
            "start": whole(value=0, min=0, max=9, description="random start"),
        }

    def state(self) -> dict[str, Any]:
        return {"at": 1}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {
            "Vanishing": lambda: self.set(cell="Elman", radius=0.7, strength=0.5),
            "Exploding": lambda: self.set(cell="Elman", radius=1.5, strength=0),
            "LSTM that remembers": lambda: self.set(cell="LSTM", radius=0.9, forget=5),
        }

    def idle(self, *, cell: str, clipping: bool, **_) -> dict[str, bool]:
        return {"forget": cell != "LSTM", "longest": not clipping}

    def set(self, **values) -> None:
        """As in every explorer; a step that cannot be is refused."""
        at = values.get("at", 1)
        if at not in range(1, LONGEST + 1):
            raise ValueError(f"at must be a step 1 … {LONGEST}, got {at!r}")
        super().set(**values)

    @staticmethod
    def compute(cell, radius, steps, strength, forget, clipping, longest, start, **_) -> Run:
        return run(cell, radius, steps, strength, forget, longest if clipping else np.inf, start)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.kind in ("down", "move") and event.axes in (self.forward, self.back, self.chart):
            at = int(np.clip(round(event.x), 1, self.data.steps))
            if at != self.values["at"]:
                self.set(at=at)

    def on_key(self, event: Key) -> None:
        if event.key in ("ArrowLeft", "ArrowRight"):
            at = min(self.values["at"], self.data.steps)
            step = 1 if event.key == "ArrowRight" else -1
            self.set(at=int(np.clip(at + step, 1, self.data.steps)))
        else:
            step = 0.05 if event.key == "ArrowUp" else -0.05
            self.set(radius=float(np.clip(round(self.values["radius"] + step, 2), 0.1, 2.0)))

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        wide = 6.2 / width
        self.forward = figure.add_axes((0.75 / width, 4.35 / height, wide, 0.9 / height))
        self.back = figure.add_axes((0.75 / width, 3.1 / height, wide, 0.9 / height))
        self.chart = figure.add_axes((0.75 / width, 0.5 / height, wide, 2.2 / height))
        span = 0.5, LONGEST + 0.5
        for ax, name in ((self.forward, "state h"), (self.back, "∂L/∂h")):
            ax.set(xlim=span, ylim=(0, 1), yticks=[], xticks=[])
            ax.set_ylabel(name)
        self.tiles = [Tiles(self.forward), Tiles(self.back)]
        self.heads = [Labels(self.forward), Labels(self.back)]
        ax = self.chart
        ax.set(xlim=span, ylim=(LEAST, MOST), yscale="log", xlabel="step", ylabel="length")
        ax.set_yticks([1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9])
        ax.axhline(1, color=plots.GREY, lw=0.8)
        ax.spines[["top", "right"]].set_visible(False)
        (self.theory,) = ax.plot([], [], "--", color=plots.BLUE, lw=2.5)
        (self.found,) = ax.plot([], [], "o-", color=plots.VERMILION, lw=1.5, markersize=3.5)
        (self.signal,) = ax.plot([], [], "s-.", color=plots.GREEN, lw=1.2, markersize=3)
        self.cursors = [
            axes.plot([], [], color=plots.INK[0], lw=1.2)[0]
            for axes in (self.forward, self.back, ax)
        ]
        ax.legend(
            [self.found, self.theory, self.signal],
            ["gradient, back from the last step", "by theory", "trace of the first input"],
            fontsize=8.5,
            frameon=False,
            ncols=3,
            loc="upper center",
            columnspacing=1.0,
        ).set_zorder(0)
        self.sheet = figure.add_axes((RIGHT[0] / width, 0, RIGHT[1] / width, 1))
        self.sheet.set(xlim=(0, 1), ylim=(0, height))
        self.sheet.set_axis_off()
        self.words = Labels(self.sheet)
        (self.bars,) = self.sheet.plot([], [], color=plots.SKY, lw=9, solid_capstyle="butt")
        self.live(*self.tiles, *self.heads, *self.cursors)
        self.live(self.theory, self.found, self.signal, self.words, self.bars)

    def draw(self, data: Run) -> None:
        steps = np.arange(1, data.steps + 1)
        for tiles, values in zip(self.tiles, (data.states, data.gradients), strict=True):
            largest = float(np.abs(values).max()) or 1.0
            pixels = paint(values.T[::-1] / largest, SIGNED[self.dark])
            tiles.show([Tile(0.5, 0, data.steps, 1, pixels, plots.GREY)])
        self.found.set_data(steps, _shown(data.lengths))
        self.theory.set_data(steps, _shown(data.theory))
        self.signal.set_data(steps, _shown(data.signal))
        at = min(self.values["at"], data.steps)
        for cursor, ends in zip(self.cursors, ((0, 1), (0, 1), (LEAST, MOST)), strict=True):
            cursor.set_data([at, at], ends)
        lengths = np.array([data.before, data.after, data.weights])
        logs = np.log10(np.clip(np.nan_to_num(lengths, posinf=MOST), LEAST, MOST))
        widths = (logs + 9) / 18
        xs = np.ravel(np.stack([0 * widths, widths, np.full(3, np.nan)], 1))
        self.bars.set_data(xs, np.repeat(BARS, 3))
        for number, (head, text) in enumerate(zip(self.heads, self._titles(data), strict=True)):
            style = Style(self.ink, size=9.5, anchor=0)
            head.show([Label(0.5, 1.14, text, style)] if number < 2 else [])
        self.words.show(self._panel(data, at))

    def _titles(self, data: Run) -> tuple[str, str]:
        largest = float(np.abs(data.gradients).max())
        return (
            f"forward: {UNITS} units at {data.steps} steps; blue −, orange +",
            f"backward: their gradients; full colour is {largest:.2g}".replace("-", "−"),
        )

    def _panel(self, data: Run, at: int) -> Iterator[Label]:
        head, plain = Style(self.ink, size=10, anchor=0), Style(self.ink, size=9, anchor=0)
        measured, theory = data.rates
        lines = [
            (5.1, "a step back multiplies", head),
            (4.87, "the gradient by", head),
            (4.55, f"{_number(measured)}  measured", plain),
            (
                4.32,
                f"{_number(theory)}  {'theory' if data.cell == 'Elman' else 'by the gate alone'}",
                plain,
            ),
            (3.95, f"from step {data.steps} to step 1", head),
            (3.72, f"{_short(data.left)} is left:", plain),
            (3.49, _verdict(data), Style(self.ink, size=11, weight="bold", anchor=0)),
            (3.12, f"at step {at}", head),
            (2.89, f"gradient {_short(float(data.lengths[at - 1]))}", plain),
            (2.66, f"trace {_short(float(data.signal[at - 1]))}", plain),
            (2.3, "lengths, log scale", head),
        ]
        names = "gradient, all weights", "after clipping", "the weights"
        numbers = (data.before, data.after, data.weights)
        for y, name, number in zip(BARS + 0.22, names, numbers, strict=True):
            lines.append((y, f"{name}: {_short(number)}", plain))
        yield from (Label(0, y, text, style) for y, text, style in lines)

    def describe(self, data: Run) -> str:
        values, at = self.values, min(self.values["at"], data.steps)
        measured, theory = data.rates
        bias = f", forget bias {values['forget']:g}" if data.cell == "LSTM" else ""
        cut = f" and is cut to {_short(data.after)}" if data.after < data.before else ""
        return (
            f"{data.cell} with {UNITS} units, {data.steps} steps, spectral radius "
            f"{values['radius']:.2f}{bias}, input strength {values['strength']:.1f}. Each step "
            f"back multiplies the gradient by {_number(measured)}; {_theory(data.cell)} gives "
            f"{_number(theory)}. Of the gradient at the last step {_short(data.left)} is left at "
            f"the first: {_verdict(data)}. Changing the first input moves the last state by "
            f"{_short(float(data.signal[-1]))} of what it moved the first. At step {at} the "
            f"gradient is {_short(float(data.lengths[at - 1]))}. The gradient of all weights is "
            f"{_short(data.before)} long{cut}; the weights themselves {_short(data.weights)}."
        ).replace("-", "−")


# The net ----------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def run(
    cell: str, radius: float, steps: int, strength: float, forget: float, longest: float, start: int
) -> Run:
    """One random sequence through one random net, L = v·h at the last step with |v| = 1, and back.

    The recurrent weights are `radius` times orthogonal matrices, one for each gate: all their
    eigenvalues have that length, and so has what they do to any vector.
    """
    rng = np.random.default_rng(start)
    layer = CELLS[cell](INPUTS, UNITS, rng=rng, dtype=float)
    gates = len(layer.gate_names)
    turns = [np.linalg.qr(rng.standard_normal((UNITS, UNITS)))[0] for _ in range(gates)]
    layer.weight_hh_l0[...] = radius * np.concatenate(turns)
    layer.weight_ih_l0[...] = rng.standard_normal(layer.weight_ih_l0.shape) / np.sqrt(INPUTS)
    layer.bias_ih_l0[...] = layer.bias_hh_l0[...] = 0
    if cell == "LSTM":
        layer.bias_ih_l0[UNITS : 2 * UNITS] = forget
    direction = rng.standard_normal(UNITS)
    direction /= np.linalg.norm(direction)
    x = strength * rng.standard_normal((LONGEST, 1, INPUTS))[:steps]

    nudged = x.copy()
    nudged[0] += NUDGE / np.sqrt(INPUTS)
    moved = layer(nudged).copy()
    states = layer(x)
    apart = np.linalg.norm(moved - states, axis=(1, 2))
    grad = np.zeros_like(states)
    grad[-1, 0] = direction
    with np.errstate(over="ignore"):
        layer.backward(grad)
    weights = np.sqrt(sum((p**2).sum() for p in layer.parameters.values()))
    before = clip_gradients(layer.gradients, min(longest, 1e300))
    return Run(
        cell,
        states[:, 0].copy(),
        layer.step_gradients[0][:, 0].copy(),
        layer.step_norms,
        _expected(layer, states),
        apart / apart[0],
        before,
        min(before, longest),
        float(weights),
    )


def _expected(layer: RNN | LSTM | GRU, states: np.ndarray) -> np.ndarray:
    """What ‖∂L/∂(state after step t)‖ should be, (T,), the last one taken as measured.

    Elman: a step back multiplies by tanh′ and by Wᵀ = radius · turn, so by radius times the root
    mean square of tanh′, for a gradient that favours no unit. LSTM and GRU: by the gate that lets
    the old state through, on the straight way from cell to cell alone.
    """
    theory = np.empty(len(states))
    theory[-1] = layer.step_norms[-1]
    if isinstance(layer, RNN):
        radius = np.linalg.norm(layer.weight_hh_l0[0])
        slopes = np.sqrt(((1 - states**2) ** 2).mean(axis=(1, 2)))
        for t in range(len(states) - 1, 0, -1):
            theory[t - 1] = theory[t] * radius * slopes[t]
        return theory
    keep = layer.gates["f" if isinstance(layer, LSTM) else "z"]
    way = layer.step_gradients[-1][-1].copy()
    length = np.linalg.norm(way)
    for t in range(len(states) - 1, 0, -1):
        way = way * keep[t]
        theory[t - 1] = theory[-1] * np.linalg.norm(way) / length
    return theory


def _rate(lengths: np.ndarray) -> float:
    """The factor for each step back, from a straight line through the logarithms."""
    steps = np.flatnonzero(np.isfinite(lengths) & (lengths > MEASURED))
    if len(steps) < 2:
        return 0.0
    return float(np.exp(-np.polyfit(steps, np.log(lengths[steps]), 1)[0]))


def _shown(lengths: np.ndarray) -> np.ndarray:
    return np.clip(lengths, LEAST, MOST)


def _verdict(data: Run) -> str:
    if data.left < GONE:
        return "it vanishes"
    return "it explodes" if data.left > BURST else "it arrives"


def _theory(cell: str) -> str:
    if cell == "Elman":
        return "the radius times the root mean square of tanh′"
    return "the forget gate alone" if cell == "LSTM" else "the gate z alone"


def _number(rate: float) -> str:
    return f"{rate:.3f}"


def _short(number: float) -> str:
    """A length in few signs: 0.012, 3.4, 12,000, 3.4e-12."""
    if number == 0 or 1e-3 <= abs(number) < 1e5:
        return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2g}"
    return f"{number:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")
