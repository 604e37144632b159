"""Explorer: thinned nets are asked one after another, and their average beside the whole net."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlkit import data, plots
from dlkit.models.dense import Linear, ReLU, Sequential, softmax
from dlkit.models.dropout import Dropout
from dlkit.models.initialisers import he_normal
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import Adam
from dlkit.train import fit, numpy_step
from dlkit.widgets.explorer import Explorer, Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style

NETS = 200  # thinned nets that can be asked
LEARNED, ASKED = 1000, 500  # digits to learn from and to ask about
EPOCHS, BATCH, WIDTH = 30, 50, 64
ORDERS = ("as they come", "most disputed first", "least disputed first")
COUNTS = np.arange(1, NETS + 1)


@dataclass(frozen=True, eq=False)
class Answers:
    """What everybody says about all digits: made once.

    logs: (NETS, ASKED, 10) log-probabilities of each thinned net; whole: (ASKED, 10) probabilities
    of the whole net; average, geometric: (NETS,) test error of the arithmetic and of the
    renormalised geometric mean of the first 1 … NETS nets; alone: (NETS,) of each thinned net;
    whole_error: of the whole.
    """

    pictures: np.ndarray
    labels: np.ndarray
    logs: np.ndarray
    whole: np.ndarray
    average: np.ndarray
    geometric: np.ndarray
    alone: np.ndarray
    whole_error: float

    @property
    def dispute(self) -> np.ndarray:
        """How much the thinned nets differ about each digit: the mean variance, (ASKED,)."""
        return np.exp(self.logs).var(axis=0).mean(axis=1)


@dataclass(frozen=True, eq=False)
class Vote:
    """One digit: single (nets, 10), running (NETS, 10) averages, geometric and whole (10,)."""

    index: int
    picture: np.ndarray
    label: int
    nets: int
    single: np.ndarray
    running: np.ndarray
    geometric: np.ndarray
    whole: np.ndarray

    @property
    def average(self) -> np.ndarray:
        """The mean probabilities of the nets that were asked, (10,)."""
        return self.running[self.nets - 1]

    @property
    def votes(self) -> np.ndarray:
        """How many of the nets say each class, (10,)."""
        return np.bincount(self.single.argmax(axis=1), minlength=10)


class DropoutEnsemble(Explorer):
    """Ask one thinned net after another about a digit, and compare with one whole net.

    digit: which of the 500 test digits, in the order chosen; nets: how many are asked.
    """

    title = "Dropout as an ensemble: many thinned nets, or one whole net?"
    size = (9.8, 5.2)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "another digit",
        "ArrowUp": "",
        "ArrowDown": "more or fewer nets (with Shift: by 10)",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        slider = ipywidgets.IntSlider
        return {
            "digit": slider(value=0, min=0, max=ASKED - 1, description="digit"),
            "nets": slider(value=10, min=1, max=NETS, description="nets asked"),
            "order": ipywidgets.Dropdown(options=ORDERS, value=ORDERS[1], description="digits"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"Ask one more": lambda: self.ask(1), "Ask all": lambda: self.ask(NETS)}

    def ask(self, more: int) -> None:
        """Ask `more` nets; with a negative number, forget the last ones."""
        self.set(nets=int(np.clip(self.values["nets"] + more, 1, NETS)))

    @staticmethod
    def compute(digit, nets, order) -> Vote:
        answers = everyone()
        index = int(_ranking(order)[digit])
        logs = answers.logs[:, index]
        single = np.exp(logs)
        return Vote(
            index,
            answers.pictures[index],
            int(answers.labels[index]),
            nets,
            single[:nets],
            single.cumsum(axis=0) / COUNTS[:, None],
            softmax(logs[:nets].mean(axis=0)),
            answers.whole[index],
        )

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes in (self.errors, self.course) and event.pressed:
            self.set(nets=int(np.clip(round(event.x), 1, NETS)))

    def on_key(self, event: Key) -> None:
        if event.key in ("ArrowUp", "ArrowDown"):
            self.ask((10 if event.shift else 1) * (1 if event.key == "ArrowUp" else -1))
        else:
            step = 1 if event.key == "ArrowRight" else -1
            self.set(digit=int(np.clip(self.values["digit"] + step, 0, ASKED - 1)))

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        self.picture = figure.add_axes((0.06, 0.73, 0.13, 0.24))
        self.picture.set(xticks=[], yticks=[])
        self.image = self.picture.imshow(np.zeros((28, 28)), "gray_r", vmin=0, vmax=1)
        beside = figure.add_axes((0.2, 0.73, 0.36, 0.24))
        beside.set_axis_off()  # its limits are 0 … 1
        self.words = Labels(beside)
        self._build_classes(figure.add_axes((0.06, 0.11, 0.5, 0.53)))
        self.course = figure.add_axes((0.64, 0.6, 0.34, 0.33))
        self.errors = figure.add_axes((0.64, 0.11, 0.34, 0.36))
        self._build_course(self.course)
        self._build_errors(self.errors)

    def _build_classes(self, ax: Axes) -> None:
        ax.set(xlim=(-0.5, 9.5), ylim=(-0.03, 1.03), xlabel="class", ylabel="probability")
        ax.set_xticks(range(10))
        ax.spines[["top", "right"]].set_visible(False)
        (self.dots,) = ax.plot([], [], "o", color=plots.GREY, markersize=3, alpha=0.85)
        shared = {"linestyle": "", "markersize": 13, "markeredgewidth": 2.4}
        (self.mean,) = ax.plot([], [], marker="_", color=plots.BLUE, **shared)
        (self.geometric,) = ax.plot([], [], marker="D", color=plots.GREEN, **shared)
        self.geometric.set(markersize=8, markerfacecolor="none")
        (self.whole,) = ax.plot([], [], marker="x", color=plots.VERMILION, **shared)
        self.whole.set_markersize(8)
        ax.legend(
            [self.dots, self.mean, self.geometric, self.whole],
            ["each thinned net", "their average", "their geometric mean", "the whole net"],
            fontsize=8.5,
            frameon=False,
            loc="upper center",
            bbox_to_anchor=(0.5, 1.17),
            ncols=4,
            columnspacing=0.6,
            handletextpad=0.1,
        ).set_zorder(0)
        self.live(self.image, self.words, self.dots, self.mean)
        self.live(self.geometric, self.whole)

    def _build_course(self, ax: Axes) -> None:
        _chart(ax, "average of the nets asked", "probability")
        ax.set_ylim(0, 1)
        (self.running,) = ax.plot([], [], color=plots.BLUE, lw=2)
        (self.level,) = ax.plot([], [], "--", color=plots.VERMILION, lw=1.8)
        (self.here,) = ax.plot([], [], "o", color=plots.BLUE, mec=plots.INK[0], markersize=8)
        self.class_names = Labels(ax)
        ax.legend(
            [self.running, self.level],
            ["average", "whole net"],
            fontsize=9,
            frameon=False,
            loc="lower right",
        ).set_zorder(0)
        self.live(self.running, self.level, self.here, self.class_names)

    def _build_errors(self, ax: Axes) -> None:
        answers = everyone()
        _chart(ax, f"errors on {ASKED} test digits", "wrong, %")
        ax.set_xlabel("thinned nets asked")
        ax.plot(COUNTS, 100 * answers.average, color=plots.BLUE, lw=2, label="average")
        ax.plot(COUNTS, 100 * answers.geometric, ":", color=plots.GREEN, lw=2, label="geometric")
        ax.axhline(
            100 * answers.whole_error, ls="--", color=plots.VERMILION, lw=1.8, label="whole net"
        )
        single = 100 * float(answers.alone.mean())
        ax.axhline(single, ls="-.", color=plots.GREY, lw=1.5, label="one thinned net, mean")
        ax.set_ylim(0, 1.5 * max(single, 100 * float(answers.average.max())))
        ax.legend(fontsize=8.5, frameon=False, loc="upper right").set_zorder(0)
        (self.reached,) = ax.plot([], [], "o", color=plots.BLUE, mec=plots.INK[0], markersize=8)
        self.live(self.reached)

    def draw(self, vote: Vote) -> None:
        self.image.set_data(1 - vote.picture if self.dark else vote.picture)
        self.words.show(self._summary(vote))
        classes = np.arange(10)
        spread = np.random.default_rng(0).uniform(-0.3, 0.3, vote.single.shape)
        self.dots.set_data((classes + spread).ravel(), vote.single.ravel())
        self.mean.set_data(classes, vote.average)
        self.geometric.set_data(classes, vote.geometric)
        self.whole.set_data(classes, vote.whole)
        leader = int(vote.average.argmax())
        asked = slice(vote.nets)
        self.running.set_data(COUNTS[asked], vote.running[asked, leader])
        self.level.set_data([1, NETS], [vote.whole[leader]] * 2)
        self.here.set_data([vote.nets], [vote.average[leader]])
        self.class_names.show(
            [Label(1.15, 0.08, f"of class {leader}", Style(self.ink, size=10, anchor=0))]
        )
        self.reached.set_data([vote.nets], [100 * everyone().average[vote.nets - 1]])

    def _summary(self, vote: Vote) -> list[Label]:
        plain, bold = Style(self.ink, anchor=0, size=10), Style(self.ink, anchor=0, size=11)
        best, whole = int(vote.average.argmax()), int(vote.whole.argmax())
        lines = [
            (f"a {vote.label}, test digit {vote.index}", bold),
            (f"{vote.votes[best]} of {vote.nets} nets say {best}", plain),
            (f"their average: {best}, {vote.average[best]:.2f}", plain),
            (f"the whole net: {whole}, {vote.whole[whole]:.2f}", plain),
        ]
        return [Label(0, 0.9 - 0.25 * row, text, style) for row, (text, style) in enumerate(lines)]

    def describe(self, vote: Vote) -> str:
        answers = everyone()
        says = [(n, "says" if n == 1 else "say", k) for k, n in enumerate(vote.votes) if n]
        votes = [f"{n} {verb} {k}" for n, verb, k in sorted(says, key=lambda one: -one[0])]
        best, whole = int(vote.average.argmax()), int(vote.whole.argmax())
        nets = "thinned net" if vote.nets == 1 else "thinned nets"
        return (
            f"Test digit {vote.index}, a {vote.label}. Of {vote.nets} {nets}, {', '.join(votes)}. "
            f"Their average says {best} with probability {vote.average[best]:.3f}, their geometric "
            f"mean gives it {vote.geometric[best]:.3f}; the whole net says {whole} with "
            f"{vote.whole[whole]:.3f}. On {ASKED} test digits one thinned net alone is wrong in "
            f"{100 * answers.alone.mean():.1f} % of cases on average, the average of {vote.nets} "
            f"in {100 * answers.average[vote.nets - 1]:.1f} %, the whole net in "
            f"{100 * answers.whole_error:.1f} %."
        )


def _chart(ax: Axes, title: str, ylabel: str) -> None:
    ax.set(xscale="log", xlim=(0.9, NETS * 1.1), ylabel=ylabel)
    ax.set_xticks([1, 10, 100], ["1", "10", "100"])
    ax.set_title(title, fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)


# The nets ---------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def everyone() -> Answers:
    """Train the net, thin it NETS times, and ask all of them about the test digits."""
    split = data.mnist()
    net = _trained(split)
    x, y = split.x_test[:ASKED], split.y_test[:ASKED]
    whole = softmax(net(x))
    drops = [layer for layer in net.layers if isinstance(layer, Dropout)]
    net.train()
    logs = np.empty((NETS, ASKED, 10), np.float32)
    for number in range(NETS):
        for drop in drops:  # one mask for all digits: this is one net
            drop.hold = False
        net(x[:1])
        for drop in drops:
            drop.mask, drop.hold = np.repeat(_drawn(drop), len(x), axis=0), True
        z = net(x)
        logs[number] = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    running = np.exp(logs).cumsum(axis=0)
    product = logs.cumsum(axis=0)  # its softmax is the renormalised geometric mean
    return Answers(
        x.reshape(-1, 28, 28),
        y,
        logs,
        whole,
        (running.argmax(axis=2) != y).mean(axis=1),
        (product.argmax(axis=2) != y).mean(axis=1),
        (logs.argmax(axis=2) != y).mean(axis=1),
        float((whole.argmax(axis=1) != y).mean()),
    )


def _drawn(drop: Dropout) -> np.ndarray:
    """The mask of the last forward."""
    assert drop.mask is not None  # the net is in training
    return drop.mask


def _trained(split: data.Split) -> Sequential:
    """784 → 64 → 64 → 10 with dropout, trained on 1,000 digits, and in use."""
    rng = np.random.default_rng(0)
    options = {"rng": rng, "weight_init": he_normal}
    net = Sequential(
        *(Dropout(0.2, rng=rng), Linear(784, WIDTH, **options), ReLU()),
        *(Dropout(0.5, rng=rng), Linear(WIDTH, WIDTH, **options), ReLU()),
        *(Dropout(0.5, rng=rng), Linear(WIDTH, 10, **options)),
    )
    step = numpy_step(net, CrossEntropyLoss(), Adam(net.parameters, 0.002))
    learned = split.x_train[:LEARNED], split.y_train[:LEARNED]
    fit(step, learned, epochs=EPOCHS, batch_size=BATCH, rng=rng, progress=False)
    return net.eval()


@lru_cache(maxsize=len(ORDERS))
def _ranking(order: str) -> np.ndarray:
    """The test digits in this order."""
    if order == ORDERS[0]:
        return np.arange(ASKED)
    ranked = np.argsort(everyone().dispute, kind="stable")
    return ranked[::-1] if order == ORDERS[1] else ranked
