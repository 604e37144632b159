"""A Matplotlib figure in layers: still ones that are kept, and what is drawn for every frame.

Drawing axes, ticks and labels takes Matplotlib about 20 ms, drawing an image and a few curves
about 3 ms. So what is still is drawn once and kept as pixels: as the ground below the live artists
(blitting), and as films upon them, for a frame, a legend or points that lie in front of a picture.
The ground is a film of each Axes, so that a new limit draws one of them anew and not all.

Matplotlib itself says when the still layers are out of date: an artist that changes marks its
Axes and its figure as stale, unless the artist is animated. Live artists are animated, so `stale`
means exactly "something changed that is not live": limits, a title, the theme, the size.
Forgetting to register an artist as live therefore costs time, never correctness.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
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
        self._sheets: dict[Axes, Sheet] = {}

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
        self._sheets = {}

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
        for part in (self.figure, *self.figure.axes):
            part.stale = False  # a legend marks itself as changed when it is drawn
        return pixels

    def _draw_still(self) -> None:
        """The page is the ground, and upon it all that is still: sheets, and the figure's texts."""
        self._live = [artist for artist in self._live if artist.get_figure() is not None]
        parts = [part for part in self.figure.get_children() if part is not self.figure.patch]
        stale = {part for part in parts if part.stale}
        for part in parts:
            part.set_animated(True)  # Matplotlib leaves animated artists out
        self.canvas.draw()  # this lays the figure out, too, and marks all Axes as stale
        for part in parts:
            part.set_animated(part in self._live)
        renderer, pixels = self.canvas.get_renderer(), np.asarray(self.canvas.buffer_rgba())
        kept, self._sheets, self._upper = self._sheets, {}, []
        for part in sorted(parts, key=Artist.get_zorder):
            if isinstance(part, Axes):
                place, sheet = (pixels.shape, part.bbox.bounds), kept.get(part)
                if sheet is None or part in stale or sheet.place != place:
                    sheet = self._draw_sheet(part, place)
                sheet.below.lay_upon(pixels)
                self._sheets[part] = sheet
                self._upper += sheet.upper
            elif part in self._live:
                self._upper.append(part)
            else:
                part.draw(renderer)
        self._ground = self.canvas.copy_from_bbox(self.figure.bbox)

    def _draw_sheet(self, axes: Axes, place: tuple) -> "Sheet":
        upper = self._in_front(axes)
        # What is animated is left out here, too, except for images.
        images = [a for a in upper if isinstance(a, AxesImage) and a.get_visible()]
        for artist in upper:
            artist.set_animated(True)
        for image in images:
            image.set_visible(False)
        below = self._film([axes])
        for image in images:
            image.set_visible(True)
        for artist in upper:
            artist.set_animated(artist in self._live)
        layers: list[Artist | Film] = []
        for live, group in groupby(upper, key=self._live.__contains__):
            artists = list(group)
            layers += artists if live else [self._film(artists)]
        return Sheet(place, below, layers)

    def _in_front(self, axes: Axes) -> list[Artist]:
        """The live artists and those in front of them (points, frames, legends), back to front."""
        parts = axes.get_children()
        ranks = {artist: (artist.zorder, place) for place, artist in enumerate(parts)}
        live = [artist for artist in parts if artist in self._live]
        if not live:
            return []
        lowest = min(ranks[artist] for artist in live)
        legend = [axes.get_legend()] if axes.get_legend() else []
        frame = axes.spines.values() if axes.axison and axes.get_frame_on() else []
        inside = {*axes.lines, *axes.collections, *axes.patches, *axes.texts, *axes.images}
        front = {a for a in {*inside, *frame, *legend} if ranks[a] > lowest}
        return sorted({*live, *front}, key=ranks.__getitem__)

    def _film(self, artists: Iterable[Artist]) -> "Film":
        width, height = self.canvas.get_width_height(physical=True)
        renderer = RendererAgg(width, height, self.figure.dpi)
        for artist in artists:
            artist.draw(renderer)
        return Film(np.asarray(renderer.buffer_rgba()))


@dataclass(frozen=True)
class Sheet:
    """An Axes, drawn: what is still below its live artists, and those with what lies upon them.

    place: the picture's size and where the Axes was in it.
    """

    place: tuple
    below: "Film"
    upper: "list[Artist | Film]"


class Film:
    """A transparent layer: where it has ink, and how much of each pixel that ink covers.

    `pixels` is (height, width, 4) uint8 with the alpha not multiplied in.
    """

    def __init__(self, pixels: np.ndarray):
        pixels = pixels.reshape(-1, 4)
        inked = np.flatnonzero(pixels[:, 3])
        whole = pixels[inked, 3] == 255
        self._whole, self._part = inked[whole], inked[~whole]
        self._opaque = as_numbers(pixels)[self._whole]
        ink, cover = pixels[self._part], pixels[self._part, 3:].astype(np.uint16)
        ink[:, 3] = 255  # what lies below is opaque and stays so
        self._rest = np.repeat(255 - cover, 4, axis=1)
        self._ink = ink * cover + 127  # rounds what is divided by 255 later

    def lay_upon(self, pixels: np.ndarray) -> None:
        """Change opaque pixels of the same size in place."""
        below = as_numbers(pixels).reshape(-1)
        below[self._whole] = self._opaque
        under = below.take(self._part).view(np.uint8).reshape(-1, 4)
        mixed = (self._ink + self._rest * under) // 255
        below[self._part] = as_numbers(mixed.astype(np.uint8))


def as_numbers(pixels: np.ndarray) -> np.ndarray:
    """The same memory, (..., 4) uint8, as one number a pixel: four bytes move as one."""
    return pixels.view(np.uint32)[..., 0]
