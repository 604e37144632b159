"""Chapter 06 in a real browser: its explorers by slider, keyboard and pointer, in both themes."""

from pathlib import Path

import pytest
from lab import expect

CHAPTER = Path(__file__).parents[2] / "chapters" / "06_dropout.ipynb"


@pytest.mark.timeout(900)
def test_the_chapter_runs_and_all_explorers_are_alive(lab):
    lab.open(CHAPTER)
    lab.run_all(800)
    for name in ("mask", "overfit", "ensemble"):
        expect(lab.alive(f"explorer-{name}").button("Reset")).to_be_visible()
    overfit = lab.explorer("explorer-overfit")
    before = overfit.settled()
    overfit.button("Step").click()
    overfit.wait_for_change(before)
    expect(overfit.description).to_contain_text("Update 20 of 1,200, branch A")


def test_mask(lab):
    mask = lab.only(CHAPTER, "explorer-mask")
    before = mask.settled()
    mask.slider("dropout p now").press("ArrowLeft")
    mask.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("mask.values['p']") == pytest.approx(0.45)
    before = mask.settled()
    mask.button("100 more").click()
    mask.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("mask.values['number']") == 101
    # A drag over the plane moves the point there.
    before = mask.settled()
    x, y, wide, high = lab.python("list(mask.plane.get_position().bounds)")
    mask.drag((x + 0.5 * wide, y + 0.5 * high), (x + 0.75 * wide, y + 0.5 * high))
    mask.wait_for_change(before)
    lab.wait_idle()
    right, up = lab.python("mask.values['point']")
    assert right > 0.5
    assert up == pytest.approx(0, abs=0.1)
    mask.in_both_themes("ch06-mask", "mask")
    # By keyboard alone: move, draw, choose a unit, drop it or keep it.
    mask.canvas.focus()
    mask.canvas.press("ArrowUp")
    lab.wait_idle()
    assert lab.python("mask.values['point']") == pytest.approx([right, up + 0.1])
    mask.canvas.press(" ")
    lab.wait_idle()
    assert lab.python("mask.values['number']") == 102
    mask.canvas.press("]")
    mask.canvas.press("x")
    lab.wait_idle()
    assert lab.python("sorted(mask.values['flipped'])") == [1]
    mask.control("the net learned").select_option("without dropout")
    mask.button("Keep all units").click()
    lab.wait_idle()
    assert lab.python("int(mask.data.mask.sum())") == 16
    mask.in_both_themes("ch06-mask-whole", "mask")
    mask.button("Reset").click()
    lab.wait_idle()
    assert lab.python("[mask.values['number'], mask.values['p']]") == [1, 0.5]


def test_overfit(lab):
    overfit = lab.only(CHAPTER, "explorer-overfit")
    overfit.in_both_themes("ch06-overfit-start", "overfit")
    before = overfit.settled()
    overfit.button("Step").click()
    overfit.wait_for_change(before)
    expect(overfit.description).to_contain_text("Update 20 of 1,200, branch A")
    overfit.button("Run").click()
    expect(overfit.description).not_to_contain_text("Update 20 ")
    overfit.button("Pause").click()
    expect(overfit.button("Run")).to_be_visible()
    lab.wait_idle()
    reached = lab.python("overfit.time")
    lab.page.wait_for_timeout(400)
    assert lab.python("overfit.time") == reached
    lab.python("overfit.advance(60 - overfit.time)")
    expect(overfit.description).to_contain_text("Training digits: 0.0 % wrong")
    expect(overfit.description).to_contain_text("Early stopping would stop after update")
    # Another setting is another net; the curves of the old one stay.
    overfit.control("training digits").select_option("1,000")
    expect(overfit.description).to_contain_text("1,000 digits, 128 units, no cure. Update 0 of")
    lab.wait_idle()
    lab.python("overfit.advance(60)")
    expect(overfit.description).to_contain_text("1 (100 digits, 128 units, no cure)")
    overfit.control("units dropped").select_option("0.5")
    overfit.control("pixels dropped").select_option("0.2")
    lab.wait_idle()
    lab.python("overfit.advance(60)")
    expect(overfit.description).to_contain_text("While learning, with dropout, the loss is")
    # The page sends lists back as they are: nothing begins anew.
    overfit.settled()
    assert lab.python("overfit.time") == 60
    overfit.in_both_themes("ch06-overfit", "overfit")
    overfit.button("Step").click()
    expect(overfit.message).to_contain_text("has come down to 0")
    # Back, by a click into a chart; a fork, in which a cure acts on this net; all by keyboard.
    x, y, wide, high = lab.python("list(overfit.charts['error'].get_position().bounds)")
    overfit.canvas.scroll_into_view_if_needed()
    overfit.click(x + wide / 2, y + high / 2)
    expect(overfit.description).to_contain_text("Update 600 of 1,200, branch A")
    overfit.canvas.focus()
    overfit.canvas.press("f")
    expect(overfit.description).to_contain_text("branch B")
    overfit.control("weight decay, L2").select_option("0.01")
    lab.wait_idle()
    assert lab.python("overfit.time") == 30
    overfit.canvas.focus()
    overfit.canvas.press("n")
    expect(overfit.description).to_contain_text("Update 620 of 1,200, branch B")
    expect(overfit.description).to_contain_text("from update 600")
    lab.wait_idle()
    lab.python("overfit.advance(15)")
    overfit.in_both_themes("ch06-overfit-fork", "overfit")
    kept = lab.python("overfit.data.stop.kept")
    overfit.button("Back to early stop").click()
    expect(overfit.description).to_contain_text(f"Update {kept * 20} of 1,200")
    overfit.control("sparsity, L1").select_option("0.001")
    overfit.control("units dropped").select_option("0")
    overfit.slider("random start").press("ArrowRight")
    lab.wait_idle()
    lab.python("overfit.advance(60)")
    overfit.in_both_themes("ch06-overfit-l1", "overfit")
    overfit.slider("step").press("Home")
    expect(overfit.description).to_contain_text("Update 0 of")
    overfit.button("Reset").click()
    expect(overfit.description).to_contain_text("100 digits, 128 units, no cure. Update 0 of")


def test_ensemble(lab):
    ensemble = lab.only(CHAPTER, "explorer-ensemble")
    ensemble.in_both_themes("ch06-ensemble", "ensemble")
    before = ensemble.settled()
    ensemble.slider("digit").press("ArrowRight")
    ensemble.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("ensemble.values['digit']") == 1
    ensemble.button("Ask one more").click()
    expect(ensemble.description).to_contain_text("Of 11 thinned nets")
    # By keyboard alone.
    ensemble.canvas.focus()
    ensemble.canvas.press("Shift+ArrowUp")
    expect(ensemble.description).to_contain_text("Of 21 thinned nets")
    ensemble.canvas.press("ArrowRight")
    lab.wait_idle()
    assert lab.python("ensemble.values['digit']") == 2
    # The number of nets, by a click into the chart of errors: a quarter of its decades.
    x, y, wide, high = lab.python("list(ensemble.errors.get_position().bounds)")
    ensemble.click(x + wide / 2, y + high / 2)
    lab.wait_idle()
    assert 10 < lab.python("ensemble.values['nets']") < 20
    ensemble.control("digits").select_option("least disputed first")
    ensemble.button("Ask all").click()
    expect(ensemble.description).to_contain_text("Of 200 thinned nets, 200 say")
    ensemble.in_both_themes("ch06-ensemble-all", "ensemble")
    ensemble.button("Reset").click()
    expect(ensemble.description).to_contain_text("Of 10 thinned nets")
