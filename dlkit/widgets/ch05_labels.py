"""Explorer: what pretraining is worth, by the number of labels; stored runs, and your own."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dlkit import plots
from dlkit.data.files import asset
from dlkit.widgets.ch05_trial import ARMS, Course, train
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.frame import alone
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.running import RunningExplorer
from dlkit.widgets.training import SLICE

LOOKS = {  # colour, colour on a dark page, marker, line
    "pretrained": (plots.BLUE, plots.SKY, "o", "-"),
    "sigmoid": (plots.VERMILION, plots.VERMILION, "s", "--"),
    "ReLU": (plots.GREEN, plots.GREEN, "^", "-."),
    "dropout": (plots.PURPLE, plots.PURPLE, "D", ":"),
}
NAMES = {
    "pretrained": "pretrained",
    "sigmoid": "random, sigmoid",
    "ReLU": "random, ReLU",
    "dropout": "ReLU + dropout",
}
PUBLISHED = 1.25  # % of errors: Hinton, Osindero, Teh 2006
MOST_RERUNS = 40
ERRORS = (0.9, 42)  # limits of an axis of errors, %


@dataclass(frozen=True, eq=False)
class Stored:
    """A point of the stored runs: test errors in %, one a seed, and how the net was trained."""

    errors: np.ndarray
    rate: float
    passes: int
    batch: int

    @property
    def mean(self) -> float:
        """The mean error of the seeds, in %."""
        return float(self.errors.mean())

    def place(self, error: float) -> str:
        """Where this error lies, seen from the band of the seeds."""
        if error < self.errors.min():
            return "below the band"
        return "above the band" if error > self.errors.max() else "within the band"


@dataclass(frozen=True)
class Rerun:
    """A training on this computer. error: on the 1,000 test digits that ship, in %."""

    arm: str
    labels: int
    seed: int
    error: float


@dataclass(frozen=True, eq=False)
class Scene:
    """Stored points of one number of labels by arm, and with how many labels each random arm is
    as good as the pretrained net: None where it never is. course: of the training now."""

    labels: int
    here: dict[str, Stored]
    needed: dict[str, float | None]
    reruns: tuple[Rerun, ...]
    chosen: tuple[str, int]
    course: Course | None
    training: Rerun | None


@lru_cache(maxsize=1)
def stored() -> dict[tuple[str, int], Stored]:
    """The stored runs by arm and number of labels (`make reproduce CHAPTER=05`)."""
    points = json.loads(asset("runs/ch05_labels.json").read_text(encoding="utf-8"))["points"]
    return {
        (p["arm"], p["labels"]): Stored(
            100 * np.array(p["test"]), p["rate"], p["passes"], p["batch"]
        )
        for p in points
        if p["arm"] in ARMS and p["test"]
    }


def curve(arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of labels and mean errors in % of an arm."""
    points = sorted((n, point.mean) for (own, n), point in stored().items() if own == arm)
    labels, errors = np.array(points).T
    return labels, errors


def labels_needed(arm: str, error: float) -> float | None:
    """With how many labels this arm comes down to `error`, read between points on log scales."""
    labels, errors = curve(arm)
    below = np.flatnonzero(errors <= error)
    if not below.size:
        return None
    k = below[0]
    if k == 0:
        return float(labels[0])
    part = np.log(errors[k - 1] / error) / np.log(errors[k - 1] / errors[k])
    return float(labels[k - 1] * (labels[k] / labels[k - 1]) ** part)


class LabelsAgainstPretraining(RunningExplorer):
    """Test error by number of labels of nets that were pretrained without labels, or not.

    labels: 100 to 50,000; net: which to train on this computer, with the 4,000 digits that ship,
    from `seed`. The stored runs saw 50,000 pictures.
    """

    title = "What are pictures without labels worth?"
    size = (9.8, 5.0)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "fewer or more labels",
        "ArrowUp": "",
        "ArrowDown": "another net",
        " ": "train it here, or stop",
    }

    run_label, pause_label = "Train here", "Stop"
    without_loop = "use finish()"

    def __init__(self, **start):
        self._work: Iterator[Course] | None = None
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        counts = sorted(labels for arm, labels in stored() if arm == "pretrained")
        arms = [(NAMES[arm], arm) for arm in ARMS if any(own == arm for own, _ in stored())]
        return {
            "labels": ipywidgets.SelectionSlider(
                options=[(f"{n:,}", n) for n in counts], value=300, description="labels"
            ),
            "net": ipywidgets.Dropdown(
                options=arms, value="pretrained", description="net to train"
            ),
            "seed": ipywidgets.IntSlider(value=0, min=0, max=9, description="random start"),
        }

    def state(self) -> dict[str, Any]:
        return {"reruns": (), "course": None, "training": None}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"Train here": self._run_or_pause}

    @staticmethod
    def compute(labels, net, seed, reruns, course, training) -> Scene:
        if not all(isinstance(run, Rerun) for run in reruns):
            raise ValueError("reruns must be results of trainings here.")
        here = {arm: point for (arm, n), point in stored().items() if n == labels}
        level = here["pretrained"].mean
        others = [arm for arm in LOOKS if arm in here and arm != "pretrained"]
        needed = {arm: labels_needed(arm, level) for arm in others}
        return Scene(labels, here, needed, tuple(reruns), (net, seed), course, training)

    # Training here ----------------------------------------------------------------------------

    def before_run(self) -> None:
        """Begin to train the net that is chosen."""
        values = self.values
        arm, labels, seed = values["net"], values["labels"], values["seed"]
        point = stored().get((arm, labels))
        if point is None:
            raise ValueError(
                f"No stored run tells the learning rate of {NAMES[arm]} with {labels:,} labels: "
                "choose another net or another number of labels."
            )
        work = train(arm, labels, seed, rate=point.rate, passes=point.passes, batch=point.batch)
        first = next(work)  # a ValueError leaves everything as it is
        self._work = work
        self.set(course=first, training=Rerun(arm, labels, seed, np.nan))

    def beat(self) -> float:
        """Train for a slice; at the end, keep the result."""
        if self._work:
            self._go_on(SLICE)
        if not self._work:
            super().pause()
        return 0

    def pause(self) -> None:
        """Give the training up."""
        with alone:
            super().pause()
            self._work = None
            self.set(course=None, training=None)

    def finish(self) -> None:
        """Train the net that is chosen at once, to the end, without an event loop."""
        self.before_run()
        while self._work:
            self._go_on(1.0)

    def _go_on(self, seconds: float) -> None:
        """Train for so long, and show how far it is; at the end, keep the result."""
        assert self._work is not None
        began, course = time.perf_counter(), self.values["course"]
        while time.perf_counter() - began < seconds:
            if (further := next(self._work, None)) is not None:
                course = further
                continue
            self._work = None
            result = replace(self.values["training"], error=100 * course.errors[-1])
            kept = [r for r in self.values["reruns"] if replace(r, error=0) != _blank(result)]
            self.set(course=course, training=result, reruns=(*kept, result)[-MOST_RERUNS:])
            return
        self.set(course=course)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is self.chart and (event.kind == "down" or event.pressed):
            counts = np.array([n for _, n in self.inputs["labels"].options])
            labels = int(counts[np.abs(np.log(counts / event.x)).argmin()])
            if labels != self.values["labels"]:
                self.set(labels=labels)

    def on_key(self, event: Key) -> None:
        if event.key == " ":
            self._run_or_pause()
            return
        name = "labels" if event.key in ("ArrowLeft", "ArrowRight") else "net"
        options = [value for _, value in self.inputs[name].options]
        place = options.index(self.values[name])
        place += 1 if event.key in ("ArrowRight", "ArrowDown") else -1
        self.set(**{name: options[int(np.clip(place, 0, len(options) - 1))]})

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        self._painted: bool | None = None
        self._coloured: dict[str, list] = {arm: [] for arm in LOOKS}
        self.chart = figure.add_axes((0.065, 0.115, 0.55, 0.82))
        self.row = figure.add_axes((0.67, 0.56, 0.315, 0.34))
        self.course = figure.add_axes((0.67, 0.115, 0.315, 0.27))
        self._build_chart(self.chart)
        self._build_row(self.row)
        self._build_course(self.course)

    def _build_chart(self, ax: Axes) -> None:
        counts = sorted({n for _, n in stored()})
        ax.set(xscale="log", yscale="log", xlim=(75, 67_000), ylim=ERRORS)
        ax.set_xticks(counts, [f"{n:,}" for n in counts])
        ax.set_yticks([1, 2, 5, 10, 20, 40], ["1", "2", "5", "10", "20", "40"])
        ax.minorticks_off()
        ax.set_xlabel("digits with a label")
        ax.set_ylabel("test error, %")
        ax.spines[["top", "right"]].set_visible(False)
        ax.axhline(PUBLISHED, color=plots.GREY, lw=1, ls=(0, (1, 2)), zorder=1)
        words = {"fontsize": 8, "color": plots.INK[0], "zorder": 1}
        ax.text(80, PUBLISHED * 0.97, "1.25 %: the deep belief net of 2006", va="top", **words)
        handles = []
        for arm, (colour, _, marker, line) in LOOKS.items():
            points = sorted((n, p) for (own, n), p in stored().items() if own == arm)
            if not points:
                continue
            labels = [n for n, _ in points]
            low, high = [p.errors.min() for _, p in points], [p.errors.max() for _, p in points]
            band = ax.fill_between(labels, low, high, color=colour, alpha=0.25, lw=0, zorder=1)
            (mean,) = ax.plot(
                labels, [p.mean for _, p in points], line, color=colour, marker=marker, lw=1.8
            )
            mean.set(markersize=5, zorder=2, label=NAMES[arm])
            handles.append(mean)
            self._coloured[arm] += [band, mean]
        legend = ax.legend(
            handles=handles,
            fontsize=9,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 0.09),
            title="784-500-500-10, MNIST; band: all seeds",
            title_fontsize=8.5,
            alignment="left",
        )
        legend.set_zorder(0)
        arms = [arm for arm in LOOKS if self._coloured[arm]]
        for arm, handle in zip(arms, legend.legend_handles, strict=True):
            self._coloured[arm].append(handle)
        (self.here,) = ax.plot([], [], color=plots.INK[0], lw=1, zorder=3)
        (self.caret,) = ax.plot([], [], "^", color=plots.INK[0], ms=8, zorder=3)
        (self.level,) = ax.plot([], [], color=plots.INK[0], lw=1, ls=":", zorder=3)
        (self.crossings,) = ax.plot([], [], "x", color=plots.INK[0], ms=8, mew=2, zorder=4)
        self.own = self._markers(ax, zorder=5)
        self.words = Labels(ax)
        self.live(self.here, self.caret, self.level, self.crossings, *self.own.values(), self.words)

    def _markers(self, ax: Axes, zorder: float) -> dict[str, Any]:
        """One line of markers for each arm: what was trained here."""
        lines = {}
        for arm, (colour, _, marker, _) in LOOKS.items():
            (lines[arm],) = ax.plot([], [], marker, color=colour, ms=9, mew=1.6, zorder=zorder)
            lines[arm].set_markeredgecolor(plots.INK[0])
            if self._coloured[arm]:
                self._coloured[arm].append(lines[arm])
        return lines

    def _build_row(self, ax: Axes) -> None:
        self.arms = [arm for arm in LOOKS if self._coloured[arm]]
        ax.set(xscale="log", xlim=ERRORS, ylim=(len(self.arms) - 0.5, -0.5))
        ax.set_xticks([1, 2, 5, 10, 20, 40], ["1", "2", "5", "10", "20", "40"])
        ax.minorticks_off()
        ax.set_yticks([])
        ax.set_xlabel("test error, %: small stored, large trained here", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right", "left"]].set_visible(False)
        self.seeds = {}
        for arm in self.arms:
            colour, _, marker, _ = LOOKS[arm]
            (self.seeds[arm],) = ax.plot([], [], marker, color=colour, ms=5, zorder=4)
            self._coloured[arm].append(self.seeds[arm])
        self.own_row = self._markers(ax, zorder=3)
        self.row_words = Labels(ax)
        self.live(*self.seeds.values(), *self.own_row.values(), self.row_words)

    def _build_course(self, ax: Axes) -> None:
        ax.set(yscale="log", xlim=(0, 1), ylim=(1, 100))
        ax.set_yticks([1, 10, 100], ["1", "10", "100"])
        ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 % of its passes"])
        ax.get_xticklabels()[-1].set_ha("right")
        ax.minorticks_off()
        ax.set_ylabel("error, %", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
        (self.progress,) = ax.plot([], [], color=plots.INK[0], lw=1.8, marker=".", ms=5)
        self.course_words = Labels(ax)
        self.live(self.progress, self.course_words)

    def draw(self, data: Scene) -> None:
        if self.dark != self._painted:
            self._painted = self.dark
            for arm, artists in self._coloured.items():
                for artist in artists:
                    colour = LOOKS[arm][self.dark]
                    own = artist in (self.own[arm], self.own_row[arm])
                    if not own:
                        artist.set_color(colour)
                    if isinstance(artist, Line2D):
                        artist.set_markerfacecolor(colour)
                        artist.set_markeredgecolor(self.ink if own else colour)
        self._draw_chart(data)
        self._draw_row(data)
        self._draw_course(data)

    def _draw_chart(self, data: Scene) -> None:
        level = data.here["pretrained"].mean
        highest = max(point.mean for point in data.here.values())
        self.here.set_data([data.labels] * 2, [level, highest])
        self.caret.set_data([data.labels], [ERRORS[0] * 1.03])
        crossings = [n for n in data.needed.values() if n is not None]
        self.level.set_data([data.labels, max(crossings, default=67_000)], [level] * 2)
        self.crossings.set_data(crossings, [level] * len(crossings))
        for arm, line in self.own.items():
            mine = [r for r in data.reruns if r.arm == arm]
            line.set_data([r.labels for r in mine], [r.error for r in mine])
        plain, bold = Style(self.ink, anchor=0, size=9), Style(self.ink, anchor=0, weight="bold")
        lines = [(f"as good as pretrained with {data.labels:,} labels:", bold)]
        lines += [(f"× {NAMES[arm]}: {_with(n)}", plain) for arm, n in data.needed.items()]
        self.words.show(
            [Label(1300, 37 * 0.855**k, text, style) for k, (text, style) in enumerate(lines)]
        )

    def _draw_row(self, data: Scene) -> None:
        shown = []
        left, right = Style(self.ink, anchor=0, size=9), Style(self.ink, anchor=1, size=9)
        head = Style(self.ink, anchor=0, weight="bold", size=10)
        shown.append(Label(ERRORS[0], -0.72, f"at {data.labels:,} labels", head))
        for row, arm in enumerate(self.arms):
            point = data.here.get(arm)
            errors = point.errors if point else np.empty(0)
            self.seeds[arm].set_data(errors, [row + 0.2] * len(errors))
            mine = [r.error for r in data.reruns if (r.arm, r.labels) == (arm, data.labels)]
            self.own_row[arm].set_data(mine, [row + 0.2] * len(mine))
            shown.append(Label(ERRORS[0], row - 0.2, NAMES[arm], left))
            if point:
                shown.append(Label(ERRORS[1], row - 0.2, f"mean {_percent(point.mean)}", right))
        self.row_words.show(shown)

    def _draw_course(self, data: Scene) -> None:
        course, run = data.course, data.training
        style, head = Style(self.ink, anchor=0, size=9), Style(self.ink, anchor=0, weight="bold")
        self.progress.set_data([], [])
        net, seed = data.chosen
        if course is None or run is None:
            words = [f"to train here: {NAMES[net]}", f"{data.labels:,} labels, random start {seed}"]
        else:
            self.progress.set_data(course.shares, [100 * max(e, 0.01) for e in course.errors])
            words = [f"{NAMES[run.arm]}, {run.labels:,} labels, start {run.seed}"]
            if np.isfinite(run.error):
                words.append(f"done: {_percent(run.error)} of 1,000 test digits wrong")
            else:
                words.append(f"{100 * course.done:.0f} %: {course.doing}")
        heights = (330, 155)
        self.course_words.show(
            [
                Label(0, height, text, look)
                for height, text, look in zip(heights, words, (head, style), strict=True)
            ]
        )

    def describe(self, data: Scene) -> str:
        words = [f"With {data.labels:,} labels of MNIST, mean test errors of the stored runs:"]
        parts = []
        for arm, point in data.here.items():
            low, high = _percent(point.errors.min()), _percent(point.errors.max())
            parts.append(
                f"{NAMES[arm]} {_percent(point.mean)} ({len(point.errors)} seeds, {low} to {high})"
            )
        words[0] += " " + ", ".join(parts) + "."
        words += [
            f"The {NAMES[arm]} net is as good as that pretrained one {_with(needed)}."
            if needed
            else f"Up to 50,000 labels the {NAMES[arm]} net is never so good."
            for arm, needed in data.needed.items()
        ]
        for run in data.reruns:
            point = stored()[run.arm, run.labels]
            words.append(
                f"Trained here on 4,000 digits: {NAMES[run.arm]}, {run.labels:,} labels, random "
                f"start {run.seed}: {_percent(run.error)}, {point.place(run.error)} of the stored "
                "seeds."
            )
        if data.training and data.course and not np.isfinite(data.training.error):
            words.append(f"Now {data.course.doing}.")
        return " ".join(words)


def _blank(run: Rerun) -> Rerun:
    return replace(run, error=0)


def _percent(error: float) -> str:
    return f"{error:.2f} %" if error < 5 else f"{error:.1f} %"


def _with(needed: float | None) -> str:
    """In words: with how many labels, to two digits."""
    if needed is None:
        return "never, up to 50,000"
    digits = 10 ** max(int(np.log10(needed)) - 1, 0)
    return f"with about {round(needed / digits) * digits:,} labels"
