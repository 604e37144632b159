"""Learning what actions are worth, on a table: dynamic programming, Q-learning, SARSA.

Q[state, action] is the expected return: the sum of all rewards to come, one that comes k steps
later counting γᵏ. `transitions` P is (states, actions, states), `rewards` R (states, actions) the
expected reward of a step; the rows of P are 0 where nothing follows.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dlkit.check import check_array, check_generator, check_number

LONGEST = 1_000_000
"""Steps after which an episode that has not ended is taken for one that never will."""

# With the world's chances known: Bellman's equation (1957).


def bellman(
    values: ArrayLike, transitions: np.ndarray, rewards: np.ndarray, gamma: float
) -> np.ndarray:
    """Q(s, a) = R(s, a) + γ Σₛ′ P(s′ | s, a) V(s′), as (states, actions)."""
    shape = np.shape(rewards)
    if np.shape(transitions) != (*shape, *shape[:1]) or np.shape(values) != shape[:1]:
        raise ValueError(
            "values, transitions and rewards must have shapes (states,), (states, actions, states)"
            f" and (states, actions), got {np.shape(values)}, {np.shape(transitions)} and {shape}"
        )
    return rewards + gamma * (transitions @ np.asarray(values))


def value_iteration(
    transitions: ArrayLike,
    rewards: ArrayLike,
    gamma: float,
    *,
    tolerance: float = 1e-12,
    sweeps: int = 100_000,
) -> np.ndarray:
    """The best Q (states, actions): Bellman's equation with V = max Q, put in until it stands.

    Each sweep makes the largest error at least 1/γ times smaller, so that γ < 1 always arrives;
    γ = 1 does where every way ends. Stops when no value moves by more than `tolerance`; raises
    `ValueError` if that has not happened after `sweeps` sweeps.
    """
    P, R = _world(transitions, rewards, gamma)
    check_number("tolerance", tolerance, low=0)
    sweeps = int(check_number("sweeps", sweeps, low=1, whole=True))
    values = np.zeros(len(R))
    for _ in range(sweeps):
        q = bellman(values, P, R, gamma)
        before, values = values, q.max(axis=1)
        if np.abs(values - before).max() <= tolerance:
            return q
    raise ValueError(f"no end after {sweeps} sweeps: with gamma = {gamma} is there a way out?")


def evaluate_policy(
    policy: ArrayLike, transitions: ArrayLike, rewards: ArrayLike, gamma: float
) -> np.ndarray:
    """V (states,) of a policy (states, actions) of probabilities: V = R + γ P V, solved at once.

    Raises `ValueError` where the value is not finite, as with γ = 1 and a policy that never ends.
    """
    P, R = _world(transitions, rewards, gamma)
    policy = check_array("policy", policy, R.shape, dtype=float, finite=True)
    if policy.min() < 0 or not np.allclose(policy.sum(axis=1), 1):
        raise ValueError("policy must hold probabilities that add up to 1 in each state")
    follow = np.einsum("sa,sat->st", policy, P)
    try:
        return np.linalg.solve(np.eye(len(R)) - gamma * follow, (policy * R).sum(axis=1))
    except np.linalg.LinAlgError:
        raise ValueError("with gamma = 1 this policy goes on for ever: no finite value") from None


def epsilon_greedy(q: ArrayLike, epsilon: float) -> np.ndarray:
    """Probabilities (states, actions) of the policy that takes the best action but for chance ε.

    Among equally good actions the first is the best, as `argmax` has it.
    """
    q = check_array("q", q, ("states", "actions"), finite=True)
    check_number("epsilon", epsilon, low=0, high=1)
    policy = np.full(q.shape, epsilon / q.shape[1])
    policy[np.arange(len(q)), q.argmax(axis=1)] += 1 - epsilon
    return policy


def _world(transitions: ArrayLike, rewards: ArrayLike, gamma: float) -> tuple[np.ndarray, ...]:
    R = check_array("rewards", rewards, ("states", "actions"), dtype=float, finite=True)
    P = check_array("transitions", transitions, (*R.shape, len(R)), dtype=float, finite=True)
    sums = P.sum(axis=2)
    if P.min() < 0 or not (np.isclose(sums, 1) | (sums == 0)).all():
        raise ValueError("transitions must hold probabilities that add up to 1, or to 0 at an end")
    check_number("gamma", gamma, low=0, high=1)
    return P, R


# With nothing known: from single steps (Watkins 1989; Rummery and Niranjan 1994).


class QLearning:
    """Q(s, a) ← Q(s, a) + η (r + γ maxₐ′ Q(s′, a′) - Q(s, a)) (Watkins 1989).

    Learns what the best actions are worth, whatever the agent does meanwhile. `table` is Q (states,
    actions), zero at first. Raises `ValueError` for sizes below 1 and rates outside 0 … 1.
    """

    on_policy = False

    def __init__(self, states: int, actions: int, *, learning_rate: float = 0.1, gamma: float):
        check_number("states", states, low=1, whole=True)
        check_number("actions", actions, low=1, whole=True)
        self.learning_rate = check_number("learning_rate", learning_rate, low=0, high=1)
        self.gamma = check_number("gamma", gamma, low=0, high=1)
        self.table = np.zeros((int(states), int(actions)))

    def act(self, state: int, epsilon: float, rng: np.random.Generator) -> int:
        """The best action so far, or with chance ε any; among equals one by chance."""
        row = self.table[state]
        if rng.random() < epsilon:
            return int(rng.integers(len(row)))
        best = np.flatnonzero(row == row.max())
        return int(best[0] if len(best) == 1 else rng.choice(best))

    def update(
        self,
        state: int,
        action: int,
        reward: float,
        next_state: int,
        terminated: bool,
        next_action: int | None = None,
    ) -> float:
        """Learn from one step; return the error r + γ max Q(s′, ·) - Q(s, a) before it.

        Where the story ends (`terminated`) nothing is added to r: there is no future. Raises
        `ValueError`, and learns nothing, from a state or an action that the table does not have, or
        from a reward that is not finite.
        """
        states, actions = self.table.shape
        if not (0 <= state < states and 0 <= action < actions):
            raise ValueError(
                f"state must lie in 0 … {states - 1} and action in 0 … {actions - 1},"
                f" got state {state!r} and action {action!r}"
            )
        if not 0 <= next_state < states:
            raise ValueError(f"next_state must lie in 0 … {states - 1}, got {next_state!r}")
        if not math.isfinite(reward):
            raise ValueError(f"reward must be finite, got {reward}")
        future = 0.0 if terminated else self.gamma * self._worth(next_state, next_action)
        error = reward + future - self.table[state, action]
        self.table[state, action] += self.learning_rate * error
        return float(error)

    def _worth(self, next_state: int, next_action: int | None) -> float:
        return self.table[next_state].max()


class Sarsa(QLearning):
    """Q(s, a) ← Q(s, a) + η (r + γ Q(s′, a′) - Q(s, a)), a′ being the action it will take.

    Learns what its own actions are worth, its blunders included (Rummery and Niranjan 1994). The
    name is Sutton's: state, action, reward, state, action.
    """

    on_policy = True

    def _worth(self, next_state: int, next_action: int | None) -> float:
        if next_action is None:
            raise ValueError("SARSA learns from the action that follows: give next_action")
        if not 0 <= next_action < self.table.shape[1]:
            raise ValueError(
                f"next_action must lie in 0 … {self.table.shape[1] - 1}, got {next_action!r}"
            )
        return self.table[next_state, next_action]


class Step(NamedTuple):
    """One step of a walk; `score` is the episode's return, without γ, where it ended, else None."""

    state: Any
    action: int
    reward: float
    next_state: Any
    terminated: bool
    truncated: bool
    error: float
    score: float | None


class Walk:
    """An agent in a world, one step at a time: act, look, learn.

    `agent` has `act`, `update` and `on_policy`, `env` is a gymnasium environment whose observations
    are states, `rng` throws the agent's coins and seeds the world. `epsilon` may be changed at any
    time. `scores` has the return of each episode that has ended, `lengths` its steps. All of it
    can be copied with `copy.deepcopy` and goes on from there.
    """

    def __init__(self, agent: QLearning, env: Any, rng: np.random.Generator, *, epsilon: float):
        check_number("epsilon", epsilon, low=0, high=1)
        if isinstance(agent, QLearning):
            spaces = env.observation_space, env.action_space
            if agent.table.shape != tuple(getattr(space, "n", None) for space in spaces):
                raise ValueError(
                    f"agent has a table of {agent.table.shape} states and actions, but env has"
                    f" {spaces[0]} and {spaces[1]}"
                )
        self.agent, self.env, self.epsilon = agent, env, epsilon
        self.rng = check_generator("rng", rng)
        self.scores: list[float] = []
        self.lengths: list[int] = []
        self.steps = 0
        self._begin(seed=int(rng.integers(2**31)))

    def step(self) -> Step:
        """Take one step and learn from it; begin a new episode where one has ended."""
        state, action = self.state, self._next
        if action is None:
            action = self.agent.act(state, self.epsilon, self.rng)
        next_state, reward, terminated, truncated, _ = self.env.step(action)
        self._next = None
        if self.agent.on_policy and not terminated:
            self._next = self.agent.act(next_state, self.epsilon, self.rng)
        error = self.agent.update(state, action, reward, next_state, terminated, self._next)
        self.state, self.steps = next_state, self.steps + 1
        self._score, self._length = self._score + float(reward), self._length + 1
        score = None
        if terminated or truncated:
            score = self._score
            self.scores.append(score)
            self.lengths.append(self._length)
            self._begin()
        return Step(state, action, float(reward), next_state, terminated, truncated, error, score)

    def episode(self) -> float:
        """Walk to the end of the episode; return the sum of its rewards.

        Raises `ValueError` where `LONGEST` steps have not ended it: a world without a way out.
        """
        for _ in range(LONGEST):
            if (score := self.step().score) is not None:
                return score
        raise ValueError(
            f"no end after {LONGEST:,} steps: is there a way out? Give the world a limit"
        )

    def _begin(self, seed: int | None = None) -> None:
        self.state, _ = self.env.reset(seed=seed)
        self._next: int | None = None
        self._score, self._length = 0.0, 0
