"""Energy never rises, memories are where the state comes to rest, until there are too many."""

import numpy as np
import pytest

from dlkit.models.hopfield import Hopfield, overlap, spoil
from dlkit.models.partition import all_states


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


@pytest.fixture
def random_net(rng):
    """Symmetric weights that no patterns made."""
    net = Hopfield(12, dtype=np.float64)
    net.weight += rng.normal(size=(12, 12))
    net.weight += net.weight.T.copy()
    np.fill_diagonal(net.weight, 0)
    return net


def test_hebb_s_rule_is_a_sum_over_pairs(rng):
    xi = signs(rng, 3, 7)
    net = Hopfield(7, dtype=np.float64)
    net.store(xi[:1])
    net.store(xi[1:])
    for i in range(7):
        for j in range(7):
            expected = 0 if i == j else sum(p[i] * p[j] for p in xi) / 7
            assert net.weight[i, j] == pytest.approx(expected, abs=1e-15)
    net.forget()
    assert not net.weight.any()


def test_projection_keeps_patterns_that_are_alike(rng):
    """Ten patterns that share three quarters of their signs: Hebb's rule loses them."""
    common = signs(rng, 100)
    xi = np.where(rng.random((10, 100)) < 0.75, common, signs(rng, 10, 100))
    net = Hopfield(100, dtype=np.float64)
    net.store(xi)
    assert net.is_fixed(xi).sum() == 0
    net.project(xi)
    assert net.is_fixed(xi).all()
    np.testing.assert_allclose(net.weight, net.weight.T, atol=1e-12)
    span = xi.T @ np.linalg.pinv(xi.T)
    np.testing.assert_allclose(net.weight + np.diag(np.diag(span)), span, atol=1e-9)
    net.project(np.concatenate([xi, xi[:3]]))  # the same once more is no more
    np.testing.assert_allclose(net.weight + np.diag(np.diag(span)), span, atol=1e-9)


def test_energy_is_a_sum_over_pairs(random_net):
    states = 2.0 * all_states(12)[::97] - 1
    expected = [
        -sum(random_net.weight[i, j] * s[i] * s[j] for i in range(12) for j in range(i))
        for s in states
    ]
    np.testing.assert_allclose(random_net.energy(states), expected, atol=1e-12)


def test_no_update_of_one_unit_raises_the_energy(random_net, rng):
    states = signs(rng, 50, 12)
    energy = random_net.energy(states)
    for i in rng.integers(0, 12, 100):
        states = random_net.update(states, [i])
        after = random_net.energy(states)
        assert (after <= energy + 1e-12).all()
        energy = after
    assert np.isin(states, (-1, 1)).all()


def test_an_update_takes_the_sign_of_the_field(random_net, rng):
    states = signs(rng, 20, 12)
    field = random_net.field(states)
    after = random_net.update(states, [4])
    np.testing.assert_array_equal(after[:, 4], np.sign(field[:, 4]))
    np.testing.assert_array_equal(np.delete(after, 4, 1), np.delete(states, 4, 1))


def test_one_call_is_as_many_updates(random_net, rng):
    states, order = signs(rng, 9, 12), rng.integers(0, 12, 40)
    expected = states
    for i in order:
        expected = random_net.update(expected, [i])
    np.testing.assert_array_equal(random_net.update(states, order), expected)


def test_a_unit_without_a_field_keeps_its_sign(rng):
    states = signs(rng, 4, 6)
    np.testing.assert_array_equal(Hopfield(6).sweep(states, rng), states)
    assert Hopfield(6).is_fixed(states).all()


def test_rest_is_a_lowest_place_among_its_neighbours(random_net, rng):
    """Wherever recall ends, turning any one unit costs energy; checked against all 4,096 states."""
    ends = random_net.recall(signs(rng, 30, 12), rng)
    assert random_net.is_fixed(ends).all()
    energy = random_net.energy(ends)
    for i in range(12):
        turned = ends.copy()
        turned[:, i] *= -1
        assert (random_net.energy(turned) >= energy - 1e-12).all()
    every = 2.0 * all_states(12) - 1
    lowest = every[random_net.energy(every).argmin()]
    assert random_net.is_fixed(lowest).all()


def test_both_at_once_may_go_round_in_circles():
    """Why one after another: two units that repel each other turn together for ever."""
    net = Hopfield(2)
    net.weight[...] = [[0, -1], [-1, 0]]
    together = np.sign(net.field([[1, 1]]))
    np.testing.assert_array_equal(np.sign(net.field(together)), [[1, 1]])
    assert net.is_fixed(net.recall([[1, 1]], np.random.default_rng(0))).all()


@pytest.mark.parametrize("seed", range(3))
def test_spoiled_memories_are_recalled_below_the_capacity(seed):
    """Five patterns in 200 units, a fifth of each turned. Of ten seeds all overlaps were 1."""
    rng = np.random.default_rng(seed)
    xi = signs(rng, 5, 200)
    net = Hopfield(200)
    net.store(xi)
    assert net.is_fixed(xi).all()
    assert net.is_fixed(-xi).all(), "what is turned round altogether is remembered too"
    found = net.recall(spoil(xi, 0.2, rng), rng)
    np.testing.assert_array_equal(found, xi)


@pytest.mark.parametrize("seed", range(3))
def test_the_memory_breaks_above_its_capacity(seed):
    """1,000 units. Of three seeds: 0.997 to 0.999 at 0.10 N, 0.37 to 0.41 at 0.20 N."""
    rng = np.random.default_rng(seed)
    quality = []
    for load in (0.1, 0.2):
        xi = signs(rng, round(load * 1000), 1000)
        net = Hopfield(1000)
        net.store(xi)
        quality.append(overlap(net.recall(xi[:30], rng, sweeps=20), xi[:30]).mean())
    assert quality[0] > 0.98
    assert quality[1] < 0.6


def test_overlap_and_spoil(rng):
    xi = signs(rng, 40, 50)
    spoiled = spoil(xi, 0.3, rng)
    np.testing.assert_allclose(overlap(xi, spoiled), 1 - 2 * 0.3)
    assert len(np.unique(xi != spoiled, axis=0)) > 30
    np.testing.assert_allclose(overlap(xi, -xi[0])[0], -1)
    np.testing.assert_array_equal(spoil(xi, 0, rng), xi)
    np.testing.assert_array_equal(spoil(xi, 1, rng), -xi)
    assert ((spoil(xi, 0.58, rng) != xi).sum(axis=1) == 29).all()  # 0.58 · 50 = 28.999999999999996


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(dtype, rng):
    net = Hopfield(5, dtype=dtype)
    net.store(signs(rng, 2, 5))
    assert net.weight.dtype == dtype
    assert net.recall(signs(rng, 2, 5), rng).dtype == dtype


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda net, rng: Hopfield(1), "units must be at least 2"),
        (lambda net, rng: net.store([[1, -1]]), r"patterns must have shape \(M, 4\)"),
        (lambda net, rng: net.energy([[0, 1, 1, 1]]), r"state must hold \+1 and -1 only, got 0"),
        (lambda net, rng: net.update([[1, 1, 1, 1]], [4]), "order must hold units 0 … 3"),
        (lambda net, rng: net.update([[1, 1, 1, 1]], [0.5]), "order must be a row of whole"),
        (lambda net, rng: net.recall([[1, 1, 1, 1]], rng, sweeps=-1), "sweeps must be"),
        (lambda net, rng: spoil([[1, 1]], 1.5, rng), "share must be between 0 and 1"),
        (lambda net, rng: overlap([1, 1], [1, 1, 1]), "a and b must have as many units"),
    ],
)
def test_bad_input(act, message, rng):
    with pytest.raises(ValueError, match=message):
        act(Hopfield(4), rng)


def test_states_that_are_none_are_not_spoilt_or_compared(rng):
    for state in ([0, 1, 0], [True, False], np.ones(3, np.uint8), [np.nan, 1]):
        with pytest.raises(ValueError, match=r"state must hold \+1 and -1 only"):
            spoil(state, 0.5, rng)
    with pytest.raises(ValueError, match=r"state must have shape \(M, units\)"):
        spoil(np.ones((2, 3, 4)), 0.5, rng)
    with pytest.raises(ValueError, match="a and b must be as many states"):
        overlap(np.ones((3, 4)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="a and b must have as many units"):
        overlap(1, 1)
    assert overlap(np.ones((3, 4)), np.ones((1, 4))).shape == (3,)
