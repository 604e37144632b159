"""Chapter 00: the timeline of the course, a neuron with two sliders, the list of the chapters."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import ClassVar

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from dlkit.models.dense import sigmoid
from dlkit.plots import BLUE, EDGE, GREEN, GREY, INK, ORANGE, QUIET, SKY
from dlkit.widgets.ch00_history import (
    CHAPTERS,
    EVENTS,
    LANES,
    LONG_NAMES,
    START,
    WINTERS,
    Event,
    Winter,
)
from dlkit.widgets.explorer import Explorer, Key, Pointer

# --- The timeline ------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 1941, 2031
LETTER, GAP = 0.9, 2.0  # in years: how wide a letter of a label is, how far it is from its marker
STYLES = {"ideas": (BLUE, "o"), "machines": (ORANGE, "s"), "data": (GREEN, "^")}


@dataclass(frozen=True)
class Moment:
    """What the timeline shows: an event, its place in EVENTS, and what else its chapter replays."""

    event: Event
    place: int
    siblings: tuple[Event, ...]
    winter: Winter | None


class Timeline(Explorer):
    """Walk through the events that the course replays, from 1943 to 2015.

    event: the key of the event to begin with, such as "alexnet"; `history()` lists them all.
    folder: where the chapters are, for links to those that exist.
    """

    title = "Timeline 1943–2015: what the course replays or tells of"
    size = (8.4, 4.8)
    tallest = "720px"  # of picture and words: what lies below must not jump from event to event
    key_help: ClassVar[dict[str, str]] = {
        "ArrowLeft": "the event before",
        "ArrowRight": "the next one",
        "ArrowUp": "the next one in this chapter",
        "ArrowDown": "the one before in this chapter",
        "Home": "the first",
        "End": "the last",
    }

    def __init__(self, event: str = EVENTS[0].key, *, folder: str | Path = "."):
        self.folder = Path(folder)
        self.link = ipywidgets.Output()  # its links are JupyterLab's: they open in this window
        super().__init__(event=event)
        self.frame.layout.min_height = self.tallest
        self.children = [*self.children, self.link]

    def controls(self):
        options = [(f"{e.year} {e.label}", e.key) for e in EVENTS]
        # Without a readout: the picture's heading tells the event, and nobody can type over it.
        return {
            "event": ipywidgets.SelectionSlider(options=options, description="event", readout=False)
        }

    @staticmethod
    def compute(event):
        place = next(i for i, e in enumerate(EVENTS) if e.key == event)
        chosen = EVENTS[place]
        siblings = tuple(e for e in EVENTS if e.chapter == chosen.chapter and e is not chosen)
        winter = next((w for w in WINTERS if w.start <= chosen.year <= w.end), None)
        return Moment(chosen, place, siblings, winter)

    def build(self, figure: Figure):
        self.heights, lanes = arrange(EVENTS)
        bottom = min(self.heights.values()) - 1.4
        self.axes = axes = figure.subplots()
        axes.set(xlim=(FIRST_YEAR, LAST_YEAR), ylim=(bottom, 2.7))
        axes.set_xticks(range(1950, 2016, 10))
        axes.set_xticks(range(1945, 2016, 5), minor=True)
        axes.set_yticks([])
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_bounds(EVENTS[0].year, EVENTS[-1].year)
        for winter in WINTERS:
            # Above all events, so that no label is cut by the edge of a shade.
            axes.axvspan(winter.start, winter.end, ymin=0.9, color=QUIET[0], linewidth=0, zorder=0)
            middle = (winter.start + winter.end) / 2
            name = winter.name.replace(" AI", "\nAI")
            axes.text(middle, 1.98, name, ha="center", va="center", fontsize=8)
        for lane, top in lanes.items():
            axes.axhline(top + 0.9, color=QUIET[0], linewidth=0.8, zorder=0.5)
            axes.text(FIRST_YEAR + 0.3, top, lane, va="center", fontsize=11, weight="bold")
        for event in EVENTS:
            colour, marker = STYLES[event.lane]
            place = event.year, self.heights[event.key]
            axes.plot(*place, marker, color=colour, markersize=7, markeredgecolor=EDGE, zorder=3)
            axes.text(place[0] + GAP, place[1], event.label, va="center", fontsize=9.5, zorder=3)
        # What moves lies in front of what does not, so that only these four are drawn anew.
        (self.year,) = axes.plot(
            [FIRST_YEAR], [bottom + 0.4], "v", color=INK[0], markersize=9, zorder=4
        )
        rings = {"linestyle": "", "marker": "o", "markerfacecolor": "none", "zorder": 5}
        (self.family,) = axes.plot([], [], color=INK[0], markersize=12, **rings)
        (self.ring,) = axes.plot([], [], color=INK[0], markersize=14, markeredgewidth=2.5, **rings)
        self.heading = axes.set_title("1943", loc="left", fontsize=13, weight="bold")
        self.live(self.year, self.family, self.ring, self.heading)

    def draw(self, data: Moment):
        event = data.event
        self.year.set_xdata([event.year])
        self.ring.set_data([event.year], [self.heights[event.key]])
        self.family.set_data(
            [e.year for e in data.siblings], [self.heights[e.key] for e in data.siblings]
        )
        self.heading.set_text(f"{event.year}   {event.title}")
        html = f"<b>{link(event.chapter, self.folder, 'Open its chapter')}</b>"
        output = {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}
        self.link.outputs = (output,)

    def describe(self, data: Moment):
        event = data.event
        others = ", ".join(f"{e.label} ({e.year})" for e in data.siblings)
        cold = f" It lies in the {data.winter.name}, {years(data.winter)}." if data.winter else ""
        return "\n".join(
            [
                f"{event.year}, {event.lane}: {event.title}. {event.what}",
                f"{event.why}{cold}",
                f"Paper: {event.paper}.",
                f"Event {data.place + 1} of {len(EVENTS)}, of chapter {event.chapter[:2]}"
                + (f", and also: {others} (thin rings)." if others else "."),
            ]
        )

    def on_pointer(self, event: Pointer):
        if event.pressed:
            self.set(event=self.nearest(event.x, event.y).key)

    def nearest(self, year: float, height: float) -> Event:
        """The event whose marker or label lies nearest to a place in the picture."""
        left = np.array([e.year for e in EVENTS])
        right = np.array([label_end(e) for e in EVENTS])
        across = np.maximum(0, np.maximum(left - year, year - right)) / (LETTER * 3)
        up = np.array([self.heights[e.key] for e in EVENTS]) - height
        return EVENTS[int(np.hypot(across, up).argmin())]

    def on_key(self, event: Key):
        chapter = self.data.event.chapter
        family = [i for i, e in enumerate(EVENTS) if e.chapter == chapter]
        place, last = self.data.place, len(EVENTS) - 1
        goal = {
            "ArrowLeft": max(place - 1, 0),
            "ArrowRight": min(place + 1, last),
            "ArrowUp": min((i for i in family if i > place), default=place),
            "ArrowDown": max((i for i in family if i < place), default=place),
            "Home": 0,
            "End": last,
        }[event.key]
        self.set(event=EVENTS[goal].key)


def label_end(event: Event) -> float:
    """The year up to which the event's label reaches in the picture."""
    return event.year + GAP + LETTER * len(event.label)


def arrange(events: Sequence[Event]) -> tuple[dict[str, float], dict[str, float]]:
    """Heights of the events and of the lanes' names, from 0 downward; no two labels overlap.

    Within its lane, an event gets the first row whose last label ends before it.
    """
    heights, lanes, top = {}, {}, 0.0
    for lane in LANES:
        lanes[lane] = top
        row_ends = [FIRST_YEAR + 1.2 * LETTER * len(lane)]  # its first row begins with its name
        for event in (e for e in events if e.lane == lane):
            free = [row for row, end in enumerate(row_ends) if end + GAP < event.year]
            row = free[0] if free else len(row_ends)
            row_ends[row : row + 1] = [label_end(event)]
            heights[event.key] = top - row
        top -= len(row_ends) + 0.8
    return heights, lanes


def years(winter: Winter) -> str:
    """1974–1980."""
    return f"{winter.start}–{winter.end}"


# --- A neuron with two sliders ------------------------------------------------------------------


def slider(name: str, low: float, high: float, *, value: float, step: float = 0.1):
    """A slider named `name` from `low` to `high`, for the `controls` of an explorer."""
    return ipywidgets.FloatSlider(
        description=name, min=low, max=high, value=value, step=step, readout_format=".1f"
    )


class SmoothNeuron(Explorer):
    """A neuron with one input x and the activation a = sigmoid(w x + b)."""

    title = "A smooth neuron: a = sigmoid(w x + b)"
    size = (6, 2.8)

    def controls(self):
        return {
            "w": slider("weight w", -8, 8, value=1, step=0.5),
            "b": slider("bias b", -16, 16, value=0, step=0.5),
        }

    @staticmethod
    def compute(w, b):
        x = np.linspace(-4, 4, 321)
        undecided = 0.0 - b / w if w else np.nan  # where w x + b = 0
        return x, sigmoid(w * x + b), undecided

    def build(self, figure):
        axes = figure.subplots()
        axes.set(xlim=(-4, 4), ylim=(-0.05, 1.05), xlabel="input x", ylabel="activation a")
        axes.axhline(0.5, color=GREY, linewidth=1)
        axes.text(3.95, 0.52, "a = 0.5: undecided", ha="right", fontsize=8.5)
        (self.curve,) = axes.plot([], [], linewidth=3)
        (self.point,) = axes.plot([], [], "D", color=ORANGE, markersize=8, markeredgecolor=INK[0])
        self.live(self.curve, self.point)

    def draw(self, data):
        x, a, undecided = data
        self.curve.set_data(x, a)
        self.curve.set_color(SKY if self.dark else BLUE)
        self.point.set_data([undecided], [0.5])

    def describe(self, data):
        _, a, undecided = data
        ends = f"a is {a[0]:.2f} at x = −4, {a[160]:.2f} at x = 0 and {a[-1]:.2f} at x = 4."
        if np.isnan(undecided):
            return f"{ends}\nWith w = 0 the input does not count: a is the same everywhere."
        where = "" if abs(undecided) <= 4 else ", outside the picture"
        place = f"{undecided:.2f}".replace("-", "−")
        return f"{ends}\nThe neuron is undecided at x = −b/w = {place}{where}."


# --- Links, and tables of the whole course -----------------------------------------------------


def link(chapter: str, folder: str | Path = ".", before: str = "") -> str:
    """A link to a chapter's notebook as HTML, or its name and "planned" if it is not there yet."""
    name = chapter[3:].replace("_", " ")
    name = f"{chapter[:2]} {name.upper() if len(name) == 3 else name}"  # 07 CNN
    if not (Path(folder) / f"{chapter}.ipynb").exists():
        return f"{name} (planned)" if not before else f"Chapter {name} is planned"
    return f'<a href="{chapter}.ipynb">{before + ": " if before else ""}{name}</a>'


@dataclass(frozen=True)
class Table:
    """Rows of HTML for a notebook, of text for a terminal."""

    caption: str
    head: tuple[str, ...]
    html: tuple[tuple[str, ...], ...]
    folded: bool = False

    def _repr_html_(self) -> str:
        left = "style='text-align:left;vertical-align:top'"
        head = "".join(f"<th scope='col' {left}>{escape(cell)}</th>" for cell in self.head)
        body = "".join(
            f"<tr>{''.join(f'<td {left}>{cell}</td>' for cell in row)}</tr>" for row in self.html
        )
        rows = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        caption = escape(self.caption)
        if self.folded:
            return f"<details><summary>{caption}</summary><table>{rows}</table></details>"
        return f"<table><caption style='text-align:left'><b>{caption}</b></caption>{rows}</table>"

    def __repr__(self) -> str:
        lines = [" | ".join(re.sub(r"<.*?>", "", cell) for cell in row) for row in self.html]
        return unescape("\n".join([self.caption, " | ".join(self.head), *lines]))


def history(folder: str | Path = ".") -> Table:
    """The timeline as a table with links, folded away: to search, to print, to listen to.

    The key is the name of the event in code: `timeline.set(event="alexnet")`.
    """
    rows = tuple(
        (
            f"<b>{e.year}</b>, {e.lane}, <code>{e.key}</code>",
            f"<b>{escape(e.title)}.</b> {escape(e.what)} {escape(e.why)}",
            f"{escape(e.paper)}. {link(e.chapter, folder)}",
        )
        for e in EVENTS
    )
    head = ("year, lane, key", "what happened, and why it mattered", "paper, chapter")
    return Table(f"All {len(rows)} events as a table", head, rows, folded=True)


# Rules of thumb: a text to think about at 100 words a minute (plain non-fiction is read at about
# 240, Brysbaert 2019), some time to play with each explorer, some to solve each exercise.
WORDS_A_MINUTE, MINUTES_AN_EXPLORER, MINUTES_AN_EXERCISE = 100, 5, 8


@dataclass(frozen=True)
class Size:
    """How much there is in a chapter, counted in its notebook."""

    words: int
    explorers: int
    exercises: int

    @property
    def minutes(self) -> int:
        """Time to work through it, by the rules of thumb, in whole quarters of an hour."""
        exact = (
            self.words / WORDS_A_MINUTE
            + self.explorers * MINUTES_AN_EXPLORER
            + self.exercises * MINUTES_AN_EXERCISE
        )
        return 15 * max(1, round(exact / 15))

    @property
    def time(self) -> str:
        """The minutes in words: about 2 h 30 min."""
        hours, minutes = divmod(self.minutes, 60)
        parts = ["about", *[f"{hours} h"] * bool(hours), *[f"{minutes} min"] * bool(minutes)]
        return " ".join(parts)


def measure(path: str | Path) -> Size:
    """Count words, explorers (cells `explorer-…`) and exercises (calls of `.check`).

    Raises `ValueError` if the file is no notebook.
    """
    try:
        cells = json.loads(Path(path).read_text("utf-8"))["cells"]
        text = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        code = [(c.get("id", ""), "".join(c["source"])) for c in cells if c["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"path must name a notebook, and {path} is none") from error
    return Size(
        words=sum(len(source.split()) for source in text),
        explorers=sum(name.startswith("explorer-") for name, _ in code),
        exercises=sum(source.count(".check(") for _, source in code),
    )


def contents(folder: str | Path = ".") -> Table:
    """The chapters with their questions, and how long each takes; those not there are planned."""
    rows = []
    start = START if (Path(folder) / "00_start.ipynb").exists() else {}
    for chapter, question in (start | CHAPTERS).items():
        path = Path(folder) / f"{chapter}.ipynb"
        events = [e.year for e in EVENTS if e.chapter == chapter or chapter in start]
        span = f"{min(events)}–{max(events)}" if len(set(events)) > 1 else str(events[0])
        counts = ("–", "–", "–")
        if path.exists():
            try:
                size = measure(path)
                counts = (str(size.explorers), str(size.exercises), size.time)
            except ValueError:
                counts = ("–", "–", "cannot be read")
        long = f": {LONG_NAMES[chapter]}" if chapter in LONG_NAMES else ""
        rows.append((link(chapter, folder) + long, escape(question), span, *counts))
    head = ("chapter", "question", "events of", "explorers", "exercises", "time")
    return Table("The chapters", head, tuple(rows))
