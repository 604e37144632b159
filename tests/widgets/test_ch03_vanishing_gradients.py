"""The explorers of chapter 03, driven without a browser."""

import asyncio
import copy
import math

import ipywidgets
import numpy as np
import pytest

from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.widgets import ch03_parts as parts
from dlkit.widgets.ch03_nets import ACTIVATIONS, NORMALISED, PATHS, RESIDUAL, Recipe, digits
from dlkit.widgets.ch03_profile import DIGITS
from dlkit.widgets.ch03_train import BATCH, BATCHES, EARLIER, Learner, apart
from dlkit.widgets.ch03_vanishing_gradients import GradientProfile, TrainItAnyway
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Style, render

EXPLORERS = [GradientProfile, TrainItAnyway]


@pytest.fixture(scope="module")
def chance():
    """Twelve sigmoid layers, 80 steps: ten times through the digits."""
    explorer = TrainItAnyway()
    explorer.advance(80)
    return explorer


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def ends(control):
    """What a person can set a control to: both ends of a slider, every choice of a list."""
    if isinstance(control, ipywidgets.Dropdown):
        return list(control.options)
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base**control.min, control.base**control.max]
    return [control.min, control.max]


def assert_texts_fit(explorer):
    """No text leaves the part of the picture that is made for it, and no two lie on each other."""
    wide, high = explorer.page.get_xlim()[1], explorer.page.get_ylim()[1]
    taken = []
    for label in explorer.labels._labels:
        rows, columns, _ = render(label.text, label.style, 100).shape
        assert label.x + columns / 100 <= wide, label.text
        assert rows / 200 <= label.y <= high - 0.04, label.text
        for left, right, y in taken:
            apart = label.x > right or label.x + columns / 100 < left
            assert apart or abs(y - label.y) > 0.15, label.text
        taken.append((label.x, label.x + columns / 100, label.y))


def test_both_explorers_begin_with_the_net_of_the_experiment():
    profile, training = (explorer().values for explorer in EXPLORERS)
    shared = profile.keys() & training.keys()
    assert {"depth", "width", "activation", "initial", "gain", "paths"} <= shared
    assert all(profile[name] == training[name] for name in shared)
    assert training["width"] == 64


@pytest.mark.parametrize("kind", EXPLORERS)
def test_every_control_goes_to_both_ends_and_says_what_it_shows(kind):
    explorer = kind()
    start, first = explorer.values, explorer.description
    for name, control in explorer.inputs.items():
        for value in ends(control):
            control.value = value
            assert explorer.message == "", (name, value)
            assert "nan" not in explorer.description.lower(), (name, value)
            assert "inf" not in explorer.description.lower(), (name, value)
            assert len(np.unique(pixels(explorer))) > 3
            assert_texts_fit(explorer)
        explorer.reset()
    assert explorer.values == start
    assert explorer.description == first


@pytest.mark.parametrize("kind", EXPLORERS)
def test_the_deepest_nets_with_the_wildest_values_leave_no_hole(kind):
    explorer = kind()
    deepest = explorer.inputs["depth"].max
    for activation in ACTIVATIONS:
        for paths in PATHS:
            for gain in (0.1, 10.0):
                for initial in ("He", "normal, 0.01"):
                    values = {"activation": activation, "paths": paths, "initial": initial}
                    explorer.set(depth=deepest, width=8, gain=gain, **values)
                    assert explorer.message == ""
                    assert "nan" not in explorer.description.lower(), explorer.description
                    assert_texts_fit(explorer)


@pytest.mark.parametrize("kind", EXPLORERS)
def test_a_value_that_makes_no_sense_changes_nothing(kind):
    explorer = kind()
    before, words, data = explorer.values, explorer.description, explorer.data
    for name in ("depth", "width", "gain"):
        control = explorer.inputs[name]
        for nonsense in (math.nan, math.inf, "much", None, 31 * control.max, -1):
            with pytest.raises(ValueError, match=name):
                explorer.set(**{name: nonsense})
            assert explorer.values == before
    for name in ("activation", "initial", "paths"):
        with pytest.raises(ValueError, match=f"{name} cannot be 'magic': possible are"):
            explorer.set(**{name: "magic"})
    with pytest.raises(ValueError, match="no control 'colour'"):
        explorer.set(colour="red")
    with pytest.raises(ValueError, match="no control 'colour'"):
        kind(colour="red")
    assert explorer.values == before
    assert explorer.description == words
    assert explorer.data.recipe == data.recipe


@pytest.mark.parametrize("kind", EXPLORERS)
def test_nothing_of_the_widget_is_shadowed(kind):
    explorer = kind()
    own = {name for name in vars(explorer) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"


@pytest.mark.parametrize("kind", EXPLORERS)
def test_it_is_legible_in_the_dark(kind):
    explorer = kind()
    light = pixels(explorer)
    explorer.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(explorer)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200  # there is something to see


# ---------------------------------------------------------------------------- profile


def test_the_picture_shows_what_was_computed():
    profile = GradientProfile(depth=9, activation="tanh", initial="He")
    data = profile.data
    for line, values in [
        (profile.sent, data.profile.forward),
        (profile.differing, data.profile.differing),
        (profile.arrived, data.profile.backward),
        (profile.strip.line, data.profile.saturated),
        (profile.expected[0], data.theory.forward),
        (profile.expected[1], data.theory.backward),
        (profile.expected[2], data.theory.saturated),
    ]:
        assert list(line.get_xdata()) == list(range(1, 10))
        assert line.get_ydata() == pytest.approx(values)
    assert len(data.profile.answers[0]) == DIGITS
    assert data.profile.backward[-1] == data.theory.backward[-1]


def test_a_sigmoid_net_forgets_what_it_sees_and_relu_with_he_does_not():
    profile = GradientProfile()
    assert "The gradient vanishes." in profile.description
    across = profile.data.profile.backward[0] / profile.data.profile.backward[-1]
    assert across == pytest.approx(0.236**11, rel=0.5)
    assert f"gets {parts.size(across)} of what the last gets" in profile.description
    # Forward it is the same: what the last layer hands on hardly depends on the digit.
    assert profile.data.profile.differing[-1] < 1e-6 * profile.data.profile.forward[-1]
    profile.set(depth=30)
    assert "less than the rounding of float64 in the last" in profile.description
    shown = np.isfinite(profile.differing.get_ydata())
    assert shown[:20].all()
    assert not shown[24:].any()
    profile.set(depth=12, activation="ReLU", initial="He")
    assert "The gradient arrives." in profile.description
    assert profile.data.profile.differing[-1] > 0.1 * profile.data.profile.forward[-1]
    profile.set(gain=10.0)
    assert "The gradient explodes." in profile.description


def test_the_formula_is_written_with_its_numbers():
    profile = GradientProfile(depth=3, layer=3)
    texts = profile.labels.texts
    n_var, slope = 1.0, profile.data.theory.slopes[2]
    factor = f"√({n_var:.2f} × {slope:.3f}) = {math.sqrt(n_var * slope):.3f}"
    assert any(text.endswith(f"{factor}   theory") for text in texts)
    measured = profile.data.profile.backward[1] / profile.data.profile.backward[2]
    assert f"{measured:.3f}   measured" in texts
    profile.set(paths=RESIDUAL)
    slope = profile.data.theory.slopes[2]
    factor = f"√(1 + 1.00 × {slope:.3f}) = {math.sqrt(1 + slope):.2f}"
    assert factor in profile.description
    profile.set(paths=NORMALISED)
    assert "√(E[f′²] / var(f)) = √(0.045 / 0.043) = 1.02" in profile.description


def test_pointer_and_keys_choose_the_layer():
    profile = GradientProfile(depth=5)
    assert profile.data.layer == 2
    for axes in profile.charts:
        x = 3.4 if profile.data.layer != 3 else 4.2
        profile.on_pointer(Pointer("down", axes, x, 0.1))
        assert profile.data.layer == round(x)
    profile.on_pointer(Pointer("move", profile.forward, 1.0, 0.1))  # only passing
    assert profile.data.layer != 1
    profile.on_pointer(Pointer("move", profile.forward, 6.4, 0.1, pressed=True))
    assert profile.data.layer == 5
    profile.on_pointer(Pointer("down", profile.page, 1.0, 1.0))
    assert profile.data.layer == 5
    for key, layer in [("ArrowRight", 5), ("ArrowLeft", 4), ("ArrowLeft", 3)]:
        profile.on_key(Key(key))
        assert profile.data.layer == layer
    assert [cursor.get_xdata()[0] for cursor in profile.cursors] == [3] * 4
    profile.set(depth=2)  # a layer that is gone is not looked at
    assert profile.data.layer == 2
    for _ in range(3):
        profile.on_key(Key("ArrowLeft"))
    assert profile.data.layer == 1
    assert any("before it are the pixels" in text for text in profile.labels.texts)
    for nonsense in (0, 1.5, "first", None, math.nan):
        with pytest.raises(ValueError, match="layer must"):
            GradientProfile(layer=nonsense)
        with pytest.raises(ValueError, match="layer must"):
            profile.set(layer=nonsense)
        assert profile.values["layer"] == 1
    profile.set(layer=99)  # the last one there is
    assert profile.data.layer == 2


def test_one_layer_hands_nothing_back():
    profile = GradientProfile(depth=1)
    assert "hidden layer of" in profile.description
    assert "On its way back" not in profile.description
    assert not any("back to" in text for text in profile.labels.texts)


def test_a_net_that_is_off_says_so():
    profile = GradientProfile(depth=30, width=8, activation="ReLU", initial="He")
    for seed in range(21):
        profile.set(seed=seed)
        if not profile.data.profile.backward[0]:
            break
    else:
        pytest.fail("no net of 8 units broke off: choose other seeds")
    assert "No gradient at all arrives at the first layer" in profile.description
    assert len(np.unique(pixels(profile))) > 3


# ---------------------------------------------------------------------------- training


def test_twelve_sigmoid_layers_stay_at_chance(chance):
    assert chance.message == ""
    assert chance.time == 80
    assert chance.data.right < 0.13
    assert chance.data.loss == pytest.approx(math.log(10), abs=0.02)
    assert chance.data.profile.backward[0] < 1e-5 * chance.data.profile.backward[-1]
    assert "12 sigmoid layers, Glorot, plain" in chance.description
    assert "To all digits the last layer says the same" in chance.description


@pytest.mark.parametrize(
    "mend",
    [
        {"activation": "ReLU", "initial": "He"},
        {"activation": "tanh"},
        {"paths": NORMALISED},
        {"paths": RESIDUAL},
        {"depth": 2, "learning_rate": 10**-1.0},
    ],
    ids=str,
)
def test_what_mends_it(mend):
    """80 steps. Four seeds each: 0.87 to 0.92 of the test digits told right."""
    explorer = TrainItAnyway(**mend)
    explorer.advance(80)
    assert explorer.message == ""
    assert explorer.data.right > 0.75


@pytest.mark.parametrize("paths", PATHS)
def test_a_step_is_ten_minibatches_of_sgd_with_momentum(paths):
    recipe = Recipe(3, 10, "tanh", "Glorot", 1.0, paths, 5)
    learner, net, split = Learner(recipe), recipe.build(), digits()
    optimiser, loss = SGD(net.parameters, 0.02, momentum=0.9), CrossEntropyLoss()
    seen = []
    for step in range(9):  # the ninth begins the second pass
        learner.step(0.02)
        order = np.random.default_rng((5, step // 8)).permutation(4000)
        losses = []
        for batch in order.reshape(-1, BATCH)[step % 8 * BATCHES :][:BATCHES]:
            losses.append(loss(net(split.x_train[batch]), split.y_train[batch]))
            net.backward_parameters(loss.backward())
            optimiser.step(net.gradients)
            seen.append(batch)
        assert learner.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert np.array_equal(np.sort(np.concatenate(seen[:80])), np.arange(4000))
    for name, array in (net.parameters | net.buffers).items():
        found = (learner.net.parameters | learner.net.buffers)[name]
        np.testing.assert_allclose(found, array, rtol=1e-4, atol=1e-6)
    right = (net.eval()(split.x_test).argmax(axis=1) == split.y_test).mean()
    assert learner.right == pytest.approx(right)
    assert learner.net.training


@pytest.mark.parametrize("paths", PATHS)
def test_a_twin_goes_on_as_the_original_does_and_alone(paths):
    learner = Learner(Recipe(3, 10, "ReLU", "He", 1.0, paths, 1))
    learner.step(0.05)
    twin, before = copy.deepcopy(learner), learner.net.state_dict()
    twin.step(0.05)
    for name, array in learner.net.state_dict().items():
        assert np.array_equal(array, before[name])
    learner.step(0.05)
    for name, array in learner.net.state_dict().items():
        assert np.array_equal(array, twin.net.state_dict()[name])


def test_looking_changes_nothing():
    explorer = TrainItAnyway(depth=3, paths=NORMALISED)
    explorer.advance(2)
    before = explorer._now.net.state_dict()
    for _ in range(3):
        explorer.refresh()
    for name, array in explorer._now.net.state_dict().items():
        assert np.array_equal(array, before[name])


def test_the_curves_are_what_was_recorded(chance):
    for name in ("loss", "right"):
        recorded = chance.curves(name)["A"]
        assert len(recorded) == 80
        assert chance.drawn[name].get_xdata() == pytest.approx(np.arange(1, 81))
        assert chance.drawn[name].get_ydata() == pytest.approx(recorded)
        assert chance.marks[name].get_xdata() == [80]
    assert chance.arrived.get_ydata() == pytest.approx(chance.data.profile.backward)
    assert chance.before.get_ydata() == pytest.approx(chance.data.start.backward)


def test_rewind_and_go_on_makes_a_branch_to_compare_with():
    explorer = TrainItAnyway(depth=2, activation="ReLU", initial="He")
    explorer.advance(6)
    explorer.rewind(3)
    assert "Step 3 of branch A" in explorer.description
    explorer.set(learning_rate=0.1)
    explorer.advance(2)
    assert [branch.length for branch in explorer.branches] == [6, 5]
    a, b = explorer.curves("loss").values()
    assert np.array_equal(a[:3], b[:3])
    assert a[3] != b[3]
    assert {text.strip() for text in explorer.tags["right"].texts} == {"A", "B"}
    assert "ends of the curves: A: " in explorer.description


def test_the_curves_of_earlier_nets_stay_until_reset():
    explorer = TrainItAnyway(depth=1)
    explorer.advance(2)
    explorer.set(depth=2)  # two steps are not worth keeping
    assert explorer._earlier == []
    for width in (8, 12, 16, 20):
        explorer.set(width=width)
        explorer.advance(6)
    explorer.set(activation="ReLU")
    assert [run.recipe.width for run in explorer._earlier] == [12, 16, 20][-EARLIER:]
    assert explorer.time == 0
    assert "1: 2 sigmoid layers, Glorot, plain" in explorer.labels.texts
    assert "1 was 2 sigmoid layers" in explorer.description
    assert len(explorer.others["loss"].get_xdata()) == 3 * 7  # a gap after each
    explorer.advance(1)
    assert {text.strip() for text in explorer.tags["loss"].texts} == {"1", "2", "3", "A"}
    assert_texts_fit(explorer)
    explorer.reset()
    assert explorer._earlier == []
    assert not len(explorer.others["loss"].get_xdata())


def test_a_gain_that_the_page_rounds_does_not_begin_anew():
    explorer = TrainItAnyway(depth=2, gain=8.0)
    explorer.advance(2)
    explorer.inputs["gain"].value = 10**0.9  # what a slider in steps of 0.05 can show: 7.94
    assert explorer.time == 2
    explorer.inputs["gain"].value = 10**0.95
    assert explorer.time == 0


def test_a_refused_setting_keeps_the_training():
    explorer = TrainItAnyway(depth=2)
    explorer.advance(6)
    with pytest.raises(ValueError, match="width"):
        explorer.set(width=-3)
    assert explorer.time == 6
    assert explorer._earlier == []


def test_divergence_says_what_to_do_and_keeps_the_last_step_that_worked():
    explorer = TrainItAnyway(activation="ReLU", initial="He", paths=RESIDUAL, learning_rate=0.1)
    explorer.advance(3)
    assert "diverged in step" in explorer.message
    assert "A learning rate of 0.1 is too large" in explorer.message
    assert np.isfinite(explorer.data.loss)
    reached = explorer.time
    explorer.set(learning_rate=1e-4)
    explorer.advance(3)
    assert explorer.message == ""
    assert explorer.time == reached + 3


def test_it_runs_and_pauses_by_keys():
    explorer = TrainItAnyway(depth=2)
    explorer.on_key(Key("n"))
    assert explorer.time == 1

    async def watch():
        explorer.on_key(Key(" "))
        while explorer.time < 4:
            await asyncio.sleep(0.01)
        explorer.on_key(Key(" "))
        reached = explorer.time
        await asyncio.sleep(0.2)
        return reached

    assert asyncio.run(asyncio.wait_for(watch(), 30)) == explorer.time


def test_names_at_the_ends_of_curves_keep_apart():
    style = Style("black")
    labels = [
        Label(10, y, name, style) for name, y in zip("ABCDE", (1, 1, 0.99, 0.5, 0), strict=True)
    ]
    labels.append(Label(50, 1, "F", style))
    placed = apart(labels, near=4, gap=0.1, top=1.0)
    heights = sorted(label.y for label in placed if label.x == 10)
    assert np.diff(heights).min() >= 0.1 - 1e-9
    assert all(0.05 <= label.y <= 0.95 for label in placed)
    assert placed[3].y == 0.5
    assert placed[5].y >= 0.9  # far to the right nobody is in its way


# ---------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.2361, "0.236"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (5e-19, "5.0e−19"),
        (1.3e-7, "1.3e−7"),
        (123.4, "123"),
        (2.5e7, "2.5e7"),
        (-0.5, "−0.500"),
    ],
)
def test_numbers_of_any_size_can_be_read(value, text):
    assert parts.size(value) == text


def test_powers_of_ten_are_written_as_such():
    powers = [parts.power(10.0**n) for n in (-12, -2, 0, 3, 24)]
    assert powers == ["1e−12", "0.01", "1", "1000", "1e24"]


def test_shares_do_not_look_like_nothing_or_all():
    assert [parts.percent(s) for s in (0, 0.001, 0.5, 0.998, 1)] == [
        "0 %",
        "< 1 %",
        "50 %",
        "> 99 %",
        "100 %",
    ]


def test_logarithmic_limits_hold_every_number():
    assert parts.decades(np.array([0.5, 0.02])) == (1e-3, 1)
    assert parts.decades(np.array([5e-19, 40.0])) == (1e-24, 1e3)
    assert parts.decades(np.array([1.0]), top=1) == (1e-3, 10)
    assert parts.decades(np.array([0.0, np.nan])) == (1e-3, 1)
