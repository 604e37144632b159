"""Chapter 00 in a real browser: the timeline by keyboard, pointer and slider, and the links."""

from pathlib import Path

import pytest
from lab import expect

from dlkit.widgets.ch00_history import EVENTS

ROOT = Path(__file__).parents[2]
YEARS = {event.key: event.year for event in EVENTS}
OPEN = "window.jupyterapp.shell.currentWidget?.context?.path"


@pytest.fixture
def chapter(lab, server):
    """The chapter, run, beside a first chapter that its links can open, and without a last one."""
    folder, _ = server
    empty = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    (folder / "notebooks" / "01_perceptron.ipynb").write_text(empty)
    (folder / "notebooks" / "09_dqn.ipynb").unlink(missing_ok=True)
    lab.open(ROOT / "chapters" / "00_start.ipynb")
    lab.run_all()
    return lab


def test_timeline(chapter):
    timeline = chapter.explorer("explorer-timeline")
    picture = timeline.wait_for_picture()
    timeline.expect_named_controls()
    assert "1943, ideas" in timeline.canvas.get_attribute("aria-label")

    def chosen():
        chapter.wait_idle()
        return chapter.python("timeline.data.event.key")

    def place(key):
        point = f"timeline.axes.transData.transform(({YEARS[key]}, timeline.heights[{key!r}]))"
        return chapter.python(f"(({point}) / timeline.figure.bbox.size).tolist()")

    heights = []
    for key in ("svm", "gpus", "alexnet", "mcculloch-pitts"):
        chapter.python(f"timeline.set(event={key!r})")
        picture = timeline.wait_for_change(picture)
        heights.append(timeline.root.bounding_box()["height"])
    assert max(heights) - min(heights) < 2, heights  # nothing below jumps

    timeline.slider("event").press("ArrowRight")
    picture = timeline.wait_for_change(picture)
    assert chosen() == "perceptron"

    timeline.canvas.focus()
    for key, event in (("ArrowRight", "mark-1"), ("End", "dqn-nature"), ("ArrowDown", "dqn")):
        timeline.canvas.press(key)
        picture = timeline.wait_for_change(picture)
        assert chosen() == event
    expect(timeline.description).to_contain_text("seven Atari games")
    expect(timeline.root.get_by_text("Chapter 09 DQN is planned")).to_be_visible()
    expect(timeline.root.get_by_role("link")).to_have_count(0)

    timeline.click(*place("alexnet"))
    picture = timeline.wait_for_change(picture)
    assert chosen() == "alexnet"
    expect(timeline.description).to_contain_text("15.3 %")
    chapter.screenshot("ch00-timeline-light", timeline)

    timeline.drag(place("alexnet"), place("lstm"), place("svm"))
    picture = timeline.wait_for_change(picture)
    assert chosen() == "svm"

    chapter.set_theme(dark=True)
    picture = timeline.wait_for_change(picture)
    chapter.page.wait_for_timeout(300)
    chapter.screenshot("ch00-timeline-dark", timeline)

    timeline.button("Reset").press("Enter")
    timeline.wait_for_change(picture)
    assert chosen() == "mcculloch-pitts"


def test_neuron_exercises_and_links(chapter):
    neuron = chapter.explorer("explorer-neuron")
    picture = neuron.wait_for_picture()
    neuron.expect_named_controls()
    neuron.slider("weight w").press("End")
    picture = neuron.wait_for_change(picture)
    neuron.slider("bias b").press("Home")
    neuron.wait_for_change(picture)
    chapter.wait_idle()
    assert chapter.python("smooth.values") == {"w": 8.0, "b": -16.0}
    expect(neuron.description).to_contain_text("0.00 at x = 0 and 1.00 at x = 4")
    chapter.screenshot("ch00-neuron", neuron)

    expect(chapter.cell("check-waiting")).to_contain_text("Not attempted yet")
    assert chapter.python("exercises.waiting.check(12).kind") == "right"
    assert "00/waiting" in chapter.python("progress.read()")

    in_contents = chapter.cell("contents-table").get_by_role("link", name="01 perceptron")
    expect(in_contents).to_be_visible()
    opener = chapter.explorer("explorer-timeline").root.get_by_role("link")
    expect(opener).to_have_text("Open its chapter: 01 perceptron")
    opener.press("Enter")
    chapter.page.wait_for_function(f"{OPEN}.endsWith('01_perceptron.ipynb')")
