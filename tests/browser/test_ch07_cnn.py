"""Chapter 07's explorers in a real browser, on one page: slider, keyboard, pointer, both themes."""

import pytest
from lab import expect


@pytest.fixture(scope="module")
def page(new_lab):
    """One page with all explorers of the chapter."""
    with new_lab() as lab:
        lab.show_all(
            "from dlkit.widgets.ch07_cnn import *",
            kernel="KernelLab()",
            shift="ShiftTest()",
            field="ReceptiveField()",
            sees="WhatItSees()",
        )
        yield lab


def test_field(page):
    field = page.alive("explorer-field")
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
    sees = page.alive("explorer-sees")
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


def fractions(x, y, size):
    """A place on an explorer's sheet, in inches, as fractions of its picture."""
    return x / size[0], y / size[1]


def test_kernel(page):
    kernel, size = page.alive("explorer-kernel"), (6.75, 6.0)
    expect(kernel.description).to_contain_text("On the temple, 100 × 100 pixels, lies the 3 × 3")
    before = kernel.settled()
    kernel.control("kernel").select_option("blur")
    kernel.wait_for_change(before)
    expect(kernel.description).to_contain_text("[1 1 1; 1 1 1; 1 1 1] divided by 9")
    kernel.slider("stride").press("ArrowRight")
    kernel.slider("padding").press("ArrowRight")
    expect(kernel.description).to_contain_text("the output has 50 × 50 places")
    # The pointer over the output: row 10, column 40.
    before = kernel.settled()
    x, y = fractions(3.6 + 3 * 40.5 / 50, 5.6 - 3 * 10.5 / 50, size)
    page.page.mouse.move(**kernel.point(x, y))
    kernel.wait_for_change(before)
    expect(kernel.description).to_contain_text("At row 10, column 40 the 9 products")
    kernel.in_both_themes("ch07-kernel", "kernel")
    # Painted by the pointer, over the upper row of an empty kernel, and by keyboard alone.
    kernel.control("kernel").select_option("empty")
    expect(kernel.description).to_contain_text("[0 0 0; 0 0 0; 0 0 0]")
    row = 0.28 + 1.7 * 5 / 6
    kernel.drag(*(fractions(0.12 + 1.7 * c, row, size) for c in (1 / 6, 5 / 6)))
    expect(kernel.description).to_contain_text("[1 1 1; 0 0 0; 0 0 0]")
    kernel.canvas.focus()
    kernel.canvas.press("ArrowDown")
    kernel.canvas.press("ArrowDown")
    for _ in range(3):
        kernel.canvas.press("-")
    expect(kernel.description).to_contain_text("[1 1 1; 0 0 0; 0 0 −3]")
    kernel.canvas.press("Shift+ArrowDown")
    expect(kernel.description).to_contain_text("At row 11, column 40")
    # A stroke on the pad is looked at at once.
    kernel.draw((0.5, 0.2), (0.5, 0.8))
    expect(kernel.description).to_contain_text("On your drawing, 28 × 28 pixels")
    kernel.in_both_themes("ch07-kernel-drawn", "kernel")
    kernel.button("Reset").click()
    expect(kernel.description).to_contain_text("On the temple")


def test_shift(page):
    shift = page.alive("explorer-shift")
    expect(shift.description).to_contain_text("No ink is on the picture")
    shift.draw((0.5, 0.15), (0.5, 0.85))
    expect(shift.description).to_contain_text("The dense net said 1 where it was drawn")
    before = shift.settled()
    shift.control("test digit").select_option("0")
    shift.button("Show a test digit").click()
    shift.wait_for_change(before)
    expect(shift.description).to_contain_text("The convolutional net said 0 where it was drawn")
    before = shift.settled()
    shift.slider("move right by").press("PageUp")
    shift.wait_for_change(before)
    shift.canvas.focus()
    right = page.python("shift.data.right")
    shift.canvas.press("ArrowRight")
    shift.canvas.press("ArrowUp")
    expect(shift.description).to_contain_text(f"right by {right + 1} and down by −1")
    shift.in_both_themes("ch07-shift", "shift")
    # A press on a chart moves the digit there.
    left, low, wide, high = page.python("list(shift.charts['down'].get_position().bounds)")
    shift.click(left + wide / 2, low + high / 2)
    expect(shift.description).to_contain_text(f"right by {right + 1} and down by 0")
    shift.button("Back to the middle").click()
    expect(shift.description).to_contain_text("right by 0 and down by 0")
    shift.button("Reset").click()
    expect(shift.description).to_contain_text("No ink is on the picture")
