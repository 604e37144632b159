"""A real JupyterLab in a real browser.

    def test_the_line_turns(lab):
        lab.open("chapters/01_perceptron.ipynb")      # opens a copy; or lab.open(notebook(...))
        lab.run_all()                                 # fails on a cell's error
        neuron = lab.explorer("explorer-threshold")   # by the id of the cell that shows it
        before = neuron.wait_for_picture()
        neuron.slider("bias").press("ArrowRight")     # by its accessible name; a real key
        neuron.wait_for_change(before)
        assert lab.python("neuron.values['bias']") == 0.1    # evaluated in the notebook's kernel

When the test ends, the fixture fails it if the page's console showed an error, a request failed
or left this machine, or a widget's callback raised or printed to stderr. (Such an exception is
shown neither in the cell nor in the console; the fixture listens to the kernel.) A test that
causes one on purpose looks at `lab.problems()` and then calls `lab.forgive()`.

    lab      open, show(explorer, setup), show_all(setup, name=explorer), only(chapter, cell_id),
             run_all, wait_idle, python(expression), cell(id), cells(), explorer(id), alive(id),
             set_theme(dark), problems, forgive, screenshot(name, of=None), page (Playwright's)
    explorer slider(name), button(name), control(name), picture(), wait_for_picture(),
             settled(), wait_for_change(before), in_both_themes(picture), click(x, y),
             drag((x, y), ...), draw((x, y), ...) on its pad, description, message, canvas, pad,
             expect_named_controls(), root (Playwright's locator)

Places on a picture are fractions of its width and height, y upwards. Screenshots are kept in
$DLKIT_SCREENSHOTS if that is set. Several tests share a page and its kernel through a fixture of
theirs that uses `new_lab`, as in test_frame.py. All is in lab.py, which the latency bench uses too.
"""

import contextlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # lab.py, for the tests beside it


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium. Without one: skipped, in CI failed."""
    from lab import CHROMIUM_FLAGS, find_chromium
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        reason = "no Chromium or Chrome on this machine: sudo apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """(folder, address) of a JupyterLab that runs for all browser tests."""
    from lab import jupyterlab

    folder = tmp_path_factory.mktemp("jupyter")
    with jupyterlab(folder) as address:
        yield folder, address


@pytest.fixture(scope="session")
def new_lab(browser, server, tmp_path_factory):
    """Opens a page for longer than one test: `with new_lab() as lab`. It starts in seconds."""
    from lab import Lab

    @contextlib.contextmanager
    def new(**options):
        pictures = os.environ.get("DLKIT_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots")
        lab = Lab(browser, *server, Path(pictures), **options)
        try:
            yield lab
            problems = lab.problems()
        finally:
            lab.close()
        assert not problems, f"went wrong unseen: {problems}"

    return new


@pytest.fixture
def lab(new_lab, request):
    """A page of JupyterLab; fails the test afterwards if anything went wrong unseen."""
    options = getattr(request, "param", {})  # e.g. device_scale_factor, by indirect parametrising
    with new_lab(**options) as lab:
        yield lab
