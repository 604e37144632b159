"""The exercises of chapter 00 take their solutions, blank stubs, and mistakes people make."""

import numpy as np
import pytest

from dlkit.exercises import ch00_start as exercises
from dlkit.exercises.exercise import RIGHT, Exercise
from dlkit.widgets.ch00_history import EVENTS

NAMES = [name for name, value in vars(exercises).items() if isinstance(value, Exercise)]
STUBS = {"waiting": ..., "majority": lambda x: ...}


def fires(z):
    return (z > 0).astype(float)


WRONG = [
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
    ("majority", lambda x: x.sum(1) - 1.5, "Is this z itself?"),
    ("majority", lambda x: fires(x.sum(1) - 0.5), "that is OR"),
    ("majority", lambda x: fires(x.sum(1) - 2), "that is AND"),
    ("majority", lambda x: fires(1.5 - x.sum(1)), "turn the comparison round"),
    ("majority", lambda x: np.sign(x.sum(1) - 1.5), "Silence is 0 here"),
    ("majority", lambda x: fires(x[:, 0]), "For x = [0 1 1], 2 of the 3 inputs are 1, so"),
    ("majority", lambda x: fires(x.sum(1) - 1.5)[:1], "8 answers are expected: shape (8,)"),
    ("majority", lambda x: fires(x.sum(0) - 1.5), "got (3,)"),
    ("majority", lambda x: fires(x @ np.ones((1, 3)) - 1.5), "Perhaps one needs .T"),
    ("majority", lambda x: 1 if x @ np.ones(3) > 1.5 else 0, "need one True or False"),
    ("majority", lambda x: np.sum(x, axis=1) * np.nan, "NaN"),
    ("majority", lambda: 1, "TypeError"),
    ("majority", 3, "Expected a function, got 3"),
    ("waiting", lambda: 12, "got a lambda."),
]


@pytest.mark.parametrize("weight", [(1, 1, 1), (2, 3, 3)])
def test_a_column_and_other_weights_are_right_too(weight):
    def majority(x):
        return fires(x @ np.array([weight]).T - 1.5 * np.mean(weight))

    assert exercises.majority.check(majority).kind == RIGHT


def test_the_years_are_those_of_the_timeline():
    year = {event.key: event.year for event in EVENTS}
    assert year["backpropagation"] - year["werbos"] == exercises.waiting.answer
    assert year["backpropagation"] - year["minsky-papert"] == 17
