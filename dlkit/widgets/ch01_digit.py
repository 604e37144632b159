"""Two digits, drawn or from MNIST, one perceptron, and its weights as a picture."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ipywidgets import Dropdown, HBox, IntSlider, Layout
from matplotlib.patches import Rectangle

from dlkit import data, plots
from dlkit.models.perceptron import Perceptron
from dlkit.plots import BLUE, INK, ORANGE
from dlkit.widgets.ch01_parts import short
from dlkit.widgets.drawing_pad import BLANK, DrawingPad, from_bytes, to_bytes
from dlkit.widgets.explorer import Explorer

KEPT = 12  # drawings at most

Kept = tuple[tuple[bytes, int], ...]  # (784 pixels 0 … 255, label -1 or +1)


@dataclass(frozen=True)
class Learned:
    """A perceptron for two digits, and what it says about a drawing."""

    digits: tuple[int, int]
    weight: np.ndarray  # (28, 28)
    bias: float
    examples: int
    mistakes: int
    converged: bool
    test_error: float  # on MNIST's test digits; NaN where nothing of MNIST was learned
    drawing: np.ndarray  # (28, 28), 0 … 1
    mine: Kept

    @property
    def said(self) -> np.ndarray:
        """What each pixel of the drawing adds to z, (28, 28)."""
        return self.weight * self.drawing

    @property
    def z(self) -> float:
        """The net input for the drawing."""
        return float(self.said.sum() + self.bias)

    @property
    def answer(self) -> int:
        return self.digits[int(self.z > 0)]


@lru_cache(maxsize=1)
def _mnist():
    return data.mnist()


@lru_cache(maxsize=32)
def _train(first: int, second: int, source: str, mine: Kept) -> tuple[Perceptron, int, float]:
    """The perceptron, the number of examples, and the error on MNIST's test digits."""
    pixels = [from_bytes(picture) for picture, _ in mine]
    x, y = np.reshape(pixels, (-1, 784)), np.array([label for _, label in mine])
    split = _mnist().only(first, second) if source != "my drawings" else None
    if split is not None:
        own = source == "both"
        x = np.concatenate([x, split.x_train]) if own and len(x) else split.x_train
        y = np.append(y, data.signs(split.y_train)) if own and len(y) else data.signs(split.y_train)
    model = Perceptron(784)
    if len(x):
        model.fit(x, y, max_epochs=100, rng=np.random.default_rng(0))
    error = np.nan
    if split is not None:
        error = float(np.mean(model.predict(split.x_test) != data.signs(split.y_test)))
    return model, len(x), error


class YourDigit(Explorer):
    """One unit that tells two digits apart: trained on MNIST, on your drawings, or on both.

    Shows its weights as a picture, and what each stroke of the present drawing says.
    """

    title = "Your digit against mine (from MNIST): draw, train, and read the weights"
    size = (9.4, 4.1)

    def __init__(self, **start):
        self.pad = DrawingPad(label="Draw one of the two digits")
        super().__init__(**start)
        self.pad.on_draw(lambda pad: self.set(drawing=to_bytes(pad.pixels)))
        heading, body = self.children
        controls, picture = body.children
        controls.layout.flex = "1 1 300px"
        row = HBox([self.pad, controls], layout=Layout(flex_flow="row wrap", grid_gap="16px"))
        row.layout.max_width = f"{self.size[0] * 100:.0f}px"
        body.children = [row, picture]
        self.children = [heading, body]
        self._shown = np.random.default_rng(0)

    def controls(self):
        digits = list(range(10))
        return {
            "first": Dropdown(options=digits, value=0, description="first digit (−1)"),
            "second": Dropdown(options=digits, value=1, description="second digit (+1)"),
            "source": Dropdown(
                options=["MNIST", "my drawings", "both"], value="MNIST", description="learn from"
            ),
            "shift": IntSlider(value=0, min=-10, max=10, description="move right by"),
        }

    def state(self):
        return {"drawing": BLANK, "mine": ()}

    def actions(self):
        return {
            "Keep as first digit": lambda: self.keep(-1),
            "Keep as second digit": lambda: self.keep(1),
            "Show me an MNIST digit": self.show_digit,
            "Forget my drawings": lambda: self.set(mine=()),
        }

    @staticmethod
    def compute(first, second, source, shift, drawing, mine):
        if first == second:
            raise ValueError(f"Both digits are {first}: choose two different ones.")
        model, examples, error = _train(first, second, source, mine)
        picture = from_bytes(drawing)
        moved = np.zeros((28, 28))
        columns = slice(max(0, shift), 28 + min(0, shift))
        moved[:, columns] = picture[:, max(0, -shift) : 28 - max(0, shift)]
        return Learned(
            (first, second),
            model.weight.reshape(28, 28),
            float(model.bias[0]),
            examples,
            sum(model.mistakes_),
            model.converged_,
            error,
            moved,
            mine,
        )

    def keep(self, label: int) -> None:
        """Keep the present drawing as an example: label -1 for the first digit, +1 the second."""
        if self.pad.is_empty:
            raise ValueError("The pad is empty: draw a digit first.")
        if len(self.values["mine"]) == KEPT:
            raise ValueError(f"{KEPT} drawings are kept already: forget them to begin anew.")
        kept = (*self.values["mine"], (to_bytes(self.pad.pixels), label))
        source = self.values["source"]
        self.set(mine=kept, source="both" if source == "MNIST" else source)

    def show_digit(self) -> None:
        """Put a test digit of MNIST on the pad: one of the two, at random."""
        values = self.values
        split = _mnist().only(values["first"], values["second"])
        self.set(shift=0)
        self.pad.load(split.x_test[self._shown.integers(len(split.x_test))])

    def reset(self) -> None:
        self.pad.clear()
        super().reset()

    # The picture

    def build(self, figure):
        grid = figure.add_gridspec(2, 3, height_ratios=[5, 1], width_ratios=[1, 1, 1.1])
        weights, said, balance = (figure.add_subplot(grid[0, i]) for i in range(3))
        strip = figure.add_subplot(grid[1, :])
        look = {"cmap": plots.DIVERGING, "interpolation": "nearest", "animated": False}
        self.pictures = []
        self.panels = (weights, said)
        for ax in self.panels:
            ax.set(xticks=[], yticks=[])
            self.pictures.append(ax.imshow(np.zeros((28, 28)), **look))
            self.pictures[-1].set_clim(-1, 1)
        self._build_balance(balance)
        strip.set_axis_off()
        strip.set_anchor("W")
        self.caption = strip.text(0, 0.5, "", fontsize=11, va="center", color=INK[0])
        self.thumbnails = []
        for i in range(KEPT):
            place = (i, i + 0.8, 0.9, 0.1)
            picture = strip.imshow(np.zeros((28, 28)), "gray_r", vmin=0, vmax=1, extent=place)
            frame = strip.add_patch(Rectangle((i, 0.1), 0.8, 0.8, fill=False, lw=3))
            self.thumbnails.append((picture, frame))
        strip.set(xlim=(-0.1, KEPT), ylim=(1.05, -0.1))
        self._strip: Kept | None = None
        self._titled: tuple[int, int] | None = None
        self.live(*self.pictures)

    def _build_balance(self, ax):
        ax.set(xlim=(-1.05, 1.05), ylim=(-0.9, 3.7))
        ax.set_axis_off()
        starts = 2.75 - np.arange(4)
        ax.vlines(np.zeros(4), starts - 0.05, starts + 0.45, color=INK[0], linewidth=1.2, zorder=1)
        colours = (ORANGE, BLUE, plots.GREY, INK[0])
        self.bars = [
            ax.add_patch(Rectangle((0, starts[i]), 0, 0.4, color=colour, lw=0, zorder=2))
            for i, colour in enumerate(colours)
        ]
        write = {"color": INK[0], "va": "bottom", "ha": "center", "zorder": 3}
        self.words = [ax.text(0, start + 0.45, "", fontsize=10.5, **write) for start in starts]
        self.verdict = ax.text(0, -0.85, "", fontsize=15, **write)
        self.live(*self.bars, *self.words, self.verdict)

    def draw(self, learned):
        limit = float(np.abs(learned.weight).max()) or 1.0
        self.pictures[0].set_data(learned.weight / limit)
        self.pictures[1].set_data(_over_ink(learned.said / limit, learned.drawing))
        self.pad.seen = to_bytes(learned.drawing)  # as it was moved
        first, second = learned.digits
        parts = self._parts(learned)
        longest = max(map(abs, parts)) or 1.0
        names = (f"strokes for {second}", f"strokes for {first}", "bias", "z, their sum")
        for bar, word, name, part in zip(self.bars, self.words, names, parts, strict=True):
            bar.set_width(part / longest)
            word.set_text(f"{name}: {short(part)}")
        blank = not learned.drawing.any()
        self.verdict.set_text(
            "draw a digit" if blank else f"it says {learned.answer}" if learned.examples else ""
        )
        if learned.digits != self._titled:
            self._titled = learned.digits
            self.panels[0].set_title(f"weights: blue for {first}, orange for {second}", fontsize=12)
            self.panels[1].set_title("what your strokes say", fontsize=12)
        if learned.mine != self._strip:
            self._show_mine(learned.mine)

    def _show_mine(self, mine):
        """The kept drawings, framed in the colour of their class; dashed for the first digit."""
        self._strip = mine
        for i, (picture, frame) in enumerate(self.thumbnails):
            here = i < len(mine)
            picture.set_visible(here)
            frame.set_visible(here)
            if here:
                pixels, label = mine[i]
                picture.set_data(from_bytes(pixels))
                frame.set_edgecolor(ORANGE if label > 0 else BLUE)
                frame.set_linestyle("-" if label > 0 else "--")
        self.caption.set_text("" if mine else "no drawing of yours kept yet")

    def _parts(self, learned):
        said = learned.said
        return [said[said > 0].sum(), said[said < 0].sum(), learned.bias, learned.z]

    def describe(self, learned):
        first, second = learned.digits
        if not learned.examples:
            return "Nothing learned yet: draw a digit and keep it as an example, or choose MNIST."
        drawings = f", {len(learned.mine)} of your drawings kept" if learned.mine else ""
        end = "" if learned.converged else ", without coming to an end"
        text = (
            f"{first} (blue) or {second} (orange): learned from "
            f"{_count(learned.examples, 'example')} with "
            f"{_count(learned.mistakes, 'mistake')}{end}{drawings}. "
        )
        if not np.isnan(learned.test_error):
            wrong = 100 * learned.test_error
            text += f"On MNIST's test digits {wrong:.1f} % of its answers are wrong. "
        if not learned.drawing.any():
            return text + "The pad is empty."
        orange, blue, bias, z = map(short, self._parts(learned))
        return text + (
            f"Your drawing: strokes for {second} {orange}, strokes for {first} {blue}, "
            f"bias {bias}, together z = {z}: it says {learned.answer}."
        )


def _over_ink(said: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """What each pixel says, from -1 to 1, as colours; ink that says nothing shows as grey."""
    colours = plots.DIVERGING((said + 1) / 2)[..., :3]
    quiet = (0.45 * ink * (1 - np.minimum(1, 3 * np.abs(said))))[..., None]
    return colours * (1 - quiet) + 0.4 * quiet


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' if number != 1 else ''}"
