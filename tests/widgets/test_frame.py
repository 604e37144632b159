"""A figure's pixels and their way to the page, without a page: layers, back-pressure, themes."""

import asyncio
import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from dlkit import plots
from dlkit.widgets import frame as frame_module
from dlkit.widgets.frame import Frame
from dlkit.widgets.layers import Layers
from tests.widgets.runs import unpacked

PAGE = {"kind": "page", "loopback": True, "ratio": 1, "dark": False}


class Wire:
    """Stands for the page: keeps what the frame sends."""

    def __init__(self, frame, **page):
        self.frame, self.sent, self.closed = frame, [], False
        frame.send = lambda content, buffers=(): self.sent.append((content, buffers))
        self.says(**PAGE | page)

    def says(self, **message):
        self.frame._receive(self.frame, message, [])

    def paints(self, number=None):
        self.says(kind="painted", id=number or self.frame.sent)

    @property
    def frames(self):
        return [(content, buffers[0]) for content, buffers in self.sent if "id" in content]


@pytest.fixture
def figure():
    figure = Figure(figsize=(2, 1.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1), title="still")
    return figure


def drawn_whole(figure):
    """What Matplotlib draws without any cache."""
    for artist in figure.findobj():
        artist.set_animated(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


# ---- layers ---------------------------------------------------------------------------------


def test_two_layers_are_the_same_picture_as_one(figure, rng):
    axes = figure.axes[0]
    image = axes.imshow(rng.random((8, 8)), extent=(0, 1, 0, 1), alpha=0.6, zorder=1)
    axes.scatter(*rng.random((2, 20)), c="k", alpha=0.5)  # still, in front of the image
    (line,) = axes.plot([0, 1], [0, 1], label="line", alpha=0.5)
    axes.legend()
    layers = Layers(figure)
    layers.live(image, line)
    layers.pixels()
    image.set_data(rng.random((8, 8)))
    line.set_ydata([1, 0])
    two = layers.pixels().copy()
    # Half-transparent points upon each other are rounded in the film and again upon the ground.
    np.testing.assert_allclose(two.astype(int), drawn_whole(figure).astype(int), atol=4)


def test_what_lies_still_in_front_is_drawn_once(figure, rng, monkeypatch):
    axes = figure.axes[0]
    image = axes.imshow(rng.random((8, 8)), extent=(0, 1, 0, 1))
    points = axes.scatter(*rng.random((2, 20)), c="k", alpha=0.5)
    (line,) = axes.plot([0, 1], [0, 1], zorder=1.5)
    axes.text(0.5, 0.5, "upon it")
    layers = Layers(figure)
    layers.live(image, line)
    draws = []
    for artist in (points, line):
        draw = artist.draw
        monkeypatch.setattr(artist, "draw", lambda to, a=artist, d=draw: (draws.append(a), d(to)))
    layers.pixels()
    draws.clear()
    for _ in range(3):
        image.set_data(rng.random((8, 8)))
        layers.pixels()
    assert draws == [line] * 3
    points.set_alpha(1.0)  # it may change all the same
    np.testing.assert_allclose(
        layers.pixels().copy().astype(int), drawn_whole(figure).astype(int), atol=4
    )


def test_the_still_layer_is_drawn_only_when_it_changed(figure, monkeypatch):
    axes = figure.axes[0]
    (line,) = axes.plot([0, 1], [0, 1])
    axes.legend([line], ["in front of it"])
    layers = Layers(figure)
    layers.live(line)
    draws = []
    draw = layers.canvas.draw
    monkeypatch.setattr(layers.canvas, "draw", lambda: (draws.append(1), draw()))
    layers.pixels()
    for height in (0.2, 0.4, 0.6):
        line.set_ydata([0, height])
        layers.pixels()
    assert len(draws) == 1
    for change in (
        lambda: axes.set_xlim(0, 2),
        lambda: axes.set_title("other"),
        lambda: axes.plot([0, 1], [1, 1]),
        lambda: figure.set_facecolor("black"),
        lambda: figure.set_dpi(150),
        layers.redraw,
    ):
        count = len(draws)
        change()
        layers.pixels()
        layers.pixels()
        assert len(draws) == count + 1


@pytest.mark.parametrize("layout", ["none", "constrained"])
def test_a_change_draws_the_axes_that_changed_and_no_others(layout, rng, monkeypatch):
    figure = Figure(figsize=(6, 2), layout=layout)
    every = figure.subplots(1, 2)
    images = [axes.imshow(rng.random((4, 4)), extent=(0, 1, 0, 1), aspect="auto") for axes in every]
    for axes in every:
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.plot([0, 1], [0, 1], label="still, in front")
        axes.legend()
    below = figure.add_axes((0.3, 0.3, 0.4, 0.4), zorder=-1)  # partly hidden by the two
    below.set_xlabel("below")
    layers = Layers(figure)
    layers.live(*images)
    draws = []
    for axes in figure.axes:
        draw = axes.draw
        monkeypatch.setattr(axes, "draw", lambda to, a=axes, d=draw: (draws.append(a), d(to)))
    layers.pixels()
    assert draws == [below, *every]
    for change, expected in (
        (lambda: every[1].set_ylim(0, 2), [every[1]]),
        (lambda: every[0].set_facecolor("orange"), [every[0]]),
        (lambda: figure.text(0.45, 0.93, "of no axes"), []),
        (lambda: below.set_position((0.2, 0.2, 0.4, 0.4)), [below]),
        (lambda: figure.set_dpi(120), [below, *every]),
    ):
        draws.clear()
        change()
        images[0].set_data(rng.random((4, 4)))
        pixels = layers.pixels().copy()
        assert draws == expected or layout == "constrained"  # which may move the others, too
        layers.redraw()
        np.testing.assert_allclose(pixels.astype(int), layers.pixels().astype(int), atol=1)
    if layout == "none":  # here nothing lies upon a live image of other axes
        np.testing.assert_allclose(pixels.astype(int), drawn_whole(figure).astype(int), atol=4)


def test_a_live_artist_may_be_removed(figure):
    (line,) = figure.axes[0].plot([0, 1], [0.5, 0.5], lw=9, color="red")
    layers = Layers(figure)
    layers.live(line)
    with_line = layers.pixels().copy()
    line.remove()
    assert (layers.pixels() != with_line).any()


def test_what_is_live_in_an_inset_is_drawn_with_it(figure):
    (line,) = figure.axes[0].inset_axes((0.2, 0.2, 0.6, 0.6)).plot([0, 1], [0, 1], lw=3)
    layers = Layers(figure)
    layers.live(line)
    layers.pixels()
    line.set_ydata([1, 0])
    two = layers.pixels().copy()
    np.testing.assert_allclose(two.astype(int), drawn_whole(figure).astype(int), atol=4)


def test_live_wants_artists(figure):
    with pytest.raises(ValueError, match="Matplotlib artists, not 'line'"):
        Layers(figure).live("line")


# ---- pixels ---------------------------------------------------------------------------------


def test_exact_pixels_on_loopback_jpeg_elsewhere(figure):
    frame = Frame(figure)
    wire = Wire(frame)
    content, data = wire.frames[0]
    assert (content["format"], content["width"], content["height"]) == ("runs", 200, 150)
    (raw,) = unpacked(data, content["patches"])
    np.testing.assert_array_equal(raw, frame.layers.pixels())
    assert (raw[..., 3] == 255).all()

    wire = Wire(frame, loopback=False)
    content, data = wire.frames[0]
    assert content["format"] == "jpeg"
    assert len(data) < raw.nbytes / 4
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(picture.astype(int) - raw[..., :3]).mean() < 3


def test_after_the_first_frame_only_what_changed_is_sent(figure):
    (line,) = figure.axes[0].plot([0, 1], [0.5, 0.5])
    frame = Frame(figure)
    frame.layers.live(line)
    wire = Wire(frame)
    assert wire.frames[0][0]["patches"] == [(0, 0, 200, 150)]
    line.set_ydata([0.5, 0.6])
    frame.update()
    content, data = wire.frames[-1]
    pieces = unpacked(data, content["patches"])
    assert 0 < sum(piece.size for piece in pieces) < 4 * 200 * 150
    wire.paints()
    frame.update()
    assert wire.frames[-1] == (wire.frames[-1][0] | {"patches": []}, b"")
    wire.says(**PAGE)  # another view comes: it has nothing yet
    assert wire.frames[-1][0]["patches"] == [(0, 0, 200, 150)]


def test_sent_pixels_do_not_change_with_the_next_frame(figure):
    frame = Frame(figure)
    wire = Wire(frame)
    first = wire.frames[0][1]
    before = bytes(first)
    figure.set_facecolor("black")
    frame.update()
    assert bytes(first) == before != bytes(wire.frames[-1][1])


@pytest.mark.parametrize(("ratio", "width"), [(1, 200), (2, 400), (0.5, 200), (9, 600)])
def test_as_dense_as_the_screen_within_reason(figure, ratio, width):
    wire = Wire(Frame(figure), ratio=ratio)
    assert wire.frames[0][0]["width"] == width


def test_the_theme_follows_the_page(figure):
    themes = []
    frame = Frame(figure, theme=themes.append)
    wire = Wire(frame, dark=True)
    wire.says(**PAGE | {"dark": True})
    wire.says(**PAGE)
    assert themes == [True, False]
    assert len(wire.frames) == 3  # a page that reports gets a picture, changed or not


def test_png_is_what_a_view_shows_first(figure):
    frame = Frame(figure)
    frame.description = "A square."
    png = frame.png()
    assert Image.open(io.BytesIO(png)).size == (200, 150)
    assert frame.still == {"png": png, "description": "A square."}
    assert len(png) < 10_000


def test_thin_lines_keep_their_colour_in_the_png(figure):
    """Median cut gave the few pixels of a line a larger neighbour's colour, here 78 off."""
    figure.clear()
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.random.default_rng(0).random((40, 40)), cmap="Blues", aspect="auto")
    for at, colour in enumerate(plots.PALETTE):
        axes.axvline(4 * at + 2, color=colour, linewidth=0.5)
    frame = Frame(figure)
    png = np.asarray(Image.open(io.BytesIO(frame.png())).convert("RGB"))
    assert np.abs(png - frame.layers.pixels()[..., :3].astype(int)).max() < 20


# ---- back-pressure --------------------------------------------------------------------------


def test_without_a_page_artists_follow_and_nothing_is_sent(figure):
    calls = []
    frame = Frame(figure, prepare=lambda: calls.append(1))
    frame.send = None  # would fail
    frame.update()
    assert calls == [1]
    assert not frame.busy


def test_frames_wait_for_the_page_and_the_newest_wins(figure):
    shown, state = [], {"now": 0}
    frame = Frame(figure, prepare=lambda: shown.append(state["now"]))
    wire = Wire(frame)
    for state["now"] in range(1, 20):
        frame.update()
    assert shown == [0, 1]  # two are on their way
    wire.paints(1)
    assert shown == [0, 1, 19]
    wire.paints()
    assert shown == [0, 1, 19]  # nothing is owed
    assert not frame.busy


def test_a_page_that_does_not_answer_is_not_waited_for(figure, monkeypatch):
    monkeypatch.setattr(frame_module, "PATIENCE", 0.05)
    shown = []

    async def scenario():
        frame = Frame(figure, prepare=lambda: shown.append(1))
        wire = Wire(frame)
        for _ in range(5):
            frame.update()
        assert frame.busy
        assert len(shown) == 2
        await frame.wait_painted()
        assert frame.silent
        await asyncio.sleep(0.1)
        assert len(shown) == 3  # the picture that was owed came by itself
        for _ in range(50):
            frame.update()
            await asyncio.wait_for(frame.wait_painted(), 0.01)  # no more waiting
        assert frame.sent == frame_module.UNANSWERED  # Jupyter keeps what nobody fetches
        wire.paints()
        assert not frame.silent
        assert frame.sent == frame_module.UNANSWERED + 1  # what was owed

    asyncio.run(scenario())


def test_timers_wait_for_the_paint(figure):
    async def scenario():
        frame = Frame(figure)
        await asyncio.wait_for(frame.wait_painted(), 0.01)  # nobody looks: no wait
        wire = Wire(frame)
        waiting = asyncio.create_task(frame.wait_painted())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        wire.paints()
        await asyncio.wait_for(waiting, 0.1)

    asyncio.run(scenario())


def test_nothing_is_sent_if_preparing_failed(figure):
    frame = Frame(figure, prepare=lambda: False)
    assert not Wire(frame).frames


def test_a_page_that_comes_again_gets_the_picture(figure):
    frame = Frame(figure)
    wire = Wire(frame)
    frame.update()
    frame.update()  # the page is closed now, and acknowledges nothing
    wire = Wire(frame)
    assert len(wire.frames) == 1
    assert not frame.busy


def test_every_event_is_answered_also_when_its_handler_fails(figure):
    def fail(message):
        raise RuntimeError("no")

    wire = Wire(Frame(figure, event=fail))
    with pytest.raises(RuntimeError):
        wire.says(kind="down", x=0.5, y=0.5)
    assert wire.sent[-1][0] == {"done": True}
