"""Explorer: a deep belief net grows layer by layer, and each depth shows what it keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.data import Split
from dlkit.models.dbn import DBN
from dlkit.models.optimisers import SGD
from dlkit.models.partition import base_rate
from dlkit.models.rbm import RBM, cd_step
from dlkit.widgets.ch04_training import INKS, arrange, round_number, thinned
from dlkit.widgets.drawn import mnist
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint
from dlkit.widgets.training import TrainingExplorer

SIZES = {  # units of the layers, from the bottom up
    "100, 64, 36": (100, 64, 36),
    "100, 100, 100": (100, 100, 100),
    "100, 36, 16": (100, 36, 16),
}
LAYERS = (1, 2, 3)
UPDATES, BATCH = 10, 50  # updates in a step
MEASURED, SHOWN, FEATURES = 250, 10, 36
COLOURS = ((plots.BLUE, plots.SKY), (plots.VERMILION,) * 2, (plots.GREEN,) * 2)
LINES = ("-", "--", "-.")

# Places in inches.
SHEET, SHEET_LOW = 1.95, 4.1  # side and low of a sheet of features
SHEET_LEFT = (0.12, 2.27, 4.42)
ROWS, PICTURE = (2.0, 0.12), 0.435  # left, low; side of one of the 7 × 10 pictures
BETWEEN = 0.12  # room above the samples
CHARTS = {"pixels": (7.1, 4.2), "own": (7.1, 0.48)}
CHART_WIDE, CHART_HIGH = 2.55, 1.75


class Stack:
    """A deep belief net in training, chains in each of its RBMs, and its source of chance.

    `numbers` is what was found out after the last step, see `_measure`; `updates` counts those of
    each layer.
    """

    def __init__(self, sizes: tuple[int, ...], seed: int):
        self.rng = np.random.default_rng(seed)
        x = mnist().x_train
        self.dbn = DBN((x.shape[1], *sizes), rng=self.rng)
        self.dbn.rbms[0].visible_bias[...] = base_rate(x)
        some = self.rng.random((len(sizes), SHOWN, x.shape[1]))
        self.chains = [
            (noise[:, : len(rbm.visible_bias)] < 0.5).astype(np.float32)
            for noise, rbm in zip(some, self.dbn.rbms, strict=True)
        ]
        self.updates = [0] * len(sizes)
        self.numbers = self._measure()

    def learn(self, layer: int, learning_rate: float) -> None:
        """Take one step: updates of one layer by CD-1, the others stay; all chains go on."""
        rbm, x = self.dbn.rbms[layer], mnist().x_train
        step = cd_step(rbm, SGD(rbm.parameters, learning_rate), self.rng)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(UPDATES):
                batch = x[self.rng.integers(0, len(x), BATCH)]
                step(self.dbn.inputs(batch, layer))
        if not all(np.isfinite(array).all() for array in rbm.parameters.values()):
            raise ValueError("The weights have left the range of numbers: lower the learning rate.")
        self.chains = [
            other.gibbs(chain, self.rng, steps=3)
            for other, chain in zip(self.dbn.rbms, self.chains, strict=True)
        ]
        self.updates[layer] += UPDATES
        self.numbers = self._measure()

    def dreams(self, depth: int) -> np.ndarray:
        """What the chains of RBM `depth` (from 1) send down to the pixels, (SHOWN, 784)."""
        return self.dbn.down(
            self.dbn.rbms[depth - 1].reconstruct(self.chains[depth - 1]), depth - 1
        )

    def _measure(self) -> dict[str, float]:
        """Mean squared errors on held-out digits, of each depth.

        pixels: up through so many layers and down again; own: what the layer saw, up and down once;
        spread: the standard deviation over digits of what the layer saw, the mean over its units.
        """
        numbers, a = {}, mnist().x_test[:MEASURED]
        x = a
        for depth, rbm in enumerate(self.dbn.rbms, start=1):
            up = rbm.hidden_probabilities(a)
            back = rbm.visible_probabilities(up)
            numbers[f"own {depth}"] = float(np.mean((back - a) ** 2))
            numbers[f"spread {depth}"] = float(a.std(axis=0).mean())
            pixels = self.dbn.down(back, depth - 1) if depth > 1 else back
            numbers[f"pixels {depth}"] = float(np.mean((pixels - x) ** 2))
            a = up
        return numbers

    def __deepcopy__(self, _) -> "Stack":
        """A twin that goes on exactly as this one will; the gradients stay behind."""
        twin = object.__new__(Stack)
        twin.rng = np.random.default_rng()
        twin.rng.bit_generator.state = self.rng.bit_generator.state
        twin.dbn = object.__new__(DBN)
        twin.dbn.sizes, twin.dbn.labels, twin.dbn.rbms = self.dbn.sizes, 0, []
        for rbm in self.dbn.rbms:
            own = object.__new__(RBM)
            for name, array in rbm.state_dict().items():
                setattr(own, name, array)
            twin.dbn.rbms.append(own)
        twin.chains, twin.updates = list(self.chains), list(self.updates)
        twin.numbers = self.numbers
        return twin


@dataclass(frozen=True, eq=False)
class Scene:
    """A stack at one moment.

    features: of each layer, as pictures (units, 28, 28): each unit's weights, carried down to the
    pixels; rows: digits, the reconstructions from each depth, then the dreams of each depth,
    (7, SHOWN, 28, 28); updates: of each layer; numbers: see `Stack`.
    """

    layer: int
    sizes: tuple[int, ...]
    features: list[np.ndarray]
    scales: list[float]
    rows: np.ndarray
    updates: tuple[int, ...]
    numbers: dict[str, float]

    def lost(self, depth: int) -> float:
        """How much larger the error of the pixels is than one layer below."""
        below = self.numbers[f"pixels {depth - 1}"] if depth > 1 else 0.0
        return self.numbers[f"pixels {depth}"] - below


class StackIt(TrainingExplorer):
    """Train a deep belief net 784-100-64-36 by hand, one RBM at a time, on 4,000 digits.

    sizes (of the three layers) and seed begin anew; layer (the one that learns, 1 to 3) and
    learning_rate act from the next step on. A step is ten updates from batches of 50 digits.
    """

    title = "Stack it: one layer at a time"
    size = (9.8, 6.4)
    restarts = ("sizes", "seed")
    most_moments = 64  # a state is a third of a megabyte
    key_help = {  # noqa: RUF012
        " ": "run or pause",
        "s": "one step",
        "f": "fork",
        "1": "",
        "2": "",
        "3": "let this layer learn",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        dropdown = ipywidgets.Dropdown
        return {
            "layer": dropdown(options=list(LAYERS), description="layer that learns"),
            "learning_rate": dropdown(
                value=0.3, options=[0.01, 0.03, 0.1, 0.3, 1.0], description="learning rate"
            ),
            "sizes": dropdown(options=list(SIZES), description="units of layers"),
            "seed": ipywidgets.IntSlider(value=0, min=0, max=20, description="random start"),
        }

    def __init__(self, **start):
        super().__init__(**start)
        self._buttons["Fork"].tooltip = "Begin a new branch here; the old one stays to compare with"

    # Training ---------------------------------------------------------------------------------

    def begin(self, sizes: str, seed: int, **_) -> Stack:
        return Stack(SIZES[sizes], seed)

    def step(self, stack: Stack, layer: int, learning_rate: float, **_) -> dict[str, float]:
        stack.learn(layer - 1, learning_rate)
        return stack.numbers | {"layer": float(layer)}

    def look(self, stack: Stack, layer: int, **_) -> Scene:
        dbn, x = stack.dbn, shown(mnist())
        carried, features = np.eye(x.shape[1], dtype=np.float32), []
        for k, rbm in enumerate(dbn.rbms):
            carried = rbm.weight @ carried if k else rbm.weight
            features.append(carried[:FEATURES].reshape(-1, 28, 28))
        rows = [x, *(dbn.down(dbn.up(x, k), k) for k in LAYERS), *map(stack.dreams, LAYERS)]
        return Scene(
            layer,
            dbn.sizes[1:],
            [pictures.copy() for pictures in features],
            [round_number(float(np.quantile(np.abs(p), 0.995))) for p in features],
            np.reshape(rows, (7, SHOWN, 28, 28)),
            tuple(stack.updates),
            stack.numbers,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        names = ["new digits", *(f"reconstructed from {k}" for k in LAYERS)]
        names += [f"dreams of depth {k}" for k in LAYERS]
        for row, words in enumerate(names):
            y = row_low(row) + PICTURE / 2
            ink = {"color": plots.INK[0], "fontsize": 9, "ha": "right", "va": "center"}
            self.sheet.text(ROWS[0] - 0.1, y, words, zorder=0, **ink)
        self.charts: dict[str, Axes] = {}
        self.lines: dict[str, dict[str, list]] = {}
        self._painted: bool | None = None
        for name, (left, low) in CHARTS.items():
            place = (left / width, low / height, CHART_WIDE / width, CHART_HIGH / height)
            self.charts[name] = chart = figure.add_axes(place)
            self._build_chart(name, chart)
        legend = self.charts["pixels"].legend(
            self.lines["pixels"]["curves"],
            [f"depth {k}" for k in LAYERS],
            fontsize=8,
            frameon=False,
            loc="upper right",
            ncols=3,
            columnspacing=0.8,
            handlelength=2.2,
        )
        legend.set_zorder(0)
        self._samples = list(legend.legend_handles)
        self.live(self.tiles, self.labels)

    def _build_chart(self, name: str, chart: Axes) -> None:
        chart.set_xlabel("updates; bars: the layer that learned, 1 lowest", fontsize=8)
        chart.tick_params(labelsize=8)
        chart.spines[["top", "right"]].set_visible(False)
        chart.set(xlim=(0, 500), ylim=(-0.014, 0.125) if name == "pixels" else (-0.026, 0.25))
        if name == "pixels":
            chart.axhline(mean_error(), color=plots.GREY, lw=1, zorder=1)
        (others,) = chart.plot([], [], ":", color=plots.GREY, lw=1.2)
        curves = [
            chart.plot([], [], line, color=colours[0], lw=1.8)[0]
            for line, colours in zip(LINES, COLOURS, strict=True)
        ]
        who = [
            chart.plot([], [], "-", color=colours[0], lw=2.5, solid_capstyle="butt")[0]
            for colours in COLOURS
        ]
        (now,) = chart.plot([], [], "|", color=plots.INK[0], ms=12)
        self.lines[name] = {"others": [others], "curves": curves, "who": who, "now": [now]}
        for artists in self.lines[name].values():
            self.live(*artists)

    def draw(self, data: Scene) -> None:
        if self.dark != self._painted:
            self._painted = self.dark
            for lines in self.lines.values():
                for group in (lines["curves"], lines["who"], self._samples):
                    for line, colours in zip(group, COLOURS, strict=True):
                        line.set_color(colours[self.dark])
        self.tiles.show(self._pictures(data))
        self.labels.show(self._words(data))
        for name in self.charts:
            self._draw_chart(name)

    def _pictures(self, data: Scene) -> Iterator[Tile]:
        paper = 255 * np.array(to_rgba(plots.PAPER[self.dark]))
        for layer, left in enumerate(SHEET_LEFT):
            sheet = arrange(data.features[layer] / data.scales[layer])
            pixels = paint(sheet, SIGNED[self.dark])
            pixels[np.isnan(sheet)] = paper
            colour = COLOURS[layer][self.dark] if layer == data.layer - 1 else None
            yield Tile(left, SHEET_LOW, SHEET, SHEET, pixels, frame=colour, line=3)
        for first, last in ((0, 4), (4, 7)):
            pictures = 2 * data.rows[first:last].reshape(-1, 28, 28) - 1
            sheet = arrange(
                np.pad(pictures, ((0, 0), (1, 1), (1, 1)), constant_values=np.inf), SHOWN
            )
            pixels = paint(sheet, INKS[self.dark])
            pixels[np.isnan(sheet)] = paper
            pixels[np.isinf(sheet)] = 255 * np.array(to_rgba(plots.GREY))
            high = (last - first) * PICTURE
            yield Tile(ROWS[0], row_low(last - 1), SHOWN * PICTURE, high, pixels)

    def _words(self, data: Scene) -> Iterator[Label]:
        left, bold = Style(self.ink, size=9, anchor=0), Style(self.ink, weight="bold", anchor=0)
        for layer, x in enumerate(SHEET_LEFT):
            y = SHEET_LOW + SHEET
            learns = layer == data.layer - 1
            words = f"layer {layer + 1}: {plural(data.updates[layer])}"
            yield Label(x, y + 0.16, words, bold if learns else left)
            words = f"{min(FEATURES, data.sizes[layer])} of {data.sizes[layer]} features, full ±"
            yield Label(x, SHEET_LOW - 0.11, f"{words}{data.scales[layer]:g}", left)
        numbers = data.numbers
        lost = ", ".join(f"{data.lost(k):.4f}" for k in LAYERS)
        y = CHARTS["pixels"][1] - 0.62
        x, small = CHARTS["own"][0] - 0.42, Style(self.ink, size=8.5, anchor=0)
        lines = [
            (
                f"update {sum(data.updates):,} of branch {self.branch.name}, "
                f"layer {data.layer} learns",
                bold,
            ),
            ("of the error in pixels, layers 1, 2, 3 add", small),
            (f"{lost}", small),
            ("what each saw differs from digit to digit by", small),
            (", ".join(f"{numbers[f'spread {k}']:.3f}" for k in LAYERS), small),
        ]
        for line, (words, style) in enumerate(lines):
            yield Label(x, y - 0.19 * line, words, style)
        middle = Style(self.ink, size=9)
        for name, words in (
            ("pixels", "squared error a pixel; level: mean picture"),
            ("own", "squared error a unit of a layer's input"),
        ):
            x, low = CHARTS[name]
            yield Label(x + CHART_WIDE / 2, low + CHART_HIGH + 0.12, words, middle)

    def _draw_chart(self, name: str) -> None:
        chart, lines = self.charts[name], self.lines[name]
        others: list[np.ndarray] = [np.empty((2, 0))]
        for branch in self.branches:
            for depth, line in zip(LAYERS, lines["curves"], strict=True):
                curve = thinned(branch.metrics.get(f"{name} {depth}", []), UPDATES)
                if branch is self.branch:
                    line.set_data(curve)
                else:
                    others += [curve, np.full((2, 1), np.nan)]
        lines["others"][0].set_data(np.concatenate(others, axis=1))
        steps, learned = thinned(self.branch.metrics.get("layer", []), UPDATES)
        bottom = chart.get_ylim()[0]
        for layer, line in zip(LAYERS, lines["who"], strict=True):
            height = bottom * (1.1 - 0.28 * layer)
            line.set_data(steps, np.where(learned == layer, height, np.nan))
        now = [self.data.numbers[f"{name} {k}"] for k in LAYERS]
        lines["now"][0].set_data([self.time * UPDATES] * 3, now)
        longest = UPDATES * max(branch.length for branch in self.branches)
        right = 500 * 2 ** int(np.ceil(np.log2(max(longest, 500) / 500)))
        if chart.get_xlim()[1] != right:
            chart.set_xlim(0, right)

    def describe(self, data: Scene) -> str:
        numbers = data.numbers
        words = [
            f"A net 784-{'-'.join(map(str, data.sizes))}; branch {self.branch.name}, update "
            f"{sum(data.updates):,}. Layer {data.layer} learns. Updates so far: "
            + ", ".join(f"{n:,} of layer {k}" for k, n in zip(LAYERS, data.updates, strict=True))
            + "."
        ]
        for k in LAYERS:
            words.append(
                f"Layer {k}: mean square error {numbers[f'own {k}']:.4f} in what it saw, which "
                f"differs from digit to digit by {numbers[f'spread {k}']:.3f} (standard "
                f"deviation); down in the pixels {numbers[f'pixels {k}']:.4f}."
            )
        words.append(f"The mean picture for every digit has {mean_error():.4f}.")
        loses = max(LAYERS, key=data.lost)
        words.append(f"Most is added by layer {loses}.")
        return " ".join(words)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        """A click into a chart, or a drag over it, goes back to that update."""
        if event.axes in self.charts.values() and (event.kind == "down" or event.pressed):
            self.rewind(min(round(event.x / UPDATES), self.branch.length))
        elif event.axes is self.sheet and event.kind == "down":
            for layer, left in zip(LAYERS, SHEET_LEFT, strict=True):
                if 0 <= event.x - left <= SHEET and 0 <= event.y - SHEET_LOW <= SHEET:
                    self.set(layer=layer)

    def on_key(self, event: Key) -> None:
        if event.key in "123":
            self.set(layer=int(event.key))
        else:
            {" ": self._run_or_pause, "s": self._step_once, "f": self.fork}[event.key]()


def row_low(row: int) -> float:
    """Where a row of pictures has its lower edge; the rows of dreams come after a gap."""
    return ROWS[1] + PICTURE * (6 - row) + (BETWEEN if row < 4 else 0)


def shown(split: Split) -> np.ndarray:
    """One test digit of each kind, (10, 784)."""
    return split.x_test[[int(np.argmax(split.y_test == digit)) for digit in range(SHOWN)]]


@lru_cache(maxsize=1)
def mean_error() -> float:
    """The error of a machine that sends back the mean picture, whatever it sees."""
    split = mnist()
    return float(np.mean((split.x_test[:MEASURED] - split.x_train.mean(axis=0)) ** 2))


def plural(count: int) -> str:
    """So many updates."""
    return f"{count:,} update{'' if count == 1 else 's'}"
