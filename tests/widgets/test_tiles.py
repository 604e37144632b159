"""Small pictures, enlarged by whole pixels."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint


def test_a_tile_is_enlarged_by_whole_pixels():
    figure = Figure(figsize=(1, 1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    tiles = Tiles(axes)
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[0, 0, 0] = 255  # red, below on the left
    tiles.show([Tile(0.1, 0.1, 0.2, 0.2, pixels)])
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[::-1]
    assert np.array_equal(drawn[15, 15], (255, 0, 0, 255))
    assert np.array_equal(drawn[25, 15], (0, 0, 0, 255))
    assert np.array_equal(drawn[15, 25], (0, 0, 0, 255))


def test_tiles_are_where_agg_would_draw_them_also_beyond_the_edges(rng, monkeypatch):
    figure = Figure(figsize=(1, 1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    tiles = Tiles(figure.add_axes((0, 0, 1, 1)))
    tiles.axes.set_axis_off()
    pixels = rng.integers(0, 256, (5, 7, 4), np.uint8)
    pixels[..., 3] = 255
    corners = [(-0.1, -0.2), (0.8, 0.9), (0.3, -0.1), (-0.2, 0.7), (0.4, 0.4), (1.2, 0), (0, -0.5)]
    tiles.show([Tile(*corner, 0.3, 0.25, pixels, frame="red") for corner in corners])
    canvas.draw()
    copied = np.asarray(canvas.buffer_rgba()).copy()
    monkeypatch.setattr("dlkit.widgets.tiles.RendererAgg", type("Another", (), {}))
    canvas.draw()
    np.testing.assert_array_equal(np.asarray(canvas.buffer_rgba()), copied)
    figure.savefig(io.BytesIO(), format="pdf")


def test_paint_has_blue_below_zero_and_orange_above():
    low, middle, high, missing = paint(np.array([-1.0, 0.0, 2.0, np.nan]), SIGNED[0])
    assert tuple(low[:3]) == (0, 114, 178)
    assert middle.min() > 250
    assert tuple(high[:3]) == (230, 159, 0)
    assert missing.min() > 250
