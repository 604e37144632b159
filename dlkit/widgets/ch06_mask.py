"""Explorer: a small net whose hidden units are dropped, and all 65,536 nets that this makes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlkit import data, plots
from dlkit.models.dense import Linear, ReLU, Sequential, sigmoid
from dlkit.models.dropout import Dropout, draw_mask
from dlkit.models.losses import BCEWithLogitsLoss
from dlkit.models.optimisers import Adam
from dlkit.models.partition import all_states
from dlkit.train import fit, numpy_step
from dlkit.widgets.explorer import Explorer, Key, Pointer
from dlkit.widgets.tiles import SOFT, Tile, Tiles, paint

WIDTH = 8  # units in each of the two hidden layers
UNITS = 2 * WIDTH
MOST = 1000  # masks that can be drawn
VIEW = 2.0  # the plane that is shown: -2 … 2 on both axes
CELLS = 60  # of the map, along each axis
BINS = np.linspace(0, 1, 41)
TRAINED = {"without dropout": 0.0, "with p = 0.2": 0.2, "with p = 0.5": 0.5}
MASKS = all_states(WIDTH)  # (256, 8): every way to keep or drop the units of one layer
KEPT = (MASKS.sum(axis=1)[:, None] + MASKS.sum(axis=1)).astype(int)  # (256, 256), in both layers


@dataclass(frozen=True, eq=False)
class Thinned:
    """One thinned net, and all of them at one point.

    mask: (16,), 1 where a hidden unit is kept, the first layer's units first; said: its p(orange)
    at the point; chances: (40,) the exact probability of each bin of p(orange) over all 2¹⁶ nets;
    average, spread: mean and standard deviation of p(orange) over them; mean_net: what the net
    without dropout says; sampled: what the masks drawn so far say, (n,); area: (60, 60) p(orange)
    of this thinned net over the plane, lowest row first; mean_area: of the mean net.
    """

    p: float
    point: tuple[float, float]
    mask: np.ndarray
    said: float
    chances: np.ndarray
    average: float
    spread: float
    mean_net: float
    sampled: np.ndarray
    area: np.ndarray
    mean_area: np.ndarray


class TheMask(Explorer):
    """Dropout seen from inside: units drop, the answer jumps, and the average stays.

    p: the probability that a hidden unit is dropped now; number: how many masks have been drawn,
    the last of which is shown; trained: how the net had learned before.
    """

    title = "The mask: 16 hidden units, 65,536 thinned nets, one answer"
    size = (9.8, 4.6)
    key_help = {  # noqa: RUF012
        " ": "draw the next mask",
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "move the point",
        "[": "",
        "]": "choose a unit",
        "x": "drop or keep it",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "p": ipywidgets.FloatSlider(
                value=0.5, min=0, max=0.9, step=0.05, description="dropout p now"
            ),
            "number": ipywidgets.IntSlider(value=1, min=1, max=MOST, description="masks drawn"),
            "trained": ipywidgets.Dropdown(
                options=list(TRAINED), value="with p = 0.2", description="the net learned"
            ),
        }

    def state(self) -> dict[str, Any]:
        return {"point": (0.5, 0.25), "flipped": frozenset(), "chosen": 0}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {
            "Next mask": lambda: self.draw_masks(1),
            "100 more": lambda: self.draw_masks(100),
            "Keep all units": self.keep_all,
        }

    def set(self, **values) -> None:
        """As in every explorer; a new mask, or another p, forgets the units flipped by hand."""
        if "point" in values:
            values["point"] = _inside(values["point"])
        if not set(values.get("flipped", ())) <= set(range(UNITS)):
            raise ValueError(f"flipped must hold units 0 … {UNITS - 1}, got {values['flipped']!r}")
        if not 0 <= values.get("chosen", 0) < UNITS:
            raise ValueError(f"chosen must be a unit 0 … {UNITS - 1}, got {values['chosen']!r}")
        super().set(**values)

    def draw_masks(self, count: int) -> None:
        """Draw `count` masks more, and show the last."""
        number = self.values["number"]
        if number == MOST:
            raise ValueError(f"{MOST:,} masks are drawn: reset to begin anew.")
        self.set(number=min(number + count, MOST), flipped=frozenset())

    def keep_all(self) -> None:
        """Keep every unit: what remains is the net without dropout, each unit still scaled up."""
        values = self.values
        drawn = _masks(values["p"])[values["number"] - 1]
        self.set(flipped=frozenset(np.flatnonzero(drawn == 0).tolist()))

    @staticmethod
    def compute(p, number, trained, point, flipped, chosen) -> Thinned:
        net = trained_net(trained)
        drawn = _masks(p)[:number]
        mask = drawn[-1].copy()
        mask[list(flipped)] = 1 - mask[list(flipped)]
        x = np.array([point])
        everyone = every_answer(net, x, p)
        weight = chance_of(p)
        average = float((weight * everyone).sum())
        edges = np.clip((everyone * (len(BINS) - 1)).astype(int), 0, len(BINS) - 2)
        return Thinned(
            p,
            point,
            mask,
            float(answer(net, x, mask, p)[0]),
            np.bincount(edges.ravel(), weight.ravel(), len(BINS) - 1),
            average,
            float(np.sqrt((weight * (everyone - average) ** 2).sum())),
            float(answer(net, x, np.ones(UNITS), 0)[0]),
            everyone[numbers_of(drawn)],
            answer(net, GRID, mask, p).reshape(CELLS, CELLS),
            _mean_area(trained),
        )

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is self.plane and event.kind in ("down", "move") and event.pressed:
            self.set(point=(event.x, event.y))
        elif event.axes is self.graph and event.kind == "down":
            distance = np.hypot(*(PLACES[2 : 2 + UNITS] - (event.x, event.y)).T)
            if distance.min() < 0.05:
                self.flip(int(distance.argmin()))

    def on_key(self, event: Key) -> None:
        moves = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, 1), "Down": (0, -1)}
        chosen = self.values["chosen"]
        if event.key == " ":
            self.draw_masks(1)
        elif event.key == "x":
            self.flip(chosen)
        elif event.key in "[]":
            self.set(chosen=(chosen + (1 if event.key == "]" else -1)) % UNITS)
        else:
            x, y = self.values["point"]
            right, up = moves[event.key.removeprefix("Arrow")]
            self.set(point=(x + 0.1 * right, y + 0.1 * up))

    def flip(self, unit: int) -> None:
        """Drop a hidden unit of the shown net, or keep it after all."""
        self.set(flipped=self.values["flipped"] ^ {unit}, chosen=unit)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        grid = figure.add_gridspec(1, 3, width_ratios=[0.95, 1.3, 1.2])
        self.graph, self.plane, self.bars = (figure.add_subplot(grid[0, i]) for i in range(3))
        self._build_graph(self.graph)
        self._build_plane(self.plane)
        self._build_bars(self.bars)

    def _build_graph(self, ax: Axes) -> None:
        ax.set(xlim=(-0.1, 1.1), ylim=(-0.06, 1.06), title="this thinned net")
        ax.set_axis_off()
        for x, name in zip((0, 1 / 3, 2 / 3, 1), ("point", "layer 1", "layer 2", "p"), strict=True):
            ax.text(x, 1.03, name, ha="center", fontsize=10, color=plots.INK[0])
        self.wires = LineCollection([], colors=plots.GREY, zorder=1)
        ax.add_collection(self.wires, autolim=False)
        look = {"markersize": 15, "markeredgecolor": plots.INK[0], "zorder": 3}
        (self.kept,) = ax.plot([], [], "o", color=plots.SKY, **look)
        (self.dropped,) = ax.plot([], [], "o", color=plots.PAPER[0], **look)
        self.dropped.set_alpha(0.5)
        (self.crosses,) = ax.plot(
            [], [], "x", color=plots.VERMILION, markersize=12, mew=2.5, zorder=4
        )
        (self.ring,) = ax.plot(
            [], [], "o", mfc="none", mec=plots.INK[0], markersize=21, mew=1.5, zorder=2
        )
        self.live(self.wires, self.kept, self.dropped, self.crosses, self.ring)

    def _build_plane(self, ax: Axes) -> None:
        ax.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), title="what it says; line: the mean net")
        ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        self.map = Tiles(ax, zorder=1)
        points = moons()
        for label in (0, 1):
            ax.plot(
                *points.x_train[points.y_train == label].T,
                plots.MARKERS[label],
                color=(plots.BLUE, plots.ORANGE)[label],
                markersize=3.5,
                markeredgecolor=plots.EDGE,
                markeredgewidth=0.4,
                zorder=2,
            )
        (self.spot,) = ax.plot(
            [], [], "*", color=plots.INK[0], mec=plots.PAPER[0], markersize=17, zorder=5
        )
        self.live(self.map, self.spot)

    def _build_bars(self, ax: Axes) -> None:
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="p(orange, the squares) at the star", yticks=[])
        ax.set_ylabel("share of the nets")
        ax.set_title("all thinned nets, at the star")
        ax.spines[["top", "right"]].set_visible(False)
        (self.exact,) = ax.plot([], [], color=plots.BLUE, lw=5, drawstyle="steps-mid", alpha=0.9)
        (self.drawn,) = ax.plot([], [], color=plots.INK[0], lw=1.2, drawstyle="steps-mid")
        styles = (plots.VERMILION, "-"), (plots.GREEN, "--"), (plots.PURPLE, ":")
        self.lines = [ax.plot([], [], ls, color=c, lw=2.5)[0] for c, ls in styles]
        (self.one,) = ax.plot([], [], "v", color=plots.INK[0], markersize=10, clip_on=False)
        self.one.set_in_layout(False)
        names = ("all 65,536 nets", "masks drawn", "mean net", "their average", "drawn average")
        ax.legend(
            [self.exact, self.drawn, *self.lines, self.one],
            [*names, "this thinned net"],
            fontsize=9,
            frameon=False,
            loc="upper center",
        )
        self.live(self.exact, self.drawn, *self.lines, self.one)

    def draw(self, data: Thinned) -> None:
        self._draw_graph(data.mask, trained_net(self.values["trained"]))
        values = np.where(np.isfinite(data.area), 2 * data.area - 1, 0)
        pixels = paint(values, SOFT[self.dark]).copy()
        mean = data.mean_area > 0.5
        edge = np.zeros_like(mean)
        edge[:, 1:] |= mean[:, 1:] != mean[:, :-1]
        edge[1:] |= mean[1:] != mean[:-1]
        pixels[edge, :3] = 60 if not self.dark else 220
        self.map.show([Tile(-VIEW, -VIEW, 2 * VIEW, 2 * VIEW, pixels)])
        self.spot.set_data([data.point[0]], [data.point[1]])

        middles = (BINS[1:] + BINS[:-1]) / 2
        counts = np.histogram(data.sampled, BINS)[0] / len(data.sampled)
        top = 0.62  # the legend stands above
        scale = top / max(data.chances.max(), counts.max())
        self.exact.set_data(middles, scale * data.chances)
        self.drawn.set_data(middles, scale * counts)
        places = (data.mean_net, data.average, data.sampled.mean())
        for line, place in zip(self.lines, places, strict=True):
            line.set_data([place, place], [0, top])
        self.one.set_data([data.said], [0.02])

    def _draw_graph(self, mask: np.ndarray, net: Sequential) -> None:
        alive = np.concatenate([np.ones(2), mask, np.ones(1)]).astype(bool)
        wires, widths = [], []
        for begin, end, weight in _connections(net):
            if alive[begin] and alive[end]:
                wires.append((PLACES[begin], PLACES[end]))
                widths.append(min(0.3 + 1.2 * abs(weight), 4))
        self.wires.set_segments(wires)
        self.wires.set_linewidths(widths)
        self.kept.set_data(*PLACES[alive].T)
        self.dropped.set_data(*PLACES[~alive].T)
        self.crosses.set_data(*PLACES[~alive].T)
        self.ring.set_data(*PLACES[[2 + self.values["chosen"]]].T)

    def describe(self, data: Thinned) -> str:
        first, second = (int(part.sum()) for part in (data.mask[:WIDTH], data.mask[WIDTH:]))
        x, y = data.point
        masks = "mask averages" if len(data.sampled) == 1 else "masks average"
        return (
            f"The net learned {self.values['trained']}. With p = {data.p:.2f} this mask keeps "
            f"{first} of {WIDTH} units in layer 1 and {second} of {WIDTH} in layer 2; at "
            f"({x:.1f}, {y:.1f}) this thinned net says p(orange) = {data.said:.3f}. "
            f"All {2**UNITS:,} thinned nets say {data.average:.3f} on average, with a standard "
            f"deviation of {data.spread:.3f}; the mean net says {data.mean_net:.3f}. "
            f"{len(data.sampled):,} drawn {masks} {data.sampled.mean():.3f}."
        )


# The nets ---------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def moons() -> data.Split:
    """200 points in two moons, in the middle of the plane."""
    return data.moons(200, rng=0, noise=0.15, test_fraction=0.0)


@lru_cache(maxsize=len(TRAINED))
def trained_net(trained: str) -> Sequential:
    """2 → 8 → 8 → 1, trained on the moons with or without dropout; used without."""
    rng = np.random.default_rng(0)
    p = TRAINED[trained]
    net = Sequential(
        *(Linear(2, WIDTH, rng=rng, dtype=float), ReLU(), Dropout(p, rng=rng)),
        *(Linear(WIDTH, WIDTH, rng=rng, dtype=float), ReLU(), Dropout(p, rng=rng)),
        Linear(WIDTH, 1, rng=rng, dtype=float),
    )
    points = moons()
    step = numpy_step(net, BCEWithLogitsLoss(), Adam(net.parameters, 0.01))
    targets = points.y_train[:, None].astype(float)
    fit(step, (points.x_train, targets), epochs=150, batch_size=20, rng=rng, progress=False)
    return net.eval()


def linears(net: Sequential) -> list[Linear]:
    """The three layers with weights."""
    return [layer for layer in net.layers if isinstance(layer, Linear)]


def answer(net: Sequential, x: np.ndarray, mask: np.ndarray, p: float) -> np.ndarray:
    """p(orange) of the thinned net at points x (N, 2), as (N,); kept units count 1 / (1 - p)."""
    first, second, last = linears(net)
    a = np.maximum(first(x), 0) * mask[:WIDTH] / (1 - p)
    a = np.maximum(second(a), 0) * mask[WIDTH:] / (1 - p)
    return sigmoid(last(a))[:, 0]


def every_answer(net: Sequential, x: np.ndarray, p: float) -> np.ndarray:
    """p(orange) of all 2¹⁶ thinned nets at one point x (1, 2): (256, 256), layer 1's mask first."""
    first, second, last = linears(net)
    a = np.maximum(first(x), 0) * MASKS / (1 - p)
    a = np.maximum(second(a), 0) / (1 - p)  # (256, 8), before the second mask
    return sigmoid((a * last.weight) @ MASKS.T + last.bias)


def chance_of(p: float) -> np.ndarray:
    """The probability of each pair of masks, (256, 256)."""
    count = np.arange(UNITS + 1)
    return ((1 - p) ** count * p ** (UNITS - count))[KEPT]


def numbers_of(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of MASKS the two halves of masks (N, 16) are."""
    powers = 1 << np.arange(WIDTH - 1, -1, -1)
    whole = masks.astype(int)
    return whole[:, :WIDTH] @ powers, whole[:, WIDTH:] @ powers


@lru_cache(maxsize=32)
def _masks(p: float) -> np.ndarray:
    """The masks that are drawn one after another, (MOST, 16), 0 and 1."""
    return (draw_mask(np.random.default_rng(1), (MOST, UNITS), p) > 0).astype(float)


@lru_cache(maxsize=len(TRAINED))
def _mean_area(trained: str) -> np.ndarray:
    return answer(trained_net(trained), GRID, np.ones(UNITS), 0).reshape(CELLS, CELLS)


def _connections(net: Sequential):
    """(from, to, weight) of every connection, units counted from the inputs on."""
    begin = 0
    for layer in linears(net):
        outputs, inputs = layer.weight.shape
        for j in range(outputs):
            for i in range(inputs):
                yield begin + i, begin + inputs + j, layer.weight[j, i]
        begin += inputs


def _places() -> np.ndarray:
    """Where the units are drawn, (19, 2): two inputs, two hidden layers, one output."""
    columns = [(0, 2), (1 / 3, WIDTH), (2 / 3, WIDTH), (1, 1)]
    return np.array([(x, 0.47 - 0.13 * (i - (n - 1) / 2)) for x, n in columns for i in range(n)])


def _inside(point: tuple[float, float]) -> tuple[float, float]:
    x, y = point
    if not np.isfinite([x, y]).all():
        raise ValueError(f"point must hold two finite numbers, got {point!r}")
    return float(np.clip(x, -VIEW, VIEW)), float(np.clip(y, -VIEW, VIEW))


PLACES = _places()
_AXIS = (np.arange(CELLS) + 0.5) / CELLS * 2 * VIEW - VIEW
GRID = np.stack(np.meshgrid(_AXIS, _AXIS), axis=-1).reshape(-1, 2)
