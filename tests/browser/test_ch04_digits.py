"""The explorers of chapter 04 that run a machine of digits, in a real browser."""

import pytest
from lab import expect

SETUP = "from dlkit.widgets.ch04_rbm import *"


def place(lab, x, y):
    """A place of the sheet, in inches, as fractions of the picture."""
    width, height = lab.python("e.size")
    return x / width, y / height


def test_gibbs_chain(lab):
    chains = lab.show("GibbsChain()", SETUP)
    expect(chains.description).to_contain_text("10 chains from digits")
    before = chains.settled()
    chains.button("Step").click()
    chains.wait_for_change(before)
    expect(chains.description).to_contain_text("After 1 step.")

    chains.button("Run").click()
    expect(chains.button("Pause")).to_be_visible()
    expect(chains.description).not_to_contain_text("After 1 step.")
    chains.control("pace").select_option("fast")
    lab.page.wait_for_function(
        "words => +words.textContent.match(/After ([\\d,]+) step/)[1].replace(',', '') > 100",
        arg=chains.description.element_handle(),
    )
    chains.button("Pause").click()
    expect(chains.button("Run")).to_be_visible()
    still = chains.settled()
    reached = lab.python("e.time")
    lab.page.wait_for_timeout(300)
    assert chains.picture() == still
    assert lab.python("e.time") == reached
    assert lab.python("float(e.data.energy[:10].mean())") < -250
    chains.in_both_themes("ch04-gibbs")

    before = chains.settled()
    chains.canvas.focus()
    chains.canvas.press("ArrowDown")
    before = chains.wait_for_change(before)
    expect(chains.description).to_contain_text("Chain 11, from noise")
    chains.click(*place(lab, 0.12 + 3 * 0.645 + 0.2, 3.7))
    chains.wait_for_change(before)
    expect(chains.description).to_contain_text("Chain 4, from digits")
    before = chains.settled()
    chains.control("show").select_option("hidden units")
    chains.wait_for_change(before)

    before = chains.settled()
    chains.slider("step").press("Home")
    chains.wait_for_change(before)
    expect(chains.description).to_contain_text("After 0 steps")
    chains.button("Step").click()
    expect(chains.description).to_contain_text("After 1 step.")
    assert lab.python("len(e.branches)") == 2

    chains.draw((0.5, 0.15), (0.5, 0.85))
    expect(chains.description).to_contain_text("20 chains from your drawing")
    chains.button("Step").click()
    expect(chains.description).to_contain_text("After 1 step.")
    lab.screenshot("ch04-gibbs-drawing", chains)
    chains.button("Reset").click()
    expect(chains.description).to_contain_text("10 chains from digits")
    chains.button("Show a test digit").press("Enter")
    expect(chains.description).to_contain_text("20 chains from your drawing")
    chains.button("Clear").click()
    expect(chains.description).to_contain_text("10 chains from noise")
    chains.control("start from").select_option("my drawing")
    expect(chains.message).to_contain_text("The pad is empty")


def test_complete_my_digit(lab):
    complete = lab.show("CompleteMyDigit()", SETUP)
    expect(complete.description).to_contain_text("The pad is empty")
    complete.button("Run").click()
    expect(complete.message).to_contain_text("The pad is empty: draw half a digit")
    before = complete.settled()
    complete.draw((0.28, 0.22), (0.7, 0.22), (0.55, 0.48))
    complete.wait_for_change(before)
    expect(complete.description).to_contain_text("the upper half, with")
    complete.control("pace").select_option("fast")
    complete.button("Run").click()
    lab.page.wait_for_function(
        "words => /samples of the last [\\d,]{3,} steps/.test(words.textContent)",
        arg=complete.description.element_handle(),
    )
    complete.draw((0.3, 0.4), (0.6, 0.4))  # while it runs
    complete.button("Pause").click()
    expect(complete.button("Run")).to_be_visible()
    complete.settled()
    held = "e.data.given"
    assert lab.python(f"bool((e.data.now[:, {held}] == e.data.drawing[{held}]).all())")
    assert lab.python("bool(e.data.now[:, ~e.data.given].any())")
    lab.screenshot("ch04-complete-half", complete)

    complete.button("Show a test digit").press("Enter")
    expect(complete.description).to_contain_text("Averages begin after 20 steps")
    before = complete.settled()
    complete.control("given is").select_option("the left half")
    complete.wait_for_change(before)
    complete.button("Run").press("Enter")
    expect(complete.description).to_contain_text("a sample differs from your drawing in")
    lab.page.wait_for_function(
        "words => /samples of the last [\\d,]{3,} steps/.test(words.textContent)",
        arg=complete.description.element_handle(),
    )
    complete.button("Pause").press("Enter")
    expect(complete.button("Run")).to_be_visible()
    complete.in_both_themes("ch04-complete")


def test_what_is_given_is_painted(lab):
    complete = lab.show("CompleteMyDigit()", SETUP)
    complete.button("Show a test digit").click()
    expect(complete.description).to_contain_text("392 of 784 pixels, the upper half")
    before = complete.settled()
    corner = lab.python(
        "[e.size[0], *(__import__('dlkit.widgets.ch04_complete').widgets"
        ".ch04_complete.LARGE_LEFT[:1]), __import__('dlkit.widgets.ch04_complete')"
        ".widgets.ch04_complete.LARGE_LOW]"
    )
    _, left, low = corner
    complete.drag(place(lab, left + 0.2, low + 0.3), place(lab, left + 1.2, low + 0.3))
    complete.wait_for_change(before)
    expect(complete.control("given is")).to_have_value("what I paint")
    complete.settled()
    painted = lab.python("int(e.data.given.sum())")
    assert painted == pytest.approx(392 + 4 * 24, abs=16)
    before = complete.settled()
    complete.canvas.focus()
    for key in ("ArrowRight", "Shift+ArrowDown", " "):
        complete.canvas.press(key)
    complete.wait_for_change(before)
    complete.settled()
    assert lab.python("int(e.data.given.sum())") != painted
    lab.screenshot("ch04-complete-painted", complete)
    complete.button("Reset").click()
    expect(complete.description).to_contain_text("The pad is empty")
    expect(complete.control("given is")).to_have_value("the upper half")
