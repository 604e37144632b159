"""Still figures: arrays in, Matplotlib Axes out.

Every function draws on `ax`, or on a new figure if none is given, and returns the Axes. Colour is
never the only cue: classes have markers of their own, curves have line styles and labels.
`theme(figure, dark=True)` turns any of these figures, and most others, to a dark page.

Colours: M. Okabe, K. Ito, "Color universal design", 2008, told apart by colour-blind readers too.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import LinearSegmentedColormap, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Annotation, Text
from numpy.typing import ArrayLike

from dlkit.check import check_array

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#808080"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# (light, dark): what is written and drawn, what it is written on, and grid lines.
INK, PAPER, QUIET = ("#1b1b1b", "#e8e8e8"), ("#ffffff", "#111111"), ("#d0d0d0", "#4a4a4a")

# A line is thin: its colour must stand out 3 times from either page, which ORANGE and SKY do not.
# GREY is near GREEN and PURPLE for colour-blind readers, and is left to what lies behind.
LINE_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, INK[0])
LINE_STYLES = ("-", "--", "-.", ":", (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 1)))

# White is zero. Both ends darken, so that strong weights stand out in a grey print too.
DIVERGING = LinearSegmentedColormap.from_list(
    "blue_white_orange",
    [(0, "#004A75"), (0.2, BLUE), (0.5, "#ffffff"), (0.8, ORANGE), (1, "#8F4E00")],
)
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "white_blue", ["#ffffff", "#8CBFDD", BLUE, "#003A5C"]
)
EDGE = "#f7f7f7"  # of markers, not quite white: a theme leaves it, it stands out on a dark page too

FIXED = "keeps its colour in every theme"  # the gid of artists whose colour belongs to the data


def theme(figure: Figure, dark: bool = False) -> None:
    """Repaint the figure for a dark or a light page; may be called again and again.

    What is painted in ink (black, or the ink of the other theme) gets this theme's ink, what is
    painted in paper (white) gets its paper. All other colours, and pictures, carry data and stay.
    """
    new = int(bool(dark))
    swap = {to_rgb(old): to_rgb(role[new]) for role in (INK, PAPER, QUIET) for old in role}
    swap[to_rgb("black")], swap[to_rgb("white")] = to_rgb(INK[new]), to_rgb(PAPER[new])

    def repaint(colour):
        red, green, blue, alpha = to_rgba(colour)
        return (*swap.get((red, green, blue), (red, green, blue)), alpha)

    for ax in figure.axes:  # first: ticks that appear later take their colours from here
        ax.tick_params(which="both", color=INK[new], labelcolor=INK[new], grid_color=QUIET[new])
    for artist in figure.findobj(lambda a: a.get_gid() != FIXED):
        if isinstance(artist, Text):
            artist.set_color(repaint(artist.get_color()))
            if (box := artist.get_bbox_patch()) is not None:
                _repaint_patch(box, repaint)
            if isinstance(artist, Annotation) and artist.arrow_patch is not None:
                _repaint_patch(artist.arrow_patch, repaint)
        elif isinstance(artist, Line2D):
            artist.set_color(repaint(artist.get_color()))
            artist.set_markerfacecolor(repaint(artist.get_markerfacecolor()))
            artist.set_markeredgecolor(repaint(artist.get_markeredgecolor()))
        elif isinstance(artist, Patch):
            _repaint_patch(artist, repaint)
        elif isinstance(artist, Collection):
            artist.set_edgecolor([repaint(c) for c in artist.get_edgecolor()])
            if artist.get_array() is None:  # otherwise a colormap paints it
                artist.set_facecolor([repaint(c) for c in artist.get_facecolor()])


def points(
    x: ArrayLike,
    y: ArrayLike,
    *,
    classes: Sequence[str] | None = None,
    features: Sequence[str] = ("$x_1$", "$x_2$"),
    size: float = 36,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Points x (N, 2) of classes y (N,), with a colour and a marker for each class.

    Labels are 0, 1, … or -1 and +1. `classes` and `features` name the classes and the two axes.
    """
    x = check_array("x", x, ("N", 2))
    y = check_array("y", y, (len(x),)).astype(int)
    if y.min() < 0:
        if not np.isin(y, (-1, 1)).all():
            raise ValueError(f"y must hold labels 0, 1, … or -1 and +1, got {np.unique(y)[:10]}")
        y, classes = (y + 1) // 2, classes or ("−1", "+1")
    names = list(classes or map(str, range(max(2, y.max() + 1))))
    if y.max() >= len(names):
        raise ValueError(f"classes must name {y.max() + 1} classes, got {len(names)}: {names}")
    if len(names) > len(MARKERS):
        raise ValueError(f"y must hold at most {len(MARKERS)} classes, got {len(names)}")
    ax = _axes(ax, *features, square=True)
    for label, name in enumerate(names):
        ax.scatter(
            *x[y == label].T,
            s=size,
            color=PALETTE[label],
            marker=MARKERS[label],
            edgecolors=EDGE,
            linewidths=0.8,
            label=name,
            zorder=3,
        )
    ax.margins(0.08)
    if legend:
        ax.legend(fontsize=10, framealpha=0.9)
    return ax


def decision_regions(
    decide: Callable[[np.ndarray], np.ndarray],
    *,
    boundary: float = 0.0,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    resolution: int = 160,
    ax: Axes | None = None,
) -> Axes:
    """Paint the plane with what `decide` says about each of its points.

    `decide` takes points (M, 2), and returns one number each (class 1 above `boundary`: 0 for a
    score, 0.5 for a probability) or one score per class, (M, K). One number is painted the stronger
    the farther it lies from the boundary, which is drawn as a line. NaN and infinity are grey.
    Without ranges, the limits that `ax` has: draw the points first, or give the ranges.
    """
    new = ax is None
    ax = _axes(ax, "$x_1$", "$x_2$", square=True)
    x_range = x_range or ((-1.5, 1.5) if new else ax.get_xlim())
    y_range = y_range or ((-1.5, 1.5) if new else ax.get_ylim())
    across, up = np.linspace(*x_range, resolution), np.linspace(*y_range, resolution)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    answer = np.asarray(decide(grid))
    if answer.shape[:1] != (len(grid),) or answer.ndim > 2:
        raise ValueError(
            f"decide must return ({len(grid)},) or ({len(grid)}, K) numbers, got {answer.shape}"
        )
    answer = answer.reshape(resolution, resolution, -1)
    unknown = ~np.isfinite(answer).all(axis=-1)

    def outline(values: np.ndarray, level: float, width: float) -> None:
        if values.min() < level < values.max():
            ax.contour(across, up, values, [level], colors=INK[0], linewidths=width, zorder=2)

    picture = np.empty((resolution, resolution, 4))
    if answer.shape[-1] == 1:
        score = np.where(unknown, 0.0, answer[..., 0] - boundary)
        label = (score > 0).astype(int)
        picture[..., 3] = 0.12 + 0.38 * np.abs(score) / (np.abs(score).max() or 1.0)
        outline(score, 0.0, 1.6)
    else:
        label = np.where(unknown, -1, answer.argmax(axis=-1))
        picture[..., 3] = 0.3
        for i in np.unique(label):
            outline((label == i).astype(float), 0.5, 0.8)
    picture[..., :3] = np.array([to_rgb(colour) for colour in PALETTE])[label % len(PALETTE)]
    picture[unknown] = to_rgba(GREY, 0.5)
    ax.imshow(
        picture,
        extent=(*x_range, *y_range),
        origin="lower",
        interpolation="bilinear",
        aspect=ax.get_aspect(),
        zorder=0,
    )
    ax.set(xlim=x_range, ylim=y_range)
    return ax


def line_segment(
    weight: ArrayLike,
    bias: float,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> np.ndarray | None:
    """The part of the line w·x + b = 0 inside a rectangle: its two ends (2, 2), or None.

    None: the line misses the rectangle, or the weights are 0 and there is no line.
    """
    w1, w2 = check_array("weight", weight, (2,), dtype=np.float64, finite=True)
    with np.errstate(over="ignore"):  # a tiny weight: that end lies far outside and is left out
        ends = [(x, -(w1 * x + bias) / w2) for x in x_range] if w2 else []
        ends += [(-(w2 * y + bias) / w1, y) for y in y_range] if w1 else []
    (left, right), (low, high) = sorted(x_range), sorted(y_range)
    slack = 1e-9 * max(right - left, high - low)
    inside = np.array(
        [
            (x, y)
            for x, y in ends
            if left - slack <= x <= right + slack and low - slack <= y <= high + slack
        ]
    )
    if len(inside) < 2:
        return None
    along = inside @ (-w2, w1)  # a line through a corner gives that corner twice: take the extremes
    return inside[[along.argmin(), along.argmax()]]


def line_of(
    weight: ArrayLike,
    bias: float,
    *,
    label: str = "",
    colour: str = INK[0],
    style: str = "-",
    arrow: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """The line w·x + b = 0 across the Axes as they are; an arrow points to the side of class 1.

    Draws nothing where the line misses the Axes or the weights are 0.
    """
    ax = _axes(ax, "$x_1$", "$x_2$", square=True)
    x_range, y_range = ax.get_xlim(), ax.get_ylim()
    ends = line_segment(weight, bias, x_range, y_range)
    if ends is not None:
        ax.plot(*ends.T, color=colour, linestyle=style, linewidth=2, label=label or None, zorder=2)
        if arrow:
            normal = np.asarray(weight, dtype=float)
            length = 0.08 * min(np.ptp(x_range), np.ptp(y_range))
            middle = ends.mean(axis=0)
            ax.annotate(
                "",
                xy=middle + length * normal / np.linalg.norm(normal),
                xytext=middle,
                arrowprops={"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0},
            )
        if label:
            ax.legend(fontsize=10, framealpha=0.9)
    ax.set(xlim=x_range, ylim=y_range)
    return ax


def images(
    x: ArrayLike,
    titles: Sequence[object] | None = None,
    *,
    columns: int | None = None,
    marked: ArrayLike | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A grid of grey pictures, dark ink on white: x (N, height, width), or rows (N, D) of squares.

    `titles` stand above the pictures; those `marked` (N booleans) get a thick frame. The largest
    value of all is black, the smallest white.
    """
    pictures = _pictures("x", x)
    mosaic, corners = _mosaic(pictures, columns, titled=titles is not None)
    ax = _bare_axes(ax, mosaic, pictures, title)
    ax.imshow(mosaic, cmap="gray_r", interpolation="nearest")
    _captions(ax, pictures, corners, titles, marked)
    return ax


def weights(
    weight: ArrayLike,
    titles: Sequence[object] | None = None,
    *,
    shape: tuple[int, int] | None = None,
    limit: float | None = None,
    columns: int | None = None,
    title: str = "",
    label: str = "weight",
    ax: Axes | None = None,
) -> Axes:
    """Weight vectors as pictures: blue is negative, white 0, orange positive.

    `weight` is (D,) for one unit or (N, D) for several; `shape` is (height, width), by default a
    square. All share one scale, -`limit` to `limit`, by default the largest absolute weight;
    `label` says on the colour bar what is shown, where that is no weight.
    """
    weight = np.atleast_2d(check_array("weight", weight, finite=True))
    if shape is not None:
        if weight[0].size != shape[0] * shape[1]:
            raise ValueError(f"weight must have {shape} numbers a unit, got {weight[0].size}")
        weight = weight.reshape(-1, *shape)
    pictures = _pictures("weight", weight)
    limit = limit or float(np.abs(pictures).max()) or 1.0
    mosaic, corners = _mosaic(pictures, columns, titled=titles is not None)
    ax = _bare_axes(ax, mosaic, pictures, title, beside=1.3)
    shown = ax.imshow(mosaic, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    _captions(ax, pictures, corners, titles)
    bar = ax.figure.colorbar(shown, cax=_beside(ax, 1 - corners[0][0] / len(mosaic)))
    level = {"rotation": 0, "ha": "left", "va": "center"}  # for pictures that are not high
    bar.set_label(f"{label}\nblue −\norange +", fontsize=10, **level)
    return ax


def line_look(i: int) -> dict:
    """`color` and `linestyle` of line i = 0, 1, … of a figure, for `ax.plot`.

    Every colour stands out 3 times (WCAG 2.1) from a light page and, after `theme`, from a dark
    one. The first 35 lines all look different.
    """
    return {
        "color": LINE_COLOURS[i % len(LINE_COLOURS)],
        "linestyle": LINE_STYLES[i % len(LINE_STYLES)],
    }


def curves(
    values: Mapping[str, ArrayLike],
    *,
    x: ArrayLike | None = None,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """One curve for each entry of `values`: (steps,), or (seeds, steps) for a mean and its band.

    The band reaches from the smallest to the largest seed. Each curve has a line style of its own
    and its name at its right end. `x` (steps,) is shared and counts from 1 if not given; curves may
    be of different lengths without it. `log` is for the vertical axis.
    """
    if not values:
        raise ValueError("values must hold at least one curve, got none")
    ax = _axes(ax, xlabel, ylabel)
    ends = []
    for i, (name, given) in enumerate(values.items()):
        runs = np.atleast_2d(check_array(f"values[{name!r}]", given, dtype=np.float64))
        if runs.ndim != 2:
            raise ValueError(f"values[{name!r}] must have 1 or 2 axes, got {runs.ndim}")
        count = runs.shape[1]
        steps = np.arange(1, count + 1) if x is None else check_array("x", x, (count,))
        look = line_look(i)
        middle, low, high = runs.mean(axis=0), runs.min(axis=0), runs.max(axis=0)
        ax.plot(steps, middle, linewidth=2, label=name, **look)
        if len(runs) > 1:
            ax.fill_between(steps, low, high, color=look["color"], alpha=0.2, linewidth=0)
        ends.append((name, steps[-1], middle[-1], look))
    if log:
        ax.set_yscale("log")
    ax.grid(True, color=QUIET[0], linewidth=0.6)
    ax.set_axisbelow(True)
    _label_ends(ax, ends)
    return ax


def matrix(
    values: ArrayLike,
    *,
    rows: Sequence[object] | None = None,
    columns: Sequence[object] | None = None,
    xlabel: str = "column",
    ylabel: str = "row",
    label: str = "",
    numbers: bool | None = None,
    form: str = "{:.3g}",
    diverging: bool = False,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A table of numbers (R, C) as coloured cells: a confusion matrix, a map of two settings.

    `rows` and `columns` name the cells' places; `label` says what the numbers are. `numbers` writes
    them into the cells (by default where there are at most 200), in the format `form`. `diverging`
    has white at 0, otherwise white is the smallest value. Cells of NaN or infinity are grey.
    """
    values = check_array("values", values, ("R", "C"), dtype=np.float64)
    sides = (("rows", rows), ("columns", columns))
    for (name, given), size in zip(sides, values.shape, strict=True):
        if given is not None and len(given) != size:
            raise ValueError(f"{name} must have {size} entries, got {len(given)}")
    known = np.isfinite(values)
    if limits is None:
        largest = float(np.abs(values[known]).max(initial=0)) or 1.0
        low = -largest if diverging else float(values[known].min(initial=largest))
        high = largest if diverging else float(values[known].max(initial=-largest))
        limits = (low, high) if low < high else (low - 0.5, low + 0.5)
    ax = _axes(ax, xlabel, ylabel)
    ax.set_facecolor(GREY)
    ax.spines[:].set_visible(False)
    shown = ax.imshow(
        np.where(known, values, np.nan),
        cmap=DIVERGING if diverging else SEQUENTIAL,
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto" if max(values.shape) > 3 * min(values.shape) else "equal",
    )
    for axis, (_, given), size in zip((ax.yaxis, ax.xaxis), sides, values.shape, strict=True):
        places = range(0, size, -(-size // 12))  # at most twelve labels
        axis.set_ticks(places, [str(i if given is None else given[i]) for i in places])
    if numbers or (numbers is None and values.size <= 200):
        cells = np.where(known[..., None], shown.to_rgba(values), to_rgba(GREY))
        light = wants_light_letters(cells)
        for (row, column), value in np.ndenumerate(values):
            ax.text(
                column,
                row,
                form.format(value) if known[row, column] else "",
                ha="center",
                va="center",
                fontsize=10,
                color="white" if light[row, column] else "black",
                gid=FIXED,
            )
    bar = ax.figure.colorbar(shown, cax=_beside(ax))
    bar.set_label(label, fontsize=11)
    return ax


def wants_light_letters(colours: np.ndarray) -> np.ndarray:
    """Where white letters stand out more than black ones: colours (…, 3 or 4) in 0 … 1, (…).

    By the contrast of WCAG 2.1. Whichever is taken stands out 4.58 times at least: that is where
    both do alike, at a luminance of 0.179.
    """
    parts = np.asarray(colours)[..., :3]
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722]) < 0.179


def _axes(ax: Axes | None, xlabel: str, ylabel: str, *, square: bool = False) -> Axes:
    """`ax`, or the Axes of a new figure, with labels and without the frame's top and right."""
    if ax is None:
        import matplotlib.pyplot as plt  # so that a notebook shows the figure by itself

        _, ax = plt.subplots(figsize=(5, 4.4) if square else (6.4, 4), layout="constrained")
        if square:
            ax.set_aspect("equal", adjustable="box")
    ax.set_xlabel(ax.get_xlabel() or xlabel, fontsize=11)
    ax.set_ylabel(ax.get_ylabel() or ylabel, fontsize=11)
    ax.tick_params(labelsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _bare_axes(
    ax: Axes | None, mosaic: np.ndarray, pictures: np.ndarray, title: str, beside: float = 0.4
) -> Axes:
    """`ax`, or the Axes of a new figure with about an inch for each picture; no ticks."""
    if ax is None:
        import matplotlib.pyplot as plt

        high, wide = np.array(mosaic.shape) / pictures.shape[2]  # in widths of a picture
        inch = 3.0 if len(pictures) == 1 else min(1.1, 9 / max(high, wide))
        _, ax = plt.subplots(
            figsize=(inch * wide + beside, inch * high + 0.5), layout="constrained"
        )
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=12)
    return ax


def _beside(ax: Axes, high: float = 1.0) -> Axes:
    """Room for a colour bar that is as high as the picture, or a part of it, whatever its shape."""
    return ax.inset_axes((1.02, 0, 0.03, high))


def _pictures(name: str, x: ArrayLike) -> np.ndarray:
    """(N, height, width) of rows or pictures; a row must be a square."""
    x = check_array(name, x)
    x = x[None] if x.ndim == 1 else x
    if x.ndim == 2:
        side = round(x.shape[1] ** 0.5)
        if side * side != x.shape[1]:
            raise ValueError(f"{name} must have square rows, got {x.shape[1]} numbers a row")
        x = x.reshape(-1, side, side)
    if x.ndim != 3:
        raise ValueError(f"{name} must be (N, height, width) or (N, D), got shape {x.shape}")
    return x


def _mosaic(
    pictures: np.ndarray, columns: int | None, *, titled: bool
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """One picture of all, NaN between them, and where each has its upper left corner."""
    n, height, width = pictures.shape
    across = min(n, columns or (10 if n > 20 else 5 if n > 8 else 8))
    above, beside = max(1, round((0.35 if titled else 0.1) * height)), max(1, round(0.1 * width))
    rows = -(-n // across)
    corners = [
        (above + i // across * (height + above), i % across * (width + beside)) for i in range(n)
    ]
    mosaic = np.full((rows * (height + above), across * (width + beside) - beside), np.nan)
    for picture, (top, left) in zip(pictures, corners, strict=True):
        mosaic[top : top + height, left : left + width] = picture
    return mosaic, corners


def _captions(
    ax: Axes,
    pictures: np.ndarray,
    corners: list[tuple[int, int]],
    titles: Sequence[object] | None,
    marked: ArrayLike | None = None,
) -> None:
    """A frame round each picture, thick where marked, and its title above it."""
    n, height, width = pictures.shape
    if titles is not None and len(titles) != n:
        raise ValueError(f"titles must have {n} entries, got {len(titles)}")
    marks = np.zeros(n, bool) if marked is None else check_array("marked", marked, (n,))
    for i, (top, left) in enumerate(corners):
        corner, colour = (left - 0.5, top - 0.5), VERMILION if marks[i] else QUIET[0]
        thick = 3 if marks[i] else 0.8
        frame = Rectangle(corner, width, height, fill=False, ec=colour, lw=thick, clip_on=False)
        ax.add_patch(frame)
        if titles is not None:
            ax.text(
                left + width / 2 - 0.5,
                top - 0.04 * height - 0.5,
                str(titles[i]),
                ha="center",
                va="bottom",
                color=INK[0],
                fontsize=11,
            )


def _label_ends(ax: Axes, ends: list[tuple[str, float, float, dict]]) -> None:
    """Write each curve's name to the right of its end, with a thin line from one to the other.

    Names that would overlap are pushed apart, each as little as possible.
    """
    ends = sorted((end for end in ends if np.isfinite(end[2])), key=lambda end: end[2])
    ax.autoscale_view()  # or the places below would be those before the curves were drawn
    to_points = 72 / ax.figure.dpi
    height = 13.0  # points; a line of text of size 10
    places = np.array([ax.transData.transform(end[1:3])[1] * to_points for end in ends])
    goals = places.copy()
    for _ in range(100):
        for below, above in itertools.pairwise(range(len(ends))):
            overlap = goals[below] + height - goals[above]
            if overlap > 0:
                goals[[below, above]] += (-overlap / 2, overlap / 2)
    for (name, x, y, line), shift in zip(ends, goals - places, strict=True):
        ax.annotate(
            name,
            xy=(x, y),
            xytext=(20, shift),
            textcoords="offset points",
            va="center",
            color=INK[0],
            fontsize=10,
            annotation_clip=False,
            arrowprops=line | {"arrowstyle": "-", "linewidth": 1.5, "shrinkA": 1, "shrinkB": 2},
        )


def _repaint_patch(patch: Patch, repaint: Callable) -> None:
    patch.set_edgecolor(repaint(patch.get_edgecolor()))
    patch.set_facecolor(repaint(patch.get_facecolor()))
