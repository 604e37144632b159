"""Explorer: a small net learns to tell points apart, live, and every unit shows what it sees."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.check import check_array
from dlkit.models.dense import sigmoid
from dlkit.widgets.ch02_plane import ACTIVATIONS, DATASETS, OWN, VIEW, Learner, Plane, plane
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, SOFT, Tile, Tiles, paint
from dlkit.widgets.training import TrainingExplorer

ACROSS = np.linspace(-VIEW, VIEW, 113).astype(np.float32)
FINER = 3  # the map has as many pixels between two points of the grid; the rest is interpolated
GRID = np.stack(np.meshgrid(ACROSS, ACROSS), axis=-1).reshape(-1, 2)  # (12769, 2)
MOST_POINTS = 300
LARGEST_LOSS = 30.0  # a guess would have 0.69

TILE = 0.38  # side of a unit's picture; all places here are in inches
COLUMNS, LOW, HIGH = (1.5, 5.15), 1.95, 5.2  # where the hidden layers are
MAP = (6.35, 1.95, 3.25, 3.25)
CHART = (0.65, 0.5, 5.3, 1.1)

Unit = tuple[int, int] | None  # hidden layer and unit, counted from 0; None: the whole net


@dataclass(frozen=True, eq=False)
class Scene:
    """What a net thinks of the plane at one moment of its training.

    answers: for each hidden layer what its units answer on the grid, (12769, width), then the
    probability of class 1, (12769,); weights: of each layer, (out, in); losses and shares of
    points told right: of the points to learn from and those to test with (NaN without any).
    """

    points: Plane
    activation: str
    answers: list[np.ndarray]
    probability: np.ndarray
    weights: list[np.ndarray]
    loss: float
    right: float
    test_loss: float
    test_right: float
    through: Unit


class Playground(TrainingExplorer):
    """Moons, circles, spirals, XOR, blobs or points of your own, and a net 2 → … → 1 of dlkit's.

    depth, width: hidden layers and units in each; every other control is what its name says.
    One step is one pass through the points. Dataset, layers, units, activation and seed begin
    anew; all else, new points too, acts on the net as it is.
    """

    title = "Playground: a net learns to tell points apart"
    size = (9.8, 5.6)
    pace = "10 steps a second"
    restarts = ("dataset", "depth", "width", "activation", "seed")
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "move the cross (with Shift: farther)",
        "0": "place a blue point",
        "1": "place an orange point",
        "Delete": "remove my nearest point",
        "u": "look through the next unit",
        " ": "run or pause",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        dropdown, slider = ipywidgets.Dropdown, ipywidgets.IntSlider
        return {
            "dataset": dropdown(options=[*DATASETS, OWN], description="points"),
            "noise": ipywidgets.FloatSlider(
                value=0.1, min=0, max=0.5, step=0.02, description="noise"
            ),
            "depth": slider(value=1, min=0, max=4, description="hidden layers"),
            "width": slider(value=4, min=1, max=8, description="units in each"),
            "activation": dropdown(options=list(ACTIVATIONS), description="activation"),
            "learning_rate": ipywidgets.FloatLogSlider(
                value=0.1,
                min=-3,
                max=2,
                step=0.1,
                readout_format=".3g",
                description="learning rate",
            ),
            "momentum": ipywidgets.FloatSlider(
                value=0.9, min=0, max=0.99, step=0.01, description="momentum"
            ),
            "batch_size": dropdown(
                value=20, options=[1, 5, 20, 100, 500], description="batch size"
            ),
            "weight_decay": dropdown(
                value=0.0,
                options=[0.0, 1e-4, 1e-3, 1e-2, 0.1],
                description="weight decay",
                tooltip="How strongly every weight is drawn towards 0 in each step",
            ),
            "seed": slider(value=0, min=0, max=20, description="random start"),
            "placing": dropdown(
                options=["blue point (0)", "orange point (1)"], description="a click places a"
            ),
        }

    _hovering = False

    def __init__(self, **start):
        super().__init__(**start)
        self._when.description = "pass"
        self._buttons["Fork"].tooltip = "Begin a new branch here; the old one stays to compare with"

    def state(self) -> dict:
        return {"points": (), "through": None, "cross": None}

    def idle(self, *, dataset: str, depth: int, **_) -> dict[str, bool]:
        return {"noise": dataset == OWN, "width": depth == 0, "activation": depth == 0}

    def set(self, **values) -> None:
        """As in every explorer; points that make no sense are refused before anything changes."""
        if "points" in values:
            values["points"] = check_points(values["points"])
        for name in ("through", "cross"):
            pair = values.get(name)
            if pair is not None:
                check_array(name, pair, (2,), finite=True)
        super().set(**values)

    # Training ---------------------------------------------------------------------------------

    def begin(self, *, depth: int, width: int, activation: str, seed: int, **_) -> Learner:
        return Learner(depth=depth, width=width, activation=activation, seed=seed)

    def step(self, learner: Learner, **values) -> dict[str, float]:
        points = plane(values["dataset"], values["noise"], values["seed"], values["points"])
        if len(np.unique(points.y)) < 2:
            raise ValueError(
                "Place points of both classes first: click into the picture on the right, "
                "or press 0 and 1."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            learner.epoch(
                points.x,
                points.y,
                learning_rate=values["learning_rate"],
                momentum=values["momentum"],
                weight_decay=values["weight_decay"],
                batch_size=values["batch_size"],
            )
            loss, right = learner.measure(points.x, points.y)
            test_loss, test_right = learner.measure(points.x_test, points.y_test)
        if not loss < LARGEST_LOSS:
            raise ValueError(
                f"Training diverged in pass {self.time + 1}: the loss is {loss:.3g}. A learning "
                f"rate of {values['learning_rate']:.3g} is too large here. Lower it and go on: "
                "the picture shows the last pass that worked."
            )
        return {"loss": loss, "test loss": test_loss, "right": right, "test right": test_right}

    def look(self, learner: Learner, **values) -> Scene:
        points = plane(
            values["dataset"], values["noise"], values["seed"], check_points(values["points"])
        )
        with np.errstate(over="ignore", invalid="ignore"):
            *answers, z = learner.answers(GRID)
            probability = sigmoid(z[:, 0])
            loss, right = learner.measure(points.x, points.y)
            test_loss, test_right = learner.measure(points.x_test, points.y_test)
        depth, width, activation = learner.shape
        through = values["through"]
        if through is not None and not (through[0] < depth and through[1] < width):
            through = None
        return Scene(
            points,
            activation,
            answers,
            probability,
            [layer.weight.copy() for layer in learner.linears],
            loss,
            right,
            test_loss,
            test_right,
            through,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size

        def axes(left: float, low: float, wide: float, high: float) -> Axes:
            return figure.add_axes((left / width, low / height, wide / width, high / height))

        self.net = axes(0, 0, width, height)
        self.net.set(xlim=(0, width), ylim=(0, height))
        self.net.set_axis_off()
        style = {"linewidths": 1.0, "zorder": 1}
        self.positive = LineCollection([], colors=plots.ORANGE, linestyles="-", **style)
        self.negative = LineCollection([], colors=plots.BLUE, linestyles=(0, (4, 2)), **style)
        for lines in (self.negative, self.positive):
            self.net.add_collection(lines, autolim=False)
        self.tiles, self.labels = Tiles(self.net), Labels(self.net)

        self.chart = axes(*CHART)
        self.chart.set(xlim=(0, 100), ylim=(1e-3, 3), yscale="log")
        self.chart.set_xlabel("passes through the points", fontsize=9)
        self.chart.set_ylabel("loss", fontsize=9)
        self.chart.grid(color=plots.QUIET[0], linewidth=0.5)
        self.chart.set_axisbelow(True)
        self.chart.tick_params(labelsize=8)
        self.chart.spines[["top", "right"]].set_visible(False)
        (self.others,) = self.chart.plot([], [], ":", color=plots.GREY, linewidth=1.3)
        (self.train,) = self.chart.plot([], [], "-", linewidth=2, color=plots.BLUE)
        (self.test,) = self.chart.plot([], [], "--", linewidth=2, color=plots.VERMILION)
        self.chart.legend(
            [self.train, self.test, self.others],
            ["training", "test", "other branches"],
            fontsize=8,
            frameon=False,
            loc="lower right",
            bbox_to_anchor=(1, 0.97),  # above the curves, which may go anywhere
            ncols=3,
        ).set_zorder(0)
        (self.now,) = self.chart.plot([], [], "|", markersize=14, color=plots.INK[0])
        self.names = Labels(self.chart)

        self.map = axes(*MAP)
        self.map.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), xticks=[-2, 0, 2], yticks=[-2, 2])
        self.map.tick_params(labelsize=8, length=2)
        self.picture = Tiles(self.map, zorder=1)
        self.dots = {}
        for part, size, ink in (("test", 4.0, plots.GREY), ("train", 5.5, "white")):
            for label, (colour, marker) in enumerate(((plots.BLUE, "o"), (plots.ORANGE, "s"))):
                (self.dots[part, label],) = self.map.plot(
                    *([], []),
                    marker,
                    markersize=size,
                    markerfacecolor=colour if part == "train" else "none",
                    markeredgecolor=ink if part == "train" else colour,
                    markeredgewidth=0.8 if part == "train" else 1.2,
                    gid=plots.FIXED,
                    zorder=3,
                )
        (self.cross,) = self.map.plot([], [], "+", markersize=13, color=plots.INK[0], zorder=4)
        self.live(self.positive, self.negative, self.tiles, self.labels, self.picture)
        self.live(self.others, self.train, self.test, self.now, self.names, self.cross)
        self.live(*self.dots.values())

    def draw(self, data: Scene) -> None:
        places = node_places([weight.shape[1] for weight in data.weights])
        self._draw_weights(data, places)
        self.tiles.show(self._unit_tiles(data, places))
        self.labels.show(self._words(data, places))
        self._draw_map(data)
        self._draw_curves(data)

    def _draw_weights(self, data: Scene, places: list[np.ndarray]) -> None:
        """A line for each weight: orange and solid if positive, blue and dashed if negative."""
        segments, weights = [], []
        ends = [*places[1:], np.array([[MAP[0] - 0.06, MAP[1] + MAP[3] / 2 - TILE / 2]])]
        for weight, sources, targets in zip(data.weights, places, ends, strict=True):
            start = sources + np.array([TILE, TILE / 2])
            end = targets + np.array([0, TILE / 2])
            for unit, row in enumerate(weight):
                segments += [(a, end[unit]) for a in start]
                weights += row.tolist()
        lines, strength = np.array(segments), np.array(weights)
        width = 0.3 + 1.1 * np.minimum(np.abs(strength), 4)
        for sign, collection in ((1, self.positive), (-1, self.negative)):
            chosen = strength * sign > 0
            collection.set_segments(list(lines[chosen]))
            collection.set_linewidths(width[chosen])

    def _unit_tiles(self, data: Scene, places: list[np.ndarray]) -> Iterator[Tile]:
        """What each input and each hidden unit answers, all over the plane."""
        colours, side = SIGNED[self.dark], len(ACROSS)
        for layer, units in enumerate(places):
            answers = GRID / VIEW if layer == 0 else data.answers[layer - 1]
            small = answers.reshape(side, side, -1)[::3, ::3]
            if layer:
                small = normalise(small, data.activation)
            for unit, (left, low) in enumerate(units):
                shown = data.through == (layer - 1, unit)
                yield Tile(
                    *(left, low, TILE, TILE),
                    paint(small[..., unit], colours),
                    frame=self.ink if shown else plots.GREY,
                    line=2.5 if shown else 0.8,
                )

    def _words(self, data: Scene, places: list[np.ndarray]) -> Iterator[Label]:
        small, plain = Style(self.ink, size=9), Style(self.ink, size=10, anchor=0)
        bold = Style(self.ink, size=10, weight="bold", anchor=0)
        hint = Style(self.ink, size=9, anchor=0)
        top = self.size[1] - 0.17
        for layer, units in enumerate(places):
            name = f"hidden {layer}" if layer else "inputs"
            yield Label(units[0][0] + TILE / 2, top, name, small)
        for name, (left, low) in zip(("x₁", "x₂"), places[0], strict=True):
            yield Label(left - 0.14, low + TILE / 2, name, small)
        answer = "the net's answer"
        if data.through:
            answer = f"what unit {data.through[1] + 1} of hidden layer {data.through[0] + 1} sees"
        yield Label(MAP[0] + MAP[2] / 2, top, answer, small)
        yield Label(MAP[0], 1.45, f"Pass {self.time}, branch {self.branch.name}", bold)
        yield Label(MAP[0], 1.2, f"training (filled): {_score(data.loss, data.right)}", plain)
        yield Label(
            MAP[0], 0.96, f"test (hollow): {_score(data.test_loss, data.test_right)}", plain
        )
        yield Label(MAP[0], 0.68, "orange, solid: positive, class 1 (squares)", hint)
        yield Label(MAP[0], 0.48, "blue, dashed: negative, class 0 (circles)", hint)

    def _draw_map(self, data: Scene) -> None:
        side = len(ACROSS)
        if data.through is None:
            values = 2 * data.probability.reshape(side, side) - 1
        else:
            layer, unit = data.through
            values = normalise(data.answers[layer][:, [unit]], data.activation).reshape(side, side)
        values = finer(values)
        pixels = paint(values, SOFT[self.dark])
        pixels[boundary(values > 0)] = (*(round(255 * part) for part in to_rgb(self.ink)), 255)
        self.picture.show([Tile(-VIEW, -VIEW, 2 * VIEW, 2 * VIEW, pixels)])
        points = data.points
        for (part, label), line in self.dots.items():
            x, y = (points.x, points.y) if part == "train" else (points.x_test, points.y_test)
            line.set_data(*x[y == label].T)
        cross = self.values["cross"]
        self.cross.set_data(*([cross[0]], [cross[1]]) if cross else ([], []))

    def _draw_curves(self, data: Scene) -> None:
        longest = max(branch.length for branch in self.branches)
        right = 100 * 2 ** int(np.ceil(np.log2(max(longest, 100) / 100)))
        if self.chart.get_xlim()[1] != right:
            self.chart.set_xlim(0, right)
        every = max(1, -(-longest // 500))
        ends = []
        others: list[np.ndarray] = [np.empty((2, 0))]
        for branch in self.branches:
            losses = branch.metrics.get("loss", [])[::every]
            curve = np.stack([1 + every * np.arange(len(losses)), losses])
            if branch is self.branch:
                self.train.set_data(curve)
                tests = branch.metrics.get("test loss", [])[::every]
                self.test.set_data(1 + every * np.arange(len(tests)), tests)
            else:
                others += [curve, np.full((2, 1), np.nan)]
            if len(self.branches) > 1 and len(losses):
                inside = np.clip(losses[-1], 2e-3, 2)
                ends.append(
                    Label(curve[0, -1], inside, f" {branch.name}", Style(self.ink, anchor=0))
                )
        self.others.set_data(np.concatenate(others, axis=1))
        self.now.set_data([self.time], [data.loss])
        self.names.show(apart(ends))

    def describe(self, data: Scene) -> str:
        values = self.values
        learner_size = sum(w.size + len(w) for w in data.weights)
        if values["depth"]:
            layers = "layer" if values["depth"] == 1 else "layers"
            units = "unit" if values["width"] == 1 else "units"
            net = (
                f"{values['depth']} hidden {layers} of {values['width']} {values['activation']} "
                f"{units}"
            )
        else:
            net = "No hidden layer"
        count, tests = len(data.points.y), len(data.points.y_test)
        words = [
            f"{values['dataset'][0].upper()}{values['dataset'][1:]}. {net}, {learner_size} "
            f"weights and biases. Pass {self.time} of branch {self.branch.name}."
        ]
        if not count:
            words.append("No points yet: click into the picture on the right, or press 0 and 1.")
        else:
            words.append(f"{count} points to learn from: {_score(data.loss, data.right)}.")
        if tests:
            words.append(f"{tests} test points: {_score(data.test_loss, data.test_right)}.")
            if data.test_loss > data.loss + 0.1 and data.test_loss > 1.5 * data.loss:
                words.append("Test points do clearly worse: the net learns its points by heart.")
        share = float((data.probability > 0.5).mean())
        words.append(f"It calls {100 * share:.0f} % of the plane orange (class 1).")
        silent = sum(int((np.ptp(a[::17], axis=0) < 1e-6).sum()) for a in data.answers)
        if silent:
            words.append(f"{_count(silent, 'hidden unit')} say the same everywhere.")
        if data.through:
            layer, unit = data.through
            answers = data.answers[layer][:, unit]
            middle = 0.5 if data.activation == "sigmoid" else 0.0
            words.append(
                f"Shown is unit {unit + 1} of hidden layer {layer + 1}: it answers "
                f"{answers.min():.2g} to {answers.max():.2g}, above {middle:g} on "
                f"{100 * float((answers > middle).mean()):.0f} % of the plane."
            )
        if len(self.branches) > 1:
            finals = ", ".join(
                f"{b.name} {b.metrics['loss'][-1]:.3g} after {b.length}"
                for b in self.branches
                if b.metrics.get("loss")
            )
            words.append(
                f"Branches begin where you go on from an earlier pass, or fork. Their losses: "
                f"{finals} passes."
            )
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is self.map:
            self._point_at_map(event)
        elif event.axes is self.net and event.kind in ("move", "down", "leave"):
            unit = self._unit_at(event) if event.kind != "leave" else None
            if unit != self.values["through"] and (unit or self._hovering):
                self._hovering = unit is not None
                self.set(through=unit)

    def _point_at_map(self, event: Pointer) -> None:
        if event.kind == "down" and event.control:
            self._remove(event.x, event.y)
        elif event.kind == "down":
            self._place(event.x, event.y, self._chosen(event.shift))
        elif event.kind == "move" and event.pressed and not event.control:
            *_, (x, y, _) = self.values["points"] or [(9, 9, 0)]
            if np.hypot(event.x - x, event.y - y) > 0.15:  # a drag sows points
                self._place(event.x, event.y, self._chosen(event.shift))

    def on_key(self, event: Key) -> None:
        x, y = self.values["cross"] or (0.0, 0.0)
        if event.key.startswith("Arrow"):
            by = 0.5 if event.shift else 0.1
            x += {"ArrowLeft": -by, "ArrowRight": by}.get(event.key, 0)
            y += {"ArrowDown": -by, "ArrowUp": by}.get(event.key, 0)
            self.set(cross=(float(np.clip(x, -VIEW, VIEW)), float(np.clip(y, -VIEW, VIEW))))
        elif event.key in "01":
            self._place(x, y, int(event.key))
        elif event.key == "Delete":
            self._remove(x, y)
        elif event.key == "u":
            depth, width = self.values["depth"], self.values["width"]
            units: list[Unit] = [None, *((i, j) for i in range(depth) for j in range(width))]
            through = self.data.through
            self.set(through=units[(units.index(through) + 1) % len(units)])
        elif event.key == " ":
            self._run_or_pause()

    def _chosen(self, other: bool) -> int:
        return int(self.values["placing"].startswith("orange")) ^ int(other)

    def _place(self, x: float, y: float, label: int) -> None:
        self.set(points=check_points((*self.values["points"], (x, y, label))))

    def _remove(self, x: float, y: float) -> None:
        points = list(self.values["points"])
        if not points:
            self.message = "There is no point of yours to remove: those of the set stay."
            return
        points.remove(min(points, key=lambda p: np.hypot(p[0] - x, p[1] - y)))
        self.set(points=tuple(points))

    def _unit_at(self, event: Pointer) -> Unit:
        places = node_places([weight.shape[1] for weight in self.data.weights])
        for layer, units in enumerate(places[1:]):
            inside = np.all(
                (units <= (event.x, event.y)) & ((event.x, event.y) <= units + TILE), axis=1
            )
            if inside.any():
                return layer, int(inside.argmax())
        return None


def node_places(sizes: list[int]) -> list[np.ndarray]:
    """The lower left corners of the pictures of each layer, inputs first: (units, 2) each."""
    places = []
    columns = np.linspace(*COLUMNS, len(sizes) - 1) if len(sizes) > 2 else [np.mean(COLUMNS)]
    for left, count in zip([0.42, *columns], sizes, strict=False):
        pitch = min(0.7, (HIGH - LOW - TILE) / max(count - 1, 1))
        middle = (LOW + HIGH) / 2
        top = middle + pitch * (count - 1) / 2 - TILE / 2
        places.append(np.array([(left, top - pitch * i) for i in range(count)]))
    return places


def apart(labels: list[Label]) -> list[Label]:
    """Names at the ends of curves, moved up (on a logarithmic axis) where they would collide."""
    placed: list[Label] = []
    for label in sorted(labels, key=lambda label: label.y):
        y = label.y
        while any(abs(np.log(y / other.y)) < 0.9 and label.x == other.x for other in placed):
            y *= 1.3
        placed.append(replace(label, y=y))
    return placed


def finer(values: np.ndarray) -> np.ndarray:
    """A map (side, side) with `FINER` times as many points each way, straight in between."""
    side = len(values)
    place = np.linspace(0, side - 1, FINER * (side - 1) + 1)
    blend = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(side))).astype(values.dtype)
    return blend @ values @ blend.T


def boundary(inside: np.ndarray) -> np.ndarray:
    """Where a region ends: a line two to three pixels wide."""
    edge = np.zeros_like(inside)
    edge[1:] |= inside[1:] != inside[:-1]
    edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    edge[:-1] |= edge[1:]
    edge[:, :-1] |= edge[:, 1:]
    return edge


def normalise(answers: np.ndarray, activation: str) -> np.ndarray:
    """A unit's answers as numbers -1 … 1 to paint; those without bounds by their largest."""
    if activation == "tanh":
        return answers
    if activation == "sigmoid":
        return 2 * answers - 1
    largest = np.abs(answers).max(axis=tuple(range(answers.ndim - 1)), keepdims=True)
    return answers / np.maximum(largest, 1e-6)


def check_points(points) -> tuple[tuple[float, float, int], ...]:
    """Points of a person's own as a tuple of (x, y, class), or a `ValueError` with a sentence."""
    try:
        checked = tuple((float(x), float(y), int(label)) for x, y, label in points)
    except (TypeError, ValueError):
        raise ValueError(f"points must be (x, y, class) each, got {points!r:.80}") from None
    if len(checked) > MOST_POINTS:
        raise ValueError(f"There is room for {MOST_POINTS} points of your own; remove some first.")
    for point in checked:
        if not (abs(point[0]) <= VIEW and abs(point[1]) <= VIEW and point[2] in (0, 1)):
            raise ValueError(
                f"points must lie in -{VIEW:g} … {VIEW:g} and be of class 0 or 1, got {point}"
            )
    return checked


def _score(loss: float, right: float) -> str:
    return "none" if np.isnan(right) else f"loss {loss:.3g}, {100 * right:.0f} % right"


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
