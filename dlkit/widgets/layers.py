"""A Matplotlib figure in layers: still ones that are kept, and what is drawn for every frame.

Drawing axes, ticks and labels takes Matplotlib about 20 ms, drawing an image and a few curves
about 3 ms. So what is still is drawn once and kept as pixels: as the ground below the live artists
(blitting), and as films upon them, for a frame, a legend or points that lie in front of a picture.

Matplotlib itself says when the still layers are out of date: an artist that changes marks its
figure as stale, unless the artist is animated. Live artists are animated, so
`figure.stale` means exactly "something changed that is not live": limits, a title, the theme,
the size. Forgetting to register an artist as live therefore costs time, never correctness.
"""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage


class Layers:
    """Pixels of `figure`; artists registered with `live` are drawn anew for each frame."""

    def __init__(self, figure: Figure):
        self.figure = figure
        self.canvas = FigureCanvasAgg(figure)
        self._live: list[Artist] = []
        self._upper: list[Artist | Film] = []  # upon the ground, back to front
        self._ground = None

    def live(self, *artists: Artist) -> None:
        """Register artists that change between frames."""
        for artist in artists:
            if not isinstance(artist, Artist):
                raise ValueError(f"live artists must be Matplotlib artists, not {artist!r}")
            if artist not in self._live:
                self._live.append(artist)
        self.redraw()

    def redraw(self) -> None:
        """Draw the still layers anew at the next frame."""
        self._ground = None

    def pixels(self) -> np.ndarray:
        """Return the figure as it is now: (height, width, 4) uint8, valid until the next call."""
        if self._ground is None or self.figure.stale:
            self._draw_still()
        else:
            self.canvas.restore_region(self._ground)
        renderer = self.canvas.get_renderer()
        pixels = np.asarray(self.canvas.buffer_rgba())
        for layer in self._upper:
            if isinstance(layer, Film):
                layer.lay_upon(pixels)
            else:
                layer.draw(renderer)
        self.figure.stale = False  # a legend marks itself as changed when it is drawn
        return pixels

    def _draw_still(self) -> None:
        self._live = [artist for artist in self._live if artist.get_figure() is not None]
        upper = self._in_front()
        # Matplotlib leaves animated artists out of what it draws, except for images.
        images = [a for a in upper if isinstance(a, AxesImage) and a.get_visible()]
        for artist in upper:
            artist.set_animated(True)
        for image in images:
            image.set_visible(False)
        self.canvas.draw()
        for image in images:
            image.set_visible(True)
        for artist in upper:
            artist.set_animated(artist in self._live)
        self._ground = self.canvas.copy_from_bbox(self.figure.bbox)
        self._upper = []
        for live, group in groupby(upper, key=self._live.__contains__):
            artists = list(group)
            self._upper += artists if live else [self._film(artists)]

    def _film(self, artists: Iterable[Artist]) -> "Film":
        width, height = self.canvas.get_width_height(physical=True)
        renderer = RendererAgg(width, height, self.figure.dpi)
        for artist in artists:
            artist.draw(renderer)
        return Film(np.asarray(renderer.buffer_rgba()))

    def _in_front(self) -> list[Artist]:
        """The live artists and those in front of them (points, frames, legends), back to front."""
        found = []
        for axes in self.figure.axes:
            parts = axes.get_children()
            legend = [axes.get_legend()] if axes.get_legend() else []
            frame = axes.spines.values() if axes.axison and axes.get_frame_on() else []
            inside = {*axes.lines, *axes.collections, *axes.patches, *axes.texts, *axes.images}
            ranks = {artist: (artist.zorder, place) for place, artist in enumerate(parts)}
            live = [artist for artist in parts if artist in self._live]
            if live:
                lowest = min(ranks[artist] for artist in live)
                front = {a for a in {*inside, *frame, *legend} if ranks[a] > lowest}
                found += sorted({*live, *front}, key=ranks.__getitem__)
        return found + [artist for artist in self._live if artist not in found]


class Film:
    """A transparent layer: where it has ink, and how much of each pixel that ink covers.

    `pixels` is (height, width, 4) uint8 with the alpha not multiplied in.
    """

    def __init__(self, pixels: np.ndarray):
        pixels = pixels.reshape(-1, 4)
        cover = pixels[:, 3]
        self._whole, self._part = np.flatnonzero(cover == 255), np.flatnonzero(cover % 255)
        self._opaque = _as_numbers(pixels)[self._whole]
        cover = cover[self._part, None].astype(np.uint16)
        self._rest = 255 - cover
        self._ink = pixels[self._part, :3] * cover + 127  # rounds what is divided by 255 later

    def lay_upon(self, pixels: np.ndarray) -> None:
        """Change opaque pixels of the same size in place."""
        below = pixels.reshape(-1, 4)
        _as_numbers(below)[self._whole] = self._opaque
        below[self._part, :3] = (self._ink + self._rest * below[self._part, :3]) // 255


def _as_numbers(pixels: np.ndarray) -> np.ndarray:
    """The same memory as one number a pixel: four bytes move as one."""
    return pixels.view(np.uint32)[:, 0]
