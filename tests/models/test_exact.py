"""The likelihood's gradient and CD's mean update, against finite differences and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.models.exact import (
    as_vector,
    expected_update,
    jacobian,
    log_likelihood_gradient,
    visible_distribution,
)
from dlkit.models.partition import all_states, log_likelihood
from dlkit.models.rbm import RBM, GaussianRBM
from tests.models.test_rbm import batch, joint, machine


def differences(rbm, v, step=1e-6):
    """The gradient of the mean of -log P(v), by differences of the exact likelihood."""
    columns = []
    for array in rbm.parameters.values():
        for place in np.ndindex(array.shape):
            value = array[place]
            array[place] = value + step
            above = -log_likelihood(rbm, v).mean()
            array[place] = value - step
            below = -log_likelihood(rbm, v).mean()
            array[place] = value
            columns.append((above - below) / (2 * step))
    return np.array(columns)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
def test_the_gradient_is_that_of_the_likelihood(visible, hidden, seed):
    # visible > hidden and visible < hidden: both sides get enumerated
    rbm, v = machine(visible=visible, hidden=hidden, seed=seed), batch(visible=visible, seed=seed)
    exact = as_vector(log_likelihood_gradient(rbm, v))
    np.testing.assert_allclose(exact, differences(rbm, v), atol=1e-8)


def test_the_gradient_of_a_gaussian_machine():
    rbm, v = machine(GaussianRBM), np.random.default_rng(1).normal(size=(6, 5))
    exact = as_vector(log_likelihood_gradient(rbm, v))
    np.testing.assert_allclose(exact, differences(rbm, v), atol=1e-7)


def test_the_gradient_is_the_same_in_several_chunks(monkeypatch):
    rbm, v = machine(), batch()
    whole = as_vector(log_likelihood_gradient(rbm, v))
    monkeypatch.setattr("dlkit.models.partition.CHUNK", 3)
    np.testing.assert_allclose(as_vector(log_likelihood_gradient(rbm, v)), whole, rtol=1e-12)


def test_visible_distribution_is_that_of_the_energy():
    rbm = machine()
    np.testing.assert_allclose(visible_distribution(rbm), joint(rbm).sum(axis=1), rtol=1e-11)


def transitions(rbm, v, k):
    """The mean CD-k update from the transition matrix written out: a second formula."""
    p = joint(rbm)
    down = (p / p.sum(axis=0, keepdims=True)).T
    up = p / p.sum(axis=1, keepdims=True)
    step = np.linalg.matrix_power(up @ down, k)
    states = all_states(len(rbm.visible_bias))
    start = np.array([(states == row).all(axis=1) for row in v]).mean(axis=0)

    def slopes(q):
        hidden = rbm.hidden_probabilities(states)
        return np.concatenate([((q[:, None] * hidden).T @ states).ravel(), q @ states, q @ hidden])

    return slopes(start @ step) - slopes(start)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_mean_update_is_that_of_the_transition_matrix(k):
    rbm, v = machine(), batch()
    ours = as_vector(expected_update(rbm, v, k=k))
    np.testing.assert_allclose(ours, transitions(rbm, v, k), atol=1e-13)


def test_the_mean_update_is_the_same_in_pieces(monkeypatch):
    rbm, v = machine(), batch()
    whole = as_vector(expected_update(rbm, v, k=2))
    monkeypatch.setattr("dlkit.models.exact.PIECE", 40)
    np.testing.assert_allclose(as_vector(expected_update(rbm, v, k=2)), whole, atol=1e-14)


def test_more_steps_come_nearer_to_the_gradient_and_infinitely_many_are_it():
    rbm, v = machine(), batch()
    exact = as_vector(log_likelihood_gradient(rbm, v))
    gaps = [
        np.abs(as_vector(expected_update(rbm, v, k=k)) - exact).max() for k in (1, 2, 4, 8, 100)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.01  # CD-1 is biased
    assert gaps[-1] < 1e-12


def test_where_the_data_are_the_machines_own_distribution_nothing_moves():
    # CD's fixed point is the likelihood's: P(v) is left alone by any number of Gibbs steps
    rbm = machine(visible=3, hidden=2, std=0.3)
    counts = np.round(visible_distribution(rbm) * 200_000).astype(int)
    v = np.repeat(all_states(3), counts, axis=0)
    for k in (1, 4):
        np.testing.assert_allclose(as_vector(expected_update(rbm, v, k=k)), 0, atol=2e-5)


def test_the_likelihoods_jacobian_is_a_hessian_and_that_of_cd_is_none():
    rbm, v = machine(visible=3, hidden=2), batch(visible=3)
    hessian = jacobian(lambda r: log_likelihood_gradient(r, v), rbm)
    of_cd = jacobian(lambda r: expected_update(r, v), rbm)
    assert hessian.shape == (11, 11)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-9)
    assert np.abs(of_cd - of_cd.T).max() > 1e-3


def test_the_jacobian_leaves_the_machine_alone():
    rbm, v = machine(visible=3, hidden=2, dtype=np.float32), batch(visible=3)
    before = as_vector(rbm.parameters).copy()
    jacobian(lambda r: expected_update(r, v), rbm)
    np.testing.assert_array_equal(as_vector(rbm.parameters), before)
    assert rbm.weight.dtype == np.float32


def test_what_cannot_be_enumerated_is_refused():
    gaussian = machine(GaussianRBM)
    v = np.zeros((2, 5))
    with pytest.raises(ValueError, match="rbm must have binary visible units"):
        expected_update(gaussian, v)
    with pytest.raises(ValueError, match="rbm must have binary visible units"):
        visible_distribution(gaussian)
    assert np.isfinite(as_vector(expected_update(gaussian, v, sampled=False))).all()
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        expected_update(machine(), v, k=0)
    with pytest.raises(ValueError, match=r"v must have shape \(N, 5\)"):
        log_likelihood_gradient(machine(), np.zeros((2, 4)))


def test_the_jacobian_moves_a_copy(rng):
    rbm = RBM(2, 2, rng=rng, dtype=float)

    def update(moved):
        for name, array in moved.parameters.items():
            assert not np.shares_memory(array, rbm.parameters[name])
        return moved.parameters

    np.testing.assert_allclose(jacobian(update, rbm), np.eye(8), atol=1e-9)
