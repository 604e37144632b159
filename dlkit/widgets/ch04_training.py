"""Explorer: an RBM learns by contrastive divergence, and everything worth watching is shown."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.widgets.ch04_learner import BARS, DIGITS, SHOWN, Learner, Pictures, pictures
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint, palette
from dlkit.widgets.training import TrainingExplorer

USUAL = {  # settings that suit the data
    DIGITS: {"hidden": 64, "learning_rate": 0.1, "momentum": 0.5},
    BARS: {"hidden": 10, "learning_rate": 0.1, "momentum": 0.0},
}
INKS = tuple(  # a pixel of -1 … 1 on a light page and on a dark one: ink on paper
    palette(LinearSegmentedColormap.from_list("ink", [paper, ink]))
    for paper, ink in zip(plots.PAPER, plots.INK, strict=True)
)

# Places in inches.
FILTERS = (0.12, 2.5, 3.5)  # left, low, side
ROWS, PICTURE = (4.82, 4.47), 0.49  # left, low; side of one of the 3 × 10 pictures
CHARTS = {"error": 0.65, "free energy": 3.87, "third": 7.08}
CHART_LOW, CHART_WIDE, CHART_HIGH = 0.48, 2.5, 1.4


@dataclass(frozen=True, eq=False)
class Scene:
    """An RBM at one moment of its training.

    filters: a picture for each hidden unit, (hidden, height, width); rows: pictures to look at,
    their reconstructions, and what the chains dream, (3, 10, height, width); numbers: see
    `Learner.measure`; largest: of the weights, by size; scale: a weight that gets the full colour.
    """

    source: Pictures
    filters: np.ndarray
    rows: np.ndarray
    numbers: dict[str, float]
    largest: float
    scale: float
    updates: int


class CDTraining(TrainingExplorer):
    """Contrastive divergence on digits, or on bars and stripes, where the likelihood is known.

    dataset, examples (of the digits), hidden and seed begin anew; method, k, learning_rate,
    momentum, weight_decay, sparsity_cost and sparsity act from the next step on. A step is five
    updates from batches of 100 digits, or fifty from all bars and stripes.
    """

    title = "Contrastive divergence at work"
    size = (9.8, 6.35)
    restarts = ("dataset", "examples", "hidden", "seed")
    most_moments = 64  # a state is half a megabyte
    key_help = {" ": "run or pause", "s": "one step", "f": "fork"}  # noqa: RUF012

    def controls(self) -> dict[str, ipywidgets.Widget]:
        dropdown = ipywidgets.Dropdown
        dataset = dropdown(options=list(USUAL), description="pictures")
        dataset.observe(self._to_usual, "value")
        usual = USUAL[DIGITS]
        return {
            "dataset": dataset,
            "examples": dropdown(
                value=4000,
                options=[100, 400, 1000, 4000],
                description="digits to learn",
                tooltip="How many different digits there are to learn from",
            ),
            "hidden": dropdown(
                value=usual["hidden"], options=[4, 10, 16, 36, 64, 100], description="hidden units"
            ),
            "method": dropdown(options=["CD", "PCD"], description="method"),
            "k": ipywidgets.IntSlider(value=1, min=1, max=10, description="Gibbs steps k"),
            "learning_rate": ipywidgets.FloatLogSlider(
                value=usual["learning_rate"],
                min=-3,
                max=0,
                step=0.1,
                readout_format=".3g",
                description="learning rate",
            ),
            "momentum": dropdown(
                value=usual["momentum"], options=[0.0, 0.5, 0.9, 0.95], description="momentum"
            ),
            "weight_decay": dropdown(
                value=0.0, options=[0.0, 1e-4, 1e-3, 1e-2], description="weight decay"
            ),
            "sparsity_cost": dropdown(
                value=0.0,
                options=[0.0, 0.01, 0.1, 1.0],
                description="sparsity cost",
                tooltip="How strongly hidden units are pressed towards the target; 0: not at all",
            ),
            "sparsity": dropdown(
                value=0.1, options=[0.02, 0.05, 0.1, 0.2, 0.5], description="sparsity target"
            ),
            "seed": ipywidgets.IntSlider(value=0, min=0, max=20, description="random start"),
        }

    def __init__(self, **start):
        super().__init__(**_with_usual(start))
        self._buttons["Fork"].tooltip = "Begin a new branch here; the old one stays to compare with"

    def idle(self, *, dataset: str, sparsity_cost: float, **_) -> dict[str, bool]:
        return {"examples": dataset != DIGITS, "sparsity": sparsity_cost == 0}

    def set(self, **values) -> None:
        """As in every explorer; other data bring the settings that suit them, unless given."""
        super().set(**_with_usual(values))

    def _to_usual(self, change: dict) -> None:
        """The same for the hand; this observer comes before that which begins anew."""
        if not self._holding:
            self._holding = True
            for name, value in USUAL[change["new"]].items():
                self.inputs[name].value = value
            self._holding = False

    # Training ---------------------------------------------------------------------------------

    def begin(self, *, dataset: str, examples: int, hidden: int, seed: int, **_) -> Learner:
        return Learner(pictures(dataset, examples), hidden, seed)

    def step(self, learner: Learner, **values) -> dict[str, float]:
        source = pictures(values["dataset"], values["examples"])
        with np.errstate(over="ignore", invalid="ignore"):
            learner.learn(source, **values)
        return learner.numbers

    def look(self, learner: Learner, **values) -> Scene:
        source = pictures(values["dataset"], values["examples"])
        rbm, shape = learner.rbm, source.shape
        rows = [source.shown, rbm.reconstruct(source.shown), rbm.reconstruct(learner.chain[:SHOWN])]
        return Scene(
            source,
            rbm.weight.reshape(-1, *shape).copy(),
            np.reshape(rows, (3, SHOWN, *shape)),
            learner.numbers,
            float(np.abs(rbm.weight).max()),
            round_number(float(np.quantile(np.abs(rbm.weight), 0.995))),
            learner.updates,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        ink = {"color": plots.INK[0], "fontsize": 9, "va": "center", "zorder": 0}
        for row, words in enumerate(("data", "reconstruction", "long chains")):
            y = ROWS[1] + PICTURE * (2.5 - row)
            self.sheet.text(ROWS[0] - 0.1, y, words, ha="right", **ink)
        self.charts, self.lines, self.names = {}, {}, {}  # by the charts' names
        for name, left in CHARTS.items():
            place = (left / width, CHART_LOW / height, CHART_WIDE / width, CHART_HIGH / height)
            self.charts[name] = chart = figure.add_axes(place)
            self._build_chart(name, chart)
            self.names[name] = Labels(chart)
        lines = self.lines["error"]
        legend = self.charts["error"].legend(
            [lines[name] for name in ("train", "held-out", "others")],
            ["training", "held-out", "other branches"],
            fontsize=8,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(-0.1, 1.1),  # above the curves, which may go anywhere
            ncols=3,
            columnspacing=1.0,
        )
        legend.set_zorder(0)
        self._sample, self._painted = legend.legend_handles[0], None
        self.live(self.tiles, self.labels, *self.names.values())

    def _build_chart(self, name: str, chart: Axes) -> None:
        chart.set_xlabel("updates", fontsize=9)
        chart.tick_params(labelsize=8)
        chart.grid(color=plots.QUIET[0], linewidth=0.5)
        chart.set_axisbelow(True)
        chart.spines[["top", "right"]].set_visible(False)
        (others,) = chart.plot([], [], ":", color=plots.GREY, linewidth=1.5)
        (train,) = chart.plot([], [], "-", color=plots.BLUE, linewidth=2)
        (held_out,) = chart.plot([], [], "--", color=plots.VERMILION, linewidth=2)
        (now,) = chart.plot([], [], "|", color=plots.INK[0], markersize=14)
        (best,) = chart.plot([], [], "-.", color=plots.GREEN, linewidth=1.5)
        self.lines[name] = {
            "others": others,
            "train": train,
            "held-out": held_out,
            "best": best,
            "now": now,
        }
        self.live(*self.lines[name].values())

    def draw(self, data: Scene) -> None:
        self.tiles.show(self._pictures(data))
        self.labels.show(self._words(data))
        third = "log-likelihood" if data.source.exact else "gap"
        self._draw_chart("error", "error", data)
        self._draw_chart("free energy", "free energy", data)
        self._draw_chart("third", third, data)
        if self.dark != self._painted:
            self._painted = self.dark
            blue = plots.SKY if self.dark else plots.BLUE
            for line in (*(curves["train"] for curves in self.lines.values()), self._sample):
                line.set_color(blue)

    def _pictures(self, data: Scene) -> Iterator[Tile]:
        left, low, side = FILTERS
        sheet = arrange(enlarged(data.filters) / data.scale)
        weights = paint(sheet, SIGNED[self.dark])
        weights[np.isnan(sheet)] = 255 * np.array(to_rgba(plots.PAPER[self.dark]))
        part = sheet.shape[0] / sheet.shape[1]  # the last rows of the square may be empty
        yield Tile(left, low + (1 - part) * side, side, part * side, weights)
        pictures = enlarged(2 * data.rows.reshape(-1, *data.source.shape) - 1)
        framed = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), constant_values=np.inf)
        sheet = arrange(framed, columns=SHOWN)
        rows = paint(sheet, INKS[self.dark])
        rows[np.isnan(sheet)] = 255 * np.array(to_rgba(plots.PAPER[self.dark]))
        rows[np.isinf(sheet)] = 255 * np.array(to_rgba(plots.GREY))
        yield Tile(*ROWS, SHOWN * PICTURE, 3 * PICTURE, rows)

    def _words(self, data: Scene) -> Iterator[Label]:
        ink, numbers = self.ink, data.numbers
        head, plain = Style(ink, size=10, weight="bold", anchor=0), Style(ink, size=9, anchor=0)
        middle = Style(ink, size=10)
        hidden = len(data.filters)
        yield Label(
            FILTERS[0],
            self.size[1] - 0.17,
            f"weights of {hidden} hidden units (orange +, blue −, full at ±{data.scale:g})",
            plain,
        )
        x, y = 3.85, 4.08
        yield Label(
            x,
            y,
            f"{self.values['method']}-{self.values['k']}, update {data.updates:,}, "
            f"branch {self.branch.name}",
            head,
        )
        lines = [
            f"reconstruction error: {both(numbers, 'error', 4)}",
            f"free energy: {both(numbers, 'free energy', 1)}",
            f"free-energy gap, held-out less training: {decimal(numbers['gap'], 1)} nats",
            f"a hidden unit is on {100 * numbers['on']:.0f} % of the time; "
            f"{numbers['stuck']:.0f} of {hidden} always or never",
            f"largest weight: {data.largest:.2f}",
        ]
        if data.source.exact:
            lines[2] = (
                f"log-likelihood: {decimal(numbers['log-likelihood'], 2)} nats a picture; "
                f"best possible: {decimal(data.source.best, 2)}"
            )
        if self.time:
            change = 100 * numbers["ratio"]
            lines[-1] += f"; an update changes weights by {change:.2f} % of their size"
        for line, words in enumerate(lines, start=1):
            yield Label(x, y - 0.245 * line, words, plain)
        for name, left in CHARTS.items():
            words = {"error": "reconstruction error", "free energy": "mean free energy"}.get(name)
            words = words or ("exact log-likelihood" if data.source.exact else "free-energy gap")
            yield Label(left + CHART_WIDE / 2, CHART_LOW + CHART_HIGH + 0.14, words, middle)

    def _draw_chart(self, name: str, metric: str, data: Scene) -> None:
        """The curves of the present branch, and those of the others, dotted."""
        chart, curves, updates = self.charts[name], self.lines[name], data.source.updates
        others: list[np.ndarray] = [np.empty((2, 0))]
        ends = []
        for branch in self.branches:
            curve = thinned(branch.metrics.get(metric, []), updates)
            if branch is self.branch:
                curves["train"].set_data(curve)
                second = thinned(branch.metrics.get(f"held-out {metric}", []), updates)
                curves["held-out"].set_data(second)
            else:
                others += [curve, np.full((2, 1), np.nan)]
            if len(self.branches) > 1 and curve.size:
                style = Style(self.ink, anchor=0)
                ends.append(Label(curve[0, -1], curve[1, -1], f"  {branch.name}", style))
        curves["others"].set_data(np.concatenate(others, axis=1))
        curves["now"].set_data([data.updates], [data.numbers[metric]])
        longest = max(branch.length for branch in self.branches) * updates
        right = 100 * 2 ** int(np.ceil(np.log2(max(longest, 100) / 100)))
        curves["best"].set_data([], [])
        if metric == "log-likelihood":
            curves["best"].set_data([0, right], [data.source.best] * 2)
            ends.append(
                Label(right, 0.6 * data.source.best, "best possible", Style(self.ink, anchor=1))
            )
        low, high = window(np.concatenate([curve.get_ydata() for curve in curves.values()]))
        if chart.get_xlim()[1] != right:
            chart.set_xlim(0, right)
        if chart.get_ylim() != (low, high):
            chart.set_ylim(low, high)
        self.names[name].show(apart(ends, 0.13 * (high - low)))

    def describe(self, data: Scene) -> str:
        values, numbers = self.values, data.numbers
        words = [
            f"{values['dataset'][0].upper()}{values['dataset'][1:]}, {len(data.source.train):,} "
            f"pictures to learn from; {len(data.filters)} hidden units; {values['method']}-"
            f"{values['k']}. Update {data.updates:,} of branch {self.branch.name}. "
            f"Reconstruction error {both(numbers, 'error', 4)} (mean square of a pixel). "
            f"Free energy {both(numbers, 'free energy', 1)}."
        ]
        if data.source.exact:
            words.append(
                f"The exact log-likelihood is {decimal(numbers['log-likelihood'], 2)} nats "
                f"a picture; {decimal(data.source.best, 2)} is the best possible."
            )
            curve = np.array(self.branch.metrics.get("log-likelihood", [np.nan])[: self.time or 1])
            if self.time and curve.max() > numbers["log-likelihood"] + 0.2:
                top = int(curve.argmax())
                when = (top + 1) * data.source.updates
                words.append(f"It was higher, {decimal(curve[top], 2)}, after {when:,} updates.")
        else:
            words.append(f"The held-out digits' is higher by {decimal(numbers['gap'], 1)} nats.")
            start = self.branch.metrics.get("gap", [numbers["gap"]])[0]
            if numbers["gap"] > start + 5:
                words.append("The gap has opened: the machine learns its digits by heart.")
        words.append(
            f"A hidden unit is on {100 * numbers['on']:.0f} % of the time, and "
            f"{numbers['stuck']:.0f} of {len(data.filters)} always or never. "
            f"The largest weight is {data.largest:.2f}."
        )
        if self.time:
            change = 100 * numbers["ratio"]
            words.append(f"An update changes the weights by {change:.2f} % of their size.")
        if len(self.branches) > 1:
            last = ", ".join(
                f"{b.name} {b.metrics['error'][-1]:.4f} after {b.length * data.source.updates:,}"
                for b in self.branches
                if b.metrics.get("error")
            )
            words.append(f"The branches' reconstruction errors: {last} updates.")
        return " ".join(words)

    def on_pointer(self, event: Pointer) -> None:
        """A click into a chart, or a drag over it, goes back to that update."""
        if event.axes in self.charts.values() and (event.kind == "down" or event.pressed):
            step = round(event.x / self.data.source.updates)
            self.rewind(min(step, self.branch.length))

    def on_key(self, event: Key) -> None:
        {" ": self._run_or_pause, "s": self._step_once, "f": self.fork}[event.key]()


def _with_usual(values: dict) -> dict:
    """The values, and with those that name a dataset its usual ones, which come after its name."""
    for dataset, usual in USUAL.items():
        if values.get("dataset") == dataset:
            return {"dataset": dataset} | usual | values
    return values


def round_number(value: float) -> float:
    """The next of …, 0.1, 0.2, 0.5, 1, 2, 5, … that is not smaller."""
    steps = np.outer(10.0 ** np.arange(-3, 6), (1, 2, 5)).ravel()
    return float(steps[min(np.searchsorted(steps, value), len(steps) - 1)])


def enlarged(pictures: np.ndarray) -> np.ndarray:
    """Pictures (N, height, width) of at least 28 pixels each way, so that gaps stay narrow."""
    finer = max(1, 28 // pictures.shape[1])
    return pictures.repeat(finer, axis=1).repeat(finer, axis=2)


def arrange(pictures: np.ndarray, columns: int | None = None) -> np.ndarray:
    """All pictures (N, height, width) in one, in a square or in so many columns, lowest row first.

    After each, and where there is none, is NaN.
    """
    count, height, width = pictures.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * columns, height + 1, width + 1), np.nan, pictures.dtype)
    sheet[:count, :-1, :-1] = pictures
    grid = sheet.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), columns * (width + 1))[::-1]


def thinned(values: list[float], updates: int) -> np.ndarray:
    """A curve (2, N) of at most 500 points, the last one among them."""
    if not values:
        return np.empty((2, 0))
    steps = np.arange(len(values))[:: -max(1, -(-len(values) // 500))][::-1]
    return np.stack([(steps + 1) * updates, np.array(values)[steps]])


def window(values: np.ndarray) -> tuple[float, float]:
    """Round limits for an axis that shows all of these; they change seldom."""
    values = values[np.isfinite(values)]
    if not values.any():
        return 0.0, 1.0
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    rough = max(high - low, 1e-6) / 4  # four parts or a few more
    step = 10 ** np.floor(np.log10(rough))
    step = next(step * m for m in (1, 2, 5, 10) if step * m >= rough)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)


def apart(labels: list[Label], least: float) -> list[Label]:
    """Names at the ends of curves, moved up where they would collide."""
    placed: list[Label] = []
    for label in sorted(labels, key=lambda label: label.y):
        y = label.y
        if placed:
            y = max(y, placed[-1].y + least)
        placed.append(replace(label, y=y))
    return placed


def both(numbers: dict[str, float], name: str, places: int) -> str:
    """A number of the training pictures, and that of the held-out ones if there are any."""
    held_out = numbers[f"held-out {name}"]
    words = f"{decimal(numbers[name], places)} training"
    return words if np.isnan(held_out) else f"{words}, {decimal(held_out, places)} held-out"


def decimal(number: float, places: int) -> str:
    """A number with so many decimals and a real minus."""
    return f"{round(float(number), places) + 0.0:.{places}f}".replace("-", "−")
