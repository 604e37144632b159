"""An explorer in a real browser: keyboard, pointer, themes, densities, words, and its faults."""

import base64
import io
import zlib

import numpy as np
import pytest
from lab import notebook
from PIL import Image

SOURCE = """
import numpy as np
from ipywidgets import Checkbox, FloatSlider
from dlkit.widgets import Explorer

class Hill(Explorer):
    title = "A hill"
    size = (5, 3.5)
    key_help = {"ArrowUp": "moves the top up", "r": "goes back"}

    def controls(self):
        return {
            "width": FloatSlider(value=1, min=0.5, max=3, step=0.1, description="width"),
            "broken": Checkbox(description="broken"),
        }

    def state(self):
        return {"top": (0.0, 0.0)}

    @staticmethod
    def compute(width, broken, top):
        if broken and width < 2:
            raise ValueError("A broken hill must be 2 wide at least.")
        if broken:
            raise KeyError("hill")
        axis = np.linspace(-3, 3, 120)
        x, y = np.meshgrid(axis, axis)
        return np.exp(-((x - top[0]) ** 2 + (y - top[1]) ** 2) / width)

    def build(self, figure):
        axes = figure.subplots()
        self.image = axes.imshow(np.zeros((120, 120)), extent=(-3, 3, -3, 3), origin="lower",
                                 vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axes.set(xlabel="$x_1$", ylabel="$x_2$")
        self.live(self.image)

    def draw(self, z):
        self.image.set_data(z)

    def describe(self, z):
        return f"The hill covers {100 * (z > 0.5).mean():.1f} % of the plane."

    def on_pointer(self, event):
        if event.pressed:
            self.set(top=(event.x, event.y))

    def on_key(self, event):
        x, y = self.values["top"]
        self.set(top=(x, y + 0.5) if event.key == "ArrowUp" else (0.0, 0.0))

hill = Hill()
hill
"""


@pytest.fixture(scope="module")
def desk(new_lab):
    """One page for the tests that need nothing special of it."""
    with new_lab() as lab:
        show(lab)
        yield lab


@pytest.fixture
def hill(desk):
    """The explorer as it was at the start."""
    desk.python("hill.reset()")
    while desk.python("hill.frame.painted < hill.frame.sent"):
        desk.page.wait_for_timeout(20)
    yield desk.explorer("hill")
    problems = desk.problems()
    desk.forgive()
    assert not problems


def show(lab):
    lab.open(notebook(hill=SOURCE))
    lab.run_all()
    hill = lab.explorer("hill")
    hill.wait_for_picture()
    lab.wait_idle()
    return hill


def pixels(view):
    """The canvas as (height, width, 3)."""
    png = base64.b64decode(view.picture().split(",")[1])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def expect_the_kernel_s_picture(lab, view):
    """The canvas holds exactly what Matplotlib drew last."""
    kernel = "__import__('zlib').crc32(hill.frame.layers.pixels()[..., :3].tobytes())"
    assert zlib.crc32(pixels(view).tobytes()) == lab.python(kernel)


def test_the_keyboard_moves_a_slider_and_data_picture_and_words_follow(desk, hill):
    before, words = hill.settled(), hill.description.inner_text()
    hill.slider("width").press("ArrowRight")
    hill.wait_for_change(before)
    desk.wait_idle()
    assert desk.python("hill.values['width']") == pytest.approx(1.1)
    assert hill.description.inner_text() == desk.python("hill.description") != words
    assert hill.canvas.get_attribute("aria-label") == desk.python("hill.description")
    hill.root.locator(".dlkit-announcement", has_text="The hill covers").wait_for(state="attached")
    expect_the_kernel_s_picture(desk, hill)
    hill.button("Reset").click()
    desk.wait_idle()
    assert desk.python("hill.values['width']") == 1
    assert hill.picture() == before


def test_every_control_has_a_name_and_letters_stay_on_it(desk, hill):
    hill.expect_named_controls()
    assert hill.root.get_attribute("aria-label") == "A hill"
    for control in (
        hill.slider("width"),
        hill.canvas,
        hill.button("Reset"),
        hill.control("broken"),
    ):
        control.focus()
        for letter in ("a", "b", "x", "d", "d", "m"):  # inserts, cuts and deletes cells otherwise
            control.press(letter)
    assert desk.cells() == ["hill"]


def test_the_pointer_drags_in_data_coordinates(desk, hill):
    before = hill.settled()
    hill.drag((0.5, 0.5), (0.6, 0.6), (0.7, 0.8))
    hill.wait_for_change(before)
    desk.wait_idle()
    x, y = desk.python("hill.values['top']")
    place = desk.python(
        f"hill.figure.transFigure.inverted().transform("
        f"hill.figure.axes[0].transData.transform(({x}, {y})))"
    )
    assert place == pytest.approx([0.7, 0.8], abs=0.005)
    before = desk.python("hill.values")
    hill.click(0.01, 0.99)  # outside the axes
    desk.wait_idle()
    assert desk.python("hill.values") == before


def test_the_picture_takes_its_own_keys_only(desk, hill):
    hill.canvas.focus()
    hill.canvas.press("ArrowUp")
    hill.canvas.press("ArrowDown")  # not one of its keys
    hill.canvas.press("ArrowUp")
    desk.wait_idle()
    assert desk.python("hill.values['top']") == [0, 1]
    hill.canvas.press("r")
    desk.wait_idle()
    assert desk.python("hill.values['top']") == [0, 0]
    hill.canvas.press("Tab")
    assert not hill.canvas.evaluate("canvas => canvas === document.activeElement")


def test_dark_and_light(desk, hill):
    light = hill.settled()
    assert pixels(hill)[0, 0].min() == 255
    desk.set_theme(dark=True)
    dark = hill.wait_for_change(light)
    assert pixels(hill)[0, 0].max() < 40
    desk.screenshot("explorer-dark", hill)
    desk.set_theme(dark=False)
    assert hill.wait_for_change(dark) == light
    desk.screenshot("explorer-light", hill)


@pytest.mark.parametrize("lab", [{"device_scale_factor": 2}], indirect=True)
def test_sharp_on_a_dense_screen(lab):
    hill = show(lab)
    lab.page.wait_for_function("c => c.width === 1000", arg=hill.canvas.element_handle())
    assert hill.canvas.evaluate("c => [c.width, c.height, c.clientWidth]") == [1000, 700, 500]


@pytest.mark.parametrize("lab", [{"has_touch": True}], indirect=True)
def test_a_finger_drags_and_the_page_stays_where_it_is(lab):
    hill = show(lab)
    before, place = hill.settled(), hill.root.bounding_box()
    hill.swipe((0.5, 0.5), (0.6, 0.6), (0.7, 0.8))
    hill.wait_for_change(before)
    x, y = lab.python("hill.values['top']")
    assert x > 0.8
    assert y > 1
    assert hill.root.bounding_box() == place


@pytest.mark.parametrize("lab", [{"viewport": {"width": 420, "height": 800}}], indirect=True)
def test_a_narrow_cell(lab):
    hill = show(lab)
    lab.screenshot("explorer-narrow")
    box, root = hill.canvas.bounding_box(), hill.root.bounding_box()
    assert root["x"] + root["width"] <= 420
    assert box["width"] <= root["width"]
    assert box["height"] == pytest.approx(box["width"] * 3.5 / 5, abs=2)
    assert hill.root.evaluate("root => root.scrollWidth <= root.clientWidth")


WIDE = """
class Wide(Hill):
    size, key_help = (10, 3.5), KEYS

Wide()
"""


@pytest.mark.parametrize("lab", [{"viewport": {"width": 420, "height": 800}}], indirect=True)
@pytest.mark.parametrize("keys", ["{}", "{'r': 'goes back'}"])
def test_a_wide_picture_in_a_narrow_cell_is_scrolled_by_the_keyboard(lab, keys):
    lab.open(notebook(hill=SOURCE, wide=WIDE.replace("KEYS", keys)))
    lab.run_all()
    wide = lab.explorer("wide")
    wide.wait_for_picture()
    wide.expect_accessible()
    frame = wide.root.locator(".dlkit-frame")
    frame.locator("[tabindex='0']").or_(frame).and_(lab.page.locator("[tabindex='0']")).focus()
    for _ in range(5):
        lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_timeout(500)
    assert frame.evaluate("frame => frame.scrollLeft") > 50
    assert frame.evaluate("frame => frame.scrollHeight - frame.clientHeight") == 0


def test_a_bad_value_is_a_sentence_and_the_picture_stays(desk, hill):
    before = hill.settled()
    hill.control("broken").check()
    hill.message.filter(has_text="A broken hill must be 2 wide at least.").wait_for()
    desk.wait_idle()
    assert hill.picture() == before
    hill.control("broken").uncheck()
    hill.message.wait_for(state="hidden")


def test_an_unforeseen_exception_is_a_sentence_and_reaches_the_log(desk, hill):
    hill.slider("width").press("End")
    hill.control("broken").check()
    hill.message.filter(has_text="Something went wrong that should not have").wait_for()
    desk.wait_idle()
    assert "KeyError" in "".join(desk.problems()["callback errors"])
    assert not desk.cell("hill").get_by_text("Traceback").count()
    desk.forgive()


def test_a_second_view_shows_the_same(lab):
    lab.open(notebook(hill=SOURCE, again="hill"))
    lab.run_all()
    second = lab.explorer("again")
    before = second.wait_for_picture()
    lab.explorer("hill").slider("width").press("PageUp")
    after = second.wait_for_change(before)
    lab.wait_idle()
    assert lab.explorer("hill").picture() == after
    assert lab.explorer("hill").description.inner_text() == second.description.inner_text()


def test_a_compressed_picture_is_nearly_the_same(desk, hill):
    """As a page sees it that is not on this machine."""
    raw = hill.settled()
    exact = pixels(hill).astype(int)
    desk.python("hill.frame._receive(hill.frame, hill.frame.page | {'loopback': False}, [])")
    hill.wait_for_change(raw)
    assert 0 < np.abs(pixels(hill) - exact).mean() < 3
    desk.python("hill.frame._receive(hill.frame, hill.frame.page | {'loopback': True}, [])")


def test_no_blank_picture_during_a_burst_and_the_last_one_counts(desk, hill):
    """40 changes at the pace of a held key, with the picture looked at in every frame."""
    hill.canvas.evaluate("""canvas => {
      window.looks = { blank: 0, seen: new Set() };
      const small = new OffscreenCanvas(50, 35).getContext("2d", { willReadFrequently: true });
      (function look() {
        small.drawImage(canvas, 0, 0, 50, 35);
        const pixels = new Uint32Array(small.getImageData(0, 0, 50, 35).data.buffer);
        if (pixels.every(pixel => pixel === pixels[0])) window.looks.blank += 1;
        window.looks.seen.add(pixels.reduce((hash, pixel) => (hash * 31 + pixel) | 0, 0));
        requestAnimationFrame(look);
      })();
    }""")
    slider = hill.slider("width")
    slider.focus()
    for key in ["ArrowRight"] * 20 + ["ArrowLeft"] * 20:
        desk.page.keyboard.press(key)
        desk.page.wait_for_timeout(30)  # all at once, they may end before the second picture
    desk.wait_idle()
    desk.page.wait_for_timeout(500)
    assert desk.page.evaluate("looks.blank") == 0
    assert desk.page.evaluate("looks.seen.size") >= 3
    assert desk.python("hill.frame.sent - hill.frame.painted") == 0
    expect_the_kernel_s_picture(desk, hill)


# ---- the fixture itself: does it hear what goes wrong? ------------------------------------------


def test_an_explorer_says_that_its_kernel_has_stopped(lab):
    show(lab)
    said = """() => {
      const explorer = document.querySelector(".dlkit-explorer");
      const parts = [...explorer.querySelectorAll("*")];
      const before = part => getComputedStyle(part, "::before").content;
      return [before(explorer), parts.some(part => before(part).includes("\\uf127"))];
    }"""
    assert lab.page.evaluate(said) == ["none", False]
    lab._with_panel("panel => panel.sessionContext.session.kernel.restart()")
    lab.page.wait_for_selector(".dlkit-explorer.jupyter-widgets-disconnected")
    sentence, chains = lab.page.evaluate(said)
    assert "has stopped. Run the cells above again" in sentence
    assert not chains
    lab.run_all()
    lab.explorer("hill").wait_for_picture()
    assert lab.page.evaluate(said) == ["none", False]
    lab.forgive()  # the kernel's last words


def test_the_fixture_hears_a_cell_s_error(lab):
    lab.open(notebook(bad="1 / 0"))
    with pytest.raises(AssertionError, match="cell bad: ZeroDivisionError"):
        lab.run_all()


def test_the_fixture_hears_what_goes_wrong(lab):
    lab.open(notebook(slider=FAULTY))
    lab.run_all()
    assert not lab.problems()
    slider = lab.cell("slider").get_by_role("slider")
    for kind, cause in [
        ("callback errors", lambda: slider.press("ArrowRight")),  # raises
        ("callback errors", lambda: slider.press("End")),  # prints to stderr
        ("console", lambda: lab.page.evaluate("() => console.error('ouch')")),
        ("console", lambda: lab.page.evaluate("() => { setTimeout(() => { throw Error('o') }) }")),
        (
            "requests that leave this machine",
            lambda: lab.page.evaluate(FETCH, "http://127.0.0.2:9"),
        ),
        ("failed requests", lambda: lab.page.evaluate(FETCH, "/api/nothing-here")),
    ]:
        cause()
        lab.wait_idle()
        lab.page.wait_for_timeout(200)
        assert kind in lab.problems()
        lab.forgive()
        assert not lab.problems()


FETCH = "address => fetch(address).catch(() => 0).then(() => 0)"
FAULTY = """
import sys
from ipywidgets import FloatSlider
slider = FloatSlider(description="x", max=5)
def moved(change):
    if change["new"] < 1:
        raise RuntimeError("nobody sees this")
    print("nor this", file=sys.stderr)
slider.observe(moved, "value")
slider
"""
