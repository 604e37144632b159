"""Atari games as the deep Q-network saw them (Mnih and others 2013; 2015, Methods, Preprocessing).

The console draws 60 pictures a second of 210×160 in 128 colours. The net saw four of 84×84 in grey:
an action is held for four pictures, of the last two of them the brighter is taken pixel by pixel
(the console draws some objects only in every other picture), its luminance is scaled down, and
the last four such frames are stacked, so that motion can be seen.

For training, rewards are cut to -1 … 1, so that one learning rate fits all games, and a lost life
counts as the end. To judge an agent, neither is done. The games are in ale-py, which is under the
GPL and so an option of the course.
"""

import sys
from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from PIL import Image

from dlkit.check import check_number

SIZE, FRAMES, SKIP, NOOPS = 84, 4, 4, 30
LONGEST = 108_000  # pictures: half an hour of play
NOOP = 0


def atari(game: str = "Breakout", *, training: bool = False, render_mode: str | None = None):
    """One game with gymnasium's interface, seen through `Preprocessing`.

    `game` is a name such as "Pong" or "SpaceInvaders"; the actions are those that it knows. Raises
    `ImportError` where ale-py is missing and `ValueError` for a game that it does not have.
    """
    try:
        import ale_py  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ImportError(
            "Atari games need ale-py, which is not installed:"
            f" run {sys.executable} -m pip install 'ale-py>=0.11' (it is under the GPL)."
        ) from None
    gymnasium.register_envs(ale_py)
    try:
        env = gymnasium.make(
            f"ALE/{game}-v5",
            obs_type="rgb",
            frameskip=1,  # Preprocessing skips
            repeat_action_probability=0.0,  # buttons did not stick in 2015
            full_action_space=False,
            max_num_frames_per_episode=LONGEST,
            render_mode=render_mode,
        )
    except gymnasium.error.UnregisteredEnv:
        raise ValueError(
            f'game must be one of ale-py\'s, such as "Breakout", got {game!r}'
        ) from None
    return Preprocessing(env, training=training)


def atari_vector(
    game: str, num_envs: int, *, training: bool = True, processes: bool = True
) -> VectorEnv:
    """`num_envs` games at once, which begin anew in the step in which they end.

    Each has a process of its own, or all are played in turn without `processes`.
    """
    num_envs = int(check_number("num_envs", num_envs, low=1, whole=True))
    kind = AsyncVectorEnv if processes else SyncVectorEnv
    return kind(
        [lambda: atari(game, training=training)] * num_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


class Preprocessing(gymnasium.Wrapper):
    """The pictures of a game as the net saw them: observations are (4, 84, 84), uint8, newest last.

    `env` gives pictures (H, W, 3), knows an action 0 that does nothing, and says in `info["lives"]`
    how many lives are left. A new game begins with 1 … `noops` steps of doing nothing, drawn by
    chance, because a game without chance could be learned by heart. With `training`, rewards are
    cut to -1 … 1, and the loss of a life is `terminated`: `reset` then goes on with the same game.
    `info["reward"]` is the reward as the game gave it, `info["game_over"]` whether it has ended.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        *,
        training: bool = False,
        skip: int = SKIP,
        noops: int = NOOPS,
        size: int = SIZE,
        frames: int = FRAMES,
    ):
        super().__init__(env)
        self.training = training
        self.skip = int(check_number("skip", skip, low=1, whole=True))
        self.noops = int(check_number("noops", noops, low=0, whole=True))
        self.size = int(check_number("size", size, low=1, whole=True))
        frames = int(check_number("frames", frames, low=1, whole=True))
        self.stack: deque[np.ndarray] = deque(maxlen=frames)
        shape = frames, self.size, self.size
        self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        self.lives, self.over = 0, True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new game; or, after the loss of a life in training, the next life of the same."""
        if self.over or seed is not None:
            picture, info = self.env.reset(seed=seed, options=options)
            idle = int(self.np_random.integers(1, self.noops + 1)) if self.noops else 0
        else:
            picture, info, idle = self._last, {}, 1
        for _ in range(idle):
            picture, _, terminated, truncated, info = self.env.step(NOOP)
            if terminated or truncated:  # that was the end of it
                picture, info = self.env.reset(options=options)
        self.lives, self.over, self._last = info.get("lives", 0), False, picture
        frame = shrink(picture, self.size)
        self.stack.extend([frame] * (self.stack.maxlen or 1))
        return np.stack(self.stack), {"reward": 0.0, "game_over": False, "lives": self.lives}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Hold the action for `skip` pictures; the rewards of these add up."""
        if self.over:
            raise gymnasium.error.ResetNeeded("the game is over or has not begun: call reset()")
        total, pictures = 0.0, deque([self._last], maxlen=2)
        terminated = truncated = lost = False
        for _ in range(self.skip):
            picture, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            pictures.append(picture)
            lost = info.get("lives", 0) < self.lives
            self.lives = info.get("lives", 0)
            if terminated or truncated or (lost and self.training):
                break
        self._last = pictures[-1]
        self.stack.append(shrink(np.maximum(*pictures), self.size))
        self.over = terminated or truncated
        info = {"reward": total, "game_over": self.over, "lives": self.lives}
        if self.training:
            total = float(np.clip(total, -1, 1))
            terminated = terminated or (lost and not truncated)
        return np.stack(self.stack), total, terminated, truncated, info


def shrink(picture: np.ndarray, size: int = SIZE) -> np.ndarray:
    """The luminance of a picture (H, W, 3), uint8, in size × size pixels."""
    grey = Image.fromarray(picture).convert("L")
    return np.asarray(grey.resize((size, size), Image.Resampling.BILINEAR))
