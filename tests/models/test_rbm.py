"""The RBM's equations against enumeration; its twin is compared in test_rbm_torch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.models.exact import as_vector, expected_update, log_likelihood_gradient
from dlkit.models.optimisers import SGD
from dlkit.models.partition import all_states, log_likelihood, state_numbers
from dlkit.models.rbm import RBM, GaussianRBM, bernoulli, cd_step, softplus
from dlkit.train import fit

sizes, seeds = st.integers(1, 5), st.integers(0, 1000)


def machine(kind=RBM, visible=5, hidden=4, *, seed=0, std=1.0, dtype=float):
    """A machine with weights and biases all at work."""
    rng = np.random.default_rng(seed)
    rbm = kind(visible, hidden, rng=rng, std=std, dtype=dtype)
    rbm.visible_bias[:] = rng.normal(size=visible)
    rbm.hidden_bias[:] = rng.normal(size=hidden)
    return rbm


def joint(rbm):
    """P(v, h) of every pair of states, (2^visible, 2^hidden), from the energy alone."""
    hidden, visible = rbm.weight.shape
    v, h = all_states(visible), all_states(hidden)
    pairs = np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1))
    p = np.exp(-rbm.energy(*pairs)).reshape(len(v), len(h))
    return p / p.sum()


# --- energy ------------------------------------------------------------------------------------


def test_energy_is_its_equation():
    rbm, rng = machine(), np.random.default_rng(1)
    v, h = rng.integers(0, 2, (6, 5)), rng.integers(0, 2, (6, 4))
    expected = [
        -sum(rbm.visible_bias[i] * v[n, i] for i in range(5))
        - sum(rbm.hidden_bias[j] * h[n, j] for j in range(4))
        - sum(h[n, j] * rbm.weight[j, i] * v[n, i] for i in range(5) for j in range(4))
        for n in range(6)
    ]
    np.testing.assert_allclose(rbm.energy(v, h), expected, rtol=1e-12)


@given(sizes, sizes, seeds)
def test_free_energies_sum_the_other_side_out(visible, hidden, seed):
    rbm = machine(visible=visible, hidden=hidden, seed=seed)
    v, h, p = all_states(visible), all_states(hidden), joint(rbm)
    from_v, from_h = np.exp(-rbm.free_energy(v)), np.exp(-rbm.hidden_free_energy(h))
    np.testing.assert_allclose(from_v / from_v.sum(), p.sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(from_h / from_h.sum(), p.sum(axis=0), rtol=1e-10)
    assert from_v.sum() == pytest.approx(from_h.sum(), rel=1e-12)  # both are Z


def test_free_energy_is_expected_energy_minus_entropy():
    # F(v) = ⟨E(v, h)⟩ - entropy of P(h | v): the identity behind the variational bound
    rbm, h = machine(), all_states(4)
    for v in all_states(5)[::7]:
        energy = rbm.energy(np.tile(v, (len(h), 1)), h)
        p = np.exp(-energy) / np.exp(-energy).sum()
        assert rbm.free_energy(v[None])[0] == pytest.approx(p @ energy + p @ np.log(p), rel=1e-12)


def test_softplus_neither_overflows_nor_loses_the_tail():
    z = np.array([-800.0, -30.0, 0.0, 30.0, 800.0])
    with np.errstate(all="raise", under="ignore"):
        values = softplus(z)
    np.testing.assert_allclose(values, [0, np.exp(-30.0), np.log(2), 30 + np.exp(-30.0), 800])
    assert softplus(z.astype(np.float32)).dtype == np.float32


# --- conditionals ------------------------------------------------------------------------------


@given(sizes, sizes, seeds)
def test_conditionals_are_those_of_the_joint_distribution(visible, hidden, seed):
    rbm = machine(visible=visible, hidden=hidden, seed=seed)
    v, h, p = all_states(visible), all_states(hidden), joint(rbm)
    given_v = p / p.sum(axis=1, keepdims=True)
    given_h = p / p.sum(axis=0, keepdims=True)
    np.testing.assert_allclose(rbm.hidden_probabilities(v), given_v @ h, rtol=1e-9)
    np.testing.assert_allclose(rbm.visible_probabilities(h), given_h.T @ v, rtol=1e-9)


def test_given_one_side_the_units_of_the_other_are_independent():
    rbm, h = machine(), all_states(4)
    p = joint(rbm)
    given_v = p / p.sum(axis=1, keepdims=True)
    on = rbm.hidden_probabilities(all_states(5))
    product = np.where(h[None] == 1, on[:, None], 1 - on[:, None]).prod(axis=2)
    np.testing.assert_allclose(product, given_v, rtol=1e-9)


def test_a_gibbs_step_is_in_detailed_balance():
    # P(v) T(v → v′) = P(v′) T(v′ → v): so P(v) stays as it is
    p = joint(machine())
    transition = (p / p.sum(axis=1, keepdims=True)) @ (p / p.sum(axis=0, keepdims=True)).T
    flow = p.sum(axis=1)[:, None] * transition
    np.testing.assert_allclose(flow, flow.T, rtol=1e-9)
    np.testing.assert_allclose(transition.sum(axis=1), 1, rtol=1e-12)


def test_samples_come_as_often_as_their_probability_says():
    rbm, rng = machine(), np.random.default_rng(1)
    v = np.tile(rng.integers(0, 2, 5), (40_000, 1))
    h = rbm.sample_hidden(v, rng)
    assert set(np.unique(h)) == {0, 1}
    np.testing.assert_allclose(h.mean(axis=0), rbm.hidden_probabilities(v[:1])[0], atol=0.0125)
    back = rbm.sample_visible(np.tile(h[0], (40_000, 1)), rng)
    np.testing.assert_allclose(back.mean(axis=0), rbm.visible_probabilities(h[:1])[0], atol=0.0125)


def test_long_chains_reach_the_machines_own_distribution_from_anywhere():
    rbm, rng = machine(std=0.7), np.random.default_rng(1)
    v = rbm.gibbs(np.zeros((40_000, 5)), rng, steps=30)
    often = np.bincount(state_numbers(v), minlength=32) / len(v)
    assert 0.5 * np.abs(often - joint(rbm).sum(axis=1)).sum() < 0.02


def test_no_step_of_gibbs_changes_nothing():
    v = np.eye(5)
    np.testing.assert_array_equal(machine().gibbs(v, np.random.default_rng(0), steps=0), v)


@given(st.floats(0, 1), seeds)
def test_bernoulli_is_zero_or_one_and_never_against_certainty(p, seed):
    rng = np.random.default_rng(seed)
    draws = bernoulli(np.array([[0.0, p, 1.0]] * 20), rng)
    assert set(np.unique(draws)) <= {0.0, 1.0}
    assert not draws[:, 0].any()
    assert draws[:, 2].all()


def test_bernoulli_keeps_the_dtype():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        assert bernoulli(np.full((2, 3), 0.5, dtype), rng).dtype == dtype


# --- contrastive divergence --------------------------------------------------------------------


def batch(rows=6, visible=5, seed=3):
    return np.random.default_rng(seed).integers(0, 2, (rows, visible)).astype(float)


def mean_gradients(rbm, v, repeats=4000, **settings):
    """The mean of many CD updates: each row of v is repeated, which averages as well."""
    rng = np.random.default_rng(7)
    rbm.contrastive_divergence(np.repeat(v, repeats, axis=0), rng, **settings)
    return {name: gradient.copy() for name, gradient in rbm.gradients.items()}


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_updates_average_to_what_enumeration_says(k, sampled):
    rbm, v = machine(), batch()
    got = mean_gradients(rbm, v, k=k, sampled=sampled)
    for name, expected in expected_update(rbm, v, k=k, sampled=sampled).items():
        np.testing.assert_allclose(got[name], expected, atol=0.012, err_msg=name)


def test_many_steps_give_the_gradient_of_the_likelihood():
    rbm, v = machine(std=0.5), batch()
    got, exact = as_vector(mean_gradients(rbm, v, k=40)), as_vector(log_likelihood_gradient(rbm, v))
    assert np.abs(exact).max() > 0.1  # there is something to compare
    np.testing.assert_allclose(got, exact, atol=0.012)


def test_one_step_of_cd_without_chance_by_hand():
    # With all weights 0 nothing depends on what was sampled.
    rbm = RBM(2, 1, rng=np.random.default_rng(0), std=0, dtype=float)
    v = np.array([[1.0, 0.0], [1.0, 1.0]])
    error = rbm.contrastive_divergence(v, np.random.default_rng(0), sampled=False)
    assert error == 0.25
    np.testing.assert_allclose(rbm.gradients["weight"], [[0.5 * (0.5 - 1), 0.5 * (0.5 - 0.5)]])
    np.testing.assert_allclose(rbm.gradients["visible_bias"], [0.5 - 1, 0.5 - 0.5])
    np.testing.assert_allclose(rbm.gradients["hidden_bias"], [0])


def test_data_that_the_machine_reproduces_teach_nothing():
    # Visible biases so strong that every reconstruction is the data: both phases are the same.
    rbm = machine(std=0.1)
    rbm.visible_bias[:] = [60, -60, 60, -60, 60]
    v = np.tile([1.0, 0, 1, 0, 1], (8, 1))
    assert rbm.contrastive_divergence(v, np.random.default_rng(0)) < 1e-20
    for gradient in rbm.gradients.values():
        np.testing.assert_allclose(gradient, 0, atol=1e-15)


def test_a_second_call_overwrites_the_first():
    rbm, v = machine(), batch()
    for _ in range(2):
        rbm.contrastive_divergence(v, np.random.default_rng(5))
    twice = as_vector(rbm.gradients)
    other = machine()
    other.contrastive_divergence(v, np.random.default_rng(5))
    np.testing.assert_array_equal(twice, as_vector(other.gradients))


def test_the_order_of_units_and_of_examples_does_not_matter():
    # The gradient's mean follows the units; without chance (weights 0 → p = ½) that is exact.
    rbm, v = machine(), batch()
    order = np.random.default_rng(0).permutation(5)
    moved = machine()
    moved.weight[:], moved.visible_bias[:] = rbm.weight[:, order], rbm.visible_bias[order]
    ours, theirs = expected_update(rbm, v), expected_update(moved, v[::-1, order])
    np.testing.assert_allclose(ours["weight"][:, order], theirs["weight"], atol=1e-13)
    np.testing.assert_allclose(ours["hidden_bias"], theirs["hidden_bias"], atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_parameters_decides(dtype):
    rbm, rng = machine(dtype=dtype), np.random.default_rng(0)
    v = batch()
    rbm.contrastive_divergence(v, rng, k=2, sparsity=(0.1, 1.0))
    assert {gradient.dtype for gradient in rbm.gradients.values()} == {np.dtype(dtype)}
    for result in (
        rbm.reconstruct(v),
        rbm.gibbs(v, rng),
        rbm.free_energy(v),
        rbm.energy(v, v[:, :4]),
    ):
        assert result.dtype == dtype


def test_persistent_chains_are_moved_in_place_and_may_be_fewer_than_the_data():
    rbm, rng = machine(), np.random.default_rng(0)
    chain = np.zeros((50, 5))
    before = chain.copy()
    rbm.contrastive_divergence(batch(), rng, chain=chain)
    assert (chain != before).any()
    assert set(np.unique(chain)) == {0, 1}


def test_persistent_chains_that_mix_give_the_gradient_of_the_likelihood():
    rbm, v, rng = machine(std=0.5), batch(), np.random.default_rng(0)
    chain = rbm.gibbs(np.zeros((20_000, 5)), rng, steps=40)  # P(v) already
    rbm.contrastive_divergence(v, rng, chain=chain)
    exact = as_vector(log_likelihood_gradient(rbm, v))
    np.testing.assert_allclose(as_vector(rbm.gradients), exact, atol=0.015)


def test_sparsity_presses_the_mean_activity_towards_its_target():
    def activity(cost):
        rng = np.random.default_rng(0)
        rbm = RBM(8, 6, rng=rng, dtype=float)
        v = batch(200, 8)
        step = cd_step(rbm, SGD(rbm.parameters, 0.2), rng, sparsity=(0.1, cost))
        for _ in range(300):
            step(v)
        return rbm.hidden_probabilities(v).mean()

    assert activity(0.0) > 0.3
    assert activity(2.0) == pytest.approx(0.1, abs=0.02)


def test_the_sparsity_gradient_is_that_of_the_cross_entropy():
    # cost · (mean activity - target) at each hidden unit's input, as Hinton (2010, §11) has it
    rbm, v = machine(), batch()
    rbm.contrastive_divergence(v, np.random.default_rng(1))
    plain = {name: gradient.copy() for name, gradient in rbm.gradients.items()}
    rbm.contrastive_divergence(v, np.random.default_rng(1), sparsity=(0.2, 3.0))
    excess = 3.0 * (rbm.hidden_probabilities(v).mean(axis=0) - 0.2)
    np.testing.assert_allclose(rbm.gradients["hidden_bias"] - plain["hidden_bias"], excess)
    np.testing.assert_allclose(
        rbm.gradients["weight"] - plain["weight"], np.outer(excess, v.mean(axis=0)), atol=1e-15
    )
    np.testing.assert_array_equal(rbm.gradients["visible_bias"], plain["visible_bias"])


@pytest.mark.parametrize("settings", [{}, {"k": 5}, {"persistent": True}, {"sampled": False}])
def test_it_learns(settings):
    # Persistent chains are few and must keep up with the weights: a smaller rate (Tieleman 2008).
    rate, epochs = (0.02, 1000) if "persistent" in settings else (0.1, 300)
    rng = np.random.default_rng(0)
    v = np.repeat(np.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]), 10, axis=0)
    rbm = RBM(6, 4, rng=rng, dtype=float)
    before = log_likelihood(rbm, v).mean()
    step = cd_step(rbm, SGD(rbm.parameters, rate), rng, **settings)
    history = fit(step, (v,), epochs=epochs, batch_size=10, rng=rng, progress=False)
    after = log_likelihood(rbm, v).mean()
    assert before == pytest.approx(6 * np.log(0.5), abs=0.05)  # every state alike
    assert after > -1.2  # the best possible is log ½
    assert history.losses[-1] < 0.1 < history.losses[0]


def test_a_chain_of_ones_own_is_used_from_step_to_step():
    rbm, rng, chain = machine(), np.random.default_rng(0), np.zeros((9, 5))
    step = cd_step(rbm, SGD(rbm.parameters, 0.0), rng, chain=chain)
    step(batch())
    before = chain.copy()
    step(batch())
    assert before.any()
    assert (chain != before).any()


def test_persistent_chains_start_at_the_first_batch():
    ours, theirs = machine(), machine()
    chain, v = batch(seed=1), batch(seed=2)
    one = cd_step(ours, SGD(ours.parameters, 0.1), np.random.default_rng(5), persistent=True)
    other = cd_step(theirs, SGD(theirs.parameters, 0.1), np.random.default_rng(5), chain=chain)
    for rows in (batch(seed=1), v, v):
        assert one(rows) == other(rows)
    np.testing.assert_array_equal(as_vector(ours.parameters), as_vector(theirs.parameters))


def test_the_same_seed_gives_the_same_machine():
    def trained():
        rng = np.random.default_rng(4)
        rbm = RBM(5, 3, rng=rng)
        step = cd_step(rbm, SGD(rbm.parameters, 0.1, momentum=0.5), rng, k=2, persistent=True)
        for _ in range(5):
            step(batch())
        return as_vector(rbm.parameters)

    np.testing.assert_array_equal(trained(), trained())


# --- Gaussian visible units --------------------------------------------------------------------


def test_gaussian_conditionals_follow_from_the_energy():
    rbm, rng = machine(GaussianRBM), np.random.default_rng(1)
    h = all_states(4)
    # log p(v | h) up to a constant is quadratic with slope -(v - mean): the mean is where E is flat
    mean = rbm.visible_probabilities(h)
    for i in range(5):
        up, down = mean.copy(), mean.copy()
        up[:, i] += 1.0
        down[:, i] -= 1.0
        np.testing.assert_allclose(rbm.energy(up, h), rbm.energy(down, h), atol=1e-10)
        np.testing.assert_allclose(rbm.energy(up, h) - rbm.energy(mean, h), 0.5, atol=1e-10)
    v = rng.normal(size=(6, 5))
    weights = np.exp(-np.array([rbm.energy(np.tile(one, (16, 1)), h) for one in v]))
    expected = weights / weights.sum(axis=1, keepdims=True) @ h
    np.testing.assert_allclose(rbm.hidden_probabilities(v), expected, rtol=1e-10)


def test_gaussian_samples_have_variance_one_about_their_mean():
    rbm, rng = machine(GaussianRBM), np.random.default_rng(1)
    h = np.tile([1.0, 0, 1, 1], (40_000, 1))
    v = rbm.sample_visible(h, rng)
    np.testing.assert_allclose(v.mean(axis=0), rbm.visible_probabilities(h[:1])[0], atol=0.025)
    np.testing.assert_allclose(v.var(axis=0), 1, atol=0.035)


def test_gaussian_z_is_the_integral():
    from dlkit.models.partition import log_partition

    rbm = machine(GaussianRBM, visible=2, hidden=3, std=0.7)
    axis = np.linspace(-12, 12, 481)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    integral = np.exp(-rbm.free_energy(grid)).sum() * (axis[1] - axis[0]) ** 2
    assert log_partition(rbm) == pytest.approx(np.log(integral), rel=1e-8)


def test_a_gaussian_machine_learns_two_clusters():
    rng = np.random.default_rng(0)
    centres = np.array([[2.0, 2.0, -2.0], [-2.0, -2.0, 2.0]])
    v = centres[rng.integers(0, 2, 400)] + 0.3 * rng.normal(size=(400, 3))
    rbm = GaussianRBM(3, 4, rng=rng, dtype=float)
    before = log_likelihood(rbm, v).mean()
    step = cd_step(rbm, SGD(rbm.parameters, 0.02), rng, sampled=False)
    fit(step, (v,), epochs=100, batch_size=50, rng=rng, progress=False)
    assert log_likelihood(rbm, v).mean() > before + 3


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(5), r"v must have shape \(N, 5\), got \(5,\)"),
        (np.ones((2, 4)), r"v must have shape \(N, 5\), got \(2, 4\)"),
        (np.ones((0, 5)), r"v must have shape \(N, 5\), got \(0, 5\)"),
        (np.full((2, 5), 255), r"v must lie in 0 … 1, got 255 … 255 \(scale it"),
        (np.full((2, 5), -1), r"v must lie in 0 … 1, got -1 … -1"),
        (np.full((2, 5), np.nan), r"v must lie in 0 … 1, got nan"),
        ("text", "v must hold real numbers"),
    ],
)
def test_states_that_are_none_are_refused(bad, message):
    rbm, rng = machine(), np.random.default_rng(0)
    for method in (
        rbm.free_energy,
        rbm.hidden_probabilities,
        rbm.reconstruct,
        lambda v: rbm.gibbs(v, rng),
        lambda v: rbm.contrastive_divergence(v, rng),
    ):
        with pytest.raises(ValueError, match=message):
            method(bad)


@pytest.mark.parametrize("sparsity", [0.1, (0.1,), (0.1, 0.1, 0.1), "0.1"])
def test_a_sparsity_that_is_no_pair_is_refused(sparsity):
    with pytest.raises(ValueError, match=r"sparsity must be a pair \(target, cost\), got"):
        machine().contrastive_divergence(
            np.ones((2, 5)), np.random.default_rng(0), sparsity=sparsity
        )


def test_real_numbers_are_welcome_to_a_gaussian_machine_alone():
    v = np.full((2, 5), 3.0)
    assert np.isfinite(machine(GaussianRBM).free_energy(v)).all()
    with pytest.raises(ValueError, match="use a GaussianRBM"):
        machine().free_energy(v)
    with pytest.raises(ValueError, match=r"v must be finite, but v\[0, 0\] is nan"):
        machine(GaussianRBM).free_energy(v * np.nan)


def test_impossible_settings_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="visible must be at least 1, got 0"):
        RBM(0, 3, rng=rng)
    with pytest.raises(ValueError, match=r"hidden must be a whole number, got 2\.5"):
        RBM(3, 2.5, rng=rng)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        machine().contrastive_divergence(batch(), rng, k=0)
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        machine().gibbs(batch(), rng, steps=-1)
    with pytest.raises(ValueError, match=r"chain must have shape \(M, 5\), got \(2, 4\)"):
        machine().contrastive_divergence(batch(), rng, chain=np.zeros((2, 4)))
    with pytest.raises(ValueError, match="chain must be an array, which is moved in place"):
        machine().contrastive_divergence(batch(), rng, chain=[[0] * 5])
    with pytest.raises(ValueError, match="sparsity target must be between 0 and 1"):
        machine().contrastive_divergence(batch(), rng, sparsity=(2.0, 1.0))
    with pytest.raises(ValueError, match="sparsity cost must be at least 0"):
        machine().contrastive_divergence(batch(), rng, sparsity=(0.1, -1.0))
    with pytest.raises(ValueError, match=r"h must have shape \(N, 4\), got \(6, 5\)"):
        machine().visible_probabilities(batch())


def test_a_step_that_fails_leaves_the_chain_alone():
    rbm, chain = machine(), np.zeros((3, 5))
    with pytest.raises(ValueError, match="v must"):
        rbm.contrastive_divergence(np.ones((2, 4)), np.random.default_rng(0), chain=chain)
    assert not chain.any()
