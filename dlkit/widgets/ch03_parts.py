"""What the explorers of chapter 03 draw alike: charts by layer, histograms as columns of shades."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from dlkit import plots
from dlkit.widgets.ch03_nets import BINS, SPANS
from dlkit.widgets.tiles import Tile, Tiles, paint, palette

MEASURED = {"color": plots.BLUE, "linewidth": 1.6, "markersize": 4.5, "zorder": 3}
DEPTHS = (6, 12, 20, 30)  # how far an axis of layers reaches: the first that suffices
DECADES = (3, 6, 12, 24, 48, 96, 192, 300)  # how far down and up a logarithmic axis reaches

# From the page's colour to a strong one: how many answers lie here.
SHADES = tuple(
    palette(LinearSegmentedColormap.from_list("shades", [page, plots.BLUE, full]))
    for page, full in zip(plots.PAPER, ("#003A5C", "#BFE3F7"), strict=True)
)


def place(figure: Figure, left: float, low: float, wide: float, high: float, **settings) -> Axes:
    """Axes at a place in inches, with small ticks and without the frame's top and right."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, low / height, wide / width, high / height))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    axes.set(**settings)
    return axes


class Answers:
    """Two charts, one above the other: what the units of each layer answer, and the share of them
    that is saturated. `artists` change between frames."""

    def __init__(self, figure: Figure, left: float, low: float, wide: float):
        self.answers = place(figure, left, low + 0.8, wide, 1.1)
        self.saturated = place(figure, left, low, wide, 0.55, ylim=(0, 1), yticks=[0, 1])
        self.saturated.set_yticklabels(["0", "100 %"])
        self.answers.set_title("What the units answer (stronger colour: more often)", fontsize=10)
        self.answers.tick_params(labelbottom=False)
        self.saturated.set_xlabel("hidden layer, counted from the pixels", fontsize=9)
        self.saturated.set_ylabel("saturated", fontsize=9)
        for axes in (self.answers, self.saturated):
            axes.yaxis.set_label_coords(-0.125, 0.5)
        grid(self.saturated)
        self.picture = Tiles(self.answers, zorder=1)
        (self.line,) = self.saturated.plot([], [], "o-", **MEASURED)
        self.artists = [self.picture, self.line]
        self._named = ""

    def draw(self, shares: np.ndarray, saturated: np.ndarray, activation: str, dark: bool) -> None:
        """Show histograms (depth, BINS) and shares (depth,)."""
        depth = len(shares)
        for axes in (self.answers, self.saturated):
            limit(axes, x=reach(depth))
        if self._named != activation:
            self._named = activation
            name_answers(self.answers, activation)
        self.picture.show([columns(shares, activation, dark)])
        self.line.set_data(np.arange(1, depth + 1), saturated)
        tint(self.line, dark)


def grid(axes: Axes) -> None:
    """Quiet lines behind everything."""
    axes.grid(color=plots.QUIET[0], linewidth=0.5)
    axes.set_axisbelow(True)


def powers(axes: Axes) -> None:
    """A logarithmic y-axis that is drawn fast: few ticks, without Matplotlib's formulas."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))


def power(value: float) -> str:
    """A power of ten: 1e−6, 0.01, 100."""
    exponent = round(np.log10(value))
    text = f"{10.0**exponent:g}" if -3 <= exponent <= 3 else f"1e{exponent}"
    return text.replace("-", "−")


def reach(depth: int) -> tuple[float, float]:
    """Limits of an axis of layers; they change seldom, because that draws everything anew."""
    return 0.5, next(d for d in DEPTHS if d >= depth) + 0.5


def decades(*curves: np.ndarray, top: int = 0) -> tuple[float, float]:
    """Limits of a logarithmic axis for these numbers, which change seldom too.

    top: the power of ten that the axis reaches if the numbers do not go beyond it.
    """
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 1e-3, 10.0**top
    low, high = np.log10([values.min(), values.max()])
    lowest = -next((d for d in DECADES if d >= -low), DECADES[-1])
    highest = top if high <= top else next((d for d in DECADES if d >= high), DECADES[-1])
    return 10.0**lowest, 10.0**highest


def limit(axes: Axes, *, x: tuple[float, float] | None = None, y=None) -> None:
    """Set the limits of axes, if they are others than now."""
    if x is not None and axes.get_xlim() != x:
        axes.set_xlim(x)
    if y is not None and axes.get_ylim() != y:
        axes.set_ylim(y)


def shown(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show: NaN, a gap, for 0."""
    return np.where(values > 0, values, np.nan)


def tint(line: Line2D, dark: bool) -> None:
    """Make blue lines and markers stand out from this page."""
    colour = plots.SKY if dark else plots.BLUE
    line.set(color=colour, markerfacecolor=colour, markeredgecolor=colour)


def columns(shares: np.ndarray, activation: str, dark: bool) -> Tile:
    """Histograms (depth, BINS) side by side, the darker (on a dark page: brighter) the fuller."""
    low, high = SPANS[activation]
    shade = np.sqrt(np.minimum(shares * BINS / 8, 1.0))  # full: 8 times as many as if spread evenly
    pixels = paint(2 * shade.T - 1, SHADES[dark])
    return Tile(0.5, low, len(shares), high - low, pixels)


def name_answers(axes: Axes, activation: str) -> None:
    """Limits and ticks for histograms of what this activation answers."""
    low, high = SPANS[activation]
    limit(axes, y=(low, high))
    ticks = [low, (low + high) / 2, high]
    axes.set_yticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    axes.set_ylabel("f(z) / rms" if activation == "ReLU" else "f(z)", fontsize=9)


def size(value: float) -> str:
    """A number of any size in two or three digits, with a proper minus."""
    if value == 0:
        return "0"
    digits = next((d for d, top in ((3, 1), (2, 10), (1, 100), (0, 1e4)) if abs(value) < top), None)
    if digits is None or abs(value) < 0.001:
        text = f"{value:.1e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    else:
        text = f"{value:.{digits}f}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """0.123 is 12 %; what is not quite nothing or all does not look as if it were."""
    if 0 < share < 0.005:
        return "< 1 %"
    return "> 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
