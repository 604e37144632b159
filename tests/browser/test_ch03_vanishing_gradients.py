"""Chapter 03 in a real browser: both explorers by slider, keyboard, pointer, in both themes."""

from pathlib import Path

import pytest
from lab import expect

CHAPTER = Path(__file__).parents[2] / "chapters" / "03_vanishing_gradients.ipynb"


@pytest.mark.timeout(900)
def test_the_chapter_runs_and_both_explorers_are_alive(lab):
    lab.open(CHAPTER)
    lab.run_all(800)
    for cell_id, control in (("explorer-profile", "hidden layers"), ("explorer-train", "step")):
        explorer = lab.alive(cell_id)
        expect(explorer.slider(control)).to_be_visible()
    before = explorer.settled()
    explorer.button("Step").click()
    explorer.wait_for_change(before)
    expect(explorer.description).to_contain_text("Step 1 of branch A")


def test_profile(lab):
    profile = lab.only(CHAPTER, "explorer-profile")
    expect(profile.description).to_contain_text("The gradient vanishes.")
    picture = profile.settled()
    profile.slider("hidden layers").press("ArrowRight")
    profile.wait_for_change(picture)
    expect(profile.description).to_contain_text("13 hidden layers of 64 sigmoid units")
    picture = profile.settled()
    profile.slider("times gain").press("ArrowRight")
    profile.wait_for_change(picture)
    assert lab.python("profile.values['gain']") == pytest.approx(10**0.02)
    profile.slider("hidden layers").press("End")
    expect(profile.description).to_contain_text("30 hidden layers")
    lab.screenshot("profile-30", profile)
    profile.control("initial values").select_option("He")
    profile.control("activation").select_option("ReLU")
    expect(profile.description).to_contain_text("30 hidden layers of 64 ReLU units, plain")
    expect(profile.description).to_contain_text("The gradient arrives.")
    profile.control("layers").select_option("residual paths")
    expect(profile.description).to_contain_text("The gradient explodes.")
    picture = profile.settled()
    profile.click(0.75, 0.8)  # the middle of the chart on the right
    profile.wait_for_change(picture)
    assert 10 <= lab.python("profile.data.layer") <= 18
    layer = lab.python("profile.data.layer")
    profile.canvas.focus()
    profile.canvas.press("ArrowRight")
    expect(profile.description).to_contain_text(f"Layer {layer + 1}: √(1 + ")
    profile.in_both_themes("ch03-profile", "profile")
    profile.button("Reset").click()
    expect(profile.description).to_contain_text("12 hidden layers of 64 sigmoid units, plain")
    expect(profile.message).to_have_text("")
    profile.settled()
    lab.screenshot("profile-start", profile)


def test_train(lab):
    train = lab.only(CHAPTER, "explorer-train")
    expect(train.description).to_contain_text("Step 0 of branch A")
    picture = train.settled()
    train.button("Step").click()
    train.wait_for_change(picture)
    expect(train.description).to_contain_text("Step 1 of branch A")
    train.button("Run").click()
    expect(train.description).not_to_contain_text("Step 1 ")
    train.button("Pause").click()
    expect(train.button("Run")).to_be_visible()
    lab.wait_idle()
    reached = lab.python("training.time")
    lab.page.wait_for_timeout(400)
    assert lab.python("training.time") == reached
    lab.python("training.advance(30 - training.time) if training.time < 30 else None")
    expect(train.description).to_contain_text("12 sigmoid layers, Glorot, plain")
    assert lab.python("training.data.right") < 0.15
    # Another net: the curves of this one stay.
    train.control("layers").select_option("batch normalisation")
    expect(train.description).to_contain_text("1 was 12 sigmoid layers, Glorot, plain")
    lab.wait_idle()
    lab.python("training.advance(30)")
    expect(train.description).to_contain_text("Step 30 of branch A")
    assert lab.python("training.data.right") > 0.6
    train.slider("step").press("Home")
    expect(train.description).to_contain_text("Step 0 of branch A")
    train.slider("learning rate").press("PageUp")
    train.button("Fork").click()
    train.button("Step").click()
    expect(train.description).to_contain_text("Step 1 of branch B")
    lab.wait_idle()
    lab.python("training.advance(20)")
    train.in_both_themes("ch03-training", "training")
    train.canvas.focus()
    train.canvas.press("n")
    expect(train.description).to_contain_text("Step 22 of branch B")
    train.canvas.press(" ")
    expect(train.button("Pause")).to_be_visible()
    train.canvas.press(" ")
    expect(train.button("Run")).to_be_visible()
    # The page rounds 8 to what its slider can show, 7.94, and sends that back: nothing begins anew.
    lab.wait_idle()
    lab.python("(training.set(gain=8.0), training.advance(2))[0]")
    train.settled()
    assert lab.python("training.time") == 2
    # A net that diverges gets a sentence, and one can go on.
    train.control("activation").select_option("ReLU")
    train.control("initial values").select_option("He")
    train.control("layers").select_option("residual paths")
    train.slider("learning rate").press("End")
    train.button("Run").click()
    expect(train.message).to_contain_text("diverged in step")
    train.button("Reset").click()
    expect(train.description).to_contain_text("Step 0 of branch A")
    expect(train.description).not_to_contain_text("1 was")
    expect(train.message).to_have_text("")
