"""The deep Q-network: Q-learning with a net in place of the table (Mnih and others 2013, 2015).

Two things keep the net from chasing its own tail: it learns from steps drawn at random from a long
memory (`ReplayMemory`, after Lin 1992), and towards the values of an older copy of itself, the
target network. `double` takes the next action from the one and its worth from the other (van
Hasselt, Guez and Silver 2016). dqn_torch is the twin.
"""

import copy
import math
import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_generator, check_labels, check_line, check_number
from dlkit.models.dense import Sequential
from dlkit.models.layer import Layer, Model
from dlkit.models.optimisers import Adam, Optimiser
from dlkit.models.tabular import Step

Batch = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Observations (N, …), actions (N,), rewards (N,), next observations (N, …), terminated (N,)."""

CARTPOLE = {
    "capacity": 100_000,
    "batch_size": 128,
    "begin": 1_000,
    "every": 4,
    "epsilon": (1.0, 0.02, 6_000),
    "rate": (2e-3, 0.0, 60_000),
}
"""Settings of `Practice` for the cart-pole: 60,000 steps, with a net 4-128-128-2."""


class ReplayMemory:
    """The last `capacity` steps: when it is full, a new one takes the place of the oldest.

    Observations have the shape `observation_shape` and keep their `dtype` here. The end of an
    episode is kept as `terminated` alone: a step that the clock broke off has a future.
    """

    def __init__(
        self, capacity: int, observation_shape: tuple[int, ...], dtype: DTypeLike = np.float32
    ):
        capacity = int(check_number("capacity", capacity, low=1, whole=True))
        self.observations = np.zeros((capacity, *observation_shape), dtype)
        self.next_observations = np.zeros_like(self.observations)
        self.actions = np.zeros(capacity, np.intp)
        self.rewards = np.zeros(capacity, np.float32)
        self.terminated = np.zeros(capacity, bool)
        self.capacity, self.added = capacity, 0

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(
        self,
        observation: np.ndarray,
        action: int,
        reward: float,
        next_observation: np.ndarray,
        terminated: bool,
    ) -> None:
        """Keep one step; nothing of it is kept if something does not fit."""
        shape = self.observations.shape[1:]
        for name, value in (("observation", observation), ("next_observation", next_observation)):
            if np.shape(value) != shape:
                raise ValueError(f"{name} must have shape {shape}, got {np.shape(value)}")
        try:
            action, reward = operator.index(action), float(reward)
        except (TypeError, ValueError):
            raise ValueError(
                "action must be a whole number and reward a number,"
                f" got action {action!r} and reward {reward!r}"
            ) from None
        if not math.isfinite(reward):
            raise ValueError(f"reward must be finite, got {reward}")
        place = self.added % self.capacity
        self.observations[place] = observation
        self.actions[place] = action
        self.rewards[place] = reward
        self.next_observations[place] = next_observation
        self.terminated[place] = terminated
        self.added += 1

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """`count` steps drawn at random, each with the same chance, some perhaps twice."""
        count = int(check_number("count", count, low=1, whole=True))
        if not self.added:
            raise ValueError("the memory is empty: add a step before you sample")
        check_generator("rng", rng)
        return self.take(rng.integers(len(self), size=count))

    def last(self, count: int) -> Batch:
        """The newest `count` steps, or as many as there are, in order: learning without replay."""
        count = int(check_number("count", count, low=1, whole=True))
        if not self.added:
            raise ValueError("the memory is empty: add a step before you take some")
        newest = np.arange(self.added - min(count, len(self)), self.added)
        return self.take(newest % self.capacity)

    def take(self, places: np.ndarray) -> Batch:
        """Copies of the steps at these places (N,), whole numbers in 0 … len(memory) - 1."""
        return (
            self.observations.take(places, axis=0),
            self.actions.take(places),
            self.rewards.take(places),
            self.next_observations.take(places, axis=0),
            self.terminated.take(places),
        )


class DQN:
    """An agent whose Q(s, ·) is a net: any layers from a batch (N, …) to (N, actions).

    The loss of a step is the Huber loss of δ = Q(s, a) - y, where y = r + γ max Q⁻(s′, ·) and Q⁻
    is the target network, a copy taken every `target_every` learning steps; at a terminal state
    y = r. No gradient flows through y. With `huber` = 1 the gradient of δ² / 2 is clipped to
    -1 … 1, which is what Mnih and others (2015) call clipping the error; None leaves it whole.

    `double` asks the net for the best next action and the target network for its worth.
    `optimiser` is made from the net's parameters, Adam at 0.001 by default; 2015 used RMSprop.
    `target_every=1` amounts to having no target network: y comes from the net as it is.
    """

    def __init__(
        self,
        network: Sequential | Layer,
        *,
        gamma: float = 0.99,
        target_every: int = 60,
        double: bool = False,
        huber: float | None = 1.0,
        optimiser: Optimiser | None = None,
    ):
        self.gamma = check_number("gamma", gamma, low=0, high=1)
        self.target_every = int(check_number("target_every", target_every, low=1, whole=True))
        self.huber = np.inf if huber is None else check_number("huber", huber, low=0, strict=True)
        for name, value, kind in (
            ("network", network, Model),
            ("optimiser", optimiser, Optimiser | None),
        ):
            if not isinstance(value, kind):
                raise ValueError(
                    f"{name} must be one of dlkit.models, got {value!r}"
                    " (what is made of torch goes into dqn_torch.DQN)"
                )
        if not network.parameters:
            raise ValueError(f"network must have weights to learn with, got {network!r}")
        self.double = double
        self.network, self.target = network, copy.deepcopy(network)
        self.optimiser = Adam(network.parameters, 0.001) if optimiser is None else optimiser
        self.actions = len(list(network.parameters.values())[-1])  # outputs of the last bias
        self.updates = 0

    def q(self, observations: np.ndarray) -> np.ndarray:
        """Q of every action, (N, actions), for observations (N, …)."""
        return self.network.forward(observations)

    def act(self, observation: np.ndarray, epsilon: float, rng: np.random.Generator) -> int:
        """The best action for one observation (…), or with chance ε any."""
        if epsilon and rng.random() < epsilon:
            return int(rng.random() * self.actions)
        return int(self.q(np.asarray(observation)[None])[0].argmax())

    def act_all(
        self, observations: np.ndarray, epsilon: float, rng: np.random.Generator
    ) -> np.ndarray:
        """An action for each of N observations (N, …), each with a coin of its own."""
        actions = self.q(observations).argmax(axis=1)
        if epsilon:
            explore = rng.random(len(actions)) < epsilon
            actions[explore] = rng.integers(self.actions, size=int(explore.sum()))
        return actions

    def targets(
        self, rewards: np.ndarray, next_observations: np.ndarray, terminated: np.ndarray
    ) -> np.ndarray:
        """y = r + γ max Q⁻(s′, ·), and y = r where the story is over, as (N,)."""
        future = self.target.forward(next_observations)
        if self.double:
            best = self.network.forward(next_observations).argmax(axis=1)
            worth = future[np.arange(len(best)), best]
        else:
            worth = future.max(axis=1)
        goes_on = ~np.asarray(terminated, bool)  # of 1 and 0, ~ alone would make -2 and -1
        return rewards + worth.dtype.type(self.gamma) * worth * goes_on

    def learn(self, batch: Batch) -> float:
        """Take one step down the mean loss of a batch; return that loss.

        Raises `ValueError` where the five parts are not of one length, or an action does not exist.
        """
        observations, actions, rewards, next_observations, terminated = batch
        n = len(observations)
        actions = check_labels("actions", actions, n, self.actions)
        for name, part in (("rewards", rewards), ("terminated", terminated)):
            if np.shape(part) != (n,):
                raise ValueError(f"{name} must have shape ({n},), got {np.shape(part)}")
        if np.shape(next_observations) != np.shape(observations):
            raise ValueError(
                f"next_observations must have shape {np.shape(observations)},"
                f" got {np.shape(next_observations)}"
            )
        y = self.targets(rewards, next_observations, terminated)  # numbers: no gradient goes here
        q = self.network.forward(observations)
        rows = np.arange(len(q))
        error = q[rows, actions] - y
        clipped = error.clip(-self.huber, self.huber)

        gradient = np.zeros_like(q)  # only the action that was taken is answered for
        gradient[rows, actions] = clipped / len(q)
        self.network.backward_parameters(gradient)
        self.optimiser.step(self.network.gradients)
        self.updates += 1
        if self.updates % self.target_every == 0:
            self.update_target()
        return float(clipped @ (error - 0.5 * clipped)) / n  # mean of δ²/2, and straight beyond

    def update_target(self) -> None:
        """Make the target network equal to the net."""
        _copy_parameters(self.network, self.target)


class Practice:
    """A DQN in a world, one step at a time: act, remember, learn (Mnih and others 2015, alg. 1).

    `env` is a gymnasium environment with `action_space.n` actions; `rng` throws all coins and
    seeds the world. Learning begins after `begin` steps and then happens `every` so many, from
    `batch_size` steps of a memory of `capacity`, or from the newest ones with `replay=False`.
    `epsilon` and `rate`, the learning rate, are (start, end, steps): a straight line, then level;
    `rate=None` leaves the optimiser's. `scores` has the return of each episode that has ended,
    `losses` that of each learning step. All of it can be copied with `copy.deepcopy` and goes on
    from there.

    >>> practice = Practice(agent, CartPole(), np.random.default_rng(0), **CARTPOLE)
    >>> practice.run(60_000)
    """

    def __init__(
        self,
        agent: DQN,
        env: Any,
        rng: np.random.Generator,
        *,
        capacity: int = 50_000,
        batch_size: int = 128,
        begin: int = 1_000,
        every: int = 4,
        epsilon: tuple[float, float, int] = (1.0, 0.05, 10_000),
        rate: tuple[float, float, int] | None = None,
        replay: bool = True,
    ):
        self.batch_size = int(check_number("batch_size", batch_size, low=1, whole=True))
        self.begin = int(check_number("begin", begin, low=1, whole=True))
        self.every = int(check_number("every", every, low=1, whole=True))
        self.epsilon_line = check_line("epsilon", epsilon)
        self.rate_line = None if rate is None else check_line("rate", rate)
        if not isinstance(agent, DQN):
            raise ValueError(f"agent must be a DQN of dlkit.models.dqn, got {agent!r}")
        if agent.actions != env.action_space.n:
            raise ValueError(
                f"agent must know the {env.action_space.n} actions of env, got {agent.actions}"
            )
        self.agent, self.env, self.replay = agent, env, replay
        self.rng = check_generator("rng", rng)
        space = env.observation_space
        self.memory = ReplayMemory(capacity, space.shape, space.dtype)
        self.scores: list[float] = []
        self.ends: list[int] = []  # the step at which each of these episodes ended
        self.losses: list[float] = []
        self.steps = 0
        self._score = 0.0
        self.observation, _ = env.reset(seed=int(rng.integers(2**31)))

    @property
    def epsilon(self) -> float:
        """The chance of a random action now."""
        return line_at(self.epsilon_line, self.steps)

    def step(self) -> Step:
        """Take one step, and learn where it is time; begin a new episode where one has ended.

        `error` of the returned `Step` is the loss, or NaN where nothing was learned.
        """
        observation = self.observation
        action = self.agent.act(observation, self.epsilon, self.rng)
        next_observation, reward, terminated, truncated, _ = self.env.step(action)
        self.memory.add(observation, action, reward, next_observation, terminated)
        self.observation = next_observation
        self.steps += 1
        self._score += reward
        score = None
        if terminated or truncated:
            score, self._score = float(self._score), 0.0
            self.scores.append(score)
            self.ends.append(self.steps)
            self.observation, _ = self.env.reset()
        loss = np.nan
        if self.steps >= self.begin and self.steps % self.every == 0:
            if self.rate_line is not None:
                self.agent.optimiser.learning_rate = line_at(self.rate_line, self.steps)
            if self.replay:
                batch = self.memory.sample(self.batch_size, self.rng)
            else:
                batch = self.memory.last(self.batch_size)
            loss = self.agent.learn(batch)
            self.losses.append(loss)
        return Step(
            observation, action, reward, next_observation, terminated, truncated, loss, score
        )

    def run(self, steps: int) -> "Practice":
        """Take so many steps."""
        check_number("steps", steps, low=0, whole=True)
        for _ in range(int(steps)):
            self.step()
        return self


def play(
    agent: Any,
    envs: Any,
    *,
    seed: int,
    epsilon: float = 0.0,
    gamma: float = 1.0,
) -> np.ndarray:
    """The return of one episode in each of many worlds, as (num_envs,).

    `envs` is a vector environment that begins anew in the step in which an episode ends, such as
    `CartPoleVector`; `agent` has `act_all(observations, epsilon, rng)`. `gamma` counts later
    rewards less. Waits for the last episode to end.
    """
    seed = int(check_number("seed", seed, low=0, whole=True))
    check_number("epsilon", epsilon, low=0, high=1)
    check_number("gamma", gamma, low=0, high=1)
    observations, _ = envs.reset(seed=seed)
    rng = np.random.default_rng([seed, 1])
    returns, worth = np.zeros(envs.num_envs), np.ones(envs.num_envs)  # worth is 0 after the end
    while worth.any():
        actions = agent.act_all(observations, epsilon, rng)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns += worth * rewards
        worth *= gamma * ~(terminated | truncated)
    return returns


def line_at(line: tuple[float, float, int], now: int) -> float:
    """Where a straight line (start, end, steps) stands after `now` steps; then it is level."""
    start, end, steps = line
    return end if now >= steps else start + (end - start) * now / steps


def _copy_parameters(source: Model, target: Model) -> None:
    own = target.parameters | target.buffers
    for name, array in (source.parameters | source.buffers).items():
        own[name][...] = array
