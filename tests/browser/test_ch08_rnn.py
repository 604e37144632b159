"""Chapter 08's explorers in a real browser, on one page: by control, keyboard and pointer."""

import pytest
from lab import expect


@pytest.fixture(scope="module")
def page(new_lab):
    """One page with all explorers of the chapter."""
    with new_lab() as lab:
        lab.show_all(
            "from dlkit.widgets.ch08_rnn import *",
            unrolled="Unrolled()",
            gates="GateMicroscope()",
            writer="Writer()",
            hopfield="HopfieldMemory()",
            reservoir="Reservoir()",
            pen="ReadMyPen()",
        )
        yield lab


def middle(lab, axes, x=0.5, y=0.5):
    """A place in axes, by fractions of their width and height, as fractions of the picture."""
    left, low, wide, high = lab.python(f"list({axes}.get_position().bounds)")
    return left + x * wide, low + y * high


def test_unrolled(page):
    unrolled = page.alive("explorer-unrolled")
    before = unrolled.settled()
    unrolled.slider("spectral radius").press("ArrowRight")
    unrolled.wait_for_change(before)
    expect(unrolled.description).to_contain_text("spectral radius 0.95")
    unrolled.button("Vanishing").click()
    expect(unrolled.description).to_contain_text("it vanishes")
    unrolled.button("Exploding").click()
    expect(unrolled.description).to_contain_text("it explodes")
    before = unrolled.settled()
    expect(unrolled.slider("clip at length")).to_be_disabled()  # nothing is clipped yet
    unrolled.control("clip the gradient").check()
    unrolled.wait_for_change(before)
    expect(unrolled.slider("clip at length")).to_be_enabled()
    expect(unrolled.description).to_contain_text("and is cut to 1")
    unrolled.control("cell").select_option("LSTM")
    expect(unrolled.description).to_contain_text("LSTM with 16 units")
    # The pointer over a chart chooses a step; 60 of them fill its width.
    before = unrolled.settled()
    page.page.mouse.move(**unrolled.point(*middle(page, "unrolled.chart", 11.5 / 60)))
    unrolled.wait_for_change(before)
    expect(unrolled.description).to_contain_text("At step 12 the gradient is")
    unrolled.in_both_themes("ch08-unrolled", "unrolled")
    # By keyboard alone.
    unrolled.canvas.focus()
    unrolled.canvas.press("ArrowLeft")
    expect(unrolled.description).to_contain_text("At step 11 the gradient is")
    unrolled.canvas.press("ArrowDown")
    expect(unrolled.description).to_contain_text("spectral radius 1.45")
    unrolled.button("Reset").click()
    expect(unrolled.description).to_contain_text("Elman with 16 units, 30 steps, spectral radius")


def test_gates(page):
    gates = page.alive("explorer-gates")
    before = gates.settled()
    text = gates.control("text")
    text.fill("He looked at her")
    text.press("Enter")
    gates.wait_for_change(before)
    expect(gates.description).to_contain_text("has heard 16 symbols")
    text.fill("Ω")
    text.press("Enter")
    expect(gates.message).to_contain_text("Type 2 to 64 symbols")
    text.fill("He looked at her")
    text.press("Enter")
    expect(gates.message).to_have_text("")
    before = gates.settled()
    gates.click(*middle(page, "gates.map", 0.5, 0.5))
    gates.wait_for_change(before)
    expect(gates.description).to_contain_text("At step 9, “d”")
    gates.control("paint").select_option("forget gate f")
    gates.control("hold").select_option("output gate o")
    expect(gates.description).to_contain_text("With the output gate o held at 0 in all units")
    gates.in_both_themes("ch08-gates", "gates")
    gates.control("the net reads").select_option("Reber words")
    # That net is trained first, which a busy machine takes its time for.
    heard = "embedded Reber words has heard 9 symbols"
    expect(gates.description).to_contain_text(heard, timeout=30_000)
    gates.button("Forget everything").click()
    # By keyboard alone: to the symbol before the one that must be remembered.
    gates.canvas.focus()
    for _ in range(9):
        gates.canvas.press("ArrowRight")
    for _ in range(2):
        gates.canvas.press("ArrowLeft")
    expect(gates.description).to_contain_text("At step 7, “E”, it expects “T”")
    expect(gates.description).to_contain_text("The grammar allows T.")
    gates.canvas.press("ArrowDown")
    page.wait_idle()
    unit = page.python("gates.values['unit']")
    expect(gates.description).to_contain_text(f"number {unit + 1} among those that forget least")
    gates.in_both_themes("ch08-gates-reber", "gates")
    gates.button("Reset").click()
    expect(gates.description).to_contain_text("has heard 40 symbols")


def test_writer(page):
    writer = page.alive("explorer-writer")
    before = writer.settled()
    writer.button("Step").click()
    writer.wait_for_change(before)
    expect(writer.description).to_contain_text("1 of at most 600 characters written, branch A")
    writer.button("Write 100").click()
    expect(writer.description).to_contain_text("101 of at most 600")
    # It writes by itself until it is paused.
    writer.button("Run").click()
    expect(writer.description).not_to_contain_text("101 of at most 600")
    writer.button("Pause").click()
    expect(writer.button("Run")).to_be_visible()
    page.wait_idle()
    reached = page.python("writer.time")
    page.page.wait_for_timeout(400)
    assert page.python("writer.time") == reached > 101
    # The pointer over the page: the third character of the first line.
    before = writer.settled()
    page.page.mouse.move(**writer.point(*middle(page, "writer.sheet", 2.5 / 72, 10.5 / 11)))
    writer.wait_for_change(before)
    expect(writer.description).to_contain_text("Character 3, “n”, had p =")
    writer.in_both_themes("ch08-writer", "writer")
    # By keyboard alone: write, look back, and from there on more boldly.
    writer.canvas.focus()
    writer.canvas.press("End")
    writer.canvas.press(" ")
    expect(writer.description).to_contain_text(f"{reached + 1} of at most 600")
    writer.canvas.press("ArrowLeft")
    expect(writer.description).to_contain_text(f"Character {reached + 5}, ")
    writer.slider("step").press("Home")
    expect(writer.description).to_contain_text("0 of at most 600")
    writer.slider("temperature").press("End")
    writer.button("Write 100").click()
    expect(writer.description).to_contain_text("branch B, temperature 2.00")
    writer.control("it goes on from").fill("Captain Wentworth")
    writer.control("it goes on from").press("Enter")
    expect(writer.description).to_contain_text("The text ends: “Captain Wentworth”")
    writer.button("Reset").click()
    expect(writer.description).to_contain_text("The text ends: “Anne ”")


def test_hopfield(page):
    hopfield = page.alive("explorer-hopfield")
    before = hopfield.settled()
    hopfield.button("Step").click()
    hopfield.wait_for_change(before)
    expect(hopfield.description).to_contain_text("after 28 updates")
    hopfield.button("Run").click()
    expect(hopfield.description).not_to_contain_text("after 28 updates")
    hopfield.button("Pause").click()
    expect(hopfield.button("Run")).to_be_visible()
    page.wait_idle()
    page.python("hopfield.advance(200)")
    expect(hopfield.description).to_contain_text("Memory 1 was recalled")
    # A drawing of one's own is stored and spoiled; digits are alike, and only the projection
    # tells it apart from them for sure.
    hopfield.draw((0.2, 0.2), (0.8, 0.8), (0.2, 0.8), (0.8, 0.2))
    hopfield.settled()  # the pad sends a stroke in pieces, and the last must be stored too
    expect(hopfield.description).to_contain_text("It began with your drawing")
    hopfield.button("Store my drawing").click()
    expect(hopfield.description).to_contain_text("and 1 of your drawings")
    page.wait_idle()
    page.python("hopfield.advance(200)")
    expect(hopfield.description).to_contain_text("Your drawing 1 was ")
    hopfield.control("weights by").select_option("projection")
    page.wait_idle()
    page.python("hopfield.advance(200)")
    expect(hopfield.description).to_contain_text("Your drawing 1 was recalled")
    hopfield.in_both_themes("ch08-hopfield", "hopfield")
    # By keyboard alone: another memory.
    hopfield.canvas.focus()
    hopfield.canvas.press("ArrowRight")
    expect(hopfield.description).to_contain_text("spoiled, at an energy of")
    page.wait_idle()
    assert page.python("hopfield.values['cue']") == 2
    hopfield.button("Reset").click()
    expect(hopfield.description).to_contain_text("2 memories (digits)")


def test_reservoir(page):
    reservoir = page.alive("explorer-reservoir")
    before = reservoir.settled()
    reservoir.slider("spectral radius").press("ArrowRight")
    reservoir.wait_for_change(before)
    expect(reservoir.description).to_contain_text("spectral radius of 0.95")
    reservoir.slider("input scale").press("Home")
    expect(reservoir.description).to_contain_text("it hears nothing of the series")
    reservoir.slider("input scale").press("PageUp")
    reservoir.slider("spectral radius").press("End")
    expect(reservoir.description).to_contain_text("spectral radius of 1.60")
    before = reservoir.settled()
    reservoir.button("Draw another reservoir").click()
    reservoir.wait_for_change(before)
    reservoir.in_both_themes("ch08-reservoir", "reservoir")
    reservoir.button("Reset").click()
    expect(reservoir.description).to_contain_text("spectral radius of 0.90")


def test_pen(page):
    pen = page.alive("explorer-pen")
    pen.button("Write it again").click()
    expect(pen.message).to_contain_text("The pad is empty: write a digit first.")
    pen.draw((0.5, 0.1), (0.5, 0.9))
    expect(pen.description).to_contain_text("of 1 stroke.")
    pen.button("Write a test digit").click()
    expect(pen.description).to_contain_text("The likeliest digit was")
    pen.in_both_themes("ch08-pen", "pen")
    # By keyboard alone: from the first point on.
    pen.canvas.focus()
    pen.canvas.press("Home")
    expect(pen.description).to_contain_text("0 of ")
    pen.canvas.press("ArrowRight")
    expect(pen.description).to_contain_text("1 of ")
    # It is written again by itself.
    pen.button("Write it again").click()
    expect(pen.description).not_to_contain_text("1 of ")
    pen.canvas.press("End")
    pen.button("Reset").click()
    expect(pen.description).to_contain_text("The pad is empty")
