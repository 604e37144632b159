"""Every exercise of chapter 01 takes its solution, a blank stub, and mistakes people make."""

import ast
import inspect
import re
from io import BytesIO

import matplotlib.image as mpimg
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from dlkit.exercises import ch01_perceptron as exercises
from dlkit.exercises.exercise import RIGHT, Exercise
from dlkit.separation import mistake_bound, separable

NAMES = [name for name, value in vars(exercises).items() if isinstance(value, Exercise)]
GATES, EYE, CASES = exercises.gates.answer, exercises.by_eye.answer, exercises.clinic.answer
W1, B1, W2, B2 = exercises.xor.answer()

STUBS = {
    "gates": {"AND": (..., ...), "OR": (..., ...), "NAND": (..., ...)},
    "rule": lambda w, b, x, y: ...,
    "invariance": {...},
    "margin": lambda w, b, x, y: ...,
    "bound": lambda w, b, x, y: ...,
    "by_eye": dict.fromkeys("ABCDEF", ...),
    "xor": (..., ..., ..., ...),
    "clinic": dict.fromkeys("ABCDE", ...),
}


def right(w, b, x, y):
    return y * (w @ x + b) > 0


def in_place(w, b, x, y):
    """The right rule, but it writes into its caller's weights."""
    if not right(w, b, x, y):
        w += y * x
        b += y
    return w, b


def nearest(w, b, x, y):
    """The nearest point, with its sign, although another one lies deeper on the wrong side."""
    distances = y * (x @ w + b) / np.linalg.norm(w)
    return distances[abs(distances).argmin()]


WRONG = [
    ("gates", GATES | {"AND": ((1, 1), -0.9)}, "AND of (0, 1) should be 0"),
    ("gates", GATES | {"AND": ((1, 1), -2)}, "fires only if z is more than 0"),
    ("gates", GATES | {"NAND": ((1, 1), -1.5)}, "NAND of (0, 0) should be 1"),
    ("gates", GATES | {"OR": ((1, 1, 1), 0)}, "two weights"),
    ("gates", GATES | {"OR": 3}, "OR should be ((w1, w2), b)"),
    ("gates", GATES | {"OR": ((np.nan, 1), 0)}, "finite"),
    ("gates", GATES | {"OR": (..., ...)}, "left the gate OR open"),
    ("gates", {"AND": GATES["AND"]}, "has no OR"),
    ("gates", GATES | {"XOR": ((1, 1), 0)}, "'XOR' too"),
    ("gates", [1, 2], "dictionary"),
    ("gates", GATES | {"AND": ((1, 1), -1.5)}, "AND is right, but these are the numbers of"),
    ("gates", GATES | {"OR": ([1.0, 1.0], -0.5)}, "OR is right, but these are the numbers of"),
    ("rule", lambda w, b, x, y: (w - y * x, b - y), "sign is the wrong way round"),
    ("rule", lambda w, b, x, y: (w + y * x, b + y), "should change, but your w or b did"),
    (
        "rule",
        lambda w, b, x, y: (w, b) if (w @ x + b > 0) == y else (w + y * x, b + y),
        "y is −1, not 0",
    ),
    ("rule", lambda w, b, x, y: (w, b) if right(w, b, x, y) else (w + y * x, b), "bias should"),
    ("rule", lambda w, b, x, y: (w, b) if right(w, b, x, y) else (w + x, b + 1), "label says"),
    ("rule", lambda w, b, x, y: (w, b) if right(w, b, x, y) else (w + y, b + y), "its own input"),
    (
        "rule",
        lambda w, b, x, y: (w + y * x, b + y) if y * (w @ x + b) < 0 else (w, b),
        "on the line itself counts",
    ),
    ("rule", in_place, "makes a new array"),
    ("rule", lambda w, b, x, y: w + y * x, "return w, b"),
    ("rule", lambda w, b, x, y: (np.append(w, b), b), "keep its shape"),
    ("rule", lambda w, b, x, y: (w + x.T @ w.missing, b), "AttributeError"),
    ("rule", 7, "Expected a function"),
    ("invariance", {"A", "B", "E", "C"}, "from 22 to 3"),
    ("invariance", {"A", "B"}, "Look at E again"),
    ("invariance", {"A", "Z"}, "got Z"),
    ("invariance", 5, "set of letters"),
    ("margin", lambda w, b, x, y: (y * (x @ w + b)).min(), "divide by the length of w"),
    ("margin", lambda w, b, x, y: (y * (x @ w)).min() / np.linalg.norm(w), "bias is missing"),
    ("margin", lambda w, b, x, y: (y * (x @ w + b)).mean() / np.linalg.norm(w), "the mean"),
    ("margin", lambda w, b, x, y: (y * (x @ w + b)).max() / np.linalg.norm(w), "the largest"),
    ("margin", lambda w, b, x, y: (y * (x @ w + b)).min() / (w @ w), "square root"),
    ("margin", lambda w, b, x, y: abs(x @ w + b).min() / np.linalg.norm(w), "negative margin"),
    ("margin", nearest, "deepest there"),
    ("margin", lambda w, b, x, y: y * (x @ w + b), "shape ()"),
    ("margin", lambda w, b, x, y: "wide", "Expected real numbers"),
    ("bound", lambda w, b, x, y: exercises.bound.answer(w, b, x, y) ** 0.5, "square is missing"),
    (
        "bound",
        lambda w, b, x, y: (np.linalg.norm(x, axis=1).max() / (y * (x @ w + b)).min()) ** 2,
        "got",
    ),
    (
        "bound",
        lambda w, b, x, y: (x**2).sum(1).max() * (w @ w + b * b) / (y * (x @ w + b)).min() ** 2,
        "the 1 is missing",
    ),
    (
        "bound",
        lambda w, b, x, y: ((x**2).sum(1).max() + 1) / (y * (x @ w + b)).min() ** 2,
        "length of (w, b)",
    ),
    (
        "bound",
        lambda w, b, x, y: ((x**2).sum(1).max() + 1) * (w @ w + b * b) / (x @ w + b).min() ** 2,
        "y is missing",
    ),
    ("bound", lambda w, b, x, y: np.inf, "infinity"),
    ("bound", "many", "Expected a function"),
    ("by_eye", EYE | {"B": True}, "No line parts B"),
    ("by_eye", EYE | {"D": False}, "A line parts D"),
    ("by_eye", EYE | {"A": "yes"}, "True (a line parts it) or False"),
    ("by_eye", {}, "no A"),
    ("by_eye", {"A", "B"}, "dictionary"),
    ("xor", (W1, B1, W2, B2 + 1), "XOR of (0, 0) should be 0"),
    ("xor", (np.array([[1, 1], [1, 1]]), np.array([-0.5, -1.5]), W2, B2), "XOR of (1, 1)"),
    ("xor", ([[1, 1], [-1, -1]], [-0.5, 1.5], [[1, 1]], [-1.5]), "like OR and NAND"),
    ("xor", ([[-2, -3], [2, 3]], [4, -1], [[1, 1]], [-1.5]), "like OR and NAND"),
    ("xor", (W1.T[:1], B1, W2, B2), "W1 should have shape (2, 2)"),
    ("xor", (W1, B1, W2[0], B2), "W2 should have shape (1, 2)"),
    ("xor", (W1, B1), "tuple of 2"),
    ("xor", (W1, "b", W2, B2), "Expected real numbers"),
    ("xor", 3, "(W1, b1, W2, b2)"),
    ("clinic", CASES | {"C": "bias"}, "C does not look like “bias”"),
    ("clinic", CASES | {"A": "always", "D": "labels"}, "A does not look like “always”"),
    ("clinic", CASES | {"A": "gremlins"}, "faults are called"),
    ("clinic", CASES | {"A": ["bias"]}, "could not be checked"),
    ("clinic", CASES | {"E": ...}, "left the run E open"),
    ("clinic", "sign", "dictionary"),
    ("margin", lambda w, b, x, y: (x @ w + b).min() / np.linalg.norm(w), "y is missing"),
    (
        "bound",
        lambda w, b, x, y: (x**2).sum(axis=1).max() / (y * (x @ w + b)).min() ** 2,
        "R is the length of the longest (x, 1), and γ",
    ),
    ("bound", lambda *inputs: np.floor(exercises.Bound.answer(*inputs)), "without rounding"),
]


def test_there_are_enough_exercises():
    assert len(NAMES) >= 6
    assert sorted(STUBS) == sorted(NAMES)


def test_every_wrong_gate_of_small_weights_is_found():
    """No wrong unit slips through, and no right one is refused."""
    for w1, w2, b in np.ndindex(5, 5, 9):
        w, bias = (w1 - 2, w2 - 2), b / 2 - 2.25
        table = tuple(int(np.dot(w, x) + bias > 0) for x in exercises.INPUTS)
        verdict = exercises.gates.check(GATES | {"OR": (w, bias)})
        assert (verdict.kind == RIGHT) == (table == (0, 1, 1, 1))


def test_sets_by_eye_are_decided_by_the_linear_programme():
    for letter, answer in exercises.by_eye.answer.items():
        assert separable(*exercises.by_eye.points(letter)) == answer


def test_bound_agrees_with_the_separation_module():
    x, y = exercises.invariance.examples()
    from dlkit.separation import widest_separation

    v, _ = widest_separation(x, y)
    ours = exercises.bound.answer(v[:-1], v[-1], x, y)
    assert np.isclose(ours, mistake_bound(x, y))


def test_the_bound_s_wrong_answers_get_numbers_that_the_learner_can_try():
    """w, b, x and y stand in the message as Python reads them, and a line parts these points."""
    said = str(exercises.bound.check(lambda w, b, x, y: -1.0))
    w, b, x, y, bound = re.search(
        r"For w = (.+), b = (.+), x = (.+), y = (.+) the bound is (.+), got", said
    ).groups()
    w, x, y = (np.array(ast.literal_eval(text)) for text in (w, x, y))
    assert (y * (x @ w + float(b)) > 0).all()
    assert np.isclose(exercises.bound.answer(w, float(b), x, y), float(bound), rtol=1e-3)


def test_invariances_are_what_the_answer_says():
    for letter in exercises.invariance.changes:
        before, after = exercises.invariance.measure(letter)
        assert (before == after) == (letter in exercises.invariance.answer)
    assert exercises.invariance.check("a, b, e").kind == RIGHT


def test_clinic_curves_show_what_the_symptoms_say():
    curves = exercises.clinic.curves()
    by_fault = {fault: curves[letter] for letter, fault in CASES.items()}
    assert by_fault["healthy"][0][-1] == 0
    assert by_fault["healthy"][1][-1] == by_fault["healthy"][1][-2]
    assert (by_fault["sign"][0] > 30).all()
    for growing in ("sign", "always"):
        steps = np.diff(by_fault[growing][1])
        assert np.allclose(steps, steps[0], rtol=0.1)
        assert steps[0] > 10
    assert (by_fault["labels"][0][1:] == 20).all()
    assert np.ptp(by_fault["labels"][1][1:]) == 0
    assert (by_fault["bias"][0] > 0).all()
    assert np.ptp(by_fault["bias"][1][5:]) > 0
    assert by_fault["bias"][1].max() < 10


def test_pictures_are_made():
    assert len(exercises.by_eye.show().axes) == 6
    assert len(exercises.clinic.show().axes) == 2


@pytest.mark.parametrize("name", ["by_eye", "clinic"])
def test_pictures_show_in_a_notebook_that_has_not_used_pyplot(name):
    """A fresh formatter knows nothing of Matplotlib, like a kernel right after a restart."""
    shown, _ = DisplayFormatter().format(getattr(exercises, name).show())
    picture = mpimg.imread(BytesIO(shown["image/png"]))
    assert picture.shape[1] >= 900
    assert np.ptp(picture[..., :3]) > 0.8  # from ink to paper: not blank


@pytest.mark.parametrize(
    "net",
    [
        ([[1, 1], [1, 1]], [-0.5, -1.5], [[1, -2]], [-0.5]),  # OR but not AND
        ([[1, -1], [1, 1]], [-0.5, -0.5], [[1, 1]], [-0.5]),  # OR once more: no XOR
        ([[1, -1], [-1, 1]], [-0.5, -0.5], [[1, 1]], [-0.5]),  # 10 or 01
        ([[1, -1], [-1, 1]], [0.5, 0.5], [[-1, -1]], [1.5]),  # not both of two implications
    ],
)
def test_xor_by_other_hidden_units(net):
    w1, b1, w2, b2 = map(np.array, net)
    hidden = exercises.INPUTS @ w1.T + b1 > 0
    makes_xor = ((hidden @ w2.T + b2 > 0)[:, 0] == [False, True, True, False]).all()
    assert (exercises.xor.check(net).kind == RIGHT) == makes_xor


def test_functions_have_the_signatures_that_the_stubs_have():
    for name in ("rule", "margin", "bound"):
        assert list(inspect.signature(getattr(exercises, name).answer).parameters) == list("wbxy")
