"""The explorers of chapter 01, driven without a browser."""

import asyncio
from itertools import product

import numpy as np
import pytest

from dlkit.models.perceptron import Perceptron
from dlkit.plots import PAPER
from dlkit.separation import mistake_bound
from dlkit.widgets.ch01_digit import KEPT
from dlkit.widgets.ch01_neuron import CORNERS, FUNCTIONS
from dlkit.widgets.ch01_parts import half_plane
from dlkit.widgets.ch01_perceptron import RosenblattRule, ThresholdNeuron, YourDigit
from dlkit.widgets.ch01_rule import MOST_POINTS, START, as_arrays
from dlkit.widgets.explorer import Key, Pointer
from tests.colours import contrast, luminance

EXPLORERS = [ThresholdNeuron, RosenblattRule, YourDigit]
ONE = [[(0.5, 0.1, 0), (0.5, 0.9, 300)]]
ZERO = [[(0.5 + 0.3 * np.sin(t), 0.5 - 0.4 * np.cos(t), 50 * t) for t in np.linspace(0, 6.3, 30)]]


def pixels(explorer):
    return explorer.frame.layers.pixels().copy()


def button(explorer, label):
    """The button with this label, wherever it stands."""
    return next(w for w in everything(explorer) if getattr(w, "description", None) == label)


def everything(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def point(explorer, kind, x, y, pressed=True, **more):
    explorer.on_pointer(Pointer(kind, explorer.plane, x, y, pressed, **more))


@pytest.fixture(params=EXPLORERS, ids=lambda kind: kind.__name__)
def explorer(request):
    return request.param()


# What holds for all three


def test_every_control_to_both_ends_changes_the_data_and_nothing_breaks(explorer):
    for name, control in explorer.inputs.items():
        ends = getattr(control, "options", None) or (control.min, control.max)
        for value in (ends[0], ends[-1]):
            before = explorer.description
            explorer.set(**{name: value})
            assert explorer.values[name] == value
            good = explorer.message == ""
            assert good or "choose two different ones" in explorer.message
            assert explorer.description or before
            pixels(explorer)
        explorer.reset()
        assert explorer.message == ""


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, "many", None, 1e9, []])
def test_nonsense_is_refused_and_the_state_kept(explorer, nonsense):
    before = explorer.values
    for name in explorer.inputs:
        with pytest.raises(ValueError):
            explorer.set(**{name: nonsense})
        assert explorer.values == before
    with pytest.raises(ValueError, match="no control 'weigth'"):
        explorer.set(weigth=1)


def test_reset_returns_to_the_start(explorer):
    start, described = explorer.values, explorer.description
    for name, control in explorer.inputs.items():
        explorer.set(**{name: control.options[-1] if hasattr(control, "options") else control.max})
    explorer.reset()
    assert explorer.values == start
    assert explorer.description == described


def test_saved_notebook_shows_a_picture_and_words(explorer):
    bundle = explorer._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(bundle["image/png"]) > 1000
    assert bundle["text/plain"] == explorer.description
    assert "0x" not in repr(explorer)


def test_dark_and_light_pictures_differ_and_both_show_something(explorer):
    light = pixels(explorer)
    explorer._retheme(True)
    explorer.frame.layers.redraw()
    dark = pixels(explorer)
    assert light[0, 0, :3].mean() > 200
    assert dark[0, 0, :3].mean() < 60
    assert np.ptp(dark) > 100


# The threshold neuron


def test_all_fourteen_functions_can_be_found_and_no_other():
    neuron = ThresholdNeuron()
    grid = [i / 2 for i in range(-3, 4)]
    for w1, w2, b in product(grid, grid, [i / 4 for i in range(-11, 12, 2)]):
        neuron.set(w1=w1, w2=w2, b=b)
        assert neuron.data.fires.tolist() == [w1 * p + w2 * q + b > 0 for p, q in CORNERS]
    missing = {FUNCTIONS[i] for i in range(16) if i not in neuron.data.found}
    assert missing == {"XOR", "same"}
    assert "14 of 16 found. Left: XOR and same" in neuron.description


@pytest.mark.parametrize(
    ("name", "w1", "w2", "b"),
    [("AND", 1, 1, -1.5), ("OR", 1, 1, -0.5), ("NAND", -1, -1, 1.5), ("NOT x1", -1, 0, 0.5)],
)
def test_functions_have_their_names(name, w1, w2, b):
    neuron = ThresholdNeuron(w1=w1, w2=w2, b=b)
    assert FUNCTIONS[neuron.data.number] == name
    assert f"“{name}”" in neuron.description


def test_names_agree_with_python():
    meaning = {
        "AND": lambda p, q: p and q,
        "OR": lambda p, q: p or q,
        "XOR": lambda p, q: p != q,
        "same": lambda p, q: p == q,
        "NAND": lambda p, q: not (p and q),
        "NOR": lambda p, q: not (p or q),
        "x1, not x2": lambda p, q: p and not q,
        "x2, not x1": lambda p, q: q and not p,
        "x1 or not x2": lambda p, q: p or not q,
        "x2 or not x1": lambda p, q: q or not p,
        "x1": lambda p, q: p,
        "x2": lambda p, q: q,
        "NOT x1": lambda p, q: not p,
        "NOT x2": lambda p, q: not q,
        "never": lambda p, q: False,
        "always": lambda p, q: True,
    }
    for number, name in enumerate(FUNCTIONS):
        bits = [int(bool(meaning[name](p, q))) for p, q in CORNERS]
        assert int("".join(map(str, bits)), 2) == number


def test_found_functions_stay_and_reset_forgets_them():
    neuron = ThresholdNeuron(w1=1, w2=1, b=-1.5)
    neuron.set(b=-0.5)
    neuron.set(b=-1.5)
    assert neuron.data.found == {1, 7}
    neuron.reset()
    assert neuron.data.found == {1}


def test_found_functions_are_framed_and_keep_their_lighter_quarters():
    """In grey, orange is lighter than blue: a print must not turn AND into NAND."""
    neuron = ThresholdNeuron(w1=1, w2=1, b=-1.5)

    def lightness(number):
        return [luminance(square.get_facecolor()) for square in neuron.squares[number]]

    assert [frame.get_visible() for frame in neuron.frames] == [n == 1 for n in range(16)]
    before = lightness(7)
    neuron.set(b=-0.5)  # OR is found
    assert [frame.get_visible() for frame in neuron.frames] == [n in (1, 7) for n in range(16)]
    assert neuron.frames[7].get_linewidth() > neuron.frames[1].get_linewidth()
    for quarters in (before, lightness(7)):
        assert quarters[0] < min(quarters[1:])  # it is 0 where both inputs are


def test_the_line_is_moved_by_the_pointer():
    neuron = ThresholdNeuron(w1=1, w2=1, b=-1.5)
    point(neuron, "down", 0.2, 0.3)
    assert np.isclose(neuron.data.w @ [0.2, 0.3] + neuron.data.b, 0, atol=0.02)
    point(neuron, "move", 0.6, 0.1)
    assert np.isclose(neuron.data.w @ [0.6, 0.1] + neuron.data.b, 0, atol=0.02)
    assert neuron.data.w.tolist() == [1, 1]
    point(neuron, "up", 0.6, 0.1, pressed=False)
    still = neuron.values
    point(neuron, "move", -0.5, -0.5, pressed=False)
    assert neuron.values == still


def test_the_line_is_turned_by_its_arrow():
    neuron = ThresholdNeuron(w1=1, w2=1, b=-1.5)
    foot, tip = neuron._handle(neuron.data)
    point(neuron, "down", *tip)
    point(neuron, "move", foot[0] - 0.4, foot[1])
    assert np.allclose(neuron.data.w / np.linalg.norm(neuron.data.w), [-1, 0], atol=0.05)
    assert np.isclose(neuron.data.w @ foot + neuron.data.b, 0, atol=0.03)
    point(neuron, "up", foot[0] - 0.4, foot[1], pressed=False)
    assert neuron._pivot is None


def test_the_line_obeys_the_arrow_keys():
    neuron = ThresholdNeuron(w1=1, w2=0, b=-0.5)
    neuron.on_key(Key("ArrowUp"))
    assert neuron.data.b < -0.5
    neuron.on_key(Key("ArrowLeft"))
    assert neuron.data.w[1] > 0
    w = neuron.data.w
    neuron.on_key(Key("ArrowRight"))
    neuron.on_key(Key("ArrowRight"))
    assert neuron.data.w[1] < w[1]


def test_no_line_gets_a_sentence():
    neuron = ThresholdNeuron(w1=0, w2=0, b=1)
    assert FUNCTIONS[neuron.data.number] == "always"
    neuron._receive({"kind": "key", "key": "ArrowUp"})
    assert "Both weights are 0" in neuron.message
    x, y = neuron.figure.transFigure.inverted().transform(
        neuron.plane.transData.transform((0.5, 0.5))
    )
    neuron.message = ""
    neuron._receive({"kind": "down", "x": x, "y": y, "pressed": True})
    assert "Both weights are 0" in neuron.message
    assert neuron.values["b"] == 1


def test_half_plane_is_the_firing_side():
    corners = np.array(half_plane(np.array([1.0, 0.0]), -0.5, (0, 1)))
    assert corners[:, 0].min() == 0.5
    assert corners[:, 0].max() == 1
    assert len(set(half_plane(np.array([0.0, 0.0]), -1, (0, 1)))) == 1


# Rosenblatt's rule


def test_training_is_that_of_the_perceptron():
    rule = RosenblattRule()
    rule.advance(1000)
    x, y = as_arrays(START)
    model = Perceptron(2).fit(x, y)
    assert rule.data.mistakes == sum(model.mistakes_)
    assert np.array_equal(rule.data.w, model.weight[0])
    assert rule.data.done
    assert "done" in rule.message
    assert rule.data.mistakes <= rule.data.bound == mistake_bound(x, y)
    assert "All points are right." in rule.description


@pytest.mark.parametrize("order", ["one after the other", "by chance", "the worst first"])
def test_every_order_ends_within_the_bound(order):
    rule = RosenblattRule(order=order)
    rule.advance(2000)
    assert rule.data.done
    assert rule.data.mistakes <= rule.data.bound


def test_on_the_points_of_the_start_the_worst_first_makes_the_fewest_mistakes():
    """As the chapter's answer says."""
    orders = ("one after the other", "by chance", "the worst first")
    rules = [RosenblattRule(order=order) for order in orders]
    for rule in rules:
        rule.advance(2000)
    turns, chance, worst = (rule.data.mistakes for rule in rules)
    assert worst < min(turns, chance)


def test_steps_can_be_taken_back_and_forked_with_another_order():
    rule = RosenblattRule()
    rule.advance(6)
    after_six = rule.data.w.copy()
    rule.advance(4)
    rule.rewind(6)
    assert np.array_equal(rule.data.w, after_six)
    rule.set(order="the worst first")
    rule.advance(3)
    curves = rule.curves("mistakes")
    assert [len(curve) for curve in curves.values()] == [10, 9]
    pixels(rule)


@pytest.mark.parametrize("dark", [False, True])
def test_every_branch_stands_out_from_the_page(dark):
    """The third one was of a light blue, 2.3 times on white."""
    rule = RosenblattRule()
    rule._retheme(dark)
    for line in rule.branch_lines:
        assert contrast(line.get_color(), PAPER[dark]) > 3


def test_a_mistake_shows_the_old_line_and_the_step():
    rule = RosenblattRule()
    rule.advance(1)  # the first example is always a mistake: z = 0
    assert rule.data.wrong
    assert "a mistake" in rule.description
    assert rule.arrows[1].get_visible()
    x, y = as_arrays(START)
    assert np.array_equal(rule.data.w, y[0] * x[0])
    while rule.data.wrong:
        rule.advance(1)
    assert not rule.arrows[1].get_visible()
    # Grey and purple look alike to many: the arrows differ without their colours.
    assert len({arrow.get_linestyle() for arrow in rule.arrows}) == 3


def test_points_that_no_line_parts_are_said_to_be_so():
    x, y, label = START[0]
    rule = RosenblattRule(points=(*START, (x, y, -label)))
    assert "No line parts these points" in rule.description
    rule.advance(300)
    assert not rule.data.done
    assert rule.data.mistakes > 10
    assert rule.time == 300
    assert not rule.ceiling.get_visible()


def test_points_are_placed_dragged_and_removed_by_the_pointer():
    rule = RosenblattRule(points=())
    point(rule, "down", 1.0, 1.0)
    point(rule, "move", 1.2, 1.3)
    point(rule, "up", 1.2, 1.3, pressed=False)
    assert rule.values["points"] == ((1.2, 1.3, 1),)
    rule.set(placing="blue points (−1)")
    point(rule, "down", -1.0, 0.5)
    point(rule, "up", -1.0, 0.5, pressed=False)
    point(rule, "down", 0.0, 0.0, shift=True)
    point(rule, "up", 0.0, 0.0, pressed=False)
    assert rule.values["points"][1:] == ((-1, 0.5, -1), (0, 0, 1))
    point(rule, "down", 1.21, 1.31)
    point(rule, "move", 1.5, 1.5)
    point(rule, "up", 1.5, 1.5, pressed=False)
    assert rule.values["points"][0] == (1.5, 1.5, 1)
    point(rule, "down", 1.5, 1.5, control=True)
    assert len(rule.values["points"]) == 2
    rule.advance(50)
    assert rule.data.done


def test_points_are_placed_dragged_and_removed_by_keys():
    rule = RosenblattRule(points=())
    for key in ("ArrowRight", "ArrowUp", "o"):
        rule.on_key(Key(key))
    for _ in range(4):
        rule.on_key(Key("ArrowLeft", shift=True))
    rule.on_key(Key("b"))
    assert rule.values["points"] == ((0.1, 0.1, 1), (-1.9, 0.1, -1))
    for key in ("Enter", "ArrowUp", "ArrowUp", "Enter", "ArrowDown"):
        rule.on_key(Key(key))
    assert rule.values["points"][1] == (-1.9, 0.3, -1)
    rule.on_key(Key("Delete"))
    assert len(rule.values["points"]) == 1
    for _ in range(50):
        rule.on_key(Key("ArrowRight", shift=True))
    assert rule._cross[0] == 2


def test_training_without_points_gets_a_sentence():
    rule = RosenblattRule()
    button(rule, "Remove all points").click()
    assert rule._status(rule.data)[1] == "no points, no bound"
    button(rule, "Step").click()
    assert "no point to learn from" in rule.message
    assert rule.data.shown == 0
    pixels(rule)


def test_moving_a_point_begins_anew_and_keeps_the_others():
    rule = RosenblattRule()
    rule.advance(5)
    x, y, _ = START[0]
    point(rule, "down", x, y)
    point(rule, "move", x + 0.1, y)
    assert rule.data.shown == rule.time == 0
    assert rule.values["points"][1:] == START[1:]


def test_more_points_than_fit_are_refused():
    many = tuple((i / 20 - 1.5, 1.0, 1) for i in range(MOST_POINTS))
    rule = RosenblattRule(points=many)
    with pytest.raises(ValueError, match="remove one first"):
        point(rule, "down", 0, -1)
    assert rule.values["points"] == many


@pytest.mark.parametrize("bad", [((1, 2, 0),), ((np.nan, 1, 1),), ((1, 2),)])
def test_bad_points_are_refused(bad):
    with pytest.raises(ValueError, match="points must be"):
        RosenblattRule(points=bad)


def test_one_class_and_one_point_are_learned():
    rule = RosenblattRule(points=((0.0, 0.0, -1),))
    rule.advance(5)
    assert rule.data.done
    assert np.isnan(rule.data.margin)  # w is 0: only the bias has learned
    pixels(rule)


def test_points_that_nearly_touch_do_not_break_it():
    rule = RosenblattRule(points=((1.9, 1.9, 1), (1.9, 1.899, -1)))
    rule.advance(100)
    assert rule.message == ""
    assert rule.data.separable
    pixels(rule)


def test_the_margin_of_a_line_that_just_separates_is_not_told_as_zero():
    rule = RosenblattRule(points=((1.9, 1.5, 1), (1.9, 1.4, -1), (1.5, 1.3, -1), (1.5, 1.4, 1)))
    rule.advance(1)
    assert "The margin of this line is −2.77." in rule.description
    rule.advance(3000)
    assert 0 < rule.data.margin < 0.005
    assert f"The margin of this line is {rule.data.margin:.3g}." in rule.description
    assert "1,595 mistakes in 2,522 examples" in rule.description


def test_it_runs_on_an_event_loop_and_stops_by_itself():
    async def train():
        rule = RosenblattRule()
        rule._pace.value = "fast"
        button(rule, "Run").click()
        for _ in range(200):
            await asyncio.sleep(0.02)
            if not rule.running:
                return rule
        raise AssertionError("still running after 4 s")

    rule = asyncio.run(train())
    assert rule.data.done
    assert "done" in rule.message


# Your digit against mine


@pytest.fixture
def digit():
    return YourDigit()


def test_weights_are_those_of_the_perceptron_on_mnist(digit):
    assert digit.data.weight.shape == (28, 28)
    assert digit.data.converged
    assert digit.data.test_error < 0.03
    digit.set(first=3, second=8)
    assert digit.data.digits == (3, 8)
    assert digit.data.test_error < 0.1


def test_a_drawing_is_decided_stroke_by_stroke(digit):
    digit.pad.strokes = ONE
    assert digit.data.answer == 1
    assert "it says 1" in digit.description
    digit.pad.strokes = ZERO
    assert digit.data.answer == 0
    total = digit.data.said.sum() + digit.data.bias
    assert np.isclose(total, digit.data.z)
    assert np.isclose(sum(digit._parts(digit.data)[:3]), digit.data.z)
    digit.pad.clear()
    assert "The pad is empty" in digit.description


def test_a_shifted_one_is_taken_for_a_zero(digit):
    digit.pad.strokes = ONE
    answers = []
    for shift in range(-10, 11):
        digit.set(shift=shift)
        answers.append(digit.data.answer)
    assert answers[10] == 1
    assert 0 in answers


def test_weights_of_two_drawings_are_these_drawings(digit):
    digit.set(source="my drawings")
    assert "Nothing learned yet" in digit.description
    digit.pad.strokes = ZERO
    zero = np.round(255 * digit.pad.pixels) / 255
    button(digit, "Keep as first digit").click()
    digit.pad.strokes = ONE
    one = np.round(255 * digit.pad.pixels) / 255
    button(digit, "Keep as second digit").click()
    assert digit.data.examples == 2
    assert digit.data.mistakes >= 1
    # The weights are a sum of whole multiples of the two, and 0 where neither has ink.
    assert not digit.data.weight[(one == 0) & (zero == 0)].any()
    counts = np.linalg.lstsq(
        np.stack([one.ravel(), zero.ravel()], 1), digit.data.weight.ravel(), rcond=None
    )[0]
    assert np.allclose(counts, counts.round(), atol=1e-6)
    assert np.isnan(digit.data.test_error)
    assert digit.data.answer == 1


def test_keeping_a_drawing_makes_it_count(digit):
    digit.pad.strokes = ONE
    digit.keep(1)
    assert digit.values["source"] == "both"
    alone = YourDigit().data.examples
    assert digit.data.examples == alone + 1
    digit.set(source="MNIST")
    assert digit.data.examples == alone
    button(digit, "Forget my drawings").click()
    assert digit.values["mine"] == ()


def test_an_empty_pad_is_not_kept(digit):
    button(digit, "Keep as first digit").click()
    assert "The pad is empty" in digit.message
    assert digit.values["mine"] == ()


def test_only_so_many_drawings_are_kept(digit):
    digit.set(source="my drawings")
    digit.pad.strokes = ONE
    for _ in range(KEPT):
        digit.keep(1)
    with pytest.raises(ValueError, match="kept already"):
        digit.keep(1)
    pixels(digit)


def test_the_same_digit_twice_gets_a_sentence(digit):
    before = digit.data
    digit.set(second=0)
    assert "Both digits are 0" in digit.message
    assert digit.data is before
    digit.set(second=5)
    assert digit.message == ""


def test_an_mnist_digit_can_be_put_on_the_pad(digit):
    button(digit, "Show me an MNIST digit").click()
    assert not digit.pad.is_empty
    assert digit.data.drawing.any()
    digit.pad.clear()
    assert not digit.data.drawing.any()


def test_contradicting_drawings_say_that_learning_has_no_end(digit):
    digit.set(source="my drawings")
    digit.pad.strokes = ONE
    digit.keep(1)
    digit.keep(-1)
    assert "without coming to an end" in digit.description


# What a newcomer stumbled over


def test_a_corner_on_the_line_stays_silent_whatever_rounding_leaves():
    unit = ThresholdNeuron.compute(w1=0.1, w2=0.7, b=-0.8)  # 0.1 + 0.7 is not quite 0.8
    assert unit.z[3] == 0
    assert not unit.fires[3]


def test_the_arrow_s_tip_stays_inside_and_off_the_corners():
    neuron = ThresholdNeuron()
    low, high = neuron.window
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        neuron.set(w1=float(np.cos(angle)), w2=float(np.sin(angle)), b=-0.1)
        _, tip = neuron._handle(neuron.data)
        assert tip is not None
        assert (low <= tip).all()
        assert (tip <= high).all()


def test_a_click_beside_a_point_places_another_one_there():
    rule = RosenblattRule(points=((0.0, 0.0, -1),))
    point(rule, "down", 0.1, 0.0, True)
    point(rule, "up", 0.1, 0.0, False)
    assert rule.values["points"] == ((0.0, 0.0, -1), (0.1, 0.0, 1))
    point(rule, "down", 0.0, 0.0, True)  # on the point itself: nothing to place
    point(rule, "up", 0.0, 0.0, False)
    assert len(rule.values["points"]) == 2
    point(rule, "down", 0.01, 0.0, True)
    point(rule, "move", 0.5, 0.5, True)  # and a drag takes it along
    point(rule, "up", 0.5, 0.5, False)
    assert rule.values["points"][0] == (0.5, 0.5, -1)
    assert len(rule.values["points"]) == 2


def test_a_place_takes_one_point():
    rule = RosenblattRule(points=((0.0, 0.0, -1),))
    with rule.guarded():
        rule.on_key(Key("o"))
    assert rule.message == "There is a point at this place already: move on first."
    assert len(rule.values["points"]) == 1


def test_the_preview_moves_with_the_digit_and_the_next_digit_starts_unmoved():
    digit = YourDigit()
    digit.show_digit()
    before = np.frombuffer(digit.pad.seen, np.uint8).reshape(28, 28)
    digit.set(shift=5)
    after = np.frombuffer(digit.pad.seen, np.uint8).reshape(28, 28)
    np.testing.assert_array_equal(after[:, 5:], before[:, :-5])
    digit.show_digit()
    assert digit.values["shift"] == 0


def test_the_panels_of_the_rule_keep_their_size():
    rule = RosenblattRule()
    widths = [ax.get_position().width for ax in (rule.plane, rule.count)]
    assert min(widths) > 0.3
