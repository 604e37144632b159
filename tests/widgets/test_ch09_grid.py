"""Painting the world of chapter 09, driven without a browser."""

import copy

import numpy as np
import pytest

from dlkit.envs.grid_world import FLOOR, GOAL, PIT, START, WALL
from dlkit.models.tabular import bellman, value_iteration
from dlkit.widgets.ch09_board import DOWN, LEFT, RIGHT, UP, best_actions, number
from dlkit.widgets.ch09_grid import (
    BRUSHES,
    LOOK,
    METHODS,
    STEPS,
    VIEWS,
    WORLDS,
    PaintTheWorld,
    between,
)
from dlkit.widgets.explorer import Key, Pointer


@pytest.fixture
def grid():
    return PaintTheWorld()


def press(grid, *keys):
    for key in keys:
        grid.on_key(Key(key))


def stroke(grid, *cells, axes=None):
    axes = axes or grid.learned.axes
    for i, cell in enumerate(cells):
        x, y = grid.learned.place(cell)
        grid.on_pointer(Pointer("move" if i else "down", axes, x, y, pressed=True))


def test_the_optimum_is_bellmans(grid):
    data = grid.data
    P, R = data.world.model()
    values = data.exact.max(axis=1)
    assert data.exact == pytest.approx(bellman(values, P, R, 0.95), abs=1e-6)
    assert data.exact == pytest.approx(value_iteration(P, R, 0.95), abs=1e-5)


def test_value_iteration_gets_nearer_by_gamma_a_sweep(grid):
    grid.set(method="value iteration", gamma=0.8, slip=0.2)
    grid.advance(20)
    errors = np.array(grid.branch.metrics["largest"])
    assert (errors[1:] <= 0.8 * errors[:-1] + 1e-6).all()
    assert grid.data.learner.sweeps == 20
    assert grid.data.learner.moves == 0


def test_an_agent_learns_the_way(grid):
    grid.set(unit="10 episodes", anywhere=True, epsilon=1)  # tries everything, everywhere
    begin = grid.data.error
    grid.advance(150)
    greedy, followed, best = grid.data.worth
    assert grid.data.error < begin / 10
    assert greedy == pytest.approx(best, abs=1e-6)
    assert followed < best
    assert grid.data.learner.episodes == 1500


def test_a_step_is_a_move_or_episodes(grid):
    grid.advance(3)
    assert (grid.data.learner.moves, grid.data.learner.episodes) == (3, 0)
    grid.episode()
    assert grid.data.learner.episodes == 1
    assert grid.values["unit"] == "one move"
    grid.set(unit="10 episodes")
    grid.advance(1)
    assert grid.data.learner.episodes == 11
    assert len(grid.data.learner.returns) == 10


def test_rewound_it_goes_on_as_it_did(grid):
    grid.set(slip=0.3)
    grid.advance(40)
    table = grid.data.q.copy()
    grid.rewind(10)
    grid.advance(30)
    assert (grid.data.q == table).all()
    assert grid.branch.name == "B"


def test_a_copy_learns_apart(grid):
    grid.advance(20)
    learner = grid._now
    twin = copy.deepcopy(learner)
    for _ in range(30):
        learner.move()
    assert twin.moves == 20
    assert not (twin.table == learner.table).all()
    assert twin.walk.agent.table is twin.table


def test_painting_by_pointer_changes_the_world_and_keeps_what_is_learned(grid):
    grid.set(unit="10 episodes")
    grid.advance(20)
    table, best = grid.data.q.copy(), grid.data.worth[2]
    grid.set(brush="wall")
    stroke(grid, (3, 4), (3, 6))  # the second move skips a square
    assert grid.data.world.rows[3] == "....###.."
    assert (grid.data.q == table).all()
    assert grid.data.worth[2] < best
    stroke(grid, (3, 4))  # painted once more: gone
    assert grid.data.world.rows[3][4] == FLOOR
    assert grid.data.worth[2] < best
    grid.set(painted=("", {}))
    assert grid.data.worth[2] == pytest.approx(best)
    grid.advance(5)
    assert not grid.message
    grid.set(brush=LOOK)
    stroke(grid, (0, 2))
    assert grid.data.cursor == (0, 2)
    assert grid.data.world.cells[0, 2] == FLOOR


def test_painting_by_keyboard(grid):
    press(grid, "ArrowRight", "ArrowDown", "p")
    assert grid.data.world.cells[1, 1] == PIT
    press(grid, "ArrowLeft", "g")
    assert grid.data.world.cells[1, 0] == GOAL
    press(grid, "ArrowUp", "ArrowRight", "s")
    assert grid.data.world.rows[0].index(START) == 1
    assert (grid.data.world.cells == START).sum() == 1
    grid.set(worth=0.5)
    press(grid, "ArrowRight", "r")
    assert grid.data.world.rewards[0, 2] == 0.5
    assert grid.data.world.cells[0, 2] == FLOOR
    press(grid, "n", "e")
    assert grid.data.learner.episodes >= 1
    grid.set(painted=("", {}))
    assert grid.data.world.rows == list(WORLDS["two rooms"])


def test_what_cannot_be_painted_is_told(grid):
    with pytest.raises(ValueError, match="The start stays"):
        grid.paint(WALL, (0, 0))
    grid.set(world="the cliff")
    with pytest.raises(ValueError, match="The cliff stays"):
        grid.paint(WALL, (3, 3))
    assert grid.data.world.rows == list(WORLDS["the cliff"])


def test_an_unknown_kind_is_refused_before_anything_changes(grid):
    with pytest.raises(ValueError, match="kind must be one of"):
        grid.paint("wall", (0, 1))
    grid.advance(2)
    assert grid.data.learner.moves == 2
    assert not grid.message


def test_paint_belongs_to_its_world(grid):
    grid.paint(WALL, (1, 1))
    grid.set(world="Russell and Norvig", cursor=(2, 3))
    assert grid.data.world.rows == list(WORLDS["Russell and Norvig"])
    assert grid.data.learner.moves == 0


def test_sarsa_keeps_away_from_the_cliff():
    worth = {}
    for method in ("Q-learning", "SARSA"):
        grid = PaintTheWorld(world="the cliff", method=method, unit="10 episodes")
        runs = []
        for seed in range(3):
            grid.set(seed=seed)
            grid.advance(40)
            runs.append(grid.data.worth[1])
        worth[method] = np.mean(runs)
    # Over 10 seeds SARSA's policy, with its chance actions, is worth more in every one.
    assert worth["SARSA"] > worth["Q-learning"]


def test_every_control_to_both_ends_and_back(grid):
    first = grid.description
    for name, values in {
        "world": tuple(WORLDS),
        "method": tuple(METHODS),
        "epsilon": (0, 1),
        "learning_rate": (0.05, 1),
        "gamma": (0, 0.99),
        "slip": (0, 0.6),
        "cost": (-0.2, 0),
        "anywhere": (True, False),
        "brush": tuple(BRUSHES),
        "worth": (-1, 1),
        "unit": tuple(STEPS),
        "view": VIEWS,
        "seed": (0, 20),
    }.items():
        for value in values:
            grid.set(**{name: value})
            grid.advance(1)
            grid._prepare()
            assert not grid.message
            assert np.isfinite(grid.data.q).all()
    grid.reset()
    assert grid.description == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"cursor": (6, 0)}, "cursor must lie on the 6 × 9 squares"),
        ({"world": "Mars"}, "world cannot be 'Mars'"),
        ({"gamma": 1.5}, "gamma cannot be 1.5"),
        ({"epsilon": float("nan")}, "epsilon must be a finite number"),
        ({"nonsense": 1}, "has no control 'nonsense'"),
    ],
)
def test_nonsense_is_told_and_changes_nothing(grid, values, sentence):
    before = grid.values
    with pytest.raises(ValueError, match=sentence):
        grid.set(**values)
    assert grid.values == before


def test_the_words_hold_the_numbers(grid):
    grid.set(unit="10 episodes", cursor=(3, 3))
    grid.advance(5)
    words, data = grid.description, grid.data
    assert "50 episodes" in words
    for value in (data.worth[0], data.worth[2], data.q[data.world.number((3, 3))][1]):
        assert number(value) in words
    grid.paint(WALL, (3, 3))
    assert "Row 3, column 3, counted from 0: a wall." in grid.description


def test_an_empty_chart_says_why(grid):
    def said():
        return grid.tags["return"].texts

    assert said() == ["Run or Step: the agent begins to learn"]
    grid.advance(5)  # moves
    assert said() == ["no episode has ended yet"]
    grid.set(method="value iteration")
    grid.advance()
    assert said() == ["sweeps play no episodes"]


def test_a_click_into_a_chart_goes_back(grid):
    grid.advance(50)
    grid.on_pointer(Pointer("down", grid.charts["error"], 20, 0.5, pressed=True))
    assert grid.data.learner.moves == 20


def test_best_actions_are_all_that_tie_and_none_where_all_do():
    q = np.array([[0, 1, 1, 0.5], [2, 2, 2, 2], [0, 0, 0, 1.0]])
    assert best_actions(q).tolist() == [
        [False, True, True, False],
        [False] * 4,
        [False, False, False, True],
    ]
    assert (UP, RIGHT, DOWN, LEFT) == (0, 1, 2, 3)


def test_a_stroke_skips_no_square():
    assert between((0, 0), (0, 3)) == [(0, 1), (0, 2), (0, 3)]
    assert between((2, 2), (0, 0)) == [(1, 1), (0, 0)]
    assert between((1, 1), (1, 1)) == [(1, 1)]
