"""The cart-pole is gymnasium's, number by number."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from dlkit.envs.cartpole import LEANING, CartPole, CartPoleVector


def upright(observation):
    """A policy that keeps the pole up for long: push to the side to which it falls."""
    return int(observation[2] + 0.3 * observation[3] + 0.05 * observation[1] > 0)


@pytest.mark.parametrize("balanced", [True, False])
def test_it_is_gymnasiums_cartpole(balanced, rng):
    ours, theirs = CartPole(), gymnasium.make("CartPole-v1")
    lengths, off = [], 0.0
    for seed in range(40):
        a, _ = ours.reset(seed=seed)
        b, _ = theirs.reset(seed=seed)
        np.testing.assert_array_equal(a, b)
        for _ in range(500):
            action = upright(a) if balanced else int(rng.integers(2))
            a, *ends, _ = ours.step(action)
            b, *expected, _ = theirs.step(action)
            off = max(off, np.abs(a - b).max())
            assert ends == expected
            if ends[1] or ends[2]:
                break
        lengths.append(ours.steps)
    assert off < 1e-6  # rounding of cosines, where NumPy's are not Python's
    assert (min(lengths) > 400 and max(lengths) == 500) if balanced else max(lengths) < 200


def test_many_at_once_are_one_at_a_time(rng):
    many, ones = CartPoleVector(5), [CartPole() for _ in range(5)]
    observations, _ = many.reset(seed=3)
    for one, state in zip(ones, many.state.T, strict=True):
        one.reset(seed=0)
        one.state = tuple(state.tolist())
    ended = 0
    for _ in range(300):
        actions = rng.integers(0, 2, 5)
        observations, rewards, terminated, truncated, info = many.step(actions)
        np.testing.assert_array_equal(rewards, 1)
        final = info.get("final_obs", observations)
        assert (terminated | truncated).any() == ("_final_obs" in info)
        for i, one in enumerate(ones):
            observation, _, over, cut, _ = one.step(int(actions[i]))
            np.testing.assert_allclose(final[i], observation, rtol=0, atol=1e-6)
            assert (over, cut) == (terminated[i], truncated[i])
            if over or cut:  # set up again in the same step
                ended += 1
                assert np.abs(many.state[:, i]).max() <= 0.05
                assert many.steps[i] == 0
                one.reset()
                one.state = tuple(many.state[:, i].tolist())
            np.testing.assert_allclose(observations[i], many.state[:, i], atol=1e-6)
    assert ended > 20


def test_the_clock_breaks_off_and_the_fall_ends():
    short = CartPole(limit=3)
    short.reset(seed=0)
    assert [short.step(step % 2)[2:4] for step in range(3)] == [
        (False, False),
        (False, False),
        (False, True),
    ]
    falls = CartPole()
    falls.reset(seed=0)
    falls.state = (0.0, 0.0, LEANING, 1.0)
    assert falls.step(0)[2:4] == (True, False)
    with pytest.raises(ValueError, match=r"call reset\(\) first"):
        falls.step(0)


@pytest.mark.filterwarnings("ignore:.*A Box observation space")  # speeds have no bounds
def test_gymnasium_accepts_it():
    check_env(CartPole(), skip_render_check=True)


@pytest.mark.parametrize("action", [2, -1, 0.5, "left"])
def test_other_actions_are_refused(action):
    env = CartPole()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action must be 0"):
        env.step(action)


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="limit must be"):
        CartPole(limit=0)
    with pytest.raises(ValueError, match="num_envs must be"):
        CartPoleVector(0)
    envs = CartPoleVector(2)
    with pytest.raises(ValueError, match=r"call reset\(\) first"):
        envs.step(np.array([0, 1]))
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="2 zeros and ones"):
        envs.step(np.array([0, 1, 1]))
