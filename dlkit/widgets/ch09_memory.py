"""What the explorer of deep Q-learning trains: an agent, its game, and a memory cheap to copy."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np

from dlkit.envs import bricks, cartpole
from dlkit.models.dense import mlp
from dlkit.models.dqn import DQN, Batch, Practice, play
from dlkit.models.optimisers import Adam

RECENT = 20  # episodes of which the mean is shown


class Flat(gymnasium.ObservationWrapper):
    """Observations of a pixel game as a row of float32, which is what a dense net takes."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        size = int(np.prod(env.observation_space.shape or ()))
        self.observation_space = gymnasium.spaces.Box(0, 1, (size,), np.float32)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        return observation.reshape(-1).astype(np.float32)


@dataclass(frozen=True)
class Setting:
    """What a game is learned with."""

    make: Callable[[], Any]
    many: Callable[[int], Any]  # worlds of a test
    sizes: tuple[int, ...]
    batch_size: int
    fall: int  # steps in which ε comes down
    binary: bool  # whether an observation is made of 0 and 1
    spot: Callable[[np.ndarray], tuple[float, float]]  # where it lies in the memory's picture, 0…1
    grid: tuple[int, int]  # rows and columns of that picture
    axes: tuple[str, str]  # what that picture shows, to the right and upwards
    best: float  # the most that an episode can bring, or nearly


def _cart(seen: np.ndarray) -> tuple[float, float]:
    return (
        float(seen[0]) / (2 * cartpole.FAR) + 0.5,
        float(seen[2]) / (2 * cartpole.LEANING) + 0.5,
    )


def _ball(seen: np.ndarray) -> tuple[float, float]:
    board = seen.reshape(4, bricks.SIZE, bricks.SIZE)
    place = int(board[bricks.BALL].argmax())
    row, column = divmod(place, bricks.SIZE)
    return (column + 0.5) / bricks.SIZE, 1 - (row + 0.5) / bricks.SIZE


SETTINGS = {
    "CartPole": Setting(
        cartpole.CartPole,
        cartpole.CartPoleVector,
        (4, 128, 128, 2),
        128,
        8_000,
        False,
        _cart,
        (24, 36),
        ("cart, −2.4 … 2.4 m", "pole, −12° … 12°"),
        500.0,
    ),
    "Bricks": Setting(
        lambda: Flat(bricks.Bricks()),
        bricks.BricksVector,
        (4 * bricks.SIZE**2, 128, 3),
        32,
        20_000,
        True,
        _ball,
        (bricks.SIZE, bricks.SIZE),
        ("column of the ball", "row of the ball"),
        48.0,
    ),
}


class SharedMemory:
    """As `dqn.ReplayMemory`, but copies share what they have in common.

    Steps are only ever written behind the last one. A copy keeps its own end; the first of two
    copies to write goes on in the same arrays, and the other one takes the steps that it still
    remembers to arrays of its own. Observations of 0 and 1 are packed into bits.
    """

    FIRST: ClassVar[int] = 4096  # steps that there is room for at first

    def __init__(self, capacity: int, width: int, setting: Setting):
        self.capacity, self.width, self.setting = capacity, width, setting
        self.added, self.start = 0, 0  # steps written, and which of them is the arrays' first
        self.drawn = np.zeros(0, int)  # which steps the last batch held, counted as `added`
        self._arrays = self._room(self.FIRST)
        self._tip = [0]  # how far the arrays are written: shared by those who share the arrays

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, observation, action, reward, next_observation, terminated) -> None:
        """Keep one step."""
        place = self.added - self.start
        if self._tip[0] != self.added or place == len(self._arrays["actions"]):
            self._move()
            place = self.added - self.start
        arrays = self._arrays
        binary = self.setting.binary
        for name, seen in (("observations", observation), ("next", next_observation)):
            arrays[name][place] = np.packbits(seen > 0.5) if binary else seen
        arrays["actions"][place] = action
        arrays["rewards"][place] = reward
        arrays["terminated"][place] = terminated
        rows, columns = self.setting.grid
        right, up = self.setting.spot(observation)
        row, column = min(max(int(up * rows), 0), rows - 1), int(right * columns)
        arrays["spots"][place] = row * columns + min(max(column, 0), columns - 1)
        self.added += 1
        self._tip[0] = self.added

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """`count` steps drawn at random from the last `capacity`."""
        return self._take(rng.integers(self.added - len(self), self.added, size=count))

    def last(self, count: int) -> Batch:
        """The newest `count` steps, in order."""
        return self._take(np.arange(self.added - min(count, len(self)), self.added))

    def _take(self, steps: np.ndarray) -> Batch:
        self.drawn = steps
        places, arrays = steps - self.start, self._arrays
        seen, after = arrays["observations"][places], arrays["next"][places]
        if self.setting.binary:
            seen, after = (
                np.unpackbits(bits, axis=1, count=self.width).astype(np.float32)
                for bits in (seen, after)
            )
        rest = (arrays[name][places] for name in ("actions", "rewards", "terminated"))
        actions, rewards, terminated = rest
        return seen, actions, rewards, after, terminated

    @property
    def spots(self) -> np.ndarray:
        """Where the steps that are kept lie in the memory's picture, (len,): cells row by row."""
        return self._kept("spots")

    @property
    def rewards(self) -> np.ndarray:
        """The rewards of the steps that are kept, (len,)."""
        return self._kept("rewards")

    @property
    def ends(self) -> np.ndarray:
        """Which of the steps that are kept ended an episode, (len,)."""
        return self._kept("terminated")

    @property
    def drawn_spots(self) -> np.ndarray:
        """Where the steps of the last batch lie."""
        return self._arrays["spots"][self.drawn - self.start]

    def _kept(self, name: str) -> np.ndarray:
        end = self.added - self.start
        return self._arrays[name][end - len(self) : end]

    def _room(self, size: int) -> dict[str, np.ndarray]:
        binary = self.setting.binary
        width, dtype = (-(-self.width // 8), np.uint8) if binary else (self.width, np.float32)
        return {
            "observations": np.zeros((size, width), dtype),
            "next": np.zeros((size, width), dtype),
            "actions": np.zeros(size, np.intp),
            "rewards": np.zeros(size, np.float32),
            "terminated": np.zeros(size, bool),
            "spots": np.zeros(size, np.int16),
        }

    def _move(self) -> None:
        """Take what is still remembered to arrays of one's own, twice as long."""
        kept, old = len(self), self._arrays
        end = self.added - self.start
        self._arrays = self._room(max(2 * kept, self.FIRST))
        for name, array in self._arrays.items():
            array[:kept] = old[name][end - kept : end]
        self.start, self._tip = self.added - kept, [self.added]
        self.drawn = self.drawn[self.drawn >= self.start]  # the rest is forgotten

    def __deepcopy__(self, memo: dict) -> "SharedMemory":
        return copy.copy(self)


class Training:
    """An agent at work: one `Practice`, and what is measured of it."""

    def __init__(self, game: str, capacity: int, seed: int):
        self.game, self.setting = game, SETTINGS[game]
        setting, rng = self.setting, np.random.default_rng(seed)
        network = mlp(setting.sizes, rng=rng)
        agent = DQN(network, optimiser=Adam(network.parameters, 1e-3))
        self.practice = Practice(
            agent, setting.make(), rng, capacity=1, batch_size=setting.batch_size
        )
        self.practice.memory = SharedMemory(capacity, setting.sizes[0], setting)  # type: ignore
        self.episodes, self.scores = 0, []
        self.loss = np.nan
        self.recipe = ""  # the settings of the last steps, in words
        self._earned, self._worth = 0.0, 1.0
        self._hoped = self._best_q()
        self.hopes: list[float] = []  # max Q at the start of the last episodes
        self.gains: list[float] = []  # the discounted return that came
        self.tested: tuple[int, float] | None = None  # after how many steps, mean of greedy play

    @property
    def agent(self) -> DQN:
        """Who learns."""
        return self.practice.agent

    @property
    def memory(self) -> SharedMemory:
        """What it remembers."""
        return self.practice.memory  # type: ignore[return-value]

    @property
    def q(self) -> np.ndarray:
        """Q of the actions here, (actions,)."""
        return self.agent.q(self.practice.observation[None])[0]

    @property
    def seen(self) -> np.ndarray:
        """What the agent sees, as the game has it."""
        seen = self.practice.observation
        return seen.reshape(4, bricks.SIZE, bricks.SIZE) if self.game == "Bricks" else seen

    @property
    def score(self) -> float:
        """Mean return of the last episodes; NaN before the first has ended."""
        return _mean(self.scores)

    @property
    def hoped(self) -> float:
        """Mean of max Q at the start of the last episodes: what the net expected of them."""
        return _mean(self.hopes)

    @property
    def got(self) -> float:
        """Mean of the discounted returns that these episodes brought, chance actions included."""
        return _mean(self.gains)

    def step(self) -> None:
        """One step of the game, and what is learned from it."""
        taken = self.practice.step()
        self._earned += self._worth * taken.reward
        self._worth *= self.agent.gamma
        if np.isfinite(taken.error):
            self.loss = taken.error
        if taken.score is not None:
            self.scores = [*self.scores, taken.score][-RECENT:]
            self.episodes += 1
            self.hopes = [*self.hopes, self._hoped][-RECENT:]
            self.gains = [*self.gains, self._earned][-RECENT:]
            self._earned, self._worth, self._hoped = 0.0, 1.0, self._best_q()
            for record in (self.practice.scores, self.practice.ends, self.practice.losses):
                record.clear()  # they would be copied at every moment kept

    def test(self, episodes: int, seed: int) -> float:
        """Mean return of greedy play from fresh starts."""
        mean = float(play(Whole(self.agent), self.setting.many(episodes), seed=seed).mean())
        self.tested = self.practice.steps, mean
        return mean

    def _best_q(self) -> float:
        return float(self.q.max())


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else np.nan


@dataclass
class Whole:
    """An agent that takes observations of any shape and makes rows of them."""

    agent: DQN

    def act_all(
        self, observations: np.ndarray, epsilon: float, rng: np.random.Generator
    ) -> np.ndarray:
        """An action for each of N observations (N, …)."""
        rows = observations.reshape(len(observations), -1).astype(np.float32, copy=False)
        return self.agent.act_all(rows, epsilon, rng)
