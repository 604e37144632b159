"""A Matplotlib figure in two layers: a still one that is kept, a live one drawn for every frame.

Drawing axes, ticks and labels takes Matplotlib about 20 ms, drawing an image and a few curves
about 3 ms. So the still layer is drawn once and kept as pixels (blitting).

Matplotlib itself says when the still layer is out of date: an artist that changes marks its
figure as stale, unless the artist is animated. Live artists are animated, so
`figure.stale` means exactly "something changed that is not live": limits, a title, the theme,
the size. Forgetting to register an artist as live therefore costs time, never correctness.
"""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage


class Layers:
    """Pixels of `figure`; artists registered with `live` are drawn anew for each frame."""

    def __init__(self, figure: Figure):
        self.figure = figure
        self.canvas = FigureCanvasAgg(figure)
        self._live: list[Artist] = []
        self._moving: list[Artist] = []  # the live artists and whatever lies in front of them
        self._still = None

    def live(self, *artists: Artist) -> None:
        """Register artists that change between frames."""
        for artist in artists:
            if not isinstance(artist, Artist):
                raise ValueError(f"live artists must be Matplotlib artists, not {artist!r}")
            if artist not in self._live:
                self._live.append(artist)
        self.redraw()

    def redraw(self) -> None:
        """Draw the still layer anew at the next frame."""
        self._still = None

    def pixels(self) -> np.ndarray:
        """Return the figure as it is now: (height, width, 4) uint8, valid until the next call."""
        if self._still is None or self.figure.stale:
            self._draw_still()
        else:
            self.canvas.restore_region(self._still)
        renderer = self.canvas.get_renderer()
        for artist in self._moving:
            artist.draw(renderer)
        self.figure.stale = False  # a legend in front marks itself as changed when it is drawn
        return np.asarray(self.canvas.buffer_rgba())

    def _draw_still(self) -> None:
        for artist in self._moving:
            artist.set_animated(False)
        self._live = [artist for artist in self._live if artist.get_figure() is not None]
        self._moving = self._in_front()
        # Matplotlib draws animated images with the still layer; hide them while it does.
        images = [a for a in self._moving if isinstance(a, AxesImage) and a.get_visible()]
        for artist in self._moving:
            artist.set_animated(True)
        for image in images:
            image.set_visible(False)
        self.canvas.draw()
        for image in images:
            image.set_visible(True)
        self._still = self.canvas.copy_from_bbox(self.figure.bbox)

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
