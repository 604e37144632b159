"""Texts put together from rendered letters."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dlkit.widgets.labels import Label, Labels, Style, render

INK, PAPER = "#000000", "#ffffff"


def drawn(*labels, dpi=100):
    """The pixels of a white page of 2 by 1 inches with these labels, lowest row first."""
    figure = Figure(figsize=(2, 1), dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 2), ylim=(0, 1))
    axes.set_axis_off()
    Labels(axes).show(labels)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1].copy()


def test_a_label_is_made_of_its_letters():
    style = Style("black", "white", padding=3)
    short, long = render("1", style, 100.0), render("11", style, 100.0)
    assert short.shape[0] == long.shape[0]
    assert long.shape[1] - short.shape[1] == pytest.approx(0.636 * 9 * 100 / 72, abs=1)  # DejaVu
    assert short[..., :3].min() < 60
    assert np.array_equal(render("1", style, 100.0), short)
    assert render("1", style, 200.0).shape[0] == pytest.approx(2 * short.shape[0], abs=4)


def test_labels_without_text_are_left_out():
    labels = Labels(Figure().add_axes((0, 0, 1, 1)))
    labels.show([Label(1, 1, "here", Style("black")), Label(1, 1, "", Style("black"))])
    assert labels.texts == ["here"]


@pytest.mark.parametrize("dpi", [100, 200])
def test_a_label_stands_where_it_is_put(dpi):
    for anchor, expected in ((0, (1.0, 1.6)), (0.5, (0.7, 1.3)), (1, (0.4, 1.0))):
        page = drawn(Label(1, 0.5, "0000", Style(INK, anchor=anchor)), dpi=dpi)
        rows, columns = np.nonzero(page[..., 0] < 100)
        assert columns.min() / dpi >= expected[0]
        assert columns.max() / dpi <= expected[1]
        assert (rows.min() + rows.max()) / 2 / dpi == pytest.approx(0.5, abs=0.02)


def test_a_box_has_its_colours():
    page = drawn(Label(1, 0.5, "1", Style("#ff0000", "#0000ff", padding=6)))
    blue = (page[..., 2] > 200) & (page[..., 0] < 50)
    assert blue.sum() > 100
    assert np.array_equal(drawn(), np.full_like(page, 255))


def test_letters_look_as_matplotlib_draws_them():
    figure = Figure(figsize=(2, 1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, "0", fontsize=20, ha="center", va="center_baseline")
    canvas.draw()
    theirs = np.asarray(canvas.buffer_rgba())[..., 0] < 128
    ours = drawn(Label(1, 0.5, "0", Style(INK, size=20)))[..., 0] < 128
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.1)
