"""Explorer: a world of squares to paint, and an agent that learns on a table what it is worth."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.envs.grid_world import (
    ACTIONS,
    CLIFF,
    CLIFF_WALK,
    FLOOR,
    GOAL,
    PIT,
    ROOMS,
    START,
    WALL,
    GridWorld,
)
from dlkit.models.tabular import (
    QLearning,
    Sarsa,
    Walk,
    bellman,
    epsilon_greedy,
    evaluate_policy,
    value_iteration,
)
from dlkit.widgets import ch03_parts as parts
from dlkit.widgets.ch09_board import MOVES, Board, best_actions, number
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.training import Recording, TrainingExplorer

WORLDS = {
    "two rooms": (
        "S...#....",
        "....#....",
        "....#..P.",
        ".........",
        "....#..P.",
        "....#...G",
    ),
    "the cliff": CLIFF_WALK,
    "Russell and Norvig": ROOMS,
    "an empty field": ("........", "........", "S......G", "........", "........"),
}
SWEEPS = "value iteration"  # which knows the world
METHODS = {"Q-learning": QLearning, "SARSA": Sarsa, SWEEPS: QLearning}
LOOK = "nothing (look)"
BRUSHES = {
    LOOK: "",
    "wall": WALL,
    "floor": FLOOR,
    "goal": GOAL,
    "pit": PIT,
    "start": START,
    "reward": "r",
}
STEPS = {"one move": 0, "one episode": 1, "10 episodes": 10}
VIEWS = ("Q of each action", "V of each square", "visits")
LIMIT = 200  # moves after which an episode is broken off
RECENT = 10  # episodes of which the mean return is shown
POINTS = 400  # of a curve, at most
TOLERANCE = 1e-7  # of the exact table

Painted = tuple[str, dict[tuple[int, int], tuple[str, float | None]]]


@dataclass(frozen=True)
class Rules:
    """All that a world is made of but its squares."""

    slip: float
    step: float
    anywhere: bool


class Learner:
    """An agent in its world. The world is never painted in place: a copy may share it."""

    def __init__(self, world: GridWorld, made_of: Any, method: str, seed: int):
        self.rng = np.random.default_rng(seed)
        self.moves = self.episodes = self.sweeps = 0
        self.returns: list[float] = []  # of the last episodes
        self.visits = np.zeros((world.cells.size, 4), int)
        self.trail: list[int] = []  # states of this episode
        self.last_trail: list[int] = []
        self.table = np.zeros((world.cells.size, 4))
        self.enter(world, made_of, method)

    def enter(self, world: GridWorld, made_of: Any, method: str) -> None:
        """Go on in this world by this method, with what has been learned; an episode begins."""
        self.world, self.made_of, self.method = world, made_of, method
        agent = METHODS[method](*self.table.shape, gamma=0.9)
        agent.table = self.table
        self.walk = Walk(agent, world, self.rng, epsilon=0.0)
        self.trail = [self.walk.state]

    def exact(self, gamma: float) -> np.ndarray:
        """The best Q in this world, (states, 4)."""
        name, painted, rules = self.made_of
        return optimum(name, painted, rules, gamma)

    def move(self) -> float | None:
        """One move; the return of the episode if it ended it."""
        taken = self.walk.step()
        self.visits[taken.state, taken.action] += 1
        self.moves += 1
        if taken.score is None:
            self.trail.append(taken.next_state)
        else:
            self.last_trail = [*self.trail, taken.next_state]
            self.trail = [self.walk.state]
            self.episodes += 1
            self.returns = [*self.returns, taken.score][-RECENT:]
        return taken.score

    def sweep(self, gamma: float) -> None:
        """Bellman's equation, once for every square and action."""
        self.table[:] = bellman(self.table.max(axis=1), *chances(self.world), gamma)
        self.sweeps += 1

    def __deepcopy__(self, memo: dict) -> "Learner":
        """The world's squares are shared, its chance is not."""
        world = copy.copy(self.world)
        world.np_random = copy.deepcopy(self.world.np_random)
        memo[id(self.world)] = world
        twin = copy.copy(self)
        twin.world = world
        twin.walk = copy.deepcopy(self.walk, memo)
        twin.rng, twin.table = twin.walk.rng, twin.walk.agent.table
        twin.walk.scores, twin.walk.lengths = [], []
        twin.visits = self.visits.copy()
        twin.returns, twin.trail = list(self.returns), list(self.trail)
        return twin


@dataclass(frozen=True, eq=False)
class World:
    """What is seen: q and exact (states, 4), what is learned and the optimum; worth: from the
    start of the greedy policy, of the policy that the agent follows, and of the best, or None
    without a start; error, largest: mean and largest |Q - exact|."""

    learner: Learner
    world: GridWorld
    q: np.ndarray
    exact: np.ndarray
    worth: tuple[float, float, float] | None
    error: float
    largest: float
    view: str
    cursor: tuple[int, int]


class PaintTheWorld(TrainingExplorer):
    """Paint walls, rewards and pits while an agent learns; the exact optimum stands beside.

    world: the squares at first; method, epsilon (ε), learning_rate (η), gamma (γ), slip, cost (of
    a step) and anywhere (where episodes begin) act from the next step on; unit: what one step of
    the explorer is, which for value iteration is always one sweep; brush and worth: what the
    pointer paints; view: what the colours show.
    """

    title = "Paint the world, and watch what is learned in it"
    size = (9.8, 6.7)
    restarts = ("world", "seed")
    most_moments = 128
    key_help = {  # noqa: RUF012
        " ": "run or pause",
        "n": "next step",
        "e": "an episode",
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "choose a square, and there:",
        "w": "wall",
        "f": "floor",
        "g": "goal",
        "p": "pit",
        "s": "start",
        "r": "reward",
    }

    def __init__(self, **start):
        self._brush = FLOOR  # of the stroke that is being drawn
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        def slider(value, low, high, step, words):
            return ipywidgets.FloatSlider(
                value=value, min=low, max=high, step=step, description=words
            )

        def choice(options, words):
            options = list(options)
            return ipywidgets.Dropdown(options=options, value=options[0], description=words)

        return {
            "world": choice(WORLDS, "world"),
            "method": choice(METHODS, "method"),
            "epsilon": slider(0.1, 0, 1, 0.05, "chance ε"),
            "learning_rate": slider(0.2, 0.05, 1, 0.05, "learning rate η"),
            "gamma": slider(0.95, 0, 0.99, 0.01, "discount γ"),
            "slip": slider(0, 0, 0.6, 0.05, "slip"),
            "cost": slider(-0.04, -0.2, 0.0, 0.02, "reward of a step"),
            "anywhere": ipywidgets.Checkbox(value=False, description="start anywhere"),
            "brush": choice(BRUSHES, "pointer paints"),
            "worth": slider(0.2, -1, 1, 0.1, "painted reward"),
            "unit": choice(STEPS, "one step is"),
            "view": choice(VIEWS, "colours show"),
            "seed": ipywidgets.IntSlider(value=0, min=0, max=20, description="random start"),
        }

    def state(self) -> dict[str, Any]:
        return {"painted": ("", {}), "cursor": (0, 0)}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return super().actions() | {
            "One episode": self.episode,
            "Unpaint": lambda: self.set(painted=("", {})),
        }

    def idle(self, *, method: str, **_) -> dict[str, bool]:
        return {"learning_rate": method == SWEEPS, "unit": method == SWEEPS}

    def set(self, **values) -> None:
        """As in every training; squares off the world are refused before anything changes."""
        rows = WORLDS.get(values.get("world", self.values["world"]), ROOMS)
        row, column = values.get("cursor", (0, 0))
        if not (0 <= row < len(rows) and 0 <= column < len(rows[0])):
            raise ValueError(f"cursor must lie on the {len(rows)} × {len(rows[0])} squares")
        super().set(**values)

    def paint(self, kind: str, *places: tuple[int, int], reward: float | None = None) -> None:
        """Make squares (row, column) of this kind; "r" is floor with a reward of its own."""
        kinds = [letter for letter in (*BRUSHES.values(), CLIFF) if letter]
        if kind not in kinds:
            raise ValueError(f"kind must be one of {', '.join(kinds)}, got {kind!r}")
        values = self.values
        world, cells = values["painted"]
        cells = dict(cells) if world == values["world"] else {}
        old = build_world(values["world"], values["painted"], rules_of(values)).cells
        if kind == START:  # there is one: it moves
            cells |= {
                (int(row), int(column)): (FLOOR, None) for row, column in np.argwhere(old == START)
            }
        for place in places:
            if kind != START and old[place] == START:
                raise ValueError("The start stays: paint a start elsewhere and it moves there.")
            if CLIFF in (old[place], kind):
                raise ValueError("The cliff stays as it is.")
            cells[place] = (FLOOR, reward) if kind == "r" else (kind, None)
        self.set(painted=(values["world"], cells), cursor=places[-1])

    # Learning ---------------------------------------------------------------------------------

    def begin(self, *, seed: int, method: str, **values) -> Learner:
        made_of = self._made_of(values)
        return Learner(build_world(*made_of), made_of, method, seed)

    def step(self, learner: Learner, *, unit: str, gamma: float, method: str, **values) -> dict:
        self._adapt(learner, method=method, gamma=gamma, **values)
        if method == SWEEPS:
            learner.sweep(gamma)
            return self._numbers(learner, gamma, None)
        learner.walk.epsilon = values["epsilon"]
        score, episodes = None, 0
        while True:
            ended = learner.move()
            score = score if ended is None else ended
            episodes += ended is not None
            if episodes >= STEPS[unit]:
                break
        return self._numbers(learner, gamma, score)

    def episode(self) -> None:
        """Walk on to the end of this episode, or take one sweep."""
        self.pause()
        before = self.values["unit"]
        self._holding = True  # one update of the picture, not three
        self.inputs["unit"].value = "one episode"
        self._holding = False
        try:
            self.advance()
        finally:
            self._holding = True
            self.inputs["unit"].value = before
            self._holding = False

    def _numbers(self, learner: Learner, gamma: float, score: float | None) -> dict[str, float]:
        mean, largest = errors(learner, gamma)
        numbers = {"moves": learner.moves, "sweeps": learner.sweeps}
        numbers |= {"error": mean, "largest": largest}
        if score is not None:
            numbers["return"] = float(np.mean(learner.returns))
        return numbers

    def _made_of(self, values: dict[str, Any]) -> tuple[str, Painted, Rules]:
        return values["world"], values["painted"], rules_of(values)

    def _adapt(self, learner: Learner, *, method: str, **values) -> None:
        """Bring what has been painted and set since the last step into the agent's world."""
        made_of = self._made_of(values)
        if made_of != learner.made_of or method != learner.method:
            learner.enter(build_world(*made_of), made_of, method)
        agent = learner.walk.agent
        agent.gamma, agent.learning_rate = values["gamma"], values["learning_rate"]

    def look(self, learner: Learner, *, gamma: float, epsilon: float, view: str, **values) -> World:
        self._adapt(learner, gamma=gamma, **values)
        world, exact = learner.world, learner.exact(gamma)
        starts = np.flatnonzero(world.cells.ravel() == START)
        worth = None
        if len(starts):
            P, R = chances(world)
            greedy, followed = (
                evaluate_policy(epsilon_greedy(learner.table, e), P, R, gamma)[starts[0]]
                for e in (0.0, epsilon)
            )
            worth = float(greedy), float(followed), float(exact[starts[0]].max())
        return World(
            learner,
            world,
            learner.table.copy(),
            exact,
            worth,
            *errors(learner, gamma),
            view,
            self._cursor(world, values["cursor"]),
        )

    def _cursor(self, world: GridWorld, cursor: tuple[int, int]) -> tuple[int, int]:
        rows, columns = world.shape
        return min(cursor[0], rows - 1), min(cursor[1], columns - 1)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.page = figure.add_axes((0, 0, 1, 1))
        self.page.set(xlim=(0, width), ylim=(0, height))
        self.page.set_axis_off()
        self.labels = Labels(self.page)
        self.learned = Board(figure, 0.15, 2.25, 5.75, 4.1)
        self.exact = Board(figure, 6.1, 4.0, 3.55, 2.35)
        self.charts = {
            "return": parts.place(figure, 0.75, 0.5, 4.0, 1.4),
            "error": parts.place(figure, 5.6, 0.5, 4.0, 1.4),
        }
        self.charts["return"].set_ylabel(f"return, {RECENT} episodes", fontsize=9)
        self.charts["error"].set_ylabel("error of Q", fontsize=9)
        parts.powers(self.charts["error"])
        self.others, self.now, self.here, self.tags = {}, {}, {}, {}
        for name, axes in self.charts.items():
            parts.grid(axes)
            self.others[name] = axes.add_collection(
                LineCollection([], linewidths=1.3, linestyles="--", colors=plots.GREY),
                autolim=False,
            )
            (self.now[name],) = axes.plot([], [], "-", color=plots.BLUE, lw=1.8)
            self.tags[name] = Labels(axes)
            if name == "error":
                (self.largest,) = axes.plot([], [], ":", color=plots.VERMILION, lw=1.8)
                self.live(self.largest)
                legend = axes.legend(
                    [self.now[name], self.largest],
                    ["mean", "largest"],
                    fontsize=8.5,
                    frameon=False,
                    loc="lower left",
                )
                legend.set_zorder(0)
                self._sample, self._painted = legend.legend_handles[0], False
            axes.set_xlabel("moves", fontsize=9, labelpad=1)
            (self.here[name],) = axes.plot([], [], "o", color=plots.INK[0], ms=6, zorder=4)
            self.live(self.others[name], self.now[name], self.here[name], self.tags[name])
        self.live(self.labels, *self.learned.artists, *self.exact.artists)

    def draw(self, data: World) -> None:
        shape = data.world.shape
        scale = max(float(np.abs(data.exact).max()), float(np.abs(data.world.rewards).max()), 1e-9)
        self._draw_board(self.learned, data, data.q, scale)
        self._draw_board(self.exact, data, data.exact, scale)
        trail = data.learner.trail if len(data.learner.trail) > 1 else data.learner.last_trail
        places = [self.learned.place(divmod(state, shape[1])) for state in trail]
        walks = data.learner.method != SWEEPS
        self.learned.path.set_data(*(np.array(places).T if places and walks else ([], [])))
        x, y = self.learned.place(divmod(int(data.learner.walk.state), shape[1]))
        self.learned.agent.set_data([x], [y])
        self.learned.agent.set_visible(walks)
        self.learned.ring(data.cursor)
        for name in self.charts:
            self._draw_chart(name)
        if self.dark != self._painted:
            self._painted = self.dark
            self._sample.set(color=plots.SKY if self.dark else plots.BLUE)
        self.labels.show(self._words(data))

    def _draw_board(self, board: Board, data: World, q: np.ndarray, scale: float) -> None:
        world, (rows, columns) = data.world, data.world.shape
        cells = world.cells
        q = q.reshape(rows, columns, 4)
        ends = np.isin(cells, (GOAL, PIT, CLIFF))
        blocked = cells == WALL
        best = best_actions(q)
        best[ends | blocked] = False
        visits = data.view == VIEWS[2] and board is self.learned
        if visits:
            counts = data.learner.visits.reshape(rows, columns, 4)
            shown, top = np.log1p(counts), max(float(np.log1p(counts.max())), 1.0)
        else:
            shown, top = np.where(ends[..., None], world.rewards[..., None], q), scale
        if data.view == VIEWS[1]:
            shown = np.where(ends, world.rewards, q.max(axis=-1))
        board.show(shown, scale=top, blocked=blocked, dark=self.dark)
        numbered = board.cell > 0.8 and board is self.learned and data.view != VIEWS[1]
        if data.view == VIEWS[1] and board.cell < 0.55:
            best = np.zeros_like(best)  # the numbers take the room
        board.point(best, 0.16 if numbered else 0.4 if data.view == VIEWS[1] else 0.32)
        board.labels.show(self._on_board(board, data, q, shown, numbered))

    def _on_board(
        self, board: Board, data: World, q: np.ndarray, shown: np.ndarray, numbered: bool
    ) -> Iterator[Label]:
        world = data.world
        ink = "white" if self.dark else self.ink  # 5 times as light as the strongest orange
        style = Style(ink, size=9 if board.cell > 0.42 else 7, padding=0.5)
        bold = Style(ink, size=style.size, weight="bold", padding=0.5)
        for (row, column), kind in np.ndenumerate(world.cells):
            x, y = board.place((row, column))
            reward = float(world.rewards[row, column])
            if kind in (GOAL, PIT):
                name = "goal" if kind == GOAL else "pit"
                yield Label(x, y + 0.15, name, style)
                yield Label(x, y - 0.17, signed(reward), bold)
                continue
            if kind == CLIFF:
                yield Label(x, y, "cliff" if board.cell > 0.4 else "C", style)
                continue
            if kind == WALL:
                continue
            if kind == START:
                yield Label(x - 0.33, y + 0.3, "S", bold)
            elif reward != world._rewards[FLOOR]:
                yield Label(x, y + 0.3, signed(reward), bold)
            if data.view == VIEWS[1]:
                yield Label(x, y - 0.02, number(float(q[row, column].max())), style)
            elif numbered:
                for action, (down, right) in enumerate(MOVES):
                    value = shown[row, column, action]
                    if data.view == VIEWS[2]:
                        value = np.expm1(value)
                    text = number(float(value)) if data.view == VIEWS[0] else f"{value:.0f}"
                    yield Label(x + 0.34 * right, y - 0.4 * down, text, style)

    def _draw_chart(self, name: str) -> None:
        axes, data = self.charts[name], self.data
        swept = data.learner.method == SWEEPS
        horizontal = "sweeps" if swept else "moves"
        if axes.get_xlabel() != horizontal:
            axes.set_xlabel(horizontal)
        lines, ends = [], []
        present = np.empty((0, 2))
        for branch in self.branches:
            line = curve(branch, horizontal, name)
            if branch is self.branch:
                present = line
            elif len(line):
                lines.append(line)
            if len(line) and len(self.branches) > 1:
                ends.append(end_of(line, branch.name, self.ink))
        everything = np.concatenate([present, *lines])
        far = float(everything[:, 0].max()) if len(everything) else 1.0
        right = next(r * 10.0**e for e in range(1, 9) for r in (1, 2, 5) if r * 10**e >= far)
        parts.limit(axes, x=(0.0, right))
        if name == "error":
            parts.limit(axes, y=parts.decades(np.maximum(everything[:, 1], 1e-6), top=0))
        elif len(everything):
            low, high = float(everything[:, 1].min()), float(everything[:, 1].max())
            parts.limit(axes, y=(np.floor(min(low, 0)) - 0.1, np.ceil(max(high, 0.1)) + 0.1))
        self.others[name].set_segments(lines)
        self.now[name].set_data(*present.T)
        if name == "error":
            self.largest.set_data(*curve(self.branch, horizontal, "largest").T)
        parts.tint(self.now[name], self.dark)
        here = self.branch.metrics.get(name, [])
        at = self.branch.metrics.get(horizontal, [])
        if self.time and np.isfinite(
            y := here[self.time - 1] if len(here) >= self.time else np.nan
        ):
            ends.append(Label(at[self.time - 1], y, "●", Style(self.ink, size=8)))
        if not len(everything):
            low, high = axes.get_ylim()
            words = "Run or Step: the agent begins to learn"
            if self.branch.length:
                words = "sweeps play no episodes" if swept else "no episode has ended yet"
            middle = np.sqrt(low * high) if name == "error" else (low + high) / 2
            ends.append(Label(right / 2, float(middle), words, Style(self.ink)))
        self.tags[name].show(ends)

    def _words(self, data: World) -> Iterator[Label]:
        head = Style(self.ink, size=11, weight="bold", anchor=0)
        plain = Style(self.ink, size=9.5, anchor=0)
        high, learner = self.size[1], data.learner
        gamma, epsilon = self.values["gamma"], self.values["epsilon"]
        yield Label(
            0.15, high - 0.17, f"learned by {learner.method}, branch {self.branch.name}", head
        )
        yield Label(6.1, high - 0.17, "the exact optimum", head)
        lines = [self._so_far(learner)]
        if data.worth:
            greedy, followed, best = (number(value) for value in data.worth)
            lines += [
                f"worth of the start (γ = {gamma:g}): at best {best};",
                f"the learned arrows {greedy}, with ε = {epsilon:g} {followed}",
            ]
        lines.append(f"error of Q: {small(data.error)} on average, {small(data.largest)} at most")
        state = data.world.number(data.cursor)
        if data.world.cells[data.cursor] in (FLOOR, START):
            row, column = data.cursor
            lines.append(f"row {row}, column {column}, from 0: Q learned (exact)")
            pairs = [
                f"{name} {number(float(a))} ({number(float(b))})"
                for name, a, b in zip(ACTIONS, data.q[state], data.exact[state], strict=True)
            ]
            lines += [", ".join(pairs[:2]), ", ".join(pairs[2:])]
        for i, words in enumerate(lines):
            yield Label(6.1, 3.76 - 0.235 * i, words, plain)

    @staticmethod
    def _so_far(learner: Learner) -> str:
        if learner.method == SWEEPS:
            return f"{learner.sweeps:,} sweep{'s' if learner.sweeps != 1 else ''}"
        moves = f"{learner.moves:,} move{'s' if learner.moves != 1 else ''}"
        return f"{moves}, {learner.episodes:,} episode{'s' if learner.episodes != 1 else ''}"

    def describe(self, data: World) -> str:
        learner, world = data.learner, data.world
        rows, columns = world.shape
        words = [
            f"{learner.method} on {rows} × {columns} squares, branch {self.branch.name}: "
            f"{self._so_far(learner)}. Q is off by {small(data.error)} on average, by "
            f"{small(data.largest)} at most."
        ]
        if learner.returns:
            mean = float(np.mean(learner.returns))
            last = f"{len(learner.returns)} episodes" if len(learner.returns) > 1 else "episode"
            words.append(f"The return of the last {last} is {number(mean)} on average.")
        if data.worth:
            greedy, followed, best = (number(value) for value in data.worth)
            words.append(
                f"From the start the best policy is worth {best}, the learned one {greedy}, and "
                f"with its chance actions {followed}."
            )
        row, column = data.cursor
        kind = str(world.cells[data.cursor])
        named = {WALL: "a wall", GOAL: "the goal", PIT: "a pit", CLIFF: "the cliff"}.get(kind)
        state = world.number(data.cursor)
        if named is None:
            pairs = zip(ACTIONS, data.q[state], data.exact[state], strict=True)
            named = "Q (exact): " + ", ".join(
                f"{name} {number(float(a))} ({number(float(b))})" for name, a, b in pairs
            )
        words.append(f"Row {row}, column {column}, counted from 0: {named}.")
        return " ".join(words)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        """Paint the learned board; a click into a chart goes back to that moment."""
        if event.axes in (self.learned.axes, self.exact.axes):
            if event.kind == "down" or (event.kind == "move" and event.pressed):
                board = self.learned if event.axes is self.learned.axes else self.exact
                self._touch(board.cell_at(event.x, event.y), event)
        elif event.axes in self.charts.values() and event.kind == "down" and self.branch.length:
            swept = self.data.learner.method == SWEEPS
            along = np.array(self.branch.metrics["sweeps" if swept else "moves"])
            self.rewind(int(np.abs(along - event.x).argmin()) + 1)

    def _touch(self, place: tuple[int, int], event: Pointer) -> None:
        brush = BRUSHES[self.values["brush"]]
        if not brush or event.axes is self.exact.axes:
            self.set(cursor=place)
            return
        reward = self.values["worth"] if brush == "r" else None
        if event.kind == "down":  # what is there already is wiped away
            there = self.values["painted"][1].get(place, (self.data.world.cells[place], None))
            same = there == (FLOOR if brush == "r" else brush, reward)
            self._brush = FLOOR if same else brush
            self.paint(self._brush, place, reward=reward)
        elif place != self.values["cursor"]:
            way = between(self.values["cursor"], place)
            self.paint(self._brush, *(way[-1:] if brush == START else way), reward=reward)

    def on_key(self, event: Key) -> None:
        kinds = {"w": WALL, "f": FLOOR, "g": GOAL, "p": PIT, "s": START, "r": "r"}
        row, column = self.data.cursor
        if event.key in kinds:
            worth = self.values["worth"] if event.key == "r" else None
            self.paint(kinds[event.key], (row, column), reward=worth)
        elif event.key in ("n", "e", " "):
            {"n": self._step_once, "e": self.episode, " ": self._run_or_pause}[event.key]()
        else:
            down, right = MOVES[ACTIONS.index(event.key[5:].lower())]  # type: ignore[arg-type]
            rows, columns = self.data.world.shape
            self.set(cursor=((row + down) % rows, (column + right) % columns))


def between(begin: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The squares on the way from one to another, without the first."""
    steps = max(abs(end[0] - begin[0]), abs(end[1] - begin[1]), 1)
    way = np.linspace(begin, end, steps + 1).round().astype(int)[1:]
    return [(int(row), int(column)) for row, column in way]


def rules_of(values: dict[str, Any]) -> Rules:
    """The rules that the controls have set."""
    return Rules(values["slip"], values["cost"], values["anywhere"])


def build_world(name: str, painted: Painted, rules: Rules) -> GridWorld:
    """The world of this name, with what was painted in it."""
    world = GridWorld(
        WORLDS[name], step=rules.step, slip=rules.slip, limit=LIMIT, anywhere=rules.anywhere
    )
    if painted[0] == name:
        for place, (kind, reward) in painted[1].items():
            world.paint(place, kind, reward)
    return world


def chances(world: GridWorld) -> tuple[np.ndarray, np.ndarray]:
    """P and R of a world that is not painted any more, computed once."""
    if not hasattr(world, "kept_model"):
        world.kept_model = world.model()  # type: ignore[attr-defined]
    return world.kept_model  # type: ignore[attr-defined]


def optimum(name: str, painted: Painted, rules: Rules, gamma: float) -> np.ndarray:
    """The exact Q (states, 4)."""
    return _optimum(name, painted[0], tuple(painted[1].items()), rules, gamma)


@lru_cache(maxsize=64)
def _optimum(name: str, painted_name: str, cells: tuple, rules: Rules, gamma: float) -> np.ndarray:
    world = build_world(name, (painted_name, dict(cells)), rules)
    return value_iteration(*world.model(), gamma, tolerance=TOLERANCE)


def errors(learner: Learner, gamma: float) -> tuple[float, float]:
    """Mean and largest |Q - exact| of the squares that one can stand on."""
    exact = learner.exact(gamma)
    open_ = np.isin(learner.world.cells.ravel(), (FLOOR, START))
    error = np.abs(learner.table - exact)[open_]
    return float(error.mean()), float(error.max())


def curve(branch: Recording, horizontal: str, vertical: str) -> np.ndarray:
    """What was measured, (points, 2), thinned for the eye; without what is not finite."""
    x = np.array(branch.metrics.get(horizontal, ()), float)
    y = np.array(branch.metrics.get(vertical, ()), float)
    points = np.column_stack([x[: len(y)], y])
    points = points[np.isfinite(points[:, 1]) & (np.diff(x[: len(y)], prepend=0) > 0)]
    if len(points) <= POINTS:
        return points
    return points[np.unique(np.linspace(0, len(points) - 1, POINTS).astype(int))]


def small(error: float) -> str:
    """An error, which may be very small."""
    return number(error) if error >= 0.1 or error == 0 else parts.size(error)


def end_of(line: np.ndarray, name: str, ink: str) -> Label:
    """The name of a branch, at the end of its curve (points, 2)."""
    return Label(float(line[-1, 0]), float(line[-1, 1]), f" {name}", Style(ink, anchor=0))


def signed(reward: float) -> str:
    """A reward with its sign: +1, −0.5."""
    return f"{reward:+g}".replace("-", "−")
