"""The explorers of chapter 05 in a real browser."""

from lab import expect

SETUP = "from dlkit.widgets.ch05_dbn import *"


def counted(lab, explorer, pattern, least):
    """Wait until the number that `pattern` finds in the description is large enough."""
    lab.page.wait_for_function(
        "([words, pattern, least]) => "
        "+words.textContent.match(pattern)?.[1].replace(',', '') >= least",
        arg=[explorer.description.element_handle(), pattern, least],
    )


def place(lab, x, y):
    """A place of the sheet, in inches, as fractions of the picture."""
    width, height = lab.python("e.size")
    return x / width, y / height


def test_labels_against_pretraining(lab):
    labels = lab.show("LabelsAgainstPretraining()", SETUP)
    expect(labels.description).to_contain_text("With 300 labels of MNIST")
    before = labels.settled()
    labels.slider("labels").press("ArrowRight")
    before = labels.wait_for_change(before)
    expect(labels.description).to_contain_text("With 1,000 labels of MNIST")
    labels.drag((0.3, 0.5), (0.6, 0.5))
    labels.wait_for_change(before)
    expect(labels.description).to_contain_text("With 50,000 labels of MNIST")
    labels.button("Train here").click()
    expect(labels.message).to_contain_text("the course ships 4,000 digits")

    labels.slider("labels").press("Home")
    expect(labels.description).to_contain_text("With 100 labels of MNIST")
    labels.control("net to train").select_option("random, ReLU")
    labels.button("Train here").click()
    expect(labels.button("Stop")).to_be_visible()
    expect(labels.description).to_contain_text("Now learning from 100 labels")
    labels.slider("labels").press("ArrowRight")  # the page answers while it learns
    expect(labels.description).to_contain_text("With 300 labels of MNIST")
    expect(labels.button("Train here")).to_be_visible(timeout=60_000)
    expect(labels.description).to_contain_text(
        "Trained here on 4,000 digits: random, ReLU, 100 labels"
    )
    assert 15 < lab.python("e.values['reruns'][0].error") < 35
    labels.in_both_themes("ch05-labels")

    labels.control("net to train").select_option("pretrained")
    labels.canvas.focus()
    labels.canvas.press(" ")
    expect(labels.description).to_contain_text("Now pretraining layer 1, without labels")
    labels.canvas.press(" ")
    expect(labels.button("Train here")).to_be_visible()
    expect(labels.description).not_to_contain_text("Now pretraining")
    labels.button("Reset").click()
    expect(labels.description).not_to_contain_text("Trained here")


def test_generate(lab):
    generate = lab.show("Generate()", SETUP)
    expect(generate.description).to_contain_text("A 4 held since step 0")
    before = generate.settled()
    generate.button("Step").click()
    generate.wait_for_change(before)
    expect(generate.description).to_contain_text("After 1 step.")
    generate.control("pace").select_option("fast")
    generate.button("Run").click()
    counted(lab, generate, r"After ([\d,]+) steps?", 80)
    generate.canvas.focus()
    generate.canvas.press("9")  # while it runs
    expect(generate.description).to_contain_text("A 9 held since step")
    expect(generate.description).to_contain_text("half did after")
    generate.button("Pause").click()
    expect(generate.button("Run")).to_be_visible()
    generate.settled()
    assert lab.python("bool((e.data.labels.argmax(axis=1) == 9).all())")
    generate.in_both_themes("ch05-generate")

    before = generate.settled()
    left, low, wide, high = lab.python("__import__('sys').modules[type(e).__module__].LABELS_AT")
    generate.click(*place(lab, left + wide / 2, low + 0.55 * high))
    generate.wait_for_change(before)
    expect(generate.control("label held")).to_have_value("4")
    before = generate.settled()
    generate.canvas.press("ArrowDown")
    generate.wait_for_change(before)
    expect(generate.description).to_contain_text("Chain 11 after")
    generate.control("label held").select_option("none: all free")
    expect(generate.description).to_contain_text("Labels free since step")
    generate.button("100 steps").click()
    generate.button("Reset").click()
    expect(generate.description).to_contain_text("After 0 steps. A 4 held")


def test_stack_it(lab):
    stack = lab.show("StackIt()", SETUP)
    expect(stack.description).to_contain_text("update 0. Layer 1 learns")
    before = stack.settled()
    stack.button("Step").click()
    stack.wait_for_change(before)
    expect(stack.description).to_contain_text("update 10.")
    stack.button("Run").click()
    counted(lab, stack, r"Updates so far: ([\d,]+) of layer 1", 200)
    stack.canvas.focus()
    stack.canvas.press("2")  # while it runs
    counted(lab, stack, r"([\d,]+) of layer 2", 200)
    stack.button("Pause").click()
    expect(stack.button("Run")).to_be_visible()
    stack.settled()
    learned = lab.python("e._now.updates")
    assert learned[0] >= 200
    assert learned[2] == 0
    assert lab.python("e.data.numbers['pixels 1']") < 0.05
    stack.in_both_themes("ch05-stack")

    before = stack.settled()
    stack.slider("step").press("Home")
    stack.wait_for_change(before)
    expect(stack.description).to_contain_text("update 0.")
    stack.button("Step").click()
    expect(stack.description).to_contain_text("branch B, update 10.")
    stack.click(*place(lab, 5.0, 5.0))
    expect(stack.control("layer that learns")).to_have_value("3")
    stack.button("Reset").click()
    expect(stack.description).to_contain_text("update 0. Layer 1 learns")
