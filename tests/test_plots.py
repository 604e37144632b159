"""Still figures show what they were given, in light and dark, and refuse what they cannot show."""

import itertools
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from dlkit import data, plots
from tests.colours import contrast, linear

MOONS = data.moons(60, rng=0)


def every_figure():
    """One Axes of each function, by name."""
    yield "points", plots.points(MOONS.x, MOONS.y)
    yield "regions", plots.decision_regions(lambda x: x[:, 0] - x[:, 1] ** 2)
    ax = plots.points(MOONS.x, data.signs(MOONS.y))
    yield "line", plots.line_of([1, 1], 0.1, label="line", ax=ax)
    yield "images", plots.images(np.eye(4)[None].repeat(3, 0), ["a", "b", "c"], title="Three")
    yield "weights", plots.weights(np.linspace(-1, 1, 32).reshape(2, 16), ["a", "b"])
    yield "curves", plots.curves({"one": np.arange(6.0).reshape(2, 3), "two": [3.0, 2, 1]})
    yield "matrix", plots.matrix([[1, 2], [np.nan, 4]], label="number")


def drawn(ax):
    """The figure's pixels, in a layout that no longer moves."""
    ax.figure.draw_without_rendering()
    ax.figure.set_layout_engine("none")
    ax.figure.canvas.draw()
    return np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(int)


# ---------------------------------------------------------------------------- what each one shows


def test_points_have_a_colour_and_a_marker_for_each_class():
    ax = plots.points(MOONS.x, MOONS.y, classes=("left", "right"), features=("width", "height"))
    zero, one = ax.collections
    np.testing.assert_allclose(zero.get_offsets(), MOONS.x[MOONS.y == 0])
    assert to_hex(zero.get_facecolor()[0]).upper() == plots.BLUE
    assert to_hex(one.get_facecolor()[0]).upper() == plots.ORANGE
    assert zero.get_paths()[0].vertices.shape != one.get_paths()[0].vertices.shape
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "right"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")


def test_points_of_signs_and_of_one_class():
    signed = plots.points(MOONS.x, data.signs(MOONS.y))
    assert [text.get_text() for text in signed.get_legend().get_texts()] == ["−1", "+1"]
    np.testing.assert_allclose(signed.collections[1].get_offsets(), MOONS.x[MOONS.y == 1])
    only_ones = plots.points([[0, 0]], [1])
    assert len(only_ones.collections[0].get_offsets()) == 0
    assert len(only_ones.collections[1].get_offsets()) == 1


def test_regions_are_painted_where_the_classes_are():
    ax = plots.decision_regions(lambda x: x[:, 0], x_range=(-1, 1), y_range=(0, 1))
    picture = ax.images[0].get_array()
    np.testing.assert_allclose(picture[0, 0, :3], to_rgb(plots.BLUE))
    np.testing.assert_allclose(picture[0, -1, :3], to_rgb(plots.ORANGE))
    assert picture[0, 0, 3] > picture[0, 70, 3]  # stronger far from the boundary
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-1, 1, 0, 1)
    (line,) = ax.collections
    np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0, atol=1e-9)


def test_regions_of_three_classes_of_probabilities_and_of_nan():
    three = plots.decision_regions(lambda x: x @ [[1, 0, -1], [0, 1, -1]])
    assert len(np.unique(three.images[0].get_array()[..., :3].reshape(-1, 3), axis=0)) == 3
    half = plots.decision_regions(lambda x: 1 / (1 + np.exp(-x[:, :1])), boundary=0.5)
    assert len(half.collections) == 1
    broken = plots.decision_regions(lambda x: np.where(x[:, 0] > 0, np.nan, x[:, 0]))
    picture = broken.images[0].get_array()
    np.testing.assert_allclose(picture[0, -1, :3], to_rgb(plots.GREY))
    np.testing.assert_allclose(picture[0, 0, :3], to_rgb(plots.BLUE))
    plots.decision_regions(lambda x: np.full(len(x), np.nan))
    plots.decision_regions(lambda x: np.zeros(len(x)))


def test_regions_keep_the_limits_of_the_points():
    ax = plots.points(MOONS.x, MOONS.y)
    limits = ax.get_xlim(), ax.get_ylim()
    plots.decision_regions(lambda x: x[:, 0], ax=ax)
    assert (ax.get_xlim(), ax.get_ylim()) == limits


@given(
    weight=st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
    bias=st.floats(-20, 20),
    x_range=st.tuples(st.floats(-5, 0), st.floats(0.5, 5)),
    y_range=st.tuples(st.floats(-5, 0), st.floats(0.5, 5)),
)
def test_line_segment_lies_on_the_line_and_ends_on_the_frame(weight, bias, x_range, y_range):
    weight = np.array(weight)
    ends = plots.line_segment(weight, bias, x_range, y_range)
    corners = np.array([(x, y) for x in x_range for y in y_range]) @ weight + bias
    crosses = corners.min() < 0 < corners.max()
    assume(abs(corners).min() > 1e-6 and np.linalg.norm(weight) > 1e-6)
    assert (ends is not None) == crosses
    if ends is not None:
        np.testing.assert_allclose(ends @ weight + bias, 0, atol=1e-6)
        for x, y in ends:
            sides = [abs(x - x_range[0]), abs(x - x_range[1]), abs(y - y_range[0])]
            assert min(*sides, abs(y - y_range[1])) < 1e-6
        assert np.ptp(ends, axis=0).max() > 0


def test_line_through_corners_and_no_line():
    diagonal = plots.line_segment([1, -1], 0, (0, 1), (0, 1))
    np.testing.assert_allclose(diagonal, [[0, 0], [1, 1]])
    assert plots.line_segment([0, 0], 1, (0, 1), (0, 1)) is None
    assert plots.line_segment([1e-320, 1e-320], 1, (0, 1), (0, 1)) is None
    ax = plots.points(MOONS.x, MOONS.y)
    assert not plots.line_of([0, 0], 0, ax=ax).lines


def test_line_is_clipped_and_its_arrow_points_to_class_1():
    ax = plots.points(MOONS.x, MOONS.y)
    limits = ax.get_xlim(), ax.get_ylim()
    plots.line_of([1, -2], 0.1, ax=ax)
    assert (ax.get_xlim(), ax.get_ylim()) == limits
    (arrow,) = ax.texts
    tail, head = np.array(arrow.xyann), np.array(arrow.xy)
    assert head @ [1, -2] + 0.1 > 0
    assert abs(tail @ [1, -2] + 0.1) < 1e-9


def test_images_stand_where_their_titles_are():
    pictures = np.stack([np.full((3, 4), value) for value in range(7)])
    ax = plots.images(
        pictures, [f"number {i}" for i in range(7)], columns=3, marked=np.arange(7) == 2
    )
    mosaic = ax.images[0].get_array()
    for i, (text, frame) in enumerate(zip(ax.texts, ax.patches, strict=True)):
        left, top = round(frame.get_x() + 0.5), round(frame.get_y() + 0.5)
        assert (mosaic[top : top + 3, left : left + 4] == i).all()
        assert text.get_text() == f"number {i}"
        assert left <= text.get_position()[0] + 0.5 <= left + 4
        assert top - 1.5 < text.get_position()[1] < top
        assert (frame.get_linewidth() > 2) == (i == 2)


def test_a_frame_at_the_edge_is_drawn_whole():
    ax = plots.images(np.zeros((2, 4, 4)), marked=[False, True])
    canvas = ax.figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255  # lowest row first, as in the box
    box = ax.patches[-1].get_window_extent()
    right, low = int(box.x1 + 1), int(box.y0 - 1)  # where the outer half of the line lies
    expected = to_rgb(plots.VERMILION)
    assert pixels[int(box.y0 + box.height / 2), right] == pytest.approx(expected, abs=0.1)
    assert pixels[low, int(box.x0 + box.width / 2)] == pytest.approx(expected, abs=0.1)


def test_images_accept_rows_one_row_and_bytes():
    assert len(plots.images(data.mnist().x_test[:12]).patches) == 12
    assert len(plots.images(np.zeros(9)).patches) == 1
    assert len(plots.images(np.zeros((2, 3, 5), np.uint8)).patches) == 2


def test_weights_share_a_scale_with_white_in_the_middle():
    ax = plots.weights([[-3, 0, 0, 1], [0, 0, 2, 0]])
    assert ax.images[0].get_clim() == (-3, 3)
    assert plots.weights(np.zeros(4)).images[0].get_clim() == (-1, 1)
    assert plots.weights(np.ones(6), shape=(2, 3), limit=2).images[0].get_clim() == (-2, 2)
    np.testing.assert_allclose(plots.DIVERGING(0.5), (1, 1, 1, 1), atol=0.01)
    blue, orange = plots.DIVERGING(0.2), plots.DIVERGING(0.8)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_curves_show_mean_and_band_and_differ_without_colour():
    runs = np.array([[4.0, 2, 1], [2, 2, 3]])
    ax = plots.curves({"one": runs, "two": [1.0, 1, 1]}, xlabel="pass", ylabel="error")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), runs.mean(axis=0))
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [1, 2, 3])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1, 4)
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert {text.get_text() for text in ax.texts} == {"one", "two"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("pass", "error")


@pytest.mark.parametrize("dark", [False, True])
def test_lines_and_their_leaders_stand_out_from_the_page(dark):
    """The second line of all figures was orange, 2.25 times on white; WCAG 2.1 asks for 3."""
    ax = plots.curves({f"curve {i}": [i, i + 1] for i in range(8)})
    plots.theme(ax.figure, dark)
    leaders = [text.arrow_patch.get_edgecolor() for text in ax.texts]
    for colour in [line.get_color() for line in ax.lines] + leaders:
        assert contrast(colour, plots.PAPER[dark]) > 3


def test_no_two_lines_look_alike():
    looks = [plots.line_look(i) for i in range(35)]
    assert len({(look["color"], look["linestyle"]) for look in looks}) == 35
    for one, other in itertools.pairwise(looks[:8]):
        assert one["color"] != other["color"]
        assert one["linestyle"] != other["linestyle"]


def lab(linear):
    """CIE L*a*b* of linear RGB, for a page lit by daylight (D65)."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    share = np.array(to_xyz) @ np.clip(linear, 0, 1) / (0.9505, 1, 1.089)
    f = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# G. M. Machado et al., "A physiologically-based model for simulation of color vision deficiency",
# 2009: what who lacks one kind of cones sees, in linear RGB.
SEEN_WITHOUT = {
    "long": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "middle": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "short": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("lacking", SEEN_WITHOUT)
def test_colour_blind_readers_tell_lines_apart(lacking, dark):
    """2.3 is the least difference that is seen at all; grey and green would be 10 apart."""
    ax = plots.curves({f"curve {i}": [i, i + 1] for i in range(len(plots.LINE_COLOURS))})
    plots.theme(ax.figure, dark)
    seen = [lab(np.array(SEEN_WITHOUT[lacking]) @ linear(line.get_color())) for line in ax.lines]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 15


@pytest.mark.parametrize("log", [False, True])
def test_labels_of_curves_do_not_overlap(log):
    ax = plots.curves({f"curve {i}": [1.0, 0.5 + i / 1e6] for i in range(6)}, log=log)
    # A label's place is given in points from its curve's end; all ends are on a line here.
    heights = [text.get_position()[1] for text in ax.texts]
    assert np.diff(heights).min() > 10


def test_curves_with_nan_and_a_single_point():
    ax = plots.curves({"diverged": [1.0, np.inf, np.nan], "short": [1.0]})
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.texts] == ["short"]


def test_matrix_writes_legible_numbers():
    values = np.arange(12.0).reshape(3, 4)
    ax = plots.matrix(values, rows="abc", columns=list("wxyz"), xlabel="guess", ylabel="truth")
    assert [text.get_text() for text in ax.texts] == [f"{v:.3g}" for v in values.ravel()]
    colours = ax.images[0].to_rgba(values).reshape(-1, 4)
    for text, cell in zip(ax.texts, colours, strict=True):
        assert contrast(text.get_color(), cell) > 4.5
    assert [t.get_text() for t in ax.get_yticklabels()] == list("abc")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("guess", "truth")


def test_matrix_of_any_values():
    assert plots.matrix([[-2, 1]], diverging=True).images[0].get_clim() == (-2, 2)
    low, high = plots.matrix([[5.0]]).images[0].get_clim()
    assert low < high
    unknown = plots.matrix([[np.nan, np.inf], [1, 2]]).images[0]
    assert unknown.get_clim() == (1, 2)
    plots.matrix([[np.nan]])
    many = plots.matrix(np.zeros((40, 40)))
    assert not many.texts
    assert len(many.get_xticks()) <= 12


# ---------------------------------------------------------------------------- all of them


def test_every_figure_is_labelled_in_legible_letters():
    for name, ax in every_figure():
        if ax.axison:
            assert ax.get_xlabel(), name
            assert ax.get_ylabel(), name
        sizes = [t.get_fontsize() for t in ax.figure.findobj(plt.Text) if t.get_text()]
        assert min(sizes, default=10) >= 9, name


@pytest.mark.parametrize("dark", [False, True])
def test_theme_makes_all_writing_legible(dark):
    paper = plots.PAPER[dark]
    for name, ax in every_figure():
        plots.theme(ax.figure, dark)
        assert to_hex(ax.figure.get_facecolor()) == paper, name
        pixels = drawn(ax)
        assert tuple(pixels[0, 0]) == tuple(round(255 * c) for c in to_rgb(paper)), name
        for text in ax.figure.findobj(plt.Text):
            if text.get_text() and text.get_gid() != plots.FIXED:
                assert contrast(text.get_color(), paper) > 7, (name, text.get_text())
        for spine in ax.spines.values():
            if spine.get_visible():
                assert contrast(spine.get_edgecolor(), paper) > 7, name


@pytest.mark.parametrize("shape", [(1, 5), (4, 10), (10, 4)])
@pytest.mark.parametrize("alone", [False, True])
def test_a_colour_bar_is_as_high_as_its_picture_and_nothing_is_cut_off(shape, alone):
    """One row of small pictures, and a subplot with room to spare, were the hard cases."""
    near = 2  # pixels; the layout is found in a few rounds
    for draw in (
        lambda ax: plots.weights(np.ones((shape[0] * shape[1], 25)), columns=shape[1], ax=ax),
        lambda ax: plots.matrix(np.eye(*shape), numbers=False, ax=ax),
    ):
        ax = draw(
            None if alone else plt.subplots(1, 2, figsize=(12, 4), layout="constrained")[1][1]
        )
        ax.figure.canvas.draw()
        [bar] = ax.child_axes
        high = ax.get_window_extent().height
        assert 0.8 * high < bar.get_window_extent().height <= high + near
        whole, paper = ax.get_tightbbox(), ax.figure.bbox
        assert paper.x0 - near <= whole.x0
        assert whole.x1 <= paper.x1 + near
        assert paper.y0 - near <= whole.y0
        assert whole.y1 <= paper.y1 + near


def test_theme_goes_and_comes_back():
    for name, ax in every_figure():
        plots.theme(ax.figure, False)
        before = drawn(ax)
        plots.theme(ax.figure, True)
        assert np.abs(drawn(ax) - before).mean() > 5, name
        plots.theme(ax.figure, True)
        plots.theme(ax.figure, False)
        assert np.abs(drawn(ax) - before).mean() < 0.1, name


def test_theme_leaves_the_colours_of_data():
    ax = plots.curves({"one": [1.0, 2]})
    plots.theme(ax.figure, True)
    assert ax.lines[0].get_color()[:3] == to_rgb(plots.BLUE)


def test_theme_repaints_what_others_drew():
    figure, ax = plt.subplots()
    ax.plot([0, 1], color="black", label="line")
    ax.set_title("Title")
    ax.annotate("here", (0, 0), (1, 1), arrowprops={"arrowstyle": "->"}, bbox={"fc": "white"})
    ax.legend()
    plots.theme(figure, True)
    ax.set_xlim(-100, 100)  # new ticks appear
    figure.canvas.draw()
    for text in figure.findobj(plt.Text):
        assert contrast(text.get_color(), plots.PAPER[1]) > 7
    assert contrast(ax.lines[0].get_color(), plots.PAPER[1]) > 7
    assert contrast(ax.get_legend().get_frame().get_facecolor(), plots.PAPER[0]) > 7


def test_figures_are_drawn_on_a_given_axes_without_pyplot():
    ax = Figure().add_subplot()
    assert plots.points(MOONS.x, MOONS.y, ax=ax) is ax
    assert plots.decision_regions(lambda x: x[:, 0], ax=ax) is ax
    assert plots.line_of([1, 0], 0, ax=ax) is ax
    for draw in (
        lambda ax: plots.images(np.ones(9), ax=ax),
        lambda ax: plots.weights(np.ones(4), ax=ax),
        lambda ax: plots.curves({"one": [1, 2]}, ax=ax),
        lambda ax: plots.matrix(np.eye(2), ax=ax),
    ):
        ax = Figure().add_subplot()
        assert draw(ax) is ax
    assert not plt.get_fignums()


def test_import_loads_no_model_no_torch_and_no_pyplot():
    code = (
        "import sys, dlkit.plots; sys.exit(bool("
        "{'torch', 'matplotlib.pyplot', 'dlkit.models', 'sklearn'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("draw", "named"),
    [
        (lambda: plots.points(np.zeros((3, 3)), [0, 1, 0]), "x must have shape"),
        (lambda: plots.points(np.zeros((0, 2)), []), "x must"),
        (lambda: plots.points(np.zeros((3, 2)), [0, 1]), "y must have shape"),
        (lambda: plots.points(np.zeros((2, 2)), [0, -2]), "y must hold labels"),
        (lambda: plots.points(np.zeros((2, 2)), [0, 2], classes="ab"), "classes must name 3"),
        (lambda: plots.points(np.zeros((2, 2)), [0, 9]), "at most 7 classes"),
        (lambda: plots.decision_regions(lambda x: x[:5, 0]), "decide must return"),
        (lambda: plots.decision_regions(lambda x: 1.0), "decide must return"),
        (lambda: plots.line_of([1, 2, 3], 0), "weight must have shape"),
        (lambda: plots.line_of([np.nan, 0], 0), "weight must be finite"),
        (lambda: plots.images(np.zeros((2, 5))), "square rows"),
        (lambda: plots.images(np.zeros((2, 4)), ["one"]), "titles must have 2"),
        (lambda: plots.images(np.zeros((2, 4)), marked=[True]), "marked must"),
        (lambda: plots.weights(np.zeros(6), shape=(2, 2)), "weight must have"),
        (lambda: plots.weights([np.inf]), "weight must be finite"),
        (lambda: plots.curves({}), "at least one curve"),
        (lambda: plots.curves({"one": []}), "one.*empty"),
        (lambda: plots.curves({"one": [1, 2]}, x=[1]), "x must have shape"),
        (lambda: plots.matrix([1, 2]), "values must have shape"),
        (lambda: plots.matrix([[1, 2]], rows="ab"), "rows must have 1"),
    ],
)
def test_bad_input_is_named(draw, named):
    with pytest.raises(ValueError, match=named):
        draw()
