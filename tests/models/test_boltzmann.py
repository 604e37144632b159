"""The general Boltzmann machine against enumeration, and against the RBM inside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.models import boltzmann
from dlkit.models.boltzmann import BoltzmannMachine, total_variation
from dlkit.models.optimisers import SGD
from dlkit.models.partition import all_states, log_partition, state_numbers
from dlkit.models.rbm import GaussianRBM
from tests.models.test_rbm import machine


def general(visible=3, hidden=3, *, seed=0, std=1.0, dtype=float):
    rng = np.random.default_rng(seed)
    bm = BoltzmannMachine(visible, hidden, rng=rng, std=std, dtype=dtype)
    bm.bias[:] = rng.normal(size=visible + hidden)
    return bm


def distribution(bm):
    """P(s) of every state."""
    p = np.exp(-bm.energy(all_states(len(bm.bias))))
    return p / p.sum()


def test_weights_are_symmetric_without_a_diagonal():
    weight = general(4, 3).weight
    np.testing.assert_array_equal(weight, weight.T)
    assert not weight.diagonal().any()
    assert np.count_nonzero(weight) == 7 * 6


def test_energy_counts_every_tie_once():
    bm, s = general(), all_states(6)
    pairs = sum(bm.weight[i, j] * s[:, i] * s[:, j] for i in range(6) for j in range(i))
    np.testing.assert_allclose(bm.energy(s), -pairs - s @ bm.bias, atol=1e-12)


def test_of_an_rbm_it_has_the_same_energy_z_and_conditional():
    rbm = machine()
    bm = BoltzmannMachine.of_rbm(rbm)
    rng = np.random.default_rng(1)
    v, h = rng.integers(0, 2, (6, 5)), rng.integers(0, 2, (6, 4))
    np.testing.assert_allclose(bm.energy(np.hstack((v, h))), rbm.energy(v, h), rtol=1e-12)
    assert bm.log_partition() == pytest.approx(log_partition(rbm), rel=1e-12)
    on = rbm.hidden_probabilities(v)
    np.testing.assert_allclose(bm.conditional(v) @ all_states(4), on, rtol=1e-10)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 1000))
def test_the_conditional_is_that_of_the_joint_distribution(visible, hidden, seed):
    bm = general(visible, hidden, seed=seed)
    joint = distribution(bm).reshape(2**visible, 2**hidden)
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(bm.conditional(all_states(visible)), expected, rtol=1e-9)


def test_strong_ties_leave_the_one_best_state_without_an_overflow():
    bm = general()
    bm.weight *= 1e4
    bm.bias *= 1e4
    joint = bm.energy(all_states(6)).reshape(8, 8)
    best = np.eye(8)[joint.argmin(axis=1)]
    np.testing.assert_array_equal(bm.conditional(all_states(3)), best)
    assert bm.log_partition() == pytest.approx(-joint.min(), rel=1e-12)


def test_z_is_added_up_in_double_precision():
    """Without ties and biases it is 2¹⁰, to the last digit, in float32 too."""
    bm = BoltzmannMachine(6, 4, rng=np.random.default_rng(0), std=0)
    assert bm.log_partition() == pytest.approx(10 * np.log(2), rel=1e-15)


def test_as_many_units_as_it_says_can_be_enumerated(monkeypatch):
    monkeypatch.setattr(boltzmann, "LARGEST", 6)
    assert np.isfinite(general(3, 3).log_partition())
    with pytest.raises(ValueError, match="1 to 6 units can be enumerated, got 7"):
        general(4, 3).log_partition()


def test_a_sweep_leaves_the_distribution_as_it_is():
    bm, rng = general(), np.random.default_rng(1)
    target = distribution(bm)
    s = all_states(6)[rng.choice(64, size=60_000, p=target)]
    often = np.bincount(state_numbers(bm.gibbs(s, rng)), minlength=64) / len(s)
    assert total_variation(often, target) < 0.02


def test_sweeps_reach_the_distribution_from_anywhere():
    bm, rng = general(), np.random.default_rng(1)
    s = bm.gibbs(np.ones((60_000, 6)), rng, sweeps=40)
    often = np.bincount(state_numbers(s), minlength=64) / len(s)
    assert total_variation(often, distribution(bm)) < 0.02


def test_clamped_units_do_not_move_and_the_start_is_left_alone():
    bm, rng = general(), np.random.default_rng(1)
    start = np.zeros((50, 6))
    start[:, 0] = 1
    after = bm.gibbs(start, rng, sweeps=3, clamped=True)
    np.testing.assert_array_equal(after[:, :3], start[:, :3])
    assert after[:, 3:].any()
    assert not start[:, 3:].any()


def test_the_exact_sweeps_are_the_mean_of_the_sampled_ones():
    bm, rng = general(), np.random.default_rng(1)
    v = np.array([[1.0, 0, 1]])
    for sweeps in (1, 2):
        hidden = rng.integers(0, 2, (60_000, 3))
        start = np.hstack((np.tile(v, (len(hidden), 1)), hidden))
        h = bm.gibbs(start, rng, sweeps, clamped=True)[:, 3:]
        often = np.bincount(state_numbers(h), minlength=8) / len(h)
        assert total_variation(often, bm.conditional_after(v, sweeps)[0]) < 0.015


def test_sweep_after_sweep_comes_nearer_and_an_rbm_needs_one():
    v = all_states(3)
    bm = general(3, 5, std=2.0)
    target = bm.conditional(v)
    far = [total_variation(bm.conditional_after(v, n), target).mean() for n in (0, 1, 3, 10, 200)]
    assert far == sorted(far, reverse=True)
    assert far[1] > 0.05
    assert far[-1] < 1e-6
    restricted = BoltzmannMachine.of_rbm(machine(visible=3, hidden=5, std=2.0))
    once = total_variation(restricted.conditional_after(v, 1), restricted.conditional(v))
    assert once.max() < 1e-14


def test_the_boltzmann_rule_follows_the_gradient_of_the_likelihood():
    bm, rng = general(2, 2, std=0.7), np.random.default_rng(2)
    v = np.array([[1.0, 0], [1, 1], [0, 1]])

    def cost():
        joint = distribution(bm).reshape(4, 4).sum(axis=1)
        return -np.log(joint[state_numbers(v)]).mean()

    chain = bm.gibbs(np.zeros((60_000, 4)), rng, sweeps=30)
    bm.boltzmann_rule(np.repeat(v, 20_000, axis=0), rng, sweeps=15, chain=chain)
    step = 1e-5
    for i, j in ((0, 1), (0, 2), (2, 3), (1, 3)):
        slope = 0.0
        for sign in (1, -1):
            bm.weight[i, j] += sign * step
            bm.weight[j, i] += sign * step
            slope += sign * cost() / (2 * step)
            bm.weight[i, j] -= sign * step
            bm.weight[j, i] -= sign * step
        assert bm.gradients["weight"][i, j] == pytest.approx(slope, abs=0.01)
        assert bm.gradients["weight"][j, i] == bm.gradients["weight"][i, j]
    assert not bm.gradients["weight"].diagonal().any()


@pytest.mark.parametrize(
    ("patterns", "low", "high"),
    [
        ([[1, 1, 0], [0, 0, 1]], 0.9, 1.0),  # ties between pairs tell these apart
        ([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]], 0.47, 0.53),  # xor: every pair looks random
    ],
)
def test_without_hidden_units_it_learns_what_pairs_can_tell(patterns, low, high):
    rng, v = np.random.default_rng(0), np.array(patterns)
    bm = BoltzmannMachine(3, rng=rng, std=0.5, dtype=float)
    optimiser, chain = SGD(bm.parameters, 0.3), np.zeros((200, 3))
    for _ in range(300):
        bm.boltzmann_rule(v, rng, sweeps=4, chain=chain)
        optimiser.step(bm.gradients)
    assert low < distribution(bm)[state_numbers(v)].sum() < high


def test_chains_that_run_free_take_all_their_sweeps():
    bm, chain = general(std=2.0), np.zeros((60_000, 6))
    bm.boltzmann_rule(np.ones((1, 3)), np.random.default_rng(0), sweeps=60, chain=chain)
    often = np.bincount(state_numbers(chain), minlength=64) / len(chain)
    assert total_variation(often, distribution(bm)) < 0.02


def test_the_free_chain_goes_on_from_where_it_was():
    bm, chain = general(2, 2, std=0.7), np.zeros((50, 4))
    bm.boltzmann_rule(np.ones((3, 2)), np.random.default_rng(0), sweeps=1, chain=chain)
    first = chain.copy()
    assert first.any()
    np.testing.assert_allclose(
        bm.gradients["bias"][:2], first.mean(axis=0)[:2] - 1, rtol=1e-12
    )  # what ran free less what was shown
    bm.boltzmann_rule(np.ones((3, 2)), np.random.default_rng(0), sweeps=0, chain=chain)
    np.testing.assert_array_equal(chain, first)


def test_the_hidden_units_begin_by_the_toss_of_a_coin():
    bm = general(2, 2, std=0.7)
    rng, chain = np.random.default_rng(0), np.zeros((5, 4))
    bm.boltzmann_rule(np.ones((4000, 2)), rng, sweeps=0, chain=chain)
    np.testing.assert_allclose(bm.gradients["bias"][:2], -1)
    np.testing.assert_allclose(bm.gradients["bias"][2:], -0.5, atol=0.05)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_a_chain_of_any_kind_of_number_gives_the_same_gradient(dtype):
    """Sums over more chains than a byte can count."""
    gradients = []
    for kind in (float, dtype):
        bm, chain = general(2, 2, std=0.7), np.zeros((3000, 4), kind)
        bm.boltzmann_rule(np.eye(2), np.random.default_rng(0), sweeps=3, chain=chain)
        assert chain.any()
        gradients.append(bm.gradients)
    for name, gradient in gradients[0].items():
        np.testing.assert_allclose(gradients[1][name], gradient, rtol=1e-12)


@pytest.mark.parametrize(
    ("v", "chain", "says"),
    [
        ([[0, 1]], [[0, 0, 0, 0]], r"chain must be an array, which is moved in place, got \[\["),
        ([[0, 1]], None, "chain must be an array, which is moved in place, got None"),
        ([[0, 1]], np.zeros((2, 3)), r"chain must have shape \(N, 4\), got \(2, 3\)"),
        ([[0, 1]], np.full((2, 4), 7), "chain must hold 0 and 1, got 7 … 7"),
        ([[0, 1, 0]], np.zeros((2, 4)), r"v must have shape \(N, 2\), got \(1, 3\)"),
        ([[0, 7]], np.zeros((2, 4)), "v must hold 0 and 1, got 0 … 7"),
        ([[0, np.nan]], np.zeros((2, 4)), "v must hold 0 and 1, got nan … nan"),
    ],
)
def test_a_rule_that_is_refused_says_why_and_draws_nothing(v, chain, says):
    bm, rng = general(2, 2), np.random.default_rng(0)
    with pytest.raises(ValueError, match=says):
        bm.boltzmann_rule(v, rng, chain=chain)
    assert rng.random() == np.random.default_rng(0).random()
    assert not bm.gradients["weight"].any()


def test_total_variation_is_zero_for_the_same_and_one_without_overlap():
    assert total_variation([0.5, 0.5, 0], [0.5, 0.5, 0]) == 0
    assert total_variation([1, 0], [0, 1]) == 1
    np.testing.assert_allclose(total_variation([[1, 0], [0.5, 0.5]], [0.5, 0.5]), [0.5, 0])


def test_the_dtype_of_the_parameters_decides():
    bm, rng = general(dtype=np.float32), np.random.default_rng(0)
    assert bm.gibbs(np.zeros((4, 6)), rng).dtype == np.float32
    bm.boltzmann_rule(np.zeros((4, 3)), rng, chain=np.zeros((4, 6), np.float32))
    assert bm.gradients["weight"].dtype == np.float32


def test_bad_input_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="visible must be at least 1, got 0"):
        BoltzmannMachine(0, 3, rng=rng)
    with pytest.raises(ValueError, match=r"s must have shape \(N, 6\), got \(2, 5\)"):
        general().energy(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="s must hold 0 and 1, got 0 … 7"):
        general().energy(np.array([[0, 0, 0, 0, 0, 7]]))
    with pytest.raises(ValueError, match="sweeps must be at least 0, got -1"):
        general().gibbs(np.zeros((2, 6)), rng, sweeps=-1)
    with pytest.raises(ValueError, match="sweeps must be at least 0, got -1"):
        general().conditional_after(np.zeros((2, 3)), -1)
    for v in (np.zeros(3), np.zeros((2, 4)), np.zeros((0, 3))):
        with pytest.raises(ValueError, match=r"v must have shape \(N, 3\), got"):
            general().conditional(v)
    with pytest.raises(ValueError, match="1 to 20 units can be enumerated, got 24"):
        general(20, 4).log_partition()
    with pytest.raises(ValueError, match="1 to 20 units can be enumerated, got 0"):
        general(3, 0).conditional(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="rbm must have binary visible units"):
        BoltzmannMachine.of_rbm(machine(GaussianRBM))
    with pytest.raises(ValueError, match="rng must be a generator"):
        general().gibbs(np.zeros((2, 6)), 7)
    with pytest.raises(ValueError, match="rng must be a generator"):
        general().boltzmann_rule(np.zeros((2, 3)), 7, chain=np.zeros((2, 6)))
