"""Explorer: how large signals and gradients are, layer by layer; theory beside measurement."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.check import check_number
from dlkit.widgets import ch03_parts as parts
from dlkit.widgets.ch03_nets import (
    ACTIVATIONS,
    INITIAL,
    NORMALISED,
    PATHS,
    RESIDUAL,
    Profile,
    Recipe,
    Theory,
    digits,
    expect,
    histograms,
    measure,
)
from dlkit.widgets.ch03_parts import percent, size
from dlkit.widgets.explorer import Explorer, Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style

DIGITS = 64  # so many go through the net together


@dataclass(frozen=True, eq=False)
class Study:
    """A net that has learned nothing yet, what theory expects of it and what is measured.

    shares: the histogram of each layer's answers, (depth, BINS); layer: the one looked at, from 1.
    """

    recipe: Recipe
    profile: Profile
    theory: Theory
    shares: np.ndarray
    layer: int

    def factor(self, layer: int) -> float:
        """What this layer, counted from 1, is measured to multiply the gradient by."""
        before, after = self.profile.backward[layer - 2 : layer]
        return float(before / after) if after else np.nan


class GradientProfile(Explorer):
    """Build a deep net and send digits forward and the gradient of their loss backward.

    depth, width: hidden layers and units in each; activation, initial (values), gain, paths: how
    the net is made; seed: which random numbers; layer: the one whose numbers are written out.
    """

    title = "Gradient profile: what a deep net does before it has learned anything"
    size = (9.8, 5.7)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "the numbers of another layer",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        dropdown, slider = ipywidgets.Dropdown, ipywidgets.IntSlider
        return {
            "depth": slider(value=12, min=1, max=30, description="hidden layers"),
            "width": slider(value=64, min=8, max=128, step=4, description="units in each"),
            "activation": dropdown(options=list(ACTIVATIONS), description="activation"),
            "initial": dropdown(options=list(INITIAL), description="initial values"),
            "gain": ipywidgets.FloatLogSlider(
                value=1.0,
                min=-1,
                max=1,
                step=0.02,
                readout_format=".2f",
                description="times gain",
            ),
            "paths": dropdown(options=list(PATHS), description="layers"),
            "seed": slider(value=0, min=0, max=20, description="random start"),
        }

    def state(self) -> dict[str, int]:
        return {"layer": 2}

    def set(self, **values) -> None:
        """As in every explorer; a layer that makes no sense is refused before anything changes."""
        if "layer" in values:
            check_number("layer", values["layer"], low=1, whole=True)
        super().set(**values)

    @staticmethod
    def compute(layer: int, **recipe) -> Study:
        check_number("layer", layer, low=1, whole=True)
        study = examine(Recipe(**recipe))
        return Study(*study, layer=min(int(layer), recipe["depth"]))

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        left, right, wide = 0.75, 5.55, 4.0
        self.forward = parts.place(figure, left, 3.05, wide, 2.25)
        self.backward = parts.place(figure, right, 3.05, wide, 2.25)
        # With each change of limits Matplotlib would look anew for room for titles and names, a
        # fifth of the time of such a frame: these stay where they are.
        self.forward.set_title("Forward: how large the signal is", fontsize=10, y=1)
        self.backward.set_title("Backward: how large the gradient is", fontsize=10, y=1)
        self.backward.set_xlabel("hidden layer, counted from the pixels", fontsize=9)
        for axes in (self.forward, self.backward):
            axes.set_ylabel("root mean square", fontsize=9)
            axes.yaxis.set_label_coords(-0.125, 0.5)
            parts.powers(axes)
            parts.grid(axes)
        self.strip = parts.Answers(figure, left, 0.5, wide)
        self.charts = (self.forward, self.backward, self.strip.answers, self.strip.saturated)
        self.cursors = [
            axes.axvline(1, color=plots.ORANGE, linewidth=5, alpha=0.35) for axes in self.charts
        ]
        (self.sent,) = self.forward.plot([], [], "o-", **parts.MEASURED)
        (self.arrived,) = self.backward.plot([], [], "o-", **parts.MEASURED)
        self.expected = [
            axes.plot([], [], "--", color=plots.INK[0], linewidth=1.3, zorder=4)[0]
            for axes in (self.forward, self.backward, self.strip.saturated)
        ]
        (self.differing,) = self.forward.plot(
            [], [], "s:", color=plots.VERMILION, linewidth=1.4, markersize=4, zorder=2
        )
        self.forward.legend(
            [self.differing],
            ["its part that differs from digit to digit"],
            loc="lower left",
            fontsize=8.5,
            frameon=False,
        ).set_zorder(0)
        self.page = parts.place(figure, 5.0, 0.0, 4.8, 2.5, xlim=(0, 4.8), ylim=(0, 2.5))
        self.page.set_axis_off()
        self.page.plot([1.35, 1.75], [0.16, 0.16], "--", color=plots.INK[0], linewidth=1.3)
        self.page.plot([2.5, 2.6], [0.16, 0.16], color=plots.ORANGE, linewidth=9, alpha=0.35)
        (self.sample,) = self.page.plot([0.12, 0.32, 0.52], [0.16] * 3, "o-", **parts.MEASURED)
        self.labels = Labels(self.page)
        self.live(self.labels, self.differing, self.sent, self.arrived, self.sample)
        self.live(*self.expected, *self.cursors, *self.strip.artists)

    def draw(self, data: Study) -> None:
        profile, theory, depth = data.profile, data.theory, data.recipe.depth
        layers = np.arange(1, depth + 1)
        for axes, cursor in zip(self.charts, self.cursors, strict=True):
            cursor.set_xdata([data.layer, data.layer])
            parts.limit(axes, x=parts.reach(depth))
        self.sent.set_data(layers, parts.shown(profile.forward))
        self.arrived.set_data(layers, parts.shown(profile.backward))
        differing = parts.shown(profile.differing)
        self.differing.set_data(layers, differing)
        expected = (theory.forward, theory.backward, theory.saturated)
        for line, values in zip(self.expected, expected, strict=True):
            line.set_data(layers, values)
        for line in (self.sent, self.arrived, self.sample):
            parts.tint(line, self.dark)
        parts.limit(self.forward, y=parts.decades(profile.forward, differing, top=1))
        parts.limit(self.backward, y=parts.decades(profile.backward, theory.backward))
        self.strip.draw(data.shares, profile.saturated, data.recipe.activation, self.dark)
        self.labels.show(self._words(data))

    def _words(self, data: Study) -> Iterator[Label]:
        plain, bold = Style(self.ink, anchor=0), Style(self.ink, anchor=0, weight="bold")
        layer, depth = data.layer, data.recipe.depth
        if layer > 1:
            yield Label(0.12, 2.3, f"From layer {layer} back to {layer - 1}, the gradient ×", bold)
            yield Label(0.3, 2.1, f"{_formula(data)}   theory", plain)
            yield Label(0.3, 1.9, f"{size(data.factor(layer))}   measured", plain)
        else:
            yield Label(0.12, 2.3, "Layer 1: before it are the pixels, which do not learn", bold)
        if depth > 1:
            yield Label(0.12, 1.6, f"From layer {depth} back to 1, the gradient ×", bold)
            yield Label(0.3, 1.4, f"{size(_across(data.theory))}   theory", plain)
            yield Label(0.3, 1.2, f"{size(_across(data.profile))}   measured", plain)
        theory, measured = data.theory.saturated[layer - 1], data.profile.saturated[layer - 1]
        yield Label(
            0.12, 0.9, f"Saturated in layer {layer}: slope f′ under a tenth of its top", bold
        )
        yield Label(0.3, 0.7, f"{percent(theory)}   theory", plain)
        yield Label(0.3, 0.5, f"{percent(measured)}   measured", plain)
        for x, text in ((0.58, "measured"), (1.8, "theory"), (2.66, "the layer written about")):
            yield Label(x, 0.16, text, plain)

    def describe(self, data: Study) -> str:
        recipe, profile, theory = data.recipe, data.profile, data.theory
        layers = "layer" if recipe.depth == 1 else "layers"
        gain = "" if recipe.gain == 1 else f" times {recipe.gain:.3g}"
        words = [
            f"{recipe.depth} hidden {layers} of {recipe.width} {recipe.activation} units, "
            f"{recipe.paths}; initial values: {recipe.initial}{gain}."
        ]
        words.append(
            f"What the layers hand on has root mean square {size(profile.forward[0])} in the first "
            f"and {size(profile.forward[-1])} in the last (theory {size(theory.forward[-1])})."
        )
        words.append(
            f"The part that differs from digit to digit is {size(profile.differing[0])} in the "
            f"first and {_left(profile.differing[-1])} in the last."
        )
        if not profile.backward[0]:
            words.append("No gradient at all arrives at the first layer: units in between are off.")
        elif recipe.depth > 1:
            words.append(
                f"On its way back a layer multiplies the gradient by {size(profile.factor)} on "
                f"average (theory {size(theory.factor)}): the first layer gets "
                f"{size(_across(profile))} of what the last gets (theory {size(_across(theory))}). "
                f"{_verdict(_across(profile))}"
            )
        if recipe.activation == "ReLU" and recipe.paths == RESIDUAL and recipe.depth > 8:
            words.append(
                "Theory falls short here: the gradient's part along the signal grows backward as "
                "much as the signal grows forward."
            )
        words.append(
            f"Saturated units: {percent(profile.saturated[0])} in the first layer, "
            f"{percent(profile.saturated[-1])} in the last."
        )
        if data.layer > 1:
            words.append(
                f"Layer {data.layer}: {_formula(data)} by theory, "
                f"{size(data.factor(data.layer))} measured."
            )
        return " ".join(words)

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes in self.charts and (event.kind == "down" or event.pressed):
            self.set(layer=int(np.clip(round(event.x), 1, self.values["depth"])))

    def on_key(self, event: Key) -> None:
        by = 1 if event.key == "ArrowRight" else -1
        self.set(layer=int(np.clip(self.data.layer + by, 1, self.values["depth"])))


@lru_cache(maxsize=16)
def examine(recipe: Recipe) -> tuple[Recipe, Profile, Theory, np.ndarray]:
    """Make the net and measure it, in float64: gradients of 1e−60 occur."""
    split = digits()
    x, y = split.x_train[:DIGITS].astype(np.float64), split.y_train[:DIGITS]
    profile = measure(recipe.build(np.float64), x, y, recipe.activation)
    theory = expect(recipe, x, last=profile.backward[-1])
    return recipe, profile, theory, histograms(profile.answers, recipe.activation)


def _across(found: Profile | Theory) -> float:
    """What of the last layer's gradient the first layer gets."""
    return float(found.backward[0] / found.backward[-1]) if found.backward[-1] else 0.0


def _formula(data: Study) -> str:
    """Where theory's factor of the layer looked at comes from."""
    theory, at = data.theory, data.layer - 1
    slopes, factor = size(theory.slopes[at]), size(theory.factors[at])
    if data.recipe.paths == NORMALISED:
        spread = size(theory.variances[at - 1])
        return f"√(E[f′²] / var(f)) = √({slopes} / {spread}) = {factor}"
    if data.recipe.paths == RESIDUAL:
        spread = size(theory.spread)
        return f"√(1 + n·var(W)·E[f′²]) = √(1 + {spread} × {slopes}) = {factor}"
    return f"√(n·var(W)·E[f′²]) = √({size(theory.spread)} × {slopes}) = {factor}"


def _left(differing: float) -> str:
    return size(differing) if differing else "less than the rounding of float64"


def _verdict(share: float) -> str:
    if share < 1e-3:
        return "The gradient vanishes."
    return "The gradient explodes." if share > 1e3 else "The gradient arrives."
