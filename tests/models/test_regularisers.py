"""L1 by soft threshold, and the max-norm: what they promise, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.models.optimisers import SGD
from dlkit.models.regularisers import max_norm, soft_threshold


def test_a_weight_moves_towards_zero_and_stops_there():
    weight = np.array([[2.0, 0.5, 0.3], [-0.1, -0.5, -3.0]])
    soft_threshold(weight, 0.5)
    np.testing.assert_array_equal(weight, [[1.5, 0, 0], [0, 0, -2.5]])


@given(st.floats(-10, 10), st.floats(0, 5))
def test_it_is_the_lowest_point_of_the_square_plus_the_absolute_value(start, amount):
    weight = np.array([start])
    soft_threshold(weight, amount)

    def cost(w):
        return (w - start) ** 2 / 2 + amount * np.abs(w)

    elsewhere = np.linspace(-12, 12, 2001)
    assert cost(weight[0]) <= cost(elsewhere).min() + 1e-9


def test_descent_with_it_finds_the_zeros_of_the_lasso():
    # ½ (w - g)² + λ |w| for each weight by itself: the answer is known.
    goal, strength = np.array([3.0, 0.2, -0.9, -1.5]), 1.0
    weight = np.zeros(4)
    optimiser = SGD({"w": weight}, 0.1)
    for _ in range(500):
        optimiser.step({"w": weight - goal})
        soft_threshold(weight, 0.1 * strength)
    np.testing.assert_allclose(weight, [2, 0, 0, -0.5], atol=1e-9)
    assert (weight[1:3] == 0).all()


def test_the_plain_slope_leaves_no_exact_zero():
    weight = np.array([0.25])
    optimiser = SGD({"w": weight}, 0.1)
    for _ in range(501):
        optimiser.step({"w": weight - 0.2 + np.sign(weight)})
        assert weight[0] != 0


def test_max_norm_shortens_long_rows_alone():
    weight = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    max_norm(weight, 2.5)
    np.testing.assert_allclose(weight, [[1.5, 2.0], [0.3, 0.4], [0, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_work_in_place_and_keep_the_dtype(dtype):
    weight = np.ones((2, 3), dtype)
    before = weight
    soft_threshold(weight, 0.25)
    max_norm(weight, 1.0)
    assert weight is before
    assert weight.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(weight, axis=1), 1, rtol=1e-6)


def test_bad_settings_are_explained():
    with pytest.raises(ValueError, match="amount must be at least 0, got -1"):
        soft_threshold(np.ones((2, 2)), -1)
    with pytest.raises(ValueError, match="limit must be more than 0, got 0"):
        max_norm(np.ones((2, 2)), 0)
    with pytest.raises(ValueError, match=r"weight must have shape \(out, in\), got \(3,\)"):
        max_norm(np.ones(3), 1.0)  # a bias has no rows
