"""The explorers of chapter 04 in a real browser: keyboard, pointer, running chains, both themes."""

from lab import expect, notebook

SETUP = "from dlkit.widgets.ch04_rbm import *"


def show(lab, name, arguments=""):
    """An explorer on a page of its own, called `e` in the kernel."""
    lab.open(notebook(setup=SETUP, explorer=f"e = {name}({arguments})\ne"))
    lab.run_all()
    explorer = lab.explorer("explorer")
    explorer.wait_for_picture()
    return explorer


def settled(lab, explorer):
    """The picture once nothing is on its way any more: what comes next is another one."""
    lab.wait_idle()
    lab.page.wait_for_timeout(100)
    return explorer.picture()


def in_both_themes(lab, explorer, name):
    """The canvas follows the page's theme; pictures to look at. Ends in the light one."""
    picture = settled(lab, explorer)
    for theme in ("dark", "light"):
        lab.set_theme(theme == "dark")
        explorer.wait_for_change(picture)
        picture = settled(lab, explorer)
        assert lab.python("e.dark") == (theme == "dark")
        lab.screenshot(f"{name}-{theme}", explorer)


def test_energy_landscape(lab):
    energy = show(lab, "EnergyLandscape")
    energy.expect_named_controls()
    before = settled(lab, energy)
    energy.slider("weight h₁v₁").press("ArrowRight")
    energy.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("e.values['w11']") == 2.25
    # Drag the number on the line between h₁ and v₂ one inch up: two units more.
    before = settled(lab, energy)
    x, y = lab.python("__import__('dlkit.widgets.ch04_energy').widgets.ch04_energy.handle('w12')")
    width, height = lab.python("e.size")
    energy.drag((x / width, y / height), (x / width, (y + 1) / height))
    energy.wait_for_change(before)
    lab.wait_idle()
    assert lab.python("e.values['w12']") == 3.5
    expect(energy.description).to_contain_text("Chosen: weight h₁v₂ = +3.5")
    # The chain: a step, a run, a pause.
    energy.button("Step").click()
    expect(energy.description).to_contain_text("After 1 Gibbs step ")
    energy.button("Run").click()
    expect(energy.description).not_to_contain_text("After 1 Gibbs step ")
    energy.button("Pause").click()
    expect(energy.button("Run")).to_be_visible()
    lab.wait_idle()
    reached = lab.python("e.data.samples.steps")
    lab.page.wait_for_timeout(400)
    assert lab.python("e.data.samples.steps") == reached
    in_both_themes(lab, energy, "energy")
    # By keyboard alone: choose, change, flip, step.
    energy.canvas.focus()
    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowDown"):
        energy.canvas.press(key)
    expect(energy.description).to_contain_text("Chosen: weight h₁v₃ = −1.75")
    energy.button("Forget counts").click()
    expect(energy.description).to_contain_text("No steps are counted yet.")
    lab.wait_idle()
    row, column = lab.python("e.data.samples.state")
    energy.canvas.focus()
    energy.canvas.press("1")
    energy.canvas.press("5")
    lab.wait_idle()
    assert lab.python("e.data.samples.state") == [(row + 4) % 8, column ^ 1]
    energy.canvas.press("s")
    expect(energy.description).to_contain_text("After 1 Gibbs step ")
    # Two valleys: a chain that hardly ever crosses.
    energy.button("Two valleys").click()
    expect(energy.description).to_contain_text("000 46.7%")
    before = settled(lab, energy)
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
    training = show(lab, "CDTraining", "examples=100")
    training.expect_named_controls()
    before = settled(lab, training)
    training.button("Step").click()
    training.wait_for_change(before)
    expect(training.description).to_contain_text("Update 5 of branch A")
    training.button("Run").click()
    expect(training.description).not_to_contain_text("Update 5 ")
    training.button("Pause").click()
    expect(training.button("Run")).to_be_visible()
    lab.wait_idle()
    reached = lab.python("e.time")
    lab.page.wait_for_timeout(400)
    assert lab.python("e.time") == reached
    lab.python("e.advance(30)")
    expect(training.description).to_contain_text("learns its digits by heart")
    training.slider("step").press("Home")
    expect(training.description).to_contain_text("Update 0 of branch A")
    training.slider("Gibbs steps k").press("ArrowRight")
    training.control("method").select_option("PCD")
    lab.wait_idle()
    training.canvas.focus()
    training.canvas.press("s")
    expect(training.description).to_contain_text("PCD-2. Update 5 of branch B")
    lab.python("e.advance(20)")
    in_both_themes(lab, training, "training")
    training.button("Fork").click()
    expect(training.description).to_contain_text("of branch C")
    # Pictures so small that their likelihood can be added up.
    training.control("pictures").select_option("bars and stripes")
    expect(training.description).to_contain_text("10 hidden units")
    expect(training.description).to_contain_text("exact log-likelihood")
    lab.wait_idle()
    training.slider("learning rate").press("End")
    lab.wait_idle()
    lab.python("e.advance(60)")
    expect(training.description).to_contain_text("It was higher")
    in_both_themes(lab, training, "training-bars")
    training.button("Reset").click()
    expect(training.description).to_contain_text("Digits (MNIST), 100 pictures")
