"""The explorers of chapter 02 in a real browser: keyboard, pointer, drawing, both themes."""

import pytest
from lab import expect

SETUP = "from dlkit.widgets.ch02_backpropagation import *"


def test_graph(lab):
    graph = lab.show("ComputationalGraph()", SETUP)
    before = graph.settled()
    graph.slider("step").press("End")
    graph.wait_for_change(before)
    expect(graph.description).to_contain_text("Done. L listens most to w")
    before = graph.settled()
    graph.slider("w").press("ArrowRight")
    graph.wait_for_change(before)
    assert lab.python("e.values['w']") == pytest.approx(0.55)
    graph.canvas.focus()
    graph.canvas.press("Home")
    expect(graph.description).to_contain_text("Step 0 of 15")
    graph.canvas.press("ArrowRight")
    expect(graph.description).to_contain_text("Step 1 of 15")
    graph.button("Step ›").click()
    expect(graph.description).to_contain_text("Step 2 of 15")
    graph.button("All the way").click()
    expect(graph.description).to_contain_text("Step 15 of 15")
    graph.in_both_themes("ch02-graph")
    typed = graph.control("expression")
    assert typed.evaluate("field => field.scrollWidth <= field.clientWidth")  # all of it is seen
    typed.fill("(w*x")
    typed.press("Enter")
    expect(graph.message).to_contain_text("cannot be read")
    typed.fill("(w*x + b)**2")
    typed.press("Enter")
    expect(graph.message).to_have_text("")
    expect(graph.description).to_contain_text("Step 7 of 7")
    expect(graph.slider("d")).to_be_hidden()
    before = graph.settled()
    graph.button("Reset").click()
    graph.wait_for_change(before)
    expect(graph.description).to_contain_text("Step 0 of 15")
    expect(graph.slider("d")).to_be_visible()


def test_playground(lab):
    playground = lab.show("Playground()", SETUP)
    before = playground.settled()
    playground.button("Step").click()
    playground.wait_for_change(before)
    assert lab.python("e.time") == 1
    playground.button("Run").click()
    expect(playground.description).not_to_contain_text("Pass 1 ")
    playground.button("Pause").click()
    expect(playground.button("Run")).to_be_visible()
    reached = lab.python("e.time")
    lab.page.wait_for_timeout(400)
    assert lab.python("e.time") == reached
    before = playground.settled()
    playground.click(0.8, 0.6)  # a point of one's own, in the map
    playground.wait_for_change(before)
    assert lab.python("len(e.values['points'])") == 1
    assert lab.python("e.time") == reached
    playground.slider("pass").press("Home")
    expect(playground.description).to_contain_text("Pass 0")
    playground.button("Fork").click()
    playground.button("Step").click()
    expect(playground.description).to_contain_text("Pass 1 of branch B")
    lab.python("e.advance(40)")
    expect(playground.description).to_contain_text("Pass 41")
    lab.page.mouse.move(**playground.point(0.36, 0.57))
    expect(playground.description).to_contain_text("Shown is unit")
    lab.page.mouse.move(0, 0)
    playground.in_both_themes("ch02-playground")
    playground.canvas.focus()
    for key in ("ArrowLeft", "1", "u"):
        playground.canvas.press(key)
    expect(playground.description).to_contain_text("Shown is unit 1 of hidden layer 1")
    lab.wait_idle()
    assert lab.python("[label for _, _, label in e.values['points']]") == [0, 1]
    # Run, diverge, and nothing to learn from: a sentence each time, and one can go on.
    playground.control("activation").select_option("none")
    playground.slider("learning rate").press("End")
    playground.button("Run").click()
    expect(playground.message).to_contain_text("diverged")
    playground.button("Reset").click()
    expect(playground.description).to_contain_text("200 points to learn from")
    lab.wait_idle()
    playground.control("points").select_option("only my points")
    expect(playground.description).to_contain_text("No points yet")
    playground.button("Run").click()
    expect(playground.message).to_contain_text("Place points of both classes")
    playground.control("points").select_option("XOR")
    playground.button("Run").click()
    expect(playground.description).to_contain_text("XOR")
    expect(playground.button("Pause")).to_be_visible()
    playground.button("Pause").click()


def test_microscope(lab):
    microscope = lab.show("GradientMicroscope()", SETUP)
    for track in microscope.root.locator(".noUi-target").all():
        assert track.bounding_box()["width"] > 300  # so that a hand can set each of many steps
    before = microscope.settled()
    microscope.slider("log₁₀ h").press("ArrowLeft")
    microscope.wait_for_change(before)
    assert lab.python("e.data.h") == pytest.approx(10**-2.1)
    microscope.control("activation").select_option("ReLU")
    expect(microscope.description).to_contain_text("ReLU unit")
    microscope.slider("log₁₀ h").press("End")
    microscope.slider("distance from z = 0").press("PageDown")
    expect(microscope.description).to_contain_text("mixes two slopes")
    microscope.slider("log₁₀ h").press("Home")
    expect(microscope.description).to_contain_text("In float32 w + h is w itself")
    microscope.button("Reset").click()
    expect(microscope.description).to_contain_text("h = 0.01")
    microscope.in_both_themes("ch02-microscope")


def test_landscape(lab):
    landscape = lab.show("LossLandscape()", SETUP)
    before = landscape.settled()
    landscape.click(0.5, 0.7)
    before = landscape.wait_for_change(before)
    start = lab.python("e.values['start']")
    landscape.drag((0.5, 0.7), (0.3, 0.3))
    landscape.wait_for_change(before)
    assert lab.python("e.values['start']") != start
    landscape.canvas.focus()
    before = landscape.settled()
    landscape.canvas.press("ArrowRight")
    landscape.wait_for_change(before)
    landscape.slider("SGD η").press("End")
    expect(landscape.description).to_contain_text("SGD left the map")
    landscape.in_both_themes("ch02-landscape")
    landscape.button("Run").click()
    expect(landscape.description).not_to_contain_text("; 200 of 200 steps")
    landscape.button("Pause").click()
    expect(landscape.button("Run")).to_be_visible()
    reached = lab.python("e.values['step']")
    lab.page.wait_for_timeout(400)
    assert lab.python("e.values['step']") == reached < 200
    landscape.control("surface").select_option("two minima")
    expect(landscape.description).to_contain_text("Two minima")


def test_digit(lab):
    digit = lab.show("DrawADigit()", SETUP)
    expect(digit.description).to_contain_text("The pad is empty")
    before = digit.description.text_content()
    digit.draw((0.25, 0.2), (0.75, 0.2), (0.45, 0.9))
    expect(digit.description).to_contain_text("The net says 7")
    assert digit.description.text_content() != before
    digit.in_both_themes("ch02-digit")
    said = digit.description.text_content()
    for _ in range(6):
        digit.slider("move right by").press("ArrowRight")
    expect(digit.description).not_to_have_text(said)
    digit.button("Reset").click()
    expect(digit.description).to_contain_text("The pad is empty")
    digit.pad.focus()
    digit.pad.press(" ")
    for _ in range(12):
        digit.pad.press("ArrowDown")
    digit.pad.press(" ")
    expect(digit.description).to_contain_text("The net says")
    digit.button("Show a test digit").click()
    expect(digit.description).to_contain_text("speaks loudest")
