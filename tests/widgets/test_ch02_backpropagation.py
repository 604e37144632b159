"""The explorers of chapter 02, driven without a browser."""

import asyncio
import contextlib
import copy
import math

import ipywidgets
import numpy as np
import pytest
from matplotlib.text import Text

from dlkit.models.dense import Linear, ReLU, Sequential, Tanh, mlp, softmax
from dlkit.models.losses import BCEWithLogitsLoss, MSELoss
from dlkit.models.optimisers import SGD
from dlkit.train import fit, numpy_step
from dlkit.widgets import ch02_microscope as microscope
from dlkit.widgets.ch02_backpropagation import (
    ComputationalGraph,
    DrawADigit,
    GradientMicroscope,
    LossLandscape,
    Playground,
)
from dlkit.widgets.ch02_digit import VIEWS, mnist, trained
from dlkit.widgets.ch02_expression import DEEPEST, NAMES, backward, depths, forward, parse
from dlkit.widgets.ch02_graph import READY, START
from dlkit.widgets.ch02_landscape import RACERS, STEPS, race
from dlkit.widgets.ch02_plane import ACTIVATIONS, DATASETS, OWN, VIEW, Learner, plane
from dlkit.widgets.ch02_playground import boundary, finer
from dlkit.widgets.ch02_surfaces import SURFACES
from dlkit.widgets.drawing_pad import BLANK, from_bytes
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import render


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def ends(control):
    """What a person can set a control to: both ends of a slider, every choice of a list."""
    if isinstance(control, (ipywidgets.Dropdown, ipywidgets.ToggleButtons, ipywidgets.Combobox)):
        return list(control.options)
    if isinstance(control, ipywidgets.Checkbox):
        return [True, False]
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base**control.min, control.base**control.max]
    return [control.min, control.max]


EXPLORERS = [ComputationalGraph, Playground, GradientMicroscope, LossLandscape, DrawADigit]


@pytest.mark.parametrize("kind", EXPLORERS)
def test_every_control_goes_to_both_ends_and_says_what_it_shows(kind):
    explorer = kind()
    start, first = explorer.values, explorer.description
    for name, control in explorer.inputs.items():
        for value in ends(control):
            control.value = value
            assert explorer.message == "", (name, value)
            assert len(explorer.description) > 40
            assert "nan" not in explorer.description.lower(), (name, value)
            assert len(np.unique(pixels(explorer))) > 3
        explorer.reset()
    assert explorer.values == start
    assert explorer.description == first


@pytest.mark.parametrize("kind", EXPLORERS)
def test_a_value_that_makes_no_sense_changes_nothing(kind):
    explorer = kind()
    before, words = explorer.values, explorer.description
    name, control = next(
        (name, c)
        for name, c in explorer.inputs.items()
        if isinstance(c, (ipywidgets.FloatSlider, ipywidgets.IntSlider))
    )
    for nonsense in (math.nan, math.inf, "much", None, control.max + 1):
        with pytest.raises(ValueError, match=name):
            explorer.set(**{name: nonsense})
        assert explorer.values == before
    with pytest.raises(ValueError, match="no control 'colour'"):
        explorer.set(colour="red")
    with pytest.raises(ValueError, match="no control 'colour'"):
        kind(colour="red")
    assert explorer.description == words


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


# ---------------------------------------------------------------------------- expressions


@pytest.mark.parametrize("expression", READY)
def test_gradients_agree_with_central_differences(expression, rng):
    graph = parse(expression)
    for _ in range(20):
        inputs = dict(zip(NAMES, rng.uniform(0.2, 2, len(NAMES)), strict=True))
        gradients = backward(graph, forward(graph, inputs))[-1]
        for i, node in enumerate(graph):
            if node.name in NAMES:
                up, down = (
                    forward(graph, inputs | {node.name: inputs[node.name] + e})[-1]
                    for e in (1e-6, -1e-6)
                )
                assert gradients[i] == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("x + 2*y - w/v", 2 + 2 * 3 - 4 / 5),
        ("-x**2", -4.0),
        ("(−x)^2", 4.0),
        ("x**-1", 0.5),
        ("x**0.5", math.sqrt(2)),
        ("exp(log(x)) · sqrt(y)", 2 * math.sqrt(3)),
        ("σ(0) + tanh(0) + relu(x) + ReLU(−y)", 0.5 + 2),
        ("x", 2.0),
    ],
)
def test_an_expression_has_the_value_python_gives(expression, value):
    inputs = dict(zip(NAMES, (2, 3, 4, 5, 6, 7), strict=True))
    assert forward(parse(expression), inputs)[-1] == pytest.approx(value)


def test_what_meets_at_a_node_adds_up():
    graph = parse("x*x + x")
    assert [node.name for node in graph].count("x") == 1
    steps = backward(graph, forward(graph, {"x": 3.0}))
    x = [node.name for node in graph].index("x")
    assert [gradients[x] for gradients in steps] == [0, 1, 7]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "is empty"),
        ("x +", "cannot be read"),
        ("z*2", "name 'z'; its inputs are called x, y"),
        ("x**y", "'y' where a plain number is expected, such as 2 in"),
        ("x + 1e7", "numbers must stay below a million"),
        ("x**1e400", "numbers must stay below a million"),
        ("sin(x)", "function 'sin'; there are sigmoid"),
        ("x.__class__", "which is none of"),
        ("lambda: 1", "which is none of"),
        ("x < y", "which is none of"),
        ("'x'", "a plain number is expected"),
        ("True", "a plain number is expected"),
        ("tanh(x, y)", "which is none of"),
        ("x" * 201, "at most 200 characters"),
        ("+".join("x" * 20), "has 19 operations; 14 fit"),
        ("exp(" * 9 + "x" + ")" * 9, "is 9 operations deep; 8 fit"),
        ("(" * 150 + "x" + ")" * 40, "cannot be read"),
        (7, "must be text"),
    ],
)
def test_an_expression_that_cannot_be_drawn_gets_a_sentence(expression, words):
    with pytest.raises(ValueError, match=words):
        parse(expression)


@pytest.mark.parametrize("expression", ["log(x - 9)", "1/(x - 2)", "exp(exp(9*x))", "(x-9)**0.5"])
def test_a_value_that_does_not_exist_gets_a_sentence(expression):
    with pytest.raises(ValueError, match=r"has no finite value: .*; choose other inputs"):
        forward(parse(expression), START)


# ---------------------------------------------------------------------------- graph


def test_the_walk_computes_forward_and_hands_gradients_back():
    graph = ComputationalGraph(expression="(x + y)*x")
    assert graph.data.steps == graph.inputs["step"].max == 5
    seen = []
    for step in range(6):
        graph.set(step=step)
        seen.append(tuple(np.isnan([graph.data.values, graph.data.gradients]).sum(axis=1)))
    assert seen == [(2, 4), (1, 4), (0, 4), (0, 3), (0, 1), (0, 0)]
    by_name = {n.name: g for n, g in zip(graph.data.graph, graph.data.gradients, strict=True)}
    x, y = START["x"], START["y"]
    assert by_name == {"x": 2 * x + y, "y": x, "u₁": x, "L": 1}
    assert "+= 2 × 1 = 2,  together ∂L/∂x = 3" in graph.description
    assert "same numbers to five digits" in graph.description


def test_softmax_of_two_classes_gives_p_minus_one():
    graph = ComputationalGraph(expression="-log(sigmoid(w*x + b))", w=0.5, x=2, b=-0.5, step=11)
    z = 0.5 * 2 - 0.5
    gradients = dict(zip((n.name for n in graph.data.graph), graph.data.gradients, strict=True))
    assert gradients["b"] == pytest.approx(1 / (1 + math.exp(-z)) - 1)


def test_a_bad_expression_keeps_the_picture_and_a_good_one_mends_it():
    graph = ComputationalGraph()
    before = pixels(graph)
    graph.inputs["expression"].value = "(w*x"
    assert "cannot be read" in graph.message
    assert np.array_equal(pixels(graph), before)
    graph.inputs["expression"].value = "w*x"
    assert graph.message == ""
    assert not np.array_equal(pixels(graph), before)


def test_a_walk_through_what_cannot_be_read_stays_where_it_is():
    graph = ComputationalGraph(step=3)
    graph.inputs["expression"].value = "(w*x"
    for call in graph.actions().values():
        with pytest.raises(ValueError, match="cannot be read"):
            call()
    assert graph.values["step"] == 3


def test_an_expression_without_inputs_says_so():
    graph = ComputationalGraph(expression="3")
    assert "There are no inputs." in graph.description
    graph.set(step=1)
    assert "no inputs to change" in graph.description


def test_only_the_inputs_that_occur_have_sliders():
    graph = ComputationalGraph(expression="w*x + b")
    shown = {name for name in NAMES if graph.inputs[name].layout.display != "none"}
    assert shown == {"w", "x", "b"}


def test_a_shorter_expression_ends_the_walk_earlier():
    graph = ComputationalGraph(step=15)
    graph.set(expression="w*x")
    assert graph.values["step"] == graph.inputs["step"].max == 3
    assert "Done" in graph.description


def test_keys_and_clicks_walk():
    graph = ComputationalGraph()
    for key, step in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 15)]:
        graph.on_key(Key(key))
        assert graph.values["step"] == step
    graph.on_key(Key("ArrowRight"))
    assert graph.values["step"] == 15
    place = graph._places[-1]
    for step in (7, 9):  # L is the seventh operation; its way back follows ∂L/∂L
        graph.on_pointer(Pointer("down", graph.axes, *place))
        assert graph.values["step"] == step
    graph.on_pointer(Pointer("down", graph.axes, 0.01, 0.01))
    assert graph.values["step"] == 9
    for label, call in graph.actions().items():
        call()
        assert graph.message == "", label
    assert graph.values["step"] == 15


@pytest.mark.parametrize(
    "expression",
    [*READY, "x", "tanh(" * DEEPEST + "x" + ")" * DEEPEST, "x*y*w*v*b*d + x*y*w", "2*x + 3*y + 4"],
)
def test_everything_stays_inside_the_picture_and_apart(expression):
    graph = ComputationalGraph(expression=expression)
    assert max(depths(graph.data.graph)) <= DEEPEST
    x, y = np.array(graph._places).T
    assert x.min() > 0.1
    assert x.max() + 0.85 < graph.size[0]
    assert y.min() > 0.8
    assert y.max() < graph.size[1] - 0.5
    apart = [math.dist(a, b) for i, a in enumerate(graph._places) for b in graph._places[:i]]
    assert min(apart, default=1) > 0.3
    graph.set(step=graph.inputs["step"].max)
    assert len(np.unique(pixels(graph))) > 3


@pytest.mark.parametrize("expression", READY)
@pytest.mark.parametrize("inputs", [{}, {"x": 4, "w": -3, "v": 0, "b": 0}])  # the saturated unit
def test_no_number_lies_on_another(expression, inputs):
    graph = ComputationalGraph(expression=expression, **inputs)
    graph._prepare()
    renderer, to_inches = graph.frame.layers.canvas.get_renderer(), graph.axes.transData.inverted()
    names = [
        (
            f"name {text.get_text()}",
            *text.get_window_extent(renderer).transformed(to_inches).extents,
        )
        for text in graph._still
        if isinstance(text, Text) and text.get_text()[0] in "uL"
    ]
    for step in range(graph.inputs["step"].max + 1):
        graph.set(step=step)
        boxes = [*names]
        for label in graph._labels._labels:
            high, wide = (side / 100 for side in render(label.text, label.style, 100).shape[:2])
            left, low = label.x - label.style.anchor * wide, label.y - high / 2
            for text, *other in boxes:
                across = min(left + wide, other[2]) - max(left, other[0])
                up = min(low + high, other[3]) - max(low, other[1])
                assert min(across, up) < 0.05, (step, label.text, text)  # in inches
            boxes.append((label.text, left, low, left + wide, low + high))


# ---------------------------------------------------------------------------- microscope


@pytest.mark.parametrize("name", ["tanh", "ReLU"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_under_the_microscope_is_that_of_the_layers(name, dtype):
    linear = Linear(1, 1, rng=np.random.default_rng(0), dtype=dtype)
    net, criterion = Sequential(linear, {"tanh": Tanh, "ReLU": ReLU}[name]()), MSELoss()
    for w in (-0.3, 0.49, 0.5, 0.8):
        linear.weight[:], linear.bias[:] = w, microscope.BIAS
        expected = criterion(net(np.ones((1, 1))), np.full((1, 1), microscope.TARGET))
        received = microscope.loss(np.array(w, dtype), name)
        assert received.dtype == dtype
        assert float(received) == pytest.approx(expected, rel=4 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("z", [-0.7, -0.01, 0.3, 1.0])
@pytest.mark.parametrize("name", ["tanh", "ReLU"])
def test_the_curvatures_of_the_theory_are_derivatives(z, name):
    h, w = 1e-3, z - microscope.BIAS

    def slope(e):
        return microscope.backpropagated(w + e, name)

    second, third = microscope.curvatures(z, name)
    assert second == pytest.approx((slope(h) - slope(-h)) / (2 * h), rel=1e-4, abs=1e-5)
    assert third == pytest.approx((slope(h) - 2 * slope(0) + slope(-h)) / h**2, rel=1e-3, abs=1e-4)


def test_the_curve_is_a_u_where_theory_says():
    slide = GradientMicroscope.compute(-5.0, 0.1, "tanh", "right")
    for name, eps in (("central, float64", 2.2e-16), ("central, float32", 1.2e-7)):
        best, error = microscope.best_step(slide.errors[name])
        assert 0.1 < best / eps ** (1 / 3) < 10
        assert error < 30 * eps ** (2 / 3)
    for name, eps in (("forward, float64", 2.2e-16), ("forward, float32", 1.2e-7)):
        assert 0.1 < microscope.best_step(slide.errors[name])[0] / eps**0.5 < 10
    wide = slice(-15, None)  # where truncation rules, the theory's line is the error
    error, theory = slide.errors["central, float64"][wide], slide.truncation["central"][wide]
    assert error == pytest.approx(theory, rel=0.05)


def test_the_central_difference_stumbles_over_the_kink_only_where_it_reaches_it():
    slide = GradientMicroscope.compute(-2.0, 1e-3, "ReLU", "right")
    reaches = microscope.H > 1.001e-3
    assert slide.errors["central, float64"][reaches].min() > 0.1
    assert slide.errors["central, float64"][~reaches].max() < 1e-2
    assert slide.errors["forward, float64"][reaches].max() < 0.11  # it looks the other way
    left = GradientMicroscope.compute(-2.0, 1e-3, "ReLU", "left")
    assert left.slope == 0
    assert left.errors["forward, float64"][reaches].min() > 0.1
    assert np.all(left.errors["forward, float64"][microscope.H < 0.99e-3] == 0)


def test_it_says_what_errs():
    lens = GradientMicroscope()
    for settings, words in [
        ({"exponent": -1.0}, "curvature is what errs"),
        ({"exponent": -9.0}, "rounding is what errs"),
        ({"exponent": -12.0}, "In float32 w + h is w itself"),
        ({"activation": "ReLU", "distance": 1e-2, "exponent": -1.0}, "mixes two slopes"),
        ({"activation": "ReLU", "side": "left", "exponent": -2.0}, "nothing errs"),
    ]:
        lens.set(**settings)
        assert words in lens.description
        lens.reset()


def test_where_the_relu_is_off_a_flat_loss_is_not_called_rounding():
    lens = GradientMicroscope(activation="ReLU", side="left", exponent=-2.0)
    assert "rounding" not in lens.description
    assert "w itself" not in lens.description
    lens.set(exponent=-12.0)
    assert "In float32 w + h is w itself" in lens.description


def test_digits_that_are_right_are_counted():
    assert microscope.agreeing("−2.77", "−2.78") == 4
    assert microscope.agreeing("+1.0", "−1.0") == 0
    assert microscope.agreeing("+1.0", "+1.0") == 4


# ---------------------------------------------------------------------------- landscape


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda s: s.name)
def test_a_landscape_is_what_it_says(surface, rng):
    for x, y in rng.uniform(*np.array([surface.x_range, surface.y_range]).T, size=(20, 2)):
        h = 1e-6
        across = (surface.value(x + h, y) - surface.value(x - h, y)) / (2 * h)
        up = (surface.value(x, y + h) - surface.value(x, y - h)) / (2 * h)
        assert surface.gradient(x, y) == pytest.approx((across, up), rel=1e-6, abs=1e-6)
    for minimum in surface.minima:
        assert surface.gradient(*minimum) == pytest.approx((0, 0), abs=1e-9)
        around = np.array(minimum)[:, None] + 1e-3 * rng.standard_normal((2, 50))
        assert np.all(surface.value(*around) > surface.value(*np.array(minimum)))
    grid = np.meshgrid(np.linspace(*surface.x_range, 200), np.linspace(*surface.y_range, 200))
    assert surface.value(*grid).min() >= surface.lowest - 1e-12
    assert surface.x_range[0] < surface.start[0] < surface.x_range[1]
    assert surface.y_range[0] < surface.start[1] < surface.y_range[1]


def test_gradient_descent_in_the_ravine_is_geometric_and_breaks_at_two_over_the_curvature():
    path = race("ravine", "sgd", 0.03, 0.0, -2.8, 1.0)
    t = np.arange(STEPS + 1)
    assert path[:, 0] == pytest.approx(-2.8 * (1 - 0.03) ** t)
    assert path[:, 1] == pytest.approx((1 - 0.03 * 20) ** t)
    assert abs(race("ravine", "sgd", 0.099, 0.0, -2.8, 1.0)[-1, 1]) < 0.1
    assert abs(race("ravine", "sgd", 0.101, 0.0, -2.8, 1.0)[-1, 1]) > 5


def test_who_starts_on_the_ridge_of_the_saddle_stays_there():
    landscape = LossLandscape(surface="saddle", start=(-2.0, 0.0))
    for racer in RACERS:
        assert landscape.data.place(racer) == pytest.approx((0, 0), abs=0.05)
    landscape.set(start=(-2.0, 0.001))
    assert all(abs(landscape.data.place(racer)[1]) > 1 for racer in RACERS)


def test_only_momentum_leaves_the_shallow_well():
    race = LossLandscape(surface="two minima").data
    ends = {racer: race.place(racer)[0] for racer in RACERS}
    assert ends.pop("momentum") < -1
    assert min(ends.values()) > 0.9


def test_who_leaves_the_map_is_named_and_the_others_go_on():
    landscape = LossLandscape(sgd=1.0)
    assert (
        "SGD left the map at step 2, farther than 50 from the middle: its learning rate"
        in landscape.description
    )
    assert landscape.data.order()[-1] == "sgd"
    assert len(landscape.data.paths["adam"]) == STEPS + 1
    landscape.set(step=1)
    assert "left the map" not in landscape.description


def test_the_start_follows_pointer_and_keys_and_stays_on_the_map():
    landscape = LossLandscape()
    landscape.on_pointer(Pointer("down", landscape.map, 1.5, -1.0))
    assert landscape.values["start"] == (1.5, -1.0)
    assert np.array_equal(landscape.data.paths["sgd"][0], (1.5, -1.0))
    landscape.on_pointer(Pointer("move", landscape.map, 1.0, 1.0))  # not pressed: only passing
    assert landscape.values["start"] == (1.5, -1.0)
    landscape.on_pointer(Pointer("move", landscape.map, 1.0, 1.0, pressed=True))
    assert landscape.values["start"] == (1.0, 1.0)
    landscape.on_key(Key("ArrowRight"))
    assert landscape.values["start"] == pytest.approx((1 + 0.02 * 6.4, 1))
    for _ in range(30):
        landscape.on_key(Key("ArrowUp", shift=True))
    assert landscape.values["start"][1] == 2.0
    landscape.on_pointer(Pointer("down", landscape.chart, 57.2, 1e-3))
    assert landscape.values["step"] == 57
    for key, step in (("n", 58), ("p", 57)):
        landscape.on_key(Key(key))
        assert landscape.values["step"] == step


def test_a_start_off_the_map_changes_nothing():
    landscape = LossLandscape()
    data = landscape.data
    for start in [(9, 0), (math.nan, 0), (1, 2, 3), "here", None]:
        with pytest.raises(ValueError, match="start must"):
            landscape.set(start=start)
        with pytest.raises(ValueError, match="start must"):
            LossLandscape(start=start)
    assert landscape.data is data


def test_another_landscape_brings_its_start_unless_one_is_given():
    landscape = LossLandscape()
    landscape.inputs["surface"].value = "saddle"
    assert landscape.values["start"] == SURFACES["saddle"].start
    landscape.set(surface="two minima")
    assert landscape.values["start"] == SURFACES["two minima"].start
    landscape.set(start=(0.5, 0.5), surface="ravine")
    assert landscape.values["start"] == (0.5, 0.5)
    assert LossLandscape(start=(1.0, 1.0), surface="saddle").values["start"] == (1.0, 1.0)


def test_the_race_runs_as_a_film_and_pauses():
    landscape = LossLandscape(step=STEPS)
    with pytest.raises(ValueError, match="event loop"):
        landscape.run()

    async def watch():
        landscape.run()
        await asyncio.sleep(0.3)
        landscape.pause()
        return landscape.values["step"]

    step = asyncio.run(watch())
    assert 0 < step < STEPS
    assert landscape.values["step"] == step


async def deaf():
    """Stands in for `wait_painted` where Python swallows a cancellation."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", [LossLandscape, Playground])
def test_pause_stops_even_a_task_that_did_not_hear_it(kind):
    async def watch(explorer):
        explorer.frame.wait_painted = deaf
        explorer.on_key(Key(" "))
        await asyncio.sleep(0.2)
        explorer.on_key(Key(" "))
        paused = explorer.description
        await asyncio.sleep(0.2)
        return paused

    explorer = kind()
    before = explorer.description
    paused = asyncio.run(watch(explorer))
    assert paused == explorer.description != before


# ---------------------------------------------------------------------------- playground


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_points_fill_the_plane_and_have_two_classes(dataset, noise):
    points = plane(dataset, noise, 3, ())
    assert points.x.shape == (200, 2)
    assert points.x_test.shape == (100, 2)
    assert 1 <= np.abs(points.x).max() <= VIEW
    assert 0.3 < points.y.mean() < 0.7


def test_a_pass_is_what_train_fit_does():
    points = plane("moons", 0.1, 0, ())
    learner = Learner(depth=2, width=5, activation="tanh", seed=7)
    twin = copy.deepcopy(learner)
    settings = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3, "batch_size": 20}
    for _ in range(3):
        learner.epoch(points.x, points.y, **settings)
    optimiser = SGD(twin.net.parameters, 0.05, momentum=0.9, weight_decay=1e-3)
    step = numpy_step(twin.net, BCEWithLogitsLoss(), optimiser)
    target = points.y[:, None].astype(np.float32)
    fit(step, (points.x, target), epochs=3, batch_size=20, rng=twin.rng, progress=False)
    for name, parameter in learner.net.parameters.items():
        np.testing.assert_allclose(parameter, twin.net.parameters[name], rtol=1e-4, atol=1e-6)


def test_a_twin_goes_on_as_the_original_does_and_alone():
    points = plane("XOR", 0.1, 0, ())
    learner = Learner(depth=1, width=3, activation="ReLU", seed=1)
    settings = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0, "batch_size": 20}
    learner.epoch(points.x, points.y, **settings)
    twin, before = copy.deepcopy(learner), learner.net.state_dict()
    twin.epoch(points.x, points.y, **settings)
    for name, parameter in learner.net.parameters.items():
        assert np.array_equal(parameter, before[name])
    learner.epoch(points.x, points.y, **settings)
    for name, parameter in learner.net.parameters.items():
        assert np.array_equal(parameter, twin.net.parameters[name])


def test_the_map_is_the_answer_of_the_net():
    playground = Playground(dataset="XOR", depth=2, width=3)
    playground.advance(5)
    learner, scene = playground._now, playground.data
    z = learner.net(np.array([[-2.0, -2.0], [2.0, 2.0]], np.float32))[:, 0]
    assert scene.probability[[0, -1]] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-5)
    hidden = np.tanh(
        np.array([[-2.0, -2.0]]) @ learner.linears[0].weight.T + learner.linears[0].bias
    )
    assert scene.answers[0][0] == pytest.approx(hidden[0], rel=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_learns_blobs(activation):
    playground = Playground(dataset="blobs", noise=0.0, activation=activation)
    playground.advance(60)
    assert playground.message == ""
    assert playground.data.right > 0.98


def test_no_hidden_layer_fails_on_xor_and_one_solves_it():
    playground = Playground(dataset="XOR", depth=0)
    playground.advance(60)
    assert playground.data.right < 0.8
    playground.set(depth=1)
    playground.advance(60)
    assert playground.data.right > 0.95
    assert playground.time == 60


def test_the_map_is_interpolated_and_its_boundary_is_where_the_answer_changes():
    rough = np.add.outer(np.arange(4.0), 10 * np.arange(4.0))
    fine = finer(rough)
    assert fine.shape == (10, 10)
    assert np.allclose(fine[::3, ::3], rough)
    assert fine[1, 2] == pytest.approx(1 / 3 + 20 / 3)
    edge = boundary(np.arange(100).reshape(10, 10) % 10 > 5)
    assert np.array_equal(np.flatnonzero(edge.any(axis=0)), [5, 6])
    assert edge[:, 5].all()
    assert not boundary(np.ones((5, 5), bool)).any()


def test_rewind_and_go_on_makes_a_branch_to_compare_with():
    playground = Playground()
    playground.advance(20)
    playground.rewind(10)
    playground.set(learning_rate=1.0)
    playground.advance(5)
    assert [branch.length for branch in playground.branches] == [20, 15]
    a, b = playground.curves("loss").values()
    assert np.array_equal(a[:10], b[:10])
    assert a[10] != b[10]
    assert "Their losses: A" in playground.description
    assert {text.strip() for text in playground.names.texts} == {"A", "B"}


def test_points_of_ones_own_are_learned_by_the_net_as_it_is():
    playground = Playground(dataset="blobs")
    playground.advance(5)
    playground.on_pointer(Pointer("down", playground.map, 1.0, -1.5))
    assert playground.time == 5
    assert playground.values["points"] == ((1.0, -1.5, 0),)
    playground.on_pointer(Pointer("move", playground.map, 1.01, -1.5, pressed=True))  # too near
    playground.on_pointer(Pointer("move", playground.map, 1.3, -1.5, pressed=True, shift=True))
    assert [label for _, _, label in playground.values["points"]] == [0, 1]
    assert len(playground.data.points.y) == 202
    playground.on_pointer(Pointer("down", playground.map, 1.4, -1.5, control=True))
    assert playground.values["points"] == ((1.0, -1.5, 0),)
    playground.on_pointer(Pointer("down", playground.map, 1.0, -1.5, control=True))
    playground.on_pointer(Pointer("down", playground.map, 1.0, -1.5, control=True))
    assert "no point of yours" in playground.message


def test_points_by_keyboard_alone():
    playground = Playground(dataset=OWN)
    for key in ("ArrowRight", "ArrowUp", "1"):
        playground.on_key(Key(key, shift=True))
    for key in ("ArrowLeft", "ArrowLeft", "0"):
        playground.on_key(Key(key))
    assert playground.values["points"] == ((0.5, 0.5, 1), (pytest.approx(0.3), 0.5, 0))
    playground.on_key(Key("Delete"))
    assert [label for *_, label in playground.values["points"]] == [1]


def test_without_two_classes_there_is_nothing_to_learn():
    playground = Playground(dataset=OWN)
    assert "No points yet" in playground.description
    assert len(np.unique(pixels(playground))) > 3
    for points in [(), ((0.5, 0.5, 1),), ((0.5, 0.5, 1), (0.6, 0.5, 1))]:
        playground.set(points=points)
        playground.advance(3)
        assert "points of both classes" in playground.message
        assert playground.time == 0
    playground.set(points=((0.5, 0.5, 1), (-0.5, 0.5, 0)))
    playground.advance(30)
    assert playground.data.right == 1


@pytest.mark.parametrize(
    "points", [((3, 0, 1),), ((0, 0, 2),), ((0, 0),), 5, ((math.nan, 0, 1),), ((0, 0, 1),) * 301]
)
def test_points_that_make_no_sense_get_a_sentence(points):
    playground = Playground()
    data = playground.data
    with pytest.raises(ValueError, match=r"points must|room for 300 points"):
        playground.set(points=points)
    with pytest.raises(ValueError, match=r"points must|room for 300 points"):
        Playground(points=points)
    assert playground.data is data
    assert playground.values["points"] == ()


def test_divergence_says_what_to_do_and_keeps_the_last_pass_that_worked():
    playground = Playground(activation="none")
    playground.advance(3)
    playground.set(learning_rate=10.0)
    playground.advance(20)
    assert "diverged in pass" in playground.message
    assert "learning rate of 10 is too large" in playground.message
    assert np.isfinite(playground.data.loss)
    reached = playground.time
    playground.set(learning_rate=10**-1.5)
    playground.advance(5)
    assert playground.message == ""
    assert playground.time == reached + 5


def test_one_can_look_through_every_unit():
    playground = Playground(depth=2, width=2)
    seen = []
    for _ in range(6):
        seen.append(playground.data.through)
        playground.on_key(Key("u"))
    assert seen == [None, (0, 0), (0, 1), (1, 0), (1, 1), None]
    before = pixels(playground)
    playground.on_pointer(Pointer("move", playground.net, 5.3, 3.2))  # second layer, lower unit
    assert playground.data.through == (1, 1)
    assert "unit 2 of hidden layer 2" in playground.description
    assert not np.array_equal(pixels(playground), before)
    playground.on_pointer(Pointer("move", playground.net, 3.0, 0.2))
    assert playground.data.through is None
    for nonsense in ("unit 3", (1,), 7):
        with pytest.raises(ValueError, match="through must"):
            playground.set(through=nonsense)
    playground.set(through=(1, 1))
    playground.set(depth=1)  # a unit that is gone is not looked through
    assert playground.data.through is None


# ---------------------------------------------------------------------------- digit

SEVEN = [[(0.2, 0.2, 0), (0.8, 0.2, 10), (0.4, 0.9, 20)]]
ONE = [[(0.5, 0.1, 0), (0.5, 0.9, 20)]]


def test_the_net_that_is_trained_on_the_spot_reads_digits():
    split = mnist()
    assert (trained()(split.x_test).argmax(axis=1) == split.y_test).mean() > 0.9
    digit = DrawADigit()
    digit.pad.strokes = SEVEN
    assert digit.data.likeliest == 7
    assert digit.description.startswith("The net says 7 with")
    digit.pad.strokes = ONE
    assert digit.data.likeliest == 1


def test_an_empty_pad_gets_a_sentence_not_an_answer():
    digit = DrawADigit()
    empty = pixels(digit)
    assert digit.data.empty
    assert "The pad is empty" in digit.description
    assert digit.labels.texts[1] == "The pad is empty: draw a digit."
    assert not digit.bars.shown.any()
    digit.pad.strokes = SEVEN
    assert not np.array_equal(pixels(digit), empty)
    digit.reset()
    assert digit.pad.is_empty
    assert np.array_equal(pixels(digit), empty)


@pytest.mark.parametrize("sizes", [(784, 10), (784, 30, 10), (784, 40, 20, 10)])
def test_the_reading_is_what_the_net_answers(sizes, rng):
    net = mlp(sizes, Tanh, rng=rng)
    digit = DrawADigit(net)
    digit.show_digit()
    reading = digit.data
    z = net(reading.pixels.reshape(1, -1))[0]
    assert reading.probabilities == pytest.approx(softmax(z), rel=1e-5)
    assert [len(answers) for answers in reading.hidden] == list(sizes[1:-1])
    strengths = np.abs(reading.hidden[0] if reading.hidden else z)
    assert np.all(np.diff(strengths[reading.top]) <= 0)
    assert strengths[reading.top[0]] == strengths.max()
    assert reading.weights[0] == pytest.approx(net[0].weight[reading.top[0]].reshape(28, 28))
    assert np.isnan(reading.pushes).all() == (len(sizes) != 3)
    assert len(np.unique(pixels(digit))) > 3


def test_what_the_units_add_makes_the_score():
    net = mlp((784, 6, 10), rng=np.random.default_rng(1))
    digit = DrawADigit(net)
    digit.show_digit()
    z = net(digit.data.pixels.reshape(1, -1))[0].max()
    assert digit.data.pushes.sum() + net[2].bias[digit.data.likeliest] == pytest.approx(z, rel=1e-4)


def test_the_drawing_moves_and_the_ink_picks_the_weights():
    digit = DrawADigit()
    digit.pad.strokes = ONE
    middle = digit.data
    digit.set(right=8)
    assert np.array_equal(digit.data.pixels[:, 8:], middle.pixels[:, :-8])
    assert digit.data.likeliest != 1  # to this net, place is everything
    digit.set(view=VIEWS[1])
    assert not digit.data.weights[:, digit.data.pixels == 0].any()
    assert digit.data.weights[:, digit.data.pixels > 0].any()


def test_the_pad_shows_the_picture_as_it_is_moved_and_clearing_moves_it_back():
    digit = DrawADigit()
    digit.pad.strokes = ONE
    digit.set(right=8, down=-2)
    seen = from_bytes(digit.pad.seen)
    assert seen == pytest.approx(digit.data.pixels, abs=1 / 255)
    digit.pad.clear()
    assert (digit.values["right"], digit.values["down"]) == (0, 0)


def test_a_test_digit_is_of_the_class_one_chose():
    digit = DrawADigit(example="4")
    split = mnist()
    fours = split.x_test[split.y_test == 4].reshape(-1, 28, 28)
    for _ in range(3):
        digit.show_digit()
        assert np.abs(fours - digit.data.pixels).max(axis=(1, 2)).min() < 1 / 255


@pytest.mark.parametrize(
    ("model", "names", "words"),
    [
        ("a net", None, "model must be a Sequential"),
        (Sequential(Tanh()), None, "model must be a Sequential"),
        (mlp((64, 10), rng=np.random.default_rng(0)), None, "first layer takes 64"),
        (mlp((784, 10), rng=np.random.default_rng(0)), ["a", "b"], "10 classes, got 2"),
    ],
)
def test_a_model_that_does_not_fit_gets_a_sentence(model, names, words):
    with pytest.raises(ValueError, match=words):
        DrawADigit(model, names)


def test_names_of_ones_own():
    net = mlp((784, 3), rng=np.random.default_rng(0))
    digit = DrawADigit(net, ["cat", "dog", "cow"], drawing=bytes([9]) * 784)
    assert any(f"says {name} " in digit.description for name in ("cat", "dog", "cow"))
    digit.set(drawing=BLANK)
    assert digit.data.empty
    for nonsense in (b"", "text", None):
        with pytest.raises(ValueError, match="784 bytes"):
            digit.set(drawing=nonsense)
    assert digit.data.empty
