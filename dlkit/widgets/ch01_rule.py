"""Rosenblatt's rule on points that are placed and dragged, example by example."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from ipywidgets import Dropdown
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Polygon
from matplotlib.ticker import MaxNLocator

from dlkit import plots
from dlkit.models.perceptron import Perceptron
from dlkit.plots import BLUE, INK, ORANGE
from dlkit.separation import margin, mistake_bound, separable, widest_separation
from dlkit.widgets.ch01_parts import half_plane, settle, short
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.training import Finished, TrainingExplorer

Points = tuple[tuple[float, float, int], ...]  # x1, x2, label -1 or +1

START: Points = (
    (0.6, 1.5, 1),
    (1.1, 0.2, -1),
    (-0.2, 1.2, 1),
    (1.6, 0.9, -1),
    (1.2, 1.7, 1),
    (0.1, -0.5, -1),
    (-0.9, 0.6, 1),
    (0.7, 0.6, -1),
    (0.5, 0.9, 1),
)
MOST_POINTS = 60
GRAB = 0.15  # how near a point the pointer must be to take it
ON_IT = 0.05  # nearer than this it is on the point itself


@dataclass(frozen=True)
class Lesson:
    """Where the training stands, and what the points promise."""

    x: np.ndarray  # (N, 2)
    y: np.ndarray  # (N,) of -1 and +1
    w: np.ndarray  # (2,)
    b: float
    shown: int  # examples so far
    mistakes: int
    last: int | None  # the example shown last
    wrong: bool  # whether it was a mistake
    before: tuple[np.ndarray, float]  # w and b before it
    separable: bool
    bound: float  # (R/γ)²; infinite if no line exists
    gamma: float
    margin: float  # of the present line; NaN if there is none yet

    @property
    def done(self) -> bool:
        """Whether the line separates the points that are there."""
        return bool(len(self.x) and (self.y * (self.x @ self.w + self.b) > 0).all())


class RosenblattRule(TrainingExplorer):
    """Points of two classes, placed and dragged, and the rule learning them example by example.

    A step shows one example. After a mistake the old line, the new line and the step itself are
    drawn. Changing the points begins anew; changing the order does not, so that a fork compares.
    """

    title = "Rosenblatt's rule: place points, and watch the line learn"
    size = (9.6, 5.0)
    pace = "10 steps a second"
    restarts = ("points",)
    key_help: ClassVar[dict[str, str]] = {
        "ArrowLeft": "left",
        "ArrowRight": "right",
        "ArrowUp": "up",
        "ArrowDown": "down",
        "b": "place a blue point at the cross",
        "o": "place an orange one",
        "Enter": "take the point at the cross, or let it go",
        "Delete": "remove it",
    }
    limits = (-2.0, 2.0)

    def __init__(self, **start):
        self._held: int | None = None  # the point that is dragged
        self._pressed: np.ndarray | None = None  # where, until the pointer has moved
        self._cross: np.ndarray | None = None  # where the keys act; None until one is pressed
        super().__init__(**start)

    def controls(self):
        return {
            "placing": Dropdown(
                options=["blue points (−1)", "orange points (+1)"],
                value="orange points (+1)",
                description="a click places",
            ),
            "order": Dropdown(
                options=["one after the other", "by chance", "the worst first"],
                value="one after the other",
                description="examples come",
            ),
        }

    def state(self):
        return {"points": START}

    def actions(self):
        return super().actions() | {"Remove all points": lambda: self.set(points=())}

    # The training

    def begin(self, points, **_):
        checked(points)
        return {
            "unit": Perceptron(2),
            "rng": np.random.default_rng(0),
            "shown": 0,
            "mistakes": 0,
            "last": None,
            "wrong": False,
            "before": (np.zeros(2), 0.0),
        }

    def step(self, state, points, order, **_):
        x, y = as_arrays(points)
        if not len(x):
            raise ValueError("There is no point to learn from: click into the picture.")
        unit = state["unit"]
        scores = y * unit.decision(x)
        if (scores > 0).all():
            raise Finished("All points are right: done.")
        i = {
            "one after the other": state["shown"] % len(x),
            "by chance": int(state["rng"].integers(len(x))),
            "the worst first": int(scores.argmin()),
        }[order]
        state["before"] = unit.weight[0].copy(), float(unit.bias[0])
        state["last"], state["wrong"] = i, unit.update(x[i], y[i])
        state["shown"] += 1
        state["mistakes"] += state["wrong"]
        return {"mistakes": state["mistakes"]}

    def look(self, state, points, **_):
        x, y = as_arrays(points)
        w, b = state["unit"].weight[0], float(state["unit"].bias[0])
        return Lesson(
            x,
            y,
            w,
            b,
            state["shown"],
            state["mistakes"],
            state["last"],
            state["wrong"],
            state["before"],
            *promise(points),
            margin(w, b, x, y) if w.any() and len(x) else np.nan,
        )

    # The picture

    def build(self, figure):
        self.plane, self.count = figure.subplots(1, 2, width_ratios=[1, 0.95])
        self._build_plane(self.plane)
        self._build_count(self.count)
        handles = [self.new_line, self.old_line, *self._arrow_samples()]
        names = ["line now", "line before", "w before", "the step y x", "w now"]
        look = {"fontsize": 10, "frameon": False, "handlelength": 3.5, "columnspacing": 1.5}
        figure.legend(handles, names, loc="outside lower center", ncols=5, **look)
        self.count.set_ylim(0.8, 200_000)  # room for the longest numbers
        settle(figure)
        self.count.set_ylim(0.8, 1000)

    def _build_plane(self, ax):
        ax.set(xlim=self.limits, ylim=self.limits, aspect="equal")
        ax.set_xlabel("$x_1$", fontsize=11)
        ax.set_ylabel("$x_2$", fontsize=11)
        self.sides = [
            ax.add_patch(Polygon(np.zeros((3, 2)), color=colour, alpha=0.2, lw=0, zorder=0))
            for colour in (BLUE, ORANGE)
        ]
        (self.old_line,) = ax.plot([], [], "--", color=plots.GREY, linewidth=1.8, zorder=2)
        (self.new_line,) = ax.plot([], [], color=INK[0], linewidth=2.2, zorder=3)
        (self.ring,) = ax.plot([], [], "o", markersize=19, mew=3, mfc="none", zorder=6)
        style = {"linestyle": "", "markersize": 9, "mec": "white", "mew": 0.8, "zorder": 5}
        (self.blue,) = ax.plot([], [], "o", color=BLUE, **style)
        (self.orange,) = ax.plot([], [], "s", color=ORANGE, **style)
        (self.cross,) = ax.plot([], [], "+", color=INK[0], markersize=18, mew=1.5, zorder=7)
        look = {"arrowstyle": "-|>", "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0, "lw": 2.2}
        self.arrows = [
            ax.add_patch(FancyArrowPatch((0, 0), (1, 1), color=colour, ls=style, zorder=4, **look))
            for colour, style in ARROWS
        ]
        (self.source,) = ax.plot([], [], ":", color=plots.PURPLE, linewidth=1.8, zorder=3)
        self.scale = Labels(ax, transform=ax.transAxes, zorder=8)
        self.live(*self.sides, self.old_line, self.new_line, self.source, *self.arrows)
        self.live(self.blue, self.orange, self.ring, self.cross, self.scale)

    def _arrow_samples(self):
        return [
            Line2D([], [], color=color, ls=style, lw=2.2, marker=">") for color, style in ARROWS
        ]

    def _build_count(self, ax):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:,.0f}")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.set(xlim=(0, 20), ylim=(0.8, 1000), xlabel="examples shown")
        ax.set_ylabel("mistakes so far", fontsize=11)
        ax.spines[["top", "right"]].set_visible(False)
        self.branch_lines = [
            ax.plot([], [], color=colour, linestyle=style, linewidth=2, drawstyle="steps-post")[0]
            for colour, style in BRANCHES
        ]
        (self.now,) = ax.plot([], [], "o", color=plots.VERMILION, markersize=9, zorder=5)
        self.now.set(clip_on=False, in_layout=False)
        name = {"color": INK[0], "fontsize": 10, "va": "bottom", "clip_on": True, "zorder": 6}
        self.branch_names = [ax.text(0, 1, "", **name) for _ in BRANCHES]
        self.ceiling = ax.axhline(1, color=plots.VERMILION, linestyle="--", linewidth=1.8)
        self.status = Labels(ax, transform=ax.transAxes)
        self.live(*self.branch_lines, *self.branch_names, self.now, self.ceiling, self.status)

    def draw(self, lesson):
        self._draw_plane(lesson)
        self._draw_count(lesson)

    def _draw_plane(self, lesson):
        old, now = lesson.before, (lesson.w, lesson.b)
        for artist, (w, b), shown in (
            (self.new_line, now, True),
            (self.old_line, old, lesson.wrong),
        ):
            ends = plots.line_segment(w, b, self.limits, self.limits) if shown else None
            artist.set_data(*(([], []) if ends is None else ends.T))
        for side, sign in zip(self.sides, (-1, 1), strict=True):
            side.set_xy(half_plane(sign * lesson.w, sign * lesson.b, self.limits))
        self.blue.set_data(*lesson.x[lesson.y < 0].T)
        self.orange.set_data(*lesson.x[lesson.y > 0].T)
        here = lesson.last is not None
        self.ring.set_data(*(lesson.x[[lesson.last]].T if here else ([], [])))
        self.ring.set_markeredgecolor(plots.VERMILION if lesson.wrong else plots.GREEN)
        self.cross.set_data(*(([], []) if self._cross is None else self._cross[:, None]))
        zero = np.zeros(2)
        scale = self._shrink(lesson)
        tips = [(zero, old[0]), (old[0], lesson.w), (zero, lesson.w)]
        for arrow, (tail, tip) in zip(self.arrows, tips, strict=True):
            arrow.set_positions(scale * tail, scale * tip)
        step = lesson.w - old[0] if lesson.wrong else zero
        self.source.set_data(*np.transpose([zero, scale * step]))
        drawn = bool(lesson.w.any() or lesson.wrong)
        note = f"arrows at {scale:.2f} of their length" if drawn and scale < 1 else ""
        self.scale.show([Label(0.02, 0.045, note, Style(self.ink, size=9.5, anchor=0))])
        self.arrows[0].set_visible(lesson.wrong and old[0].any())
        self.arrows[1].set_visible(lesson.wrong)
        self.arrows[2].set_visible(bool(lesson.w.any()))

    def _shrink(self, lesson):
        """The factor that keeps the arrows inside the picture."""
        longest = max(np.abs(lesson.w).max(), np.abs(lesson.before[0]).max())
        return min(1.0, 0.85 * self.limits[1] / longest) if longest else 1.0

    def _draw_count(self, lesson):
        named = list(self.curves("mistakes").items())
        curves = [curve for _, curve in named]
        for i, (line, text) in enumerate(zip(self.branch_lines, self.branch_names, strict=True)):
            name, curve = named[i] if i < len(named) else ("", np.zeros(0))
            line.set_data(np.arange(1, len(curve) + 1), curve)
            text.set_text(name if len(curve) and len(named) > 1 else "")
            if len(curve):
                text.set_position((len(curve), curve[-1]))
        self.now.set_data([lesson.shown], [max(lesson.mistakes, 0.8)])
        bounded = np.isfinite(lesson.bound)
        self.ceiling.set_visible(bounded)
        self.ceiling.set_ydata([lesson.bound if bounded else 1] * 2)
        most = max((curve[-1] for curve in curves if len(curve)), default=1)
        top = 1.6 * max(lesson.bound if bounded else 0, 2 * most, 20)
        wide = 20 * 2 ** np.ceil(np.log2(max(lesson.shown, *map(len, curves), 20) / 20))
        if self.count.get_ylim()[1] < top or self.count.get_ylim()[1] > 4 * top:
            self.count.set_ylim(0.8, 2 * top)
        if self.count.get_xlim()[1] != wide:
            self.count.set_xlim(0, wide)
        style = Style(self.ink, size=11, anchor=0)
        self.status.show(
            Label(0.03, 0.94 - 0.08 * row, line, style)
            for row, line in enumerate(self._status(lesson))
        )

    def _status(self, lesson):
        if not len(lesson.x):
            ceiling = "no points, no bound"
        elif not lesson.separable:
            ceiling = "no line parts these points: no bound"
        elif np.isfinite(lesson.bound):
            ceiling = f"bound (R/γ)² = {lesson.bound:,.0f}"
        else:
            ceiling = "classes too close for a bound in figures"
        what = "done" if lesson.done else "mistake" if lesson.wrong else "right"
        state = f" ({what})" if lesson.last is not None else ""
        return f"{_counted(lesson)}{state}", ceiling

    def describe(self, lesson):
        blue, orange = int((lesson.y < 0).sum()), int((lesson.y > 0).sum())
        text = f"{blue} blue and {orange} orange points. "
        if lesson.last is not None:
            x, y = lesson.x[lesson.last], lesson.y[lesson.last]
            z = float(lesson.before[0] @ x + lesson.before[1])
            colour = "orange" if y > 0 else "blue"
            text += (
                f"Shown last: the {colour} point ({short(x[0])}, {short(x[1])}) with "
                f"z = {short(z)}, {'a mistake' if lesson.wrong else 'right'}. "
            )
        text += (
            f"{_counted(lesson)}. "
            f"w = ({short(lesson.w[0])}, {short(lesson.w[1])}), b = {short(lesson.b)}. "
        )
        if not np.isnan(lesson.margin):
            text += f"The margin of this line is {lesson.margin:.3g}. ".replace("-", "−")
        if not lesson.separable:
            return text + "No line parts these points: the rule will never come to rest."
        if np.isfinite(lesson.bound):
            text += f"The bound (R/γ)² is {lesson.bound:,.0f}, with γ = {lesson.gamma:.3g}. "
        return text + ("All points are right." if lesson.done else "")

    # Pointer and keys

    def on_pointer(self, event):
        if event.axes is not self.plane:
            return
        place = np.array([event.x, event.y])
        if event.kind == "down":
            self._cross = None
            near = self._nearest(place)
            if near is not None and event.control:
                self._remove(near)
            elif near is not None:
                self._held, self._pressed = near, place
            else:
                self._held = self._place(place, self._label(event))
        elif event.pressed and self._held is not None:
            self._pressed = None
            self._move(self._held, place)
        elif not event.pressed:
            if event.kind == "up" and self._pressed is not None:
                self._click_near(self._pressed, self._label(event))
            self._held = self._pressed = None

    def _label(self, event):
        label = 1 if self.values["placing"].startswith("orange") else -1
        return -label if event.shift else label

    def _click_near(self, place, label):
        """A click close to a point that did not drag it places another one beside it."""
        x, _ = as_arrays(self.values["points"])
        if np.linalg.norm(x - place, axis=1).min() > ON_IT:
            self._place(place, label)

    def on_key(self, event):
        if self._cross is None:
            self._cross = np.zeros(2)
        direction = MOVES.get(event.key)
        if direction is not None:
            step = 0.5 if event.shift else 0.1
            self._cross = np.clip(self._cross + step * np.array(direction), *self.limits).round(2)
            if self._held is not None:
                self._move(self._held, self._cross)
        elif event.key in ("b", "o"):
            self._place(self._cross, 1 if event.key == "o" else -1)
        elif event.key == "Enter":
            self._held = None if self._held is not None else self._nearest(self._cross)
        elif (near := self._nearest(self._cross)) is not None:
            self._held = None
            self._remove(near)
        self.frame.update()

    def _nearest(self, place):
        """The point at this place, or None."""
        x, _ = as_arrays(self.values["points"])
        if not len(x):
            return None
        distance = np.linalg.norm(x - place, axis=1)
        return int(distance.argmin()) if distance.min() < GRAB else None

    def _place(self, place, label):
        points = self.values["points"]
        if len(points) == MOST_POINTS:
            raise ValueError(f"There are {MOST_POINTS} points already: remove one first.")
        if any(_point(place, 0)[:2] == point[:2] for point in points):
            raise ValueError("There is a point at this place already: move on first.")
        self.set(points=(*points, _point(place, label)))
        return len(points)

    def _move(self, i, place):
        points = list(self.values["points"])
        points[i] = _point(place, points[i][2])
        self.set(points=tuple(points))

    def _remove(self, i):
        points = self.values["points"]
        self.set(points=points[:i] + points[i + 1 :])


MOVES = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, 1), "ArrowDown": (0, -1)}
BRANCHES = (  # the classes' own colours are taken
    (plots.GREEN, "-"),
    (plots.PURPLE, "--"),
    (INK[0], "-."),
    (plots.GREY, ":"),
)
ARROWS = ((plots.GREY, "--"), (plots.PURPLE, ":"), (INK[0], "-"))  # w before, the step, w now


def _counted(lesson) -> str:
    return (
        f"{lesson.mistakes:,} mistake{'s' if lesson.mistakes != 1 else ''} "
        f"in {lesson.shown:,} example{'s' if lesson.shown != 1 else ''}"
    )


def _point(place, label) -> tuple[float, float, int]:
    return (round(float(place[0]), 3), round(float(place[1]), 3), int(label))


def checked(points: Points) -> None:
    """Raise `ValueError` unless `points` are (x1, x2, -1 or +1) with finite coordinates."""
    for point in points:
        if len(point) != 3 or not np.isfinite(point).all() or point[2] not in (-1, 1):
            raise ValueError(f"points must be (x1, x2, -1 or +1), got {point!r}")


def as_arrays(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """x (N, 2) and labels (N,)."""
    table = np.array(points, dtype=float).reshape(-1, 3)
    return table[:, :2], table[:, 2].astype(int)


@lru_cache(maxsize=64)
def promise(points: Points) -> tuple[bool, float, float]:
    """Whether a line parts the points, the bound (R/γ)², and γ; without a line infinity and 0."""
    x, y = as_arrays(points)
    if not len(x):
        return True, np.inf, 0.0
    if not separable(x, y):
        return False, np.inf, 0.0
    try:
        return True, mistake_bound(x, y), widest_separation(x, y)[1]
    except ValueError:  # a line exists, but the gap is too narrow for the solver's precision
        return True, np.inf, 0.0
