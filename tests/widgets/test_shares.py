"""Bars of shares: as long as they say, in the row of their name, the chosen one hatched."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.widgets.shares import Shares

PLACE = (1.0, 0.5, 2.0, 3.0)  # left, low, width, height


@pytest.fixture
def axes():
    figure = Figure(figsize=(4, 4), dpi=100, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 4), ylim=(0, 4))
    axes.set_axis_off()
    return axes


def picture(axes):
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def ink(axes, colour):
    """Pixels of this colour, lowest row first."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.abs(picture(axes) - wanted).sum(axis=-1) < 12)[::-1]


def test_bars_are_as_long_as_their_share_in_the_row_of_their_name(axes):
    shares = Shares(axes, PLACE, "abc")
    shares.show(np.array([0.25, 0.0, 0.75]))
    found = ink(axes, plots.SKY)
    for middle, share in zip(shares.middles, (0.25, 0.0, 0.75), strict=True):
        row = found[round(100 * middle)]
        assert row.sum() == pytest.approx(200 * share, abs=3)  # 100 pixels an inch, 2 inches
        assert not share or np.flatnonzero(row)[0] == pytest.approx(100, abs=2)
    names = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert list(names) == ["a", "b", "c"]
    assert list(names.values()) == pytest.approx(list(shares.middles))
    assert names["a"] > names["b"] > names["c"]


def test_thickness_is_a_part_of_the_row(axes):
    shares = Shares(axes, PLACE, range(3), thick=0.4)
    shares.show(np.array([0.0, 1.0, 0.0]))
    assert ink(axes, plots.SKY)[:, 200].sum() == pytest.approx(40, abs=2)  # 0.4 of 100 pixels


def test_the_chosen_bar_has_another_colour_and_is_hatched(axes):
    shares = Shares(axes, PLACE, range(3))
    shares.show(np.full(3, 0.5), chosen=1)
    assert shares.chosen == 1
    row, other = (round(100 * shares.middles[i]) for i in (1, 0))
    orange, sky = ink(axes, plots.ORANGE), ink(axes, plots.SKY)
    assert orange[row].any()
    assert not sky[row].any()
    assert sky[other].any()
    assert not orange[other].any()
    area = 0.8 * 100 * 100  # 0.8 of a row's 100 pixels, half of 200
    assert 0.3 * area < orange.sum() < 0.95 * area < sky.sum() / 2 < 1.05 * area
    shares.show(np.full(3, 0.5))
    assert not ink(axes, plots.ORANGE).any()


def test_nothing_is_drawn_without_shares(axes):
    shares = Shares(axes, PLACE, range(3))
    assert not ink(axes, plots.SKY).any()
    shares.show(np.full(3, 0.5))
    shares.show(None)
    assert not ink(axes, plots.SKY).any()
