"""log Z by enumeration, from both sides; annealing against it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.models import partition
from dlkit.models.partition import (
    AISEstimate,
    all_states,
    annealed_importance_sampling,
    base_rate,
    log_likelihood,
    log_partition,
    log_sum_exp,
    state_numbers,
    states_in_chunks,
)
from dlkit.models.rbm import RBM, GaussianRBM
from tests.models.test_rbm import machine

# --- states ------------------------------------------------------------------------------------


@given(st.integers(1, 10))
def test_states_are_the_binary_numbers(n):
    states = all_states(n)
    assert states.shape == (2**n, n)
    np.testing.assert_array_equal(states @ 2 ** np.arange(n)[::-1], np.arange(2**n))
    np.testing.assert_array_equal(state_numbers(states), np.arange(2**n))


def test_states_come_in_chunks_that_make_up_the_whole():
    chunks = list(states_in_chunks(14))
    assert [len(chunk) for chunk in chunks] == [partition.CHUNK] * 4
    np.testing.assert_array_equal(np.concatenate(chunks), all_states(14))


def test_states_take_the_dtype_that_is_asked_for():
    assert all_states(3, np.float32).dtype == np.float32


def test_too_many_states_are_refused():
    with pytest.raises(ValueError, match="n must be between 1 and 20, got 21"):
        all_states(21)
    with pytest.raises(ValueError, match=r"states must hold 0 and 1, got 0\.5"):
        state_numbers(np.full((2, 3), 0.5))


# --- log Z, exact ------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_both_sides_give_the_same_z(visible, hidden, seed):
    rbm = machine(visible=visible, hidden=hidden, seed=seed)
    turned = RBM(hidden, visible, rng=np.random.default_rng(0), dtype=float)
    turned.weight[:] = rbm.weight.T
    turned.visible_bias[:], turned.hidden_bias[:] = rbm.hidden_bias, rbm.visible_bias
    assert log_partition(rbm) == pytest.approx(log_partition(turned), rel=1e-12)


def test_z_is_the_sum_over_every_pair_of_states():
    rbm, v, h = machine(), all_states(5), all_states(4)
    pairs = np.repeat(v, 16, axis=0), np.tile(h, (32, 1))
    assert log_partition(rbm) == pytest.approx(np.log(np.exp(-rbm.energy(*pairs)).sum()), rel=1e-13)


def test_without_weights_z_is_a_product():
    rbm = machine(std=0, visible=12, hidden=17)
    biases = np.concatenate((rbm.visible_bias, rbm.hidden_bias))
    assert log_partition(rbm) == pytest.approx(np.log1p(np.exp(biases)).sum(), rel=1e-13)


def test_shifting_the_energy_is_no_overflow():
    rbm = machine()
    rbm.visible_bias += 2000
    with np.errstate(over="raise", invalid="raise"):
        log_z = log_partition(rbm)
    rest = np.log(1 + np.exp(rbm.hidden_bias + rbm.weight.sum(axis=1))).sum()  # all v are on
    assert log_z == pytest.approx(rbm.visible_bias.sum() + rest, rel=1e-12)


def test_probabilities_sum_to_one():
    for seed in range(3):
        p = np.exp(log_likelihood(machine(seed=seed), all_states(5)))
        assert p.sum() == pytest.approx(1, rel=1e-12)


def test_a_float32_machine_is_summed_in_float64_and_left_as_it_is():
    rbm = machine(dtype=np.float32)
    double = machine(dtype=np.float32)
    for name in rbm.parameter_names:
        setattr(double, name, getattr(rbm, name).astype(float))
    assert log_partition(rbm) == pytest.approx(log_partition(double), rel=1e-14)
    assert rbm.weight.dtype == np.float32


def test_log_likelihood_takes_a_given_z():
    rbm, v = machine(), all_states(5)[:7]
    exact = log_likelihood(rbm, v)
    assert exact.shape == (7,)
    np.testing.assert_allclose(log_likelihood(rbm, v, log_z=0.0) - log_partition(rbm), exact)


def test_the_gradient_of_the_likelihood_is_that_of_free_energy_and_z():
    # ∂ log Z/∂b = ⟨v⟩: the partition function knows the mean of everything
    rbm, step = machine(), 1e-6
    p = np.exp(log_likelihood(rbm, all_states(5)))
    for i in range(5):
        rbm.visible_bias[i] += step
        above = log_partition(rbm)
        rbm.visible_bias[i] -= 2 * step
        below = log_partition(rbm)
        rbm.visible_bias[i] += step
        assert (above - below) / (2 * step) == pytest.approx(p @ all_states(5)[:, i], abs=1e-8)


def test_twenty_units_are_the_limit():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"at most 20 units .* got 30 visible and 21 hidden"):
        log_partition(RBM(30, 21, rng=rng))
    with pytest.raises(ValueError, match=r"at most 20 units .* got 3 visible and 21 hidden"):
        log_partition(GaussianRBM(3, 21, rng=rng))
    assert np.isfinite(log_partition(RBM(784, 8, rng=rng)))


def test_log_sum_exp_neither_overflows_nor_underflows():
    with np.errstate(over="raise", divide="raise"):
        assert log_sum_exp([-5000.0, -5000.0]) == pytest.approx(-5000 + np.log(2))
        assert log_sum_exp([5000.0, 0.0]) == 5000


# --- annealing ---------------------------------------------------------------------------------


def anneal(rbm, seed=0, **settings) -> AISEstimate:
    return annealed_importance_sampling(rbm, np.random.default_rng(seed), **settings)


@pytest.mark.parametrize("seed", range(4))
def test_annealing_agrees_with_enumeration(seed):
    rbm = machine(visible=20, hidden=10, seed=seed, std=0.8)
    estimate, exact = anneal(rbm, seed, chains=200, temperatures=500), log_partition(rbm)
    assert estimate.low <= exact <= estimate.high
    assert abs(estimate.log_z - exact) < 0.25
    assert estimate.log_weights.shape == (200,)


def test_the_weights_are_unbiased_even_with_few_temperatures():
    # E[w] = Z for any ladder: many chains make up for steps that are far too large
    rbm = machine(visible=6, hidden=4, std=0.5)
    for temperatures in (1, 2, 5):
        estimate = anneal(rbm, chains=40_000, temperatures=temperatures)
        assert estimate.log_z == pytest.approx(log_partition(rbm), abs=0.05)


def test_more_temperatures_narrow_the_spread():
    rbm = machine(visible=12, hidden=8)
    spread = [anneal(rbm, temperatures=count).log_weights.std() for count in (3, 30, 300, 3000)]
    assert all(coarse > 1.5 * fine for coarse, fine in pairwise(spread))


@pytest.mark.parametrize("base", [np.zeros(6), np.linspace(-2, 2, 6)])
def test_any_base_leads_to_the_same_z(base):
    rbm = machine(visible=6, hidden=4, std=0.5)
    estimate = anneal(rbm, chains=2000, temperatures=100, base_bias=base)
    assert estimate.log_z == pytest.approx(log_partition(rbm), abs=0.03)


def test_a_base_fitted_to_the_data_helps():
    rbm, rng = machine(visible=16, hidden=8, std=0.5), np.random.default_rng(1)
    rbm.visible_bias[:] = rng.normal(size=16) * 3
    data = rbm.gibbs(np.zeros((2000, 16)), rng, steps=50)
    poor = anneal(rbm, temperatures=20, base_bias=np.zeros(16)).log_weights.std()
    good = anneal(rbm, temperatures=20, base_bias=base_rate(data)).log_weights.std()
    assert good < 0.7 * poor


def test_a_ladder_of_ones_own():
    rbm = machine(std=0.5)
    own, counted = anneal(rbm, temperatures=np.linspace(0, 1, 51)), anneal(rbm, temperatures=50)
    np.testing.assert_array_equal(own.log_weights, counted.log_weights)


def test_the_interval_is_three_standard_errors_of_the_mean_weight():
    found = partition.estimate(np.log([10.0, 20.0, 30.0]))
    error = 10 / np.sqrt(3)  # of the three weights, whose standard deviation is 10
    assert np.exp([found.low, found.log_z, found.high]) == pytest.approx(
        [20 - 3 * error, 20, 20 + 3 * error]
    )


def test_a_machine_in_double_leaves_the_gradients_of_the_first_alone():
    rbm, v = machine(dtype=np.float32), np.ones((2, 5))
    rbm.contrastive_divergence(v, np.random.default_rng(0))
    before = {name: array.copy() for name, array in rbm.gradients.items()}
    double = partition.in_double(rbm)
    double.contrastive_divergence(1 - v, np.random.default_rng(1))
    assert {array.dtype for array in double.gradients.values()} == {np.dtype(float)}
    for name, array in rbm.gradients.items():
        np.testing.assert_array_equal(array, before[name])


def test_the_interval_contains_the_estimate_and_may_reach_down_to_nothing():
    rbm = machine(visible=20, hidden=10, std=3.0)
    estimate = anneal(rbm, chains=5, temperatures=2)  # hopeless: one chain has all the weight
    assert estimate.low == -np.inf
    assert estimate.log_z < estimate.high
    assert str(estimate).startswith("log Z = ")


def test_base_rate_is_the_log_odds_of_the_data():
    v = np.array([[1.0, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]])
    on = 1 / (1 + np.exp(-base_rate(v)))
    np.testing.assert_allclose(on, [5 / 6, 1 / 6, 3 / 6])
    with pytest.raises(ValueError, match="pseudo_count must be more than 0, got 0"):
        base_rate(v, pseudo_count=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chains": 1}, "chains must be at least 2, got 1"),
        ({"temperatures": 0}, "temperatures must be at least 1, got 0"),
        ({"temperatures": [0, 0.5]}, "temperatures must rise from 0 to 1"),
        ({"temperatures": [0, 0.7, 0.5, 1]}, "temperatures must rise from 0 to 1"),
        ({"base_bias": np.zeros(3)}, r"base_bias must have shape \(5,\), got \(3,\)"),
        ({"base_bias": np.full(5, np.inf)}, "base_bias must be finite"),
    ],
)
def test_impossible_ladders_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        anneal(machine(), **settings)


def test_annealing_takes_bits_alone():
    with pytest.raises(ValueError, match="rbm must have binary visible units, got GaussianRBM"):
        anneal(machine(GaussianRBM))
