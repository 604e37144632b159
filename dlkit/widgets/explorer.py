"""What all explorers share: controls, a computation, and a picture that follows at once.

An explorer keeps what is computed apart from what is drawn, so it works without a browser:

    class Wave(Explorer):
        title = "A sum of two waves"
        size = (6, 3)

        def controls(self):
            return {"frequency": FloatSlider(value=2, min=0.5, max=5, description="frequency")}

        @staticmethod
        def compute(frequency):
            t = np.linspace(0, 1, 200)
            return t, np.sin(2 * np.pi * t) + np.sin(2 * np.pi * frequency * t)

        def build(self, figure):
            axes = figure.subplots()
            axes.set(xlim=(0, 1), ylim=(-2, 2), xlabel="time in s")
            (self.line,) = axes.plot([], [])
            self.live(self.line)

        def draw(self, data):
            self.line.set_data(*data)

        def describe(self, data):
            return f"The sum reaches {data[1].max():.2f} at most."

    >>> wave = Wave(frequency=3)
    >>> wave.set(frequency=1)
    >>> wave.data[1].shape, wave.description
    ((200,), 'The sum reaches 2.00 at most.')

Each control reaches `compute` under its own name. What is not a control but can change all the
same, such as points placed with the pointer, has its start values in `state`, reaches `compute`
likewise, and is changed by `set`. If `compute` raises a ValueError, its sentence is shown
inside the widget and the last good picture stays.
"""

import base64
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import ipywidgets
import traitlets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlkit.plots import INK, theme
from dlkit.widgets.frame import Frame, alone

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pointer:
    """What the pointer did in the axes `axes`, at (x, y) in its data coordinates.

    kind: down, move, up or leave. A drag stays with the axes where it began, and its
    coordinates stay within the limits of these. pressed: whether the button is held.
    """

    kind: str
    axes: Axes
    x: float
    y: float
    pressed: bool = False
    shift: bool = False
    control: bool = False


@dataclass(frozen=True)
class Key:
    """A key of `Explorer.key_help` was pressed on the picture, e.g. "ArrowLeft", " ", "a"."""

    key: str
    shift: bool = False


OWN_ROW = "auto / 1 / auto / -1"  # a control's layout.grid_area, where it needs the whole width


class Explorer(ipywidgets.VBox):
    """Base of all explorers: override `controls`, `compute`, `build`, `draw` and `describe`.

    start: start values of controls and state; `reset` returns to them.
    """

    title: str = ""
    size: tuple[float, float] = (6.0, 4.0)  # inches; one inch is 100 CSS pixels
    beside: bool = False  # controls beside the picture, where the cell is wide enough
    key_help: ClassVar[dict[str, str]] = {}  # keys the picture takes and what they do, for on_key

    # What an explorer says about itself -------------------------------------------------------

    def controls(self) -> dict[str, Any]:
        """Return the controls, ipywidgets named like the arguments of `compute`. Called once."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return start values of arguments of `compute` that have no control, e.g. points."""
        return {}

    def actions(self) -> dict[str, Callable[[], Any]]:
        """Return further buttons: their labels and what they call."""
        return {}

    def extras(self) -> list[ipywidgets.Widget]:
        """Return widgets below the buttons that are no arguments of `compute`."""
        return []

    def idle(self, **values: Any) -> dict[str, bool]:
        """Return which controls change nothing while the values are these: they are greyed."""
        return {}

    # compute(**values) returns the data to show: a method or a staticmethod, with neither widgets
    # nor Matplotlib. The controls and the state are its arguments. ValueError: a bad value.
    compute: Callable[..., Any]

    def build(self, figure: Figure, /) -> None:
        """Make axes and artists, once. Register with `live` what changes between frames."""

    def draw(self, data: Any, /) -> None:
        """Update the artists in place."""

    def describe(self, data: Any, /) -> str:
        """Return the picture in words, with its numbers."""
        return self.title

    def on_pointer(self, event: Pointer, /) -> None:
        """Answer the pointer, usually by `self.set(...)`. Clicks outside all axes are ignored."""

    def on_key(self, event: Key, /) -> None:
        """Answer a key of `key_help`: the keyboard's way to what the pointer does."""

    def on_release(self, event: Key, /) -> None:
        """Answer that such a key was let go, or that the picture lost the keyboard meanwhile."""

    # What an explorer does --------------------------------------------------------------------

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        taken = [name for name in vars(cls) if name[0] != "_" and hasattr(ipywidgets.VBox, name)]
        if taken:  # the page would stay empty without a word
            raise TypeError(f"{cls.__name__}.{taken[0]} hides {taken[0]} of ipywidgets: rename it")

    def __init__(self, **start):
        super().__init__()
        self._holding = False
        self._pointing: Pointer | None = None
        self.figure = Figure(figsize=self.size, layout="constrained")
        self.frame = Frame(
            self.figure,
            prepare=self._prepare,
            theme=self._retheme,
            event=self._receive,
            title=self.title,
            pointer=self._overrides("on_pointer"),
            key_help=self.key_help if self._overrides("on_key") else {},
            releases=self._overrides("on_release"),
        )
        self.inputs = self.controls()
        self._state = self.state()
        self._start = self.values
        unknown = start.keys() - self.values.keys()
        if unknown:
            raise ValueError(self._no_such(unknown))
        for name, value in start.items():
            self._put(name, value)
        self._start = self.values
        self.build(self.figure)
        self._retheme(self.dark)
        # Nothing is caught here: what fails at the start is a bad start value or a bug.
        self.data: Any = self.compute(**self.values)
        self.draw(self.data)
        self.frame.description = self.describe(self.data)
        for control in self.inputs.values():
            control.observe(self._control_changed, "value")
        self._arrange()
        self._grey_idle()

    @property
    def values(self) -> dict[str, Any]:
        """Present values of all controls and of the state: the arguments of `compute`."""
        return {name: control.value for name, control in self.inputs.items()} | self._state

    @property
    def message(self) -> str:
        """The sentence shown about a bad value; empty when all is well."""
        return self.frame.message

    @message.setter
    def message(self, sentence: str) -> None:
        self.frame.message = sentence

    @property
    def description(self) -> str:
        """The present picture in words."""
        return self.frame.description

    @property
    def dark(self) -> bool:
        """Whether the page is dark; `draw` is called again when this changes."""
        return self.frame.dark

    @property
    def ink(self) -> str:
        """The colour of what is written on this page; for colours that `draw` sets."""
        return INK[self.dark]

    def live(self, *artists: Artist) -> None:
        """Register artists that change between frames; the others are drawn once and kept."""
        self.frame.layers.live(*artists)

    def redraw(self) -> None:
        """Draw everything anew, the still artists too."""
        self.frame.layers.redraw()
        self.frame.update()

    def set(self, **values) -> None:
        """Set controls and state by name, then compute and show once.

        Raises ValueError for a name that does not exist and for a value its control refuses;
        nothing is changed then.
        """
        with alone:
            before = self.values
            if unknown := values.keys() - before.keys():
                raise ValueError(self._no_such(unknown))
            self._holding = True
            try:
                for name, value in values.items():
                    self._put(name, value)
            except ValueError:
                for name, value in before.items():
                    self._put(name, value)
                raise
            finally:
                self._holding = False
            self.refresh()

    def reset(self) -> None:
        """Return every control and the state to the start."""
        self.set(**self._start)

    def refresh(self) -> None:
        """Compute from the present values and show the result."""
        with alone, self.guarded():
            self.data = self.compute(**self.values)
            self.message = ""
            self.frame.update()
        self._grey_idle()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn an exception into a sentence inside the widget; unforeseen ones are logged too."""
        try:
            yield
        except ValueError as error:
            self.message = str(error)
        except Exception as error:
            log.exception("%s failed", type(self).__name__)
            self.message = (
                f"Something went wrong that should not have ({type(error).__name__}: {error}). "
                "The picture shows the last state that worked; reset starts afresh."
            )

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={control.value!r}" for name, control in self.inputs.items())
        return f"{type(self).__name__}({values})"

    def _repr_mimebundle_(self, **kwargs):
        """Add the still picture: what a reader of the saved notebook sees without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["image/png"] = base64.b64encode(self.frame.png()).decode()
        bundle["text/plain"] = self.description or repr(self)
        return bundle

    # How it is done ---------------------------------------------------------------------------

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Explorer, method)

    def _no_such(self, names: Iterable[str]) -> str:
        known = ", ".join(self.values) or "none"
        return f"{type(self).__name__} has no control {min(names)!r}; its controls are: {known}"

    def _put(self, name: str, value: Any) -> None:
        if name in self._state:
            self._state[name] = value
            return
        control = self.inputs[name]
        if value is None and self._start[name] is not None:  # a dropdown: nothing chosen
            raise ValueError(f"{name} must have a value, not None")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, not {value!r}")
        try:
            control.value = value
        except (traitlets.TraitError, TypeError, ValueError) as error:
            raise ValueError(f"{name} cannot be {value!r}: {_possible(control) or error}") from None
        nearest = control.value
        if isinstance(value, (int, float)) and nearest != value:
            raise ValueError(f"{name} cannot be {value!r}; the nearest possible is {nearest!r}")

    def _grey_idle(self) -> None:
        for name, idle in self.idle(**self.values).items():
            self.inputs[name].disabled = idle

    def _control_changed(self, _) -> None:
        with alone:
            if not self._holding:
                self.refresh()

    def _prepare(self) -> bool:
        """Bring the artists up to date; False if that failed and the old picture stays."""
        failed = True
        with self.guarded():
            self.draw(self.data)
            self.frame.description = self.describe(self.data)
            failed = False
        return not failed

    def _retheme(self, dark: bool) -> None:
        theme(self.figure, dark)

    def _receive(self, message: dict) -> None:
        with self.guarded():
            if message["kind"] == "key":
                self.on_key(Key(message["key"], message.get("shift", False)))
                return
            if message["kind"] == "release":
                self.on_release(Key(message["key"]))
                return
            for event in self._locate(message):
                self.on_pointer(event)

    def _locate(self, message: dict) -> Iterator[Pointer]:
        """Translate a place in the picture to data coordinates; tell when an axes is left."""
        kind, last = message["kind"], self._pointing
        pixel = self.figure.transFigure.transform((message["x"], message["y"]))
        if last and last.pressed and kind != "down":
            axes = last.axes
        else:
            axes = next((a for a in self.figure.axes[::-1] if a.bbox.contains(*pixel)), None)
            if kind == "leave":
                axes = None
            if last and axes is not last.axes:
                self._pointing = None
                yield Pointer("leave", last.axes, last.x, last.y)
        if axes is None:
            return
        x, y = axes.transData.inverted().transform(pixel)
        (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
        self._pointing = event = Pointer(
            kind,
            axes,
            min(max(float(x), left), right),
            min(max(float(y), low), high),
            pressed=bool(message.get("pressed")) and kind != "up",
            shift=bool(message.get("shift")),
            control=bool(message.get("control")),
        )
        yield event

    def _arrange(self) -> None:
        """Lay out title, controls, buttons and picture; they wrap in a narrow cell."""
        longest = max((len(c.description) for c in self.inputs.values()), default=0)
        words = min(0.65 * longest + 0.5, 14)
        for control in self.inputs.values():
            control.layout.width = "auto"
            control.layout.min_width = "0"
            control.style.description_width = f"{words:.1f}em"
        narrow = f"min({words + 16:.1f}em, 100%)"  # words, 100 pixels of slider, its number
        columns = "1fr" if self.beside else f"repeat(auto-fit, minmax({narrow}, 1fr))"
        panel = ipywidgets.GridBox(
            list(self.inputs.values()),
            layout=ipywidgets.Layout(grid_template_columns=columns, grid_gap="2px 16px"),
        )
        buttons = ipywidgets.HBox(
            [
                self._button(label, call)
                for label, call in (self.actions() | {"Reset": self.reset}).items()
            ],
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        picture_width = f"{self.size[0] * 100:.0f}px"
        heading = ipywidgets.HTML(self.title)
        heading.add_class("dlkit-title")
        controls = ipywidgets.VBox([panel, buttons, *self.extras()])
        if self.beside:
            controls.layout.flex = "0 1 320px"
            self.frame.layout.flex = f"0 1 {picture_width}"
            body = ipywidgets.HBox(
                [controls, self.frame],
                layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="16px"),
            )
        else:
            controls.layout.max_width = picture_width
            body = ipywidgets.VBox([controls, self.frame])
        self.add_class("dlkit-explorer")
        self.children = [heading, body] if self.title else [body]

    def _button(self, label: str, call: Callable[[], Any]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=label, layout=ipywidgets.Layout(width="auto"))

        def clicked(_) -> None:
            with alone, self.guarded():
                call()

        button.on_click(clicked)
        return button


def _possible(control: ipywidgets.Widget) -> str:
    """The values of a control that offers a choice; empty if it offers none."""
    options = getattr(control, "options", ())
    values = [o[1] if isinstance(o, tuple) and len(o) == 2 else o for o in options]
    return f"possible are {', '.join(map(repr, values))}" if values else ""
