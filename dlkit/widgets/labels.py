"""Many short texts that change all the time, fast: letters are rendered once and kept as pixels.

Matplotlib takes about a millisecond to lay out and render one text in a box, for every frame anew:
a picture with forty numbers would lag behind the hand. Here each letter is rendered once, and a
text is put together from the letters. That skips kerning, which numbers do not miss.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform, Transform


@dataclass(frozen=True)
class Style:
    """How a label looks: ink on paper (None: no box). Lengths are in points."""

    ink: str
    paper: str | None = None
    edge: str | None = None
    size: float = 9
    weight: str = "normal"
    family: str = "sans-serif"
    anchor: float = 0.5  # 0: the label begins at x, 0.5: its middle is there, 1: it ends there
    padding: float = 2.0  # between text and box
    line: float = 1.0  # width of the edge


@dataclass(frozen=True)
class Label:
    """`text` at (x, y) in its Labels' coordinates, centred upon y."""

    x: float
    y: float
    text: str
    style: Style


class Labels(Artist):
    """All changing texts of one Axes; `show` says which.

    `transform` takes their places to pixels: `axes.transData` if not given.
    """

    def __init__(self, axes: Axes, *, transform: Transform | None = None, zorder: float = 6):
        super().__init__()
        self.set_zorder(zorder)
        self._to_pixels = transform or axes.transData
        self._labels: list[Label] = []
        axes.add_artist(self)

    def show(self, labels: Iterable[Label]) -> None:
        """Replace the labels; those with an empty text are left out."""
        self._labels = [label for label in labels if label.text]
        self.stale = True

    @property
    def texts(self) -> list[str]:
        """What is written, label by label."""
        return [label.text for label in self._labels]

    def draw(self, renderer) -> None:
        """Copy every label's pixels to its place."""
        if not self.get_visible():
            return
        context = renderer.new_gc()
        places = [(label.x, label.y) for label in self._labels]
        places = self._to_pixels.transform(places) if places else []
        for label, (x, y) in zip(self._labels, places, strict=True):
            pixels = render(label.text, label.style, renderer.dpi)
            height, width, _ = pixels.shape
            left, low = round(x - label.style.anchor * width), round(y - height / 2)
            renderer.draw_image(context, left, low, pixels)
        context.restore()
        self.stale = False


@lru_cache(maxsize=2000)
def render(text: str, style: Style, dpi: float) -> np.ndarray:
    """The label's pixels, (height, width, 4) uint8, lowest row first as `draw_image` wants them."""
    pad = round(style.padding * dpi / 72) + 1
    letters = [
        _letter(character, style.size, style.weight, style.family, dpi) for character in text
    ]
    ends = np.cumsum([0.0, *(advance for _, advance in letters)])
    high, bleed = letters[0][0].shape[0], _bleed(style.size, dpi)
    wide = round(ends[-1]) + 2 * pad
    ink = np.zeros((high, wide + 2 * bleed), np.float32)  # how much of each pixel is covered
    for (mask, _), start in zip(letters, ends, strict=False):
        left = round(start) + pad
        place = ink[:, left : left + mask.shape[1]]
        np.maximum(place, mask, out=place)
    ink = ink[:, bleed : bleed + wide, None]
    if not (style.paper or style.edge):
        pixels = np.empty((high, wide, 4), np.uint8)
        pixels[..., :3] = 255 * np.array(to_rgb(style.ink)) + 0.5
        pixels[..., 3:] = 255 * ink
        return pixels
    rise = pad - 1
    pixels = _box(wide, high + 2 * rise, style, dpi).copy()
    middle = pixels[rise : rise + high, :, :3]
    middle[...] = ink * (255 * np.array(to_rgb(style.ink), np.float32)) + (1 - ink) * middle + 0.5
    return pixels


def _bleed(size: float, dpi: float) -> int:
    """How far, in pixels, a letter may reach out of its own width."""
    return int(np.ceil(0.3 * size * dpi / 72))


@lru_cache(maxsize=1000)
def _letter(
    character: str, size: float, weight: str, family: str, dpi: float
) -> tuple[np.ndarray, float]:
    """Which part of each pixel the letter covers, lowest row first, and its advance in pixels."""
    font = FontProperties(family=family, size=size, weight=weight)
    em, bleed = size * dpi / 72, _bleed(size, dpi)
    measure = RendererAgg(1, 1, dpi)

    def width(text: str) -> float:
        return measure.get_text_width_height_descent(text, font, False)[0]

    advance = width(f"|{character}|") - width("||")
    high = int(np.ceil(1.25 * em))
    canvas = RendererAgg(int(np.ceil(advance)) + 2 * bleed, high, dpi)
    baseline = round(high / 2 + 0.37 * em)  # from the top; digits are 0.73 em high
    canvas.draw_text(canvas.new_gc(), bleed, baseline, character, font, 0)
    covered = np.asarray(canvas.buffer_rgba())[::-1, :, 3]
    return covered.astype(np.float32) / 255, advance


@lru_cache(maxsize=500)
def _box(wide: int, high: int, style: Style, dpi: float) -> np.ndarray:
    """An empty box with round corners."""
    canvas = RendererAgg(wide, high, dpi)
    context = canvas.new_gc()
    line = style.line * dpi / 72 if style.edge else 0.0
    context.set_linewidth(line)
    context.set_foreground(to_rgba(style.edge or style.paper or "none"))
    box = _rounded(
        line / 2, wide - line / 2, line / 2, high - line / 2, 0.3 * style.size * dpi / 72
    )
    fill = to_rgba(style.paper) if style.paper else None
    canvas.draw_path(context, box, IdentityTransform(), fill)
    return np.asarray(canvas.buffer_rgba())[::-1].copy()


def _rounded(left: float, right: float, low: float, top: float, radius: float) -> Path:
    r = min(radius, (right - left) / 2, (top - low) / 2)
    vertices = [(left + r, low), (right - r, low), (right, low), (right, low + r)]
    vertices += [(right, top - r), (right, top), (right - r, top), (left + r, top)]
    vertices += [(left, top), (left, top - r), (left, low + r), (left, low), (left + r, low)]
    move, line, curve = Path.MOVETO, Path.LINETO, Path.CURVE3
    codes = [move, line, curve, curve, line, curve, curve, line, curve, curve, line, curve, curve]
    return Path(vertices, codes)
