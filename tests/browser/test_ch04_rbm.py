"""Chapter 04 in a real browser: its explorers by slider, keyboard and pointer, in both themes."""

from pathlib import Path

import pytest
from lab import expect

CHAPTER = Path(__file__).parents[2] / "chapters" / "04_rbm.ipynb"


@pytest.mark.timeout(900)
def test_the_chapter_runs_and_all_explorers_are_alive(lab):
    lab.open(CHAPTER)
    lab.run_all(800)
    for name in ("energy", "training", "gibbs", "complete"):
        expect(lab.alive(f"explorer-{name}").button("Reset")).to_be_visible()
    training = lab.explorer("explorer-training")
    before = training.settled()
    training.button("Step").click()
    training.wait_for_change(before)
    expect(training.description).to_contain_text("Update 5 of branch A")


def test_energy_landscape(lab):
    energy = lab.only(CHAPTER, "explorer-energy")
    before = energy.settled()
    energy.slider("weight h₁v₁").press("ArrowRight")
    energy.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("landscape.values['w11']") == 2.25
    # Drag the number on the line between h₁ and v₂ one inch up: two units more.
    before = energy.settled()
    x, y = lab.python("__import__('dlkit.widgets.ch04_energy').widgets.ch04_energy.handle('w12')")
    width, height = lab.python("landscape.size")
    energy.drag((x / width, y / height), (x / width, (y + 1) / height))
    energy.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("landscape.values['w12']") == 3.5
    expect(energy.description).to_contain_text("Chosen: weight h₁v₂ = +3.5")
    # The chain: a step, a run, a pause.
    energy.button("Step").click()
    expect(energy.description).to_contain_text("After 1 Gibbs step ")
    energy.button("Run").click()
    expect(energy.description).not_to_contain_text("After 1 Gibbs step ")
    energy.button("Pause").click()
    expect(energy.button("Run")).to_be_visible()
    lab.wait_idle()
    reached = lab.python("landscape.data.samples.steps")
    lab.page.wait_for_timeout(400)
    assert lab.python("landscape.data.samples.steps") == reached
    energy.in_both_themes("ch04-landscape", "landscape")
    # By keyboard alone: choose, change, flip, step.
    energy.canvas.focus()
    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowDown"):
        energy.canvas.press(key)
    expect(energy.description).to_contain_text("Chosen: weight h₁v₃ = −1.75")
    energy.button("Forget counts").click()
    expect(energy.description).to_contain_text("No steps are counted yet.")
    lab.wait_idle()
    row, column = lab.python("landscape.data.samples.state")
    energy.canvas.focus()
    energy.canvas.press("1")
    energy.canvas.press("5")
    lab.wait_idle()
    assert lab.python("landscape.data.samples.state") == [(row + 4) % 8, column ^ 1]
    energy.canvas.press("s")
    expect(energy.description).to_contain_text("After 1 Gibbs step ")
    # Two valleys: a chain that hardly ever crosses.
    energy.button("Two valleys").click()
    expect(energy.description).to_contain_text("000 46.7 %")
    before = energy.settled()
    energy.canvas.focus()
    energy.canvas.press(" ")
    energy.wait_for_change(before)
    energy.canvas.press(" ")
    expect(energy.button("Run")).to_be_visible()
    energy.button("Reset").click()
    expect(energy.description).to_contain_text("Chosen: weight h₁v₁ = +2. Z = 36.58")
    energy.button("All zero").click()
    expect(energy.description).to_contain_text("Z = 32,")


def test_cd_training(lab):
    training = lab.only(CHAPTER, "explorer-training")
    training.control("digits to learn").select_option("100")
    expect(training.description).to_contain_text("100 pictures to learn from")
    before = training.settled()
    training.button("Step").click()
    training.wait_for_change(before)
    expect(training.description).to_contain_text("Update 5 of branch A")
    training.button("Run").click()
    expect(training.description).not_to_contain_text("Update 5 ")
    training.button("Pause").click()
    expect(training.button("Run")).to_be_visible()
    lab.wait_idle()
    reached = lab.python("training.time")
    lab.page.wait_for_timeout(400)
    assert lab.python("training.time") == reached
    lab.python("training.advance(30)")
    expect(training.description).to_contain_text("learns its digits by heart")
    training.slider("step").press("Home")
    expect(training.description).to_contain_text("Update 0 of branch A")
    training.slider("Gibbs steps k").press("ArrowRight")
    training.control("method").select_option("PCD")
    lab.wait_idle()
    training.canvas.focus()
    training.canvas.press("s")
    expect(training.description).to_contain_text("PCD-2. Update 5 of branch B")
    lab.python("training.advance(20)")
    training.in_both_themes("ch04-training", "training")
    training.button("Fork").click()
    expect(training.description).to_contain_text("of branch C")
    # Pictures so small that their likelihood can be added up.
    training.control("pictures").select_option("bars and stripes")
    expect(training.description).to_contain_text("10 hidden units")
    expect(training.description).to_contain_text("exact log-likelihood")
    lab.wait_idle()
    training.slider("learning rate").press("End")
    lab.wait_idle()
    lab.python("training.advance(60)")
    expect(training.description).to_contain_text("It was higher")
    training.in_both_themes("ch04-training-bars", "training")
    training.button("Reset").click()
    expect(training.description).to_contain_text("Digits (MNIST), 4,000 pictures")
