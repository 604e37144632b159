"""Bars that say what share each class has: two artists for all of them, so that they follow a hand.

Thirty rectangles took Matplotlib 2.8 ms, three columns of ten bars like these 1.2 ms.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from dlkit import plots


class Shares:
    """A column of bars that grow from one line, the first name's highest; `show` says how far.

    place: left, low, width and height of the column in data units of `axes`; a share of 1 is as
    long as the width. thick: of a bar, as a part of its row. `artists` change between frames.
    """

    def __init__(
        self,
        axes: Axes,
        place: tuple[float, float, float, float],
        names: Sequence[object],
        *,
        colour: str = plots.SKY,
        chosen: str = plots.ORANGE,
        thick: float = 0.8,
    ):
        self._left, low, self._wide, high = place
        row = high / len(names)
        self.middles = low + high - row * (np.arange(len(names)) + 0.5)
        self._edges = self.middles[:, None] + thick * row * np.array([-0.5, -0.5, 0.5, 0.5])
        self._others = PolyCollection([], facecolors=colour, linewidths=0, zorder=2)
        self._chosen = PolyCollection([], facecolors=chosen, linewidths=0, zorder=2, hatch="///")
        self.artists = self._others, self._chosen
        for bars in self.artists:
            axes.add_collection(bars, autolim=False)
        ink = {"color": plots.INK[0], "fontsize": 9, "ha": "right", "va": "center", "zorder": 1}
        for name, y in zip(names, self.middles, strict=True):
            axes.text(self._left - 0.08, y, str(name), **ink)
        axes.plot([self._left] * 2, [low, low + high], color=plots.INK[0], lw=1, zorder=1)
        self.show(None)

    def show(self, shares: np.ndarray | None, chosen: int = -1) -> None:
        """Draw these shares (names,), or none.

        The chosen one, unless it is -1, is hatched: it can be told without seeing colours.
        """
        self.shown, self.chosen = np.zeros(len(self.middles)), chosen
        if shares is not None:
            self.shown += shares
        ends = self._left + self._wide * np.outer(self.shown, [0, 1, 1, 0])
        corners = np.stack([ends, self._edges], axis=-1)
        is_chosen = np.arange(len(corners)) == chosen
        self._others.set_verts([*corners[~is_chosen]])
        self._chosen.set_verts([*corners[is_chosen]])
