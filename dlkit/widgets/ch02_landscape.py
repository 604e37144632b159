"""Explorer: four optimisers race down a landscape from a place of your choice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.check import check_array
from dlkit.models.optimisers import SGD, Adam, Optimiser, RMSprop
from dlkit.widgets.ch02_surfaces import SURFACES, Surface
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.running import RunningExplorer

STEPS = 200
FILM = 0.03  # seconds between two steps of a running race
FAR = 50.0  # whoever is farther away than this has left for good
FLOOR = 1e-9  # losses below this are shown as this: nobody sees the difference


@dataclass(frozen=True)
class Racer:
    """An optimiser and how it looks."""

    name: str
    make: type[Optimiser]
    colour: str
    line: str | tuple
    marker: str
    rate: float  # to start with


RACERS = {
    "sgd": Racer("SGD", SGD, plots.BLUE, "-", "o", 0.02),
    "momentum": Racer("Momentum", SGD, plots.VERMILION, (0, (5, 1.5)), "s", 0.01),
    "rmsprop": Racer("RMSprop", RMSprop, plots.GREEN, (0, (3, 1.2, 1, 1.2)), "^", 0.02),
    "adam": Racer("Adam", Adam, plots.PURPLE, (0, (1.2, 1.2)), "D", 0.1),
}


@dataclass(frozen=True)
class Race:
    """The paths of all racers, and how far down `step` steps have brought them.

    paths: by racer, (steps + 1, 2), shorter for one that has left the map; losses: f on the path,
    less the lowest value of the landscape.
    """

    surface: Surface
    step: int
    start: tuple[float, float]
    paths: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]

    def place(self, racer: str) -> np.ndarray:
        """Where the racer is at this step: (2,); its last place, if it has left."""
        path = self.paths[racer]
        return path[min(self.step, len(path) - 1)]

    def loss(self, racer: str) -> float:
        """How much higher than the deepest minimum the racer is at this step."""
        losses = self.losses[racer]
        return float(losses[min(self.step, len(losses) - 1)])

    def gone(self, racer: str) -> bool:
        """Whether the racer has left the map by this step."""
        path = self.paths[racer]
        return len(path) <= min(self.step, STEPS) and bool(np.abs(path[-1]).max() > FAR)

    def order(self) -> list[str]:
        """The racers, lowest first; who has left comes last."""
        return sorted(self.paths, key=lambda name: (self.gone(name), self.loss(name)))


class LossLandscape(RunningExplorer):
    """SGD, momentum, RMSprop and Adam race from a start that is clicked, dragged or moved by keys.

    surface: one of `SURFACES`; start: (x, y); sgd, momentum, rmsprop, adam: learning rates;
    mu: the momentum μ; step: how far the race has gone, of 200 steps. The whole race is run anew
    whenever something changes, by the optimisers of `dlkit.models.optimisers`.
    """

    title = "A race down the loss landscape"
    size = (9.8, 5.0)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "move the start (with Shift: farther)",
        "n": "next step",
        "p": "step back",
        " ": "run or pause",
    }

    def __init__(self, **start):
        super().__init__(**self._with_start(start))

    def set(self, **values) -> None:
        """As in every explorer; another surface brings its own start, unless one is given."""
        values = self._with_start(values)
        land = SURFACES.get(values.get("surface", self.values["surface"]))
        if land and "start" in values:
            values["start"] = check_start(values["start"], land)
        super().set(**values)

    @staticmethod
    def _with_start(values: dict) -> dict:
        name = values.get("surface")
        if name not in SURFACES:
            return dict(values)
        return {"surface": name, "start": SURFACES[name].start} | values

    def controls(self) -> dict[str, ipywidgets.Widget]:
        surface = ipywidgets.Dropdown(options=list(SURFACES), description="surface")
        surface.observe(self._go_to_start, "value")
        rates = {
            key: ipywidgets.FloatLogSlider(
                value=racer.rate,
                min=-3,
                max=0,
                step=0.05,
                readout_format=".3g",
                description=f"{racer.name} η",
            )
            for key, racer in RACERS.items()
        }
        return {
            "surface": surface,
            "step": ipywidgets.IntSlider(value=STEPS, min=0, max=STEPS, description="step"),
            **rates,
            "mu": ipywidgets.FloatSlider(
                value=0.9, min=0, max=0.99, step=0.01, description="momentum μ"
            ),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {
            "Run": self._run_or_pause,
            "Step": lambda: self._go(+1),
            "Back": lambda: self._go(-1),
        }

    def state(self) -> dict[str, tuple[float, float]]:
        return {"start": SURFACES["ravine"].start}

    @staticmethod
    def compute(
        surface: str, step: int, start: tuple[float, float], mu: float, **rates: float
    ) -> Race:
        land = SURFACES[surface]
        x, y = check_start(start, land)
        paths = {
            key: race(surface, key, rates[key], mu if key == "momentum" else 0.0, x, y)
            for key in RACERS
        }
        losses = {key: land.value(*path.T) - land.lowest for key, path in paths.items()}
        return Race(land, step, (x, y), paths, losses)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.map = figure.add_axes((0.65 / width, 0.5 / height, 5.0 / width, 4.15 / height))
        self.map.set_xlabel("x", fontsize=10)
        self.map.set_ylabel("y", fontsize=10)
        self.chart = figure.add_axes((6.5 / width, 2.1 / height, 3.1 / width, 2.6 / height))
        self.chart.set(xlim=(0, STEPS), ylim=(FLOOR, 1e3), yscale="log", xlabel="step")
        self.chart.set_title("height above the deepest minimum", fontsize=10)
        self.chart.grid(color=plots.QUIET[0], linewidth=0.5)
        for axes in (self.map, self.chart):
            axes.tick_params(labelsize=9)
            axes.spines[["top", "right"]].set_visible(False)
        self._drawn: tuple[Surface, bool] | None = None
        self._relief: list = []
        shared = {"linewidth": 2.0, "markersize": 9, "markeredgecolor": plots.PAPER[0]}
        self.trails, self.falls, self.heads = {}, {}, {}
        for key, racer in RACERS.items():
            style = {"color": racer.colour, "linestyle": racer.line, "linewidth": 2.0}
            (self.trails[key],) = self.map.plot([], [], zorder=4, **style)
            (self.falls[key],) = self.chart.plot([], [], **style, marker=racer.marker, zorder=4)
            (self.heads[key],) = self.map.plot(
                [], [], color=racer.colour, marker=racer.marker, zorder=5, **shared
            )
            self.falls[key].set(markersize=8, markeredgecolor=plots.PAPER[0], markevery=[0])
        (self.flag,) = self.map.plot(
            [], [], "P", color=plots.INK[0], markersize=10, markeredgecolor=plots.PAPER[0], zorder=6
        )
        self.table = figure.add_axes((6.0 / width, 0, 3.8 / width, 1.5 / height))
        self.table.set(xlim=(0, 3.8), ylim=(0, 1.5))
        self.table.set_axis_off()
        self.samples = [
            self.table.plot(
                [0.12, 0.3, 0.48],
                [0, 0, 0],
                color=racer.colour,
                linestyle=racer.line,
                marker=racer.marker,
                markevery=[1],
                linewidth=2,
                markersize=7,
            )[0]
            for racer in RACERS.values()
        ]
        self.labels = Labels(self.table)
        self.live(*self.trails.values(), *self.heads.values(), *self.falls.values())
        self.live(self.flag, self.labels, *self.samples)

    def draw(self, data: Race) -> None:
        if (data.surface, self.dark) != self._drawn:
            self._draw_relief(data.surface)
            self._drawn = data.surface, self.dark
            blue = plots.SKY if self.dark else plots.BLUE
            for line in (self.trails["sgd"], self.heads["sgd"], self.falls["sgd"], self.samples[0]):
                line.set(color=blue, markerfacecolor=blue)
        samples = dict(zip(RACERS, self.samples, strict=True))
        for place, key in enumerate(data.order()):
            path, losses = data.paths[key], data.losses[key]
            end = min(data.step, len(path) - 1)
            self.trails[key].set_data(*path[: end + 1].T)
            self.heads[key].set_data(*path[end : end + 1].T)
            self.falls[key].set_data(np.arange(end + 1), np.maximum(losses[: end + 1], FLOOR))
            self.falls[key].set_markevery([end])
            y = 1.12 - 0.25 * place
            samples[key].set_ydata([y, y, y])
        self.flag.set_data(*np.array(data.start)[:, None])
        self.labels.show(self._standings(data))

    def _standings(self, data: Race) -> Iterator[Label]:
        left, bold = Style(self.ink, anchor=0), Style(self.ink, anchor=0, weight="bold")
        right = Style(self.ink, anchor=1)
        yield Label(0.05, 1.37, f"After {data.step} steps, lowest first", bold)
        for place, key in enumerate(data.order()):
            y = 1.12 - 0.25 * place
            yield Label(0.55, y, RACERS[key].name, left)
            if data.gone(key):
                yield Label(3.7, y, f"left the map at step {len(data.paths[key]) - 1}", right)
            else:
                yield Label(2.55, y, _height(data.loss(key)), right)
                yield Label(3.7, y, _place(data.place(key)), right)

    def _draw_relief(self, land: Surface) -> None:
        """Shade and contours of the landscape: the still layer."""
        for artist in self._relief:
            artist.remove()
        across, up = np.linspace(*land.x_range, 160), np.linspace(*land.y_range, 130)
        height = land.value(*np.meshgrid(across, up)) - land.lowest
        levels = np.geomspace(height.max() / 2000, height.max(), 14)
        # One colour, the more opaque the higher: it suits a light and a dark page.
        shade = np.empty((*height.shape, 4))
        shade[..., :3] = to_rgb(plots.SKY)
        shade[..., 3] = (0.25 if self.dark else 0.5) * np.searchsorted(levels, height) / len(levels)
        extent = (*land.x_range, *land.y_range)
        image = self.map.imshow(shade, extent=extent, origin="lower", aspect="auto", zorder=0)
        contours = self.map.contour(
            across, up, height, levels=levels, colors=plots.GREY, linewidths=0.7, zorder=1
        )
        minima = self.map.plot(
            *np.array(land.minima).T,
            "*",
            markersize=13,
            color=plots.ORANGE,
            markeredgecolor=plots.INK[0],
            zorder=3,
        )
        self._relief = [image, contours, *minima]
        self.map.set(xlim=land.x_range, ylim=land.y_range)
        self.map.set_title(f"{land.name}: {land.about}", fontsize=10)
        highest = 10 ** np.ceil(np.log10(height.max()))
        self.chart.set_ylim(FLOOR, highest)
        plots.theme(self.figure, self.dark)

    def describe(self, data: Race) -> str:
        name = data.surface.name
        words = [
            f"{name[0].upper()}{name[1:]}, {data.surface.about}. "
            f"Start at {_place(data.start)}; {data.step} of {STEPS} steps."
        ]
        for key in data.order():
            name = RACERS[key].name
            if data.gone(key):
                words.append(
                    f"{name} left the map at step {len(data.paths[key]) - 1}, farther than "
                    f"{FAR:g} from the middle: its learning rate is too large here."
                )
                continue
            place, height = data.place(key), data.loss(key)
            near, minimum = nearest_minimum(data.surface, place)
            where = _place(place)
            if near < 0.02:
                deepest = minimum == 0 or height < 1e-6
                which = "the deepest minimum" if deepest else "a minimum that is not the deepest"
                words.append(f"{name} is at {which}, {where}.")
            else:
                words.append(f"{name} is at {where}, {_height(height)} above the deepest minimum.")
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is self.map and (event.kind == "down" or event.pressed):
            self.set(start=(event.x, event.y))
        elif event.axes is self.chart and (event.kind == "down" or event.pressed):
            self.set(step=int(np.clip(round(event.x), 0, STEPS)))

    def on_key(self, event: Key) -> None:
        if event.key == " ":
            self._run_or_pause()
        if event.key in "np":
            self._go(+1 if event.key == "n" else -1)
        if not event.key.startswith("Arrow"):
            return
        land, (x, y) = SURFACES[self.values["surface"]], self.values["start"]
        part = 0.1 if event.shift else 0.02
        across = {"ArrowLeft": -part, "ArrowRight": part}.get(event.key, 0) * np.ptp(land.x_range)
        up = {"ArrowDown": -part, "ArrowUp": part}.get(event.key, 0) * np.ptp(land.y_range)
        self.set(
            start=(float(np.clip(x + across, *land.x_range)), float(np.clip(y + up, *land.y_range)))
        )

    # The race as a film -----------------------------------------------------------------------

    def before_run(self) -> None:
        """Begin from the start, if the race is over."""
        if self.values["step"] == STEPS:
            self.set(step=0)

    def beat(self) -> float:
        """Show the next step."""
        self.set(step=self.values["step"] + 1)
        if self.values["step"] == STEPS:
            self.pause()
        return FILM

    def _go(self, by: int) -> None:
        self.pause()
        self.set(step=int(np.clip(self.values["step"] + by, 0, STEPS)))

    def _go_to_start(self, change: dict) -> None:
        """Another landscape, another start; this observer comes before that which computes."""
        if not self._holding:
            self._state["start"] = SURFACES[change["new"]].start


def check_start(start, land: Surface) -> tuple[float, float]:
    """A start as (x, y), or a `ValueError` if it is not on the map."""
    x, y = check_array("start", start, (2,), dtype=float, finite=True).tolist()
    (left, right), (low, high) = land.x_range, land.y_range
    if not (left <= x <= right and low <= y <= high):
        raise ValueError(
            f"start must be on the map, x in {left:g} … {right:g} and y in {low:g} … {high:g},"
            f" got ({x:g}, {y:g})"
        )
    return x, y


@lru_cache(maxsize=64)
def race(surface: str, racer: str, rate: float, mu: float, x: float, y: float) -> np.ndarray:
    """The path of one optimiser, (steps + 1, 2); it ends where the racer leaves for good."""
    gradient = SURFACES[surface].gradient
    place = np.array([x, y])
    options = {"momentum": mu} if racer == "momentum" else {}
    optimiser = RACERS[racer].make({"place": place}, rate, **options)
    path = [place.copy()]
    for _ in range(STEPS):
        optimiser.step({"place": np.array(gradient(*place.tolist()))})  # moves `place`
        path.append(place.copy())
        if not np.abs(place).max() < FAR:
            break
    return np.array(path)


def nearest_minimum(land: Surface, place: np.ndarray) -> tuple[float, int]:
    """The distance to the nearest minimum of the landscape, and its number."""
    distances = np.linalg.norm(np.array(land.minima) - place, axis=1)
    return float(distances.min()), int(distances.argmin())


def _height(height: float) -> str:
    return "below 1e−9" if height < FLOOR else f"{height:.2g}".replace("-", "−")


def _place(place) -> str:
    x, y = (round(float(number), 2) + 0.0 for number in place)  # + 0.0: no "−0.00"
    return f"({x:.2f}, {y:.2f})".replace("-", "−")
