"""A world of squares: walls, rewards, pits, and a floor on which one may slip.

Its chances are known exactly (`model`), so that what an agent learns by walking can be compared
with what can be computed. The cliff is example 6.6 of Sutton and Barto's book, the rooms are the
world with which Russell and Norvig explain value iteration.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from dlkit.check import check_number

FLOOR, WALL, START, GOAL, PIT, CLIFF = ".", "#", "S", "G", "P", "C"
KINDS = {
    FLOOR: "floor",
    WALL: "wall",
    START: "start",
    GOAL: "goal: ends the episode",
    PIT: "pit: ends the episode",
    CLIFF: "cliff: back to the start",
}
ACTIONS = ("up", "right", "down", "left")
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))

ROOMS = ("...G", ".#.P", "S...")
CLIFF_WALK = ("............", "............", "............", "SCCCCCCCCCCG")


class GridWorld(gymnasium.Env):
    """One agent on a grid of squares; an observation is the number of its square, row by row.

    `rows` holds one text per row, one letter per square: floor `.`, wall `#`, start `S`, goal `G`,
    pit `P`, cliff `C`. Actions are 0 up, 1 right, 2 down, 3 left. Who walks into a wall or off the
    grid stays. With probability `slip` the step goes to one of the two sides instead, half each.

    A step is rewarded by the square it leads to, before a cliff sends back to the start: `step`,
    `goal`, `pit` and `cliff` are the rewards of their kinds, and `paint` can give a square another.
    A goal and a pit end the episode; `limit` breaks it off after so many steps. An episode begins
    on a start, chosen at random among several, or, with `anywhere`, on any square that does not
    end it: then all of the world is seen however good the agent has become.

    Raises `ValueError` for rows of different lengths, unknown letters, and numbers out of range.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        rows: Sequence[str] = ROOMS,
        *,
        step: float = -0.04,
        goal: float = 1.0,
        pit: float = -1.0,
        cliff: float = -1.0,
        slip: float = 0.0,
        limit: int | None = None,
        anywhere: bool = False,
    ):
        if (
            isinstance(rows, str)  # one text is a sequence of texts of one letter, too
            or not isinstance(rows, Sequence)
            or not all(isinstance(row, str | Sequence) and len(row) for row in rows)
            or len({len(row) for row in rows}) != 1
        ):
            raise ValueError(f"rows must be texts of one length, got {rows!r}")
        rewards = {"step": step, "goal": goal, "pit": pit, "cliff": cliff}
        for name, value in rewards.items():
            check_number(name, value)
        self._rewards = {FLOOR: step, START: step, WALL: 0.0, GOAL: goal, PIT: pit, CLIFF: cliff}
        self.slip = float(check_number("slip", slip, low=0, high=1))
        if limit is not None:
            check_number("limit", limit, low=1, whole=True)
        self.limit, self.anywhere = limit, anywhere
        self.cells = np.array([list(row) for row in rows])
        self.rewards = np.zeros(self.cells.shape)  # of arriving on each square
        for place, kind in np.ndenumerate(self.cells):
            self.paint(place, str(kind))
        self.observation_space = gymnasium.spaces.Discrete(self.cells.size)
        self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))
        self.state: int | None = None
        self.steps = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.cells.shape
        return rows, columns

    @property
    def rows(self) -> list[str]:
        """The world as texts, one per row."""
        return ["".join(row) for row in self.cells]

    def number(self, place: tuple[int, ...]) -> int:
        """The state of a square (row, column)."""
        rows, columns = self.shape
        if np.shape(place) != (2,) or not (place[0] in range(rows) and place[1] in range(columns)):
            raise ValueError(f"place must lie on the grid of {self.shape}, got {place!r}")
        return int(place[0]) * columns + int(place[1])

    def place(self, state: int) -> tuple[int, int]:
        """The square (row, column) of a state."""
        if state not in range(self.cells.size):
            raise ValueError(f"state must lie in 0 … {self.cells.size - 1}, got {state!r}")
        return divmod(int(state), self.shape[1])

    def paint(self, place: tuple[int, ...], kind: str, reward: float | None = None) -> None:
        """Make a square (row, column) of this kind, with the kind's reward or one of its own.

        The world changes at once, also in the middle of an episode.
        """
        row, column = self.place(self.number(place))
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        reward = self._rewards[kind] if reward is None else check_number("reward", reward)
        self.cells[row, column], self.rewards[row, column] = kind, reward
        self._tables = None

    def model(self) -> tuple[np.ndarray, np.ndarray]:
        """The world's chances: P(next | state, action) and the expected reward of a step.

        Returns (states, actions, states) and (states, actions), in float64. Nothing follows a goal,
        a pit or a wall: their rows are 0, and so is their value. A cliff is never a state that
        one stands on, its row is 0 as well.
        """
        after, rewards, _ = self._steps()
        chances = np.array([1 - self.slip, self.slip / 2, self.slip / 2])
        P, R = np.zeros((self.cells.size, 4, self.cells.size)), np.zeros((self.cells.size, 4))
        for state in self._open():
            for action in range(4):
                for chance, turn in zip(chances, (0, 1, -1), strict=True):
                    way = (action + turn) % 4
                    P[state, action, after[state][way]] += chance
                    R[state, action] += chance * rewards[state][way]
        return P, R

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Begin an episode on a start, or on `options["state"]`."""
        if options and "state" in options:
            begin = [options["state"]]
            if begin[0] not in self._open():
                raise ValueError(
                    f"options['state'] must be a square that one can stand on, got {begin[0]!r}"
                )
        else:
            begin = self._open() if self.anywhere else self._of(START)
        if not begin:
            raise ValueError(
                "the world has no floor to begin on"
                if self.anywhere
                else "the world has no start: paint an S"
            )
        super().reset(seed=seed)
        chosen = int(self.np_random.integers(len(begin))) if len(begin) > 1 else 0
        self.state, self.steps = int(begin[chosen]), 0
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take one step: 0 up, 1 right, 2 down, 3 left."""
        if action not in (0, 1, 2, 3):
            raise ValueError(f"action must be 0, 1, 2 or 3, got {action!r}")
        if self.state is None:
            raise ValueError("the episode is over or has not begun: call reset() first")
        after, rewards, ends = self._steps()
        way = int(action)
        if self.slip:
            chance = self.np_random.random()
            if chance < self.slip:
                way = (way + (1 if chance < self.slip / 2 else -1)) % 4
        self.steps += 1
        next_state, reward = after[self.state][way], rewards[self.state][way]
        terminated = ends[next_state]
        truncated = self.limit is not None and self.steps >= self.limit
        self.state = None if terminated or truncated else next_state
        return next_state, reward, terminated, truncated, {}

    def _of(self, *kinds: str) -> list[int]:
        return np.flatnonzero(np.isin(self.cells, kinds)).tolist()

    def _open(self) -> list[int]:
        """States that one can stand on and go on from."""
        return self._of(FLOOR, START)

    def _steps(self) -> tuple[list[list[int]], list[list[float]], list[bool]]:
        """Where each of the four ways leads from each state, its reward, and which states end."""
        if self._tables is None:
            starts = self._of(START)
            after, rewards = [], []
            for state in range(self.cells.size):
                row, column = self.place(state)
                arrivals, earned = [], []
                for down, right in MOVES:
                    there = row + down, column + right
                    on_grid = 0 <= there[0] < self.shape[0] and 0 <= there[1] < self.shape[1]
                    if not on_grid or self.cells[there] == WALL:
                        there = row, column
                    earned.append(float(self.rewards[there]))
                    if self.cells[there] == CLIFF:
                        if len(starts) != 1:
                            raise ValueError("a world with a cliff needs one start to go back to")
                        there = self.place(starts[0])
                    arrivals.append(self.number(there))
                after.append(arrivals)
                rewards.append(earned)
            ends = np.isin(self.cells, (GOAL, PIT)).ravel().tolist()
            self._tables = after, rewards, ends
        return self._tables
