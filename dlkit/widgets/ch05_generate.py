"""Explorer: hold a label on top of a deep belief net, and watch the digits that it dreams."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import checkpoint, plots
from dlkit.data.files import asset
from dlkit.models.dbn import DBN, LabelledRBM
from dlkit.widgets.ch04_machine import GREYS, named, read, tile_of
from dlkit.widgets.drawing_pad import SIDE
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint
from dlkit.widgets.training import TrainingExplorer

CHAINS = 20  # two rows of ten
ROW = CHAINS // 2
DIGITS = tuple(str(digit) for digit in range(10))
FREE, EACH = "none: all free", "each its own"
WINDOW = 150  # steps that the chart looks back

# Places in inches.
LARGE = {"picture": (0.12, 4.4, 1.25), "below": (1.87, 4.53, 1.0), "features": (3.37, 4.53, 1.0)}
LABELS_AT = (4.5, 4.4, 0.25, 1.25)  # left, low, width, height
HIDDEN_AT = (5.45, 4.5, 1.05)
SMALL, FIRST, STEP = 0.56, 0.12, 0.645
ROW_LOW = (3.22, 2.4)
CHART = (0.5, 0.42, 6.0, 1.4)


@dataclass(frozen=True, eq=False)
class Dream:
    """Where all chains are.

    wanted: the label held in each chain, -1 for none; pictures: (chains, 784) probabilities of the
    pixels; below, features, hidden: layers on the way up, (chains, units), `below` None where the
    features lie right above the pixels, hidden None at the start; labels: the label units; belief:
    p(label | features), (chains, 10); digits: what chapter 02's net reads, -1 for nothing; counts:
    how many chains it read so in the last steps, (steps, 10); held: the label held in all chains in
    these steps, NaN for none; since: the step of the last change of label; followed: how many steps
    later half the chains showed their label, None if they do not.
    """

    step: int
    chain: int
    wanted: np.ndarray
    pictures: np.ndarray
    below: np.ndarray | None
    features: np.ndarray
    hidden: np.ndarray | None
    labels: np.ndarray
    belief: np.ndarray
    digits: np.ndarray
    counts: np.ndarray
    held: np.ndarray
    since: int
    followed: int | None

    @property
    def right(self) -> int:
        """How many chains show the label that is held in them."""
        return int((self.digits == self.wanted)[self.wanted >= 0].sum())


class Generate(TrainingExplorer):
    """Gibbs chains in the uppermost RBM of a deep belief net, and what comes down to the pixels.

    dbn: a `DBN` from 784 pixels with 10 label units, for example your own, as it is now; without
    one, `dreamer`. label: the digit held on top, "0" to "9"; `FREE` or `EACH`. Changing it does
    not begin anew. chain: the one that is shown large, 1 to 20.
    """

    title = "Hold a label, and dream"
    size = (6.6, 6.0)
    beside = True
    restarts = ()
    most_steps = 20_000
    pace = "10 steps a second"
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "look at another chain",
        **dict.fromkeys(DIGITS[:-1], ""),
        "9": "hold this label",
        "f": "let it free",
    }

    def __init__(self, dbn: DBN | None = None, **start):
        self.dbn = dreamer() if dbn is None else copy.deepcopy(check_dreamer(dbn))
        top = self.dbn.rbms[-1]
        assert isinstance(top, LabelledRBM)
        self.top = top
        self._rng = np.random.default_rng(0)
        super().__init__(**start)

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "label": ipywidgets.Dropdown(
                options=[*DIGITS, EACH, FREE], value="4", description="label held"
            ),
            "chain": ipywidgets.IntSlider(value=1, min=1, max=CHAINS, description="chain"),
        }

    def actions(self) -> dict[str, Callable[[], Any]]:
        buttons = super().actions()
        return {name: buttons[name] for name in ("Run", "Step")} | {
            "Start again": self.restart,
            "100 steps": lambda: self.advance(100),
        }

    def reset(self) -> None:
        """Return the controls to the start, and begin as at first."""
        self._rng = np.random.default_rng(0)
        super().reset()

    # The chains -------------------------------------------------------------------------------

    def begin(self, label: str, **_) -> dict[str, Any]:
        units = self.dbn.sizes[-2]
        features = self._rng.random((CHAINS, units)) < 0.5
        one = np.eye(10, dtype=bool)[self._rng.integers(10, size=CHAINS)]
        state = {"features": features, "labels": one, "hidden": None, "wanted": None}
        return state | {"digits": read(self._pictures(features)), "since": 0}

    def step(self, state: dict[str, Any], label: str, **_) -> dict[str, float]:
        """Up and down again in the uppermost RBM. Chance is no part of the state."""
        wanted, units = wanted_of(label), self.dbn.sizes[-2]
        if state["wanted"] is not None and not np.array_equal(wanted, state["wanted"]):
            state["since"] = self.time
        labels = np.where(wanted[:, None] >= 0, np.eye(10, dtype=bool)[wanted], state["labels"])
        hidden = self.top.sample_hidden(np.hstack([state["features"], labels]), self._rng)
        visible = self.top.sample_visible(hidden, self._rng).astype(bool)
        state["features"], free = visible[:, :units], visible[:, units:]
        state["labels"] = np.where(wanted[:, None] >= 0, labels, free)
        state["hidden"], state["wanted"] = hidden.astype(bool), wanted
        state["digits"] = digits = read(self._pictures(state["features"]))
        counts = np.bincount(digits[digits >= 0], minlength=10)
        held = float(label) if label in DIGITS else np.nan
        right = float((digits == wanted).mean()) if wanted[0] >= 0 else np.nan
        numbers = {DIGITS[digit]: float(count) for digit, count in enumerate(counts)}
        return numbers | {"held": held, "right": right}

    def look(self, state: dict[str, Any], label: str, chain: int, **_) -> Dream:
        features, wanted, now = state["features"], wanted_of(label), self.time
        labels = np.where(wanted[:, None] >= 0, np.eye(10, dtype=bool)[wanted], state["labels"])
        changed = state["wanted"] is not None and not np.array_equal(wanted, state["wanted"])
        since = now if changed else state["since"]
        metrics, first = self.branch.metrics, max(now - WINDOW, 0)
        past = [metrics.get(name, [])[first:now] for name in DIGITS]
        right = np.array(metrics.get("right", [])[since:now])
        after = np.flatnonzero(right >= 0.5)
        return Dream(
            step=now,
            chain=chain - 1,
            wanted=wanted,
            pictures=self._pictures(features),
            below=self._below(features),
            features=features,
            hidden=state["hidden"],
            labels=labels,
            belief=self.top.label_probabilities(features.astype(np.float32)),
            digits=state["digits"],
            counts=np.array(past).T.reshape(now - first, 10),
            held=np.array(metrics.get("held", [])[first:now]),
            since=since,
            followed=int(after[0]) + 1 if after.size else None,
        )

    def _pictures(self, features: np.ndarray) -> np.ndarray:
        return self.dbn.down(features.astype(np.float32), len(self.dbn.rbms) - 1)

    def _below(self, features: np.ndarray) -> np.ndarray | None:
        """The probabilities of the layer above the pixels."""
        a = features.astype(np.float32)
        if len(self.dbn.rbms) < 3:
            return None
        for rbm in self.dbn.rbms[-2:0:-1]:
            a = rbm.visible_probabilities(a)
        return a

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, width), ylim=(0, height))
        self.sheet.set_axis_off()
        self._build_arrows()
        self.tiles, self.labels = Tiles(self.sheet), Labels(self.sheet)
        left, low, wide, high = CHART
        self.chart = figure.add_axes((left / width, low / height, wide / width, high / height))
        self.chart.set(xlim=(-WINDOW, 0), ylim=(-0.5, 9.5))
        self.chart.set_yticks(range(10), DIGITS)
        self.chart.set_xlabel(
            "steps, counted back from now; framed: the label held", fontsize=9, labelpad=1
        )
        self.chart.set_ylabel("read as", fontsize=9, labelpad=1)
        self.chart.tick_params(labelsize=8, length=2)
        self.strip = Tiles(self.chart, zorder=1)
        (self.held,) = self.chart.plot([], [], color=plots.VERMILION, lw=1.6, zorder=4)
        self.live(self.tiles, self.labels, self.strip, self.held)

    def _build_arrows(self) -> None:
        """What drives what: one way below, both ways on top."""
        y = LARGE["picture"][1] + LARGE["picture"][2] / 2

        def arrow(start: float, end: float, style: str) -> None:
            look = {"arrowstyle": style, "color": plots.INK[0], "shrinkA": 0, "shrinkB": 0}
            self.sheet.annotate("", (end, y), (start, y), arrowprops=look).set_zorder(1)

        layers = [LARGE[name] for name in ("picture", "below", "features")]
        if len(self.dbn.rbms) < 3:
            layers.pop(1)
        for lower, upper in pairwise(layers):
            arrow(upper[0] - 0.05, lower[0] + lower[2] + 0.05, "-|>")
        arrow(LABELS_AT[0] + LABELS_AT[2] + 0.22, HIDDEN_AT[0] - 0.05, "<|-|>")

    def draw(self, data: Dream) -> None:
        self.tiles.show([*self._large(data), *self._small(data)])
        self.labels.show([*self._words(data), *self._row_words(data)])
        steps = len(data.counts)
        shades = np.zeros((10, WINDOW))
        if steps:
            shades[:, -steps:] = data.counts.T / CHAINS
        pixels = paint(2 * shades - 1, GREYS[self.dark])
        self.strip.show([Tile(-WINDOW, -0.5, WINDOW, 10, pixels)])
        x = np.arange(-steps, 0) + 0.5
        # A box round the row: the shade in it stays visible.
        rows = np.concatenate([data.held - 0.5, [np.nan], data.held + 0.5])
        self.held.set_data(np.concatenate([x, [np.nan], x]), rows)

    def _large(self, data: Dream) -> Iterator[Tile]:
        chain = data.chain
        left, low, side = LARGE["picture"]
        picture = tile_of(data.pictures[chain], self.dark)
        yield Tile(left, low, side, side, picture, frame=plots.GREY)
        for name, units in (("below", data.below), ("features", data.features)):
            if units is not None:
                left, low, side = LARGE[name]
                yield Tile(left, low, side, side, self._cells(units[chain]), frame=plots.GREY)
        left, low, side = HIDDEN_AT
        hidden = np.zeros(self.dbn.sizes[-1]) if data.hidden is None else data.hidden[chain]
        yield Tile(left, low, side, side, self._cells(hidden), frame=plots.GREY)
        left, low, wide, high = LABELS_AT
        belief = paint(2 * data.belief[chain][::-1, None] - 1, GREYS[self.dark])
        yield Tile(left, low, wide, high, belief, frame=plots.GREY)
        on = int(data.labels[chain].argmax())
        cell = high / 10
        own = belief[9 - on : 10 - on]
        held = data.wanted[chain] >= 0
        colour, line = (plots.VERMILION, 2.5) if held else (plots.SKY, 1.5)
        yield Tile(left - 0.04, low + (9 - on) * cell, wide + 0.08, cell, own, colour, line)

    def _cells(self, units: np.ndarray) -> np.ndarray:
        """Units as a square of cells, orange where one is on."""
        side = int(np.ceil(np.sqrt(len(units))))
        cells = np.full(side * -(-len(units) // side), np.nan)
        cells[: len(units)] = units
        return paint(cells.reshape(-1, side)[::-1], SIGNED[self.dark])

    def _small(self, data: Dream) -> Iterator[Tile]:
        for i in range(CHAINS):
            frame, line = (self.ink, 2.5) if i == data.chain else (plots.GREY, 1.0)
            pixels = tile_of(data.pictures[i], self.dark)
            yield Tile(*corner(i), SMALL, SMALL, pixels, frame=frame, line=line)

    def _words(self, data: Dream) -> Iterator[Label]:
        small, digit = Style(self.ink, size=9), Style(self.ink, size=8, anchor=0)
        sizes, y = self.dbn.sizes, LARGE["picture"][1] + LARGE["picture"][2] + 0.13
        captions = {"picture": "pixels", "below": f"{sizes[1]} units"}
        captions["features"] = f"{sizes[-2]} features"
        for name, words in captions.items():
            if name != "below" or data.below is not None:
                left, _, side = LARGE[name]
                yield Label(left + side / 2, y, words, small)
        left, low, wide, high = LABELS_AT
        yield Label(left + 0.25, y, "labels", small)
        yield Label(HIDDEN_AT[0] + HIDDEN_AT[2] / 2, y, f"{sizes[-1]} on top", small)
        for k in range(10):
            yield Label(left + wide + 0.05, low + high * (9.5 - k) / 10, DIGITS[k], digit)
        head = Style(self.ink, size=9, anchor=0)
        yield Label(FIRST - 0.04, LARGE["picture"][1] - 0.17, self._status(data), head)

    def _status(self, data: Dream) -> str:
        chain, on = data.chain, int(data.labels[data.chain].argmax())
        how = "held" if data.wanted[chain] >= 0 else "drawn"
        return (
            f"chain {chain + 1} after {plural(data.step, 'step')}: label {on} {how}, read as "
            f"{named(data.digits[chain])}; shade of the labels: p(label | features), "
            f"{data.belief[chain, on]:.2f} for {on}"
        )

    def _row_words(self, data: Dream) -> Iterator[Label]:
        head, small = Style(self.ink, anchor=0), Style(self.ink, size=8)
        bold = Style(self.ink, size=8, weight="bold")
        words = "20 chains; below, what chapter 02’s net reads"
        if (data.wanted >= 0).any():
            words += " (bold: not the label held)"
        yield Label(FIRST - 0.04, ROW_LOW[0] + SMALL + 0.14, words, head)
        for i, digit in enumerate(data.digits):
            left, low = corner(i)
            wrong = data.wanted[i] >= 0 and digit != data.wanted[i]
            yield Label(left + SMALL / 2, low - 0.11, named(digit), bold if wrong else small)
        title = Style(self.ink, size=9, anchor=0)
        y = CHART[1] + CHART[3] + 0.13
        yield Label(FIRST - 0.04, y, self._following(data), title)

    def _following(self, data: Dream) -> str:
        """How well the pictures follow the label."""
        if data.wanted[0] < 0:
            seen = np.unique(data.digits[data.digits >= 0])
            words = ", ".join(DIGITS[k] for k in seen) or "nothing"
            return f"labels free since step {data.since:,}; now the chains show {words}"
        what = "its own label" if data.wanted[0] != data.wanted[1] else f"a {data.wanted[0]}"
        words = f"{what} held since step {data.since:,}: {data.right} of {CHAINS} chains show it"
        if data.followed is not None:
            words += f"; half did after {plural(data.followed, 'step')}"
        return words

    def describe(self, data: Dream) -> str:
        counts = np.bincount(data.digits[data.digits >= 0], minlength=10)
        read_as = [f"{count} as {k}" for k, count in enumerate(counts) if count]
        unsure = int((data.digits < 0).sum())
        read_as += [f"{unsure} as nothing it is sure of"] if unsure else []
        words = self._following(data)
        return (
            f"After {plural(data.step, 'step')}. {words[0].upper()}{words[1:]}. "
            f"Chapter 02’s net reads {', '.join(read_as)}. "
            f"{self._status(data).split(';')[0].capitalize()}; given its features, the top RBM "
            f"expects {data.belief[data.chain].argmax()} with probability "
            f"{data.belief[data.chain].max():.2f}."
        )

    # Pointer and keys -------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.kind != "down" or event.axes is not self.sheet:
            return
        for i in range(CHAINS):
            left, low = corner(i)
            if 0 <= event.x - left <= SMALL and 0 <= event.y - low <= SMALL:
                self.set(chain=i + 1)
        left, low, wide, high = LABELS_AT
        if -0.05 <= event.x - left <= wide + 0.2 and 0 < event.y - low < high:
            self.set(label=DIGITS[9 - int(10 * (event.y - low) / high)])

    def on_key(self, event: Key) -> None:
        if event.key in (*DIGITS, "f"):
            self.set(label=FREE if event.key == "f" else event.key)
            return
        by = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -ROW, "ArrowDown": ROW}[event.key]
        self.set(chain=(self.values["chain"] - 1 + by) % CHAINS + 1)


@lru_cache(maxsize=1)
def dreamer() -> DBN:
    """A net 784-300-250-500 with ten label units that has learned MNIST, without the 5,000 digits
    that `mnist()` gives.

    `tools/reproduce/labelled_05.py` trained it.
    """
    stored = checkpoint.load(asset("models/ch05_dbn.safetensors"))["dbn"]
    hidden = [stored[f"rbms.{k}.hidden_bias"].size for k in range(len(stored) // 3)]
    dbn = DBN((SIDE * SIDE, *hidden), rng=np.random.default_rng(0), labels=10)
    dbn.load_state_dict(stored)
    return dbn


def check_dreamer(dbn: DBN) -> DBN:
    """The net itself; a `ValueError` if it has not 784 pixels, ten labels, and two layers."""
    if not isinstance(dbn, DBN):
        raise ValueError(f"dbn must be a DBN of dlkit, got {dbn!r:.200}")
    if dbn.labels != 10 or dbn.sizes[0] != SIDE * SIDE or len(dbn.sizes) < 3:
        raise ValueError(
            f"dbn must go from {SIDE * SIDE} pixels through two layers or more and have 10 label "
            f"units, got sizes {dbn.sizes} and {dbn.labels} labels"
        )
    return dbn


def wanted_of(label: str) -> np.ndarray:
    """The label held in each chain, (CHAINS,), -1 where none is."""
    if label == EACH:
        return np.arange(CHAINS) % 10
    return np.full(CHAINS, -1 if label == FREE else int(label))


def corner(chain: int) -> tuple[float, float]:
    """Where the small picture of a chain has its lower left corner, in inches."""
    row, column = divmod(chain, ROW)
    return FIRST + STEP * column, ROW_LOW[row]


def plural(count: int, noun: str) -> str:
    """So many of them, in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
