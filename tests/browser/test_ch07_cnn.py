"""Chapter 07's explorers in a real browser, on one page: slider, keyboard, pointer, both themes."""

import pytest
from lab import expect, notebook

NAMES = {  # the variable, and the class it shows
    "field": "ReceptiveField",
    "sees": "WhatItSees",
}


@pytest.fixture(scope="module")
def page(new_lab):
    """One page with all explorers of the chapter."""
    cells = {f"explorer_{name}": f"{name} = cnn.{kind}()\n{name}" for name, kind in NAMES.items()}
    with new_lab() as lab:
        lab.open(notebook(setup="from dlkit.widgets import ch07_cnn as cnn", **cells))
        lab.run_all()
        yield lab


def alive(lab, name):
    """The explorer, when it has drawn its picture and every control has a name."""
    explorer = lab.explorer(f"explorer-{name}")
    explorer.wait_for_picture()
    explorer.expect_named_controls()
    return explorer


def test_field(page):
    field = alive(page, "field")
    before = field.settled()
    field.slider("kernel").press("ArrowRight")
    field.slider("kernel").press("ArrowRight")
    field.wait_for_change(before)
    expect(field.description).to_contain_text("can see 13 × 13 pixels")
    field.control("pooling").select_option("2 × 2 maximum")
    expect(field.description).to_contain_text("of pool 3, which has")
    # The pointer over a map: the map of conv 2 is the second of the upper row.
    x, y = page.python("[part / whole for part, whole in zip((5.95, 4.3), field.size)]")
    before = field.settled()
    page.page.mouse.move(**field.point(x, y))
    field.wait_for_change(before)
    expect(field.description).to_contain_text("of conv 2, which has")
    field.in_both_themes("ch07-field-pooled", "field")
    # By keyboard alone.
    field.canvas.focus()
    row, column = page.python("field.data.unit")
    field.canvas.press("ArrowRight")
    field.canvas.press("ArrowDown")
    expect(field.description).to_contain_text(f"Unit ({row + 1}, {column + 1}) of conv 2")
    field.canvas.press("[")
    expect(field.description).to_contain_text("of pool 1, which has")
    # What leaves nothing gets a sentence, and the picture stays.
    field.slider("convolutions").press("End")
    expect(field.message).to_contain_text("Nothing is left for")
    field.button("Reset").click()
    expect(field.description).to_contain_text("can see 7 × 7 pixels")


def test_sees(page):
    sees = alive(page, "sees")
    expect(sees.description).to_contain_text("The pad is empty")
    before = sees.settled()
    sees.draw((0.5, 0.15), (0.5, 0.85))
    sees.wait_for_change(before)
    expect(sees.description).to_contain_text("The net says 1 with")
    sees.control("test digit").select_option("5")
    sees.button("Show a test digit").click()
    expect(sees.description).to_contain_text("The net says 5 with")
    # The pointer over the drawing covers a part of it.
    before = sees.settled()
    x, y = page.python("[part / whole for part, whole in zip((0.12 + 0.71, 5.0), sees.size)]")
    sees.canvas.scroll_into_view_if_needed()
    page.page.mouse.move(**sees.point(x, y))
    sees.wait_for_change(before)
    expect(sees.description).to_contain_text("With the square at row 14, column 14 it says")
    sees.in_both_themes("ch07-sees", "sees")
    sees.canvas.focus()
    sees.canvas.press("x")
    expect(sees.description).not_to_contain_text("With the square at")
    sees.canvas.press("[")
    expect(sees.description).to_contain_text("Map 16 of pool 2")
    sees.canvas.press("ArrowLeft")
    expect(sees.description).to_contain_text("With the square at row 14, column 13")
    before = sees.settled()
    sees.slider("covering square").press("PageUp")
    sees.control("asked about").select_option("3")
    sees.control("covered with").select_option("ink")
    sees.wait_for_change(before)
    expect(sees.description).to_contain_text("pixels of ink, p(3)")
    sees.button("Reset").click()
    expect(sees.description).to_contain_text("The pad is empty")
