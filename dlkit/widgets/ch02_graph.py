"""Explorer: backpropagation on the graph of any small expression, one operation at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import isnan, nan

import ipywidgets
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from dlkit import plots
from dlkit.widgets.ch02_expression import (
    NAMES,
    Graph,
    Node,
    backward,
    depths,
    forward,
    parse,
    slopes,
)
from dlkit.widgets.explorer import OWN_ROW, Explorer, Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style

READY = (
    "(sigmoid(w*x + v*y + b) - d)**2",
    "(x + y)*x",
    "-log(sigmoid(w*x + b))",
    "(v*relu(w*x + b) - d)**2",
    "tanh(w*tanh(v*tanh(x)))",
    "(w*x + b - d)**2",
)
VALUE = Style("white", plots.BLUE, anchor=0)
GRADIENT = Style("black", plots.ORANGE, anchor=0)
SLOPE = Style("black", "#F5C6A5", anchor=0)
BOX = {"boxstyle": "round,pad=0.35", "linewidth": 1.4}
INPUT = {"boxstyle": "square,pad=0.3", "linewidth": 0.8, "linestyle": (0, (2, 1))}

LEARNED = ("w", "v", "b")  # the others are data
Place = tuple[float, float]  # in inches from the lower left corner
START = {"x": 2.0, "y": -1.0, "w": 0.5, "v": 1.0, "b": 0.25, "d": 1.0}


@dataclass(frozen=True)
class Walk:
    """Where the walk through the graph has come to.

    values and gradients have an entry for each node, NaN where the walk has not been yet.
    active: the node whose operation is at work, -1 at the start; slopes: its local derivatives,
    contributions: what each hands on, the gradient times the slope.
    nudged: for each input, the slope that central differences find, once the walk is over.
    """

    graph: Graph
    step: int
    forward_steps: int
    values: tuple[float, ...]
    gradients: tuple[float, ...]
    active: int = -1
    slopes: tuple[float, ...] = ()
    contributions: tuple[float, ...] = ()
    nudged: dict[int, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Steps of the whole walk: each operation forward, ∂L/∂L = 1, each backward."""
        return 2 * self.forward_steps + 1

    @property
    def over(self) -> bool:
        """Whether every gradient is known."""
        return self.step == self.steps

    @property
    def going_back(self) -> bool:
        """Whether the walk is on its way back, from the output to the inputs."""
        return self.step > self.forward_steps


class ComputationalGraph(Explorer):
    """An expression as a graph: `step` walks through it, forward and then backward.

    expression: + − * / **, numbers, the functions sigmoid, tanh, relu, exp, log, sqrt, and the
    inputs x, y, w, v, b, d, each of which has a slider.
    """

    title = "Backpropagation on a graph"
    size = (9.6, 4.6)
    key_help = {  # noqa: RUF012
        "ArrowRight": "next step",
        "ArrowLeft": "step back",
        "Home": "to the start",
        "End": "to the end",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        expression = ipywidgets.Combobox(
            value=READY[0],
            options=READY,
            description="expression",
            continuous_update=False,
            layout=ipywidgets.Layout(grid_area=OWN_ROW),
        )
        sliders = {
            name: ipywidgets.FloatSlider(value=START[name], min=-5, max=5, step=0.05)
            for name in NAMES
        }
        for name, slider in sliders.items():
            slider.description = name
        self._step = ipywidgets.IntSlider(value=0, min=0, max=1, description="step")
        self._sliders = sliders
        expression.observe(self._fit_controls, "value")
        self._fit_controls({"new": expression.value})
        return {"expression": expression, "step": self._step, **sliders}

    def actions(self):
        return {
            "‹ Back": lambda: self._go(-1),
            "Step ›": lambda: self._go(+1),
            "All the way": lambda: self._go(self._step.max),
        }

    @staticmethod
    def compute(expression: str, step: int, **inputs: float) -> Walk:
        graph = parse(expression)
        values = forward(graph, inputs)
        passes = backward(graph, values)
        order = [place for place, node in enumerate(graph) if node.operation]
        count = len(order)
        step = min(max(step, 0), 2 * count + 1)
        done = {*order[:step]} | {i for i, node in enumerate(graph) if not node.operation}
        known = [v if i in done else nan for i, v in enumerate(values)]
        gradients = [nan] * len(graph)
        if step == 0:
            return Walk(graph, step, count, tuple(known), tuple(gradients))
        if step <= count:
            active = order[step - 1]
            return Walk(graph, step, count, tuple(known), tuple(gradients), active)
        back = step - count - 1  # operations that have handed their gradient on
        reached = {
            len(graph) - 1,
            *(i for place in order[count - back :] for i in graph[place].inputs),
        }
        gradients = [g if i in reached else nan for i, g in enumerate(passes[back])]
        local: list[float] = []
        active = len(graph) - 1
        if back:
            active = order[count - back]
            local = slopes(graph, values, active)
        nudged = {}
        if back == count:
            nudged = {
                i: _central_difference(graph, inputs, node.name)
                for i, node in enumerate(graph)
                if node.operation is None and node.constant is None
            }
        return Walk(
            graph,
            step,
            count,
            tuple(known),
            tuple(gradients),
            active,
            tuple(local),
            tuple(passes[back][active] * slope for slope in local),
            nudged,
        )

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, self.size[0]), ylim=(0, self.size[1]))
        self.axes.set_axis_off()
        self._drawn: Graph | None = None
        self._still: list[Artist] = []
        self._wires: dict[tuple[int, int], list[Place]] = {}
        self._places: list[Place] = []
        self._path = LineCollection([], linewidths=3, zorder=4)
        self.axes.add_collection(self._path, autolim=False)
        self._labels = Labels(self.axes)
        self.live(self._path, self._labels)

    def draw(self, walk: Walk) -> None:
        shape = tuple((node.name, node.inputs, symbol(node)) for node in walk.graph)
        if shape != self._drawn:
            self._lay_out(walk.graph)
            self._drawn = shape
        self._labels.show([*self._pills(walk), *self._active(walk), *self._lines(walk)])
        used = walk.slopes or not walk.going_back
        wires = [wire for (user, _), wire in self._wires.items() if used and user == walk.active]
        self._path.set_segments(wires)
        self._path.set_color(self._accent(walk))
        self._path.set_linestyle("--" if walk.going_back else "-")

    def _accent(self, walk: Walk) -> str:
        if walk.going_back:
            return plots.VERMILION
        return plots.SKY if self.dark else plots.BLUE

    def _pills(self, walk: Walk) -> Iterator[Label]:
        """Values above the wires, gradients below."""
        for node, (x, y), value, gradient in zip(
            walk.graph, self._places, walk.values, walk.gradients, strict=True
        ):
            x += 0.22 + 0.02 * len(symbol(node))
            if not isnan(value):
                yield Label(x, y + 0.115, f"{number(value)} →", VALUE)
            if not isnan(gradient) and node.constant is None:
                yield Label(x, y - 0.115, f"← {number(gradient)}", GRADIENT)

    def _active(self, walk: Walk) -> Iterator[Label]:
        """The operation at work, and its local derivatives upon its wires."""
        if walk.active < 0:
            return
        ink, paper = self.ink, plots.PAPER[self.dark]
        node = walk.graph[walk.active]
        bold = Style(ink, paper, self._accent(walk), size=12, weight="bold", padding=5, line=3)
        yield Label(*self._places[walk.active], symbol(node), bold)
        for k, slope in enumerate(walk.slopes):
            if walk.graph[node.inputs[k]].constant is None:
                (*_, bend, end) = self._wires[walk.active, k]
                drop = bend[1] - end[1]
                aside = 0.17 if drop > 0 else -0.17 if drop < 0 else -0.36  # clear of the others
                y, text = 0.5 * (bend[1] + end[1]) + aside, f"× {number(slope)}"
                half, x = 0.045 * len(text), bend[0] + 0.2
                if drop:  # beside a long number, as far as the room before the operation allows
                    gradient = number(walk.gradients[node.inputs[k]])
                    reach = bend[0] - 0.52 + 0.083 * len(f"← {gradient}")
                    x = max(x, min(reach + half, end[0] + 0.1 - half))
                yield Label(x, y, text, SLOPE)

    def _lines(self, walk: Walk) -> Iterator[Label]:
        """The words over and under the graph."""
        ink, (width, height) = self.ink, self.size
        yield Label(width / 2, height - 0.25, heading(walk), Style(ink, size=13))
        lines = working(walk)
        for i, line in enumerate(lines):
            y = 0.4 + 0.26 * ((len(lines) - 1) / 2 - i)
            yield Label(width / 2, y, line, Style(ink, size=12))

    def describe(self, walk: Walk) -> str:
        lines = [heading(walk) + "."]
        if walk.step == 0:
            known = ", ".join(
                f"{node.name} = {number(value)}"
                for node, value in zip(walk.graph, walk.values, strict=True)
                if not isnan(value) and node.constant is None
            )
            lines += [f"The inputs are {known}."] if known else ["There are no inputs."]
            lines += ["Each step now computes one operation."] if walk.forward_steps else []
        else:
            lines += [line + "." for line in working(walk)]
            operation = walk.graph[walk.active].operation
            if walk.slopes:
                lines.append(f"Remember: {operation.lesson}.")
        if walk.over:
            lines += conclusions(walk)
        return " ".join(lines)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        """A click on an operation goes to its step: forward, and with a second click backward."""
        if event.kind != "down":
            return
        walk = self.data
        order = [i for i, node in enumerate(walk.graph) if node.operation]
        for k, place in enumerate(order):
            x, y = self._places[place]
            if abs(event.x - x) < 0.3 and abs(event.y - y) < 0.25:
                there, back = k + 1, 2 * len(order) + 1 - k
                self.set(step=back if walk.step == there else there)

    def on_key(self, event: Key) -> None:
        if event.key in ("Home", "End"):
            self._go(self._step.max if event.key == "End" else -self._step.max)
        else:
            self._go(+1 if event.key == "ArrowRight" else -1)

    # How it is done ---------------------------------------------------------------------------

    def _go(self, by: int) -> None:
        parse(self.values["expression"])  # a walk through what cannot be read stays where it is
        self.set(step=min(max(self._step.value + by, 0), self._step.max))

    def _fit_controls(self, change: dict) -> None:
        """Show the sliders of the names that occur, and let `step` end where the walk ends."""
        try:
            graph = parse(change["new"])
        except ValueError:
            return  # compute says what is wrong
        self._step.max = 2 * sum(node.operation is not None for node in graph) + 1
        used = {node.name for node in graph}
        for name, slider in self._sliders.items():
            slider.layout.display = "flex" if name in used else "none"

    def _lay_out(self, graph: Graph) -> None:
        """Place the nodes in columns by depth, inputs just before their first use; draw them."""
        for artist in self._still:
            artist.remove()
        width, low, high = self.size[0], 0.95, self.size[1] - 0.8
        column, row = arrange(graph)
        pitch = min(1.5, (width - 1.4) / max(1, *column))
        left = (width - pitch * max(column) - 0.75) / 2
        unit = (high - low) / max(row) if max(row) else 0.0
        first = low if unit else (low + high) / 2
        self._places = [
            (left + pitch * c, first + unit * r) for c, r in zip(column, row, strict=True)
        ]
        self._wires = {
            (user, k): self._wire(source, user, graph)
            for user, node in enumerate(graph)
            for k, source in enumerate(node.inputs)
        }
        x, y = self._places[-1]
        wires = [*self._wires.values(), [(x, y), (x + 0.9, y)]]
        net = LineCollection(wires, colors=plots.GREY, linewidths=1.3, zorder=1)
        self.axes.add_collection(net, autolim=False)
        self._still = [net]
        for node, (x, y) in zip(graph, self._places, strict=True):
            self._still.append(self._box(x, y, symbol(node), BOX if node.operation else INPUT))
            if node.operation:
                self._still.append(self._box(x + 0.32, y + 0.3, node.name, None, fontsize=9))
        plots.theme(self.figure, self.dark)

    def _wire(self, source: int, user: int, graph: Graph) -> list[Place]:
        """Straight on beside the numbers, then across, from box to box."""
        (from_x, from_y), (x, y) = self._places[source], self._places[user]
        out, into = (0.1 + 0.035 * len(symbol(graph[i])) for i in (source, user))
        return [(from_x + out, from_y), (from_x + 0.82, from_y), (x - into, y)]

    def _box(self, x: float, y: float, text: str, box: dict | None, fontsize: float = 11) -> Text:
        ink, paper = plots.INK[0], plots.PAPER[0]
        return self.axes.text(
            x,
            y,
            text,
            ha="center",
            va="center",
            fontsize=fontsize,
            color=ink,
            zorder=2,
            bbox=box and {"facecolor": paper, "edgecolor": ink, **box},
        )


def arrange(graph: Graph) -> tuple[list[int], list[float]]:
    """A column and a row for each node: a tree drawn from its leaves, so that few wires cross."""
    column = depths(graph)
    users = [[j for j, node in enumerate(graph) if i in node.inputs] for i in range(len(graph))]
    row = [0.0] * len(graph)
    leaves = [i for i, node in enumerate(graph) if node.operation is None]
    for i in leaves:
        if users[i]:
            column[i] = min(column[j] for j in users[i]) - 1
    for place, i in enumerate(reversed(leaves)):
        row[i] = float(place)
    for i, node in enumerate(graph):
        if node.operation:
            row[i] = sum(row[j] for j in node.inputs) / len(node.inputs)
    for c in set(column):  # a value that is used twice can bring two nodes together: part them
        stack = sorted((i for i in range(len(graph)) if column[i] == c), key=lambda i: row[i])
        for lower, upper in pairwise(stack):
            row[upper] = max(row[upper], row[lower] + 0.9)
    lowest = min(row)
    return column, [r - lowest for r in row]


def symbol(node: Node) -> str:
    """What stands in the node's box."""
    return node.operation.symbol if node.operation else node.name


def number(value: float) -> str:
    """Three digits, with a real minus sign: 0.25, −1.5, 3.1e−05."""
    return f"{value + 0.0:.3g}".replace("-", "−")


def heading(walk: Walk) -> str:
    """What the present step does, in a line."""
    start = f"Step {walk.step} of {walk.steps}"
    if walk.active < 0:
        return f"{start}: the inputs are known, nothing is computed yet"
    node = walk.graph[walk.active]
    if not walk.going_back:
        return f"{start}, forward: {node.name}, the operation {node.operation.symbol}"
    if not walk.slopes:
        return f"{start}: the way back begins at {node.name}"
    return f"{start}, backward through {node.name}, the operation {node.operation.symbol}"


def working(walk: Walk) -> list[str]:
    """The arithmetic of the present step, a line for each thing computed."""
    if walk.active < 0:
        return []
    graph, values = walk.graph, walk.values
    node = graph[walk.active]
    if not walk.going_back:
        operands = [number(values[i]) for i in node.inputs]
        names = [graph[i].name for i in node.inputs]
        return [
            f"{node.name} = {_apply(symbol(node), names)} = {_apply(symbol(node), operands)}"
            f" = {number(values[walk.active])}"
        ]
    if not walk.slopes:
        return [f"∂{node.name}/∂{node.name} = 1: the output changes exactly as much as itself"]
    letters = dict(zip("ab", (graph[i].name for i in node.inputs), strict=False))
    lines = []
    for k, (i, slope) in enumerate(zip(node.inputs, walk.slopes, strict=True)):
        source, above = graph[i].name, walk.gradients[walk.active]
        if graph[i].constant is not None:
            continue
        formula, local = node.operation.formulas[k].format(**letters, u=node.name), number(slope)
        line = f"∂{node.name}/∂{source} = {formula}"
        line += "" if formula == local else f" = {local}"
        share = number(walk.contributions[k])
        first = not _reached_before(walk, k)
        if walk.active < len(graph) - 1:  # at L itself, the slope is the gradient already
            product = f"{number(above)} × {_signed(local)}"
            line += f",  ∂L/∂{source} {'=' if first else '+='} {product} = {share}"
        if not first:
            line += f",  together ∂L/∂{source} = {number(walk.gradients[i])}"
        lines.append(line)
    return lines


def conclusions(walk: Walk) -> list[str]:
    """What the gradients mean, once all are known, and whether nudging the inputs agrees."""
    graph, gradients = walk.graph, walk.gradients
    output = graph[-1].name
    inputs = sorted(walk.nudged, key=lambda i: -abs(gradients[i]))
    if not inputs:
        return ["There are no inputs to change."]
    learned = [i for i in inputs if graph[i].name in LEARNED] or inputs
    strongest = learned[0]
    if not gradients[strongest]:
        names = ", ".join(graph[i].name for i in learned)
        lines = [
            f"Done. Nothing that can be learned ({names}) moves {output} here: gradients of 0."
        ]
    else:
        up = gradients[strongest] > 0
        lines = [
            f"Done. {output} listens most to {graph[strongest].name}"
            f"{' among what can be learned' if len(learned) < len(inputs) else ''}: raise it by "
            f"0.01, and {output} {'rises' if up else 'falls'} by about "
            f"{number(0.01 * abs(gradients[strongest]))}; so to lower {output}, "
            f"{'lower' if up else 'raise'} {graph[strongest].name}."
        ]
    others = ", ".join(f"{graph[i].name}: {number(gradients[i])}" for i in inputs)
    lines.append(f"All gradients, strongest first: {others}.")
    apart = {i: abs(gradients[i] - nudged) for i, nudged in walk.nudged.items()}
    worst = max(apart, key=lambda i: apart[i])
    scale = max(1.0, *(abs(gradients[i]) for i in inputs))
    if apart[worst] < 1e-5 * scale:
        lines.append("Nudging each input up and down gives the same numbers to five digits.")
    else:
        lines.append(
            f"Nudging {graph[worst].name} up and down gives {number(walk.nudged[worst])}"
            f" instead of {number(gradients[worst])}: there is a kink or a very steep place nearby."
        )
    return lines


def _reached_before(walk: Walk, k: int) -> bool:
    """Whether input k of the active operation had a share of the gradient before this one."""
    node = walk.graph[walk.active]
    earlier = any(node.inputs[k] in later.inputs for later in walk.graph[walk.active + 1 :])
    return earlier or node.inputs[k] in node.inputs[:k]


def _apply(symbol: str, operands: list[str]) -> str:
    """Write an operation with its operands: `u₁ + −2` becomes u₁ + (−2)."""
    if len(operands) == 2:
        first, second = operands
        return f"{first} {symbol} {_signed(second)}"
    if symbol.startswith("( )"):
        return f"({operands[0]})" + symbol.removeprefix("( )")
    return f"{symbol}({operands[0]})"


def _signed(shown: str) -> str:
    """A number as it is written behind another sign."""
    return f"({shown})" if shown.startswith("−") else shown


def _central_difference(graph: Graph, inputs: dict[str, float], name: str, h: float = 1e-5):
    """∂L/∂name from two more forward passes; NaN where there is no value next door."""
    try:
        up, down = (forward(graph, inputs | {name: inputs[name] + e})[-1] for e in (h, -h))
    except ValueError:
        return float("nan")
    return (up - down) / (2 * h)
