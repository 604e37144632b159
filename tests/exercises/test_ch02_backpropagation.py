"""Chapter 02's exercises: solutions pass, stubs are not attempted, mistakes are told apart."""

import numpy as np
import pytest

from dlkit.exercises import ch02_backpropagation as ch02
from dlkit.exercises.exercise import Exercise

EXERCISES = {name: value for name, value in vars(ch02).items() if isinstance(value, Exercise)}
FUNCTIONS = [name for name, value in EXERCISES.items() if callable(value.answer)]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def one_hot(z, target):
    return np.eye(z.shape[1])[target]


def sigma(z):
    return 1 / (1 + np.exp(-z))


def numeric(quotient, h=1e-5, put_back=True):
    """A gradient by `quotient(above, below, here, h)`, as a learner might write it."""

    def answer(f, theta):
        gradient = np.zeros(theta.shape)
        for index in np.ndindex(theta.shape):
            old, here = theta[index], None
            if quotient is one_sided:
                here = f(theta)
            theta[index] = old + h
            above = f(theta)
            theta[index] = old - h
            below = f(theta)
            if put_back:
                theta[index] = old
            gradient[index] = quotient(above, below, here, h)
        return gradient

    return answer


def central(above, below, here, h):
    return (above - below) / (2 * h)


def one_sided(above, below, here, h):
    return (above - here) / h


def row_by_row(f, theta, h=1e-5):
    """Moves theta[i], which is a number in a vector and a whole row in a matrix."""
    gradient = np.zeros(theta.shape)
    for i in range(len(theta)):
        old = theta[i].copy()
        theta[i] = old + h
        above = f(theta)
        theta[i] = old - h
        gradient[i] = (above - f(theta)) / (2 * h)
        theta[i] = old
    return gradient


def subtract_in_all_rows(z, target):
    p = softmax(z)
    p[:, target] -= 1
    return p


def diagnosis(**changes):
    return ch02.BugClinic.answer | changes


def overflowing_delta(z, target):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p[np.arange(len(z)), target] -= 1
    return p / len(z)


def half_as_far(f, theta, h=1e-5):
    """Divides by 2h what lies h apart."""
    gradient = np.zeros(theta.shape)
    for index in np.ndindex(theta.shape):
        moved = theta.copy()
        moved[index] += h
        gradient[index] = (f(moved) - f(theta)) / (2 * h)
    return gradient


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("softmax", lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), "overflows"),
    ("softmax", lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(), "Everything together"),
    ("softmax", lambda z: softmax(z.T).T, "columns add up to 1"),
    ("softmax", lambda z: np.exp(z), "add up to 1"),
    ("softmax", lambda z: z / z.sum(axis=1, keepdims=True), "exponentiate"),
    ("softmax", lambda z: softmax(z)[0], "shape (2, 3)"),
    ("softmax", lambda z: np.exp(z) / np.exp(z).sum(axis=1), "keepdims=True it is (2, 1)"),
    (
        "softmax",
        lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(axis=1, keepdims=True) + 1e-3,
        "add up to 1",
    ),
    ("output_delta", lambda z, t: (one_hot(z, t) - softmax(z)) / len(z), "p - d, not d - p"),
    ("output_delta", lambda z, t: softmax(z) - one_hot(z, t), "divide by N"),
    ("output_delta", lambda z, t: one_hot(z, t) - softmax(z), "the 1/N of the mean is missing"),
    ("output_delta", lambda z, t: softmax(z) / len(z), "subtract 1 at the target"),
    ("output_delta", lambda z, t: softmax(z), "subtract 1 at the target, then"),
    (
        "output_delta",
        lambda z, t: (softmax(z) - one_hot(z, t)) / z.size,
        "not by the number of entries",
    ),
    (
        "output_delta",
        lambda z, t: (np.exp(z) / np.exp(z).sum(1, keepdims=True) - one_hot(z, t)) / len(z),
        "NaN or infinity",
    ),
    ("output_delta", lambda z, t: softmax(z) - t, "subtract one-hot rows"),
    ("output_delta", lambda z, t: np.exp(z) / np.exp(z).sum(1) - one_hot(z, t), "needs keepdims"),
    ("output_delta", lambda z, t: subtract_in_all_rows(z, t) / len(z), "one entry of each row"),
    ("output_delta", subtract_in_all_rows, "target], and divide by N"),
    ("linear_backward", lambda d, x, w: (x.T @ d, d.sum(0), d @ w), "transposed"),
    ("linear_backward", lambda d, x, w: (d.T @ x, d, d @ w), "shared by all examples"),
    ("linear_backward", lambda d, x, w: (d.T @ x, d.sum(0, keepdims=True), d @ w), "keepdims"),
    ("linear_backward", lambda d, x, w: (d.T @ x / 5, d.mean(0), d @ w), "do not average"),
    ("linear_backward", lambda d, x, w: (d.T @ x, d.sum(1), d @ w), "shape (2,)"),
    ("linear_backward", lambda d, x, w: (d.T @ x, d.sum(0), (d @ w).T), "transposed"),
    ("linear_backward", lambda d, x, w: (d.T @ x, d.sum(0), -d @ w), "sign"),
    ("linear_backward", lambda d, x, w: d.T @ x, "three arrays"),
    ("tanh_backward", lambda g, z: 1 - np.tanh(z) ** 2, "slope alone"),
    ("tanh_backward", lambda g, z: g * (1 - z**2), "not 1 − z²"),
    ("tanh_backward", lambda g, z: g * (1 - np.tanh(z)), "not 1 − a."),
    ("tanh_backward", lambda g, z: g * np.tanh(z), "through its slope"),
    ("tanh_backward", lambda g, z: g + 1 - np.tanh(z) ** 2, "multiplies"),
    ("sigmoid_backward", lambda g, z: sigma(z) * (1 - sigma(z)), "slope alone"),
    ("sigmoid_backward", lambda g, z: g * z * (1 - z), "not z (1 − z)"),
    ("sigmoid_backward", lambda g, z: g * (1 - sigma(z) ** 2), "not 1 − a²"),
    ("sigmoid_backward", lambda g, z: g * (1 - sigma(z)), "half of the slope"),
    ("sigmoid_backward", lambda g, z: g * np.exp(-z) / (1 + np.exp(-z)) ** 2, "e^800 overflows"),
    ("numeric_gradient", row_by_row, "theta[i] is a whole row"),
    (
        "numeric_gradient",
        lambda f, t: (f(t + 1e-5) - f(t - 1e-5)) / 2e-5,
        "moves all entries at once",
    ),
    (
        "numeric_gradient",
        lambda f, theta: row_by_row(f, theta).reshape(len(theta), -1)[:, 0],
        "got (2,): theta[i] is a whole row",
    ),
    ("numeric_gradient", numeric(one_sided), "one side only"),
    ("numeric_gradient", numeric(lambda a, b, _, h: (a - b) / h), "2h apart"),
    ("numeric_gradient", numeric(lambda a, b, _, h: (b - a) / (2 * h)), "sign is wrong"),
    ("numeric_gradient", numeric(central, h=1e-2), "h too large"),
    ("numeric_gradient", numeric(central, h=1e-13), "round-off"),
    ("numeric_gradient", numeric(central, put_back=False), "put each entry back"),
    ("numeric_gradient", lambda f, theta: f(theta), "same shape"),
    ("momentum_step", lambda t, v, g, r, m: (t - r * (m * v + g), m * v + r * g), "η in it"),
    ("momentum_step", lambda t, v, g, r, m: (t + r * (m * v + g), m * v + g), "uphill"),
    ("momentum_step", lambda t, v, g, r, m: (t - r * v, m * v + g), "update v first"),
    ("momentum_step", lambda t, v, g, r, m: (t - r * g, g), "old velocity is forgotten"),
    ("momentum_step", lambda t, v, g, r, m: (t - r * g, m * v + g), "gradient alone"),
    ("momentum_step", lambda t, v, g, r, m: (t - r * (v + g), v + g), "multiply it by μ"),
    ("momentum_step", lambda t, v, g, r, m: (m * v + g, t - r * (m * v + g)), "wrong order"),
    ("momentum_step", lambda t, v, g, r, m: t - r * (m * v + g), "two arrays"),
    ("count_parameters", lambda s: sum(a * b for a, b in zip(s, s[1:])), "biases are missing"),  # noqa: B905, RUF007
    ("count_parameters", lambda s: sum(s), "count the connections"),
    ("count_parameters", lambda s: sum(a * b + a for a, b in zip(s, s[1:])), "not n"),  # noqa: B905, RUF007
    ("count_parameters", lambda s: 101_770, "For (2, 2, 1) you count 101770"),
    ("zigzag", ([1, 1, 1], [0, -1 / 3, -2 / 3], [3, -3, 3], 0), "At x = 8/12"),
    ("zigzag", ([1, 1, 1], [0, 1 / 3, 2 / 3], [3, -6, 6], 0), "At x = 0/12"),
    ("zigzag", ([1, 1, 1], [0, -0.333, -0.667], [3, -6, 6], 0), "write 1/3, not 0.333"),
    ("zigzag", ([1, 1], [0, -0.5], [2, -4], 0), "shape (3,)"),
    ("zigzag", ([1, 1, 1], [0, -1 / 3, -2 / 3], [3, -6, 6]), "four things"),
    ("bug_clinic", diagnosis(C=ch02.RATE), "What is the factor?"),
    ("bug_clinic", diagnosis(D=ch02.NO_BIAS), "every gradient is right"),
    ("bug_clinic", diagnosis(F=ch02.NO_MEAN), "What else decides a step?"),
    ("bug_clinic", diagnosis(A="missing mask"), "not on the list"),
    ("bug_clinic", {"Z": ch02.HEALTHY}, "no patient 'Z'"),
    ("bug_clinic", {"D": ch02.HEALTHY}, "still to come: A, B, C, E, F, G"),
    ("momentum_step", lambda t, v, g, rate, mu: (t - rate * g, g), "; expected is 2.2: the old"),
    ("output_delta", overflowing_delta, "does your softmax overflow? Subtract"),
    ("numeric_gradient", half_as_far, "Do your two points lie so far apart?"),
]


@pytest.mark.parametrize("h", [1e-4, 1e-5, 1e-6])
def test_numeric_gradient_leaves_the_choice_of_a_good_h(h):
    assert ch02.numeric_gradient.check(numeric(central, h=h)).kind == "right"


def test_zigzag_takes_other_weights_that_draw_it():
    from_the_right = ([-1, 1, 1], [1 / 3, -1 / 3, -2 / 3], [-3, -3, 6], 1)
    assert ch02.zigzag.check(from_the_right).kind == "right"


class TestBugClinic:
    """Each patient shows what its clue says."""

    @pytest.fixture(scope="class")
    @classmethod
    def patients(cls):
        found = ch02.bug_clinic.patients()
        return {fault: found[letter] for letter, fault in ch02.BugClinic.answer.items()}

    def test_everyone_has_another_fault(self):
        assert sorted(ch02.BugClinic.answer.values()) == sorted(ch02.FAULTS)

    @pytest.mark.parametrize("fault", [ch02.HEALTHY, ch02.ZERO_START, ch02.RATE])
    def test_gradient_is_right(self, patients, fault):
        assert patients[fault].check.largest < 1e-6

    @pytest.mark.parametrize(
        ("fault", "factor"), [(ch02.SIGN, -1), (ch02.NO_MEAN, 50)], ids=["sign", "mean"]
    )
    def test_every_gradient_is_off_by_one_factor(self, patients, fault, factor):
        for row in patients[fault].check.rows:
            assert row.received == pytest.approx(factor * row.expected, rel=1e-5)

    def test_without_the_mask_the_last_layer_is_right(self, patients):
        off = {row.name: row.relative for row in patients[ch02.NO_MASK].check.rows}
        assert off["gradient of 2.weight"] < 1e-6
        assert off["gradient of 2.bias"] < 1e-6
        assert off["gradient of 0.weight"] > 0.1

    def test_without_bias_gradients_only_biases_are_wrong(self, patients):
        for row in patients[ch02.NO_BIAS].check.rows:
            assert (row.relative > 0.5) == row.name.endswith("bias")

    def test_curves(self, patients):
        curve = {fault: patient.losses for fault, patient in patients.items()}
        chance = np.log(10)
        assert curve[ch02.HEALTHY][-1] < 0.3
        assert np.abs(curve[ch02.NO_BIAS] - curve[ch02.HEALTHY]).max() < 0.05
        assert curve[ch02.NO_MASK][-1] > curve[ch02.HEALTHY][-1]
        assert np.abs(curve[ch02.ZERO_START] - chance).max() < 0.01
        assert (np.diff(curve[ch02.SIGN]) > 0).all()
        assert curve[ch02.RATE].min() > chance  # worse than guessing, and …
        assert np.allclose(curve[ch02.RATE], curve[ch02.NO_MEAN], rtol=0.2)  # … the same curve
