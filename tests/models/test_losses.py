"""What is particular to the losses; parity and gradient checks are in test_every_model."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlkit.models.dense import softmax
from dlkit.models.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss


@given(arrays(np.float64, (3, 4), elements=st.floats(-2000, 2000)))
def test_cross_entropy_stays_finite_for_any_logits(z):
    loss = CrossEntropyLoss()
    assert np.isfinite(loss(z, [0, 1, 2]))
    gradient = loss.backward()
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12)  # p and d both add up to 1


def test_cross_entropy_gradient_is_p_minus_d():
    z = np.random.default_rng(0).normal(size=(5, 3))
    target = np.array([0, 2, 1, 1, 0])
    loss = CrossEntropyLoss()
    loss(z, target)
    np.testing.assert_allclose(loss.backward(), (softmax(z) - np.eye(3)[target]) / 5, rtol=1e-13)


def test_equal_logits_cost_log_of_the_number_of_classes():
    assert CrossEntropyLoss()(np.zeros((4, 10)), [1, 2, 3, 4]) == pytest.approx(np.log(10))


def test_binary_cross_entropy_is_cross_entropy_with_two_classes():
    z = np.random.default_rng(0).normal(size=(6, 1))
    d = np.array([0, 1, 1, 0, 1, 0])
    both = np.hstack([np.zeros_like(z), z])
    assert BCEWithLogitsLoss()(z, d[:, None]) == pytest.approx(CrossEntropyLoss()(both, d))


@given(st.floats(-1e4, 1e4), st.sampled_from([0.0, 1.0]))
def test_binary_cross_entropy_never_overflows(z, d):
    with np.errstate(over="raise"):
        assert BCEWithLogitsLoss()(np.array([z]), np.array([d])) >= 0


@pytest.mark.parametrize("kind", [CrossEntropyLoss, MSELoss, BCEWithLogitsLoss])
def test_backward_before_forward_says_what_is_missing(kind):
    with pytest.raises(AttributeError, match=r"call forward\(prediction, target\) before backward"):
        kind().backward()
    assert copy.deepcopy(kind())([[0.0, 0.0]], {CrossEntropyLoss: [0]}.get(kind, [[1, 0]])) > 0


@pytest.mark.parametrize("kind", [CrossEntropyLoss, MSELoss, BCEWithLogitsLoss])
def test_backward_twice_gives_the_same(kind):
    loss = kind()
    loss([[0.5, -1.0], [2.0, 0.0]], {CrossEntropyLoss: [0, 1]}.get(kind, [[1, 0], [0, 1]]))
    first = loss.backward().copy()
    np.testing.assert_array_equal(loss.backward(), first)


def test_nan_in_the_prediction_gives_a_nan_loss():
    assert np.isnan(CrossEntropyLoss()(np.full((2, 3), np.nan), [0, 1]))
    assert np.isnan(MSELoss()(np.array([np.nan]), np.array([0.0])))


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (CrossEntropyLoss(), np.zeros((2, 3)), [0, 3], r"target must lie in 0 … 2, got 3"),
        (CrossEntropyLoss(), np.zeros((2, 3)), [0], r"target must have shape \(2,\)"),
        (CrossEntropyLoss(), np.zeros(3), [0], r"prediction must have shape \(N, classes\)"),
        (MSELoss(), np.zeros((2, 3)), np.zeros((2, 1)), r"target must have shape \(2, 3\)"),
        (BCEWithLogitsLoss(), np.zeros(2), [0, 2], r"target must lie in 0 … 1, got 0 … 2"),
        (BCEWithLogitsLoss(), np.zeros(2), [0, np.nan], r"target must lie in 0 … 1, got nan"),
        (MSELoss(), np.zeros((0, 3)), np.zeros((0, 3)), "prediction is empty"),
    ],
)
def test_bad_input_is_explained(loss, prediction, target, message):
    with pytest.raises(ValueError, match=message):
        loss(prediction, target)
