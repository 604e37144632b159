"""The deep Q-network at work of chapter 09, driven without a browser."""

import copy

import numpy as np
import pytest

from dlkit.models.dqn import ReplayMemory
from dlkit.widgets.ch09_games import written
from dlkit.widgets.ch09_memory import SETTINGS, SharedMemory, Training
from dlkit.widgets.ch09_work import DQNAtWork, short
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import render

GAMES = tuple(SETTINGS)


@pytest.fixture
def work():
    return DQNAtWork()


def a_step(rng, game):
    seen = SETTINGS[game].make()
    observation, _ = seen.reset(seed=int(rng.integers(99)))
    return (
        observation,
        int(rng.integers(2)),
        float(rng.random()),
        observation,
        bool(rng.integers(2)),
    )


@pytest.mark.parametrize("game", GAMES)
def test_the_memory_is_that_of_the_model(rng, game):
    setting = SETTINGS[game]
    shared = SharedMemory(50, setting.sizes[0], setting)
    shared.FIRST = 4
    plain = ReplayMemory(50, (setting.sizes[0],))
    for _ in range(170):
        step = a_step(rng, game)
        shared.add(*step)
        plain.add(*step)
        assert len(shared) == len(plain)
    for ours, theirs in zip(shared.last(7), plain.last(7), strict=True):
        assert (ours == theirs).all()
        assert ours.dtype == theirs.dtype
    rewards = shared.sample(2000, rng)[2]
    assert set(rewards) == set(plain.rewards)  # of 2,000 draws none of 50 steps is missed


def test_the_last_batch_is_shown_where_it_lay_when_its_oldest_step_is_forgotten(rng):
    setting = SETTINGS["CartPole"]
    shared = SharedMemory(10, 4, setting)
    step = np.zeros(4), 0, 1.0, np.zeros(4), False  # the middle of the picture
    for _ in range(shared.FIRST - 1):
        shared.add(*step)
    shared.sample(200, rng)
    middle = shared.spots[0]
    for _ in range(2):
        shared.add(*step)  # the second finds no room left: the memory moves
    assert len(shared.drawn_spots) > 100
    assert (shared.drawn_spots == middle).all()


def test_copies_of_a_memory_share_the_past_and_nothing_else(rng):
    setting = SETTINGS["CartPole"]
    one = SharedMemory(1000, 4, setting)
    for _ in range(10):
        one.add(*a_step(rng, "CartPole"))
    two = copy.deepcopy(one)
    assert two._arrays is one._arrays
    before = [part.copy() for part in two.last(10)]
    one.add(*a_step(rng, "CartPole"))
    assert two._arrays is one._arrays  # the first to write stays
    two.add(*a_step(rng, "CartPole"))
    assert two._arrays is not one._arrays
    assert len(one) == len(two) == 11
    for ours, old in zip(two.last(11), before, strict=True):
        assert (ours[:10] == old).all()
    assert one.rewards[-1] != two.rewards[-1]


@pytest.mark.parametrize("game", GAMES)
def test_a_copy_of_a_training_goes_on_as_the_first_does(game):
    training = Training(game, 500, 0)
    training.practice.begin = 100
    for _ in range(300):
        training.step()
    twin = copy.deepcopy(training)
    for _ in range(300):
        training.step()
    for _ in range(300):
        twin.step()
    assert (training.q == twin.q).all()
    assert training.scores == twin.scores


def test_it_counts_and_measures(work):
    work.advance(12)
    training = work.data.training
    assert training.practice.steps == 1200
    assert len(training.memory) == 1200
    assert work.data.memory.sum() == 1200
    assert training.agent.updates == (1200 - 500) // 4 + 1
    assert training.episodes > 10
    assert training.gains[-1] == pytest.approx(
        (1 - 0.99 ** training.scores[-1]) / (1 - 0.99), rel=1e-6
    )
    curve = work.branch.metrics
    assert curve["moves"] == [100 * (i + 1) for i in range(12)]
    assert np.isfinite(curve["return"][-1])


def test_it_learns_to_balance_longer_than_chance(work):
    work.advance(100)
    work.test()
    steps, mean = work.data.training.tested
    assert steps == 10_000
    assert mean > 60  # chance balances for about 22, and seeds 0 … 7 reached 114 to 252
    assert f"Test after 10,000 moves: {mean:.1f}, greedy." in work.description


@pytest.mark.parametrize(
    ("value", "tick", "told"),
    [
        (-0.5, "-0.5", "−0.50"),
        (200, "200", "200.00"),
        (5_000, "5000", "5,000"),
        (200_000, "200k", "200,000"),
        (-1.5e6, "-1.5M", "−1,500,000"),
        (2e9, "2G", "2,000,000,000"),
    ],
)
def test_large_values_are_short(value, tick, told):
    assert short(value) == tick
    assert written(value) == told


def test_without_replay_the_batch_is_the_newest(work):
    work.set(replay=False)
    work.advance(8)
    memory = work.data.training.memory
    assert (np.diff(memory.drawn) == 1).all()
    work.set(replay=True)
    work.advance(1)
    assert not (np.diff(memory.drawn) == 1).all()


def test_settings_act_from_the_next_step_on(work):
    work.advance(1)
    work.set(target_every=1, double=True, learning_rate=3e-3, gamma=0.9, epsilon=0.2)
    work.advance(1)
    agent, practice = work.data.training.agent, work.data.training.practice
    assert (agent.target_every, agent.double, agent.gamma) == (1, True, 0.9)
    assert agent.optimiser.learning_rate == 3e-3
    assert practice.epsilon_line[1] == 0.2
    assert work.data.training.practice.steps == 200
    assert "no target network, double, ε to 0.2, η 0.003, γ 0.9" in work.description


def test_back_and_on_in_a_branch(work):
    work.advance(10)
    q = work.data.q
    work.rewind(4)
    assert work.data.training.practice.steps == 400
    assert len(work.data.training.memory) == 400
    work.advance(6)
    assert (work.data.q == q).all()  # the same settings, the same chance
    assert work.branch.name == "B"
    work.rewind(4)
    work.set(replay=False)
    work.advance(6)
    assert not (work.data.q == q).all()
    assert "A: usual settings" in work.labels.texts[-1]
    assert "C: no replay" in work.labels.texts[-1]
    work.set(double=True)  # nothing has been learned with it yet
    work.fork()
    assert work.branch.name == "D"
    work.advance(1)
    assert work.labels.texts[-1].endswith("C: no replay    D: no replay, double")


def test_the_branches_names_stay_left_of_the_right_chart_s_legend(work):
    work.advance(2)
    for k in range(4):  # the oldest makes room
        work.set(double=k % 2 == 0, replay=False, epsilon=0.2, learning_rate=3e-3)
        work.fork()
        work.advance(1)
    work._prepare()
    names = [label for label in work.labels._labels if "no replay" in label.text]
    assert len({label.y for label in names}) == len(names) == 2
    for label in names:
        wide = render(label.text, label.style, 100).shape[1] / 100  # inches
        assert label.x + wide < 5.2  # where the legend begins


def test_a_click_into_a_chart_goes_back(work):
    work.advance(5)
    work.on_pointer(Pointer("down", work.charts["return"], 210, 3, pressed=True))
    assert work.data.training.practice.steps == 200


def test_by_keyboard_alone(work):
    for key in ("n", "d", "r", "n", "f", "t"):
        work.on_key(Key(key))
    assert work.values["double"]
    assert not work.values["replay"]
    assert work.data.training.practice.steps == 200
    assert work.branch.name == "B"
    assert work.data.training.tested[0] == 200


def test_bricks_at_work(work):
    work.set(game="Bricks")
    work.advance(8)
    assert work.data.memory.shape == (10, 10)
    assert work.data.training.seen.shape == (4, 10, 10)
    work.test()
    assert "The agent sees: paddle at columns" in work.description
    assert not work.message


def test_every_control_to_both_ends_and_back(work):
    first = work.description
    for name, values in {
        "game": GAMES,
        "target_every": (1, 1000),
        "replay": (False, True),
        "double": (True, False),
        "epsilon": (0, 1),
        "learning_rate": (1e-4, 1e-2),
        "gamma": (0.5, 0.99),
        "capacity": (500, 100_000),
        "unit": (1, 200),
        "seed": (0, 20),
    }.items():
        for value in values:
            work.set(**{name: value})
            work.advance(1)
            work._prepare()
            assert not work.message
    work.reset()
    assert work.description == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"game": "Chess"}, "game cannot be 'Chess'"),
        ({"gamma": 2}, "gamma cannot be 2"),
        ({"epsilon": float("inf")}, "epsilon must be a finite number"),
        ({"capacity": 0}, "capacity cannot be 0"),
    ],
)
def test_nonsense_is_told_and_changes_nothing(work, values, sentence):
    before = work.values
    with pytest.raises(ValueError, match=sentence):
        work.set(**values)
    assert work.values == before


def test_a_q_that_runs_away_is_told_and_taken_back(work):
    work.advance(6)
    layer = work._now.agent.network.layers[-1]
    layer.bias[:] = np.inf
    work.advance(1)
    assert "run away to infinity" in work.message
    assert work.time == 6
    assert np.isfinite(work.data.q).all()
