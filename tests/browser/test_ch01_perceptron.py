"""Chapter 01 in a real browser: the three explorers by slider, keyboard, pointer and pen."""

from pathlib import Path

import pytest
from lab import expect

CHAPTER = Path(__file__).parents[2] / "chapters" / "01_perceptron.ipynb"


@pytest.fixture
def chapter(lab):
    """The whole chapter, run."""
    lab.open(CHAPTER)
    lab.run_all()
    return lab


def places(lab, explorer, *points):
    """Points of the explorer's plane as fractions of its picture."""
    made = []
    for x, y in points:
        pixels = f"{explorer}.plane.transData.transform(({x}, {y}))"
        made.append(lab.python(f"({pixels} / {explorer}.figure.bbox.size).tolist()"))
    return made


def test_threshold_neuron(chapter):
    neuron = chapter.explorer("explorer-neuron")
    picture = neuron.wait_for_picture()
    neuron.expect_named_controls()
    assert "found" in neuron.canvas.get_attribute("aria-label")

    neuron.slider("bias").press("Home")
    picture = neuron.wait_for_change(picture)
    chapter.wait_idle()
    assert chapter.python("neuron.values['b']") == -3
    expect(neuron.description).to_contain_text("This is “never”")

    neuron.button("Reset").click()
    picture = neuron.wait_for_change(picture)
    chapter.wait_idle()
    neuron.canvas.focus()
    neuron.canvas.press("ArrowLeft")
    picture = neuron.wait_for_change(picture)
    chapter.wait_idle()
    assert chapter.python("neuron.values['w2'] > 0.5")

    start, middle, end = places(chapter, "neuron", (0.5, 1.6), (0.2, 0.8), (0.5, 0.5))
    neuron.drag(start, middle, end)
    picture = neuron.wait_for_change(picture)
    chapter.wait_idle()
    assert abs(chapter.python("float(neuron.data.w @ [0.5, 0.5] + neuron.data.b)")) < 0.05
    assert chapter.python("len(neuron.data.found)") > 1

    tip = chapter.python("neuron._handle(neuron.data)[1].tolist()")
    start, end = places(chapter, "neuron", tip, (-0.5, 0.5))
    before = chapter.python("neuron.data.w.tolist()")
    neuron.drag(start, end)
    neuron.wait_for_change(picture)
    chapter.wait_idle()
    assert chapter.python("neuron.data.w.tolist()") != before
    neuron.in_both_themes("ch01-neuron", "neuron")

    expect(chapter.cell("check-xor")).to_contain_text("Not attempted yet")
    assert chapter.python("exercises.xor.check(exercises.xor.answer()).kind") == "right"
    neuron.root.scroll_into_view_if_needed()
    neuron.slider("weight 1").press("a")  # a letter does not reach JupyterLab's shortcuts
    assert chapter.python("1 + 1") == 2


def test_rosenblatts_rule(lab):
    rule = lab.only(CHAPTER, "explorer-rule")
    picture = rule.wait_for_picture()
    rule.expect_named_controls()

    rule.button("Step").click()
    picture = rule.wait_for_change(picture)
    expect(rule.description).to_contain_text("1 mistake in 1 example")

    (free,) = places(lab, "rule", (1.2, -1.2))
    rule.control("a click places").select_option("blue points (−1)")
    rule.click(*free)
    picture = rule.wait_for_change(picture)
    lab.wait_idle()
    assert lab.python("rule.values['points'][-1][2]") == -1
    assert lab.python("rule.time") == 0
    expect(rule.description).to_contain_text("5 blue and 5 orange points")

    there = places(lab, "rule", (1.2, -1.2), (1.5, -0.5), (1.6, 0.2))
    rule.drag(*there)
    picture = rule.wait_for_change(picture)
    lab.wait_idle()
    x, y, _ = lab.python("rule.values['points'][-1]")
    assert abs(x - 1.6) < 0.05
    assert abs(y - 0.2) < 0.05

    rule.canvas.focus()
    for key in ("ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp", "o"):
        rule.canvas.press(key)
        picture = rule.wait_for_change(picture)
        lab.wait_idle()
    assert lab.python("len(rule.values['points'])") == 11

    rule.control("pace").select_option("fast")
    rule.button("Run").click()
    expect(rule.message).to_contain_text("done", timeout=20_000)
    picture = rule.wait_for_change(picture)
    lab.wait_idle()
    assert lab.python("rule.data.done and rule.data.mistakes <= rule.data.bound")
    rule.in_both_themes("ch01-rule", "rule")
    picture = rule.settled()

    rule.slider("step").press("Home")
    picture = rule.wait_for_change(picture)
    lab.wait_idle()
    assert lab.python("rule.time") == 0
    for _ in range(3):
        rule.button("Step").press("Enter")
        picture = rule.wait_for_change(picture)
        lab.wait_idle()
    assert lab.python("rule.time") == 3

    (clash,) = places(lab, "rule", (-1.5, 1.6))  # beyond the orange points
    rule.click(*clash)
    expect(rule.description).to_contain_text("No line parts these points")
    lab.screenshot("ch01-rule-not-separable", rule)


def test_your_digit(lab):
    digit = lab.only(CHAPTER, "explorer-digit")
    picture = digit.settled()
    expect(digit.description).to_contain_text("The pad is empty")

    digit.draw((0.5, 0.15), (0.5, 0.5), (0.5, 0.85))
    picture = digit.wait_for_change(picture)
    expect(digit.description).to_contain_text("it says 1")

    digit.button("Keep as second digit").click()
    picture = digit.wait_for_change(picture)
    lab.wait_idle()
    assert lab.python("[label for _, label in digit.values['mine']]") == [1]

    digit.button("Clear").click()
    picture = digit.wait_for_change(picture)
    digit.draw(
        (0.5, 0.15), (0.25, 0.4), (0.3, 0.75), (0.5, 0.85), (0.75, 0.7), (0.7, 0.3), (0.5, 0.15)
    )
    picture = digit.wait_for_change(picture)
    expect(digit.description).to_contain_text("it says 0")
    digit.button("Keep as first digit").click()
    picture = digit.wait_for_change(picture)
    digit.control("learn from").select_option("my drawings")
    picture = digit.wait_for_change(picture)
    expect(digit.description).to_contain_text("learned from 2 examples")
    lab.screenshot("ch01-digit-mine", digit)

    digit.control("learn from").select_option("both")
    picture = digit.wait_for_change(picture)
    digit.slider("move right by").press("PageUp")
    picture = digit.wait_for_change(picture)
    lab.wait_idle()
    assert lab.python("digit.values['shift']") > 0
    digit.in_both_themes("ch01-digit", "digit")
    picture = digit.settled()

    digit.control("second digit (+1)").select_option("0")
    expect(digit.message).to_contain_text("choose two different ones")
    assert digit.picture() == picture
    digit.control("second digit (+1)").select_option("8")
    digit.control("first digit (−1)").select_option("3")
    picture = digit.wait_for_change(picture)
    digit.button("Show me an MNIST digit").click()
    digit.wait_for_change(picture)
    expect(digit.description).to_contain_text("3 (blue) or 8 (orange)")
