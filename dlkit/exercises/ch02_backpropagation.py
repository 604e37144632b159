"""Exercises of chapter 02: the pieces of backpropagation, checked by finite differences.

Each answer is compared with what nudging the inputs says, not with a formula; where it is off, the
message names the usual suspect: the sign, the missing 1/N, the other axis, the transposed matrix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from dlkit.data import digits
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import (
    Exercise,
    NotAttempted,
    Wrong,
    call,
    call_array,
    central,
    compare,
    wrong_if,
)
from dlkit.models.dense import Linear, ReLU, Sequential
from dlkit.models.initialisers import fan_in_uniform, zeros
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.parity import Report, gradient_check


class Softmax(Exercise):
    """Probabilities from any row of numbers, however large."""

    hints = (
        "Exponentiate, then divide each row by its own sum: keepdims=True keeps the shapes apart.",
        "e^1000 is too large for a float. What happens to p if you subtract one number from a "
        "whole row of z?",
        "Subtract z.max(axis=1, keepdims=True) first: the same p, and the largest exponent is 0.",
    )
    praise = "Right: each row is a probability, and no row overflows."

    def examine(self, answer):
        z = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
        p = _call_array(
            answer,
            z,
            shape=z.shape,
            if_shapes_clash="A sum over axis=1 of (2, 3) has shape (2,), which does not fit beside "
            "(2, 3): with keepdims=True it is (2, 1), one number a row.",
        )
        rows, columns = p.sum(axis=1), p.sum(axis=0)
        wrong_if(
            np.allclose(columns, 1) and not np.allclose(rows, 1),
            "Your columns add up to 1, but an example is a row: sum over axis=1.",
        )
        wrong_if(
            np.isclose(p.sum(), 1) and not np.allclose(rows, 1),
            "Everything together adds up to 1: divide each row by its own sum (axis=1, keepdims).",
        )
        wrong_if(not np.allclose(rows, 1), f"Each row should add up to 1, got {_show(rows)}.")
        wrong_if(bool((p < 0).any()), f"A probability is never negative, got {p.min():.3g}.")
        ratio = p[0, 1] / p[0, 0]
        wrong_if(
            not np.isclose(ratio, np.e),
            f"For z = {_show(z[0])} each p should be e times the one before it, "
            f"yours is {ratio:.4g} times: exponentiate z.",
        )
        for row in ([1000.0, 1001.0, 1002.0], [-1002.0, -1001.0, -1000.0], [-1000.0, 0.0, 1000.0]):
            large = np.asarray(call(answer, np.array([row])), dtype=float)
            wrong_if(
                not np.isfinite(large).all(),
                f"For z = {_show(row)} your answer holds NaN or infinity: e^1000 overflows, and "
                "e^-1000 leaves 0 / 0. Subtract each row's largest z first.",
            )
            fair = np.exp(np.array(row) - max(row))
            wrong_if(
                not np.allclose(large, fair / fair.sum()),
                f"For z = {_show(row)} your answer is {_show(large.ravel())}, "
                f"expected {_show(fair / fair.sum())}.",
            )

    @staticmethod
    def answer(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


class OutputDelta(Exercise):
    """The gradient of softmax and cross-entropy together."""

    hints = (
        "You need the probabilities first: the softmax of z.",
        "The gradient of one example is p - d, and d is 1 at the target and 0 elsewhere.",
        "The loss is a mean over N examples, so each row of the gradient is divided by N.",
    )
    praise = "Right: δ = (p − d) / N, as nudging each z confirms."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        z, target = rng.normal(size=(4, 3)), np.array([0, 2, 1, 2])
        delta = _call_array(
            answer,
            z,
            target,
            shape=z.shape,
            if_shapes_clash="z is (4, 3) and target (4,), a class number for each row: subtract "
            "one-hot rows, or 1 at [np.arange(N), target]. And a sum over axis=1 needs keepdims.",
        )
        expected = central(lambda z: CrossEntropyLoss()(z, target), z)
        p = expected * len(z)
        p[np.arange(len(z)), target] += 1
        everywhere = p.copy()
        everywhere[:, target] -= 1
        all_rows = (
            "[:, target] means these columns of every row: take one entry of each row, "
            "[np.arange(N), target]"
        )
        _compare(
            "δ",
            delta,
            expected,
            {
                "the sign is wrong: it is p - d, not d - p": -expected,
                "it is N times too large: the loss is a mean, so divide by N": expected * len(z),
                "the sign is wrong, and the 1/N of the mean is missing": -expected * len(z),
                "that is p / N: subtract 1 at the target": p / len(z),
                "that is p: subtract 1 at the target, then divide by N": p,
                all_rows: everywhere / len(z),
                f"{all_rows}, and divide by N": everywhere,
                "divide by the number of examples N, not by the number of entries of z": expected
                / z.shape[1],
            },
        )
        wrong_if(
            not np.allclose(delta.sum(axis=1), 0),
            "Each row of p - d adds up to 0, because both p and d add up to 1.",
        )
        far = np.asarray(call(answer, 1000 * z, target), dtype=float)
        wrong_if(
            not np.isfinite(far).all(),
            "For z a thousand times as large your answer holds NaN or infinity: does your softmax "
            "overflow? Subtract each row's largest z first.",
        )
        wrong_if(
            not np.allclose(far, _delta(1000 * z, target)),
            "For z a thousand times as large it is wrong: does your softmax overflow?",
        )

    @staticmethod
    def answer(z, target):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        delta = e / e.sum(axis=1, keepdims=True)
        delta[np.arange(len(z)), target] -= 1
        return delta / len(z)


class LinearBackward(Exercise):
    """The three gradients of a linear layer."""

    hints = (
        "Let the shapes guide you: ∂L/∂W has the shape of W, and δ is (N, out).",
        "W is (out, in), δ is (N, out), x is (N, in): the sum over N is a matrix product.",
        "∂L/∂W = δᵀ x, ∂L/∂b = the sum of δ over the batch, ∂L/∂x = δ W.",
    )
    praise = "Right: three lines, and all of deep learning passes through them."

    def examine(self, answer):
        rng = np.random.default_rng(1)
        delta, x, weight = rng.normal(size=(5, 2)), rng.normal(size=(5, 4)), rng.normal(size=(2, 4))
        bias = np.zeros(2)
        result = call(answer, delta, x, weight)
        wrong_if(
            not isinstance(result, (tuple, list)) or len(result) != 3,
            "Return three arrays: the gradients of the weight, of the bias and of x.",
        )

        def loss(x, weight, bias):  # any loss whose ∂L/∂z is delta
            return float((delta * (x @ weight.T + bias)).sum())

        nudged = (
            central(lambda w: loss(x, w, bias), weight),
            central(lambda b: loss(x, weight, b), bias),
            central(lambda a: loss(a, weight, bias), x),
        )
        for name, got, expected in zip(("weight", "bias", "x"), result, nudged, strict=True):
            got = _numbers(f"the gradient of {name}", got)
            wrong_if(
                got.shape == expected.T.shape and got.shape != expected.shape,
                f"The gradient of {name} is transposed: it should have shape {expected.shape}, "
                f"got {got.shape}.",
            )
            wrong_if(
                name == "bias" and got.shape == (1, 2),
                "The gradient of bias should have shape (2,), got (1, 2): leave keepdims out.",
            )
            wrong_if(
                name == "bias" and got.shape == delta.shape,
                "The bias is shared by all examples: add δ up over the batch (axis=0).",
            )
            wrong_if(
                got.shape != expected.shape,
                f"The gradient of {name} should have shape {expected.shape}, got {got.shape}.",
            )
            _compare(
                f"the gradient of {name}",
                got,
                expected,
                {
                    "it is N times too small: the 1/N is in δ already, so add up, do not "
                    "average": expected / len(x),
                    "the sign is wrong": -expected,
                },
            )

    @staticmethod
    def answer(delta, x, weight):
        return delta.T @ x, delta.sum(axis=0), delta @ weight


class ActivationBackward(Exercise):
    """Back through an activation: multiply by its slope."""

    def __init__(self, name: str, variable: str, f: Callable, mistakes: Mapping[str, Callable]):
        super().__init__(name, variable)
        self.f, self.mistakes = f, mistakes

    def examine(self, answer):
        rng = np.random.default_rng(2)
        z, grad_a = 1.5 * rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
        got = call_array(answer, grad_a, z, shape=z.shape)
        expected = central(lambda z: float((grad_a * self.f(z)).sum()), z)
        slope = expected / grad_a
        suspects = {
            "that is the slope alone: multiply it by the gradient that arrives, grad_a": slope,
            "you added the gradient that arrives; the chain rule multiplies": slope + grad_a,
        } | {text: grad_a * wrong(z) for text, wrong in self.mistakes.items()}
        _compare("the gradient of z", got, expected, suspects)
        flat = np.asarray(call(answer, np.ones((1, 2)), np.array([[-800.0, 800.0]])), dtype=float)
        wrong_if(
            not np.isfinite(flat).all(),
            "Right where z is small, but for z = -800 or 800 it gives NaN or infinity: e^800 "
            "overflows. Compute a first, and write the slope with a alone.",
        )
        wrong_if(
            not np.allclose(flat, 0), f"Far from 0 the curve is flat, yours has slope {_show(flat)}"
        )


class TanhBackward(ActivationBackward):
    """Back through a = tanh z."""

    hints = (
        "The chain rule: ∂L/∂z = ∂L/∂a · a′. You are given ∂L/∂a.",
        "The slope of tanh can be written with its own value: a′ = 1 − a².",
    )
    praise = "Right: grad_a (1 − a²), and a is at hand from the forward pass."

    @staticmethod
    def answer(grad_a, z):
        return grad_a * (1 - np.tanh(z) ** 2)


class SigmoidBackward(ActivationBackward):
    """Back through a = σ(z)."""

    hints = (
        "Compute a = 1 / (1 + e^-z) first; its slope can be written with a alone.",
        "a′ = a (1 − a).",
    )
    praise = "Right: grad_a a (1 − a), at most a quarter of what arrived."

    @staticmethod
    def answer(grad_a, z):
        a = 1 / (1 + np.exp(-z))
        return grad_a * a * (1 - a)


class NumericGradient(Exercise):
    """A gradient check of one's own: central differences."""

    hints = (
        "Loop over the entries: for index in np.ndindex(theta.shape).",
        "Move one entry up by h and down by h, and divide the change of f by 2h.",
        "In float64, h = 1e-5 is about right. Put the old value back before you go on.",
    )
    praise = "Right: slow, one entry at a time, and it trusts nothing but the function itself."

    def examine(self, answer):
        rng = np.random.default_rng(3)
        for shape in ((3,), (2, 3)):
            theta, along = rng.normal(size=shape), 3 * rng.normal(size=shape)
            kept, seen = theta.copy(), []

            def f(t, along=along, seen=seen):
                seen.append(np.array(t, dtype=float))
                return float(np.sin(along * t).sum() + t.flat[0] * t.flat[-1])

            got = call(answer, f, theta, copies=False)
            got = _numbers("the gradient", got)
            wrong_if(
                got.shape == (),
                f"For theta of shape {shape} the gradient has the same shape, got one number: "
                "θ + h moves all entries at once. Move one at a time.",
            )
            rows = "theta[i] is a whole row when theta has two axes: loop over every entry, "
            rows += "for index in np.ndindex(theta.shape)"
            wrong_if(
                len(shape) == 2 and got.shape == shape[:1],
                f"For theta of shape {shape} the gradient has the same shape, got {got.shape}: "
                f"{rows}.",
            )
            wrong_if(
                got.shape != shape,
                f"For theta of shape {shape} the gradient has the same shape, got {got.shape}.",
            )
            wrong_if(
                not np.allclose(theta, kept, rtol=0, atol=1e-9),
                "After your check theta is not what it was: put each entry back before you move "
                "the next one.",
            )
            expected = along * np.cos(along * kept)
            expected.flat[0] += kept.flat[-1]
            expected.flat[-1] += kept.flat[0]
            row_sums = np.broadcast_to(expected.sum(axis=-1, keepdims=True), shape)
            _compare(
                "the gradient",
                got,
                expected,
                {
                    "it is twice too large: the two points lie 2h apart": 2 * expected,
                    "it is twice too small: you divide by 2h, the distance from θ − h to θ + h. Do "
                    "your two points lie so far apart?": expected / 2,
                    "the sign is wrong: f above minus f below": -expected,
                    rows: row_sums,
                },
                tolerance=1e-2,
            )
            wrong_if(
                any(np.array_equal(point, kept) for point in seen),
                "f(θ + h) − f(θ) looks to one side only, and is off by about h. "
                "Take f(θ + h) − f(θ − h).",
            )
            error = np.abs(got - expected).max()
            wrong_if(
                error > 1e-6,
                f"Close, but off by {error:.0e}. Is h too large (the curve bends), or too small "
                "(round-off)? In float64, h = 1e-5 is about right.",
            )

    @staticmethod
    def answer(f, theta):
        gradient, h = np.zeros(theta.shape), 1e-5
        for index in np.ndindex(theta.shape):
            old = theta[index]
            theta[index] = old + h
            above = f(theta)
            theta[index] = old - h
            below = f(theta)
            theta[index] = old
            gradient[index] = (above - below) / (2 * h)
        return gradient


class MomentumStep(Exercise):
    """One step of gradient descent with momentum."""

    hints = (
        "First the velocity, then the parameter: two lines.",
        "v ← μ v + g, and then θ ← θ − η v with the new v.",
    )
    praise = "Right: the velocity remembers, the parameter follows it."

    def examine(self, answer):
        theta, velocity = np.array([1.0, -2.0]), np.array([0.5, 4.0])
        gradient, rate, momentum = np.array([3.0, -1.0]), 0.1, 0.8
        result = call(answer, theta, velocity, gradient, rate, momentum)
        wrong_if(
            not isinstance(result, (tuple, list)) or len(result) != 2,
            "Return two arrays: the new theta and the new velocity, in this order.",
        )
        new_theta = _numbers("theta", result[0], theta.shape)
        new_velocity = _numbers("the velocity", result[1], theta.shape)
        v = momentum * velocity + gradient
        wrong_if(
            np.allclose(new_theta, v) and np.allclose(new_velocity, theta - rate * v),
            "Both are right, in the wrong order: return theta first, then the velocity.",
        )
        compare(
            "the velocity",
            new_velocity,
            v,
            {
                "it has η in it: here v is μ v + g, and η comes in when theta moves": momentum
                * velocity
                + rate * gradient,
                "it has −η in it: here v is μ v + g, and −η comes in when theta moves": momentum
                * velocity
                - rate * gradient,
                "the old velocity is forgotten: v is μ v + g": gradient,
                "the old velocity is not slowed down: multiply it by μ": velocity + gradient,
                "the gradient is weighted by 1 − μ; here it enters whole": momentum * velocity
                + (1 - momentum) * gradient,
                "the old velocity comes back: v is μ v + g": velocity,
            },
        )
        compare(
            "theta",
            new_theta,
            theta - rate * v,
            {
                "it goes uphill: subtract η v": theta + rate * v,
                "it moved along the old velocity: update v first": theta - rate * velocity,
                "it moved along the gradient alone: subtract η v": theta - rate * gradient,
                "η is missing": theta - v,
            },
        )

    @staticmethod
    def answer(theta, velocity, gradient, learning_rate, momentum):
        velocity = momentum * velocity + gradient
        return theta - learning_rate * velocity, velocity


class CountParameters(Exercise):
    """How many numbers a multilayer perceptron learns."""

    hints = (
        "A layer from n inputs to m outputs has a weight of n · m numbers. What else?",
        "itertools.pairwise(sizes), or zip(sizes, sizes[1:]), gives each layer's (n, m).",
    )
    praise = "Right: n · m weights and m biases a layer."

    def examine(self, answer):
        for sizes in ((784, 128, 10), (2, 2, 1), (5, 3), (64, 32, 16, 8, 4)):
            got = call(answer, sizes)
            pairs = list(pairwise(sizes))
            expected = sum((n + 1) * m for n, m in pairs)
            got = _numbers("the count", got, ())
            suspects = {
                "the biases are missing, one for each output of a layer": sum(
                    n * m for n, m in pairs
                ),
                "the bias belongs to the outputs: m of them a layer, not n": sum(
                    n * m + n for n, m in pairs
                ),
                "the input layer has no bias of its own": expected + sizes[0],
                "that is the number of units; count the connections": sum(sizes),
            }
            for text, wrong in suspects.items():
                wrong_if(got == wrong != expected, f"For {sizes} you count {got:g}: {text}.")
            wrong_if(got != expected, f"For {sizes} you count {got:g}, expected {expected}.")

    @staticmethod
    def answer(sizes):
        n, m = np.array(sizes[:-1]), np.array(sizes[1:])
        return ((n + 1) * m).sum()


class Zigzag(Exercise):
    """Three teeth set by hand: one hidden layer of three ReLU units."""

    hints = (
        "A ReLU unit bends the line once, where w x + b = 0. You need a bend at 1/3 and at 2/3.",
        "Let all three units look to the right: max(0, x), max(0, x − 1/3), max(0, x − 2/3).",
        "Each output weight is the change of slope at its bend. The slopes are 3, −3, 3, "
        "so the changes are 3, −6, 6.",
    )
    praise = "Right: three units, three pieces. Stack k such layers and there are 3 to the power k."
    answer = ([1, 1, 1], [0, -1 / 3, -2 / 3], [3, -6, 6], 0)

    def examine(self, answer):
        wrong_if(
            not isinstance(answer, (tuple, list)) or len(answer) != 4,
            "Give four things in a tuple: the hidden weights, hidden biases, output weights, and "
            "the output bias.",
        )
        if any(part is ... or part is None for part in answer):
            raise NotAttempted
        names = ("the hidden weights", "the hidden biases", "the output weights")
        w1, b1, w2 = (_numbers(n, part, (3,)) for n, part in zip(names, answer, strict=False))
        b2 = _numbers("the output bias", answer[3], ())
        twelfths = np.array((0, 4, 8, 12, 2, 6, 10, 1, 3, 5, 7, 9, 11))
        got = np.maximum(np.outer(twelfths / 12, w1) + b1, 0) @ w2 + b2
        expected = np.interp(twelfths, (0, 4, 8, 12), (0, 1, 0, 1))
        off = np.abs(got - expected)
        rounded = "That is nearly it: write 1/3, not 0.333. " if off.max() < 0.05 else ""
        first = int((off > 1e-5).argmax())  # the first that is off
        wrong_if(
            bool(off[first] > 1e-5),
            f"{rounded}At x = {twelfths[first]}/12 your net gives {got[first]:.4g}, "
            f"the zigzag is {expected[first]:.4g}.",
        )


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
NO_MEAN = "1/N forgotten in the gradient"
SIGN = "sign of the softmax gradient wrong"
NO_MASK = "ReLU's mask forgotten in backward"
NO_BIAS = "gradient of the biases forgotten"
ZERO_START = "all weights start at zero"
RATE = "learning rate far too large"
FAULTS = (HEALTHY, NO_MEAN, SIGN, NO_MASK, NO_BIAS, ZERO_START, RATE)


class ForgetsMean(CrossEntropyLoss):
    """A seeded fault: the gradient of the sum, where the loss is the mean."""

    def backward(self):
        return super().backward() * len(self._p)


class TurnsSign(CrossEntropyLoss):
    """A seeded fault: d - p in place of p - d."""

    def backward(self):
        return -super().backward()


class ForgetsMask(ReLU):
    """A seeded fault: the gradient passes where the unit was off."""

    def backward(self, grad_output):
        return grad_output


class ForgetsBias(Linear):
    """A seeded fault: the bias is never told."""

    def backward_parameters(self, grad_output):
        super().backward_parameters(grad_output)
        self.gradients["bias"][...] = 0


@dataclass(frozen=True)
class Patient:
    """What the clinic knows: the mean loss of each pass, and the gradient check at the start."""

    losses: np.ndarray
    check: Report


CLUES = {
    HEALTHY: "every gradient is right and the loss falls smoothly.",
    NO_MEAN: "look at received and expected in its gradient check. What is the factor?",
    SIGN: "the loss rises from the first pass on. Which way does it walk?",
    NO_MASK: "compare its gradient check in the last layer and in the first.",
    NO_BIAS: "the loss falls, but two rows of its gradient check do not agree. Which two?",
    ZERO_START: "its gradients are right, and its loss hardly moves. What can keep a net still?",
    RATE: "its gradients are right, and it does worse than guessing. What else decides a step?",
}


class BugClinic(Clinic):
    """Seven trainings of one net on the digits; six have a fault each. Which is which?"""

    hints = (
        "Look at the gradient check first. A wrong gradient is a fault in backward; a right one "
        "leaves the start and the learning rate as suspects.",
        "Which tensors are wrong? If those of the last layer are right, the fault lies before it. "
        "If all are wrong by one factor, the factor names the fault.",
        "Two patients end above the loss of pure guessing, log 10, on the same curve, and only one "
        "of them has a wrong gradient. Two have nearly the same good curve, and only one of them "
        "has a right gradient.",
    )
    praise = (
        "Right, all seven. A falling loss does not prove a right gradient, and a right gradient "
        "does not make the loss fall: look at both."
    )
    answer = {  # noqa: RUF012
        "A": NO_MASK,
        "B": ZERO_START,
        "C": NO_MEAN,
        "D": HEALTHY,
        "E": SIGN,
        "F": RATE,
        "G": NO_BIAS,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Train a net 64-32-10 with this fault for 10 passes over the digits, and check its start."""
    split, batch, rng = digits(dtype=np.float64), 50, np.random.default_rng(0)
    start = zeros if fault == ZERO_START else fan_in_uniform
    layer = ForgetsBias if fault == NO_BIAS else Linear
    model = Sequential(
        layer(64, 32, rng=rng, weight_init=start, dtype=np.float64),
        ForgetsMask() if fault == NO_MASK else ReLU(),
        layer(32, 10, rng=rng, weight_init=start, dtype=np.float64),
    )
    loss = {NO_MEAN: ForgetsMean, SIGN: TurnsSign}.get(fault, CrossEntropyLoss)()
    optimiser = SGD(model.parameters, 10.0 if fault == RATE else 0.2)
    x, y = split.x_train, split.y_train
    check = gradient_check(model, loss, x[:batch], y[:batch], entries=30)

    losses = []
    for _ in range(10):
        order, total = rng.permutation(len(x)), 0.0
        for first in range(0, len(x), batch):
            chosen = order[first : first + batch]
            total += len(chosen) * loss(model(x[chosen]), y[chosen])
            model.backward_parameters(loss.backward())
            optimiser.step(model.gradients)
        losses.append(total / len(x))
    return Patient(np.array(losses), check)


# --- What the checks share ---------------------------------------------------------------------


def _call_array(
    answer: Any, *inputs: np.ndarray, shape: tuple[int, ...], if_shapes_clash: str
) -> np.ndarray:
    """`call_array`; where NumPy only says that shapes do not fit, the usual reason is added."""
    try:
        return call_array(answer, *inputs, shape=shape)
    except Wrong as wrong:
        if "broadcast" in str(wrong):
            said = str(wrong).split(" That means:")[0]
            raise Wrong(f"{said} {if_shapes_clash}") from None
        raise


def _delta(z: np.ndarray, target: np.ndarray) -> np.ndarray:
    loss = CrossEntropyLoss()
    loss.forward(z, target)
    return loss.backward()


def _numbers(name: str, value: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """`value` as finite numbers, or `Wrong` with a sentence about `name`."""
    array = call_array(lambda: value)
    wrong_if(
        shape is not None and array.shape != shape,
        f"{name[0].upper()}{name[1:]} should have shape {shape}, got {array.shape}.",
    )
    return array


_compare = partial(compare, says="nudging says")


def _show(values: Any) -> str:
    return np.array2string(np.asarray(values, dtype=float), precision=3, separator=", ")


def _sigma(z: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * z) + 1)


softmax = Softmax("02/softmax", "my_softmax")
output_delta = OutputDelta("02/output-delta", "my_output_delta")
linear_backward = LinearBackward("02/linear-backward", "my_linear_backward")
tanh_backward = TanhBackward(
    "02/tanh-backward",
    "my_tanh_backward",
    np.tanh,
    {
        "the slope is 1 − a², with a = tanh z, not 1 − z²": lambda z: 1 - z**2,
        "the slope is 1 − a², not 1 − a": lambda z: 1 - np.tanh(z),
        "that passes through tanh itself; it should pass through its slope": np.tanh,
    },
)
sigmoid_backward = SigmoidBackward(
    "02/sigmoid-backward",
    "my_sigmoid_backward",
    _sigma,
    {
        "the slope is a (1 − a), with a = σ(z), not z (1 − z)": lambda z: z * (1 - z),
        "the slope is a (1 − a), not 1 − a²": lambda z: 1 - _sigma(z) ** 2,
        "that passes through σ itself; it should pass through its slope": _sigma,
        "half of the slope is there: a (1 − a), not 1 − a": lambda z: 1 - _sigma(z),
    },
)
numeric_gradient = NumericGradient("02/numeric-gradient", "my_numeric_gradient")
momentum_step = MomentumStep("02/momentum-step", "my_momentum_step")
count_parameters = CountParameters("02/count-parameters", "my_count")
zigzag = Zigzag("02/zigzag", "my_zigzag")
bug_clinic = BugClinic("02/bug-clinic", "diagnosis")
