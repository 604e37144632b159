"""Explorer: a net learns few digits by heart, with and without what is known to hold it back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from dlkit import plots
from dlkit.widgets import ch03_parts as parts
from dlkit.widgets.ch03_train import apart
from dlkit.widgets.ch04_training import arrange, round_number
from dlkit.widgets.ch06_learner import (
    LARGEST_LOSS,
    PARTS,
    UPDATES,
    WATCHED,
    Cures,
    Learner,
    plain,
)
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.frame import alone
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint
from dlkit.widgets.training import Finished, Recording, TrainingExplorer

TABLE, ROW = 1.21, 0.18  # inches: how high the table begins, and what a row takes
EARLIER = 3  # runs with other settings that stay to compare with
WORTH = 5  # steps that a run must have taken to be kept
EDGES = np.linspace(-0.3, 0.3, 62)  # of the histogram; its ends take what lies beyond
MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2
LEAST = 2e-5  # the lowest share that the histogram shows
TOPS = {"loss": (0.8, 1.6, 3.2, 6.4), "error": (0.16, 0.32, 0.64, 1.0)}
TICKS = {
    0.16: ("0", "5", "10", "15"),
    0.32: ("0", "10", "20", "30"),
    0.64: ("0", "20", "40", "60"),
    1.0: ("0", "25", "50", "75", "100"),
}
COLUMNS = {  # of the table: where each begins (0) or ends (1), in inches
    "net": (0.12, 0),
    "digits": (1.0, 1),
    "units": (1.55, 1),
    "start": (2.05, 1),
    "cures": (2.2, 0),
    "training": (7.1, 1),
    "test": (7.72, 1),
    "test loss": (8.5, 1),
    "stopped early": (9.62, 1),
}


@dataclass(frozen=True, eq=False)
class Stop:
    """What early stopping would have done: kept the net of step `kept`, stopped at step `at`.

    at: None as long as it would go on.
    """

    kept: int
    at: int | None


@dataclass(frozen=True, eq=False)
class Sight:
    """A net at one moment of its training.

    weights: the histogram of the first layer's weights that are not exactly 0, shares of all of
    them; start: the same before the first step; zero: the share that is exactly 0; filters:
    weights of some units, (WATCHED, 28, 28); scale: a weight that gets the full colour.
    """

    learner: Learner
    weights: np.ndarray
    start: np.ndarray
    zero: float
    spread: float
    filters: np.ndarray
    scale: float
    stop: Stop | None


@dataclass(frozen=True)
class Recipe:
    """How a net was trained; `since` is the update from which on these cures acted."""

    examples: int
    width: int
    seed: int
    cures: Cures
    since: int

    @property
    def cured(self) -> str:
        """The cures in words."""
        return f"{self.cures}, from update {self.since:,}" if self.since else str(self.cures)

    def __str__(self) -> str:
        return f"{self.examples:,} digits, {self.width} units, {self.cured}"


@dataclass(frozen=True, eq=False)
class Run:
    """What remains of a training when another net is made."""

    recipe: Recipe
    curves: dict[str, np.ndarray]


class OverfitOnPurpose(TrainingExplorer):
    """A net 784-width-width-10 learns few digits; four cures and early stopping to try on it.

    examples, width, updates (in all), l2, l1, units and pixels (the shares that are dropped) and
    seed: a change makes a new net, and the curves of the old one stay. After a fork, l2, l1, units
    and pixels act on the present net instead. learning_rate (at the start; it falls to 0) and
    patience (of early stopping, in steps) act at once. A step is 20 updates by SGD with momentum
    0.9 from batches of 50.
    """

    title = "Overfit on purpose, then hold the net back"
    size = (9.8, 5.5)
    restarts = ("examples", "width", "updates", "l2", "l1", "units", "pixels", "seed")
    cures = ("l2", "l1", "units", "pixels")
    most_moments = 64  # a state is up to 2 MB, and 1 MB as it begins
    most_branches = 3
    key_help = {  # noqa: RUF012
        " ": "run or pause",
        "n": "next step",
        "f": "fork",
        "e": "back to early stopping's net",
    }

    def __init__(self, **start):
        self._earlier: list[Run] = []
        self._recipes: dict[str, Recipe] = {}  # of the branches, by name
        self._forked = False
        super().__init__(**start)
        self._buttons[
            "Fork"
        ].tooltip = (
            "Go on from here in a new branch, with other cures if you like; the old one stays"
        )

    def controls(self) -> dict[str, ipywidgets.Widget]:
        def choice(value, options, description):
            named = [
                (f"{option:,}" if option >= 1 else plain(option), option) for option in options
            ]
            return ipywidgets.Dropdown(value=value, options=named, description=description)

        return {
            "examples": choice(100, [50, 100, 200, 500, 1000, 2000], "training digits"),
            "width": choice(128, [8, 16, 32, 64, 128, 256], "units a layer"),
            "l2": choice(0.0, [0.0, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1], "weight decay, L2"),
            "l1": choice(0.0, [0.0, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3], "sparsity, L1"),
            "units": choice(0.0, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], "units dropped"),
            "pixels": choice(0.0, [0.0, 0.1, 0.2, 0.3, 0.5, 0.7], "pixels dropped"),
            "patience": choice(5, [1, 2, 3, 5, 10, 20], "patience, steps"),
            "updates": choice(1200, [600, 1200, 2400], "updates in all"),
            "learning_rate": choice(0.05, [0.01, 0.02, 0.05, 0.1, 0.2], "learning rate"),
            "seed": ipywidgets.IntSlider(value=0, min=0, max=20, description="random start"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        return super().actions() | {"Back to early stop": self.to_early_stop}

    def to_early_stop(self) -> None:
        """Go back to the net that early stopping would have kept."""
        if self.data.stop is None:
            raise ValueError("There is nothing to go back to yet: train first.")
        self.rewind(self.data.stop.kept)

    # Settings ---------------------------------------------------------------------------------

    def set(self, **values) -> None:
        """As in every training explorer; after a fork, cures act on the present net."""
        if self._forked and not any(n in self.restarts and n not in self.cures for n in values):
            super(TrainingExplorer, self).set(**values)
        else:
            super().set(**values)

    def _control_changed(self, change) -> None:
        with alone:
            if self._forked and any(self.inputs[n] is change["owner"] for n in self.cures):
                if not self._holding:
                    self.refresh()
            else:
                super()._control_changed(change)

    def fork(self) -> None:
        """Begin a new branch at this moment, in which other cures act on the same net."""
        with alone:
            self._forked = True
            super().fork()

    def reset(self) -> None:
        """As in every training explorer; the curves of earlier nets go too."""
        with alone:
            self.pause()
            self._earlier, self._forked, self.branch = [], False, Recording("")
            super().reset()

    # Training ---------------------------------------------------------------------------------

    def begin(self, *, examples: int, width: int, updates: int, seed: int, **_) -> Learner:
        learner = Learner(examples, width, updates, seed)
        if self.branch.length >= WORTH:
            curves = {name: np.array(values) for name, values in self.branch.metrics.items()}
            run = Run(self._recipes[self.branch.name], curves)
            self._earlier = [*self._earlier, run][-EARLIER:]
        self._recipes, self._forked = {}, False
        return learner

    def step(self, learner: Learner, *, learning_rate: float, **values) -> dict[str, float]:
        if learner.done:
            raise Finished(
                "The learning rate has come down to 0, and the training is over. Choose other "
                "settings for the next net, or rewind."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            learner.step(learning_rate, self._cures(values))
        numbers = learner.numbers
        if not max(numbers["learning"], numbers["training loss"]) < LARGEST_LOSS:
            raise ValueError(
                f"Training diverged in step {self.time + 1}: a learning rate of "
                f"{learning_rate:g} is too large here. Lower it and go on: the picture shows the "
                "last step that worked."
            )
        return numbers

    def look(self, learner: Learner, *, patience: int, **values) -> Sight:
        branch = self.branch
        cures = learner.cures if learner.steps else self._cures(values)
        if self.time == branch.length or branch.name not in self._recipes:
            self._recipes[branch.name] = Recipe(
                learner.examples, learner.width, learner.seed, cures, learner.since
            )
        weights = learner.weights
        filters = learner.first[: min(WATCHED, learner.width)].reshape(-1, 28, 28).copy()
        return Sight(
            learner,
            histogram(weights),
            histogram(learner.start),
            float(np.mean(weights == 0)),
            float(weights.std()),
            filters,
            max(round_number(float(np.quantile(np.abs(filters), 0.995))), 0.05),
            early_stop(branch.metrics.get("validation loss", []), patience),
        )

    def _cures(self, values: dict[str, Any]) -> Cures:
        return Cures(**{name: values[name] for name in self.cures})

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.page = figure.add_axes((0, 0, 1, 1))  # first: the pointer finds the charts
        self.page.set(xlim=(0, width), ylim=(0, height))
        self.page.set_axis_off()
        self.tiles, self.labels = Tiles(self.page), Labels(self.page)
        left, wide = 0.62, 5.3
        self.charts = {
            "loss": parts.place(figure, left, 3.3, wide, 1.7),
            "error": parts.place(figure, left, 1.74, wide, 1.36),
        }
        self.charts["loss"].set_ylabel("loss", fontsize=9)
        self.charts["error"].set_ylabel("errors, %", fontsize=9)
        self.charts["error"].set_xlabel("updates", fontsize=9)
        self.charts["loss"].tick_params(labelbottom=False)
        self.lines, self.tags = {}, {}
        for name, axes in self.charts.items():
            parts.grid(axes)
            self._build_lines(name, axes)
        lines = self.lines["loss"]
        legend = self.charts["loss"].legend(
            [lines[n] for n in ("test", "training", "validation", "learning", "kept", "others")],
            [
                "test",
                "training, net in use",
                "validation",
                "training, while learning",
                "early stopping keeps this net",
                "test, other runs",
            ],
            fontsize=8.5,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(-0.03, 0.98),
            ncols=3,
            columnspacing=1.2,
        )
        legend.set_zorder(0)
        self._samples, self._painted = [legend.legend_handles[1]], None
        self._build_weights(figure)
        self.live(self.tiles, self.labels, *self.tags.values())

    def _build_lines(self, name: str, axes: Axes) -> None:
        (others,) = axes.plot([], [], ":", color=plots.GREY, linewidth=1.6)
        (stopped,) = axes.plot([], [], "-", color=plots.GREY, linewidth=1.2)
        (learning,) = axes.plot([], [], "-", color=plots.PURPLE, linewidth=1.1)
        (validation,) = axes.plot([], [], "-.", color=plots.GREEN, linewidth=1.4)
        (training,) = axes.plot([], [], "-", color=plots.BLUE, linewidth=2.2)
        (test,) = axes.plot([], [], "--", color=plots.VERMILION, linewidth=2.2)
        (kept,) = axes.plot([], [], "D", color=plots.GREEN, mec=plots.INK[0], markersize=8)
        (now,) = axes.plot([], [], "|", color=plots.INK[0], markersize=14, markeredgewidth=1.6)
        self.lines[name] = {
            "others": others,
            "stopped": stopped,
            "learning": learning,
            "validation": validation,
            "training": training,
            "test": test,
            "kept": kept,
            "now": now,
        }
        self.tags[name] = Labels(axes)
        self.live(*self.lines[name].values())

    def _build_weights(self, figure: Figure) -> None:
        self.chart = axes = parts.place(
            figure, 6.98, 3.48, 2.62, 1.52, ylabel="share of the weights"
        )
        axes.set(xlim=(-0.32, 0.32), ylim=(LEAST, 1.0), yscale="log")
        axes.set_xticks([-0.3, 0, 0.3], ["≤ −0.3", "0", "≥ 0.3"])
        axes.set_yticks([1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.label.set_fontsize(9)
        axes.yaxis.set_label_coords(-0.235, 0.5)
        axes.set_title("Weights of the first layer", fontsize=10, pad=22)
        parts.grid(axes)
        (self.begun,) = axes.plot(
            [], [], ":", color=plots.GREY, linewidth=1.4, drawstyle="steps-mid"
        )
        (self.weights,) = axes.plot(
            [], [], "-", color=plots.BLUE, linewidth=1.6, drawstyle="steps-mid"
        )
        (self.zeros,) = axes.plot([], [], "-", color=plots.VERMILION, linewidth=5, alpha=0.8)
        legend = axes.legend(
            [self.weights, self.begun],
            ["now", "at the start"],
            fontsize=8.5,
            frameon=False,
            loc="lower center",
            bbox_to_anchor=(0.5, 0.97),
            ncols=2,
        )
        legend.set_zorder(0)
        self._samples.append(legend.legend_handles[0])
        self.said = Labels(axes)
        self.live(self.begun, self.weights, self.zeros, self.said)

    def draw(self, data: Sight) -> None:
        curves = list(self._all_curves())
        longest = UPDATES * max(len(values["test loss"]) for *_, values in curves)
        right = float(max(data.learner.updates, longest))
        for name in self.charts:
            self._draw_chart(name, curves, right, data)
        self.weights.set_data(MIDDLES, np.maximum(data.weights, LEAST))
        self.begun.set_data(MIDDLES, np.maximum(data.start, LEAST))
        self.zeros.set_data([0, 0] if data.zero else [], [LEAST, data.zero] if data.zero else [])
        style = Style(self.ink, anchor=0)
        self.said.show([Label(0.03, 0.6, f"exactly 0: {parts.percent(data.zero)}", style)])
        self.tiles.show(self._filters(data))
        self.labels.show(self._words(data, curves))
        if self.dark != self._painted:
            self._painted = self.dark
            blue = plots.SKY if self.dark else plots.BLUE
            trained = (lines["training"] for lines in self.lines.values())
            for line in (*trained, *self._samples, self.weights):
                line.set_color(blue)

    def _all_curves(self) -> Iterator[tuple[str, Recipe, Mapping[str, Any]]]:
        """Earlier nets, by number, then the branches of this one, by letter, with what they
        recorded."""
        empty = {f"{part} {what}": () for part in PARTS for what in TOPS} | {"learning": ()}
        for number, run in enumerate(self._earlier, start=1):
            yield str(number), run.recipe, run.curves
        for branch in self.branches:
            yield branch.name, self._recipes[branch.name], branch.metrics or empty

    def _draw_chart(self, what: str, curves: list, right: float, data: Sight) -> None:
        axes, lines, name = self.charts[what], self.lines[what], self.branch.name
        shown = {}
        for called, _, values in curves:
            names = ("training", "validation", "test") if called == name else ("test",)
            for part in names:
                shown[called, part] = np.array(values[f"{part} {what}"], float)
            if called == name and what == "loss":
                cured = data.learner.cures.units or data.learner.cures.pixels
                shown[called, "learning"] = np.array(values["learning"] if cured else (), float)
        later = (v[min(3, len(v) - 1) :] for v in shown.values() if len(v))  # after the first fall
        highest = max((float(v.max()) for v in later), default=0.0)
        top = next((t for t in TOPS[what] if t >= 1.02 * highest), TOPS[what][-1])
        if axes.get_ylim()[1] != top:
            axes.set_ylim(0, top)
            if what == "error":
                axes.set_yticks([float(t) / 100 for t in TICKS[top]], TICKS[top])
        parts.limit(axes, x=(0.0, right))
        others, ends = [np.empty((2, 0))], []
        for line in ("training", "validation", "test", "learning"):
            lines[line].set_data(curve(shown.get((name, line), ()), top))
        for called, *_ in curves:
            points = curve(shown[called, "test"], top)
            if called != name:
                others += [points, np.full((2, 1), np.nan)]
            if points.shape[1] and len(curves) > 1:
                x, y = points[:, -1].tolist()
                ends.append(Label(x, y, f" {called}", Style(self.ink, anchor=0)))
        lines["others"].set_data(np.concatenate(others, axis=1))
        labels = apart(ends, 0.04 * right, 0.11 * top, top)
        now = data.learner.numbers[f"test {what}"]
        lines["now"].set_data([data.learner.steps * UPDATES], [min(now, top)])
        kept, stopped = np.empty((2, 0)), np.empty((2, 0))
        if data.stop:
            kept = curve(shown[name, "test"], top)[:, data.stop.kept - 1 : data.stop.kept]
            if data.stop.at:
                stopped = np.array([[data.stop.at * UPDATES] * 2, [0, top]])
        lines["kept"].set_data(kept)
        lines["stopped"].set_data(stopped)
        if data.stop and data.stop.at and what == "loss":
            x = data.stop.at * UPDATES
            near = x > 0.75 * right
            words = "would stop here " if near else " would stop here"
            labels.append(Label(x, 0.95 * top, words, Style(self.ink, anchor=float(near))))
        if not ends and what == "loss" and not self.branch.length:
            words = "Run or Step begins the training"
            labels.append(Label(right / 2, top / 2, words, Style(self.ink, size=10)))
        self.tags[what].show(labels)

    def _filters(self, data: Sight) -> Iterator[Tile]:
        sheet = arrange(data.filters / data.scale, columns=8)
        pixels = paint(sheet, SIGNED[self.dark])
        pixels[np.isnan(sheet)] = (128, 128, 128, 255)
        high = 3.48 / 8 * (len(sheet) // 29)
        yield Tile(6.2, 2.79 - high, 3.48, high, pixels)

    def _words(self, data: Sight, curves: list) -> Iterator[Label]:
        plain_, bold = Style(self.ink, anchor=0), Style(self.ink, anchor=0, weight="bold")
        learner = data.learner
        yield Label(
            6.15,
            3.12,
            f"Update {learner.steps * UPDATES:,} of {learner.updates:,}, branch {self.branch.name}",
            bold,
        )
        yield Label(
            6.15,
            2.93,
            f"weights of {len(data.filters)} units (orange +, blue −, full: {data.scale:g})",
            plain_,
        )
        for column, (x, anchor) in COLUMNS.items():
            yield Label(x, TABLE, column, Style(self.ink, anchor=anchor, weight="bold"))
        for row, (name, recipe, values) in enumerate(curves, start=1):
            present = name == self.branch.name
            cells = {"net": name, "digits": f"{recipe.examples:,}", "units": f"{recipe.width}"}
            cells |= {"start": f"{recipe.seed}", "cures": recipe.cured}
            cells |= dict(self._results(values, self.time if present else len(values["test loss"])))
            for column, text in cells.items():
                x, anchor = COLUMNS[column]
                style = Style(self.ink, anchor=anchor, weight="bold" if present else "normal")
                if column == "cures":
                    style = plain_
                    if len(text) > 60:  # up to the next column
                        text = text.replace("dropped: ", "drop ").replace(" of ", " ")
                        style = Style(self.ink, anchor=0, size=8)
                yield Label(x, TABLE - ROW * row, text, style)

    def _results(self, values: Mapping[str, Any], step: int) -> Iterator[tuple[str, str]]:
        """What a run had reached after this step, for the table."""
        if step:
            yield "training", share(values["training error"][step - 1])
            yield "test", share(values["test error"][step - 1])
            yield "test loss", f"{values['test loss'][step - 1]:.2f}"
        if stop := early_stop(values["validation loss"], self.values["patience"]):
            loss, error = (values[f"test {what}"][stop.kept - 1] for what in TOPS)
            yield "stopped early", f"{share(error)}, {loss:.2f}"

    def describe(self, data: Sight) -> str:
        learner, numbers = data.learner, data.learner.numbers
        words = [
            f"{self._recipes[self.branch.name]}. Update {learner.steps * UPDATES:,} of "
            f"{learner.updates:,}, branch {self.branch.name}.",
            f"Training digits: {share(numbers['training error'])} wrong, loss "
            f"{numbers['training loss']:.3f}. Test digits: {share(numbers['test error'])} wrong, "
            f"loss {numbers['test loss']:.3f}.",
        ]
        if learner.steps and (learner.cures.units or learner.cures.pixels):
            words.append(f"While learning, with dropout, the loss is {numbers['learning']:.3f}.")
        metrics, stop = self.branch.metrics, data.stop
        if stop:
            loss, error = (metrics[f"test {what}"][stop.kept - 1] for what in TOPS)
            ends = f"stop after update {stop.at * UPDATES:,} and" if stop.at else "so far"
            words.append(
                f"Early stopping would {ends} keep the net of update {stop.kept * UPDATES:,}: "
                f"{share(error)} of the test digits wrong, loss {loss:.3f}."
            )
        words.append(
            f"Of the first layer's weights {parts.percent(data.zero)} are exactly 0; their "
            f"standard deviation is {data.spread:.3f}."
        )
        curves = list(self._all_curves())
        if len(curves) > 1:
            finals = [
                f"{name} ({recipe}) {share(values['test error'][-1])}"
                for name, recipe, values in curves
                if len(values["test error"])
            ]
            words.append(f"Test errors at the ends of the curves: {'; '.join(finals)}.")
        return " ".join(words)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        """A click into a chart, or a drag over it, goes back to that update."""
        if event.axes in self.charts.values() and (event.kind == "down" or event.pressed):
            self.rewind(min(round(event.x / UPDATES), self.branch.length))

    def on_key(self, event: Key) -> None:
        {
            " ": self._run_or_pause,
            "n": self._step_once,
            "f": self.fork,
            "e": self.to_early_stop,
        }[event.key]()


def early_stop(losses, patience: int) -> Stop | None:
    """What early stopping would have done with these validation losses, one for each step.

    It keeps the net with the lowest and stops when `patience` steps in a row brought no lower one.
    """
    if not len(losses):
        return None
    best = 0
    for step, loss in enumerate(losses):
        if loss < losses[best]:
            best = step
        if step - best >= patience:
            return Stop(best + 1, step + 1)
    return Stop(best + 1, None)


def histogram(weights: np.ndarray) -> np.ndarray:
    """Shares of the weights in each bin, without those that are exactly 0."""
    inside = np.clip(weights[weights != 0], EDGES[0], EDGES[-1])
    return np.histogram(inside, EDGES)[0] / len(weights)


def curve(values, top: float) -> np.ndarray:
    """Points (2, N) of what was measured after each step; what is too high is put at the top."""
    values = np.asarray(values, float)
    return np.stack([UPDATES * np.arange(1, len(values) + 1), np.minimum(values, top)])


def share(value: float) -> str:
    """0.1234 is 12.3 %."""
    return f"{100 * value:.1f} %"
