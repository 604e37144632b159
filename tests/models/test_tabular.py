"""Tables: published values, exact solutions, and what single steps converge to."""

import copy

import gymnasium
import numpy as np
import pytest

from dlkit.envs.cartpole import CartPole
from dlkit.envs.grid_world import CLIFF_WALK, ROOMS, GridWorld
from dlkit.models import tabular
from dlkit.models.tabular import (
    QLearning,
    Sarsa,
    Walk,
    bellman,
    epsilon_greedy,
    evaluate_policy,
    value_iteration,
)


def test_the_utilities_of_russell_and_norvig():
    """Figure 17.3 of their book; they count a square's own reward, we that of arriving."""
    world = GridWorld(ROOMS, step=-0.04, slip=0.2)
    q = value_iteration(*world.model(), gamma=1.0)
    utilities = q.max(axis=1).reshape(3, 4) - 0.04
    published = [[0.812, 0.868, 0.918, 0], [0.762, 0, 0.660, 0], [0.705, 0.655, 0.611, 0.388]]
    printed = np.round(utilities, 3)
    printed[0, 3] = printed[1, 3] = printed[1, 1] = 0
    np.testing.assert_allclose(printed, published, atol=1e-9)


def test_the_error_shrinks_by_gamma_a_sweep(rng):
    P = rng.random((6, 3, 6))
    P /= P.sum(axis=2, keepdims=True)
    R, gamma = rng.normal(size=(6, 3)), 0.9
    best = value_iteration(P, R, gamma).max(axis=1)
    values = rng.normal(size=6) * 10
    for _ in range(60):
        before = np.abs(values - best).max()
        values = bellman(values, P, R, gamma).max(axis=1)
        assert np.abs(values - best).max() <= gamma * before + 1e-10


def test_value_iteration_goes_on_while_a_single_value_moves():
    """In a corridor the reward comes one square nearer to the start in each sweep."""
    world = GridWorld(("S" + 40 * "." + "G",), step=0, goal=1)
    best = value_iteration(*world.model(), gamma=1.0, tolerance=0.5).max(axis=1)
    np.testing.assert_array_equal(best[:-1], 1)


def test_an_episode_without_rewards_ends_too(rng):
    world = GridWorld(("SG",), step=0, goal=0)
    walk = Walk(QLearning(2, 4, gamma=0.9), world, rng, epsilon=0.5)
    assert walk.episode() == 0
    assert walk.scores == [0]


def test_value_iteration_finds_the_best_of_all_policies(rng):
    P = rng.random((4, 2, 4))
    P /= P.sum(axis=2, keepdims=True)
    P[3] = 0  # the end
    R = rng.normal(size=(4, 2))
    R[3] = 0
    best = np.full(4, -np.inf)
    for choice in np.ndindex(2, 2, 2):
        policy = np.eye(2)[[*choice, 0]]
        best = np.maximum(best, evaluate_policy(policy, P, R, 0.9))
    np.testing.assert_allclose(value_iteration(P, R, 0.9).max(axis=1), best, atol=1e-10)


def test_a_policys_value_is_the_mean_of_its_returns(rng):
    world = GridWorld(ROOMS, slip=0.3)
    P, R = world.model()
    policy = np.full(R.shape, 0.25)
    world.reset(seed=0)
    returns = []
    for _ in range(3000):
        world.reset()
        total, worth, over = 0.0, 1.0, False
        while not over:
            _, reward, over, *_ = world.step(int(rng.integers(4)))
            total, worth = total + worth * reward, worth * 0.9
        returns.append(total)
    error = np.std(returns) / np.sqrt(len(returns))
    assert abs(np.mean(returns) - evaluate_policy(policy, P, R, 0.9)[8]) < 4 * error


def test_one_update_by_hand():
    for agent, worth in ((QLearning(3, 2, gamma=0.5), 6.0), (Sarsa(3, 2, gamma=0.5), 4.0)):
        agent.learning_rate = 0.25
        agent.table[:] = [[1.0, 2.0], [4.0, 6.0], [0.0, 0.0]]
        error = agent.update(0, 1, 3.0, 1, False, next_action=0)
        assert error == 3.0 + 0.5 * worth - 2.0
        assert agent.table[0, 1] == 2.0 + 0.25 * error
        before = agent.table.copy()
        assert agent.update(0, 0, 3.0, 1, True, next_action=0) == 2.0  # nothing follows
        before[0, 0] = 1.5
        np.testing.assert_array_equal(agent.table, before)
    with pytest.raises(ValueError, match="give next_action"):
        agent.update(0, 0, 1.0, 1, False)


def test_q_learning_converges_to_value_iteration():
    """With a rate that falls as Watkins and Dayan (1992) ask, whatever the agent does: ε = 1."""
    world = GridWorld(ROOMS, slip=0.2, anywhere=True)
    best = value_iteration(*world.model(), gamma=0.9)
    rng = np.random.default_rng(0)
    agent = QLearning(12, 4, gamma=0.9)
    walk = Walk(agent, world, rng, epsilon=1.0)
    for number in range(40_000):
        agent.learning_rate = 1 / (1 + number / 300) ** 0.8
        walk.step()
    assert np.abs(agent.table - best).max() < 0.08


def test_sarsa_converges_to_the_value_of_what_it_does():
    world = GridWorld(ROOMS, slip=0.2, anywhere=True)
    P, R = world.model()
    rng = np.random.default_rng(0)
    agent = Sarsa(12, 4, gamma=0.9)
    walk = Walk(agent, world, rng, epsilon=1.0)  # any action: one policy, known beforehand
    values = evaluate_policy(np.full((12, 4), 0.25), P, R, 0.9)
    for number in range(40_000):
        agent.learning_rate = 1 / (1 + number / 300) ** 0.8
        walk.step()
    assert np.abs(agent.table - bellman(values, P, R, 0.9)).max() < 0.1


def test_on_the_cliff_sarsa_takes_the_safe_way():
    """Example 6.6 of Sutton and Barto: the better policy earns less while it learns."""
    scores = {}
    for kind in (QLearning, Sarsa):
        world = GridWorld(CLIFF_WALK, step=-1, goal=-1, cliff=-100)
        agent = kind(48, 4, learning_rate=0.5, gamma=1.0)
        walk = Walk(agent, world, np.random.default_rng(0), epsilon=0.1)
        scores[kind] = np.mean([walk.episode() for _ in range(500)][100:])
    assert scores[Sarsa] > scores[QLearning] + 10


def test_the_walk_is_the_algorithm_written_out():
    """SARSA as in section 6.4 of Sutton and Barto, loop by loop, with the same coins."""
    settings = {"step": -1, "goal": -1, "cliff": -100, "limit": 50}
    walk = Walk(
        Sarsa(48, 4, gamma=1.0),
        GridWorld(CLIFF_WALK, **settings),
        np.random.default_rng(1),
        epsilon=0.1,
    )
    scores = [walk.episode() for _ in range(30)]

    rng = np.random.default_rng(1)
    agent, world = Sarsa(48, 4, gamma=1.0), GridWorld(CLIFF_WALK, **settings)
    state, _ = world.reset(seed=int(rng.integers(2**31)))
    expected = []
    for _ in range(30):
        action, total, over = agent.act(state, 0.1, rng), 0.0, False
        while not over:
            after, reward, terminated, truncated, _ = world.step(action)
            following = None if terminated else agent.act(after, 0.1, rng)
            agent.update(state, action, reward, after, terminated, following)
            state, action, over = after, following, terminated or truncated
            total += reward
        expected.append(total)
        state, _ = world.reset()
    assert scores == expected == walk.scores
    assert sum(walk.lengths) == walk.steps
    np.testing.assert_array_equal(walk.agent.table, agent.table)


def test_a_copied_walk_goes_on_alike():
    walk = Walk(
        QLearning(12, 4, gamma=0.9), GridWorld(slip=0.2), np.random.default_rng(0), epsilon=0.3
    )
    for _ in range(100):
        walk.step()
    twin = copy.deepcopy(walk)
    assert [walk.step() for _ in range(100)] == [twin.step() for _ in range(100)]
    np.testing.assert_array_equal(walk.agent.table, twin.agent.table)


def test_a_walk_through_gymnasiums_own_world():
    env = gymnasium.make("FrozenLake-v1", is_slippery=False)
    walk = Walk(
        QLearning(16, 4, learning_rate=0.5, gamma=0.9), env, np.random.default_rng(0), epsilon=0.5
    )
    for _ in range(20_000):
        walk.step()
    assert walk.agent.table[0].max() == pytest.approx(0.9**5, abs=1e-6)  # six steps to the goal


def test_equals_are_chosen_by_chance_and_epsilon_is_the_share_of_blunders(rng):
    agent = QLearning(1, 4, gamma=0.9)
    assert {agent.act(0, 0.0, rng) for _ in range(100)} == {0, 1, 2, 3}
    agent.table[0, 2] = 1
    chosen = np.bincount([agent.act(0, 0.4, rng) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(chosen, epsilon_greedy(agent.table, 0.4)[0], atol=0.04)


def test_bad_input_is_refused():
    P, R = GridWorld().model()
    with pytest.raises(ValueError, match="gamma must be between"):
        value_iteration(P, R, 1.1)
    with pytest.raises(ValueError, match="transitions must have shape"):
        value_iteration(P[:, :2], R, 0.9)
    with pytest.raises(ValueError, match="add up to 1"):
        value_iteration(0.5 * P, R, 0.9)
    with pytest.raises(ValueError, match="no end after 50 sweeps"):
        value_iteration(np.ones((1, 1, 1)), np.ones((1, 1)), 1.0, sweeps=50)
    with pytest.raises(ValueError, match="policy must hold probabilities"):
        evaluate_policy(np.ones((12, 4)), P, R, 0.9)
    with pytest.raises(ValueError, match="goes on for ever"):
        evaluate_policy(np.ones((1, 1)), np.ones((1, 1, 1)), np.ones((1, 1)), 1.0)
    with pytest.raises(ValueError, match="states must be at least 1"):
        QLearning(0, 4, gamma=0.9)
    with pytest.raises(ValueError, match="learning_rate must be"):
        QLearning(1, 4, gamma=0.9, learning_rate=2)


def test_shapes_that_do_not_fit_are_named():
    P, R = GridWorld().model()
    for values, transitions, rewards in (
        (np.zeros(5), P, R),
        (np.zeros((12, 1)), P, R),
        (0.0, P, R),
        (np.zeros(12), R, P),
    ):
        with pytest.raises(ValueError, match=r"values, transitions and rewards must have shapes"):
            bellman(values, transitions, rewards, 0.9)
    assert len(value_iteration(P, R, 0.9, sweeps=1e3)) == 12
    for name, value in {"sweeps": 0, "tolerance": np.nan}.items():
        with pytest.raises(ValueError, match=f"{name} must be"):
            value_iteration(P, R, 0.9, **{name: value})
    for epsilon in (-1, 2, np.nan, None):
        with pytest.raises(ValueError, match="epsilon must be"):
            epsilon_greedy(np.zeros((2, 2)), epsilon)
    with pytest.raises(ValueError, match=r"q must be finite, but q\[0, 0\] is nan"):
        epsilon_greedy([[np.nan, 1]], 0.1)


def test_what_the_table_does_not_have_is_not_learned():
    agent = QLearning(4, 2, gamma=0.9)
    for state, action in ((-1, 0), (4, 0), (0, -1), (0, 2)):
        with pytest.raises(ValueError, match=r"state must lie in 0 … 3 and action in 0 … 1, got"):
            agent.update(state, action, 1.0, 1, False)
    for after in (-1, 4):
        with pytest.raises(ValueError, match=rf"next_state must lie in 0 … 3, got {after}"):
            agent.update(0, 0, 1.0, after, False)
    for reward in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"reward must be finite, got {reward}"):
            agent.update(0, 0, reward, 1, False)
    assert not agent.table.any()
    sarsa = Sarsa(4, 2, gamma=0.9)
    for action in (-1, 2):
        with pytest.raises(ValueError, match=rf"next_action must lie in 0 … 1, got {action}"):
            sarsa.update(0, 0, 1.0, 1, False, action)
    assert not sarsa.table.any()


def test_a_walk_asks_for_a_table_of_its_world(rng):
    for agent, world, says in (
        (QLearning(5, 4, gamma=0.9), GridWorld(), r"\(5, 4\) .*, but env has Discrete\(12\)"),
        (QLearning(12, 2, gamma=0.9), GridWorld(), r"\(12, 2\) .* and Discrete\(4\)"),
        (QLearning(4, 2, gamma=0.9), CartPole(), r"\(4, 2\) .*, but env has Box\("),
    ):
        with pytest.raises(ValueError, match="agent has a table of " + says):
            Walk(agent, world, rng, epsilon=0.1)
    with pytest.raises(ValueError, match="epsilon must be between 0 and 1, got 2"):
        Walk(QLearning(12, 4, gamma=0.9), GridWorld(), rng, epsilon=2)


def test_an_episode_without_a_way_out_ends_with_a_sentence(monkeypatch, rng):
    monkeypatch.setattr(tabular, "LONGEST", 1000)
    walk = Walk(QLearning(4, 4, gamma=0.9), GridWorld(("S#", "#G")), rng, epsilon=0.1)
    with pytest.raises(ValueError, match="no end after 1,000 steps: is there a way out"):
        walk.episode()
