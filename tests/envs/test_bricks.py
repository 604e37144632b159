"""The pixel game: its rules step by step, one game as many, gymnasium's own check."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from dlkit.envs import bricks
from dlkit.envs.bricks import BALL, BOTTOM, BRICKS, PADDLE, TRAIL, Bricks, BricksVector

LIKE_RANDOM = {"random": bricks.random_player(np.random.default_rng(1)), "rule": bricks.follower}


def cell(channel):
    """The row and the column of the only 1 in a channel."""
    ((row, column),) = np.argwhere(channel)
    return int(row), int(column)


def played(player, steps=3000, seed=0, env=None):
    """(before, action, after, reward, lost, late) for so many steps; reset at each end."""
    env = env or Bricks()
    before, _ = env.reset(seed=seed)
    for _ in range(steps):
        action = int(player(before[None])[0])
        after, reward, lost, late, _ = env.step(action)
        yield before, action, after, reward, lost, late
        before = env.reset()[0] if lost or late else after


@pytest.mark.filterwarnings("ignore:.*not having a spec")
def test_gymnasium_finds_nothing_to_complain_about():
    check_env(Bricks())
    check_env(Bricks(render_mode="rgb_array"), skip_render_check=False)


@pytest.mark.parametrize("player", LIKE_RANDOM.values(), ids=LIKE_RANDOM)
def test_nothing_appears_or_is_lost_but_by_the_rules(player):
    broken = 0
    for before, action, after, reward, lost, _ in played(player):
        assert after.dtype == np.uint8
        assert set(np.unique(after)) == {0, 1}
        # the trail is where the ball was, and the ball moves one cell diagonally, but at a wall
        assert cell(after[TRAIL]) == cell(before[BALL])
        (row, column), (was_row, was_column) = cell(after[BALL]), cell(before[BALL])
        assert abs(row - was_row) == 1 or row == was_row == 0
        assert abs(column - was_column) == 1 or column == was_column in (0, 9)
        # two cells of paddle, moved as asked if there is room
        paddle, was = np.flatnonzero(after[PADDLE, BOTTOM]), np.flatnonzero(before[PADDLE, BOTTOM])
        assert after[PADDLE].sum() == 2
        assert paddle[1] == paddle[0] + 1
        assert paddle[0] == np.clip(was[0] + (0, -1, 1)[action], 0, 8)
        # a point for each brick; a new wall only when none is left and the paddle sends the ball up
        rebuilt = after[BRICKS].sum() > before[BRICKS].sum()
        assert not rebuilt or (not before[BRICKS].any() and was_row == 8 and row == 7)
        assert rebuilt or reward == int(before[BRICKS].sum()) - int(after[BRICKS].sum())
        assert not after[BRICKS, :2].any()
        assert not after[BRICKS, 5:].any()
        assert not after[BRICKS, row, column]  # the ball is in no brick
        # lost at the bottom, and only if no paddle was there
        assert lost == (row == BOTTOM)
        assert not (lost and after[PADDLE, BOTTOM, column])
        broken += reward
    assert broken > 20


def test_a_wall_is_24_bricks_and_walls_differ():
    rng = np.random.default_rng(0)
    walls = [bricks.new_wall(rng) for _ in range(20)]
    assert all(wall.sum() == 24 and wall.shape == (3, 10) for wall in walls)
    assert len({wall.tobytes() for wall in walls}) == 20


def test_every_serve_is_drawn_as_often():
    """Eight columns, two directions; the trail is one cell down, on the side it came from."""
    rng, counts = np.random.default_rng(0), {}
    for _ in range(16_000):
        board, (row, column, down, right) = bricks.new_game(rng)
        assert cell(board[BALL]) == (row, column)
        assert cell(board[TRAIL]) == (row - down, column - right)
        counts[column, right] = counts.get((column, right), 0) + 1
    assert counts.keys() == {(column, right) for column in range(1, 9) for right in (-1, 1)}
    assert max(abs(count - 1000) for count in counts.values()) < 120  # 4 standard deviations


def game(ball, trail, paddle=4, wall=((2, 0),)):
    """A game set up by hand: cells of the ball, of the trail and of the bricks, and the paddle."""
    env = Bricks()
    env.reset(seed=0)
    board = np.zeros((4, 10, 10), np.uint8)
    board[BALL][ball] = board[TRAIL][trail] = 1
    board[PADDLE, BOTTOM, paddle : paddle + 2] = 1
    for place in wall:
        board[BRICKS][place] = 1
    env._board, env._paddle, env._left, env._trail = board, paddle, len(wall), trail
    (env._row, env._column) = ball
    env._down = ball[0] - trail[0] or 1
    env._right = ball[1] - trail[1] or (1 if ball[1] == 0 else -1)
    return env


@pytest.mark.parametrize(
    ("setup", "action", "ball", "reward", "lost"),
    [
        ({"ball": (6, 3), "trail": (5, 2)}, 0, (7, 4), 0, False),  # free flight
        ({"ball": (6, 9), "trail": (5, 8)}, 0, (7, 9), 0, False),  # straight along the side
        ({"ball": (7, 9), "trail": (6, 9)}, 0, (8, 8), 0, False),  # and away from it
        ({"ball": (0, 5), "trail": (1, 4)}, 0, (0, 6), 0, False),  # straight along the ceiling
        ({"ball": (0, 6), "trail": (0, 5)}, 0, (1, 7), 0, False),  # and away from it
        ({"ball": (0, 0), "trail": (1, 1)}, 0, (0, 0), 0, False),  # waiting in the corner
        ({"ball": (0, 0), "trail": (0, 0)}, 0, (1, 1), 0, False),  # and back
        (
            {"ball": (0, 9), "trail": (0, 8)},
            0,
            (1, 9),
            0,
            False,
        ),  # out of the ceiling: the side
        (
            {"ball": (0, 9), "trail": (1, 9)},
            0,
            (0, 8),
            0,
            False,
        ),  # out of the side: the ceiling
        ({"ball": (8, 3), "trail": (7, 2)}, 0, (7, 2), 0, False),  # left half of the paddle: left
        ({"ball": (8, 4), "trail": (7, 3)}, 0, (7, 5), 0, False),  # right half: right
        ({"ball": (8, 6), "trail": (7, 7)}, 0, (7, 7), 0, False),  # right half, coming from there
        ({"ball": (8, 4), "trail": (7, 3), "paddle": 5}, 0, (7, 3), 0, False),
        ({"ball": (8, 0), "trail": (7, 1), "paddle": 0}, 0, (7, 0), 0, False),  # aim into the wall
        ({"ball": (8, 2), "trail": (7, 1)}, 0, (9, 3), 0, True),  # missed
        ({"ball": (8, 2), "trail": (7, 1)}, 1, (7, 1), 0, False),  # one step left: just caught
        ({"ball": (5, 3), "trail": (6, 2), "wall": [(4, 4)]}, 0, (6, 4), 1, False),  # from below
        ({"ball": (1, 3), "trail": (0, 2), "wall": [(2, 4)]}, 0, (0, 4), 1, False),  # from above
        # between two rows: the second brick breaks too, and the ball comes through
        ({"ball": (3, 3), "trail": (4, 2), "wall": [(2, 4), (4, 4)]}, 0, (4, 4), 2, False),
    ],
)
def test_the_ball_goes_where_the_rules_say(setup, action, ball, reward, lost):
    after, points, ended, late, info = game(**setup).step(action)
    assert cell(after[BALL]) == ball
    assert (points, ended, late, info) == (reward, lost, False, {})
    assert after[BRICKS].sum() == len(setup.get("wall", [1])) - reward


def test_the_ball_gets_to_every_cell():
    seen = np.zeros((10, 10), bool)
    for *_, after, _, _, _ in played(LIKE_RANDOM["random"], 20_000):
        seen |= after[BALL] > 0
    assert seen.all()


def test_the_last_brick_can_be_reached_wherever_it_is():
    games, rng = 300, np.random.default_rng(0)
    many, earned = BricksVector(games, max_steps=2_000), np.zeros(games)
    seen, _ = many.reset(seed=0, options={"bricks": 1})
    assert seen[:, BRICKS].any(axis=0)[bricks.WALL_ROWS].all()
    for _ in range(1_999):  # catch the ball with either half of the paddle, by chance
        target, _ = bricks._sideways_all(many._ball[1], many._ball[3])
        goal = np.clip(target - rng.integers(2, size=games), 0, 8)
        actions = np.array([bricks.STAY, bricks.RIGHT, bricks.LEFT])[np.sign(goal - many._paddle)]
        _, rewards, lost, _, _ = many.step(actions)
        earned += rewards
        assert (earned[lost] > 0).all()
    assert (earned > 0).all()


def test_a_new_wall_stands_when_the_ball_is_back_at_the_paddle():
    env = game((8, 4), (7, 3), wall=())
    assert env.step(0)[0][BRICKS].sum() == 24
    env = game((5, 3), (6, 2), wall=[(4, 4)])
    walls = [env.step(bricks.follower(env._board))[0][BRICKS].sum() for _ in range(4)]
    assert walls == [0, 0, 0, 24]


@pytest.mark.parametrize("make", [Bricks, lambda **limit: BricksVector(1, **limit)])
def test_wall_after_wall_stands_when_the_one_before_is_gone(make):
    env, rng, walls = make(max_steps=20_000), np.random.default_rng(0), 0
    single, before = isinstance(env, Bricks), env.reset(seed=0)[0].reshape(4, 10, 10)
    while walls < 4:  # catch the ball with either half of the paddle, by chance
        column, trail = cell(before[BALL])[1], cell(before[TRAIL])[1]
        right = column - trail or (1 if column == 0 else -1)
        goal = np.clip(bricks._sideways(column, right)[0] - rng.integers(2), 0, 8)
        move = np.sign(goal - before[PADDLE, BOTTOM].argmax())
        action = (bricks.STAY, bricks.RIGHT, bricks.LEFT)[move]
        after, _, lost, late, _ = env.step(action if single else np.array([action]))
        after = after.reshape(4, 10, 10)
        assert not lost
        assert not late
        back = cell(before[BALL])[0] == BOTTOM - 1 and cell(after[BALL])[0] == BOTTOM - 2
        if back and not before[BRICKS].any():
            walls += 1
            assert after[BRICKS].sum() == 24
        before = after


@pytest.mark.parametrize("seed", range(30))
def test_every_serve_can_be_caught(seed):
    env = Bricks(max_steps=60)
    seen, late = env.reset(seed=seed)[0], False
    while not late:
        seen, _, lost, late, _ = env.step(int(bricks.follower(seen)))
        assert not lost


def test_the_time_limit_cuts_off_and_is_no_loss():
    env = Bricks(max_steps=25)
    env.reset(seed=0)
    steps = [env.step(int(bricks.follower(env._board)))[2:4] for _ in range(25)]
    assert steps == [(False, False)] * 24 + [(False, True)]
    with pytest.raises(gymnasium.error.ResetNeeded, match="the game is over"):
        env.step(0)


def test_one_seed_is_one_game_and_another_another():
    def record(seed):
        return [step[2].tobytes() for step in played(bricks.follower, 600, seed)]

    assert record(3) == record(3)
    assert record(3) != record(4)


def test_what_was_returned_stays_as_it_was():
    env = Bricks()
    first, _ = env.reset(seed=0)
    copy = first.copy()
    env.step(0)
    np.testing.assert_array_equal(first, copy)
    many = BricksVector(2)
    first, _ = many.reset(seed=0)
    second, *_ = many.step(np.zeros(2, int))
    copies = second.copy(), many.step(np.zeros(2, int))[0]
    np.testing.assert_array_equal(second, copies[0])
    assert (copies[1] != second).any()
    np.testing.assert_array_equal(first, BricksVector(2).reset(seed=0)[0])


def test_many_games_have_the_spaces_that_gymnasium_gives_them():
    theirs, ours = SyncVectorEnv([Bricks] * 3), BricksVector(3)
    for name in ("observation_space", "action_space"):
        assert getattr(ours, name) == getattr(theirs, name)
        assert getattr(ours, f"single_{name}") == getattr(theirs, f"single_{name}")


@pytest.mark.parametrize("player", [*LIKE_RANDOM, "careless"])
def test_many_games_at_once_are_the_single_ones_step_by_step(player):
    n, rng = 7, np.random.default_rng(5)
    single = SyncVectorEnv(
        [lambda: Bricks(max_steps=90)] * n, autoreset_mode=AutoresetMode.SAME_STEP
    )
    many = BricksVector(n, max_steps=90)
    (expected, _), (received, info) = single.reset(seed=11), many.reset(seed=11)
    np.testing.assert_array_equal(received, expected)
    assert info == {}
    ends = walls = 0
    for _ in range(1500):
        if player == "careless":  # plays by rule, but one time in fifty
            actions = bricks.follower(received)
            actions = np.where(rng.random(n) < 0.02, rng.integers(0, 3, n), actions)
        else:
            actions = LIKE_RANDOM[player](received)
        before = received[:, BRICKS].sum(axis=(1, 2))
        (expected, *rest, theirs), (received, *ours, info) = (
            single.step(actions),
            many.step(actions),
        )
        np.testing.assert_array_equal(received, expected)
        for mine, other in zip(ours, rest, strict=True):
            np.testing.assert_array_equal(mine, other)
            assert mine.dtype == other.dtype
        assert ("final_obs" in info) == ("final_obs" in theirs)
        if info:
            np.testing.assert_array_equal(info["_final_obs"], theirs["_final_obs"])
            for game in np.flatnonzero(info["_final_obs"]):
                np.testing.assert_array_equal(info["final_obs"][game], theirs["final_obs"][game])
                ends += 1
        walls += (received[:, BRICKS].sum(axis=(1, 2)) > before).sum()
    assert ends > 50
    assert walls > 50


def test_many_games_rebuild_their_walls_as_one_does():
    one, many = Bricks(), BricksVector(1)
    seen, _ = one.reset(seed=2)
    many.reset(seed=2)
    one._board[BRICKS] = many._board[:, BRICKS] = 0
    one._left, many._left[:] = 0, 0
    for _ in range(40):
        action = bricks.follower(seen)
        seen, *rest = one.step(int(action))
        others, *others_rest = many.step(action[None])
        np.testing.assert_array_equal(seen, others[0])
        assert rest[:3] == [part[0] for part in others_rest[:3]]
    assert one._left > 0


@pytest.mark.parametrize("count", [0, 1, 7, 30])
def test_a_game_can_begin_with_fewer_bricks(count):
    one, many = Bricks(), BricksVector(2, max_steps=5)
    seen, _ = one.reset(seed=4, options={"bricks": count})
    others, _ = many.reset(seed=[4, 5], options={"bricks": count})
    assert seen[BRICKS].sum() == count
    np.testing.assert_array_equal(seen, others[0])
    for _ in range(4):
        action = bricks.follower(seen)
        seen, *_ = one.step(int(action))
        others, *_ = many.step(np.array([action, 0]))
        np.testing.assert_array_equal(seen, others[0])
    assert one._left == seen[BRICKS].sum()
    others, *_ = many.step(np.zeros(2, int))
    assert (others[:, BRICKS].sum(axis=(1, 2)) == 24).all()  # the next games are whole ones
    with pytest.raises(ValueError, match="options\\['bricks'\\] must be between 0 and 30, got 31"):
        one.reset(options={"bricks": 31})


def test_players_score_what_their_rules_are_worth():
    random, _ = bricks.scores(LIKE_RANDOM["random"], games=200, seed=500)
    rule, steps = bricks.scores(bricks.follower, games=200, seed=500)
    assert (steps == 500).all()  # never missed
    assert random.mean() < 3 < 24 < rule.mean() < 50  # and so clears a wall now and then
    again, _ = bricks.scores(bricks.follower, games=3, seed=500)
    np.testing.assert_array_equal(again, rule[:3])


@pytest.mark.parametrize(
    ("column", "paddle", "expected"),
    [(0, 0, bricks.STAY), (0, 1, bricks.LEFT), (9, 8, bricks.STAY), (9, 7, bricks.RIGHT)],
)
def test_at_a_side_the_player_by_rule_waits_beside_the_wall(column, paddle, expected):
    """The ball will stay in its column for a step: there is no further to go."""
    board = game((6, column), (5, abs(column - 1)), paddle)._board
    assert bricks.follower(board) == expected


def test_the_random_player_draws_each_action_as_often():
    actions = bricks.random_player(np.random.default_rng(0))(np.zeros((30_000, 4, 10, 10)))
    assert np.abs(np.bincount(actions, minlength=3) / 30_000 - 1 / 3).max() < 0.012


def test_the_score_is_that_of_single_games():
    points, steps = bricks.scores(bricks.follower, games=4, seed=70, max_steps=80)
    for start in range(4):
        rewards = []
        for *_, reward, lost, late in played(
            bricks.follower, 80, seed=70 + start, env=Bricks(max_steps=80)
        ):
            rewards.append(reward)
            if lost or late:
                break
        assert (points[start], steps[start]) == (sum(rewards), len(rewards))


def test_text_and_picture_show_the_board():
    env = Bricks(render_mode="ansi")
    seen, _ = env.reset(seed=0)
    lines = env.render().split("\n")
    assert [len(line) for line in lines] == [10] * 10
    assert lines[9] == "    ==    "
    assert "".join(lines).count("#") == 24
    assert lines[cell(seen[BALL])[0]][cell(seen[BALL])[1]] == "o"
    assert lines[cell(seen[TRAIL])[0]][cell(seen[TRAIL])[1]] == "."
    image = bricks.picture(seen, scale=3)
    assert image.shape == (30, 30, 3)
    np.testing.assert_array_equal(image[29, 12], bricks.COLOURS[PADDLE])
    assert Bricks(render_mode="rgb_array").metadata["render_fps"] > 0
    many = BricksVector(2, render_mode="rgb_array")
    many.reset(seed=0)
    assert [frame.shape for frame in many.render()] == [(80, 80, 3)] * 2
    silent = BricksVector(2)
    silent.reset()
    assert silent.render() is None


def test_every_cell_of_the_picture_has_the_colour_of_its_letter():
    colours = {" ": bricks.BACKGROUND} | dict(zip(bricks.LETTERS, bricks.COLOURS, strict=True))
    for *_, seen, _, _, _ in played(LIKE_RANDOM["random"], 30):
        expected = [[colours[letter] for letter in row] for row in bricks.text(seen).split("\n")]
        np.testing.assert_array_equal(bricks.picture(seen, scale=1), expected)
        channels = [seen[c].astype(bool) for c in (PADDLE, BALL, TRAIL, BRICKS)]
        letters = np.array([list(row) for row in bricks.text(seen).split("\n")])
        for letter, channel in zip(bricks.LETTERS, channels, strict=True):
            np.testing.assert_array_equal(letters == letter, channel)


def test_in_a_corner_the_ball_hides_its_trail():
    seen = game((0, 0), (0, 0))._board
    assert bricks.text(seen)[0] == "o"
    np.testing.assert_array_equal(bricks.picture(seen)[0, 0], bricks.COLOURS[BALL])


def test_bad_input_gets_a_sentence():
    env = Bricks()
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    for action in (3, -1, 0.5, "left", None):
        with pytest.raises(
            ValueError, match=r"action must be 0 \(stay\), 1 \(left\) or 2 \(right\), got"
        ):
            env.step(action)
    for make in (Bricks, lambda **mode: BricksVector(2, **mode)):
        with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
            make(max_steps=0)
        with pytest.raises(
            ValueError, match="render_mode must be None, 'ansi' or 'rgb_array', got 'x'"
        ):
            make(render_mode="x")
    with pytest.raises(ValueError, match="num_envs must be at least 1, got 0"):
        BricksVector(0)
    with pytest.raises(ValueError, match="observation must have shape"):
        bricks.text(np.zeros((10, 10)))
    many = BricksVector(3)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        many.step(np.zeros(3, int))
    with pytest.raises(ValueError, match="seed must be a number or a list of 3, got 2 seeds"):
        many.reset(seed=[1, 2])
    many.reset(seed=[1, None, 3])
    with pytest.raises(ValueError, match=r"actions must have shape \(3,\), got \(2,\)"):
        many.step(np.zeros(2, int))
    for actions in ([0, 1, 3], [-1, 0, 0], [0.0, 1.0, 2.0]):
        with pytest.raises(ValueError, match=r"actions must be 0 \(stay\), 1"):
            many.step(np.array(actions))
    while not env.step(0)[2]:
        pass
    with pytest.raises(gymnasium.error.ResetNeeded, match="the game is over"):
        env.step(0)


def test_a_reset_without_a_seed_goes_on_with_the_same_chance():
    many, one = BricksVector(2), Bricks()
    many.reset(seed=[4, 5])
    one.reset(seed=5)
    again, _ = many.reset()
    np.testing.assert_array_equal(again[1], one.reset()[0])


@pytest.mark.parametrize("make", [Bricks, lambda: BricksVector(2)], ids=["one", "many"])
def test_a_refused_reset_leaves_the_game_as_it_was(make):
    env, same = make(), make()
    for game in (env, same):
        game.reset(seed=0)
    with pytest.raises(ValueError, match="options"):
        env.reset(seed=1, options={"bricks": 99})
    actions = np.zeros(2, int) if isinstance(env, BricksVector) else 0
    for _ in range(20):  # beyond the end of a game: the next ones are drawn as well
        seen, expected = env.step(actions), same.step(actions)
        np.testing.assert_array_equal(seen[0], expected[0])
        if isinstance(env, Bricks) and seen[2]:
            break


def test_seeds_walls_and_pictures_before_the_first_game():
    many = BricksVector(3)
    for seed in ("abc", -5, 1.5, np.random.default_rng(0), ["a", 1, 2], [0, 1, -2]):
        with pytest.raises(ValueError, match="seed must be"):
            many.reset(seed=seed)
    first, _ = many.reset(seed=[1, 2, 3])
    for seed in ((1, 2, 3), np.array([1, 2, 3]), np.int64(1)):
        np.testing.assert_array_equal(many.reset(seed=seed)[0], first)
    for count in (-1, 31, 1.5, None):
        with pytest.raises(ValueError, match="count must be"):
            bricks.new_wall(np.random.default_rng(0), count)
    for env in (Bricks(render_mode="ansi"), BricksVector(2, render_mode="ansi")):
        with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
            env.render()
