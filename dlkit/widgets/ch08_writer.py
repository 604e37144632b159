"""Explorer: an LSTM that has read a novel writes on, one character after the other."""

from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit import plots
from dlkit.widgets.ch08_listener import listen, novel_listener, seen
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Labels, Style
from dlkit.widgets.tiles import SOFT, Tile, Tiles, paint
from dlkit.widgets.training import TrainingExplorer

WIDE, LINES = 72, 11  # characters in a line and lines that are shown
LONGEST = 600  # characters that are written
LONGEST_SEED = 200
TOP = 6  # alternatives that are remembered
FULL = 6.0  # bits of surprise that get the full colour
CHART = 150  # characters in the chart
SHEET = (0.25, 2.55, 7.3, 2.75)  # left, low, width and height in inches
PANEL = (7.85, 0.45, 1.85, 4.85)
BAR = 0.34  # of the panel: a certain character's, which leaves room for “100 %  taken”


@dataclass(frozen=True)
class Choice:
    """One character: its code, p of it and the entropy of p in bits, the temperature that it was
    drawn with (None: it stood in the beginning), and the likeliest characters: codes, p, and q,
    which is p with the temperature."""

    code: int
    p: float
    entropy: float
    temperature: float | None
    top: tuple[int, ...]
    top_p: tuple[float, ...]
    top_q: tuple[float, ...]

    @property
    def bits(self) -> float:
        """How much it surprised the net: -log2 p."""
        return float(-np.log2(max(self.p, 1e-12)))


@dataclass(eq=False)
class Page:
    """What has been written, what the net remembers of it, and p of the next character."""

    choices: list[Choice]
    memory: tuple[np.ndarray, np.ndarray]
    p: np.ndarray
    rng: np.random.Generator
    seed_length: int = 0

    def __deepcopy__(self, _) -> "Page":
        """A twin that goes on as this one will: the choices themselves never change."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self.rng.bit_generator.state
        return Page(list(self.choices), self.memory, self.p, rng, self.seed_length)

    @property
    def written(self) -> list[Choice]:
        """The characters that the net has chosen itself."""
        return self.choices[self.seed_length :]


@dataclass(frozen=True, eq=False)
class Sheet:
    """The page as it is shown: its text, and the character that is looked at.

    rows: for each line its first character and the one after its last; at: -1 on an empty page.
    """

    page: Page
    text: str
    rows: list[tuple[int, int]]
    at: int


class Writer(TrainingExplorer):
    """The net's text grows; colour shows how much each character surprised the net itself.

    temperature: 0 takes the likeliest character, 1 draws by the net's own p, more is bolder: q is
    proportional to p to the power 1 / temperature. seed_text: what it goes on from; start: of the
    random numbers. State: at, the character that is looked at, None for the last.
    """

    title = "Writer: a net that has read Persuasion goes on, character by character"
    size = (9.8, 5.6)
    restarts = ("seed_text", "start")
    most_steps = LONGEST
    most_moments = LONGEST + 1
    pace = "10 steps a second"
    key_help = {  # noqa: RUF012
        " ": "write one character",
        "ArrowLeft": "",
        "ArrowRight": "",
        "ArrowUp": "",
        "ArrowDown": "look at another character",
        "End": "at the last",
    }

    def controls(self) -> dict[str, ipywidgets.Widget]:
        return {
            "temperature": ipywidgets.FloatSlider(
                value=0.7, min=0, max=2, step=0.05, description="temperature"
            ),
            "seed_text": ipywidgets.Text(value="Anne ", description="it goes on from"),
            "start": ipywidgets.IntSlider(value=0, min=0, max=20, description="random start"),
        }

    def state(self) -> dict[str, Any]:
        return {"at": None}

    def actions(self) -> dict[str, Any]:
        return super().actions() | {"Write 100": lambda: self.advance(100)}

    def set(self, **values) -> None:
        """As in every explorer; a character that cannot be is refused."""
        at = values.get("at")
        if at is not None and at not in range(LONGEST + LONGEST_SEED):
            most = LONGEST + LONGEST_SEED - 1
            raise ValueError(f"at must be None or a character 0 … {most}, got {at!r}")
        super().set(**values)

    def begin(self, *, seed_text, start, **_) -> Page:
        if len(seed_text) > LONGEST_SEED:
            raise ValueError(f"Begin with at most {LONGEST_SEED} characters, not {len(seed_text)}.")
        net = novel_listener()
        codes = net.alphabet.encode(seed_text)
        # Before the first character stands the end of a line.
        heard = listen(net, np.concatenate([net.alphabet.encode("\n"), codes]))
        choices = [_choice(int(code), p, None) for code, p in zip(codes, heard.p, strict=False)]
        memory = heard.states[-1], heard.cells[-1]
        return Page(choices, memory, heard.p[-1], np.random.default_rng(start), len(codes))

    def step(self, state: Page, *, temperature, **_) -> dict[str, float]:
        q = tempered(state.p, temperature)
        code = int(state.rng.choice(len(q), p=q))
        choice = _choice(code, state.p, temperature)
        heard = listen(novel_listener(), np.array([code]), state=state.memory)
        state.choices.append(choice)
        state.memory, state.p = (heard.states[0], heard.cells[0]), heard.p[0]
        return {"bits": choice.bits, "entropy": choice.entropy}

    def look(self, state: Page, *, at, **_) -> Sheet:
        symbols = novel_listener().alphabet.symbols
        text = "".join(symbols[choice.code] for choice in state.choices)
        last = len(text) - 1
        return Sheet(state, text, wrapped(text), last if at is None else min(at, last))

    # By hand ----------------------------------------------------------------------------------

    def on_pointer(self, event: Pointer) -> None:
        if event.axes is not self.sheet:
            return
        if event.kind == "leave":
            self.set(at=None)
        if event.kind not in ("down", "move"):
            return
        rows = self._visible(self.data)
        line = int(event.y)
        if 0 <= line < len(rows):
            begin, end = rows[line]
            place = begin + int(event.x)
            if begin <= place < end and place != self.data.at:
                self.set(at=place)

    def on_key(self, event: Key) -> None:
        data = self.data
        if event.key == " ":
            self.pause()
            self.advance()
            return
        if event.key == "End" or data.at < 0:
            self.set(at=None)
            return
        step = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -WIDE, "ArrowDown": WIDE}[event.key]
        if abs(step) == WIDE:  # to the same column of the next line
            line = next(i for i, (begin, end) in enumerate(data.rows) if begin <= data.at < end)
            other = int(np.clip(line + np.sign(step), 0, len(data.rows) - 1))
            begin, end = data.rows[other]
            place = min(begin + data.at - data.rows[line][0], end - 1)
        else:
            place = data.at + step
        place = int(np.clip(place, 0, len(data.text) - 1))
        self.set(at=None if place == len(data.text) - 1 else place)

    # The picture ------------------------------------------------------------------------------

    def build(self, figure: Figure) -> None:
        figure.set_layout_engine("none")
        width, height = self.size

        def place(left, low, wide, high):
            return left / width, low / height, wide / width, high / height

        self.sheet = figure.add_axes(place(*SHEET))
        self.sheet.set(xlim=(0, WIDE), ylim=(LINES, 0), xticks=[], yticks=[])
        self.colours, self.letters = Tiles(self.sheet), Labels(self.sheet)
        (self.ring,) = self.sheet.plot([], [], color=plots.INK[0], lw=1.6, zorder=7)
        self.chart = figure.add_axes(place(0.75, 0.5, 6.8, 1.6))
        self.chart.set(xlim=(-0.5, CHART - 0.5), ylim=(0, 10.5), xticks=[], ylabel="bits")
        self.chart.set_xlabel(f"the last {CHART} characters")
        self.chart.spines[["top", "right"]].set_visible(False)
        (self.entropy,) = self.chart.plot([], [], color=plots.BLUE, lw=2.5)
        (self.bits,) = self.chart.plot([], [], "o", color=plots.INK[0], markersize=3)
        (self.cursor,) = self.chart.plot([], [], color=plots.INK[0], lw=1)
        self.chart.legend(
            [self.entropy, self.bits],
            ["expected: entropy of p", "surprise: −log₂ p of what was taken"],
            fontsize=8.5,
            frameon=False,
            ncols=2,
            loc="upper center",
            bbox_to_anchor=(0.5, 1.17),
        ).set_zorder(0)
        self.panel = figure.add_axes(place(*PANEL))
        self.panel.set(xlim=(0, 1), ylim=(0, PANEL[3]))
        self.panel.set_axis_off()
        (self.bars,) = self.panel.plot([], [], color=plots.SKY, lw=13, solid_capstyle="butt")
        (self.narrow,) = self.panel.plot([], [], color=plots.INK[0], lw=5, solid_capstyle="butt")
        self.words = Labels(self.panel)
        self.live(self.colours, self.letters, self.ring, self.entropy, self.bits, self.cursor)
        self.live(self.bars, self.narrow, self.words)

    def _visible(self, data: Sheet) -> list[tuple[int, int]]:
        """The lines that are shown, the one looked at among them."""
        at = data.at
        line = next((i for i, (begin, end) in enumerate(data.rows) if begin <= at < end), 0)
        first = max(0, min(len(data.rows) - LINES, line))
        return data.rows[first : first + LINES]

    def draw(self, data: Sheet) -> None:
        rows = self._visible(data)
        choices, seed = data.page.choices, data.page.seed_length
        plain = Style(self.ink, size=10, family="monospace", padding=0)
        given = Style(self.ink, size=10, family="monospace", weight="bold", padding=0)
        tiles, letters = [], []
        for line, (begin, end) in enumerate(rows):
            bits = np.array([choice.bits for choice in choices[begin:end]])
            if len(bits):
                pixels = paint(np.minimum(bits / FULL, 1)[None], SOFT[self.dark])
                tiles.append(Tile(0, line + 1, end - begin, -1, pixels))  # lines count down
            for place in range(begin, end):
                symbol = "↵" if data.text[place] == "\n" else data.text[place]
                style = given if place < seed else plain
                if symbol != " ":
                    letters.append(Label(place - begin + 0.5, line + 0.5, symbol, style))
            if begin <= data.at < end:
                left = data.at - begin
                square = [left, left + 1, left + 1, left, left], [line] * 2 + [line + 1] * 2
                self.ring.set_data(square[0], [*square[1], line])
        if data.at < 0:
            self.ring.set_data([], [])
        self.colours.show(tiles)
        self.letters.show(letters)
        start = max(0, len(choices) - CHART)
        places = np.arange(len(choices) - start)
        self.entropy.set_data(places, [choice.entropy for choice in choices[start:]])
        self.bits.set_data(places, [min(choice.bits, 10.3) for choice in choices[start:]])
        self.cursor.set_data([data.at - start] * 2, [0, 9] if data.at >= start else [np.nan] * 2)
        self._draw_panel(data)

    def _draw_panel(self, data: Sheet) -> None:
        head, plain = Style(self.ink, size=10, anchor=0), Style(self.ink, size=9, anchor=0)
        mono = Style(self.ink, size=12, family="monospace", weight="bold")
        high, words = PANEL[3], []
        page = data.page
        if data.at < 0:
            self.bars.set_data([], [])
            self.narrow.set_data([], [])
            words.append(Label(0, high - 0.15, "Press Run, Step or", head))
            words.append(Label(0, high - 0.4, "Write 100.", head))
            self.words.show(words)
            return
        choice, symbols = page.choices[data.at], novel_listener().alphabet.symbols
        before = seen(data.text[max(0, data.at - 7) : data.at])
        words.append(Label(0, high - 0.15, "what came next," if before else "first", head))
        words.append(Label(0, high - 0.4, f"after “{before}”" if before else "of all", head))
        places = high - 0.95 - 0.42 * np.arange(TOP)
        for bars, values in ((self.bars, choice.top_p), (self.narrow, choice.top_q)):
            begin, gap = np.full(TOP, 0.18), np.full(TOP, np.nan)
            ends = np.stack([begin, begin + BAR * np.array(values), gap], axis=1)
            bars.set_data(ends.ravel(), np.repeat(places, 3))
        rows = zip(places.tolist(), choice.top, choice.top_p, choice.top_q, strict=True)
        for y, code, p, q in rows:
            words.append(Label(0.08, y, seen(symbols[code]), mono))
            taken = "  taken" if code == choice.code else ""
            words.append(Label(0.18 + BAR * max(p, q), y, f"{100 * p:.0f} %{taken}", plain))
        low = float(places[-1]) - 0.45
        written = page.written
        lines = [f"taken: “{seen(symbols[choice.code])}”, {100 * choice.p:.1f} %"]
        if choice.temperature is None:
            lines.append("it stood in the beginning")
        else:
            lines.append(f"narrow: temperature {choice.temperature:.2f}")
        if written:
            mean = np.mean([one.bits for one in written])
            lines += ["", f"{len(written)} characters written,", f"{mean:.2f} bits each"]
        for number, line in enumerate(lines):
            words.append(Label(0, low - 0.25 * number, line, plain))
        self.words.show(words)

    def describe(self, data: Sheet) -> str:
        page, written = data.page, data.page.written
        symbols = novel_listener().alphabet.symbols
        words = [f"{len(written)} of at most {LONGEST} characters written, branch "]
        words[0] += f"{self.branch.name}, temperature {self.values['temperature']:.2f}."
        tail = data.text[-160:].replace("\n", " ")
        words.append(f"The text ends: “{tail}”." if tail else "Nothing stands there yet.")
        if written:
            bits = np.mean([choice.bits for choice in written])
            entropy = np.mean([choice.entropy for choice in written])
            words.append(
                f"What the net took surprised it by {bits:.2f} bits a character; it had expected "
                f"{entropy:.2f}."
            )
        if data.at >= 0:
            choice = page.choices[data.at]
            best = ", ".join(
                f"“{seen(symbols[code])}” {100 * p:.0f} %"
                for code, p in zip(choice.top[:3], choice.top_p, strict=False)
            )
            words.append(
                f"Character {data.at + 1}, “{seen(symbols[choice.code])}”, had p = "
                f"{choice.p:.3f}; likeliest were {best}."
            )
        return " ".join(words)


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """q in proportion to p^(1/temperature): 1 leaves p as it is, 0 leaves the likeliest alone."""
    if temperature <= 0:
        q = np.zeros(len(p))
        q[p.argmax()] = 1
        return q
    logs = np.log(np.maximum(p.astype(float), 1e-30)) / temperature
    q = np.exp(logs - logs.max())
    return q / q.sum()


def wrapped(text: str) -> list[tuple[int, int]]:
    """Lines of at most WIDE characters: where each begins and ends. A line's end belongs to it."""
    rows, begin = [], 0
    for place, symbol in enumerate(text):
        if symbol == "\n" or place + 1 - begin == WIDE:
            rows.append((begin, place + 1))
            begin = place + 1
    return [*rows, (begin, len(text))] if begin < len(text) or not rows else rows


def _choice(code: int, p: np.ndarray, temperature: float | None) -> Choice:
    top = np.argsort(-p, kind="stable")[:TOP]
    q = p if temperature is None else tempered(p, temperature)
    entropy = -(p * np.log2(np.maximum(p, 1e-30))).sum()
    shares = (tuple(part[top].astype(float).tolist()) for part in (p, q))
    return Choice(code, float(p[code]), float(entropy), temperature, tuple(top.tolist()), *shares)
