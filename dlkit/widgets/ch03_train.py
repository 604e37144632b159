"""Explorer: a deep net is trained on digits, whether it can learn or not, and one looks inside."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.models.initialisers import zeros
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.widgets import ch03_parts as parts
from dlkit.widgets.ch03_nets import (
    ACTIVATIONS,
    CLASSES,
    INITIAL,
    PATHS,
    Profile,
    Recipe,
    digits,
    histograms,
    measure,
)
from dlkit.widgets.ch03_parts import percent, size
from dlkit.widgets.explorer import Key
from dlkit.widgets.frame import alone
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.training import Recording, TrainingExplorer

BATCH, BATCHES = 50, 10  # digits in a minibatch, minibatches in a step of the explorer
MOMENTUM = 0.9
PROBES = 100  # digits that are sent through the net to look at it
LARGEST_LOSS = 1e4
EARLIER = 3  # runs with other settings that stay to compare with
WORTH = 5  # steps that a run must have taken to be kept
CHANCE = {"loss": float(np.log(CLASSES)), "right": 1 / CLASSES}


@dataclass(frozen=True, eq=False)
class Sight:
    """A net at one moment of its training.

    profile: as in the gradient profile, now and before the first step; shares: the histogram of
    each layer's answers now; loss: the mean of the last step's minibatches; right: the share of
    the test digits that is told right.
    """

    recipe: Recipe
    profile: Profile
    start: Profile
    shares: np.ndarray
    loss: float
    right: float


@dataclass(frozen=True, eq=False)
class Run:
    """What remains of a training when another net is made."""

    recipe: Recipe
    curves: dict[str, np.ndarray]


class Learner:
    """A net, its optimiser's memory, and how many steps they have gone."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.net = recipe.build()
        self.velocity = {name: np.zeros_like(p) for name, p in self.net.parameters.items()}
        self.steps = 0
        split = digits()
        with np.errstate(over="ignore", invalid="ignore"):
            twin = copy.deepcopy(self)  # normalisation would remember what is only looked at
            self.start = twin.profile()
            self.loss = CrossEntropyLoss()(twin.net(split.x_train[:500]), split.y_train[:500])
            self.right = self.share_right()

    def step(self, learning_rate: float) -> None:
        """Take a step of SGD for each of the next minibatches; every pass is shuffled anew."""
        split, loss = digits(), CrossEntropyLoss()
        optimiser = SGD(self.net.parameters, learning_rate, momentum=MOMENTUM)
        for name, memory in optimiser.state.items():  # go on with the velocity reached so far
            memory["velocity"] = self.velocity[name]
        in_pass = len(split.x_train) // (BATCH * BATCHES)
        shuffle = np.random.default_rng((self.recipe.seed, self.steps // in_pass))
        order = shuffle.permutation(len(split.x_train))
        first = self.steps % in_pass * BATCH * BATCHES
        losses = []
        for start in range(first, first + BATCH * BATCHES, BATCH):
            batch = order[start : start + BATCH]
            losses.append(loss(self.net(split.x_train[batch]), split.y_train[batch]))
            self.net.backward_parameters(loss.backward())
            optimiser.step(self.net.gradients)
        self.steps += 1
        self.loss, self.right = float(np.mean(losses)), self.share_right()

    def share_right(self) -> float:
        """The share of the test digits whose class the net tells, when it is used."""
        split = digits()
        self.net.eval()
        told = self.net(split.x_test).argmax(axis=1)
        self.net.train()
        return float(np.mean(told == split.y_test))

    def profile(self) -> Profile:
        """What goes forward and backward while the net is learning."""
        split = digits()
        return measure(
            self.net, split.x_train[:PROBES], split.y_train[:PROBES], self.recipe.activation
        )

    def __deepcopy__(self, _) -> "Learner":
        """A twin that goes on exactly as this one will; what the layers keep of a batch is not
        copied, because the recording of a training holds many twins."""
        twin = Learner.__new__(Learner)
        twin.__dict__ |= self.__dict__
        twin.net = self.recipe.build(weight_init=zeros)
        twin.net.load_state_dict(self.net.state_dict())
        twin.velocity = {name: velocity.copy() for name, velocity in self.velocity.items()}
        return twin


class TrainItAnyway(TrainingExplorer):
    """The net of the gradient profile in training: 12 sigmoid layers stay at chance; what mends it?

    depth, width, activation, initial (values), gain, paths, seed: as in the gradient profile; a
    change makes a new net, and the curves of the old one stay. learning_rate: acts at once.
    One step is ten minibatches of 50 digits by SGD with momentum 0.9.
    """

    title = "Train it anyway: can a net this deep learn digits?"
    size = (9.8, 5.7)
    restarts = ("depth", "width", "activation", "initial", "gain", "paths", "seed")
    most_moments = 100  # a state is up to 1 MB
    key_help = {"n": "next step", " ": "run or pause"}  # noqa: RUF012

    def __init__(self, **start):
        self._earlier: list[Run] = []
        super().__init__(**start)
        self._buttons["Fork"].tooltip = "Begin a new branch here; the old one stays to compare with"

    def controls(self) -> dict[str, ipywidgets.Widget]:
        dropdown, slider = ipywidgets.Dropdown, ipywidgets.IntSlider
        return {
            "depth": slider(value=12, min=1, max=20, description="hidden layers"),
            "width": slider(value=64, min=8, max=64, step=4, description="units in each"),
            "activation": dropdown(options=list(ACTIVATIONS), description="activation"),
            "initial": dropdown(options=list(INITIAL), description="initial values"),
            "gain": ipywidgets.FloatLogSlider(
                value=1.0, min=-1, max=1, step=0.05, readout_format=".2f", description="times gain"
            ),
            "paths": dropdown(options=list(PATHS), description="layers"),
            "learning_rate": ipywidgets.FloatLogSlider(
                value=0.01,
                min=-4,
                max=0,
                step=0.1,
                readout_format=".3g",
                description="learning rate",
            ),
            "seed": slider(value=0, min=0, max=20, description="random start"),
        }

    def reset(self) -> None:
        """As in every training explorer; the curves of earlier nets go too."""
        with alone:
            self.pause()
            self._earlier, self.branch = [], Recording("")
            super().reset()

    # Training ---------------------------------------------------------------------------------

    def begin(self, *, learning_rate: float, **recipe) -> Learner:
        learner = Learner(Recipe(**recipe))
        if self.branch.length >= WORTH:
            curves = {name: np.array(values) for name, values in self.branch.metrics.items()}
            self._earlier = [*self._earlier, Run(self._now.recipe, curves)][-EARLIER:]
        return learner

    def step(self, learner: Learner, *, learning_rate: float, **_) -> dict[str, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            learner.step(learning_rate)
        if not learner.loss < LARGEST_LOSS:
            raise ValueError(
                f"Training diverged in step {self.time + 1}: the loss is {learner.loss:.3g}. "
                f"A learning rate of {learning_rate:.3g} is too large for this net as it began. "
                "Lower it and go on, or begin with smaller weights: the picture shows the last "
                "step that worked."
            )
        return {"loss": learner.loss, "right": learner.right}

    def look(self, learner: Learner, **_) -> Sight:
        with np.errstate(over="ignore", invalid="ignore"):
            profile = copy.deepcopy(learner).profile()
        shares = histograms(profile.answers, learner.recipe.activation)
        return Sight(learner.recipe, profile, learner.start, shares, learner.loss, learner.right)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        left, right, wide = 0.75, 5.55, 4.0
        self.backward = parts.place(figure, left, 3.05, wide, 2.25)
        self.backward.set_title("Backward: how large the gradient is", fontsize=10)
        self.backward.set_ylabel("root mean square", fontsize=9)
        parts.powers(self.backward)
        parts.grid(self.backward)
        (self.before,) = self.backward.plot(
            [], [], "--", color=plots.INK[0], linewidth=1.3, zorder=4
        )
        (self.arrived,) = self.backward.plot([], [], "o-", **parts.MEASURED)
        self.backward.legend(
            [self.before], ["before the first step"], loc="lower right", fontsize=8.5, frameon=False
        ).set_zorder(0)
        self.strip = parts.Answers(figure, left, 0.5, wide)

        self.charts = {
            "right": parts.place(figure, right, 3.65, wide, 1.65, xlim=(0, 50), ylim=(0, 1)),
            "loss": parts.place(figure, right, 1.75, wide, 1.35, xlim=(0, 50), ylim=(0, 3)),
        }
        self.charts["right"].set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        self.charts["right"].set_title("Test digits told right", fontsize=10)
        self.charts["loss"].set_title("Loss while learning", fontsize=10)
        self.charts["loss"].set_xlabel("steps; 8 are once through the 4,000 digits", fontsize=9)
        self.drawn, self.others, self.marks, self.tags = {}, {}, {}, {}
        for name, axes in self.charts.items():
            parts.grid(axes)
            axes.axhline(CHANCE[name], color=plots.VERMILION, linestyle=(0, (6, 2)), linewidth=1.2)
            axes.annotate(
                "chance",
                (0.995, CHANCE[name]),
                (0, 2),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                fontsize=8.5,
            )
            (self.others[name],) = axes.plot([], [], ":", color=plots.GREY, linewidth=1.5)
            (self.drawn[name],) = axes.plot([], [], "-", color=plots.BLUE, linewidth=2)
            (self.marks[name],) = axes.plot([], [], "|", markersize=14, color=plots.INK[0])
            self.tags[name] = Labels(axes)
        self.page = parts.place(figure, 5.0, 0.0, 4.8, 1.25, xlim=(0, 4.8), ylim=(0, 1.25))
        self.page.set_axis_off()
        self.labels = Labels(self.page)
        self.live(self.before, self.arrived, self.labels, *self.strip.artists)
        for lines in (self.drawn, self.others, self.marks, self.tags):
            self.live(*lines.values())

    def draw(self, data: Sight) -> None:
        depth = data.recipe.depth
        layers = np.arange(1, depth + 1)
        parts.limit(self.backward, x=parts.reach(depth))
        parts.limit(self.backward, y=parts.decades(data.profile.backward, data.start.backward))
        self.before.set_data(layers, parts.shown(data.start.backward))
        self.arrived.set_data(layers, parts.shown(data.profile.backward))
        parts.tint(self.arrived, self.dark)
        self.strip.draw(data.shares, data.profile.saturated, data.recipe.activation, self.dark)
        curves = self._all_curves()
        longest = max(len(values["loss"]) for _, values in curves)
        right = 50 * 2 ** int(np.ceil(np.log2(max(longest, 50) / 50)))
        for name, axes in self.charts.items():
            parts.limit(axes, x=(0, right))
            self._draw_curves(name, curves, every=max(1, longest // 500))
            self.marks[name].set_data([self.time], [min(getattr(data, name), axes.get_ylim()[1])])
        self.labels.show(self._words(data))

    def _all_curves(self) -> list[tuple[str, Mapping]]:
        """Earlier nets, by number, then the branches of this one, by letter: what they recorded."""
        empty = {"loss": (), "right": ()}
        curves: list[tuple[str, Mapping]] = []
        curves += [(str(i + 1), run.curves) for i, run in enumerate(self._earlier)]
        curves += [(branch.name, branch.metrics or empty) for branch in self.branches]
        return curves

    def _draw_curves(self, name: str, curves: list[tuple[str, Mapping]], every: int) -> None:
        style, top = Style(self.ink, anchor=0), self.charts[name].get_ylim()[1]
        others, ends = [np.empty((2, 0))], []
        for called, values in curves:
            heights = np.minimum(values[name][::every], top)
            points = np.stack([1 + every * np.arange(len(heights)), heights])
            if called == self.branch.name:
                self.drawn[name].set_data(points)
                self.drawn[name].set_color(plots.SKY if self.dark else plots.BLUE)
            else:
                others += [points, np.full((2, 1), np.nan)]
            if len(heights) and len(curves) > 1:
                x, y = points[:, -1].tolist()
                ends.append(Label(x, y, f" {called}", style))
        self.others[name].set_data(np.concatenate(others, axis=1))
        self.tags[name].show(apart(ends, 0.04 * self.charts[name].get_xlim()[1], 0.11 * top, top))

    def _words(self, data: Sight) -> Iterator[Label]:
        plain, bold = Style(self.ink, anchor=0), Style(self.ink, anchor=0, weight="bold")
        share = size(across(data.profile))
        right = f"{percent(data.right)} of the test digits right"
        lines = [
            (f"Step {self.time}, branch {self.branch.name}: loss {size(data.loss)}, {right}", bold),
            (_named(data.recipe), plain),
            (f"the first layer gets {share} of the gradient that the last one gets", plain),
        ]
        lines += [(f"{i + 1}: {_named(run.recipe)}", plain) for i, run in enumerate(self._earlier)]
        for row, (text, style) in enumerate(lines):
            yield Label(0.12, 1.15 - 0.19 * row, text, style)

    def describe(self, data: Sight) -> str:
        recipe = data.recipe
        words = [
            f"{_named(recipe)}, {recipe.width} units in each layer. Step {self.time} of branch "
            f"{self.branch.name}: {size(self.time / 8)} times through the digits.",
            f"Loss {size(data.loss)} (chance {size(CHANCE['loss'])}), {percent(data.right)} of the "
            f"test digits told right (chance {percent(CHANCE['right'])}).",
        ]
        if recipe.depth > 1:
            words.append(
                f"The first layer gets {size(across(data.profile))} of the gradient that the last "
                f"one gets; before the first step it was {size(across(data.start))}."
            )
        saturated = data.profile.saturated
        words.append(
            f"Saturated units: {percent(saturated[0])} in the first layer, "
            f"{percent(saturated[-1])} in the last."
        )
        differing = data.profile.differing[-1]
        if differing:
            share = size(differing / data.profile.forward[-1])
            words.append(f"Of what the last layer hands on, {share} differs from digit to digit.")
        else:
            words.append("To all digits the last layer says the same, as far as float32 can tell.")
        curves = [(called, values["right"]) for called, values in self._all_curves()]
        finals = [f"{n}: {percent(r[-1])} after {len(r)} steps" for n, r in curves if len(r)]
        if finals and len(curves) > 1:
            words.append(f"Told right at the ends of the curves: {', '.join(finals)}.")
        words += [f"{i + 1} was {_named(run.recipe)}." for i, run in enumerate(self._earlier)]
        return " ".join(words)

    # Keys -------------------------------------------------------------------------------------

    def on_key(self, event: Key) -> None:
        if event.key == " ":
            self._run_or_pause()
        elif event.key == "n":
            self._step_once()


def across(profile: Profile) -> float:
    """What of the last layer's gradient the first layer gets."""
    return float(profile.backward[0] / profile.backward[-1]) if profile.backward[-1] else 0.0


def apart(labels: list[Label], near: float, gap: float, top: float) -> list[Label]:
    """Names at the ends of curves, moved up or down where they would collide, as little as can be.

    near: how far apart in x two do not collide; gap: how far apart in y.
    """
    placed: list[Label] = []
    for label in labels:
        ways = (label.y + sign * step * gap / 4 for step in range(60) for sign in (1, -1))
        places = [y for y in ways if gap / 2 <= y <= top - gap / 2] or [label.y]
        others = [other.y for other in placed if abs(other.x - label.x) < near]
        free = (y for y in places if all(abs(y - other) >= gap for other in others))
        placed.append(replace(label, y=next(free, places[0])))
    return placed


def _named(recipe: Recipe) -> str:
    gain = "" if recipe.gain == 1 else f" × {recipe.gain:.3g}"
    layers = "layer" if recipe.depth == 1 else "layers"
    return f"{recipe.depth} {recipe.activation} {layers}, {recipe.initial}{gain}, {recipe.paths}"
