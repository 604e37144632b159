"""Thinning keeps what hangs together, tracing follows it, and where it was written is forgotten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from dlkit import data
from dlkit.data import strokes
from dlkit.data.strokes import STEPS, drawn, offsets, pad, strokes_of, thin, trace

EIGHT = np.ones((3, 3))


@pytest.fixture(scope="module")
def pictures():
    split = data.mnist()
    return split.images(split.x_train[:150])


def by_the_paper(picture):
    """Zhang and Suen's algorithm, pixel by pixel, as the paper words it."""
    p = np.pad(picture, 1).astype(int)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            goes = []
            for y, x in np.argwhere(p):
                n = [p[y + dy, x + dx] for dy, dx in strokes.AROUND]
                p2, p4, p6, p8 = n[::2]
                a = sum(one == 0 and two == 1 for one, two in zip(n, n[1:] + n[:1], strict=True))
                pair = (p2 * p4 * p6, p4 * p6 * p8) if first else (p2 * p4 * p8, p2 * p6 * p8)
                if 2 <= sum(n) <= 6 and a == 1 and pair == (0, 0):
                    goes.append((y, x))
            for y, x in goes:
                p[y, x] = 0
            changed = changed or bool(goes)
    return p[1:-1, 1:-1].astype(bool)


def lines(*rows):
    return np.array([[c == "#" for c in row] for row in rows])


# ---------------------------------------------------------------------------- thinning


def test_thinning_is_the_paper_s(pictures, rng):
    dark = pictures[:30] > strokes.INK
    noise = rng.random((20, 12, 15)) < 0.6
    for some in (dark, noise):
        expected = [by_the_paper(one) for one in some]
        received = thin(some.astype(float))
        for one, other in zip(received, expected, strict=True):
            if other.any():
                np.testing.assert_array_equal(one, other)


def test_a_thick_bar_becomes_a_line():
    bar = np.zeros((12, 20))
    bar[4:9, 3:17] = 1
    skeleton = thin(bar)
    assert skeleton.sum(axis=0).max() == 1
    assert set(np.nonzero(skeleton)[0]) == {6}


def test_a_skeleton_is_thin_lies_in_the_ink_and_hangs_together_as_before(pictures):
    skeletons = thin(pictures)
    for picture, skeleton in zip(pictures, skeletons, strict=True):
        ink = picture > strokes.INK
        assert not (skeleton & ~ink).any()
        assert ndimage.label(skeleton, EIGHT)[1] == ndimage.label(ink, EIGHT)[1]
        np.testing.assert_array_equal(thin(skeleton.astype(float)), skeleton)
    assert skeletons.sum() < (pictures > strokes.INK).sum() / 2


def test_what_would_vanish_keeps_its_middle():
    dot = np.zeros((9, 9))
    dot[1:3, 5:7] = 1
    assert thin(dot).sum() == 1
    assert (dot[thin(dot)] == 1).all()
    assert not thin(np.zeros((9, 9))).any()


def test_of_two_dots_that_would_vanish_the_pixel_kept_is_one_of_theirs():
    """Their middle is paper: what is kept is the ink nearest to it."""
    colon = np.zeros((9, 12))
    colon[1:3, 5:7] = colon[6:8, 9:11] = 1
    ((y, x),) = np.argwhere(thin(colon))
    assert (y, x) in {(2, 6), (6, 9)}


# ---------------------------------------------------------------------------- tracing


def test_a_line_is_followed_from_its_top_to_its_bottom():
    (stroke,) = trace(lines("....", ".#..", ".#..", "..#.", "...#"))
    np.testing.assert_array_equal(stroke, [(1, 1), (1, 2), (2, 3), (3, 4)])


def test_a_ring_is_one_stroke():
    (stroke,) = trace(lines(".##.", "#..#", "#..#", ".##."))
    assert len(stroke) == 8
    assert stroke[0, 1] <= 1
    x, y = stroke.T  # as a nought is written: to the left at first, against the clock
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() < 0


def test_an_arch_begins_at_an_end_and_not_at_its_top():
    (stroke,) = trace(lines("..###..", ".#...#.", "#.....#", "#.....#"))
    assert len(stroke) == 9
    assert stroke[[0, -1], 0].tolist() == [0, 6]  # of two as high, the left one


def test_a_stroke_that_ends_higher_than_it_began_is_turned_round():
    """The only end of a nine is its foot; it is written from the top all the same."""
    (nine,) = trace(lines(".##.", "#..#", "#..#", ".###", "...#", "...#", "...#"))
    assert nine[0, 1] <= 3
    np.testing.assert_array_equal(nine[-1], (3, 6))


def test_lines_with_paper_between_them_are_two_strokes():
    found = trace(lines("#..", "#..", "#..", "...", "#..", "#..", "#.."))
    assert [stroke[:, 1].tolist() for stroke in found] == [[0, 1, 2], [4, 5, 6]]


def test_a_single_stair_is_no_turn():
    """Down, with one step aside where a bar goes off to the right: on downwards."""
    found = trace(lines("#....", "#....", "#....", "#....", ".####", ".#...", ".#...", ".#..."))
    np.testing.assert_array_equal(found[0][[0, -1]], [(0, 0), (1, 7)])
    assert len(found) == 2


def test_strokes_run_downwards_and_come_in_the_order_of_their_tops(pictures):
    several = 0
    for skeleton in thin(pictures):
        found = trace(skeleton)
        assert all(stroke[0, 1] <= stroke[-1, 1] for stroke in found)
        tops = [stroke[0, 1] for stroke in found]
        assert tops == sorted(tops)
        several += len(found) > 2
    assert several > 3


def test_lines_that_cross_go_straight_on():
    found = trace(np.eye(9, dtype=bool) | np.eye(9, dtype=bool)[::-1])
    assert len(found) == 2
    for stroke in found:
        moves = np.diff(stroke, axis=0)
        assert (np.sign(moves) == np.sign(moves[0])).all(), "no turn at the crossing"


def test_a_burr_is_dropped_but_not_a_dot():
    assert len(trace(lines("#....", "#....", "#..##", "#....", "#...."))) == 1
    assert len(trace(lines("#....", "#....", "#.###", "#....", "#...."))) == 2
    (dot,) = trace(lines("...", ".#.", "..."))
    np.testing.assert_array_equal(dot, [(1, 1)])
    (dash,) = trace(lines("....", ".##.", "...."))
    np.testing.assert_array_equal(dash[:, 1], [1, 1])
    assert trace(np.zeros((3, 3), bool)) == []


def test_strokes_go_through_nearly_all_of_the_skeleton(pictures):
    """Over the 5,000 digits 95 % on average; what lacks are burrs."""
    shares = []
    for skeleton in thin(pictures):
        passed = {tuple(point) for stroke in trace(skeleton) for point in stroke}
        assert passed <= {(x, y) for y, x in np.argwhere(skeleton)}
        shares.append(len(passed) / skeleton.sum())
    assert np.mean(shares) > 0.9
    assert min(shares) > 0.6


def test_strokes_stay_close_to_the_ink(pictures):
    for picture in pictures[:40]:
        ink = ndimage.binary_dilation(picture > strokes.INK, EIGHT)
        for stroke in strokes_of(picture):
            x, y = np.rint(stroke).astype(int).T
            assert ink[y, x].mean() > 0.9


def test_a_stroke_is_smoothed_to_means_of_five_and_keeps_its_ends(pictures):
    for picture in pictures[:20]:
        for rough, smooth in zip(trace(thin(picture)), strokes_of(picture), strict=True):
            np.testing.assert_array_equal(smooth[[0, -1]], rough[[0, -1]])
            wide = np.pad(rough, ((2, 2), (0, 0)), mode="edge")
            five = np.ones(5) / 5
            means = np.column_stack([np.convolve(wide[:, k], five, "valid") for k in range(2)])
            np.testing.assert_allclose(smooth[1:-1], means[1:-1], rtol=1e-12)


# ---------------------------------------------------------------------------- offsets

coordinates = st.floats(0, 1)
drawings = st.lists(
    st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=6), min_size=1, max_size=3
)


def big_enough(drawing):
    return np.ptp(np.concatenate(drawing), axis=0).max() > 0.2


@given(drawings, st.floats(0.3, 3), st.floats(-2, 2))
def test_where_and_how_large_it_was_written_does_not_show(drawing, scale, away):
    if not big_enough(drawing):
        return
    moved = [np.array(stroke) * scale + away for stroke in drawing]
    one, other = offsets(drawing), offsets(moved)
    if one.shape == other.shape:  # a length at the very edge between two counts may differ
        np.testing.assert_allclose(one, other, atol=1e-3)
    else:
        assert abs(len(one) - len(other)) <= len(drawing)


@given(drawings)
def test_there_and_back_gives_the_drawing_s_ends(drawing):
    if not big_enough(drawing):
        return
    again = drawn(offsets(drawing))
    assert len(again) == len(drawing)
    points = np.concatenate(drawing)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = STEPS / (high - low).max()
    for stroke, line in zip(drawing, again, strict=True):
        ends = (np.array(stroke)[[0, -1]] - (low + high) / 2) * scale
        np.testing.assert_allclose(line[0], ends[0], atol=1e-3)
        if len(line) > 1:
            np.testing.assert_allclose(line[-1], ends[1], atol=1e-3)


def test_steps_are_one_long_and_the_pen_is_lifted_at_the_end_of_a_stroke():
    down, bar = [(0.5, 0.1, 0), (0.5, 0.9, 400)], [(0.3, 0.5, 900), (0.7, 0.5, 1200)]
    sequence = offsets([down, bar])
    assert sequence.dtype == np.float32
    assert sequence.shape == (STEPS + 1 + STEPS // 2 + 1, 3)
    np.testing.assert_allclose(sequence[0], [0, -STEPS / 2, 0], atol=1e-6)
    np.testing.assert_allclose(sequence[1:STEPS], np.tile([0, 1, 0], (STEPS - 1, 1)), atol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(sequence[:, 2]), [STEPS, len(sequence) - 1])
    np.testing.assert_allclose(sequence[STEPS + 1, :2], [-STEPS / 4, -STEPS / 2], atol=1e-6)


@pytest.mark.parametrize("steps", [3, 6, 30])
def test_the_longer_side_is_as_many_steps_as_asked_for(steps):
    points = np.concatenate(drawn(offsets([[(0, 0), (0, 9)], [(1, 2), (4, 2)]], steps=steps)))
    np.testing.assert_allclose(np.ptp(points, axis=0), [steps * 4 / 9, steps], rtol=1e-5)


@given(st.floats(0.01, 0.49) | st.floats(0.51, STEPS - 0.01))
def test_the_points_of_a_stroke_are_about_one_apart(length):
    """From half a step on at most half a step off; what is shorter is a dot."""
    _, short = drawn(offsets([[(0, 0), (0, STEPS)], [(0, 0), (length, 0)]]))
    assert (len(short) > 1) == (length >= 0.5)
    assert (np.abs(np.diff(short[:, 0]) - 1) <= 0.5 + 1e-5).all()


def test_writing_slowly_changes_nothing():
    quick = [[(0.5, 0.1, 0), (0.5, 0.9, 100)]]
    slow = [[(0.5, y, 1000 * y) for y in np.linspace(0.1, 0.9, 300)]]
    np.testing.assert_allclose(offsets(quick), offsets(slow), atol=1e-5)


def test_a_trembling_hand_goes_no_longer_way(rng):
    """A line across the pad in 400 moves, each off by a pixel of a screen."""
    straight = np.column_stack([np.linspace(0.1, 0.9, 400), np.full(400, 0.5)])
    trembling = straight + rng.normal(0, 1 / 400, straight.shape)
    assert abs(len(offsets([trembling])) - len(offsets([straight]))) <= 1
    end = np.concatenate(drawn(offsets([trembling])))[-1]
    np.testing.assert_allclose(end, [STEPS / 2, 0], atol=0.2)


def test_a_pen_that_is_hardly_lifted_goes_on():
    """What a net draws holds chances: the pen is lifted where it is more likely than not."""
    rows = np.array([[0, 0, 0.4], [1, 0, 0.6], [1, 0, 0.0], [1, 0, 0.9]])
    first, second = drawn(rows)
    np.testing.assert_array_equal(first[:, 0], [0, 1])
    np.testing.assert_array_equal(second[:, 0], [2, 3])


def test_a_dot_and_nothing():
    np.testing.assert_array_equal(offsets([[(0.3, 0.3)]]), [[0, 0, 1]])
    assert offsets([]).shape == (0, 3)
    assert offsets([[]]).shape == (0, 3)


def test_a_drawn_digit_and_its_picture_give_nearly_the_same_path():
    """The pad's own strokes, and what is traced from their picture: the same way, one step off."""
    from dlkit.widgets.drawing_pad import rasterise

    seven = [[(0.2, 0.1), (0.8, 0.1), (0.4, 0.9)]]
    own, traced = drawn(offsets(seven)), drawn(offsets(strokes_of(rasterise(seven))))
    assert len(own) == len(traced) == 1
    for point in own[0]:
        assert np.hypot(*(traced[0] - point).T).min() < 1.2
    np.testing.assert_allclose(own[0][0], traced[0][0], atol=1.5)
    np.testing.assert_allclose(own[0][-1], traced[0][-1], atol=1.5)


# ---------------------------------------------------------------------------- the data set


def test_padding_is_zero_and_masked():
    x, mask, lengths = pad([np.ones((2, 3)), np.ones((4, 3))])
    assert x.shape == (4, 2, 3)
    assert lengths.tolist() == [2, 4]
    np.testing.assert_array_equal(mask, x[:, :, 0] == 1)
    assert pad([np.ones((2, 3))], 7)[0].shape == (7, 1, 3)


def test_the_5000_digits():
    train, test = data.pen_digits()
    split = data.mnist()
    assert train.x.shape[1:] == (4000, 3)
    assert test.x.shape[1:] == (1000, 3)
    np.testing.assert_array_equal(train.y, split.y_train)
    np.testing.assert_array_equal(test.y, split.y_test)
    for part in (train, test):
        assert part.x.dtype == np.float32
        assert (part.mask.sum(axis=0) == part.lengths).all()
        assert not part.x[~part.mask].any()
        last = part.x[part.lengths - 1, np.arange(len(part.y)), 2]
        assert (last == 1).all(), "the pen is lifted at the end"
        assert part.lengths.min() > 10
        assert part.lengths.max() == len(part.x) < 80
    i = 7
    np.testing.assert_array_equal(
        train.x[: train.lengths[i], i], offsets(strokes_of(split.images()[i]))
    )
    for name in ("x", "y", "mask", "lengths"):  # arrays are the caller's own
        getattr(train, name)[:] = 0
        assert getattr(data.pen_digits()[0], name).any()


def test_made_once_and_then_at_hand():
    data.pen_digits()
    made = strokes._pen_digits.cache_info().misses
    data.pen_digits()
    assert strokes._pen_digits.cache_info().misses == made


def test_paths_tell_the_digits_apart():
    """A nearest neighbour on 24 points of the path: 0.91 of the test digits, chance is 0.1."""
    train, test = data.pen_digits()

    def shape(part):
        rows = []
        for i, n in enumerate(part.lengths):
            points = np.cumsum(part.x[:n, i, :2], axis=0)
            at = np.linspace(0, n - 1, 24)
            rows.append([np.interp(at, np.arange(n), points[:, k]) for k in range(2)])
        return np.array(rows).reshape(len(part.y), -1)

    a, b = shape(train), shape(test)
    distance = (b**2).sum(1)[:, None] - 2 * b @ a.T + (a**2).sum(1)
    assert (train.y[distance.argmin(axis=1)] == test.y).mean() > 0.85


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: thin(np.zeros(5)), r"pictures must be \(N, height, width\)"),
        (lambda: thin(np.full((5, 5), np.nan)), "pictures must be finite"),
        (lambda: trace(np.zeros((2, 5, 5))), r"skeleton must be \(height, width\)"),
        (lambda: strokes_of(np.zeros((2, 5, 5))), r"picture must be \(height, width\)"),
        (lambda: offsets([[(0.5,)]]), "strokes must be polylines of points"),
        (lambda: offsets([[(0.5, np.inf)]]), "strokes must be finite"),
        (lambda: offsets([[(0, 1), (1, 1)]], steps=0), "steps must be"),
        (lambda: drawn([[1, 2]]), r"sequence must have shape \(T, 3\)"),
        (lambda: offsets([(0, 0), (1, 1)]), r"a single stroke goes in as \[stroke\]"),
        (lambda: offsets([np.zeros((3, 5))]), "strokes must be polylines of points"),
        (lambda: offsets([np.zeros((2, 3, 2))]), "strokes must be polylines of points"),
        (lambda: offsets([[(0, 0), (1,)]]), "strokes must be an array of numbers"),
        (lambda: offsets([None]), "strokes must hold real numbers"),
        (lambda: offsets(["ab"]), "strokes must hold real numbers"),
        (lambda: pad([]), "sequences is empty"),
        (lambda: pad([np.ones((4, 3)), np.ones((2, 1))]), r"sequences must be arrays \(T_i, D\)"),
        (lambda: pad([np.ones(3)]), r"sequences must be arrays \(T_i, D\) of one D"),
        (lambda: pad([np.ones((4, 3))], 4.5), "length must be a whole number"),
        (lambda: pad([np.ones((4, 3))], 2), "length must be at least 4"),
    ],
)
def test_bad_arguments(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_whole_numbers_beside_fractions_stay_fractions():
    x, _, _ = pad([np.zeros((2, 3), int), np.full((2, 3), 0.5)])
    assert (x[:, 1] == 0.5).all()
    np.testing.assert_array_equal(pad([[[1, 2]], [[3, 4], [5, 6]]])[0][:, 0], [[1, 2], [0, 0]])
