"""Explorer: type a text and watch an LSTM's gates; hold one of them and see what it predicts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.data.sequences import allowed_next
from dlkit.widgets.ch08_listener import (
    GATES,
    Heard,
    Listener,
    listen,
    novel_listener,
    reber_listener,
    seen,
)
from dlkit.widgets.explorer import OWN_ROW, Explorer, Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SIGNED, Tile, Tiles, paint

NETS: dict[str, Callable[[], Listener]] = {
    "a novel": novel_listener,
    "Reber words": reber_listener,
}
NOVEL = "a novel"
VIEWS = ("cell c", "state h", *GATES)
NOTHING = "nothing"
LEVELS = ("0", "1", "its mean")
LONGEST = 64  # symbols
SHOWN = 24  # units
WIDE = 64.0  # the charts' width in their own units: a symbol takes one at least, four at most
TOP = 6  # symbols whose chance is shown
MOST_BITS = 12.0
PANEL = (7.75, 0.4, 1.85, 4.9)  # left, low, width and height in inches
BAR = 0.4  # of the panel: a certain symbol's, which leaves room for “100 % 100 %”


@dataclass(frozen=True, eq=False)
class Record:
    """A text, as a net has heard it and as it hears it with one gate held.

    listener: the net; whole, held: what it did; codes: the text, (T,); units: those that are
    shown, the one that forgets least first; bits: -log2 p of the symbol that came next, for each
    step but the last, whole and with the gate held; at: the step that is looked at; unit: the unit.
    """

    listener: Listener
    text: str
    codes: np.ndarray
    units: np.ndarray
    whole: Heard
    held: Heard | None
    bits: np.ndarray
    held_bits: np.ndarray
    at: int
    unit: int


class GateMicroscope(Explorer):
    """An LSTM hears a text: its gates and cells over time, with all of them or one held.

    net: which; text: for the novel's, word: for Reber's; show: what is painted of the units;
    ablate: the gate that is held, level: at which value, alone: in the chosen unit only. State:
    at, the step, and unit, the place of a unit among those shown.
    """

    title = "Gate microscope: what an LSTM keeps, forgets and says"
    size = (9.8, 5.9)
    key_help = {  # noqa: RUF012
        "ArrowLeft": "",
        "ArrowRight": "look at another step",
        "ArrowUp": "",
        "ArrowDown": "look at another unit",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "text": ipywidgets.Text(
                value="Anne said nothing. Captain Wentworth was",
                description="text",
                layout=ipywidgets.Layout(grid_area=OWN_ROW),
            ),
            "net": ipywidgets.Dropdown(options=list(NETS), description="the net reads"),
            "word": ipywidgets.Text(value="BTBTXSETE", description="Reber word"),
            "show": ipywidgets.Dropdown(options=VIEWS, description="paint"),
            "ablate": ipywidgets.Dropdown(options=[NOTHING, *GATES], description="hold"),
            "level": ipywidgets.Dropdown(options=LEVELS, description="at"),
            "alone": ipywidgets.Checkbox(value=False, description="one unit only"),
        }

    def state(self) -> dict[str, Any]:
        return {"at": 0, "unit": 0}

    def idle(self, *, net: str, ablate: str, **_) -> dict[str, bool]:
        novel, free = net == NOVEL, ablate == NOTHING
        return {"text": not novel, "word": novel, "level": free, "alone": free}

    def actions(self) -> dict[str, Callable[[], Any]]:
        return {"Forget everything": lambda: self.set(ablate="forget gate f", level="0")}

    def set(self, **values) -> None:
        """As in every explorer; a step or a unit that cannot be is refused."""
        for name, limit in (("at", LONGEST), ("unit", SHOWN)):
            if values.get(name, 0) not in range(limit):
                raise ValueError(f"{name} must lie in 0 … {limit - 1}, got {values[name]!r}")
        super().set(**values)

    @staticmethod
    def compute(net, text, word, show, ablate, level, alone, at, unit) -> Record:
        del show
        typed = text if net == NOVEL else word.upper()
        if not 2 <= len(typed) <= LONGEST:
            raise ValueError(f"Type 2 to {LONGEST} symbols; there are {len(typed)}.")
        listener = NETS[net]()
        codes = listener.alphabet.encode(typed)
        whole = _listen(net, typed)
        units = listener.order[:SHOWN]
        unit = min(unit, len(units) - 1)
        held = None
        if ablate != NOTHING:
            gate = GATES[ablate]
            values = whole.gates[gate].mean(axis=0)
            if level != "its mean":
                values = np.full_like(values, float(level))
            which = units[unit : unit + 1] if alone else slice(None)
            held = listen(listener, codes, held={gate: values}, units=which)
        bits = _bits(whole, codes)
        return Record(
            *(listener, typed, codes, units, whole, held),
            *(bits, bits if held is None else _bits(held, codes)),
            *(min(at, len(codes) - 1), unit),
        )

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.kind not in ("down", "move") or event.axes is self.panel:
            return
        data = self.data
        place = {"at": int(np.clip(event.x / _column(data), 0, len(data.codes) - 1))}
        if event.axes is self.map and (event.pressed or event.kind == "down"):
            rows = len(data.units)
            place["unit"] = int(np.clip((1 - event.y) * rows, 0, rows - 1))
        if any(place[name] != self.values[name] for name in place):
            self.set(**place)

    def on_key(self, event: Key) -> None:
        data = self.data
        step = 1 if event.key in ("ArrowRight", "ArrowDown") else -1
        if event.key in ("ArrowLeft", "ArrowRight"):
            self.set(at=int(np.clip(data.at + step, 0, len(data.codes) - 1)))
        else:
            self.set(unit=int(np.clip(data.unit + step, 0, len(data.units) - 1)))

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size
        boxes = (3.35, 1.95), (1.85, 1.1), (0.5, 0.95)  # low and height in inches
        self.map, self.gates, self.chances = (
            figure.add_axes((0.65 / width, low / height, 6.6 / width, high / height))
            for low, high in boxes
        )
        for ax in (self.map, self.gates, self.chances):
            ax.set(xlim=(0, WIDE), xticks=[])
        self.map.set(ylim=(0, 1), yticks=[])
        self.map.set_ylabel("units", labelpad=12)
        self.tiles, self.letters = Tiles(self.map), Labels(self.map)
        self.letters.set_clip_on(False)
        (self.row,) = self.map.plot([], [], ">", color=plots.INK[0], markersize=7, clip_on=False)
        self._build_gates(self.gates)
        self._build_chances(self.chances)
        self.cursors = [
            ax.plot([], [], color=plots.INK[0], lw=1)[0]
            for ax in (self.map, self.gates, self.chances)
        ]
        left, low, wide, high = PANEL
        self.panel = figure.add_axes((left / width, low / height, wide / width, high / height))
        self.panel.set(xlim=(0, 1), ylim=(0, high))
        self.panel.set_axis_off()
        (self.bars,) = self.panel.plot([], [], color=plots.SKY, lw=13, solid_capstyle="butt")
        (self.narrow,) = self.panel.plot([], [], color=plots.VERMILION, lw=5)
        self.narrow.set_solid_capstyle("butt")
        self.words = Labels(self.panel)
        self.live(self.tiles, self.letters, self.row, *self.cursors)
        self.live(*self.lines.values(), self.cell, self.bit_line, self.held_line)
        self.live(self.bars, self.narrow, self.words)

    def _build_gates(self, ax: Axes) -> None:
        ax.set(ylim=(-1.08, 1.08), yticks=[-1, 0, 1], ylabel="one unit")
        ax.axhline(0, color=plots.GREY, lw=0.7)
        ax.spines[["top", "right"]].set_visible(False)
        looks = {
            "i": (plots.BLUE, "-"),
            "f": (plots.VERMILION, "--"),
            "g": (plots.PURPLE, ":"),
            "o": (plots.GREEN, "-."),
        }
        self.lines = {
            gate: ax.plot([], [], style, color=colour, lw=1.6)[0]
            for gate, (colour, style) in looks.items()
        }
        (self.cell,) = ax.plot([], [], color=plots.INK[0], lw=2.4)
        ax.legend(
            [*self.lines.values(), self.cell],
            [*self.lines, "tanh c"],
            fontsize=8,
            frameon=False,
            ncols=5,
            loc="upper center",
            bbox_to_anchor=(0.5, 1.3),
        ).set_zorder(0)

    def _build_chances(self, ax: Axes) -> None:
        ax.set(ylim=(0, MOST_BITS), yticks=[0, 5, 10], ylabel="bits")
        ax.set_xlabel("how much the next symbol surprised")
        ax.spines[["top", "right"]].set_visible(False)
        (self.bit_line,) = ax.plot(
            [], [], "o-", color=plots.BLUE, lw=1.4, markersize=4, clip_on=False
        )
        (self.held_line,) = ax.plot([], [], "x--", color=plots.VERMILION, lw=1.2, markersize=5)
        ax.legend(
            [self.bit_line, self.held_line],
            ["the whole net", "with the gate held"],
            fontsize=8,
            frameon=False,
            ncols=2,
            loc="upper right",
        ).set_zorder(0)

    def draw(self, data: Record) -> None:
        shown = data.whole if data.held is None else data.held
        step, last = _column(data), len(data.codes)
        middles = step * (np.arange(last) + 0.5)
        values = _view(shown, self.values["show"])[:, data.units]
        scale = np.abs(values).max() if self.values["show"] in VIEWS[:2] else 1.0
        pixels = paint(values.T[::-1] / (float(scale) or 1.0), SIGNED[self.dark])
        self.tiles.show([Tile(0, 0, step * last, 1, pixels, plots.GREY)])
        self.letters.show(self._letters(data, middles))
        self.row.set_data([-0.55], [1 - (data.unit + 0.5) / len(data.units)])
        unit = data.units[data.unit]
        for gate, line in self.lines.items():
            line.set_data(middles, shown.gates[gate][:, unit])
        self.cell.set_data(middles, np.tanh(shown.cells[:, unit]))
        self.bit_line.set_data(middles[:-1], np.minimum(data.bits, MOST_BITS))
        if data.held is None:
            self.held_line.set_data([], [])
        else:
            self.held_line.set_data(middles[:-1], np.minimum(data.held_bits, MOST_BITS))
        ends = (0, 1), (-1.08, 1.08), (0, MOST_BITS)
        for cursor, span in zip(self.cursors, ends, strict=True):
            cursor.set_data([middles[data.at]] * 2, span)
        self._draw_panel(data)

    def _letters(self, data: Record, middles: np.ndarray) -> Iterator[Label]:
        plain = Style(self.ink, size=9.5, family="monospace", padding=0)
        bold = Style(self.ink, size=11, family="monospace", weight="bold", padding=0)
        for t, (x, symbol) in enumerate(zip(middles, data.text, strict=True)):
            yield Label(float(x), 1.06, seen(symbol), bold if t == data.at else plain)

    def _draw_panel(self, data: Record) -> None:
        top = _top(data)
        places = PANEL[3] - 1.0 - 0.42 * np.arange(len(top))
        for bars, heard in ((self.bars, data.whole), (self.narrow, data.held)):
            p = np.zeros(len(top)) if heard is None else heard.p[data.at][top]
            begin, gap = np.full(len(top), 0.18), np.full(len(top), np.nan)
            ends = np.stack([begin, begin + BAR * p, gap], axis=1)
            bars.set_data(ends.ravel(), np.repeat(places, 3))
        head, plain = Style(self.ink, size=10, anchor=0), Style(self.ink, size=9, anchor=0)
        mono = Style(self.ink, size=12, family="monospace", weight="bold")
        words = [Label(0, PANEL[3] - 0.15, "what comes next,", head)]
        said = f"after “{seen(data.text[max(0, data.at - 7) : data.at + 1])}”"
        words.append(Label(0, PANEL[3] - 0.4, said, head))
        for y, code in zip(places, top, strict=True):
            p = data.whole.p[data.at, code]
            words.append(Label(0.08, float(y), seen(data.listener.alphabet.symbols[code]), mono))
            end = 0.18 + BAR * float(p if data.held is None else max(p, data.held.p[data.at, code]))
            text = f"{100 * p:.0f} %"
            if data.held is not None:
                text += f" {100 * data.held.p[data.at, code]:.0f} %"
            words.append(Label(end, float(y), text, plain))
        low = float(places[-1]) - 0.5
        lines = [f"{data.bits.mean():.2f} bits a symbol"]
        if data.held is not None:
            lines += ["with the gate held:", f"{data.held_bits.mean():.2f} bits a symbol"]
        for number, line in enumerate(lines):
            words.append(Label(0, low - 0.25 * number, line, head))
        self.words.show(words)

    def describe(self, data: Record) -> str:
        values, at, unit = self.values, data.at, int(data.units[data.unit])
        shown = data.whole if data.held is None else data.held
        symbol = data.text[at]
        gates = ", ".join(f"{gate} {shown.gates[gate][at, unit]:.2f}" for gate in "ifgo")
        words = [
            f"The net for {data.listener.name} has heard {len(data.text)} symbols. At step "
            f"{at + 1}, “{seen(symbol)}”, it expects {_expects(data.listener, data.whole.p[at])}.",
        ]
        if at + 1 < len(data.codes):
            words.append(
                f"What came, “{seen(data.text[at + 1])}”, surprises it by {data.bits[at]:.1f} bits."
            )
        if values["net"] != NOVEL:
            options = allowed_next(data.text, embedded=True)[at]
            legal = ", ".join(options) if options else "nothing: this is no word of it"
            words.append(f"The grammar allows {legal}.")
        words.append(
            f"Unit {unit + 1}, number {data.unit + 1} among those that forget least: {gates}, "
            f"c {shown.cells[at, unit]:.2f}, h {shown.states[at, unit]:.2f}."
        )
        if data.held is not None:
            where = "in this unit" if values["alone"] else "in all units"
            words.append(
                f"With the {values['ablate']} held at {values['level']} {where} it expects "
                f"{_expects(data.listener, data.held.p[at])}, and the text costs "
                f"{data.held_bits.mean():.2f} bits a symbol instead of {data.bits.mean():.2f}."
            )
        else:
            words.append(f"The text costs {data.bits.mean():.2f} bits a symbol.")
        return " ".join(words).replace("-", "−")


@lru_cache(maxsize=16)
def _listen(net: str, text: str) -> Heard:
    """The whole net, for a text that it may be asked about many times."""
    listener = NETS[net]()
    return listen(listener, listener.alphabet.encode(text))


def _bits(heard: Heard, codes: np.ndarray) -> np.ndarray:
    """-log2 p of each symbol but the first, (T - 1,)."""
    p = heard.p[np.arange(len(codes) - 1), codes[1:]].astype(float)
    return -np.log2(np.maximum(p, 1e-30))


def _view(heard: Heard, show: str) -> np.ndarray:
    """What is painted, (T, units): numbers -1 … 1, but for the cells."""
    if show in GATES:
        return heard.gates[GATES[show]]
    return heard.cells if show == "cell c" else heard.states


def _column(data: Record) -> float:
    """How wide a symbol is."""
    return min(WIDE / len(data.codes), 4.0)


def _top(data: Record) -> np.ndarray:
    """The likeliest symbols at this step: with the gate held, if one is, and without."""
    order = np.argsort(-data.whole.p[data.at], kind="stable")[:TOP]
    if data.held is None:
        return order
    both = np.maximum(data.whole.p[data.at], data.held.p[data.at])
    return np.argsort(-both, kind="stable")[:TOP]


def _expects(listener: Listener, p: np.ndarray) -> str:
    """The three likeliest symbols in words."""
    best = np.argsort(-p, kind="stable")[:3]
    return ", ".join(f"“{seen(listener.alphabet.symbols[k])}” {100 * p[k]:.0f} %" for k in best)
