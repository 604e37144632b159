"""The threshold unit and Rosenblatt's rule: what they compute, how they learn, what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlkit import data
from dlkit.models.dense import Linear, Sequential
from dlkit.models.perceptron import Perceptron, Threshold
from dlkit.separation import mistake_bound, separable

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def coordinates(rows):
    """Whole points, so that no rounding decides on which side of a line they lie."""
    return arrays(np.int64, (rows, 2), elements=st.integers(-6, 6))


signs = st.integers(2, 10).flatmap(lambda n: arrays(np.int64, n, elements=st.sampled_from([-1, 1])))


@st.composite
def examples(draw):
    y = draw(signs)
    return draw(coordinates(len(y))).astype(float), y


@given(examples())
def test_mistakes_stay_within_the_bound_and_the_rule_stops_exactly_if_a_line_exists(xy):
    x, y = xy
    if separable(x, y):
        bound = mistake_bound(x, y)
        # A pass without convergence has a mistake in it: more passes than the bound never happen.
        model = Perceptron(2).fit(x, y, max_epochs=int(bound) + 2)
        assert model.converged_
        assert sum(model.mistakes_) <= bound * (1 + 1e-6)
        assert (model.predict(x) == y).all()
    else:
        assert not Perceptron(2).fit(x, y, max_epochs=50).converged_


@given(examples(), st.integers(-5, 5))
def test_learning_rate_scales_the_weights_and_changes_no_mistake(xy, power):
    x, y = xy
    one = Perceptron(2).fit(x, y, max_epochs=20)
    scaled = Perceptron(2, learning_rate=2.0**power).fit(x, y, max_epochs=20)
    assert one.mistakes_ == scaled.mistakes_
    assert np.array_equal(one.weight * 2.0**power, scaled.weight)
    assert np.array_equal(one.bias * 2.0**power, scaled.bias)


@given(examples())
def test_weight_is_a_sum_of_examples(xy):
    """w = Σ y x and b = Σ y over the mistakes: nothing else ever enters."""
    x, y = xy
    model, w, b = Perceptron(2), np.zeros(2), 0.0
    for x_i, y_i in zip(x, y, strict=True):
        if model.update(x_i, y_i):
            w, b = w + y_i * x_i, b + y_i
    assert np.array_equal(model.weight[0], w)
    assert model.bias[0] == b


def test_a_mistake_moves_z_by_the_length_of_the_example(rng):
    x = rng.normal(size=5)
    model = Perceptron(5)
    before = model.decision([x])[0]
    assert model.update(x, -1)
    assert np.isclose(model.decision([x])[0], before - (x @ x + 1))
    assert not model.update(x, -1)


def test_shapes_and_types_are_those_of_a_linear_layer(rng):
    x = rng.normal(size=(6, 3)).astype(np.float32)
    model = Perceptron(3, dtype=np.float32).fit(x, np.where(x[:, 0] > 0, 1, -1))
    assert model.weight.shape == (1, 3)
    assert model.bias.shape == (1,)
    assert model.weight.dtype == model.bias.dtype == model.decision(x).dtype == np.float32
    assert model.decision(x).shape == model.predict(x).shape == (6,)
    assert set(model.predict(x)) <= {-1, 1}


def test_order_matters_only_through_the_generator():
    split = data.blobs(60, rng=3, margin=0.02)
    y = data.signs(split.y)
    runs = [
        Perceptron(2).fit(split.x, y, rng=np.random.default_rng(seed)).weight for seed in (0, 0, 1)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_fit_goes_on_from_the_present_weight():
    split = data.blobs(60, rng=4, margin=0.01, centre=(2, 2))
    y = data.signs(split.y)
    whole = Perceptron(2).fit(split.x, y, max_epochs=6)
    parts = Perceptron(2)
    for _ in range(6):
        if not parts.converged_:
            parts.fit(split.x, y, max_epochs=1)
    assert whole.mistakes_ == parts.mistakes_
    assert np.array_equal(whole.weight, parts.weight)


def test_a_point_on_the_line_counts_as_minus_one_and_as_a_mistake():
    perceptron = Perceptron(2)
    assert perceptron.predict([[1, 2], [0, 0]]).tolist() == [-1, -1]
    assert perceptron.update(np.array([1.0, 2.0]), -1)


def test_repr_counts_mistakes():
    model = Perceptron(2).fit(CORNERS, [-1, -1, -1, 1])
    assert repr(model) == f"Perceptron(in_features=2, mistakes={sum(model.mistakes_)})"


def test_two_layers_of_threshold_units_compute_xor():
    """McCulloch and Pitts's net: OR and NAND, then AND."""
    rng = np.random.default_rng(0)
    hidden, output = Linear(2, 2, rng=rng), Linear(2, 1, rng=rng)
    hidden.load_state_dict({"weight": np.array([[1, 1], [-1, -1]]), "bias": np.array([-0.5, 1.5])})
    output.load_state_dict({"weight": np.array([[1, 1]]), "bias": np.array([-1.5])})
    net = Sequential(hidden, Threshold(), output, Threshold())
    assert net(CORNERS)[:, 0].tolist() == [0, 1, 1, 0]


def test_threshold_is_all_or_nothing_and_keeps_the_type():
    z = np.array([-2, -0.0, 0, 1e-30, 3], dtype=np.float32)
    a = Threshold()(z)
    assert a.tolist() == [0, 0, 0, 1, 1]
    assert a.dtype == np.float32


def test_threshold_says_why_nothing_flows_back():
    layer = Threshold()
    layer(np.ones(3))
    with pytest.raises(NotImplementedError, match="no gradient passes"):
        layer.backward(np.ones(3))


@pytest.mark.parametrize(
    ("x", "y", "names"),
    [
        (CORNERS, [0, 0, 0, 1], r"y must hold -1 and \+1, got 0 .*2 \* y - 1"),
        (CORNERS, [1, 1, 1], r"y must have shape \(4,\), got \(3,\)"),
        (CORNERS, [1, 1, 1, np.nan], r"y\[3\] is nan"),
        (CORNERS[:, :1], [1, 1, 1, 1], r"x must have shape \(N, 2\), got \(4, 1\)"),
        (np.zeros((0, 2)), [], "x must have shape|x is empty"),
        (CORNERS * np.nan, [1, 1, 1, -1], "x must be finite"),
        ("words", [1], "x must hold real numbers"),
    ],
)
def test_bad_examples_are_refused_with_a_sentence(x, y, names):
    model = Perceptron(2)
    with pytest.raises(ValueError, match=names):
        model.fit(x, y)
    assert not model.weight.any()
    assert model.mistakes_ == []


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Perceptron(0), "in_features must be at least 1"),
        (lambda: Perceptron(2.5), "in_features must be a whole number"),
        (lambda: Perceptron(2, learning_rate=0), "learning_rate must be more than 0"),
        (lambda: Perceptron(2, learning_rate=np.nan), "learning_rate must be a finite number"),
        (lambda: Perceptron(2, learning_rate=-1), "learning_rate must be more than 0"),
        (lambda: Perceptron(2).fit(CORNERS, [1, 1, 1, -1], max_epochs=0), "max_epochs"),
        (lambda: Perceptron(2).fit(CORNERS, [1, 1, 1, -1], rng=7), "rng must be a generator"),
        (lambda: Perceptron(2).predict([1.0, 2.0]), r"x must have shape \(N, 2\)"),
        (lambda: Perceptron(2).decision(np.zeros((3, 4))), r"x must have shape \(N, 2\)"),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(make, names):
    with pytest.raises(ValueError, match=names):
        make()


def test_a_size_out_of_a_division_is_as_good_as_a_whole_one():
    assert Perceptron(4 / 2).weight.shape == (1, 2)


def test_one_class_alone_is_learned():
    model = Perceptron(2).fit(CORNERS, [1, 1, 1, 1])
    assert model.converged_
    assert (model.predict(CORNERS) == 1).all()


def test_a_huge_learning_rate_changes_nothing_but_the_scale():
    model = Perceptron(2, learning_rate=1e30).fit(CORNERS, [-1, -1, -1, 1])
    assert model.converged_
    assert np.isfinite(model.weight).all()
