"""The unrolled net of chapter 08, driven without a browser."""

import ipywidgets
import numpy as np
import pytest

from dlkit.widgets import ch08_unrolled as module
from dlkit.widgets.ch08_unrolled import CELLS, LONGEST, UNITS, Unrolled, run
from dlkit.widgets.explorer import Key, Pointer


@pytest.fixture
def unrolled():
    return Unrolled()


def words(explorer):
    explorer._prepare()
    assert not explorer.message
    return explorer.description


def test_without_an_input_the_gradient_goes_back_by_the_radius_exactly():
    for radius in (0.5, 1.0, 1.6):
        found = run("Elman", radius, 40, 0.0, 1.0, np.inf, 3)
        assert found.lengths == pytest.approx(radius ** np.arange(39.0, -1, -1))
        assert found.rates == pytest.approx((radius, radius))
        assert found.theory == pytest.approx(found.lengths)


@pytest.mark.parametrize("start", range(10))
@pytest.mark.parametrize(("radius", "strength"), [(0.6, 0.5), (0.9, 0.3), (1.2, 1.0)])
def test_the_theory_of_the_elman_net_holds(radius, strength, start):
    # Over these thirty nets the measured rate is 0.947 to 1.021 times the theory's.
    found, theory = run("Elman", radius, 60, strength, 1.0, np.inf, start).rates
    assert found == pytest.approx(theory, rel=0.1)


def test_an_input_asks_for_a_larger_radius_as_the_chapter_s_answer_says():
    radii = np.arange(1, 2.01, 0.05)
    first = []
    for start in range(10):
        lengths = (run("Elman", radius, 30, 0.5, 1.0, np.inf, start).lengths for radius in radii)
        first.append(next(r for r, each in zip(radii, lengths, strict=True) if each[0] > each[-1]))
    assert first[0] == pytest.approx(1.5)  # the start that is given
    assert min(first) == pytest.approx(1.5)
    assert max(first) == pytest.approx(1.9)
    lost = [run("Elman", 1.5, 30, 1.0, 1.0, np.inf, start).lengths for start in range(10)]
    assert max(each[0] / each[-1] for each in lost) < 0.1  # a stronger input


def test_the_forget_gate_opens_and_the_gradient_arrives():
    rates = [run("LSTM", 0.9, 60, 0.3, bias, np.inf, 0).rates for bias in (-3, 0, 3)]
    assert rates[0][0] < rates[1][0] < rates[2][0]
    # With the recurrent weights and inputs at 0, the gate alone is all there is.
    found = run("LSTM", 0.0, 30, 0.0, 2.0, np.inf, 0)
    keep = 1 / (1 + np.exp(-2.0))
    assert found.theory[1:] / found.theory[:-1] == pytest.approx(1 / keep)
    assert found.lengths[1:-1] / found.lengths[:-2] == pytest.approx(1 / keep, rel=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_at_the_last_step_is_a_direction_and_the_trace_begins_at_1(cell):
    found = run(cell, 0.9, 12, 0.5, 1.0, np.inf, 1)
    assert np.linalg.norm(found.gradients[-1]) == pytest.approx(1)
    assert found.signal[0] == 1
    if cell != "LSTM":  # whose state is its cell, too
        assert found.lengths == pytest.approx(np.linalg.norm(found.gradients, axis=1))


def test_clipping_shortens_the_gradient_of_the_weights_and_nothing_else(unrolled):
    unrolled.set(radius=1.5, strength=0.5)
    before = unrolled.data
    assert before.after == before.before
    unrolled.set(clipping=True, longest=0.1)
    assert unrolled.data.after == pytest.approx(0.1)
    assert unrolled.data.before == pytest.approx(before.before)
    assert unrolled.data.lengths == pytest.approx(before.lengths)
    assert "is cut to 0.1" in words(unrolled)
    unrolled.set(longest=100)
    assert unrolled.data.after == pytest.approx(min(before.before, 100))


@pytest.mark.parametrize(
    ("button", "verdict"),
    [("Vanishing", "vanishes"), ("Exploding", "explodes"), ("LSTM that remembers", "arrives")],
)
def test_the_buttons_show_what_they_say(unrolled, button, verdict):
    unrolled.actions()[button]()
    assert f"it {verdict}" in words(unrolled)


def test_a_step_is_chosen_by_pointer_and_keys(unrolled):
    unrolled.on_pointer(Pointer("move", unrolled.chart, 12.4, 1.0))
    assert unrolled.values["at"] == 12
    unrolled.on_pointer(Pointer("move", unrolled.back, 59.0, 0.5))
    assert unrolled.values["at"] == 30  # the last
    unrolled.on_key(Key("ArrowLeft"))
    assert unrolled.values["at"] == 29
    assert f"At step 29 the gradient is {module._short(unrolled.data.lengths[28])}" in words(
        unrolled
    )
    unrolled.on_key(Key("ArrowUp"))
    assert unrolled.values["radius"] == pytest.approx(0.95)
    unrolled.set(steps=5)
    assert "At step 5 " in words(unrolled)
    unrolled.on_pointer(Pointer("leave", unrolled.chart, 3, 1.0))
    assert unrolled.values["at"] == 29


@pytest.mark.parametrize("cell", CELLS)
def test_every_control_to_both_ends_and_back(unrolled, cell):
    first = words(unrolled)
    for name, control in unrolled.inputs.items():
        unrolled.set(cell=cell)
        if isinstance(control, ipywidgets.Checkbox):
            ends = True, False
        elif isinstance(control, ipywidgets.Dropdown):
            ends = control.options
        elif isinstance(control, ipywidgets.FloatLogSlider):
            ends = 10.0**control.min, 10.0**control.max
        else:
            ends = control.min, control.max
        for value in ends:
            unrolled.set(**{name: value})
            assert "nan" not in words(unrolled)
            assert np.isfinite(unrolled.data.lengths).all()
    unrolled.set(radius=2.0, strength=0, steps=LONGEST, cell=cell)
    assert "inf" not in words(unrolled)
    unrolled.reset()
    assert words(unrolled) == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"at": 0}, "at must be a step 1 … 60"),
        ({"at": "last"}, "at must be a step 1 … 60"),
        ({"radius": 3.0}, "radius cannot be 3.0"),
        ({"steps": 1}, "steps cannot be 1"),
        ({"cell": "Transformer"}, "cell cannot be 'Transformer'"),
        ({"strength": np.nan}, "strength must be a finite number"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(unrolled, values, sentence):
    before = unrolled.values
    with pytest.raises(ValueError, match=sentence):
        unrolled.set(**values)
    assert unrolled.values == before


def test_the_words_hold_the_numbers(unrolled):
    unrolled.set(cell="GRU", steps=20, radius=1.2)
    data, said = unrolled.data, words(unrolled)
    assert data.states.shape == data.gradients.shape == (20, UNITS)
    for rate in data.rates:
        assert f"{rate:.3f}" in said
    assert "GRU with 16 units, 20 steps, spectral radius 1.20" in said


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1.0, "1"), (0.0123, "0.012"), (12345.6, "12,346"), (3.4e-12, "3.4e−12")],
)
def test_lengths_are_written_shortly(number, text):
    assert module._short(number) == text
