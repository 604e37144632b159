"""Bricks: a pixel game of 10×10, learned in minutes, in the spirit of Breakout (Atari 1976).

A ball flies diagonally, one cell a step. It bounces off the bricks, which break: a point each. At
a side and at the ceiling it takes one step straight along the wall before it turns, and in a corner
it waits for one; otherwise some bricks could never be reached once the others are gone. The paddle
at the bottom is two cells wide and moves one cell a step. Its left half sends the ball off to the
left and its right half to the right, so that a player can aim. A ball that is missed ends the game.
When every brick is gone, a new wall stands as soon as the ball is back at the paddle. Each wall is
24 bricks on 30 places, drawn by chance; so is the serve. After `max_steps` the game is cut off
(truncated, which is no loss).

What the player sees is four pictures of 0 and 1: paddle, ball, trail (where the ball was one step
ago) and bricks. The ball's cell less the trail's is its direction; where both are in one column, it
is at a side and turns away, and where both are in one row, it is at the ceiling and comes down. So
one observation says all that the next step depends on, but for the time that is left.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv

from dlkit.check import check_array, check_number

SIZE = 10
PADDLE, BALL, TRAIL, BRICKS = range(4)
CHANNELS = ("paddle", "ball", "trail", "bricks")
STAY, LEFT, RIGHT = range(3)
ACTIONS = ("stay", "left", "right")
WALL_ROWS = slice(2, 5)
PLACES, WALL = 30, 24
BOTTOM = SIZE - 1
SERVE_ROW, SERVE_PADDLE = 5, 4
MOVES = np.array([0, -1, 1])
METADATA = {"render_modes": ["ansi", "rgb_array"], "render_fps": 8}

# Okabe and Ito's palette; the letters are the second cue.
COLOURS = np.array([[0, 114, 178], [240, 228, 66], [150, 140, 60], [213, 94, 0]], np.uint8)
BACKGROUND = np.array([24, 24, 28], np.uint8)
LETTERS = "=o.#"

Player = Callable[[np.ndarray], np.ndarray]
"""Observations (N, 4, 10, 10) → actions (N,)."""


class Bricks(gymnasium.Env):
    """One game, with gymnasium's interface.

    An observation is (4, 10, 10), uint8, with the channels of `CHANNELS` and row 0 on top. Actions
    are 0 stay, 1 left, 2 right. The reward is the number of bricks that broke. `render()` gives a
    text of ten lines ("ansi") or a picture (80, 80, 3) ("rgb_array"). `step` raises `ValueError`
    for another action and gymnasium's `ResetNeeded` when the game is over.
    """

    metadata = METADATA

    def __init__(self, *, max_steps: int = 500, render_mode: str | None = None):
        self.max_steps = int(check_number("max_steps", max_steps, low=1, whole=True))
        _check_render_mode(render_mode)
        self.render_mode = render_mode
        self.observation_space = Box(0, 1, (4, SIZE, SIZE), np.uint8)
        self.action_space = Discrete(len(ACTIONS))
        self.over = True  # until the first reset

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new game; `seed` starts the chance anew. Returns the observation and {}.

        `options={"bricks": 5}` begins with so many bricks in place of 24, to practise the end.
        """
        count = _bricks(options)
        super().reset(seed=seed)
        board, (row, column, down, right) = new_game(self.np_random, count)
        self._board = board
        self._row, self._column, self._down, self._right = row, column, down, right
        self._trail = row - down, column - right
        self._paddle = SERVE_PADDLE
        self._left, self._steps, self.over = count, 0, False
        return board.copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step: the paddle moves, then the ball."""
        if self.over:
            raise gymnasium.error.ResetNeeded("the game is over or has not begun: call reset()")
        if action not in (STAY, LEFT, RIGHT):
            raise ValueError(f"action must be 0 (stay), 1 (left) or 2 (right), got {action!r}")
        board, bricks = self._board, self._board[BRICKS]
        row, column, down, right, paddle = (
            self._row,
            self._column,
            self._down,
            self._right,
            self._paddle,
        )
        if action == LEFT and paddle > 0:
            board[PADDLE, BOTTOM, paddle + 1] = 0
            paddle -= 1
            board[PADDLE, BOTTOM, paddle] = 1
        elif action == RIGHT and paddle < SIZE - 2:
            board[PADDLE, BOTTOM, paddle] = 0
            paddle += 1
            board[PADDLE, BOTTOM, paddle + 1] = 1

        # Which way the ball goes from here: walls, paddle, bricks.
        target, turned = _sideways(column, right)
        height, down = (row + down, down) if row + down >= 0 else (row, 1)
        if height == BOTTOM and 0 <= target - paddle <= 1:
            target, turned = _sideways(column, -1 if target == paddle else 1)
            height, down = row - 1, -1
            if not self._left:
                bricks[WALL_ROWS] = new_wall(self.np_random)
                self._left = WALL
        broken = 0
        if bricks[height, target]:
            bricks[height, target] = 0
            broken, height, down = 1, row - down, -down
            if bricks[height, target]:  # between two rows of bricks: it comes through
                bricks[height, target] = 0
                broken = 2

        board[TRAIL][self._trail] = 0
        board[BALL, row, column] = 0
        board[TRAIL, row, column] = 1
        self._trail = row, column
        row, column = height, target
        board[BALL, row, column] = 1

        self._row, self._column, self._down, self._right = row, column, down, turned
        self._paddle, self._left = paddle, self._left - broken
        self._steps += 1
        lost, late = row == BOTTOM, self._steps >= self.max_steps
        self.over = lost or late
        return board.copy(), float(broken), lost, late, {}

    def render(self) -> Any:
        """The game as text or as a picture, as `render_mode` says; None without one."""
        if self.render_mode is None:
            return None
        if not hasattr(self, "_board"):
            raise gymnasium.error.ResetNeeded("the game has not begun: call reset()")
        return _render(self._board, self.render_mode)


class BricksVector(VectorEnv):
    """`num_envs` games at once: step by step what `Bricks` does, without a loop over games.

    gymnasium's `VectorEnv` in its mode SAME_STEP: a game that ends begins anew within the step,
    and the observation returned is that of the new game. `info["final_obs"]` (N, 4, 10, 10) holds
    what was seen last, before the new game; it is there when a game ended, and
    `info["_final_obs"]` says which did. Game i is seeded with `seed + i`.
    """

    metadata = METADATA | {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs: int, *, max_steps: int = 500, render_mode: str | None = None):
        self.num_envs = int(check_number("num_envs", num_envs, low=1, whole=True))
        self.max_steps = int(check_number("max_steps", max_steps, low=1, whole=True))
        _check_render_mode(render_mode)
        self.render_mode = render_mode
        self.single_observation_space = Box(0, 1, (4, SIZE, SIZE), np.uint8)
        self.single_action_space = Discrete(len(ACTIONS))
        self.observation_space = Box(0, 1, (self.num_envs, 4, SIZE, SIZE), np.uint8)
        self.action_space = MultiDiscrete([len(ACTIONS)] * self.num_envs)
        self._generators: list[np.random.Generator] = []

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """New games; `seed` (a number, or one for each game) starts their chance anew.

        `options={"bricks": 5}` is for these games alone, not for those that follow them.
        """
        n, count = self.num_envs, _bricks(options)
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            seeds = list(seed)
        else:
            seeds = [None if seed is None else _seed(seed) + i for i in range(n)]
        if len(seeds) != n:
            raise ValueError(f"seed must be a number or a list of {n}, got {len(seeds)} seeds")
        seeds = [None if own is None else _seed(own) for own in seeds]
        old = self._generators or [None] * n
        self._generators = [
            before if own is None and before is not None else seeding.np_random(own)[0]
            for own, before in zip(seeds, old, strict=True)
        ]
        self._games = np.arange(n)
        self._board = np.zeros((n, 4, SIZE, SIZE), np.uint8)
        self._ball = np.zeros((4, n), np.intp)  # row, column, down, right
        self._paddle, self._left, self._steps = (np.zeros(n, np.intp) for _ in range(3))
        self._begin(self._games, count)
        return self._board.copy(), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of every game; actions (N,), and everything returned has N entries."""
        if not self._generators:
            raise gymnasium.error.ResetNeeded("the games have not begun: call reset()")
        actions = check_array("actions", actions, (self.num_envs,))
        if actions.dtype.kind not in "iu" or actions.min() < 0 or actions.max() > RIGHT:
            raise ValueError("actions must be 0 (stay), 1 (left) or 2 (right)")
        games, board = self._games, self._board
        bricks = board[:, BRICKS]
        row, column, down, right = self._ball
        paddle = np.clip(self._paddle + MOVES[actions], 0, SIZE - 2)

        target, turned = _sideways_all(column, right)
        height = np.maximum(row + down, 0)
        down = np.where(row + down < 0, 1, down)
        caught = (height == BOTTOM) & (target >= paddle) & (target <= paddle + 1)
        if caught.any():
            right = np.where(caught, np.where(target == paddle, -1, 1), right)
            target, turned = _sideways_all(column, right)
            height, down = np.where(caught, [row - 1, -np.ones_like(row)], [height, down])
            for game in np.flatnonzero(caught & (self._left == 0)):
                bricks[game, WALL_ROWS] = new_wall(self._generators[game])
                self._left[game] = WALL
        rewards = np.zeros(self.num_envs)
        hit = np.flatnonzero(bricks[games, height, target])
        if hit.size:
            bricks[hit, height[hit], target[hit]] = 0
            rewards[hit] = 1
            height[hit] = (row - down)[hit]
            down[hit] *= -1
            hit = hit[bricks[hit, height[hit], target[hit]] == 1]
            bricks[hit, height[hit], target[hit]] = 0
            rewards[hit] += 1

        board[:, :BRICKS] = 0
        board[games, PADDLE, BOTTOM, paddle] = 1
        board[games, PADDLE, BOTTOM, paddle + 1] = 1
        board[games, TRAIL, row, column] = 1
        row, column = height, target
        board[games, BALL, row, column] = 1

        self._ball = np.stack([row, column, down, turned])
        self._paddle = paddle
        self._left -= rewards.astype(np.intp)
        self._steps += 1
        lost, late = row == BOTTOM, self._steps >= self.max_steps
        over, info = lost | late, {}
        if over.any():
            info = {"final_obs": board.copy(), "_final_obs": over}
            self._begin(np.flatnonzero(over))
        return board.copy(), rewards, lost, late, info

    def render(self) -> Any:
        """One text or picture for each game, as `render_mode` says; None without one."""
        if self.render_mode is None:
            return None
        if not self._generators:
            raise gymnasium.error.ResetNeeded("the games have not begun: call reset()")
        return tuple(_render(board, self.render_mode) for board in self._board)

    def _begin(self, games: np.ndarray, count: int = WALL) -> None:
        for game in games:
            self._board[game], self._ball[:, game] = new_game(self._generators[game], count)
        self._paddle[games], self._left[games], self._steps[games] = SERVE_PADDLE, count, 0


# --- How a game begins -------------------------------------------------------------------------


def new_wall(rng: np.random.Generator, count: int = WALL) -> np.ndarray:
    """`count` bricks on the 30 places of a wall, (3, 10) of 0 and 1."""
    count = int(check_number("count", count, low=0, high=PLACES, whole=True))
    places = np.zeros(PLACES, np.uint8)
    places[rng.permutation(PLACES)[:count]] = 1
    return places.reshape(-1, SIZE)


def new_game(
    rng: np.random.Generator, count: int = WALL
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The first board (4, 10, 10), and the ball's row, column and direction (down, right).

    The ball flies up from row 5, out of any column but the outermost, to the left or the right.
    Whatever the serve, the paddle can still get there in time.
    """
    board = np.zeros((4, SIZE, SIZE), np.uint8)
    board[BRICKS, WALL_ROWS] = new_wall(rng, count)
    column, right = int(rng.integers(1, SIZE - 1)), int(rng.integers(2)) * 2 - 1
    board[BALL, SERVE_ROW, column] = 1
    board[TRAIL, SERVE_ROW + 1, column - right] = 1
    board[PADDLE, BOTTOM, SERVE_PADDLE : SERVE_PADDLE + 2] = 1
    return board, (SERVE_ROW, column, -1, right)


def _sideways(column: int, right: int) -> tuple[int, int]:
    """The next column, and the direction from there: at a side the ball takes a step straight."""
    target = column + right
    return (target, right) if 0 <= target < SIZE else (column, -right)


def _sideways_all(column: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    target = column + right
    inside = (target >= 0) & (target < SIZE)
    return np.where(inside, target, column), np.where(inside, right, -right)


def _seed(seed: Any) -> int:
    return int(check_number("seed", seed, low=0, whole=True))


def _bricks(options: dict[str, Any] | None) -> int:
    count = (options or {}).get("bricks", WALL)
    return int(check_number("options['bricks']", count, low=0, high=PLACES, whole=True))


# --- Pictures ----------------------------------------------------------------------------------


def text(observation: np.ndarray) -> str:
    """Ten lines of ten letters: = paddle, o ball, . trail, # brick, blank where nothing is."""
    cells = np.full((SIZE, SIZE), " ")
    for channel in (BRICKS, TRAIL, PADDLE, BALL):
        cells[_seen(observation)[channel]] = LETTERS[channel]
    return "\n".join("".join(line) for line in cells)


def picture(observation: np.ndarray, scale: int = 8) -> np.ndarray:
    """A picture (10·scale, 10·scale, 3), uint8, in colours that everyone can tell apart."""
    scale = int(check_number("scale", scale, low=1, whole=True))
    pixels = np.tile(BACKGROUND, (SIZE, SIZE, 1))
    for channel in (BRICKS, TRAIL, PADDLE, BALL):
        pixels[_seen(observation)[channel]] = COLOURS[channel]
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def _seen(observation: np.ndarray) -> np.ndarray:
    return check_array("observation", observation, (4, SIZE, SIZE)) > 0


def _check_render_mode(render_mode: str | None) -> None:
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode must be None, 'ansi' or 'rgb_array', got {render_mode!r}")


def _render(board: np.ndarray, render_mode: str) -> Any:
    return {"ansi": text, "rgb_array": picture}[render_mode](board)


# --- Players -----------------------------------------------------------------------------------


def follower(observations: np.ndarray) -> np.ndarray:
    """The simple player by rule: go to the column that the ball will be in next, stay if there.

    It never misses, as the paddle is as fast as the ball, and it never aims.
    """
    column = observations[..., BALL, :, :].any(axis=-2).argmax(axis=-1)
    trail = observations[..., TRAIL, :, :].any(axis=-2).argmax(axis=-1)
    paddle = observations[..., PADDLE, BOTTOM, :].argmax(axis=-1)
    right = np.where(column != trail, column - trail, np.where(column == 0, 1, -1))
    goal = np.clip(column + right, 0, SIZE - 1)
    return np.where(goal < paddle, LEFT, np.where(goal > paddle + 1, RIGHT, STAY))


def random_player(rng: np.random.Generator) -> Player:
    """A player that draws each action."""
    return lambda observations: rng.integers(len(ACTIONS), size=len(observations))


def scores(
    player: Player, *, games: int = 100, seed: int = 0, max_steps: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    """Points and steps of the first game from each of `games` starts, (games,) each.

    Start i is that of `Bricks().reset(seed=seed + i)`; other seeds are fresh starts.
    """
    env = BricksVector(games, max_steps=max_steps)
    observations, _ = env.reset(seed=seed)
    points, steps = np.zeros(env.num_envs), np.zeros(env.num_envs, int)
    playing = np.ones(env.num_envs, bool)
    while playing.any():
        observations, rewards, lost, late, _ = env.step(player(observations))
        points[playing] += rewards[playing]
        steps[playing] += 1
        playing &= ~(lost | late)
    return points, steps
