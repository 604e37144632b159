"""What every explorer promises, on one small explorer and without a browser."""

import base64
import doctest
import io
import logging
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from ipywidgets import Checkbox, Dropdown, FloatSlider, IntSlider
from matplotlib.colors import to_hex
from PIL import Image

from dlkit.plots import INK, PAPER
from dlkit.widgets import explorer as explorer_module
from dlkit.widgets.explorer import Explorer, Key, Pointer
from dlkit.widgets.frame import alone


class Line(Explorer):
    title = "A line"
    size = (4, 3)
    key_help = {"ArrowUp": "moves the point up"}  # noqa: RUF012

    def controls(self):
        return {
            "slope": FloatSlider(value=1, min=-4, max=4, step=0.1, description="slope"),
            "count": IntSlider(value=20, min=0, max=50, description="points"),
            "style": Dropdown(options=["-", "--"], description="style"),
            "broken": Checkbox(description="broken"),
        }

    def state(self):
        return {"point": (0.0, 0.0)}

    def actions(self):
        return {"Steeper": lambda: self.set(slope=self.values["slope"] + 1)}

    @staticmethod
    def compute(slope, count, style, broken, point):
        if count == 0:
            raise ValueError("A line needs at least one point.")
        if broken:
            raise RuntimeError("out of order")
        x = np.linspace(-1, 1, count)
        return x, slope * x + point[1], style

    def build(self, figure):
        axes = figure.subplots()
        axes.set(xlim=(-1, 1), ylim=(-4, 4))
        (self.line,) = axes.plot([], [])
        self.live(self.line)

    def draw(self, data):
        x, y, style = data
        self.line.set_data(x, y)
        self.line.set_linestyle(style)

    def describe(self, data):
        return f"The line rises by {data[1][-1] - data[1][0]:.1f}."

    def on_pointer(self, event):
        self.events = [*getattr(self, "events", []), event]
        if event.pressed:
            self.set(point=(event.x, event.y))

    def on_key(self, event):
        x, y = self.values["point"]
        self.set(point=(x, y + (2 if event.shift else 1)))


def clicks(explorer, button):
    next(b for b in walk(explorer) if getattr(b, "description", "") == button).click()


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


# ---- controls, data, words ------------------------------------------------------------------


def test_a_control_changes_data_artists_and_words():
    line = Line()
    line.inputs["slope"].value = 2  # as the page does
    assert line.data[1][-1] == 2
    assert line.line.get_ydata()[-1] == 2
    assert line.description == "The line rises by 4.0."


def test_start_values_set_and_reset():
    line = Line(slope=3, point=(0.0, 1.0))
    assert line.data[1][-1] == 4
    line.set(slope=-1, count=5, style="--", point=(0.0, 0.0))
    assert len(line.data[0]) == 5
    assert line.line.get_linestyle() == "--"
    line.reset()
    assert line.values == Line(slope=3, point=(0.0, 1.0)).values
    assert line.data[1][-1] == 4


def test_several_values_are_computed_once():
    line, calls = Line(), []
    line.compute = lambda **values: calls.append(values) or (np.zeros(2), np.zeros(2), "-")
    line.set(slope=2, count=3, style="--")
    assert len(calls) == 1


def test_buttons():
    line = Line()
    clicks(line, "Steeper")
    assert line.values["slope"] == 2
    clicks(line, "Reset")
    assert line.values["slope"] == 1
    for _ in range(9):
        clicks(line, "Steeper")  # beyond the slider's end: a sentence, no traceback
    assert line.values["slope"] == 4
    assert "the nearest possible is 4.0" in line.message


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"slop": 1}, "no control 'slop'; its controls are: slope, count, style, broken, point"),
        ({"slope": 99}, "slope cannot be 99; the nearest possible is 4"),
        ({"slope": float("nan")}, "slope must be a finite number, not nan"),
        ({"slope": "steep"}, "slope cannot be 'steep'"),
        ({"count": 2.5}, "count cannot be 2.5; the nearest possible is 2"),
        ({"style": ":"}, "style cannot be ':'"),
        ({"slope": None}, "slope must have a value, not None"),
    ],
)
def test_values_that_a_control_refuses_change_nothing(bad, words):
    line = Line()
    before = line.values
    with pytest.raises(ValueError) as caught:
        line.set(**{"count": 7} | bad)
    assert words in str(caught.value)
    assert line.values == before
    with pytest.raises(ValueError):
        Line(**bad)


# ---- what goes wrong ------------------------------------------------------------------------


def test_a_value_error_becomes_a_sentence_and_the_last_good_picture_stays():
    line = Line()
    picture, data = line.frame.png(), line.data
    line.set(count=0)
    assert line.message == "A line needs at least one point."
    assert line.data is data
    assert line.frame.png() == picture
    line.set(count=3)
    assert line.message == ""
    assert len(line.data[0]) == 3


def test_an_unforeseen_exception_is_a_plain_sentence_and_is_logged(caplog):
    line = Line()
    with caplog.at_level(logging.ERROR):
        line.set(broken=True)
    assert "RuntimeError: out of order" in line.message
    assert "Traceback" not in line.message
    assert caplog.records[0].exc_info[0] is RuntimeError
    line.reset()
    assert line.message == ""


@pytest.mark.parametrize("method", ["draw", "describe"])
def test_a_failing_picture_is_a_sentence_too(method, monkeypatch):
    line = Line()

    def fail(data):
        raise ValueError("cannot be drawn")

    monkeypatch.setattr(line, method, fail)
    line.set(slope=2)
    assert line.message == "cannot be drawn"


def test_a_bug_fails_the_cell_that_makes_the_explorer():
    with pytest.raises(RuntimeError, match="out of order"):
        Line(broken=True)


# ---- pointer and keys -----------------------------------------------------------------------


def point(line, kind, x, y, **more):
    """Send what frame.js sends, for a place in data coordinates."""
    axes = line.figure.axes[0]
    fraction = line.figure.transFigure.inverted().transform(axes.transData.transform((x, y)))
    line._receive({"kind": kind, "x": fraction[0], "y": fraction[1]} | more)
    return line.events[-1] if hasattr(line, "events") else None


@pytest.fixture
def line():
    line = Line()
    line.frame.layers.pixels()  # the layout is settled
    return line


def test_the_pointer_comes_in_data_coordinates(line):
    event = point(line, "down", 0.5, 2, pressed=True, shift=True)
    assert event == Pointer("down", line.figure.axes[0], event.x, event.y, True, True, False)
    assert (event.x, event.y) == pytest.approx((0.5, 2))
    assert line.values["point"] == pytest.approx((0.5, 2))


def test_a_click_outside_the_axes_is_ignored(line):
    point(line, "down", 1.2, 0, pressed=True)
    point(line, "move", 1.2, 1, pressed=True)
    point(line, "up", 1.2, 1)
    assert not hasattr(line, "events")


def test_a_drag_stays_in_its_axes(line):
    point(line, "down", 0.5, 0, pressed=True)
    event = point(line, "move", 3, 9, pressed=True)
    assert (event.kind, event.x, event.y) == ("move", 1, 4)
    event = point(line, "up", 3, 9)
    assert (event.kind, event.x, event.y, event.pressed) == ("up", 1, 4, False)
    point(line, "move", 3, 9)
    assert line.events[-1].kind == "leave"


def test_leaving_is_told_once(line):
    point(line, "move", 0, 0)
    point(line, "move", 1.2, 0)
    point(line, "move", 1.3, 0)
    point(line, "leave", 1.3, 0)
    assert [event.kind for event in line.events] == ["move", "leave"]


def test_keys(line):
    line._receive({"kind": "key", "key": "ArrowUp"})
    line._receive({"kind": "key", "key": "ArrowUp", "shift": True})
    assert line.values["point"] == (0, 3)
    assert line.frame.key_help == Line.key_help
    assert Key("a") == Key("a", shift=False)


def test_a_key_that_is_let_go_reaches_only_those_who_ask():
    class Held(Line):
        def on_release(self, event):
            self.set(point=(9, 9))

    assert not Line().frame.releases
    held = Held()
    assert held.frame.releases
    held._receive({"kind": "release", "key": "ArrowUp"})
    assert held.values["point"] == (9, 9)


def test_an_explorer_without_pointer_and_keys_takes_none():
    class Plain(Line):
        on_pointer, on_key = Explorer.on_pointer, Explorer.on_key

    assert (Plain().frame.pointer, Plain().frame.key_help) == (False, {})
    assert Line().frame.pointer


def test_a_failing_handler_is_a_sentence(line, monkeypatch):
    def fail(event):
        raise ValueError("not there")

    monkeypatch.setattr(line, "on_pointer", fail)
    point(line, "down", 0, 0, pressed=True)
    assert line.message == "not there"


def test_one_thread_at_a_time(line):
    """JupyterLab's messages come in a thread of their own, also while a cell sets values."""
    messages = [
        lambda: line._receive({"kind": "key", "key": "ArrowUp"}),
        lambda: setattr(line.inputs["slope"], "value", 2),
        lambda: clicks(line, "Reset"),
        lambda: line.set(count=3),
    ]
    for message in messages:
        with alone:
            before = line.data
            page = threading.Thread(target=message)
            page.start()
            page.join(0.05)
            assert page.is_alive()  # it waits
            assert line.data is before
        page.join(5)
        assert line.data is not before


# ---- what is shown --------------------------------------------------------------------------


def test_the_saved_notebook_shows_the_picture_and_its_words():
    line = Line()
    bundle = line._repr_mimebundle_()
    picture = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size == (400, 300)
    assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    assert bundle["text/plain"] == "The line rises by 2.0."
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_repr_is_the_same_every_time():
    assert repr(Line()) == repr(Line()) == "Line(slope=1.0, count=20, style='-', broken=False)"


def test_the_theme_recolours_the_figure_and_draws_again(line):
    light = line.frame.png()
    line.frame.send = lambda *_: None
    line.frame._receive(None, {"kind": "page", "loopback": True, "ratio": 1, "dark": True}, [])
    axes = line.figure.axes[0]
    assert line.dark
    assert line.ink == INK[True]
    assert to_hex(axes.get_facecolor()) == PAPER[True]
    assert to_hex(axes.spines["left"].get_edgecolor()) == INK[True]
    dark = np.asarray(Image.open(io.BytesIO(line.frame.png())).convert("L"))
    assert dark.mean() < 60 < np.asarray(Image.open(io.BytesIO(light)).convert("L")).mean()


def test_every_control_is_shown_and_wraps():
    for beside in (False, True):
        line = type("Both", (Line,), {"beside": beside})()
        shown = list(walk(line))
        assert all(control in shown for control in line.inputs.values())
        assert line.frame in shown


def test_the_example_of_the_documentation():
    example = explorer_module.__doc__.split("without a browser:\n\n")[1]
    names = {"Explorer": Explorer, "FloatSlider": FloatSlider, "np": np}
    exec(textwrap.dedent(example.split("    >>>")[0]), names)
    session = doctest.DocTestParser().get_doctest(example, names, "example", None, 0)
    assert len(session.examples) == 3
    assert doctest.DocTestRunner().run(session).failed == 0


def test_importing_the_package_is_light():
    code = (
        "import dlkit.widgets, sys; print({'matplotlib', 'ipywidgets', 'torch'} & {*sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
    import dlkit.widgets

    assert dlkit.widgets.Explorer is Explorer
    with pytest.raises(AttributeError):
        _ = dlkit.widgets.Nothing


def test_a_name_of_ipywidgets_is_refused_at_once():
    with pytest.raises(TypeError, match=r"Shadowing\.keys hides keys of ipywidgets: rename it"):

        class Shadowing(Explorer):
            keys = ("a", "b")
