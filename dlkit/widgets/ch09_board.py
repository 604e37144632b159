"""What the explorers of chapter 09 draw alike: a board of cells with the value of each action."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.widgets.labels import Labels
from dlkit.widgets.tiles import SOFT, Tile, Tiles, paint

CELL = 48  # pixels of a cell before it is brought to its size
UP, RIGHT, DOWN, LEFT = range(4)  # the actions as they lie round a cell, clockwise
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))  # (rows down, columns right) for each of them
ARROWS = ("^", ">", "v", "<")
FAST_TIE = 1e-9  # actions this near to the best are as good


class Board:
    """A grid of cells in one Axes. Row 0 is the highest; the middle of (row, column) lies at
    (column + ½, rows − row − ½).

    `artists` change between frames.
    """

    def __init__(self, figure: Figure, left: float, low: float, wide: float, high: float):
        self.place_in = left, low, wide, high  # inches
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.shape, self.cell = (0, 0, False), 1.0  # rows, columns, quartered; inches of a square
        self.tiles = Tiles(self.axes, zorder=1)
        self.grid = self.axes.add_collection(
            LineCollection([], colors=plots.GREY, linewidths=0.5, alpha=0.7, zorder=2),
            autolim=False,
        )
        (self.path,) = self.axes.plot(
            [], [], "-", color=plots.INK[0], linewidth=1.2, alpha=0.5, zorder=3
        )
        look = {"color": plots.INK[0], "markersize": 6, "linestyle": "none", "zorder": 4}
        self.arrows = [self.axes.plot([], [], marker, **look)[0] for marker in ARROWS]
        self.labels = Labels(self.axes, zorder=5)
        (self.agent,) = self.axes.plot(
            [], [], "o", color=plots.PURPLE, mec=plots.INK[0], mew=1.5, markersize=13, zorder=6
        )
        (self.cursor,) = self.axes.plot([], [], "-", color=plots.INK[0], linewidth=2, zorder=7)
        self.artists = [self.tiles, self.path, *self.arrows, self.labels, self.agent, self.cursor]

    def resize(self, rows: int, columns: int, *, quartered: bool) -> None:
        """Make the board this large; a change draws everything anew."""
        if self.shape == (rows, columns, quartered):
            return
        self.shape = (rows, columns, quartered)
        left, low, wide, high = self.place_in
        width, height = self.axes.figure.get_size_inches()
        self.cell = min(wide / columns, high / rows)
        top, wide, high = low + high, self.cell * columns, self.cell * rows
        self.axes.set_position((left / width, (top - high) / height, wide / width, high / height))
        self.axes.set(xlim=(0, columns), ylim=(0, rows))
        lines = [((0, y), (columns, y)) for y in range(rows + 1)]
        lines += [((x, 0), (x, rows)) for x in range(columns + 1)]
        if quartered:
            for x in range(columns):
                for y in range(rows):
                    lines += [((x, y), (x + 1, y + 1)), ((x, y + 1), (x + 1, y))]
        self.grid.set_segments(lines)

    def show(
        self,
        values: np.ndarray,
        *,
        scale: float,
        blocked: np.ndarray,
        dark: bool,
        colours: np.ndarray | None = None,
    ) -> None:
        """Paint the cells by values (rows, columns, 4) of the actions, or (rows, columns) of a
        cell; `scale` gets the full colour. blocked: walls, (rows, columns)."""
        rows, columns = blocked.shape
        self.resize(rows, columns, quartered=values.ndim == 3)
        four = values if values.ndim == 3 else np.repeat(values[..., None], 4, axis=-1)
        shades = paint(four / scale, SOFT[dark] if colours is None else colours)
        shades = np.where(blocked[..., None, None], WALL[dark], shades)
        whole = np.ascontiguousarray(shades[::-1]).view(np.uint32)[..., 0]  # lowest row first
        pixels = whole[:, :, QUARTERS].transpose(0, 2, 1, 3).reshape(rows * CELL, columns * CELL)
        tile = Tile(0, 0, columns, rows, np.ascontiguousarray(pixels)[..., None].view(np.uint8))
        self.tiles.show([tile])

    def point(self, best: np.ndarray, away: float = 0.32) -> None:
        """Draw an arrow for each action of each cell that best (rows, columns, 4) holds, so far
        from the middle."""
        rows = len(best)
        for action, line in enumerate(self.arrows):
            row, column = np.nonzero(best[..., action])
            down, right = MOVES[action]
            line.set_data(column + 0.5 + away * right, rows - row - 0.5 - away * down)

    def place(self, cell: tuple[int, int]) -> tuple[float, float]:
        """The middle of a cell."""
        return cell[1] + 0.5, self.shape[0] - cell[0] - 0.5

    def ring(self, cell: tuple[int, int] | None) -> None:
        """Draw the keyboard's cursor round a cell."""
        if cell is None:
            self.cursor.set_data([], [])
            return
        x, y = self.place(cell)
        self.cursor.set_data(
            x + 0.46 * np.array([-1, 1, 1, -1, -1]), y + 0.46 * np.array([-1, -1, 1, 1, -1])
        )

    def cell_at(self, x: float, y: float) -> tuple[int, int]:
        """(row, column) of the cell at a place."""
        rows, columns = self.shape[:2]
        return min(int(rows - y), rows - 1) if y < rows else 0, min(int(x), columns - 1)


def best_actions(q: np.ndarray) -> np.ndarray:
    """Which actions of q (..., 4) are the best, True for each that is; none where all are alike."""
    highest = q.max(axis=-1, keepdims=True)
    best = q >= highest - FAST_TIE * np.maximum(np.abs(highest), 1)
    return best & ~best.all(axis=-1, keepdims=True)


def _quarters() -> np.ndarray:
    """Which action each pixel of a cell belongs to, (CELL, CELL), lowest row first."""
    along = (np.arange(CELL) + 0.5) / CELL - 0.5
    x, y = along[None, :], along[:, None]
    horizontal = np.abs(x) > np.abs(y)
    return np.where(horizontal, np.where(x > 0, RIGHT, LEFT), np.where(y > 0, UP, DOWN))


def number(value: float) -> str:
    """A value in two digits or so, with a proper minus."""
    text = f"{value:.2f}" if abs(value) < 9.995 else f"{value:.0f}"
    return (text if float(text) else "0").replace("-", "−")


QUARTERS = _quarters()
WALL = (
    np.array([70, 70, 70, 255], np.uint8),
    np.array([150, 150, 150, 255], np.uint8),
)
