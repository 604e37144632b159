"""The preprocessing of Atari games on a made-up console; a real one where ale-py is installed."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from dlkit.envs import atari
from dlkit.envs.atari import Preprocessing, shrink


class Console(gymnasium.Env):
    """A game that shows its picture's number as brightness, and an object in every other picture.

    Three lives, one lost every ten pictures; every picture is worth 3 points.
    """

    observation_space = Box(0, 255, (210, 160, 3), np.uint8)
    action_space = Discrete(2)
    worth = 3.0

    def __init__(self, life=10, longest=10**6):
        self.life, self.longest, self.games, self.actions = life, longest, 0, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.games = 0, self.games + 1
        return self.picture(), self.info()

    def step(self, action):
        self.time += 1
        self.actions.append(action)
        over, late = self.time >= 3 * self.life, self.time >= self.longest
        return self.picture(), self.worth, over, late and not over, self.info()

    def info(self):
        return {"lives": 3 - self.time // self.life}

    def picture(self):
        picture = np.full((210, 160, 3), self.time, np.uint8)
        if self.time % 2:
            picture[100:110, 70:80] = 255
        return picture


def game(*, noops=0, **settings):
    console = {k: settings.pop(k) for k in ("life", "longest") if k in settings}
    return Preprocessing(Console(**console), noops=noops, **settings)


def test_what_is_seen_are_four_grey_frames_newest_last():
    env = game()
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)
    assert seen.shape == (4, 84, 84)
    assert (seen == seen[0]).all()  # at first there is only one
    seen, *_ = env.step(1)
    assert seen[:, 0, 0].tolist() == [0, 0, 0, 4]
    seen, *_ = env.step(1)
    assert seen[:, 0, 0].tolist() == [0, 0, 4, 8]
    assert env.env.actions == [1] * 8  # held for four pictures


def test_of_the_last_two_pictures_the_brighter_is_taken():
    env = game()
    env.reset(seed=0)
    seen, *_ = env.step(0)  # picture 4 lacks the object, picture 3 has it
    assert seen[-1, 42, 39] > 200
    assert game(skip=1).reset(seed=0)[0][-1, 42, 39] == 0


def test_a_single_picture_is_compared_with_the_one_before():
    env = game(skip=1)
    env.reset(seed=0)
    env.step(0)
    seen, *_ = env.step(0)  # picture 2, without the object that picture 1 had
    assert seen[-1, 42, 39] > 200


def test_the_judges_see_whole_games_and_real_rewards():
    env = game()
    env.reset(seed=0)
    steps = []
    while not steps or not steps[-1][1]:
        steps.append(env.step(0)[1:])
    assert [reward for reward, *_ in steps] == [12.0] * 7 + [6.0]
    assert [info["lives"] for *_, info in steps] == [3, 3, 2, 2, 1, 1, 1, 0]
    assert [info["game_over"] for *_, info in steps] == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("a_picture", "a_step"), [(3.0, 1.0), (-3.0, -1.0), (0.05, 0.2), (0.0, 0.0)]
)
def test_a_reward_is_cut_to_one_and_a_smaller_one_stays(a_picture, a_step):
    env = game(training=True)
    env.env.worth = a_picture
    env.reset(seed=0)
    _, reward, *_, info = env.step(1)
    assert reward == pytest.approx(a_step)
    assert info["reward"] == pytest.approx(4 * a_picture)


def test_in_training_rewards_are_cut_and_a_life_is_an_episode():
    env = game(training=True)
    env.reset(seed=0)
    lives = []
    for _ in range(3):
        total, over = 0.0, False
        while not over:
            _, reward, over, late, info = env.step(0)
            assert (reward, late) == (1.0, False)
            total += info["reward"]
        lives.append(total)
        games = env.env.games
        seen, info = env.reset()
        assert (seen == seen[0]).all()
    assert lives == [30.0, 27.0, 27.0]  # one picture of each later life went by doing nothing
    assert games == 1
    assert env.env.games == 2  # and now a new game
    assert info["lives"] == 3


def test_the_clock_is_no_loss_of_life():
    env = game(training=True, longest=6)
    env.reset(seed=0)
    assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == (False, True)
    env = game(training=True, longest=10)  # both at once: the clock
    env.reset(seed=0)
    env.step(0)
    env.step(0)
    assert env.step(0)[2:4] == (False, True)


def test_negative_rewards_are_cut_too(monkeypatch):
    monkeypatch.setattr(
        Console, "step", lambda self, action: (self.picture(), -5.0, False, False, {"lives": 3})
    )
    env = game(training=True)
    env.reset(seed=0)
    _, reward, *_, info = env.step(0)
    assert (reward, info["reward"]) == (-1.0, -20.0)


def test_games_begin_after_doing_nothing_for_a_while():
    env = game(noops=30, life=100)
    begun = []
    for seed in range(60):
        env.reset(seed=seed)
        begun.append(env.env.time)
    assert set(begun) <= set(range(1, 31))
    assert len(set(begun)) > 15
    env.reset(seed=3)
    assert env.env.time == begun[3]


def test_doing_nothing_for_too_long_begins_anew():
    env = game(noops=30, life=1)
    for seed in range(10):
        env.reset(seed=seed)
        assert env.env.time < 3


def test_a_seed_begins_a_new_game_in_the_middle_of_one():
    env = game(training=True)
    env.reset(seed=0)
    env.step(0)
    env.reset(seed=1)
    assert env.env.games == 2
    assert env.env.time == 0


def test_luminance_and_size():
    picture = np.zeros((210, 160, 3), np.uint8)
    for channel, grey in enumerate((76, 150, 29)):  # 0.299, 0.587, 0.114 of 255
        one = picture.copy()
        one[..., channel] = 255
        assert shrink(one).shape == (84, 84)
        assert abs(int(shrink(one)[0, 0]) - grey) <= 1
    picture[:105] = 200
    halves = shrink(picture, 10)
    assert (halves[:4] == 200).all()
    assert (halves[6:] == 0).all()


def test_impossible_settings_get_a_sentence():
    for name, value in {"skip": 0, "noops": -1, "size": 0, "frames": 0}.items():
        with pytest.raises(ValueError, match=f"{name} must be at least"):
            Preprocessing(Console(), **{name: value})
    with pytest.raises(ValueError, match="num_envs must be at least 1"):
        atari.atari_vector("Pong", 0)


def test_without_ale_py_one_sentence_says_what_to_do():
    code = (
        "import sys; sys.modules['ale_py'] = None\n"
        "from dlkit.envs.atari import atari\n"
        "try: atari()\n"
        "except ImportError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("Atari games need ale-py, which is not installed: run ")
    assert "-m pip install 'ale-py>=0.11'" in told.stdout


def test_the_real_console():
    pytest.importorskip("ale_py", reason="ale-py is an option: pip install 'dlkit[atari]'")
    env = atari.atari("Breakout", training=True)
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)
    assert env.action_space.n == 4
    rng, ends = np.random.default_rng(0), 0
    for _ in range(400):
        seen, reward, terminated, *_ = env.step(rng.integers(4))
        assert reward in (0.0, 1.0)
        if terminated:
            ends += 1
            env.reset()
    assert ends >= 5
    assert seen.std() > 0
    many = atari.atari_vector("Breakout", 2, processes=False)
    assert many.reset(seed=0)[0].shape == (2, 4, 84, 84)
    with pytest.raises(ValueError, match="game must be one of ale-py's"):
        atari.atari("NoSuchGame")


def test_a_step_before_the_first_game_is_refused():
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        Preprocessing(Console()).step(0)
    assert Preprocessing(Console(), size=84.0).reset()[0].shape == (4, 84, 84)
