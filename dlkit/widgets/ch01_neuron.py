"""A threshold neuron: two weights, a bias, and which of the 16 functions it computes."""

import math
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np
from ipywidgets import FloatSlider
from matplotlib.patches import Polygon, Rectangle

from dlkit import plots
from dlkit.plots import BLUE, FIXED, INK, ORANGE
from dlkit.widgets.ch01_parts import half_plane, settle, short
from dlkit.widgets.explorer import Explorer

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
        z = (CORNERS @ w + b).round(9)  # a corner on the line gives 0, not what rounding leaves
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
        # The digits are markers as well: a text takes Matplotlib twenty times as long.
        digit = {"linestyle": "", "markersize": 9, "mew": 0.3, "zorder": 4, "gid": FIXED}
        (self.zeros,) = ax.plot([], [], marker="$0$", color="white", **digit)
        (self.ones,) = ax.plot([], [], marker="$1$", color="black", **digit)
        self.live(*self.sides, self.line, self.arrow, self.tip)
        self.live(self.silent, self.firing, self.zeros, self.ones)

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
            self.cells.append(
                (ax.text(0.68, y, "", **write, zorder=4), ax.text(0.92, y, "", **write))
            )
        centred = write | {"ha": "center"}
        self.name = ax.text(0.5, 0.16, "", **centred | {"fontsize": 15})
        self.count = ax.text(0.5, 0.04, "", **centred | {"fontsize": 11})
        self.live(*(z for z, _ in self.cells))

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
        self.zeros.set_data(*CORNERS[~unit.fires].T)
        self.ones.set_data(*CORNERS[unit.fires].T)
        for z, (cell, _) in zip(unit.z, self.cells, strict=True):
            cell.set_text(short(z))
        if (unit.number, unit.found) != self._lit:
            self._light(unit)

    def _light(self, unit):
        """Show another function. This is not live: most steps of a drag leave it as it is."""
        self._lit = unit.number, unit.found
        for fires, (_, cell) in zip(unit.fires, self.cells, strict=True):
            cell.set_text(str(int(fires)))
        self.name.set_text(FUNCTIONS[unit.number])
        self.count.set_text(f"found: {len(unit.found)} of 16")
        for number, squares in enumerate(self.squares):
            found = number in unit.found
            for place, square in enumerate(squares):
                fires = number >> (3 - place) & 1
                # The lighter colour is 1 in both: a print in grey must not turn a tile round.
                square.set_facecolor(
                    (ORANGE if fires else BLUE) if found else ("#c8c8c8" if fires else "#8a8a8a")
                )
            now, frame = number == unit.number, self.frames[number]
            frame.set(visible=found, lw=3 if now else 1, ec=plots.VERMILION if now else self.ink)

    def describe(self, unit):
        said = ", ".join(
            f"{x1}{x2}: z = {short(z)}, {'fires' if fires else 'silent'}"
            for (x1, x2), z, fires in zip(CORNERS, unit.z, unit.fires, strict=True)
        )
        text = (
            f"z = {short(unit.w[0])} x1 {_signed(unit.w[1])} x2 {_signed(unit.b)}. "
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

        The arrow stands where its tip is inside the picture and covers no corner.
        """
        ends = plots.line_segment(unit.w, unit.b, self.window, self.window)
        if ends is None:
            middle = np.array([0.5, 0.5])
            length = unit.w @ unit.w
            return (
                middle - (unit.w @ middle + unit.b) / length * unit.w if length else middle
            ), None
        direction = 0.35 * unit.w / np.linalg.norm(unit.w)
        if self._pivot is not None:
            return self._pivot, self._pivot + direction
        feet = ends[0] + np.array([[0.28], [0.5], [0.72]]) * (ends[1] - ends[0])
        low, high = self.window
        room = np.minimum(feet + direction - low, high - feet - direction).min(axis=1)
        free = np.linalg.norm((feet + direction)[:, None] - CORNERS, axis=2).min(axis=1)
        foot = feet[np.minimum(room, free - 0.1).argmax()]
        return foot, foot + direction

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


def _signed(value: float) -> str:
    """A number with its sign, to be added to what stands before it."""
    return f"+ {short(value)}" if value >= 0 else f"− {short(-value)}"
