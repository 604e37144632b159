"""You against the agent of chapter 09, driven without a browser: `tick` is the clock."""

import asyncio
from time import perf_counter

import numpy as np
import pytest

from dlkit import checkpoint
from dlkit.data import files
from dlkit.envs import bricks
from dlkit.models.dense import mlp
from dlkit.models.dqn import DQN
from dlkit.widgets.ch09_agents import CHANCE, OWN, PLAYERS, RULE, TRAINED
from dlkit.widgets.ch09_games import GAMES
from dlkit.widgets.ch09_play import ROUNDS, YouAgainstTheAgent
from dlkit.widgets.explorer import Key, Pointer

SIZES = {"Bricks": [400, 16, 3], "CartPole": [4, 16, 2]}


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """Two small nets, untrained, where the trained ones lie once dlkit is installed."""
    for game, sizes in SIZES.items():
        net = mlp(sizes, rng=np.random.default_rng(1))
        path = tmp_path / f"assets/models/ch09_{game.lower()}.safetensors"
        checkpoint.save(path, {"sizes": sizes, "network": net.state_dict()})
    monkeypatch.setattr(files, "PACKAGE", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch):
    """An event loop that takes the clock and does not let it run."""
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    yield
    for task in asyncio.all_tasks(loop):
        task.cancel()
    monkeypatch.undo()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture
def play():
    return YouAgainstTheAgent(opponent=RULE)


def paddle(play):
    return int(play.data.you.observation[bricks.PADDLE].any(axis=0).argmax())


def test_both_begin_alike_and_nothing_moves_before_a_key(play):
    for game in GAMES:
        for number in (1, 2, ROUNDS):
            play.set(game=game, number=number)
            assert play.data.phase == "ready"
            assert (play.data.you.observation == play.data.agent.observation).all()
            assert not play.running
            assert play.data.you.steps == play.data.agent.steps == 0


def test_rounds_differ_and_come_again(play):
    seen = []
    for number in (1, 2, 1):
        play.set(number=number)
        seen.append(play.data.you.observation)
    assert (seen[0] == seen[2]).all()
    assert not (seen[0] == seen[1]).all()


def test_a_held_key_moves_the_paddle_a_tapped_one_once(play):
    assert paddle(play) == 4
    play.on_key(Key("ArrowLeft"))
    assert play.running
    play.tick(2)
    assert play.data.phase == "playing"
    assert paddle(play) == 2
    play.on_release(Key("ArrowLeft"))
    play.tick()
    assert paddle(play) == 2
    play.on_key(Key("ArrowRight"))  # pressed and let go between two steps
    play.on_release(Key("ArrowRight"))
    play.tick(2)
    assert paddle(play) == 3


def test_the_key_pressed_last_counts_and_repeats_do_not(play):
    play.on_key(Key("ArrowLeft"))
    play.on_key(Key("ArrowRight"))
    play.tick()
    assert paddle(play) == 5
    for key in ("ArrowRight", "ArrowRight"):  # the keyboard repeats what is held
        play.on_key(Key(key))
    play.on_release(Key("ArrowRight"))
    play.tick()
    assert paddle(play) == 4  # the left one is still down
    play.on_release(Key("ArrowLeft"))
    play.tick()
    assert paddle(play) == 4


def test_the_paddle_comes_to_the_pointer_and_no_further(play):
    screen = play.screens["you"]
    x = screen.left + screen.wide / 2 + 0.45 * screen.high  # near the right end
    play.on_pointer(Pointer("down", play.page, x, screen.low + 1, pressed=True))
    play.tick(4)
    assert paddle(play) == 8
    play.on_pointer(Pointer("leave", play.page, x, 0))
    play.tick()
    assert paddle(play) == 8
    other = play.screens["agent"]
    play.on_pointer(Pointer("move", play.page, other.left + 1, other.low + 1))
    assert play._pointed is None


def test_the_clock_is_the_same_until_you_are_out(play):
    play.run()
    while not play.data.you.over:
        play.tick()
        assert play.data.agent.steps == play.data.you.steps
    steps = play.data.agent.steps
    play.tick()
    assert play.data.agent.steps == steps + 4
    play.tick(200)
    assert play.data.phase == "over"
    assert not play.running
    assert play.data.tally == (0, 1, 0)
    assert "the ball was missed" in play.description
    play.on_key(Key("ArrowLeft"))  # a key still held begins no other round
    assert not play.running
    play.on_key(Key(" "))
    assert play.running
    assert play.data.round == 2
    assert play.data.you.steps == 0


def test_pause_stands_still(play):
    play.run()
    play.tick(2)
    play.on_key(Key(" "))
    assert play.data.phase == "paused"
    assert not play.running
    play.on_key(Key(" "))
    assert play.running
    play.tick()
    assert play.data.you.steps == 3
    play.on_key(Key("n"))
    assert play.data.phase == "ready"
    assert not play.running


def test_the_clock_runs_by_itself_and_stops_when_both_are_out(play, monkeypatch):
    monkeypatch.undo()  # a real loop

    async def watch():
        play.set(speed=4)
        play.frame.wait_painted = lambda: asyncio.sleep(0)
        play.run()
        assert play._buttons["Start"].description == "Pause"
        began = perf_counter()
        await asyncio.sleep(0.3)
        most = 20 * (perf_counter() - began) + 1  # twenty steps a second
        assert 1 <= play.data.you.steps <= most
        play.tick(300)
        await asyncio.sleep(0.01)

    asyncio.run(watch())
    assert play.data.phase == "over"
    assert not play.running
    assert play._buttons["Start"].description == "Start"


@pytest.mark.parametrize("game", GAMES)
def test_the_same_player_on_both_sides_draws(play, game):
    play.set(game=game)
    rule = GAMES[game]
    play._my_action = lambda played, you: rule.scripted(you.observation, you.memory)
    play.run()
    play.tick(GAMES[game].most_steps)
    assert play.data.phase == "over"
    assert play.data.tally == (0, 0, 1)
    assert play.data.you.score == play.data.agent.score


def test_without_a_key_a_cart_is_pushed_to_both_sides_in_turn(play):
    play.set(game="CartPole", opponent=CHANCE)
    play.run()
    actions = []
    for _ in range(4):
        play.tick()
        actions.append(play.data.you.action)
    assert actions == [0, 1, 0, 1]


@pytest.mark.parametrize("game", GAMES)
def test_a_network_says_what_it_thinks_of_both_places(play, game):
    play.set(game=game, opponent=TRAINED)
    play.run()
    play.on_key(Key("ArrowLeft"))
    play.tick(2)
    data = play.data
    assert len(data.you.q) == len(data.agent.q) == len(GAMES[game].actions)
    play.pause()
    assert "Q of its network in your place" in play.description
    before = data.agent.q.argmax()
    play.run()
    play.tick()
    assert play.data.agent.action == before


def test_an_agent_of_ones_own():
    agent = DQN(mlp([4, 8, 2], rng=np.random.default_rng(0)))
    play = YouAgainstTheAgent(agents={"CartPole": agent})
    assert play.data.opponent == TRAINED  # for Bricks, the stored one
    play.set(game="CartPole")
    assert play.data.opponent == OWN
    seen = play.data.agent.observation
    assert play.data.agent.q == pytest.approx(agent.q(seen[None])[0])
    with pytest.raises(ValueError, match="agents must be for Bricks or CartPole"):
        YouAgainstTheAgent(agents={"Chess": agent})


def test_without_stored_weights_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "nowhere" / "at all")
    play = YouAgainstTheAgent()
    assert play.values["opponent"] == RULE
    play.set(opponent=TRAINED)
    assert "make reproduce CHAPTER=09" in play.message
    assert play.data.opponent == RULE


def test_every_control_to_both_ends_and_back(play):
    first = play.description
    for name, values in {
        "game": tuple(GAMES),
        "opponent": PLAYERS,
        "speed": (0.25, 4),
        "number": (1, ROUNDS),
    }.items():
        for value in values:
            play.set(**{name: value})
            play.run()
            play.tick(3)
            play._prepare()
            assert not play.message
    play.reset()
    assert play.description == first
    assert play.data.tally == (0, 0, 0)


def test_another_speed_goes_on_with_the_round(play):
    play.run()
    play.tick(2)
    play.set(speed=2)
    assert play.data.you.steps == 2
    assert play.data.phase == "playing"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"game": "Chess"}, "game cannot be 'Chess'"),
        ({"opponent": "Kasparov"}, "opponent cannot be 'Kasparov'"),
        ({"speed": 9}, "speed cannot be 9"),
        ({"number": 0}, "number cannot be 0"),
    ],
)
def test_nonsense_is_told_and_changes_nothing(play, values, sentence):
    before = play.values
    with pytest.raises(ValueError, match=sentence):
        play.set(**values)
    assert play.values == before


def test_the_words_hold_the_numbers(play):
    play.run()
    play.tick(4)
    you, agent = play.data.you, play.data.agent
    assert f"You: {GAMES['Bricks'].count(you.score)} after 4 steps" in play.description
    assert f"A rule: {GAMES['Bricks'].count(agent.score)} after 4 steps" in play.description
