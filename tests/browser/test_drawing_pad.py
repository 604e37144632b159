"""The drawing pad in a real browser: mouse, keyboard, undo, themes."""

import numpy as np
import pytest
from lab import notebook

SHOW = "from dlkit.widgets.drawing_pad import DrawingPad\npad = DrawingPad(label='Draw a 1')\npad"


@pytest.fixture
def pad(lab):
    lab.open(notebook(pad=SHOW))
    lab.run_all()
    return lab.explorer("pad")


def pixels(lab):
    lab.wait_idle()
    return np.array(lab.python("pad.pixels"))


def seen(pad):
    """The small picture on the page, as opacities 0 … 1."""
    data = pad.root.locator(".dlkit-pad-seen").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 3)"
    )
    return np.array(data).reshape(28, 28) / max(data)  # the theme's ink is not quite opaque


def test_the_mouse_draws_and_the_kernel_gets_strokes_and_pixels(lab, pad):
    before = pad.settled()
    pad.drag((0.5, 0.9), (0.5, 0.1))
    pad.wait_for_change(before)
    picture = pixels(lab)
    strokes = lab.python("pad.strokes")
    assert len(strokes) == 1
    assert len(strokes[0]) > 3
    assert strokes[0][0][1] == pytest.approx(0.1, abs=0.02)  # y counts from the top
    assert [t for *_, t in strokes[0]] == sorted(t for *_, t in strokes[0])
    assert picture[4:24, 12:16].mean() > 0.5  # upright, in the middle
    assert picture[:, :8].max() == 0
    np.testing.assert_allclose(seen(pad), picture, atol=0.02)
    lab.screenshot("pad-light", pad)


@pytest.mark.parametrize("lab", [{"has_touch": True}], indirect=True)
def test_a_finger_draws_and_the_page_stays_where_it_is(lab, pad):
    before, place = pad.settled(), pad.root.bounding_box()
    pad.swipe((0.5, 0.9), (0.5, 0.1))
    pad.wait_for_change(before)
    picture = pixels(lab)
    assert len(lab.python("pad.strokes")) == 1
    assert picture[4:24, 12:16].mean() > 0.5
    assert pad.root.bounding_box() == place


def test_the_keyboard_draws(lab, pad):
    pad.canvas.focus()
    for _ in range(4):
        pad.canvas.press("Shift+ArrowUp")
    pad.canvas.press("Space")
    for _ in range(5):
        pad.canvas.press("Shift+ArrowDown")
    pad.canvas.press("Space")
    pad.canvas.press("ArrowRight")  # the pen is up: no ink
    lab.wait_idle()
    (stroke,) = lab.python("pad.strokes")
    assert [round(y * 28) for _, y, _ in stroke] == [0, 4, 8, 12, 16, 20]
    pad.canvas.press("Backspace")
    lab.wait_idle()
    assert lab.python("pad.is_empty")


def test_letters_and_deletion_do_not_reach_jupyterlab(lab, pad):
    cells = "panel => panel.content.widgets.length"
    count = lab._with_panel(cells)
    pad.canvas.focus()
    for key in ("a", "b", "d", "d", "x", "Delete"):
        pad.canvas.press(key)
    lab.wait_idle()
    assert lab._with_panel(cells) == count
    pad.expect_named_controls()


def test_clear_undo_and_the_kernel_s_own_changes(lab, pad):
    for x in (0.3, 0.7):
        pad.drag((x, 0.8), (x, 0.2))
    lab.wait_idle()
    assert lab.python("len(pad.strokes)") == 2
    pad.button("Undo stroke").click()
    lab.wait_idle()
    assert lab.python("len(pad.strokes)") == 1
    with_ink = pad.settled()
    pad.button("Clear").click()
    empty = pad.wait_for_change(with_ink)
    lab.wait_idle()
    assert lab.python("pad.is_empty")
    lab.python("pad.load(__import__('dlkit.data').data.mnist().x_train[0])")
    loaded = pad.wait_for_change(empty)
    pad.drag((0.1, 0.1), (0.2, 0.1))
    pad.wait_for_change(loaded)
    lab.wait_idle()
    assert lab.python("[len(pad.strokes), len(pad.background)]") == [1, 784]
    pad.button("Clear").click()
    lab.wait_idle()
    assert lab.python("pad.is_empty")


def test_a_click_is_a_dot_and_a_drag_that_leaves_stays_on_the_edge(lab, pad):
    pad.click(0.5, 0.5)
    assert 0 < (pixels(lab) > 0).sum() < 30
    pad.drag((0.5, 0.5), (1.4, 0.5))
    lab.wait_idle()
    assert lab.python("max(x for x, *_ in pad.strokes[-1])") == 1.0


def test_dark_turns_the_ink_light(lab, pad):
    pad.drag((0.5, 0.9), (0.5, 0.1))
    before = pad.settled()
    lab.set_theme(True)
    pad.wait_for_change(before)
    brightest = pad.canvas.evaluate(
        "c => Math.max(...c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".filter((_, i) => i % 4 === 0))"
    )
    assert brightest > 200
    lab.screenshot("pad-dark", pad)
    lab.set_theme(False)
