"""Explorer: how well finite differences see a gradient, and why no step h is always good."""

from collections.abc import Iterator
from dataclasses import dataclass

import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dlkit import plots
from dlkit.models.dense import Linear, ReLU, Sequential, Tanh
from dlkit.models.losses import MSELoss
from dlkit.widgets.explorer import OWN_ROW, Explorer
from dlkit.widgets.labels import Label, Labels, Style

# One unit a = f(w x + b) with x = 1, and the loss (a - d)²: z = 0, the kink of ReLU, is at w = 0.5.
BIAS, TARGET = -0.5, 1.5
H = np.logspace(-12, -1, 111)  # the steps of the slider
ACROSS = np.linspace(-2.2, 2.2, 221)  # where the microscope looks, in units of h
LAYERS = {"tanh": Tanh, "ReLU": ReLU}
NAMES = ("central, float64", "forward, float64", "central, float32", "forward, float32")


@dataclass(frozen=True)
class Slide:
    """What lies under the microscope.

    estimates: for each of NAMES, the differences (111,) for all steps `H`; errors: their distances
    from `slope`, which backpropagation gives; rounding: for each dtype, the theory's ε L / h;
    truncation: forward and central, h |L″| / 2 and h² |L‴| / 6.
    view: for each dtype, the change of the loss at w + h `ACROSS`, divided by h.
    """

    activation: str
    w: float
    index: int
    slope: float
    steepest: float
    distance: float
    estimates: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    rounding: dict[str, np.ndarray]
    truncation: dict[str, np.ndarray]
    view: dict[str, np.ndarray]

    @property
    def h(self) -> float:
        """The step."""
        return float(H[self.index])


class GradientMicroscope(Explorer):
    """Slide h from 1e-1 to 1e-12: the U-curve of truncation against round-off.

    activation: tanh or ReLU; exponent: log10 of h; distance and side: how far from z = 0, where
    ReLU has its kink, and on which side (left, where ReLU is off, or right).
    """

    title = "Gradient-check microscope"
    size = (9.8, 5.4)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        exponent = ipywidgets.FloatSlider(
            value=-2.0, min=-12, max=-1, step=0.1, readout_format=".1f", description="log₁₀ h"
        )
        distance = ipywidgets.FloatLogSlider(
            value=0.1, base=10, min=-6, max=0, step=0.1, description="distance from z = 0"
        )
        for slider in (exponent, distance):  # they have many steps
            slider.layout.grid_area = OWN_ROW
        return {
            "exponent": exponent,
            "distance": distance,
            "activation": ipywidgets.Dropdown(
                value="tanh", options=list(LAYERS), description="activation"
            ),
            "side": ipywidgets.Dropdown(
                value="right", options=["left", "right"], description="side of z = 0"
            ),
        }

    @staticmethod
    def compute(exponent: float, distance: float, activation: str, side: str) -> Slide:
        z = distance if side == "right" else -distance
        w = z - BIAS
        index = int(np.clip(round(10 * (exponent + 12)), 0, len(H) - 1))
        slope = backpropagated(w, activation)
        estimates, rounding, view = {}, {}, {}
        for kind in (np.float64, np.float32):
            name, h, here = kind.__name__, H.astype(kind), kind(w)
            middle = loss(here, activation)
            up, down = loss(here + h, activation), loss(here - h, activation)
            estimates[f"central, {name}"] = (up - down) / (2 * h)
            estimates[f"forward, {name}"] = (up - middle) / h
            rounding[name] = np.finfo(kind).eps * float(middle) / H
            look = loss(here + h[index] * ACROSS.astype(kind), activation)
            view[name] = (look - middle) / h[index]
        second, third = curvatures(z, activation)
        return Slide(
            activation,
            w,
            index,
            slope,
            steepest=abs(backpropagated(abs(z) - BIAS, activation)),
            distance=distance,
            estimates=estimates,
            errors={name: np.abs(estimates[name].astype(float) - slope) for name in NAMES},
            rounding=rounding,
            truncation={"forward": H * abs(second) / 2, "central": H**2 * abs(third) / 6},
            view=view,
        )

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size

        def axes(left, low, wide, high, **settings):
            made = figure.add_axes((left / width, low / height, wide / width, high / height))
            made.tick_params(labelsize=9)
            made.spines[["top", "right"]].set_visible(False)
            made.set(**settings)
            return made

        self.near = axes(
            0.65, 2.45, 3.9, 2.6, xlim=(-2.2, 2.2), ylim=(-2.6, 2.6), xticks=range(-2, 3), yticks=[]
        )
        self.near.set_title("The loss near w, under a lens that follows h", fontsize=10)
        self.near.set_xticklabels(["w − 2h", "w − h", "w", "w + h", "w + 2h"])
        self.near.set_ylabel("change of the loss", fontsize=9)
        grid = {"color": plots.QUIET[0], "linewidth": 0.6, "zorder": 0}
        self.near.axvline(0, **grid)
        self.near.axhline(0, **grid)
        # The rounded loss is a staircase: shown as dots, so that its steps can be seen.
        (self.coarse,) = self.near.plot(
            [], [], ".", color=plots.VERMILION, markersize=3.5, label="float32"
        )
        (self.fine,) = self.near.plot([], [], color=plots.BLUE, linewidth=2.2, label="float64")
        (self.tangent,) = self.near.plot(
            [], [], ":", color=plots.GREY, linewidth=1.8, label="slope by backpropagation"
        )
        (self.chord,) = self.near.plot(
            [], [], "D-", color=plots.GREEN, linewidth=1.4, markersize=6, label="central"
        )
        (self.forward,) = self.near.plot(
            *([], []), "s--", color=plots.PURPLE, linewidth=1.4, markersize=5, label="forward"
        )
        # Where no curve comes, and behind: what lies in front of live artists is drawn each time.
        self.near.legend(fontsize=8, loc="upper right", frameon=False).set_zorder(0)

        self.far = axes(5.45, 1.35, 4.2, 3.7, xscale="log", yscale="log")
        self.far.set(xlim=(6e-13, 1.6e-1), ylim=(1e-14, 1e2))
        self.far.set_title("Error of the estimated gradient, for every h", fontsize=10)
        self.far.set_xlabel("step h", fontsize=9)
        self.far.set_ylabel("|estimate − backpropagation|", fontsize=9)
        self.far.grid(color=plots.QUIET[0], linewidth=0.5)
        self.far.set_axisbelow(True)
        self.theory = {}
        for name in ("float64", "float32", "forward", "central"):
            (self.theory[name],) = self.far.plot([], [], "-", color=plots.GREY, linewidth=0.9)
        self.curves = {}
        for name, style, marker in zip(NAMES, ("-", "--", "-", "--"), "DsDs", strict=True):
            colour, wide = (plots.BLUE, 2.6) if "64" in name else (plots.VERMILION, 1.2)
            (self.curves[name],) = self.far.plot(
                *([], []),
                linestyle=style,
                color=colour,
                linewidth=wide,  # told apart in grey, too
                label=name,
                marker=marker,
                markersize=8,
                markeredgecolor=plots.PAPER[0],
            )
        self.cursor = self.far.axvline(1e-2, color=plots.INK[0], linewidth=1)
        # Samples long enough to tell a dashed line, and no marker upon them.
        samples = [
            Line2D([], [], color=line.get_color(), ls=line.get_linestyle(), lw=line.get_linewidth())
            for line in (*self.curves.values(), self.theory["float64"])
        ]
        names = [*NAMES, "theory: ε L / h,  h |L″| / 2,  h² |L‴| / 6"]
        place = {"loc": "lower center", "bbox_to_anchor": (0.76, 0.0), "ncols": 2}
        figure.legend(samples, names, fontsize=8.5, frameon=False, handlelength=4, **place)

        self.table = axes(0, 0.15, 5.0, 1.6, xlim=(0, 5.0), ylim=(0, 1.6))
        self.table.set_axis_off()
        self.labels = Labels(self.table)
        self.live(self.coarse, self.fine, self.tangent, self.chord, self.forward)
        self.live(self.cursor, self.labels, *self.theory.values(), *self.curves.values())

    def draw(self, slide: Slide) -> None:
        unit = slide.steepest
        self.coarse.set_data(ACROSS, slide.view["float32"] / unit)
        self.fine.set_data(ACROSS, slide.view["float64"] / unit)
        self.tangent.set_data([-2.2, 2.2], np.array([-2.2, 2.2]) * slide.slope / unit)
        ends = np.searchsorted(ACROSS, [-1 - 1e-9, 1 - 1e-9])
        self.chord.set_data([-1, 1], slide.view["float64"][ends] / unit)
        self.forward.set_data([0, 1], slide.view["float64"][[len(ACROSS) // 2, ends[1]]] / unit)
        for name, curve in self.curves.items():
            curve.set_data(H, np.maximum(slide.errors[name], 1.2e-14))
            curve.set_markevery([slide.index])
        for name, line in self.theory.items():
            line.set_data(H, (slide.rounding | slide.truncation)[name])
        self.cursor.set_xdata([slide.h, slide.h])
        self.labels.show(self._table(slide))

    def _table(self, slide: Slide) -> Iterator[Label]:
        """The estimates digit by digit: those that are right in ink, the others shaded."""
        ink = self.ink
        plain = Style(ink, anchor=0)
        right = Style(ink, anchor=0, size=10, family="monospace", weight="bold")
        wrong = Style("black", "#F5C6A5", anchor=0, size=10, family="monospace", padding=0.5)
        truth = f"{slide.slope:+.13f}".replace("-", "−")
        yield Label(0.15, 1.4, "∂L/∂w by backpropagation", plain)
        yield Label(2.25, 1.4, truth, right)
        for i, name in enumerate(NAMES):
            y = 1.4 - 0.24 * (i + 1)
            shown = f"{float(slide.estimates[name][slide.index]):+.13f}".replace("-", "−")[:18]
            same = agreeing(shown, truth)
            yield Label(0.15, y, name, plain)
            yield Label(2.25, y, shown[:same], right)
            yield Label(2.25 + 0.602 * 10 / 72 * same + 0.03, y, shown[same:], wrong)
        yield Label(2.25, 1.4 - 0.24 * 5.1, "shaded: the digits that are wrong", plain)

    def describe(self, slide: Slide) -> str:
        errors = {name: slide.errors[name][slide.index] for name in NAMES}
        words = [
            f"{slide.activation} unit at w = {slide.w:.6g}, h = {slide.h:.2g}. Backpropagation "
            f"says ∂L/∂w = {slide.slope:.6g}.",
            "Error of the estimates: "
            + ", ".join(f"{name} {_size(error)}" for name, error in errors.items())
            + ".",
        ]
        if slide.activation == "ReLU" and slide.h > slide.distance:
            words.append(
                f"h is wider than the distance to the kink ({slide.distance:.2g}): a difference "
                "that reaches across it mixes two slopes, however finely one computes."
            )
        elif slide.activation == "ReLU" and slide.slope == 0:
            words.append(
                "Both points lie where the unit is off: the loss is flat, and nothing errs."
            )
        elif slide.truncation["central"][slide.index] > slide.rounding["float64"][slide.index]:
            words.append("In float64, h is so wide that curvature is what errs.")
        else:
            words.append("In float64, h is so narrow that rounding is what errs.")
        words.append(
            f"Numbers near 1 lie ε = {np.finfo(np.float64).eps:.0e} apart in float64, "
            f"{np.finfo(np.float32).eps:.0e} in float32."
        )
        for name in ("central, float64", "central, float32"):
            best, error = best_step(slide.errors[name])
            if error:
                words.append(f"{name.capitalize()} does best near h = {best:.0e}: {error:.1e}.")
            else:
                words.append(
                    f"{name.capitalize()} makes no error at all where both points lie left."
                )
        here = np.float32(slide.w)
        if here + np.float32(slide.h) == here and not np.any(slide.view["float32"]):
            words.append("In float32 w + h is w itself: the loss looks flat, the estimate is 0.")
        return " ".join(words).replace("-", "−")


def loss(w: np.ndarray | np.floating, activation: str) -> np.ndarray | np.floating:
    """(f(w x + b) - d)² for one w or many, computed in the precision of w throughout."""
    kind = w.dtype.type
    z = w * kind(1) + kind(BIAS)
    a = np.tanh(z) if activation == "tanh" else np.maximum(z, kind(0))
    return (a - kind(TARGET)) ** 2


def backpropagated(w: float, activation: str) -> float:
    """∂L/∂w by the chapter's own layers, in float64."""
    linear = Linear(1, 1, rng=np.random.default_rng(0), dtype=np.float64)
    linear.load_state_dict({"weight": np.array([[w]]), "bias": np.array([BIAS])})
    net, criterion = Sequential(linear, LAYERS[activation]()), MSELoss()
    criterion(net(np.ones((1, 1))), np.full((1, 1), TARGET))
    net.backward(criterion.backward())
    return float(net.gradients["0.weight"][0, 0])


def curvatures(z: float, activation: str) -> tuple[float, float]:
    """L″ and L‴, which decide how fast the truncation error shrinks with h (x = 1)."""
    if activation == "ReLU":
        return (2.0 if z > 0 else 0.0), 0.0
    a = np.tanh(z)
    a1 = 1 - a**2
    a2, a3 = -2 * a * a1, (6 * a**2 - 2) * a1
    return 2 * (a1**2 + (a - TARGET) * a2), 2 * (3 * a1 * a2 + (a - TARGET) * a3)


def best_step(errors: np.ndarray) -> tuple[float, float]:
    """The h with the smallest error, and that error: medians of nine, because luck is not skill.

    Rounding errors have either sign, so a difference may hit the slope by chance at any h.
    """
    typical = np.median(np.lib.stride_tricks.sliding_window_view(errors, 9), axis=1)
    best = int(np.argmin(typical))
    return float(H[best + 4]), float(typical[best])


def agreeing(shown: str, truth: str) -> int:
    """How many characters of `shown` are those of `truth`, from the left."""
    for i, (one, other) in enumerate(zip(shown, truth, strict=False)):
        if one != other:
            return i
    return min(len(shown), len(truth))


def _size(error: float) -> str:
    return f"{error:.1e}" if error else "none at all"
