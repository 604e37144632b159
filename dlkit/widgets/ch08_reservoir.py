"""Explorer: an echo state network. Turn its three knobs and see whether it still foretells."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from dlkit import data, plots
from dlkit.models.reservoir import EchoStateNetwork, nrmse
from dlkit.widgets.explorer import Explorer
from dlkit.widgets.labels import Label, Labels, Style

SERIES = {"Mackey-Glass, τ = 17": 17.0, "Mackey-Glass, τ = 30": 30.0}
WASHOUT, LEARNED, FORETOLD = 200, 1400, 300  # steps
BEFORE = 100  # steps that are shown before the net is left alone
ECHO = 200  # steps of the two starts
LOST = 0.5  # standard deviations: from here on the prediction has left the series
FAR = 1e100  # larger numbers of a prediction that runs away are all the same to us
AWAY = 10.0  # a prediction beyond this has run away: the series stays below 2
SHOWN = 6  # units whose states are shown
FORGOTTEN = 1e-6  # a smaller distance is none
EDGE = 1.7  # of the plane of eigenvalues

# Places in inches: left, low, width, height.
PREDICTION, STATES = (0.62, 3.72, 5.86, 1.26), (0.62, 2.5, 5.86, 0.86)
DISTANCE, EIGENVALUES = (0.62, 0.46, 3.3, 1.2), (4.86, 0.38, 1.34, 1.34)


@dataclass(frozen=True, eq=False)
class Echo:
    """What a reservoir makes of a series.

    before: the series up to where the net is left alone, (BEFORE,); truth, prediction: after it,
    (FORETOLD,); states: of some units over all these steps, (steps, SHOWN); distance: the largest
    difference between the states after two starts, (ECHO,), floored at 1e-16; eigenvalues: of the
    recurrent weights; one_step: NRMSE one step ahead; free: NRMSE of the first 84 steps alone.
    """

    before: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    states: np.ndarray
    distance: np.ndarray
    eigenvalues: np.ndarray
    one_step: float
    free: float
    silent: bool

    @property
    def follows(self) -> int:
        """For how many steps the prediction stays within `LOST` standard deviations."""
        gone = np.abs(self.prediction - self.truth) > LOST * self.truth.std()
        return int(gone.argmax()) if gone.any() else len(gone)

    @property
    def runs_away(self) -> bool:
        """Whether the net, left alone, says numbers that no series ever had."""
        return bool(np.abs(self.prediction).max() > AWAY)

    @property
    def forgets(self) -> bool:
        """Whether both starts have led to the same states."""
        return bool(self.distance[-1] < FORGOTTEN)


class Reservoir(Explorer):
    """A random net follows a chaotic series, learns a readout, and is then left alone.

    series: one of `SERIES`; units: of the reservoir; spectral_radius, leak, input_scale: its knobs
    (Jaeger 2001), see `EchoStateNetwork`; ridge: log₁₀ of the penalty on the readout's weights;
    seed: which reservoir is drawn.
    """

    title = "A reservoir: only the readout learns (Jaeger 2001)"
    size = (6.6, 5.5)
    beside = True

    def controls(self) -> dict[str, ipywidgets.Widget]:
        slider = ipywidgets.FloatSlider
        return {
            "series": ipywidgets.Dropdown(options=list(SERIES), description="series"),
            "units": ipywidgets.IntSlider(value=100, min=10, max=300, step=10, description="units"),
            "spectral_radius": slider(
                value=0.9, min=0.0, max=1.6, step=0.05, description="spectral radius"
            ),
            "leak": slider(value=0.5, min=0.05, max=1.0, step=0.05, description="leak"),
            "input_scale": slider(
                value=1.0, min=0.0, max=3.0, step=0.05, description="input scale"
            ),
            "ridge": slider(value=-8, min=-10, max=2, step=0.5, description="ridge (log₁₀)"),
        }

    def state(self) -> dict[str, Any]:
        return {"seed": 0}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"Draw another reservoir": self.draw_another}

    def draw_another(self) -> None:
        """Other random weights with the same settings."""
        self.set(seed=self.values["seed"] + 1)

    def set(self, **values) -> None:
        """As in every explorer; a seed that is none is refused before anything changes."""
        seed = values.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed must be a whole number from 0 on, got {seed!r}")
        super().set(**values)

    @staticmethod
    def compute(
        series: str,
        units: int,
        spectral_radius: float,
        leak: float,
        input_scale: float,
        ridge: float,
        seed: int,
    ) -> Echo:
        x = values_of(series)
        net, eigenvalues = drawn_net(units, seed)
        net.spectral_radius, net.leak = spectral_radius, leak
        weight_ih, bias = net.weight_ih, net.bias
        try:  # the drawn net is kept for the next settings: its input weights come back
            net.weight_ih, net.bias = input_scale * weight_ih, input_scale * bias
            net.fit_readout(x[: LEARNED - 1], x[1:LEARNED], washout=WASHOUT, ridge=10.0**ridge)
            learned, state = net.states, net.state  # it began at 0
            elsewhere = np.random.default_rng(0).uniform(-1, 1, (1, units))
            distance = np.abs(learned[:ECHO] - net.run(x[:ECHO], elsewhere)).max(axis=(1, 2))
            with np.errstate(over="ignore", invalid="ignore"):  # some run away without end
                prediction = net.free_run(x[LEARNED - 1 : LEARNED], FORETOLD, state)
            states = np.concatenate([learned[1 - BEFORE :], net.states])[:, 0, :SHOWN]
            prediction = np.nan_to_num(prediction, nan=FAR, posinf=FAR, neginf=-FAR)
            prediction = prediction.clip(-FAR, FAR)
            guided = net.predict(x[LEARNED - 1 : -1], state)
        finally:
            net.weight_ih, net.bias = weight_ih, bias
        truth = x[LEARNED:]
        return Echo(
            before=x[LEARNED - BEFORE : LEARNED, 0, 0],
            truth=truth[:, 0, 0],
            prediction=prediction[:, 0, 0],
            states=states,
            distance=np.maximum(distance, 1e-16),
            eigenvalues=spectral_radius * eigenvalues,
            one_step=nrmse(guided, truth),
            free=float(
                np.sqrt(np.mean((prediction[:84] - truth[:84]) ** 2)) / values_of(series).std()
            ),
            silent=input_scale == 0,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size

        def axes(place: tuple[float, float, float, float]):
            left, low, wide, high = place
            ax = figure.add_axes((left / width, low / height, wide / width, high / height))
            ax.tick_params(labelsize=8)
            ax.spines[["top", "right"]].set_visible(False)
            return ax

        self.top, self.middle = axes(PREDICTION), axes(STATES)
        self.left, self.right = axes(DISTANCE), axes(EIGENVALUES)
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.labels = Labels(self.sheet)
        at = np.arange(-BEFORE, FORETOLD)
        for ax in (self.top, self.middle):
            ax.set_xlim(-BEFORE, FORETOLD)
            ax.axvline(0, color=plots.GREY, lw=1, zorder=1)
        self.top.set(ylim=(0.1, 1.7))
        self.top.set_ylabel("x", fontsize=9)
        self.middle.set(ylim=(-1.1, 1.1))
        self.middle.set_ylabel("states", fontsize=9)
        self.middle.set_xlabel("steps since the net was left alone", fontsize=9, labelpad=1)
        (self.truth,) = self.top.plot(at, np.zeros(len(at)), color=plots.INK[0], lw=1.2, zorder=2)
        (self.guess,) = self.top.plot([], [], color=plots.VERMILION, lw=1.8, ls="--", zorder=3)
        (self.gone,) = self.top.plot([], [], color=plots.VERMILION, lw=1.2, ls=":", zorder=3)
        self.units = [
            self.middle.plot([], [], linewidth=1, **plots.line_look(i))[0] for i in range(SHOWN)
        ]
        self.left.set(xlim=(0, ECHO), ylim=(1e-17, 30), yscale="log", yticks=[1e-16, 1e-8, 1])
        self.left.set_xlabel("steps after two different starts", fontsize=9, labelpad=1)
        self.left.set_ylabel("distance", fontsize=9)
        self.left.axhline(FORGOTTEN, color=plots.GREY, lw=0.8, ls=":", zorder=1)
        (self.apart,) = self.left.plot([], [], color=plots.BLUE, lw=1.8, zorder=3)
        self.right.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal")
        self.right.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        self.right.add_patch(Circle((0, 0), 1, fill=False, ec=plots.GREY, lw=1, zorder=1))
        (self.inside,) = self.right.plot([], [], "o", color=plots.BLUE, ms=2.5, zorder=2)
        (self.outside,) = self.right.plot([], [], "s", color=plots.VERMILION, ms=3.5, zorder=3)
        self.live(self.guess, self.gone, *self.units, self.apart)
        self.live(self.inside, self.outside, self.labels)

    def draw(self, data: Echo) -> None:
        at = np.arange(FORETOLD)
        series = np.concatenate([data.before, data.truth])
        if not np.array_equal(series, self.truth.get_ydata()):  # it lies still otherwise
            self.truth.set_ydata(series)
        shown = np.clip(data.prediction, 0.1, 1.7)
        self.guess.set_data(at, shown)
        self.gone.set_data([data.follows] * 2, [0.1, 1.7])
        self.gone.set_visible(data.follows < FORETOLD)
        for line, states in zip(self.units, data.states.T, strict=True):
            line.set_data(np.arange(-BEFORE, len(states) - BEFORE), states)
        colour = plots.SKY if self.dark else plots.BLUE
        self.apart.set_data(np.arange(ECHO), data.distance)
        self.apart.set_color(colour)
        inside = np.abs(data.eigenvalues) <= 1
        for dots, chosen in ((self.inside, inside), (self.outside, ~inside)):
            dots.set_data(data.eigenvalues[chosen].real, data.eigenvalues[chosen].imag)
        self.inside.set(markerfacecolor=colour, markeredgecolor=colour)
        small = Style(self.ink, size=8.5, anchor=0)
        top = self.size[1]
        lines = [
            (0.62, top - 0.14, self._caption(data)),
            (
                0.62,
                top - 0.34,
                f"NRMSE: {data.one_step:.2g} one step ahead, {data.free:.2g} alone for 84 steps",
            ),
            (0.62, 1.82, f"the echo of the start{self._fate(data)}"),
            (4.5, 1.86, f"eigenvalues: {(~inside).sum()} outside 1"),
        ]
        self.labels.show([Label(x, y, words, small) for x, y, words in lines])

    def _caption(self, data: Echo) -> str:
        words = "line: the series; dashes: the net alone, "
        if data.follows < FORETOLD:
            return words + f"which leaves it (dots) after step {data.follows}"
        return words + f"within it for all {FORETOLD} steps"

    def _fate(self, data: Echo) -> str:
        return ": forgotten" if data.forgets else ": not forgotten"

    def describe(self, data: Echo) -> str:
        v = self.values
        outside = int((np.abs(data.eigenvalues) > 1).sum())
        words = [
            f"A reservoir of {v['units']} units with a spectral radius of "
            f"{v['spectral_radius']:.2f}, a leak of {v['leak']:.2f} and an input scale of "
            f"{v['input_scale']:.2f} follows {v['series']}."
        ]
        if data.silent:
            words.append("With an input scale of 0 it hears nothing of the series.")
        lost = (
            f"stays within half a standard deviation of it up to step {data.follows}"
            if data.follows < FORETOLD
            else f"stays within half a standard deviation of it for all {FORETOLD} steps"
        )
        words.append(
            f"One step ahead its NRMSE is {data.one_step:.2g}; left alone it {lost}, and over the "
            f"first 84 its NRMSE is {data.free:.2g}."
        )
        if data.runs_away:
            words.append("Then it runs away to numbers that the series never had.")
        apart = "less than 1e-15" if data.distance[-1] < 1e-15 else f"{data.distance[-1]:.1e}"
        words.append(
            f"Two different starts are {apart} apart after {ECHO} steps"
            f"{self._fate(data).replace(':', ', so the start is')}; {outside} of "
            f"{len(data.eigenvalues)} eigenvalues lie outside the circle of radius 1."
        )
        return " ".join(words)


@lru_cache(maxsize=len(SERIES))
def values_of(series: str) -> np.ndarray:
    """The series (LEARNED + FORETOLD, 1, 1); not to be changed."""
    return data.mackey_glass(LEARNED + FORETOLD, rng=0, tau=SERIES[series])


@lru_cache(maxsize=8)
def drawn_net(units: int, seed: int) -> tuple[EchoStateNetwork, np.ndarray]:
    """A reservoir with a spectral radius and an input scale of 1, and its eigenvalues."""
    density = max(0.1, 5 / units)  # five connections a unit at least, so that there is a loop
    rng = np.random.default_rng(seed)
    net = EchoStateNetwork(1, units, spectral_radius=1, density=density, rng=rng)
    return net, np.linalg.eigvals(net.weight_hh)
