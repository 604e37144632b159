"""The grid world: gymnasium's two, the chances of its model, painting."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from dlkit.envs.grid_world import ACTIONS, CLIFF_WALK, KINDS, ROOMS, GridWorld

LAKE = ("SFFF", "FHFH", "FFFH", "HFFG")


def table(env, order):
    """gymnasium's table as P (states, actions, states) and expected reward, with its own ends."""
    P = np.zeros((env.observation_space.n, 4, env.observation_space.n))
    R = np.zeros(P.shape[:2])
    for state, actions in env.unwrapped.P.items():
        for ours, theirs in enumerate(order):
            for chance, next_state, reward, _ in actions[theirs]:
                P[state, ours, int(next_state)] += chance
                R[state, ours] += chance * reward
    return P, R


def test_the_cliff_is_gymnasiums():
    ours = GridWorld(CLIFF_WALK, step=-1, goal=-1, cliff=-100)
    P, R = ours.model()
    theirs = table(gymnasium.make("CliffWalking-v1"), (0, 1, 2, 3))
    open_ = ours._open()
    np.testing.assert_array_equal(P[open_], theirs[0][open_])
    np.testing.assert_array_equal(R[open_], theirs[1][open_])
    assert not P[37:].any()


@pytest.mark.parametrize("slippery", [True, False])
def test_the_frozen_lake_is_gymnasiums(slippery):
    rows = [row.replace("F", ".").replace("H", "P") for row in LAKE]
    ours = GridWorld(rows, step=0, goal=1, pit=0, slip=2 / 3 if slippery else 0)
    P, R = ours.model()
    # their actions are left, down, right, up
    theirs = table(gymnasium.make("FrozenLake-v1", is_slippery=slippery), (3, 2, 1, 0))
    open_ = ours._open()
    np.testing.assert_allclose(P[open_], theirs[0][open_], atol=1e-15)
    np.testing.assert_allclose(R[open_], theirs[1][open_], atol=1e-15)


def test_the_steps_follow_the_model():
    world = GridWorld(ROOMS, slip=0.4)
    P, R = world.model()
    rng = np.random.default_rng(0)
    world.reset(seed=0)
    for state in world._open():
        for action in range(4):
            ends = np.zeros(12)
            earned = []
            for _ in range(400):
                world.reset(options={"state": state})
                next_state, reward, terminated, truncated, _ = world.step(action)
                ends[next_state] += 1
                earned.append(reward)
                assert not truncated
                assert terminated == (world.cells[world.place(next_state)] in "GP")
            # five standard deviations of a share of 400
            assert np.abs(ends / 400 - P[state, action]).max() < 5 * 0.5 / 20
            assert not ends[P[state, action] == 0].any()
            assert abs(np.mean(earned) - R[state, action]) < 0.25
    assert rng is not None


def test_painting_changes_the_world_at_once():
    world = GridWorld(ROOMS)
    world.reset(seed=0)
    start = world.number((2, 0))
    assert world.state == start
    world.paint((1, 0), "#")
    assert world.rows == ["...G", "##.P", "S..."]
    assert world.step(0)[:2] == (start, -0.04)
    world.paint((2, 1), ".", reward=0.5)
    next_state, reward, terminated, *_ = world.step(1)
    assert (next_state, reward, terminated) == (start + 1, 0.5, False)
    world.paint((2, 2), "P", reward=-7)
    assert world.step(1)[1:3] == (-7, True)
    world.paint((2, 1), ".")
    assert world.rewards[2, 1] == -0.04


def test_where_an_episode_begins():
    world = GridWorld(("S.S", "#PG"))
    world.reset(seed=0)
    assert {world.reset()[0] for _ in range(50)} == {0, 2}
    world = GridWorld(("S.S", "#PG"), anywhere=True)
    world.reset(seed=0)
    assert {world.reset()[0] for _ in range(80)} == {0, 1, 2}
    with pytest.raises(ValueError, match="no start"):
        GridWorld(("..", ".G")).reset()
    with pytest.raises(ValueError, match="no floor"):
        GridWorld(("#G",), anywhere=True).reset()
    cliff = GridWorld(("SCS",))
    cliff.reset(seed=0)
    with pytest.raises(ValueError, match="needs one start"):
        cliff.step(1)


def test_the_clock_breaks_off():
    world = GridWorld(("S.G",), limit=2)
    world.reset(seed=0)
    assert world.step(3)[2:4] == (False, False)
    assert world.step(3)[2:4] == (False, True)
    with pytest.raises(ValueError, match=r"call reset\(\) first"):
        world.step(0)
    world.reset()
    world.step(1)
    assert world.step(1)[2:4] == (True, True)  # both: the story was over in the last moment


def test_gymnasium_accepts_it():
    check_env(GridWorld(), skip_render_check=True)
    assert len(ACTIONS) == 4
    assert len(KINDS) == 6


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rows": ("..", ".")}, "rows must be texts of one length"),
        ({"rows": ()}, "rows must be texts"),
        ({"rows": "S..G"}, "rows must be texts"),
        ({"rows": 3}, "rows must be texts"),
        ({"rows": [1, 2]}, "rows must be texts"),
        ({"rows": np.array([["S", "G"]])}, "rows must be texts"),
        ({"rows": ("X",)}, "kind must be one of"),
        ({"slip": 1.5}, "slip must be between"),
        ({"goal": np.nan}, "goal must be a finite number"),
        ({"limit": 0}, "limit must be at least 1"),
    ],
)
def test_bad_worlds_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        GridWorld(**settings)


def test_bad_actions_and_places_are_refused():
    world = GridWorld()
    world.reset(seed=0)
    with pytest.raises(ValueError, match="action must be"):
        world.step(4)
    with pytest.raises(ValueError, match="place must lie on the grid"):
        world.paint((3, 0), ".")
    with pytest.raises(ValueError, match="reward must be a finite number"):
        world.paint((0, 0), ".", reward=np.inf)
    for place in ((0,), (0, 1, 2), 5, "ab", None, (0.5, 1)):
        with pytest.raises(ValueError, match="place must lie on the grid"):
            world.paint(place, ".")
    for state in (-1, 12, 0.5, "a", None):
        with pytest.raises(ValueError, match="state must lie in 0 … 11, got"):
            world.place(state)
    for action in (1.5, "up", None, -1):
        with pytest.raises(ValueError, match="action must be 0, 1, 2 or 3, got"):
            world.step(action)


@pytest.mark.parametrize("state", [99, -1, 1.5, "a", None, 3, 5], ids=str)
def test_an_episode_begins_where_one_can_stand(state):
    world = GridWorld()  # 3 is the goal, 5 the wall
    world.reset(seed=0)
    with pytest.raises(ValueError, match=r"options\['state'\] must be a square that one can stand"):
        world.reset(seed=1, options={"state": state})
    assert world.state == 8
    assert world.np_random.random() == np.random.default_rng(0).random()


def test_what_is_refused_leaves_the_world_as_it_was():
    world = GridWorld()
    with pytest.raises(ValueError, match="reward must be"):
        world.paint((0, 0), "G", np.nan)
    assert world.rows == list(ROOMS)
    assert world.rewards[0, 0] == -0.04
