"""Explorer: play a game with the keys while an agent plays the same start beside you."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.models.dqn import DQN
from dlkit.widgets.ch09_agents import OWN, PLAYERS, TRAINED, network_player, player
from dlkit.widgets.ch09_games import GAMES, Bars, Game, Player, Screen, written
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.frame import alone
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.running import RunningExplorer
from dlkit.widgets.tiles import Tiles

RATE = {"Bricks": 5.0, "CartPole": 12.0}  # steps a second at speed 1
HURRY = 4  # steps of the agent in one tick of the clock, once you are out
ROUNDS = 99  # rounds that can be chosen; each is a start of its own

PHASES = {"ready": "not begun", "playing": "under way", "paused": "paused", "over": "over"}

# Places in inches.
SCREENS = {"you": 0.25, "agent": 5.05}
WIDE, HIGH, LOW = 4.5, 3.6, 1.72
BARS = 1.24  # the first row


class Seat:
    """One of the two who play: an environment of their own, started with the round's seed."""

    def __init__(self, game: Game, seed: int):
        self.env = game.make()
        self.observation, _ = self.env.reset(seed=seed)
        self.rng = np.random.default_rng(seed)
        self.memory: dict = {}
        self.score, self.steps, self.action = 0.0, 0, -1  # no action yet
        self.over = self.lost = False

    def step(self, action: int) -> None:
        """Take one step, unless the game is over."""
        if self.over:
            return
        self.observation, reward, lost, late, _ = self.env.step(action)
        self.score += float(reward)
        self.steps, self.action = self.steps + 1, action
        self.over, self.lost = bool(lost or late), bool(lost)


@dataclass(frozen=True, eq=False)
class View:
    """What one of the two sees: q holds what the agent's network thinks of it, if there is one."""

    observation: np.ndarray
    score: int
    steps: int
    action: int
    over: bool
    lost: bool
    q: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Match:
    """A round as it stands. phase: ready, playing, paused or over; tally: rounds won by you, won
    by the agent, drawn."""

    game: Game
    opponent: str
    phase: str
    you: View
    agent: View
    round: int
    tally: tuple[int, ...]


class YouAgainstTheAgent(RunningExplorer):
    """Both play the same start, with the same actions, at the same clock.

    game: Bricks or CartPole; opponent: who plays beside you; speed: of the clock, 1 is 5 steps a
    second of Bricks and 12 of CartPole; number: of the round, which is its seed. `tick` moves the
    clock by hand.

    agents: of your own, by game, in place of the stored networks: `YouAgainstTheAgent(agents=
    {"CartPole": agent})` with a `DQN`.
    """

    title = "You against the agent"
    size = (9.8, 5.9)
    run_label, without_loop = "Start", "use tick(steps)"
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "move (hold it); the first one starts the clock",
        " ": "pause and go on",
        "n": "next round",
    }

    def __init__(self, agents: Mapping[str, DQN] | None = None, **start):
        self._agents = dict(agents or {})
        if strangers := self._agents.keys() - GAMES.keys():
            raise ValueError(f"agents must be for {' or '.join(GAMES)}, got {sorted(strangers)}")
        self._seats: dict[str, Seat] = {}
        self._chosen: tuple = ()  # what the seats were made for
        self._tally = (0, 0, 0)
        self._held: list[str] = []  # keys that are down, the last one last
        self._tapped: str | None = None  # pressed since the last step, perhaps let go already
        self._pointed: float | None = None
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "game": ipywidgets.Dropdown(options=list(GAMES), value="Bricks", description="game"),
            "opponent": ipywidgets.Dropdown(
                options=list(PLAYERS), value=self._first(), description="beside you plays"
            ),
            "speed": ipywidgets.FloatSlider(
                value=1, min=0.25, max=4, step=0.25, description="speed"
            ),
            "number": ipywidgets.IntSlider(value=1, min=1, max=ROUNDS, description="round"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        def and_play(call: Callable[[], None]) -> Callable[[], None]:
            def pressed() -> None:
                call()
                self.frame.focus()  # from now on the keys are the game's

            return pressed

        return {
            self.run_label: and_play(self._run_or_pause),
            "Next round": and_play(self.next_round),
        }

    def player(self, game: str, name: str) -> Player:
        """Who plays under this name; ValueError where there is nobody."""
        if name == TRAINED and game in self._agents:
            return network_player(OWN, self._agents[game])
        return player(game, name)

    def _first(self) -> str:
        """The best player there is."""
        for name in PLAYERS:
            with contextlib.suppress(ValueError):
                self.player("Bricks", name)
                return name
        raise ValueError("There is nobody to play against.")

    # The clock --------------------------------------------------------------------------------

    @property
    def _phase(self) -> str:
        if all(seat.over for seat in self._seats.values()):
            return "over"
        if self.running:
            return "playing"
        return "paused" if self._seats["you"].steps else "ready"

    def before_run(self) -> None:
        """After a round that is over the next one begins."""
        if self._phase == "over":
            self.next_round()

    def beat(self) -> float:
        self.tick()
        return 1 / (RATE[self.values["game"]] * self.values["speed"])

    def pause(self) -> None:
        """Stop the clock, and say so."""
        super().pause()
        self.refresh()

    def next_round(self) -> None:
        """Another start, the same for both; after the last round comes the first."""
        self.set(number=self.values["number"] % ROUNDS + 1)

    def tick(self, steps: int = 1) -> None:
        """Move the clock: both take a step; when you are out, the agent hurries."""
        with alone:
            for _ in range(steps):
                if self._phase != "over":
                    self._one_step()
            if self._phase == "over":
                self.pause()
            else:
                self.refresh()

    def _one_step(self) -> None:
        you, agent = self._seats["you"], self._seats["agent"]
        game, other = (
            GAMES[self.values["game"]],
            self.player(self.values["game"], self.values["opponent"]),
        )
        hurry = HURRY if you.over else 1
        if not you.over:
            you.step(self._my_action(game, you))
        for _ in range(hurry):
            if not agent.over:
                agent.step(other.act(agent.observation, agent.memory, agent.rng))
        if you.over and agent.over:
            won = 0 if you.score > agent.score else 1 if you.score < agent.score else 2
            self._tally = tuple(n + (i == won) for i, n in enumerate(self._tally))

    def _my_action(self, game: Game, you: Seat) -> int:
        key = self._tapped or (self._held[-1] if self._held else None)
        self._tapped = None
        if key is not None:
            return game.keys[key]
        if self._pointed is not None:
            return game.towards(you.observation, self._pointed)
        return game.rest(you.steps)

    # What is shown ----------------------------------------------------------------------------

    def compute(self, game: str, opponent: str, speed: float, number: int) -> Match:
        other = self.player(game, opponent)  # first: a ValueError leaves everything as it is
        if self._chosen != (game, opponent, number):
            if self._chosen[:2] != (game, opponent):
                self._tally = (0, 0, 0)
            self._chosen = (game, opponent, number)
            self._seats = {name: Seat(GAMES[game], number) for name in SCREENS}
            super().pause()  # the clock waits for a key
            self._held, self._tapped, self._pointed = [], None, None
        views = {name: _view(seat, other) for name, seat in self._seats.items()}
        return Match(GAMES[game], other.name, self._phase, **views, round=number, tally=self._tally)

    def reset(self) -> None:
        """Return the controls to the start; the tally too."""
        with alone:
            self._chosen = ()
            super().reset()

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.page = figure.add_axes((0, 0, 1, 1))
        self.page.set(xlim=(0, width), ylim=(0, height))
        self.page.set_axis_off()
        self.screens = {
            name: Screen(self.page, left, LOW, WIDE, HIGH) for name, left in SCREENS.items()
        }
        self.tiles, self.labels = Tiles(self.page), Labels(self.page)
        self.bars = {name: Bars(left, BARS, WIDE) for name, left in SCREENS.items()}
        for screen in self.screens.values():
            self.live(*screen.artists)
        self.live(self.tiles, self.labels)

    def draw(self, data: Match) -> None:
        tiles, labels = [], []
        head = Style(self.ink, size=12, weight="bold", anchor=0)
        plain = Style(self.ink, anchor=0)
        number = Style(self.ink, size=12, weight="bold", anchor=1)
        top = LOW + HIGH
        for name, left in SCREENS.items():
            view = getattr(data, name)
            self.screens[name].show(data.game, view.observation, dark=self.dark, lost=view.over)
            labels.append(Label(left, top + 0.2, "You" if name == "you" else data.opponent, head))
            labels.append(Label(left + WIDE, top + 0.2, data.game.count(view.score), number))
            if view.over:
                words = data.game.loss if view.lost else "played to the end"
                style = Style(plots.INK[0], paper=plots.EDGE, size=11, weight="bold", padding=5)
                labels.append(Label(left + WIDE / 2, LOW + 0.5 * HIGH, words, style))
            if view.q is not None:
                words = "its Q values in your place" if name == "you" else "its Q values"
                labels.append(Label(left, LOW - 0.2, words + " (bar: about their mean)", plain))
                more_tiles, more_labels = self.bars[name].show(data.game.actions, view.q, self.ink)
                tiles += more_tiles
                labels += more_labels
            elif name == "agent":
                labels.append(Label(left, LOW - 0.2, "This player has no Q values.", plain))
        if (words := self._invitation(data)) and not data.you.over:
            style = Style(plots.INK[0], paper=plots.EDGE, size=12, weight="bold", padding=6)
            middle = SCREENS["you"] + WIDE / 2
            labels.append(Label(middle, LOW + 0.22 * HIGH, words, style))
        mine, its, drawn = data.tally
        words = f"round {data.round}; won by you {mine}, by it {its}, drawn {drawn}"
        labels.append(Label(self.size[0] / 2, 0.2, words, Style(self.ink)))
        self.tiles.show(tiles)
        self.labels.show(labels)

    def _invitation(self, data: Match) -> str:
        return {
            "ready": "hold ← or → to begin",
            "paused": "paused: Space goes on",
        }.get(data.phase, "")

    def describe(self, data: Match) -> str:
        you, agent, count = data.you, data.agent, data.game.count
        words = [
            f"{data.game.name}, round {data.round}, {PHASES[data.phase]}, "
            f"{max(you.steps, agent.steps)} steps.",
            f"You: {count(you.score)} after {you.steps} steps{_end(data.game, you)}. "
            f"{data.opponent.capitalize()}: {count(agent.score)} after {agent.steps} steps"
            f"{_end(data.game, agent)}.",
        ]
        if data.phase != "playing":
            words.append(f"You see: {data.game.words(you.observation)}.")
            for view, whose in ((you, "your"), (agent, "its own")):
                if view.q is not None:
                    values = zip(data.game.actions, view.q, strict=True)
                    named = ", ".join(f"{name} {written(float(q))}" for name, q in values)
                    words.append(f"Q of its network in {whose} place: {named}.")
        mine, its, drawn = data.tally
        words.append(f"Rounds: {mine} won by you, {its} by it, {drawn} drawn.")
        return " ".join(words)

    # By hand ----------------------------------------------------------------------------------

    def on_key(self, event: Key) -> None:
        if event.key == " ":
            self._run_or_pause()
        elif event.key == "n":
            self.next_round()
        else:
            self._pointed = None
            if event.key not in self._held:
                self._held.append(event.key)
                self._tapped = event.key
            self._begin()

    def on_release(self, event: Key) -> None:
        if event.key in self._held:
            self._held.remove(event.key)

    def on_pointer(self, event: Pointer) -> None:
        """On your screen the paddle follows the pointer, and a click starts the clock."""
        screen = self.screens["you"]
        inside = event.kind != "leave" and screen.holds(event.x, event.y)
        self._pointed = screen.share(event.x) if inside else None
        if inside and event.kind == "down":
            self._begin()

    def _begin(self) -> None:
        """Let the clock run, unless the round is over: a key still held begins no other."""
        if self._phase != "over":
            self.run()


def _view(seat: Seat, other: Player) -> View:
    q = None if other.q is None else other.q(seat.observation)
    return View(seat.observation, int(seat.score), seat.steps, seat.action, seat.over, seat.lost, q)


def _end(game: Game, view: View) -> str:
    return "" if not view.over else f", {game.loss}" if view.lost else ", played to the end"
