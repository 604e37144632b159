"""The exercises of chapter 00 take their solutions, blank stubs, and mistakes people make."""

import inspect

import numpy as np
import pytest

from dlkit.exercises import ch00_start as exercises
from dlkit.exercises.exercise import NOT_ATTEMPTED, RIGHT, WRONG, Exercise
from dlkit.widgets.ch00_history import EVENTS

NAMES = [name for name, value in vars(exercises).items() if isinstance(value, Exercise)]
STUBS = {"waiting": ..., "neuron": lambda x, weight, bias: ...}


def fires(z):
    return (z > 0).astype(float)


WRONG_ANSWERS = [
    ("waiting", 17, "counts from 1969"),
    ("waiting", 16, "Linnainmaa"),
    ("waiting", -12, "sign"),
    ("waiting", 13, "One off"),
    ("waiting", 1986, "is a year"),
    ("waiting", 40, "40 it is not"),
    ("waiting", float("nan"), "nan it is not"),
    ("waiting", "twelve", "Expected a number of years, got 'twelve'"),
    ("waiting", True, "Expected a number of years"),
    ("waiting", np.zeros(3), "Expected a number of years"),
    ("neuron", lambda x, w, b: x @ w.T + b, "You return z itself"),
    ("neuron", lambda x, w, b: (x @ w.T + b >= 0) * 1.0, "At z = 0 exactly"),
    ("neuron", lambda x, w, b: fires(x @ w.T), "bias were left out"),
    ("neuron", lambda x, w, b: 1 - fires(x @ w.T + b), "turn the comparison round"),
    ("neuron", lambda x, w, b: np.sign(x @ w.T + b), "Silence is 0 here"),
    ("neuron", lambda x, w, b: fires(x @ w + b), "ValueError"),
    ("neuron", lambda x, w, b: fires(x @ w.T + b)[0], "should have shape (2, 1), got (1,)"),
    ("neuron", lambda x, w, b: fires(x @ w.T + b) * np.nan, "NaN"),
    ("neuron", lambda x: x, "TypeError"),
    ("neuron", 3, "Expected a function, got 3"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes(name):
    exercise = getattr(exercises, name)
    solution = inspect.getattr_static(type(exercise), "answer")
    solution = solution.__func__ if isinstance(solution, staticmethod) else solution
    assert exercise.check(solution).kind == RIGHT
    assert exercise.solution().text
    assert exercise.hint().kind == "hint"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("blank", [None, ..., "the stub"])
def test_a_blank_is_not_attempted(name, blank):
    answer = STUBS[name] if blank == "the stub" else blank
    assert getattr(exercises, name).check(answer).kind == NOT_ATTEMPTED


@pytest.mark.parametrize(("name", "answer", "message"), WRONG_ANSWERS)
def test_a_wrong_answer_is_explained(name, answer, message):
    feedback = getattr(exercises, name).check(answer)
    assert feedback.kind == WRONG
    assert message in feedback.text


def test_a_transposed_weight_is_recognised():
    def transposed(x, w, b):
        return fires(x @ w + b) if w.shape[0] == w.shape[1] else fires(x @ w.T + b)

    assert "x @ weight.T, not x @ weight" in exercises.neuron.check(transposed).text


def test_the_years_are_those_of_the_timeline():
    year = {event.key: event.year for event in EVENTS}
    assert year["backpropagation"] - year["werbos"] == exercises.waiting.answer
    assert year["backpropagation"] - year["minsky-papert"] == 17
