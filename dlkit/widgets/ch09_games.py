"""The two games of chapter 09's explorers: how they look, who plays them, what the keys do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from dlkit import plots
from dlkit.envs import bricks
from dlkit.widgets.labels import Label, Style
from dlkit.widgets.tiles import Tile, Tiles

RAIL = 2.4  # metres from the middle at which a cart is lost
FALLEN = np.deg2rad(12)  # the angle at which a pole has fallen


class Game:
    """A game as an explorer needs it; the environment itself comes from `make`."""

    name: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]
    keys: ClassVar[dict[str, int]]  # key -> action
    most_steps: ClassVar[int]
    unit: ClassVar[str]  # what a score counts, one of them
    loss: ClassVar[str]  # how an episode is lost

    def count(self, score: int) -> str:
        """A score in words."""
        return f"{score} {self.unit}{'s' if score != 1 else ''}"

    def make(self) -> Any:
        """A gymnasium environment; an episode depends on the seed of `reset` alone."""
        raise NotImplementedError

    def rest(self, step: int) -> int:
        """The action of a player who touches nothing."""
        raise NotImplementedError

    def towards(self, observation: np.ndarray, place: float) -> int:
        """The action of a player who points at a place, 0 (left end) … 1 (right end)."""
        raise NotImplementedError

    def scripted(self, observation: np.ndarray, memory: dict) -> int:
        """The action of a player who follows a simple rule; `memory` is empty at the start."""
        raise NotImplementedError

    def words(self, observation: np.ndarray) -> str:
        """What is seen, in words."""
        raise NotImplementedError


class CartPole(Game):
    """A pole on a cart (Barto, Sutton and Anderson 1983), as gymnasium has it."""

    name = "CartPole"
    actions = ("push left", "push right")
    keys: ClassVar[dict[str, int]] = {"ArrowLeft": 0, "ArrowRight": 1}
    most_steps = 500
    unit = "step"
    loss = "the pole fell"

    def make(self):
        import gymnasium

        return gymnasium.make("CartPole-v1")

    def rest(self, step: int) -> int:
        """There is no action without a push: left and right in turn come nearest to it."""
        return step % 2

    def towards(self, observation: np.ndarray, place: float) -> int:
        return int(place > 0.5)

    def scripted(self, observation: np.ndarray, memory: dict) -> int:
        """Push to the side to which the pole leans and turns."""
        _, _, angle, turning = observation
        return int(angle + 0.5 * turning > 0)

    def words(self, observation: np.ndarray) -> str:
        x, _, angle, _ = observation
        return f"cart at {minus(x, 2)} m, pole at {minus(np.rad2deg(angle), 1)}°"


class Bricks(Game):
    """The course's own pixel game: a paddle, a ball and a wall."""

    name = "Bricks"
    actions = bricks.ACTIONS
    keys: ClassVar[dict[str, int]] = {"ArrowLeft": bricks.LEFT, "ArrowRight": bricks.RIGHT}
    most_steps = 300
    unit = "brick"
    loss = "the ball was missed"

    def make(self):
        return bricks.Bricks(max_steps=self.most_steps)

    def rest(self, step: int) -> int:
        return bricks.STAY

    def towards(self, observation: np.ndarray, place: float) -> int:
        """Bring the paddle's middle to the pointer."""
        away = place * bricks.SIZE - 1 - _column(observation, bricks.PADDLE)
        return bricks.STAY if abs(away) < 0.6 else bricks.RIGHT if away > 0 else bricks.LEFT

    def scripted(self, observation: np.ndarray, memory: dict) -> int:
        """Follow the ball; it never misses and never aims."""
        return int(bricks.follower(observation))

    def words(self, observation: np.ndarray) -> str:
        row = int(observation[bricks.BALL].any(axis=1).argmax()) + 1
        return (
            f"paddle at columns {_column(observation, bricks.PADDLE) + 1} and "
            f"{_column(observation, bricks.PADDLE) + 2}, ball in row {row}, column "
            f"{_column(observation, bricks.BALL) + 1}, {int(observation[bricks.BRICKS].sum())} "
            "bricks left"
        )


def _column(observation: np.ndarray, channel: int) -> int:
    return int(observation[channel].any(axis=0).argmax())


GAMES: dict[str, Game] = {"Bricks": Bricks(), "CartPole": CartPole()}


class Screen:
    """A place on the page, in inches, that shows either game. `artists` change between frames."""

    def __init__(self, page: Axes, left: float, low: float, wide: float, high: float):
        self.left, self.low, self.wide, self.high = left, low, wide, high
        self.tiles = Tiles(page, zorder=2)
        (self.rail,) = page.plot([], [], "-", color=plots.GREY, lw=1.5, zorder=2)
        (self.ends,) = page.plot([], [], "|", color=plots.VERMILION, ms=16, mew=2.5, zorder=2)
        (self.cart,) = page.plot(
            [], [], "-", color=plots.BLUE, lw=17, solid_capstyle="butt", zorder=3
        )
        (self.pole,) = page.plot(
            [], [], "-", color=plots.VERMILION, lw=7, solid_capstyle="round", zorder=4
        )
        (self.axle,) = page.plot([], [], "o", color=plots.INK[0], ms=6, zorder=5)
        self.artists = [self.tiles, self.rail, self.ends, self.cart, self.pole, self.axle]

    def holds(self, x: float, y: float) -> bool:
        """Whether a place on the page lies on this screen."""
        return 0 <= x - self.left <= self.wide and 0 <= y - self.low <= self.high

    def share(self, x: float) -> float:
        """A place on the page, as 0 (left end of the playing field) … 1 (right end)."""
        side = min(self.wide, self.high) if self._square else self.wide
        return float(np.clip((x - self.left - (self.wide - side) / 2) / side, 0, 1))

    _square = False

    def show(self, game: Game, observation: np.ndarray, *, dark: bool, lost: bool = False) -> None:
        """Show what the player sees; grey where the episode is over."""
        self._square = not isinstance(game, CartPole)
        for artist in self.artists[1:]:
            artist.set_visible(not self._square)
        paper = np.full((1, 1, 4), 255, np.uint8)
        paper[..., :3] = (34 if dark else 245) if not lost else (60 if dark else 215)
        whole = Tile(self.left, self.low, self.wide, self.high, paper, frame=plots.GREY)
        if not self._square:
            self.tiles.show([whole])
            self._show_cart(observation, dark)
            return
        side = min(self.wide, self.high)
        left, low = self.left + (self.wide - side) / 2, self.low + (self.high - side) / 2
        pixels = np.full((bricks.SIZE, bricks.SIZE, 4), 255, np.uint8)
        pixels[..., :3] = bricks.picture(observation, 1)
        if lost:
            pixels[..., :3] = (pixels[..., :3].astype(int) + 90) // 2
        self.tiles.show([whole, Tile(left, low, side, side, pixels[::-1])])

    def _show_cart(self, observation: np.ndarray, dark: bool) -> None:
        metre = self.wide / (2 * RAIL + 1.0)  # inches
        middle, ground = self.left + self.wide / 2, self.low + 0.3 * self.high
        x, _, angle, _ = observation
        x = middle + metre * float(np.clip(x, -RAIL - 0.3, RAIL + 0.3))
        long = min(1.6 * metre, 0.6 * self.high)
        self.rail.set_data([middle - metre * RAIL, middle + metre * RAIL], [ground, ground])
        self.ends.set_data([middle - metre * RAIL, middle + metre * RAIL], [ground, ground])
        self.cart.set_data([x - 0.3, x + 0.3], [ground + 0.12, ground + 0.12])
        self.cart.set_color(plots.SKY if dark else plots.BLUE)
        pivot = ground + 0.24
        self.pole.set_data([x, x + long * np.sin(angle)], [pivot, pivot + long * np.cos(angle)])
        self.axle.set_data([x], [pivot])


class Bars:
    """The Q values of all actions as bars about their mean, with their numbers. In inches; `top`
    is the middle of the first row."""

    def __init__(self, left: float, top: float, wide: float, row: float = 0.26):
        self.left, self.top, self.wide, self.row = left, top, wide, row

    def show(
        self, names: tuple[str, ...], q: np.ndarray, ink: str
    ) -> tuple[list[Tile], list[Label]]:
        """A bar to the right for what is better than the mean of all actions; the best is bold."""
        tiles, labels = [], []
        zero, half = self.left + 0.62 * self.wide, 0.2 * self.wide
        above = q - q.mean()
        scale = max(float(np.abs(above).max()), 1e-9)
        for i, name in enumerate(names):
            y = self.top - self.row * i
            best = i == int(q.argmax())
            style = Style(ink, anchor=0, weight="bold" if best else "normal")
            labels.append(Label(self.left, y, f"{name} ◂ best" if best else name, style))
            long = half * float(above[i]) / scale
            begin, end = sorted((zero, zero + long))
            pixels = flat(plots.ORANGE if long > 0 else plots.SKY)
            size = max(end - begin, 0.01), 0.72 * self.row
            tiles.append(Tile(begin, y - 0.36 * self.row, *size, pixels))
            labels.append(Label(self.left + 0.86 * self.wide, y, written(float(q[i])), style))
        return tiles, labels


def flat(colour: str) -> np.ndarray:
    """One pixel of this colour, for a Tile."""
    return np.array([[(*(round(255 * part) for part in to_rgb(colour)), 255)]], np.uint8)


def minus(value: float, digits: int) -> str:
    """A number as it is written, with a real minus."""
    return f"{value:.{digits}f}".replace("-", "−")


def written(value: float) -> str:
    """A value with two digits, or with none where it is in the thousands."""
    return minus(value, 2) if abs(value) < 1_000 else f"{value:,.0f}".replace("-", "−")


@dataclass(frozen=True)
class Player:
    """Who plays: `act(observation, memory, rng)` returns an action, `q(observation)` its values."""

    name: str
    act: Callable[[np.ndarray, dict, np.random.Generator], int]
    q: Callable[[np.ndarray], np.ndarray] | None = None
