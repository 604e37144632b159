"""Small pictures that change all the time, fast: enlarged by whole pixels and copied.

Matplotlib resamples an image for every frame; thirty of them take longer than the eye. A tile is
enlarged by repeating its pixels, which is one indexing operation of NumPy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb

from dlkit import plots
from dlkit.widgets.layers import as_numbers


@dataclass(frozen=True, eq=False)
class Tile:
    """`pixels`, (rows, columns, 4) uint8 with the lowest row first, at a place in data units.

    They are taken to be opaque.
    """

    left: float
    low: float
    width: float
    height: float
    pixels: np.ndarray
    frame: str | None = None  # the colour of a line round it
    line: float = 1.0  # width of that line in points


class Tiles(Artist):
    """All changing pictures of one Axes; `show` says which."""

    def __init__(self, axes: Axes, *, zorder: float = 3):
        super().__init__()
        self.set_zorder(zorder)
        self._tiles: list[Tile] = []
        axes.add_artist(self)

    def show(self, tiles: Iterable[Tile]) -> None:
        """Replace the tiles."""
        self._tiles = list(tiles)
        self.stale = True

    def draw(self, renderer) -> None:
        """Copy every tile to its place."""
        if not self.get_visible():
            return
        begin = np.array([(tile.left, tile.low) for tile in self._tiles]).reshape(-1, 2)
        sizes = np.array([(tile.width, tile.height) for tile in self._tiles]).reshape(-1, 2)
        corners = self.axes.transData.transform(np.concatenate([begin, begin + sizes]))
        corners = corners.round().astype(int).reshape(2, -1, 2).transpose(1, 0, 2)
        for tile, ((left, low), (right, top)) in zip(self._tiles, corners.tolist(), strict=True):
            rows = np.arange(top - low) * tile.pixels.shape[0] // max(top - low, 1)
            columns = np.arange(right - left) * tile.pixels.shape[1] // max(right - left, 1)
            pixels = as_numbers(np.ascontiguousarray(tile.pixels))[rows][:, columns]
            if tile.frame:
                edge = max(round(tile.line * renderer.dpi / 72), 1)
                ink = _ink(tile.frame)
                pixels[:edge] = pixels[-edge:] = ink
                pixels[:, :edge] = pixels[:, -edge:] = ink
            _put(renderer, left, low, pixels)
        self.stale = False


def _put(renderer, left: int, low: int, pixels: np.ndarray) -> None:
    """Put opaque pixels (rows, columns) uint32, the lowest row first, where they belong."""
    if not isinstance(renderer, RendererAgg):  # somebody saves the figure as PDF or SVG
        context = renderer.new_gc()
        renderer.draw_image(context, left, low, pixels[..., None].view(np.uint8))
        context.restore()
        return
    # Agg would mix each with what lies below it, which takes four times as long.
    page = as_numbers(np.asarray(renderer.buffer_rgba()))[::-1]
    inside = pixels[max(-low, 0) :, max(-left, 0) :]
    below = page[max(low, 0) :, max(left, 0) :][: len(inside), : inside.shape[1]]
    below[...] = inside[: len(below), : below.shape[1]]


@lru_cache(maxsize=256)
def _ink(colour: str) -> np.ndarray:
    """An opaque colour as one number."""
    return as_numbers(np.array([*(round(255 * part) for part in to_rgb(colour)), 255], np.uint8))


def palette(colormap: Colormap) -> np.ndarray:
    """256 colours, (256, 4) uint8, for `paint`."""
    return (255 * colormap(np.linspace(0, 1, 256)) + 0.5).astype(np.uint8)


def paint(values: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Numbers -1 … 1 as colours: (..., 4) uint8; what lies outside gets the end's colour."""
    places = np.nan_to_num(np.clip(127.5 * values + 128, 0, 255), copy=False, nan=128)
    return colours.view(np.uint32)[:, 0][places.astype(np.uint8)][..., None].view(np.uint8)


def _signed(page: str, strength: float) -> np.ndarray:
    """Blue is negative, orange positive, and 0 has the colour of the page."""
    paper = np.array(to_rgb(page))
    ends = [paper + strength * (np.array(to_rgb(c)) - paper) for c in (plots.BLUE, plots.ORANGE)]
    return palette(LinearSegmentedColormap.from_list("signed", [ends[0], paper, ends[1]]))


SIGNED = tuple(_signed(page, 1.0) for page in plots.PAPER)  # for a light page and a dark one
SOFT = tuple(_signed(page, 0.6) for page in plots.PAPER)  # with points upon it
