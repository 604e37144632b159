"""Explorers of chapter 01: a threshold neuron, Rosenblatt's rule, your digit against mine."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import ClassVar

import numpy as np
from ipywidgets import Dropdown, FloatSlider, HBox, IntSlider, Layout
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle
from matplotlib.ticker import MaxNLocator

from dlkit import data, plots
from dlkit.models.perceptron import Perceptron
from dlkit.plots import BLUE, FIXED, INK, ORANGE
from dlkit.separation import margin, mistake_bound, separable, widest_separation
from dlkit.widgets.drawing_pad import DrawingPad
from dlkit.widgets.explorer import Explorer
from dlkit.widgets.training import Finished, TrainingExplorer

CORNERS = np.array(list(product([0, 1], repeat=2)))  # 00, 01, 10, 11

FUNCTIONS = (  # by their answers to 00, 01, 10, 11, read as a number in base two
    "never",
    "AND",
    "x1, not x2",
    "x1",
    "x2, not x1",
    "x2",
    "XOR",
    "OR",
    "NOR",
    "same",
    "NOT x2",
    "x1 or not x2",
    "NOT x1",
    "x2 or not x1",
    "NAND",
    "always",
)
NO_LINE = "Both weights are 0, so there is no line: change a weight."


# --- The threshold neuron ----------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """What a threshold unit answers to the four inputs of two bits."""

    w: np.ndarray  # (2,)
    b: float
    z: np.ndarray  # (4,) for 00, 01, 10, 11
    fires: np.ndarray  # (4,) booleans
    number: int  # of the function in FUNCTIONS
    found: frozenset[int]  # functions seen so far, this one included


class ThresholdNeuron(Explorer):
    """Two weights, a bias, and which of the 16 functions of two bits the unit computes.

    The line is dragged by its arrow's tip (turned) or anywhere else (moved). Functions that the
    unit has computed stay lit.
    """

    title = "A threshold neuron: find all the functions it can compute"
    size = (9.6, 4.3)
    key_help: ClassVar[dict[str, str]] = {
        "ArrowLeft": "turn the line left",
        "ArrowRight": "turn it right",
        "ArrowUp": "move it along its arrow",
        "ArrowDown": "move it back",
    }
    window = (-0.75, 1.75)  # of both inputs

    def __init__(self, **start):
        self._pivot: np.ndarray | None = None  # what the line turns round while it is turned
        self._lit: tuple | None = None
        super().__init__(**start)
        self._state["found"] = self.data.found

    def controls(self):
        def slider(name, value):
            return FloatSlider(
                value=value, min=-3, max=3, step=0.05, description=name, readout_format=".2f"
            )

        return {
            "w1": slider("weight 1", 1.0),
            "w2": slider("weight 2", 0.5),
            "b": slider("bias", 0.25),
        }

    def state(self):
        return {"found": frozenset()}

    @staticmethod
    def compute(w1, w2, b, found=frozenset()):
        w = np.array([w1, w2])
        z = CORNERS @ w + b
        fires = z > 0
        number = int(fires @ [8, 4, 2, 1])
        return Unit(w, b, z, fires, number, found | {number})

    def refresh(self):
        super().refresh()
        self._state["found"] = self.data.found

    # The picture

    def build(self, figure):
        plane, table, tiles = figure.subplots(1, 3, width_ratios=[1.25, 0.8, 1.35])
        self._build_plane(plane)
        self._build_table(table)
        self._build_tiles(tiles)
        settle(figure)

    def _build_plane(self, ax):
        self.plane = ax
        ax.set(xlim=self.window, ylim=self.window, aspect="equal", xticks=(0, 1), yticks=(0, 1))
        ax.set_xlabel("$x_1$", fontsize=12)
        ax.set_ylabel("$x_2$", fontsize=12)
        self.sides = [
            ax.add_patch(Polygon(np.zeros((3, 2)), color=colour, alpha=0.25, lw=0, zorder=0))
            for colour in (BLUE, ORANGE)
        ]
        (self.line,) = ax.plot([], [], color=INK[0], linewidth=2, zorder=2)
        (self.arrow,) = ax.plot([], [], color=INK[0], linewidth=2, zorder=2)
        (self.tip,) = ax.plot(
            [], [], "D", color=plots.VERMILION, markersize=10, markeredgecolor="white", zorder=5
        )
        style = {"linestyle": "", "markersize": 21, "zorder": 3}
        (self.silent,) = ax.plot([], [], "o", color=BLUE, **style)
        (self.firing,) = ax.plot([], [], "s", color=ORANGE, **style)
        centre = {"ha": "center", "va": "center", "zorder": 4, "gid": FIXED, "fontweight": "bold"}
        self.answers = [ax.text(*corner, "", fontsize=13, **centre) for corner in CORNERS]
        self.live(*self.sides, self.line, self.arrow, self.tip)
        self.live(self.silent, self.firing, *self.answers)

    def _build_table(self, ax):
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        write = {"color": INK[0], "ha": "right", "va": "center", "fontsize": 12}
        for place, heading in ((0.12, "$x_1$"), (0.3, "$x_2$"), (0.68, "$z$"), (0.92, "$a$")):
            ax.text(place, 0.8, heading, **write)
        ax.plot([0, 1], [0.745, 0.745], color=INK[0], linewidth=0.8)
        self.cells = []
        for row, (x1, x2) in enumerate(CORNERS):
            y = 0.68 - 0.11 * row
            ax.text(0.12, y, str(x1), **write)
            ax.text(0.3, y, str(x2), **write)
            self.cells.append(tuple(ax.text(x, y, "", **write, zorder=4) for x in (0.68, 0.92)))
        centred = write | {"ha": "center", "zorder": 4}
        self.name = ax.text(0.5, 0.16, "", **centred | {"fontsize": 15})
        self.count = ax.text(0.5, 0.04, "", **centred | {"fontsize": 11})
        self.live(*(text for row in self.cells for text in row), self.name, self.count)

    def _build_tiles(self, ax):
        ax.set_axis_off()
        ax.set(xlim=(-0.1, 4.1), ylim=(4.05, -0.15))
        self.squares, self.titles, self.frames = [], [], []
        for number, name in enumerate(FUNCTIONS):
            left, top = number % 4, number // 4
            squares = []
            for x1, x2 in CORNERS:  # as in the plane: x1 to the right, x2 upwards
                place = (left + 0.18 + 0.32 * x1, top + 0.32 * (1 - x2))
                squares.append(ax.add_patch(Rectangle(place, 0.32, 0.32, lw=0.8, ec="white")))
            self.squares.append(squares)
            self.frames.append(
                ax.add_patch(
                    Rectangle(
                        (left + 0.13, top - 0.05), 0.74, 0.74, fill=False, lw=3, ec=plots.VERMILION
                    )
                )
            )
            text = {"ha": "center", "va": "center", "fontsize": 8.5, "color": INK[0]}
            self.titles.append(ax.text(left + 0.5, top + 0.79, name, **text))

    def draw(self, unit):
        ends = plots.line_segment(unit.w, unit.b, self.window, self.window)
        self.line.set_data(*(([], []) if ends is None else ends.T))
        foot, tip = self._handle(unit)
        self.arrow.set_data(*(([], []) if tip is None else np.transpose([foot, tip])))
        self.tip.set_data(*(([], []) if tip is None else tip[:, None]))
        for side, sign in zip(self.sides, (-1, 1), strict=True):
            side.set_xy(half_plane(sign * unit.w, sign * unit.b, self.window))
        self.silent.set_data(*CORNERS[~unit.fires].T)
        self.firing.set_data(*CORNERS[unit.fires].T)
        for fires, z, text, (cell_z, cell_a) in zip(
            unit.fires, unit.z, self.answers, self.cells, strict=True
        ):
            text.set_text(str(int(fires)))
            text.set_color("black" if fires else "white")
            cell_z.set_text(_number(z))
            cell_a.set_text(str(int(fires)))
        self.name.set_text(FUNCTIONS[unit.number])
        self.count.set_text(f"found: {len(unit.found)} of 16")
        if (unit.number, unit.found) != self._lit:
            self._light(unit)

    def _light(self, unit):
        """Colour the tiles anew. They are no live artists: most drags leave them as they are."""
        self._lit = unit.number, unit.found
        for number, squares in enumerate(self.squares):
            found = number in unit.found
            for place, square in enumerate(squares):
                fires = number >> (3 - place) & 1
                square.set_facecolor(
                    (ORANGE if fires else BLUE) if found else ("#8a8a8a" if fires else "#c8c8c8")
                )
            self.frames[number].set_visible(number == unit.number)

    def describe(self, unit):
        said = ", ".join(
            f"{x1}{x2}: z = {_number(z)}, {'fires' if fires else 'silent'}"
            for (x1, x2), z, fires in zip(CORNERS, unit.z, unit.fires, strict=True)
        )
        text = (
            f"z = {_number(unit.w[0])} x1 + {_number(unit.w[1])} x2 + {_number(unit.b)}. "
            f"{said}. This is “{FUNCTIONS[unit.number]}”. "
        )
        missing = [name for number, name in enumerate(FUNCTIONS) if number not in unit.found]
        if len(missing) == 2:
            return text + f"14 of 16 found. Left: {' and '.join(missing)}. Is there a line?"
        if len(missing) <= 6:
            return text + f"{16 - len(missing)} of 16 found; missing: {', '.join(missing)}."
        return text + f"{len(unit.found)} of 16 found."

    # Pointer and keys

    def on_pointer(self, event):
        if event.axes is not self.plane:
            return
        place = np.array([event.x, event.y])
        if event.kind == "down":
            foot, tip = self._handle(self.data)
            self._pivot = foot if tip is not None and math.dist(place, tip) < 0.18 else None
        if event.pressed and self._pivot is not None:
            self._turn(place - self._pivot)
        elif event.pressed:
            self._pass_through(place)
        elif self._pivot is not None:
            self._pivot = None
            self.refresh()

    def on_key(self, event):
        w = self.data.w
        if not w.any():
            raise ValueError(NO_LINE)
        foot, _ = self._handle(self.data)
        if event.key in ("ArrowLeft", "ArrowRight"):
            angle = np.deg2rad(5 if event.key == "ArrowLeft" else -5)
            c, s = np.cos(angle), np.sin(angle)
            self._turn(np.array([[c, -s], [s, c]]) @ w)
        else:
            step = 0.05 if event.key == "ArrowUp" else -0.05
            self._pass_through(foot + step * w / np.linalg.norm(w))

    def _handle(self, unit):
        """Where the line carries its arrow, and the arrow's tip (None if the line is not in view).

        The arrow stands off the middle of the visible part, where it covers no corner.
        """
        ends = plots.line_segment(unit.w, unit.b, self.window, self.window)
        if ends is None:
            middle = np.array([0.5, 0.5])
            length = unit.w @ unit.w
            return (
                middle - (unit.w @ middle + unit.b) / length * unit.w if length else middle
            ), None
        foot = ends[0] + 0.28 * (ends[1] - ends[0]) if self._pivot is None else self._pivot
        return foot, foot + 0.35 * unit.w / np.linalg.norm(unit.w)

    def _turn(self, direction):
        """Point the arrow along `direction`; the line turns round the arrow's foot."""
        foot, _ = self._handle(self.data)
        if direction.any():
            w = direction / np.linalg.norm(direction) * np.linalg.norm(self.data.w)
            self._set(w, -w @ foot)

    def _pass_through(self, place):
        """Move the line, without turning it, until it passes through `place`."""
        if not self.data.w.any():
            raise ValueError(NO_LINE)
        self._set(self.data.w, -self.data.w @ place)

    def _set(self, w, b):
        w1, w2, b = (round(float(np.clip(v, -3, 3)), 2) for v in (*w, b))
        self.set(w1=w1, w2=w2, b=b)


def settle(figure):
    """Lay the axes out once and for all: doing it again whenever a tick changes takes 50 ms."""
    figure.get_layout_engine().set(h_pad=0.1)  # room for half a tick label at the top
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def half_plane(w, b, window):
    """The corners of the part of the window where w·x + b > 0; three equal points if none."""
    low, high = window
    square = [(low, low), (high, low), (high, high), (low, high)]
    kept = []
    for (px, py), (qx, qy) in zip(square, [*square[1:], square[0]], strict=True):
        p, q = w[0] * px + w[1] * py + b, w[0] * qx + w[1] * qy + b
        if p > 0:
            kept.append((px, py))
        if (p > 0) != (q > 0):
            t = p / (p - q)
            kept.append((px + t * (qx - px), py + t * (qy - py)))
    return kept or [(low, low)] * 3


def _number(value):
    """A number for the eye: a real minus, no -0."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("-", "−")


# --- Rosenblatt's rule -------------------------------------------------------------------------

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
        return super().actions() | {"No points": lambda: self.set(points=())}

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
            raise Finished(f"All points are right after {state['mistakes']} mistakes: done.")
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
        figure.legend(
            handles, names, loc="outside lower center", ncols=5, fontsize=10, frameon=False
        )
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
            ax.add_patch(FancyArrowPatch((0, 0), (1, 1), color=colour, zorder=4, **look))
            for colour in ARROWS
        ]
        self.live(*self.sides, self.old_line, self.new_line, *self.arrows)
        self.live(self.blue, self.orange, self.ring, self.cross)

    def _arrow_samples(self):
        return [Line2D([], [], color=colour, linewidth=2.2, marker=">") for colour in ARROWS]

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
        self.ceiling = ax.axhline(1, color=plots.VERMILION, linestyle="--", linewidth=1.8)
        words = {"color": INK[0], "fontsize": 11, "transform": ax.transAxes, "va": "top"}
        self.status = ax.text(0.03, 0.98, "", zorder=6, **words)
        self.live(*self.branch_lines, self.now, self.ceiling, self.status)

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
        self.arrows[0].set_visible(lesson.wrong and old[0].any())
        self.arrows[1].set_visible(lesson.wrong)
        self.arrows[2].set_visible(bool(lesson.w.any()))

    def _shrink(self, lesson):
        """The factor that keeps the arrows inside the picture."""
        longest = max(np.abs(lesson.w).max(), np.abs(lesson.before[0]).max())
        return min(1.0, 0.85 * self.limits[1] / longest) if longest else 1.0

    def _draw_count(self, lesson):
        curves = list(self.curves("mistakes").values())
        for i, line in enumerate(self.branch_lines):
            curve = curves[i] if i < len(curves) else []
            line.set_data(np.arange(len(curve) + 1)[: len(curve)] + 1, curve)
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
        self.status.set_text(self._status(lesson))

    def _status(self, lesson):
        if not lesson.separable:
            ceiling = "no line parts these points: no bound"
        elif np.isfinite(lesson.bound):
            ceiling = f"bound (R/γ)² = {lesson.bound:,.0f}"
        else:
            ceiling = "classes too close for a bound in figures"
        what = "done" if lesson.done else "mistake" if lesson.wrong else "right"
        state = f" ({what})" if lesson.last is not None else ""
        return f"{_counted(lesson)}{state}\n{ceiling}"

    def describe(self, lesson):
        blue, orange = int((lesson.y < 0).sum()), int((lesson.y > 0).sum())
        text = f"{blue} blue and {orange} orange points. "
        if lesson.last is not None:
            x, y = lesson.x[lesson.last], lesson.y[lesson.last]
            z = float(lesson.before[0] @ x + lesson.before[1])
            colour = "orange" if y > 0 else "blue"
            text += (
                f"Shown last: the {colour} point ({_number(x[0])}, {_number(x[1])}) with "
                f"z = {_number(z)}, {'a mistake' if lesson.wrong else 'right'}. "
            )
        text += (
            f"{_counted(lesson)}. "
            f"w = ({_number(lesson.w[0])}, {_number(lesson.w[1])}), b = {_number(lesson.b)}. "
        )
        if not np.isnan(lesson.margin):
            text += f"The margin of this line is {_number(lesson.margin)}. "
        if not lesson.separable:
            return text + "No line parts these points: the rule will never come to rest."
        if np.isfinite(lesson.bound):
            text += f"At most (R/γ)² = {lesson.bound:,.0f} mistakes, with γ = {lesson.gamma:.3g}. "
        return text + ("All points are right: done." if lesson.done else "")

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
                self._held = near
            else:
                label = 1 if self.values["placing"].startswith("orange") else -1
                self._held = self._place(place, -label if event.shift else label)
        elif event.pressed and self._held is not None:
            self._move(self._held, place)
        elif not event.pressed:
            self._held = None

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
BRANCHES = tuple(zip(plots.PALETTE, plots.LINE_STYLES, strict=True))[:4]
ARROWS = (plots.GREY, plots.PURPLE, INK[0])  # w before, the step, w now


def _counted(lesson) -> str:
    return (
        f"{lesson.mistakes} mistake{'s' if lesson.mistakes != 1 else ''} "
        f"in {lesson.shown} example{'s' if lesson.shown != 1 else ''}"
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


# --- Your digit against mine -------------------------------------------------------------------

BLANK = bytes(784)
KEPT = 12  # drawings at most

Kept = tuple[tuple[bytes, int], ...]  # (784 pixels 0 … 255, label -1 or +1)


@dataclass(frozen=True)
class Learned:
    """A perceptron for two digits, and what it says about a drawing."""

    digits: tuple[int, int]
    weight: np.ndarray  # (28, 28)
    bias: float
    examples: int
    mistakes: int
    converged: bool
    test_error: float  # on MNIST's test digits; NaN where nothing of MNIST was learned
    drawing: np.ndarray  # (28, 28), 0 … 1
    mine: Kept

    @property
    def said(self) -> np.ndarray:
        """What each pixel of the drawing adds to z, (28, 28)."""
        return self.weight * self.drawing

    @property
    def z(self) -> float:
        """The net input for the drawing."""
        return float(self.said.sum() + self.bias)

    @property
    def answer(self) -> int:
        return self.digits[int(self.z > 0)]


@lru_cache(maxsize=1)
def _mnist():
    return data.mnist()


@lru_cache(maxsize=32)
def _train(first: int, second: int, source: str, mine: Kept) -> tuple[Perceptron, int, float]:
    """The perceptron, the number of examples, and the error on MNIST's test digits."""
    pixels = [np.frombuffer(picture, np.uint8) / np.float32(255) for picture, _ in mine]
    x, y = np.reshape(pixels, (-1, 784)), np.array([label for _, label in mine])
    split = _mnist().only(first, second) if source != "my drawings" else None
    if split is not None:
        own = source == "both"
        x = np.concatenate([x, split.x_train]) if own and len(x) else split.x_train
        y = np.append(y, data.signs(split.y_train)) if own and len(y) else data.signs(split.y_train)
    model = Perceptron(784)
    if len(x):
        model.fit(x, y, max_epochs=100, rng=np.random.default_rng(0))
    error = np.nan
    if split is not None:
        error = float(np.mean(model.predict(split.x_test) != data.signs(split.y_test)))
    return model, len(x), error


class YourDigit(Explorer):
    """One unit that tells two digits apart: trained on MNIST, on your drawings, or on both.

    Shows its weights as a picture, and what each stroke of the present drawing says.
    """

    title = "Your digit against mine: draw, train, and read the weights"
    size = (9.4, 4.1)

    def __init__(self, **start):
        self.pad = DrawingPad(label="Draw one of the two digits")
        super().__init__(**start)
        self.pad.on_draw(lambda pad: self.set(drawing=_as_bytes(pad.pixels)))
        heading, body = self.children
        controls, picture = body.children
        controls.layout.flex = "1 1 300px"
        row = HBox([self.pad, controls], layout=Layout(flex_flow="row wrap", grid_gap="16px"))
        row.layout.max_width = f"{self.size[0] * 100:.0f}px"
        body.children = [row, picture]
        self.children = [heading, body]
        self._shown = np.random.default_rng(0)

    def controls(self):
        digits = list(range(10))
        return {
            "first": Dropdown(options=digits, value=0, description="first digit (−1)"),
            "second": Dropdown(options=digits, value=1, description="second digit (+1)"),
            "source": Dropdown(
                options=["MNIST", "my drawings", "both"], value="MNIST", description="learn from"
            ),
            "shift": IntSlider(value=0, min=-10, max=10, description="move right by"),
        }

    def state(self):
        return {"drawing": BLANK, "mine": ()}

    def actions(self):
        return {
            "Keep as first digit": lambda: self.keep(-1),
            "Keep as second digit": lambda: self.keep(1),
            "Show me an MNIST digit": self.show_digit,
            "Forget my drawings": lambda: self.set(mine=()),
        }

    @staticmethod
    def compute(first, second, source, shift, drawing, mine):
        if first == second:
            raise ValueError(f"Both digits are {first}: choose two different ones.")
        model, examples, error = _train(first, second, source, mine)
        picture = np.frombuffer(drawing, np.uint8).reshape(28, 28) / 255
        moved = np.zeros((28, 28))
        columns = slice(max(0, shift), 28 + min(0, shift))
        moved[:, columns] = picture[:, max(0, -shift) : 28 - max(0, shift)]
        return Learned(
            (first, second),
            model.weight.reshape(28, 28),
            float(model.bias[0]),
            examples,
            sum(model.mistakes_),
            model.converged_,
            error,
            moved,
            mine,
        )

    def keep(self, label: int) -> None:
        """Keep the present drawing as an example: label -1 for the first digit, +1 the second."""
        if self.pad.is_empty:
            raise ValueError("The pad is empty: draw a digit first.")
        if len(self.values["mine"]) == KEPT:
            raise ValueError(f"{KEPT} drawings are kept already: forget them to begin anew.")
        kept = (*self.values["mine"], (_as_bytes(self.pad.pixels), label))
        source = self.values["source"]
        self.set(mine=kept, source="both" if source == "MNIST" else source)

    def show_digit(self) -> None:
        """Put a test digit of MNIST on the pad: one of the two, at random."""
        values = self.values
        split = _mnist().only(values["first"], values["second"])
        self.pad.load(split.x_test[self._shown.integers(len(split.x_test))])

    def reset(self) -> None:
        self.pad.clear()
        super().reset()

    # The picture

    def build(self, figure):
        grid = figure.add_gridspec(2, 3, height_ratios=[5, 1], width_ratios=[1, 1, 1.1])
        weights, said, balance = (figure.add_subplot(grid[0, i]) for i in range(3))
        strip = figure.add_subplot(grid[1, :])
        look = {"cmap": plots.DIVERGING, "interpolation": "nearest", "animated": False}
        self.pictures = []
        self.panels = (weights, said)
        for ax in self.panels:
            ax.set(xticks=[], yticks=[])
            self.pictures.append(ax.imshow(np.zeros((28, 28)), **look))
            self.pictures[-1].set_clim(-1, 1)
        self._build_balance(balance)
        strip.set_axis_off()
        strip.set_anchor("W")
        self.caption = strip.text(0, 0.5, "", fontsize=11, va="center", color=INK[0])
        self.thumbnails = []
        for i in range(KEPT):
            place = (i, i + 0.8, 0.9, 0.1)
            picture = strip.imshow(np.zeros((28, 28)), "gray_r", vmin=0, vmax=1, extent=place)
            frame = strip.add_patch(Rectangle((i, 0.1), 0.8, 0.8, fill=False, lw=3))
            self.thumbnails.append((picture, frame))
        strip.set(xlim=(-0.1, KEPT), ylim=(1.05, -0.1))
        self._strip: Kept | None = None
        self._titled: tuple[int, int] | None = None
        self.live(*self.pictures)

    def _build_balance(self, ax):
        ax.set(xlim=(-1.05, 1.05), ylim=(-0.9, 3.7))
        ax.set_axis_off()
        starts = 2.75 - np.arange(4)
        ax.vlines(np.zeros(4), starts - 0.05, starts + 0.45, color=INK[0], linewidth=1.2, zorder=1)
        colours = (ORANGE, BLUE, plots.GREY, INK[0])
        self.bars = [
            ax.add_patch(Rectangle((0, starts[i]), 0, 0.4, color=colour, lw=0, zorder=2))
            for i, colour in enumerate(colours)
        ]
        write = {"color": INK[0], "va": "bottom", "ha": "center", "zorder": 3}
        self.words = [ax.text(0, start + 0.45, "", fontsize=10.5, **write) for start in starts]
        self.verdict = ax.text(0, -0.85, "", fontsize=15, **write)
        self.live(*self.bars, *self.words, self.verdict)

    def draw(self, learned):
        limit = float(np.abs(learned.weight).max()) or 1.0
        for picture, values in zip(self.pictures, (learned.weight, learned.said), strict=True):
            picture.set_data(values / limit)
        first, second = learned.digits
        parts = self._parts(learned)
        longest = max(map(abs, parts)) or 1.0
        names = (f"strokes for {second}", f"strokes for {first}", "bias", "z, their sum")
        for bar, word, name, part in zip(self.bars, self.words, names, parts, strict=True):
            bar.set_width(part / longest)
            word.set_text(f"{name}: {_number(part)}")
        blank = not learned.drawing.any()
        self.verdict.set_text(
            "draw a digit" if blank else f"it says {learned.answer}" if learned.examples else ""
        )
        if learned.digits != self._titled:
            self._titled = learned.digits
            self.panels[0].set_title(f"weights: blue for {first}, orange for {second}", fontsize=12)
            self.panels[1].set_title("what your strokes say", fontsize=12)
        if learned.mine != self._strip:
            self._show_mine(learned.mine)

    def _show_mine(self, mine):
        """The kept drawings, framed in the colour of their class; dashed for the first digit."""
        self._strip = mine
        for i, (picture, frame) in enumerate(self.thumbnails):
            here = i < len(mine)
            picture.set_visible(here)
            frame.set_visible(here)
            if here:
                pixels, label = mine[i]
                picture.set_data(np.frombuffer(pixels, np.uint8).reshape(28, 28) / 255)
                frame.set_edgecolor(ORANGE if label > 0 else BLUE)
                frame.set_linestyle("-" if label > 0 else "--")
        self.caption.set_text("" if mine else "no drawing of yours kept yet")

    def _parts(self, learned):
        said = learned.said
        return [said[said > 0].sum(), said[said < 0].sum(), learned.bias, learned.z]

    def describe(self, learned):
        first, second = learned.digits
        if not learned.examples:
            return "Nothing learned yet: draw a digit and keep it as an example, or choose MNIST."
        drawings = f", {len(learned.mine)} of your drawings kept" if learned.mine else ""
        end = "" if learned.converged else ", without coming to an end"
        text = (
            f"{first} (blue) or {second} (orange): learned from {learned.examples} examples with "
            f"{learned.mistakes} mistakes{end}{drawings}. "
        )
        if not np.isnan(learned.test_error):
            text += f"On MNIST's test digits {learned.test_error:.1%} of its answers are wrong. "
        if not learned.drawing.any():
            return text + "The pad is empty."
        orange, blue, bias, z = map(_number, self._parts(learned))
        return text + (
            f"Your drawing: strokes for {second} {orange}, strokes for {first} {blue}, "
            f"bias {bias}, together z = {z}: it says {learned.answer}."
        )


def _as_bytes(pixels: np.ndarray) -> bytes:
    return np.round(np.ravel(pixels) * 255).astype(np.uint8).tobytes()
