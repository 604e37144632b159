"""The twin of `dqn`: deep Q-learning on torch, for many worlds at once and for a GPU.

Names and equations are those of `dqn` (Mnih and others 2013, 2015; double: van Hasselt, Guez and
Silver 2016). Two things differ. The memory lies on the device and takes a step of all worlds at
once. And nothing in `learn` waits for the device: the loss stays there as a tensor. What must come
back is the actions, as the worlds are played on the CPU: one wait for each step of all worlds.

Chance comes from a NumPy generator, so that twins can be given the same numbers, or, for what is
drawn from the memory, from torch on the device, which is faster on a GPU.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlkit.check import check_generator, check_line, check_number, check_parts
from dlkit.models.device_torch import default_device
from dlkit.models.dqn import line_at

Source = torch.Generator | np.random.Generator | None
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Observations (N, …), actions (N,), rewards (N,), next observations (N, …), terminated (N,)."""


class ReplayMemory:
    """The last `capacity` steps, on the device: as in `dqn`, but `add` takes many steps.

    Observations have the shape `observation_shape` and keep their `dtype` here. `device=None` picks
    CUDA, then MPS, then the CPU.
    """

    def __init__(
        self,
        capacity: int,
        observation_shape: tuple[int, ...],
        dtype: torch.dtype = torch.float32,
        *,
        device: str | torch.device | None = None,
    ):
        capacity = int(check_number("capacity", capacity, low=1, whole=True))
        at: dict[str, Any] = {"device": device or default_device()}
        self.observations = torch.zeros(capacity, *observation_shape, dtype=dtype, **at)
        self.next_observations = torch.zeros_like(self.observations)
        self.actions = torch.zeros(capacity, dtype=torch.int64, **at)
        self.rewards = torch.zeros(capacity, **at)
        self.terminated = torch.zeros(capacity, dtype=torch.bool, **at)
        self.capacity, self.added = capacity, 0

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(
        self,
        observations: Any,
        actions: Any,
        rewards: Any,
        next_observations: Any,
        terminated: Any,
    ) -> None:
        """Keep N steps, the first of which is the oldest: arrays or tensors with N rows.

        Nothing of them is kept if something does not fit.
        """
        steps = len(observations)
        if steps > self.capacity:
            raise ValueError(
                f"capacity must be at least {steps} to add so many, got {self.capacity}"
            )
        batch = observations, actions, rewards, next_observations, terminated
        _check_steps(batch, steps, tuple(self.observations.shape[1:]))
        place = self.added % self.capacity
        before_the_end = min(steps, self.capacity - place)
        for kept, new in (
            (self.observations, observations),
            (self.actions, actions),
            (self.rewards, rewards),
            (self.next_observations, next_observations),
            (self.terminated, terminated),
        ):
            new = torch.as_tensor(new)
            kept[place : place + before_the_end].copy_(new[:before_the_end], non_blocking=True)
            if before_the_end < steps:  # the ring closes: the rest goes to the front
                kept[: steps - before_the_end].copy_(new[before_the_end:], non_blocking=True)
        self.added += steps

    def sample(self, count: int, rng: Source = None) -> Batch:
        """`count` steps drawn at random, each with the same chance, some perhaps twice."""
        count = int(check_number("count", count, low=1, whole=True))
        if not self.added:
            raise ValueError("the memory is empty: add a step before you sample")
        return self.take(draw(len(self), count, rng, self.actions.device))

    def last(self, count: int) -> Batch:
        """The newest `count` steps, or as many as there are, in order: learning without replay."""
        count = int(check_number("count", count, low=1, whole=True))
        if not self.added:
            raise ValueError("the memory is empty: add a step before you take some")
        first = self.added - min(count, len(self))
        newest = torch.arange(first, self.added, device=self.actions.device)
        return self.take(newest % self.capacity)

    def take(self, places: Tensor) -> Batch:
        """Copies of the steps at these places (N,), whole numbers in 0 … len(memory) - 1."""
        return (
            self.observations[places],
            self.actions[places],
            self.rewards[places],
            self.next_observations[places],
            self.terminated[places],
        )


class DQN:
    """An agent whose Q(s, ·) is a module, with the settings, the loss and the steps of `dqn.DQN`.

    `network` stays on the device where it is; its last parameter has an entry for each action.
    `optimiser` is one of `torch.optim`, Adam at 0.001 by default.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        gamma: float = 0.99,
        target_every: int = 60,
        double: bool = False,
        huber: float | None = 1.0,
        optimiser: torch.optim.Optimizer | None = None,
    ):
        self.gamma = check_number("gamma", gamma, low=0, high=1)
        self.target_every = int(check_number("target_every", target_every, low=1, whole=True))
        self.huber = np.inf if huber is None else check_number("huber", huber, low=0, strict=True)
        if not isinstance(network, nn.Module):
            raise ValueError(
                f"network must be a module of torch, got {network!r}"
                " (what is made of NumPy goes into dqn.DQN)"
            )
        if next(network.parameters(), None) is None:
            raise ValueError(f"network must have weights to learn with, got {network!r}")
        if not isinstance(optimiser, torch.optim.Optimizer | None):
            raise ValueError(f"optimiser must be one of torch.optim, got {optimiser!r}")
        self.double = double
        self.network = network
        self.target = copy.deepcopy(network).requires_grad_(False)
        weight = next(network.parameters())
        self.device, self.dtype = weight.device, weight.dtype
        if optimiser is None:
            fused = self.device.type in ("cpu", "cuda")  # one pass over all weights
            optimiser = torch.optim.Adam(network.parameters(), 0.001, fused=fused)
        self.optimiser = optimiser
        self.updates = 0

    def q(self, observations: Tensor) -> Tensor:
        """Q of every action, (N, actions), for observations (N, …)."""
        return self.network(observations.to(self.dtype))

    def act(self, observation: np.ndarray, epsilon: float, rng: np.random.Generator) -> int:
        """The best action for one observation (…), or with chance ε any."""
        if epsilon and rng.random() < epsilon:
            return int(rng.random() * self.actions)
        return int(self._best(observation[None])[0])

    def act_all(
        self, observations: np.ndarray, epsilon: float, rng: np.random.Generator
    ) -> np.ndarray:
        """An action for each of N observations (N, …), each with a coin of its own.

        They come back as an array, because the worlds are played on the CPU: here it waits.
        """
        actions = self._best(observations)
        if epsilon:
            explore = rng.random(len(actions)) < epsilon
            actions[explore] = rng.integers(self.actions, size=int(explore.sum()))
        return actions

    @torch.no_grad()
    def targets(self, rewards: Tensor, next_observations: Tensor, terminated: Tensor) -> Tensor:
        """y = r + γ max Q⁻(s′, ·), and y = r where the story is over, as (N,)."""
        next_observations = next_observations.to(self.dtype)
        future = self.target(next_observations)
        if self.double:
            best = self.network(next_observations).argmax(dim=1, keepdim=True)
            worth = future.gather(1, best)[:, 0]
        else:
            worth = future.amax(dim=1)
        return rewards + self.gamma * worth * ~terminated.bool()

    def learn(self, batch: Batch) -> Tensor:
        """Take one step down the mean loss of a batch; return that loss, still on the device.

        Raises `ValueError` where the five parts are not of one length. Whether each action exists
        is left to the device: to ask would be to wait for it.
        """
        observations, actions, rewards, next_observations, terminated = batch
        _check_steps(batch, len(observations), tuple(observations.shape[1:]))
        y = self.targets(rewards, next_observations, terminated)  # numbers: no gradient goes here
        error = self.q(observations).gather(1, actions[:, None])[:, 0] - y
        clipped = error.detach().clamp(-self.huber, self.huber)
        # δ²/2, and straight beyond; its derivative is the clipped error
        loss = (clipped * (error - 0.5 * clipped)).mean()

        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.updates += 1
        if self.updates % self.target_every == 0:
            self.update_target()
        return loss.detach()

    @torch.no_grad()
    def update_target(self) -> None:
        """Make the target network equal to the net."""
        self.target.load_state_dict(self.network.state_dict())

    @property
    def actions(self) -> int:
        """How many actions there are: the entries of the last parameter, a bias."""
        *_, last = self.network.parameters()
        return len(last)

    @torch.no_grad()
    def _best(self, observations: np.ndarray) -> np.ndarray:
        seen = torch.as_tensor(observations, device=self.device)
        return self.q(seen).argmax(dim=1).cpu().numpy()


class Practice:
    """A DQN in many worlds at once: act, remember, learn, with the settings of `dqn.Practice`.

    `envs` is a vector environment of gymnasium that begins anew in the step in which an episode
    ends (`AutoresetMode.SAME_STEP`), such as `CartPoleVector` or `BricksVector`. `steps` counts
    those of all worlds; so does `every`: with 32 worlds and `every=4` there are 8 learning steps
    after each step of the worlds. `rng` throws the coins and seeds the worlds; `source` draws from
    the memory, torch on the device if it is None. `scores` has the return of each episode that has
    ended, `loss` is the last one, a tensor on the device.
    """

    def __init__(
        self,
        agent: DQN,
        envs: Any,
        rng: np.random.Generator,
        *,
        capacity: int = 50_000,
        batch_size: int = 128,
        begin: int = 1_000,
        every: int = 4,
        epsilon: tuple[float, float, int] = (1.0, 0.05, 10_000),
        rate: tuple[float, float, int] | None = None,
        replay: bool = True,
        source: Source = None,
    ):
        mode = str(envs.metadata.get("autoreset_mode", ""))
        if "SAME_STEP" not in mode:
            raise ValueError(
                "envs must begin anew in the step in which an episode ends"
                f" (AutoresetMode.SAME_STEP), got {mode or 'no mode'}"
            )
        self.batch_size = int(check_number("batch_size", batch_size, low=1, whole=True))
        self.begin = int(check_number("begin", begin, low=1, whole=True))
        self.every = int(check_number("every", every, low=1, whole=True))
        self.epsilon_line = check_line("epsilon", epsilon)
        self.rate_line = None if rate is None else check_line("rate", rate)
        if not isinstance(agent, DQN):
            raise ValueError(f"agent must be a DQN of dlkit.models.dqn_torch, got {agent!r}")
        if agent.actions != (known := envs.single_action_space.n):
            raise ValueError(f"agent must know the {known} actions of envs, got {agent.actions}")
        self.agent, self.envs, self.source = agent, envs, source
        self.rng = check_generator("rng", rng)
        self.replay = replay
        space = envs.single_observation_space
        dtype = getattr(torch, str(space.dtype))
        self.memory = ReplayMemory(capacity, space.shape, dtype, device=agent.device)
        self.scores: list[float] = []
        self.ends: list[int] = []  # the step at which each of these episodes ended
        self.loss: Tensor | None = None
        self.steps = 0
        self._due = 0  # steps since the last learning step
        self._score = np.zeros(envs.num_envs)
        self.observations, _ = envs.reset(seed=int(rng.integers(2**31)))

    @property
    def epsilon(self) -> float:
        """The chance of a random action now."""
        return line_at(self.epsilon_line, self.steps)

    def step(self) -> None:
        """Take one step in every world, and learn as often as it is time."""
        actions = self.agent.act_all(self.observations, self.epsilon, self.rng)
        after, rewards, terminated, truncated, info = self.envs.step(actions)
        ended = terminated | truncated
        self.memory.add(
            self.observations, actions, rewards, before_reset(after, ended, info), terminated
        )
        self.observations = after
        self.steps += self.envs.num_envs
        self._score += rewards
        if ended.any():
            self.scores += self._score[ended].tolist()
            self.ends += [self.steps] * int(ended.sum())
            self._score[ended] = 0
        if self.steps < self.begin:
            return
        if self.rate_line is not None:
            for group in self.agent.optimiser.param_groups:
                group["lr"] = line_at(self.rate_line, self.steps)
        self._due += self.envs.num_envs
        while self._due >= self.every:
            self._due -= self.every
            if self.replay:
                batch = self.memory.sample(self.batch_size, self.source)
            else:
                batch = self.memory.last(self.batch_size)
            self.loss = self.agent.learn(batch)

    def run(self, steps: int) -> "Practice":
        """Take at least so many steps, in whole steps of all worlds."""
        check_number("steps", steps, low=0, whole=True)
        goal = self.steps + steps
        while self.steps < goal:
            self.step()
        return self


class FrameMemory:
    """A memory for stacks of frames that keeps each frame once, as in 2015.

    A million steps of four frames of 84×84 are 7 GB so, and 56 GB in a `ReplayMemory`. `add` and
    `sample` are as there, but `add` always takes a step of all `worlds`, in the same order. An
    observation is (frames, H, W), newest last; where an episode begins, its first frame fills the
    stack. What the clock broke off is not drawn, as its last frame is kept nowhere.
    """

    def __init__(
        self,
        capacity: int,
        worlds: int,
        observation_shape: tuple[int, int, int] = (4, 84, 84),
        *,
        device: str | torch.device | None = None,
    ):
        check_parts("observation_shape", observation_shape, 3, "(frames, height, width)")
        worlds = int(check_number("worlds", worlds, low=1, whole=True))
        self.stack, *size = observation_shape
        self.length = int(check_number("capacity", capacity, low=1, whole=True)) // worlds
        if self.length < self.stack + 2:
            raise ValueError(
                f"capacity must be at least {(self.stack + 2) * worlds}, got {capacity}"
            )
        at: dict[str, Any] = {"device": device or default_device()}
        self.frames = torch.zeros(self.length, worlds, *size, dtype=torch.uint8, **at)
        self.actions = torch.zeros(self.length, worlds, dtype=torch.int64, **at)
        self.rewards = torch.zeros(self.length, worlds, **at)
        self.terminated = torch.zeros(self.length, worlds, dtype=torch.bool, **at)
        self.broken = torch.zeros(self.length, worlds, dtype=torch.bool, **at)
        self.age = torch.zeros(self.length, worlds, dtype=torch.int64, **at)  # since the beginning
        self.worlds, self.capacity, self.rows = worlds, self.length * worlds, 0
        self._next: np.ndarray | None = None

    def __len__(self) -> int:
        return min(self.rows, self.length) * self.worlds

    def add(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        next_observations: np.ndarray,
        terminated: np.ndarray,
    ) -> None:
        """Keep a step of every world; nothing of it is kept if something does not fit."""
        batch = observations, actions, rewards, next_observations, terminated
        _check_steps(batch, self.worlds, (self.stack, *self.frames.shape[2:]))
        before, row = (self.rows - 1) % self.length, self.rows % self.length
        follows = np.zeros(self.worlds, bool)
        if self._next is not None:  # does this stack carry on where the last step led?
            follows = (self._next == observations).reshape(self.worlds, -1).all(axis=1)
            follows_there = torch.as_tensor(follows, device=self.age.device)
            self.broken[before] = ~(follows_there | self.terminated[before])
            self.age[row] = torch.where(follows_there, self.age[before] + 1, 0)
        for kept, new in (
            (self.frames, observations[:, -1]),
            (self.actions, actions),
            (self.rewards, rewards),
            (self.terminated, terminated),
        ):
            kept[row].copy_(torch.as_tensor(new), non_blocking=True)
        self._next = np.array(next_observations)  # a copy: the game may use its array again
        self.rows += 1

    def sample(self, count: int, rng: Source = None) -> Batch:
        """`count` steps drawn at random, each with the same chance, some perhaps twice."""
        count = int(check_number("count", count, low=1, whole=True))
        # The oldest rows have lost the frames before them, as many as a stack holds less one, and
        # one more where the clock broke a row off; the newest does not know its next frame.
        oldest = max(self.rows - self.length, 0)
        first = oldest + (self.stack if oldest else 0)
        if self.rows - 1 - first < 1:
            raise ValueError("the memory holds too little: add two steps before you sample")
        device = self.frames.device
        rows = first + draw(self.rows - 1 - first, count, rng, device)
        worlds = draw(self.worlds, count, rng, device)
        return self.take(rows, worlds)

    def take(self, rows: Tensor, worlds: Tensor) -> Batch:
        """The steps of these rows, counted from the first ever added, in these worlds."""
        rows = rows - self.broken[rows % self.length, worlds].long()  # the step before it instead
        here, next_row = rows % self.length, (rows + 1) % self.length
        back = torch.arange(self.stack - 1, -1, -1, device=rows.device)
        back = torch.minimum(back, self.age[here, worlds][:, None])
        observations = self.frames[(rows[:, None] - back) % self.length, worlds[:, None]]
        newest = self.frames[next_row, worlds][:, None]
        return (
            observations,
            self.actions[here, worlds],
            self.rewards[here, worlds],
            torch.cat([observations[:, 1:], newest], dim=1),
            self.terminated[here, worlds],
        )


def nature_network(actions: int, *, device: str | torch.device | None = None) -> nn.Sequential:
    """The net of Mnih and others (2015): from (N, 4, 84, 84), 0 … 255, to Q (N, actions).

    Three convolutions and two dense layers; with 4 actions 1,686,180 weights and biases.
    """
    return nn.Sequential(
        _Brightness(),
        *(nn.Conv2d(4, 32, 8, stride=4), nn.ReLU()),
        *(nn.Conv2d(32, 64, 4, stride=2), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3, stride=1), nn.ReLU()),
        nn.Flatten(),
        *(nn.Linear(64 * 7 * 7, 512), nn.ReLU()),
        nn.Linear(512, actions),
    ).to(device or default_device())


class _Brightness(nn.Module):
    """0 … 255 becomes 0 … 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 255


def before_reset(after: np.ndarray, ended: np.ndarray, info: dict[str, Any]) -> np.ndarray:
    """Where each step led, (N, …), before any world was set up again: `info["final_obs"]`.

    gymnasium gives an array of arrays and None; ours give plain arrays.
    """
    if not ended.any():
        return after
    led = after.copy()
    led[ended] = np.stack(list(info["final_obs"][ended]))
    return led


def draw(below: int, count: int, rng: Source, device: torch.device) -> Tensor:
    """`count` whole numbers in 0 … below - 1, each with the same chance, on the device."""
    if not isinstance(rng, Source):
        raise ValueError(f"rng must be a generator of NumPy or torch, or None, got {rng!r}")
    if isinstance(rng, np.random.Generator):
        return torch.from_numpy(rng.integers(below, size=count)).to(device, non_blocking=True)
    return torch.randint(below, (count,), generator=rng, device=device)


def _check_steps(batch: tuple[Any, ...], steps: int, one: tuple[int, ...]) -> None:
    """Each of the five parts must have one entry for each step, an observation of the shape `one`.

    Shapes and dtypes alone are looked at: nothing waits for a device.
    """
    if steps == 0:
        raise ValueError("observations is empty")
    names = ("observations", "actions", "rewards", "next_observations", "terminated")
    for name, part, shape in zip(names, batch, (one, (), (), one, ()), strict=True):
        if (came := tuple(np.shape(part))) != (steps, *shape):
            raise ValueError(f"{name} must have shape {(steps, *shape)}, got {came}")
    dtype = torch.as_tensor(batch[1]).dtype
    if dtype.is_floating_point:
        raise ValueError(f"actions must be whole numbers, got {dtype}")
