"""Separability by linear programming, margins, and the bound of the convergence theorem."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.svm import SVC

from dlkit import data
from dlkit.separation import margin, mistake_bound, separable, widest_separation

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([-1, 1, 1, -1])


@st.composite
def examples(draw):
    """A few points with whole coordinates and labels of both classes."""
    n = draw(st.integers(2, 8))
    x = draw(arrays(np.int64, (n, 2), elements=st.integers(-5, 5)))
    y = draw(arrays(np.int64, n, elements=st.sampled_from([-1, 1])))
    assume(abs(y.sum()) < n)
    return x, y


def by_hulls(x, y):
    """Whether the convex hulls stay apart, in whole numbers: no solver, no rounding.

    In the plane two finite sets can be parted strictly unless a point of one lies in the hull of
    the other, or two segments with ends in either class meet.
    """
    a, b = x[y < 0].tolist(), x[y > 0].tolist()

    def turn(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    def on_segment(p, q, r):
        inside = (r[0] - p[0]) * (r[0] - q[0]) <= 0 and (r[1] - p[1]) * (r[1] - q[1]) <= 0
        return turn(p, q, r) == 0 and inside

    def meet(p, q, r, s):
        d = [np.sign(turn(*t)) for t in ((p, q, r), (p, q, s), (r, s, p), (r, s, q))]
        if d[0] * d[1] < 0 and d[2] * d[3] < 0:
            return True
        ends = ((p, q, r), (p, q, s), (r, s, p), (r, s, q))
        return any(on_segment(*t) for t in ends)

    def in_triangle(p, q, r, s):
        d = {np.sign(turn(p, q, s)), np.sign(turn(q, r, s)), np.sign(turn(r, p, s))}
        return len(d) == 1 and 0 not in d

    crossing = any(meet(p, q, r, s) for p, q in product(a, a) for r, s in product(b, b))
    covered = any(
        in_triangle(*corners, point)
        for hull, others in ((a, b), (b, a))
        for corners in product(hull, repeat=3)
        for point in others
    )
    return not (crossing or covered)


@given(examples())
def test_separable_agrees_with_plane_geometry(xy):
    assert separable(*xy) == by_hulls(*xy)


@pytest.mark.parametrize(("inputs", "functions"), [(1, 4), (2, 14), (3, 104)])
def test_count_of_separable_boolean_functions(inputs, functions):
    """4, 14, 104: the counts in S. Muroga, "Threshold Logic and Its Applications", 1971."""
    x = np.array(list(product([0, 1], repeat=inputs)))
    labels = list(product([-1, 1], repeat=len(x)))
    found = {y for y in labels if separable(x, y)}
    assert len(found) == functions
    assert found == by_small_weights(x)


def by_small_weights(x):
    """Every function that whole weights from -2 to 2 and a half-odd bias compute."""
    d = x.shape[1]
    weights = np.array(list(product(range(-2, 3), repeat=d)))
    biases = np.arange(-2 * d - 0.5, 2 * d + 1)
    z = (x @ weights.T)[:, :, None] + biases
    return set(map(tuple, np.where(z > 0, 1, -1).reshape(len(x), -1).T.tolist()))


def test_the_two_that_one_line_cannot_make():
    x, xor = XOR
    failing = [y for y in product([-1, 1], repeat=4) if not separable(x, y)]
    assert failing == [tuple(-xor), tuple(xor)] or failing == [tuple(xor), tuple(-xor)]


@given(examples())
def test_widest_separation_separates_and_cannot_be_beaten(xy):
    x, y = xy
    assume(separable(x, y))
    v, gamma = widest_separation(x, y)
    longer = np.column_stack([x, np.ones(len(x))])
    assert np.isclose(np.linalg.norm(v), 1)
    assert np.isclose((y * (longer @ v)).min(), gamma, rtol=1e-6)
    others = np.random.default_rng(0).normal(size=(200, 3))
    others = np.vstack([others, v + 1e-3 * others])
    reached = (y[:, None] * (longer @ others.T)).min(axis=0) / np.linalg.norm(others, axis=1)
    assert reached.max() <= gamma * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dimensions", [2, 5, 20])
def test_widest_separation_agrees_with_a_hard_margin_svm(seed, dimensions):
    """Centred on the origin and mirrored, the widest line has b = 0, as an SVM's has."""
    split = data.blobs(30, rng=seed, margin=0.2, dimensions=dimensions, dtype=np.float64)
    x, y = split.x, data.signs(split.y)
    x, y = np.vstack([x, -x]), np.append(y, -y)
    v, gamma = widest_separation(x, y)
    svm = SVC(kernel="linear", C=1e8, tol=1e-10).fit(x, y)
    assert abs(v[-1]) < 1e-8
    assert np.isclose(gamma, 1 / np.linalg.norm(svm.coef_), rtol=1e-4)
    assert np.allclose(v[:-1], svm.coef_[0] * gamma, atol=1e-3)


def test_widest_separation_by_hand():
    """(1, 1) against (-1, 1), the 1 of the bias included: v = (1, 0), γ = 1."""
    v, gamma = widest_separation([[1.0], [-1.0]], [1, -1])
    assert np.allclose(v, [1, 0])
    assert np.isclose(gamma, 1)
    assert np.isclose(mistake_bound([[1.0], [-1.0]], [1, -1]), 2)


def test_margin_by_hand():
    x, y = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([1, -1])
    assert np.isclose(margin([3, 4], -10, x, y), 2)  # 15 and 10, divided by 5
    assert np.isclose(margin([30, 40], -100, x, y), 2)  # the same line
    assert np.isclose(margin([[3, 4]], np.array([1.0]), x, y), -0.2)  # a wrong side


@given(examples(), st.integers(-3, 3), st.integers(-3, 3), st.integers(-4, 4))
def test_margin_is_positive_exactly_where_the_line_separates(xy, w1, w2, bias):
    assume((w1, w2) != (0, 0))
    x, y = xy
    got = margin([w1, w2], bias, x, y)
    assert (got > 0) == bool((y * (x @ [w1, w2] + bias) > 0).all())


def test_blobs_keep_their_promise():
    for seed in range(5):
        split = data.blobs(50, rng=seed, margin=0.3)
        assert separable(split.x, data.signs(split.y))
    overlapping = data.blobs(200, rng=0, margin=-1.5)
    assert not separable(overlapping.x, data.signs(overlapping.y))


def test_one_class_alone_is_separable():
    assert separable([[0.0, 0.0], [1.0, 1.0]], [1, 1])
    assert mistake_bound([[0.0, 0.0]], [-1]) == pytest.approx(1)


@pytest.mark.parametrize("function", [separable, widest_separation, mistake_bound])
@pytest.mark.parametrize(
    ("x", "y", "names"),
    [
        ([[0, 0], [1, 1]], [0, 1], r"y must hold -1 and \+1"),
        ([[0, 0], [1, 1]], [1], r"y must have shape \(2,\)"),
        ([0, 1], [1, -1], r"x must have shape \(N, D\)"),
        ([[0, np.nan], [1, 1]], [1, -1], "x must be finite"),
        (np.zeros((0, 2)), [], "x"),
        ([["a"], ["b"]], [1, -1], "x must hold real numbers"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(function, x, y, names):
    with pytest.raises(ValueError, match=names):
        function(x, y)


@pytest.mark.parametrize("function", [widest_separation, mistake_bound])
def test_what_cannot_be_separated_has_no_bound(function):
    with pytest.raises(ValueError, match="not linearly separable"):
        function(*XOR)


@pytest.mark.parametrize(
    ("weight", "names"),
    [([0, 0], "all zeros"), ([1], r"weight must have shape \(2,\)"), ([1, np.inf], "finite")],
)
def test_margin_of_no_line_is_refused(weight, names):
    with pytest.raises(ValueError, match=names):
        margin(weight, 0, *XOR)
