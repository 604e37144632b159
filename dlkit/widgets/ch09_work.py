"""Explorer: a deep Q-network at work, from the first step to a player."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.widgets import ch03_parts as parts
from dlkit.widgets.ch03_train import apart
from dlkit.widgets.ch09_games import GAMES, Bars, Screen, written
from dlkit.widgets.ch09_grid import curve, end_of
from dlkit.widgets.ch09_memory import RECENT, Training
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import Tile, Tiles, paint
from dlkit.widgets.training import TrainingExplorer

BEGIN = 500  # steps before anything is learned
TESTS = 20  # greedy episodes of a test
FRESH = 10_000  # the seed of the first of them: no start of the training

# Places in inches.
SCREEN = (0.25, 3.75, 4.6, 2.85)
MAP = (5.35, 4.3, 4.2, 2.3)
BARS_TOP, FACTS_TOP = 3.3, 3.72
ROW = 80  # letters that stand over the left chart and not over the right one's legend


@dataclass(frozen=True, eq=False)
class Sight:
    """An agent at one moment: its game, its Q values here, and what its memory holds.

    memory: how many of the kept steps lie in each cell of the picture, (rows, columns), lowest row
    first; drawn: cells of the last batch; ends: the share of kept steps that ended an episode;
    reward: the mean reward of a kept step.
    """

    training: Training
    q: np.ndarray
    memory: np.ndarray
    drawn: np.ndarray
    ends: float
    reward: float
    epsilon: float


class DQNAtWork(TrainingExplorer):
    """A net 4-128-128-2 learns CartPole, or one of 400-128-3 Bricks, while you watch.

    game, capacity (of the memory) and seed begin anew. epsilon (where ε ends), learning_rate,
    gamma, target_every (learning steps between copies; 1 is no target network), replay and double
    act from the next step on; unit: moves of the game in one step of the explorer.
    """

    title = "A deep Q-network at work"
    size = (9.8, 7.0)
    restarts = ("game", "capacity", "seed")
    most_moments = 64  # a state is up to a megabyte
    key_help = {  # noqa: RUF012
        " ": "run or pause",
        "n": "next step",
        "f": "fork",
        "t": f"test: {TESTS} greedy episodes",
        "r": "replay on or off",
        "d": "double on or off",
    }

    def __init__(self, **start):
        self._recipes: dict[str, str] = {}
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        def choice(value, options, words):
            named = [
                (f"{option:,}" if option >= 1 else f"{option:g}", option) for option in options
            ]
            return ipywidgets.Dropdown(options=named, value=value, description=words)

        target = choice(60, [10, 60, 250, 1000], "copy target every")
        target.options = [("1: no target net", 1), *target.options]
        target.value = 60
        return {
            "game": ipywidgets.Dropdown(
                options=["CartPole", "Bricks"], value="CartPole", description="game"
            ),
            "target_every": target,
            "replay": ipywidgets.Checkbox(value=True, description="use replay"),
            "double": ipywidgets.Checkbox(value=False, description="double DQN"),
            "epsilon": ipywidgets.FloatSlider(
                value=0.05, min=0, max=1, step=0.05, description="ε comes down to"
            ),
            "learning_rate": choice(1e-3, [1e-4, 3e-4, 1e-3, 3e-3, 1e-2], "learning rate"),
            "gamma": choice(0.99, [0.5, 0.8, 0.9, 0.95, 0.99], "discount γ"),
            "capacity": choice(100_000, [500, 10_000, 100_000], "memory size"),
            "unit": choice(100, [1, 10, 100, 200], "moves in a step"),
            "seed": ipywidgets.IntSlider(value=0, min=0, max=20, description="random start"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        return super().actions() | {"Test": self.test}

    def test(self) -> None:
        """Let the agent play fresh starts without chance, and show the mean return."""
        self.data.training.test(TESTS, FRESH)
        self.refresh()

    # Training ---------------------------------------------------------------------------------

    def begin(self, *, game: str, capacity: int, seed: int, **_) -> Training:
        training = Training(game, capacity, seed)
        self._recipes = {}
        return training

    def step(self, training: Training, *, unit: int, **values) -> dict[str, float]:
        agent, practice = training.agent, training.practice
        agent.gamma, agent.target_every = values["gamma"], values["target_every"]
        agent.double, practice.replay = values["double"], values["replay"]
        agent.optimiser.learning_rate = values["learning_rate"]
        practice.begin, practice.epsilon_line = BEGIN, self._line(training, values["epsilon"])
        training.recipe = recipe(**values)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(unit):
                training.step()
        if not np.isfinite(training.q).all():
            raise ValueError(
                "Q has run away to infinity: lower the learning rate and go on. The picture shows "
                "the last step that worked."
            )
        numbers = {"moves": practice.steps, "return": training.score}
        return numbers | {"hoped": training.hoped, "got": training.got}

    @staticmethod
    def _line(training: Training, lowest: float) -> tuple[float, float, int]:
        return 1.0, lowest, training.setting.fall

    def look(self, training: Training, *, epsilon: float, **values) -> Sight:
        memory, setting = training.memory, training.setting
        rows, columns = setting.grid
        counts = np.bincount(memory.spots, minlength=rows * columns).reshape(rows, columns)
        training.practice.epsilon_line = self._line(training, epsilon)
        if self.time == self.branch.length or self.branch.name not in self._recipes:
            named = training.recipe or recipe(epsilon=epsilon, **values)
            self._recipes[self.branch.name] = named
        return Sight(
            training,
            training.q.copy(),
            counts,
            memory.drawn_spots,
            float(memory.ends.mean()) if len(memory) else 0.0,
            float(memory.rewards.mean()) if len(memory) else 0.0,
            training.practice.epsilon,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.page = figure.add_axes((0, 0, 1, 1))
        self.page.set(xlim=(0, width), ylim=(0, height))
        self.page.set_axis_off()
        self.screen = Screen(self.page, *SCREEN)
        self.tiles, self.labels = Tiles(self.page), Labels(self.page)
        self.bars = Bars(SCREEN[0], BARS_TOP, SCREEN[2])
        (self.batch,) = self.page.plot(
            [],
            [],
            "o",
            color=plots.ORANGE,
            mec="#202020",
            mew=0.6,
            ms=3.8,
            zorder=4,
            gid=plots.FIXED,
        )
        self.live(self.tiles, self.labels, *self.screen.artists, self.batch)
        self.charts = {
            "return": parts.place(figure, 0.75, 0.45, 4.1, 1.6),
            "worth": parts.place(figure, 5.6, 0.45, 3.95, 1.6),
        }
        self.charts["return"].set_ylabel(f"return, {RECENT} episodes", fontsize=9)
        self.charts["worth"].set_ylabel("from the start on", fontsize=9)
        self.lines, self.tags, self.others, self.here = {}, {}, {}, {}
        for name, axes in self.charts.items():
            parts.grid(axes)
            axes.set_xlabel("moves", fontsize=9, labelpad=1)
            axes.yaxis.set_major_formatter(short)  # a power of ten above the axis hits the legend
            self.others[name] = axes.add_collection(
                LineCollection([], linewidths=1.3, linestyles="--", colors=plots.GREY),
                autolim=False,
            )
            (self.here[name],) = axes.plot([], [], "o", color=plots.INK[0], ms=6, zorder=4)
            self.tags[name] = Labels(axes)
            self.live(self.others[name], self.here[name], self.tags[name])
        styles = {
            "return": ("return", plots.BLUE, "-"),
            "hoped": ("worth", plots.VERMILION, "--"),
            "got": ("worth", plots.BLUE, "-"),
        }
        for name, (chart, colour, line) in styles.items():
            (self.lines[name],) = self.charts[chart].plot([], [], line, color=colour, lw=1.8)
        self.live(*self.lines.values())
        legend = self.charts["worth"].legend(
            [self.lines["hoped"], self.lines["got"]],
            ["max Q: expected", "discounted return: what came"],
            fontsize=8.5,
            frameon=False,
            ncols=2,
            loc="lower left",
            bbox_to_anchor=(-0.05, 0.97),
            columnspacing=1.2,
        )
        legend.set_zorder(0)
        self._sample, self._painted = legend.legend_handles[1], False

    def draw(self, data: Sight) -> None:
        training, game = data.training, GAMES[data.training.game]
        self.screen.show(game, training.seen, dark=self.dark)
        tiles, labels = self.bars.show(game.actions, data.q, self.ink)
        self.tiles.show([*tiles, self._map(data)])
        self._draw_batch(data)
        self.labels.show([*labels, *self._words(data)])
        for name in self.charts:
            self._draw_chart(name)
        if self.dark != self._painted:
            self._painted = self.dark
            self._sample.set(color=plots.SKY if self.dark else plots.BLUE)

    def _map(self, data: Sight) -> Tile:
        """Where the steps of the memory lie: the stronger the colour, the more of them."""
        left, low, wide, high = MAP
        shade = np.sqrt(data.memory / max(int(data.memory.max()), 1))
        pixels = paint(2 * shade - 1, parts.SHADES[self.dark])
        return Tile(left, low, wide, high, pixels, frame=plots.GREY)

    def _draw_batch(self, data: Sight) -> None:
        rows, columns = data.memory.shape
        left, low, wide, high = MAP
        row, column = np.divmod(data.drawn.astype(int), columns)
        number = np.arange(len(row))
        across, up = (number * 0.618) % 1, (number * 0.414) % 1  # spread inside their cell
        self.batch.set_data(
            left + wide * (column + 0.15 + 0.7 * across) / columns,
            low + high * (row + 0.15 + 0.7 * up) / rows,
        )

    def _draw_chart(self, name: str) -> None:
        axes = self.charts[name]
        shown = ("return",) if name == "return" else ("hoped", "got")
        present = {metric: curve(self.branch, "moves", metric) for metric in shown}
        others, ends = [], []
        for branch in self.branches:
            line = present[shown[-1]]
            if branch is not self.branch:
                line = curve(branch, "moves", shown[-1])
                if len(line):
                    others.append(line)
            if len(line) and len(self.branches) > 1:
                ends.append(end_of(line, branch.name, self.ink))
        for metric, line in present.items():
            self.lines[metric].set_data(*line.T)
        self.others[name].set_segments(others)
        blue = plots.SKY if self.dark else plots.BLUE
        self.lines[shown[-1]].set_color(blue)
        everything = np.concatenate([*present.values(), *others])
        reach = max((b.metrics["moves"][-1] for b in self.branches if b.length), default=1)
        right = next(r * 10.0**e for e in range(2, 9) for r in (1, 2, 5) if r * 10**e >= reach)
        parts.limit(axes, x=(0.0, right))
        highest = max(float(everything[:, 1].max()) if len(everything) else 0.0, 1e-3)
        top = next(r * 10.0**e for e in range(0, 12) for r in (1, 2, 5) if r * 10**e >= highest)
        parts.limit(axes, y=(min(0.0, -0.02 * top), 1.08 * top))
        if self.time:
            x = self.branch.metrics["moves"][self.time - 1]
            y = self.branch.metrics[shown[-1]][self.time - 1]
            self.here[name].set_data([x], [y])
        else:
            self.here[name].set_data([], [])
        if not self.time and name == "return":
            style = Style(self.ink, size=10)
            ends.append(Label(right / 2, top / 2, "Run or Step begins the training", style))
        self.tags[name].show(apart(ends, 0.04 * right, 0.09 * top, 1.08 * top))

    def _words(self, data: Sight) -> Iterator[Label]:
        training = data.training
        head = Style(self.ink, size=11, weight="bold", anchor=0)
        plain = Style(self.ink, anchor=0)
        middle = Style(self.ink, size=8.5)
        top = SCREEN[1] + SCREEN[3] + 0.2
        yield Label(SCREEN[0], top, f"{training.game}, branch {self.branch.name}", head)
        yield Label(SCREEN[0], SCREEN[1] - 0.18, "Q of each action (bar: about their mean)", plain)
        left, low, wide, _ = MAP
        memory = training.memory
        words = f"memory: {len(memory):,} of {memory.capacity:,} steps"
        yield Label(left, top, words, head)
        right, up = training.setting.axes
        yield Label(left + wide / 2, low - 0.14, f"across: {right}; up: {up}", middle)
        yield Label(left + wide / 2, low - 0.33, "dots: the batch learned last", middle)
        for i, line in enumerate(self._facts(data)):
            yield Label(left, FACTS_TOP - 0.225 * i, line, plain)
        named = [f"{branch.name}: {self._recipes[branch.name]}" for branch in self.branches]
        rows = _rows(named)[-2:]  # there is room for two
        for row, words in enumerate(rows):
            yield Label(0.25, 2.28 + 0.2 * (len(rows) - 1 - row), words, plain)

    def _facts(self, data: Sight) -> Iterator[str]:
        training = data.training
        episodes = f"{training.episodes:,} episode{'s' if training.episodes != 1 else ''}"
        yield f"{training.practice.steps:,} moves, {episodes}, {training.agent.updates:,} updates"
        loss = f", loss {training.loss:.3g}" if np.isfinite(training.loss) else ""
        yield f"chance ε = {data.epsilon:.2f}{loss}"
        if training.scores:
            yield f"the last {len(training.scores)} episodes: {training.score:.1f} on average"
        yield f"memory: {100 * data.ends:.1f} % ends, mean reward {data.reward:.2f}"
        if training.tested:
            steps, mean = training.tested
            yield f"test after {steps:,} moves: {mean:.1f}, greedy"

    def describe(self, data: Sight) -> str:
        training, game = data.training, GAMES[data.training.game]
        words = [
            f"{game.name}, branch {self.branch.name} ({self._recipes[self.branch.name]}).",
            *(f"{line[0].upper()}{line[1:]}." for line in self._facts(data)),
            f"The agent sees: {game.words(training.seen)}.",
        ]
        named = zip(game.actions, data.q, strict=True)
        words.append("Q: " + ", ".join(f"{name} {written(float(q))}" for name, q in named) + ".")
        if np.isfinite(training.hoped):
            words.append(
                f"At the start of the last episodes it expected {written(training.hoped)} and got "
                f"{written(training.got)}."
            )
        words.append(
            f"The memory keeps {len(training.memory):,} of at most "
            f"{training.memory.capacity:,} steps."
        )
        return " ".join(words)

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        """A click into a chart, or a drag over it, goes back to that moment."""
        if event.axes in self.charts.values() and (event.kind == "down" or event.pressed):
            moves = np.array(self.branch.metrics.get("moves", ()))
            if len(moves):
                self.rewind(int(np.abs(moves - event.x).argmin()) + 1)

    def on_key(self, event: Key) -> None:
        if event.key in "rd":
            name = {"r": "replay", "d": "double"}[event.key]
            self.set(**{name: not self.values[name]})
            return
        {
            " ": self._run_or_pause,
            "n": self._step_once,
            "f": self.fork,
            "t": self.test,
        }[event.key]()


def short(value: float, _: float | None = None) -> str:
    """A tick in few letters: 50, 200k, 1.5M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= max(size, 1e4):
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _rows(pieces: list[str]) -> list[str]:
    """The pieces one after the other, in rows of at most ROW letters."""
    rows = [pieces[0]]
    for piece in pieces[1:]:
        longer = f"{rows[-1]}    {piece}"
        if len(longer) <= ROW:
            rows[-1] = longer
        else:
            rows.append(piece)
    return rows


def recipe(
    *,
    target_every: int,
    replay: bool,
    double: bool,
    epsilon: float,
    learning_rate: float,
    gamma: float,
    **_,
) -> str:
    """What is unusual about these settings, in words."""
    words = []
    if not replay:
        words.append("no replay")
    if target_every == 1:
        words.append("no target network")
    elif target_every != 60:
        words.append(f"target every {target_every:,}")
    if double:
        words.append("double")
    if epsilon != 0.05:
        words.append(f"ε to {epsilon:g}")
    if learning_rate != 1e-3:
        words.append(f"η {learning_rate:g}")
    if gamma != 0.99:
        words.append(f"γ {gamma:g}")
    return ", ".join(words) or "usual settings"
