"""The cart-pole of Barto, Sutton and Anderson (1983), as gymnasium's CartPole-v1 has it.

A pole stands on a cart; each step pushes the cart to the left (0) or to the right (1) for 20 ms.
Every step gives a reward of 1. The episode is over when the pole leans more than 12° or the cart is
2.4 from the middle (`terminated`), and is broken off after 500 steps (`truncated`). An observation
holds four float32 numbers: place, speed, angle (radians), angular speed.
"""

import math
from typing import Any

import gymnasium
import numpy as np

from dlkit.check import check_number

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
TOTAL, MOMENT = CART + POLE, POLE * HALF_LENGTH
FAR, LEANING = 2.4, 12 * 2 * math.pi / 360
LIMIT = 500
START = 0.05  # each number of the state begins between -START and START

_BOUND = np.array([2 * FAR, np.inf, 2 * LEANING, np.inf], np.float32)


class CartPole(gymnasium.Env):
    """One cart-pole, in plain Python floats, which is several times faster than arrays of four.

    Equal to `gymnasium.make("CartPole-v1")` number by number: the same seed gives the same start,
    and the arithmetic is done in the same order. `limit` is the step that breaks an episode off.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, limit: int = LIMIT):
        self.limit = int(check_number("limit", limit, low=1, whole=True))
        self.observation_space = gymnasium.spaces.Box(-_BOUND, _BOUND, dtype=np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.state: tuple[float, float, float, float] | None = None
        self.steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin anew near the middle, the pole nearly upright."""
        super().reset(seed=seed)
        x, speed, angle, spin = self.np_random.uniform(-START, START, size=4).tolist()
        self.state, self.steps = (x, speed, angle, spin), 0
        return np.array(self.state, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Push the cart to the left (0) or to the right (1) for 20 ms."""
        if action not in (0, 1):
            raise ValueError(f"action must be 0 (left) or 1 (right), got {action!r}")
        if self.state is None:
            raise ValueError("the episode is over or has not begun: call reset() first")
        x, speed, angle, spin = self.state
        force = FORCE if action == 1 else -FORCE
        cosine, sine = math.cos(angle), math.sin(angle)

        # Florian (2007), equations 23 and 24, without friction.
        push = (force + MOMENT * (spin * spin) * sine) / TOTAL
        turning = (GRAVITY * sine - cosine * push) / (
            HALF_LENGTH * (4.0 / 3.0 - POLE * (cosine * cosine) / TOTAL)
        )
        rolling = push - MOMENT * turning * cosine / TOTAL

        state = (
            x + SECONDS * speed,
            speed + SECONDS * rolling,
            angle + SECONDS * spin,
            spin + SECONDS * turning,
        )
        self.steps += 1
        terminated = not (-FAR <= state[0] <= FAR and -LEANING <= state[2] <= LEANING)
        truncated = self.steps >= self.limit
        self.state = None if terminated or truncated else state
        return np.array(state, np.float32), 1.0, terminated, truncated, {}


class CartPoleVector(gymnasium.vector.VectorEnv):
    """Many cart-poles in step, as one array; each begins anew in the step in which it ends.

    Observations are (num_envs, 4), and after an end those of the new episode. Where the step led
    before a pole was set up again is `info["final_obs"]` (num_envs, 4); it is there when an episode
    ended, and `info["_final_obs"]` says which did. (gymnasium calls this the mode SAME_STEP; its
    own vector environment waits a step instead.)
    """

    def __init__(self, num_envs: int, limit: int = LIMIT):
        self.num_envs = int(check_number("num_envs", num_envs, low=1, whole=True))
        self.limit = int(check_number("limit", limit, low=1, whole=True))
        self.metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}
        self.single_observation_space = gymnasium.spaces.Box(-_BOUND, _BOUND, dtype=np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(2)
        batch = gymnasium.vector.utils.batch_space
        self.observation_space = batch(self.single_observation_space, self.num_envs)
        self.action_space = batch(self.single_action_space, self.num_envs)
        self.state: np.ndarray | None = None  # (4, num_envs), float64

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all anew."""
        super().reset(seed=seed)
        self.state = self._start(self.num_envs)
        self.steps = np.zeros(self.num_envs, int)
        return self.state.T.astype(np.float32), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Push each cart to the left (0) or to the right (1) for 20 ms."""
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or not np.isin(actions, (0, 1)).all():
            raise ValueError(f"actions must be {self.num_envs} zeros and ones, got {actions!r}")
        if self.state is None:
            raise ValueError("nothing has begun: call reset() first")
        _, speed, angle, spin = self.state
        force = np.where(actions == 1, FORCE, -FORCE)
        cosine, sine = np.cos(angle), np.sin(angle)
        push = (force + MOMENT * (spin * spin) * sine) / TOTAL
        turning = (GRAVITY * sine - cosine * push) / (
            HALF_LENGTH * (4.0 / 3.0 - POLE * (cosine * cosine) / TOTAL)
        )
        rolling = push - MOMENT * turning * cosine / TOTAL
        self.state = self.state + SECONDS * np.stack((speed, rolling, spin, turning))
        self.steps += 1

        terminated = (np.abs(self.state[0]) > FAR) | (np.abs(self.state[2]) > LEANING)
        truncated = self.steps >= self.limit
        final = self.state.T.astype(np.float32)
        ended = terminated | truncated
        observation, info = final, {}
        if ended.any():
            info = {"final_obs": final, "_final_obs": ended}
            self.state[:, ended] = self._start(int(ended.sum()))
            self.steps[ended] = 0
            observation = self.state.T.astype(np.float32)
        return observation, np.ones(self.num_envs), terminated, truncated, info

    def _start(self, count: int) -> np.ndarray:
        return self.np_random.uniform(-START, START, size=(count, 4)).T
