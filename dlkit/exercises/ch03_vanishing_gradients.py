"""Exercises of chapter 03: what a layer does to blame, first weights, saturation, three cures.

Gradients are compared with what nudging says, factors and variances with layers that are drawn and
measured; where an answer is off, the message names the usual suspect.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from dlkit.data import digits
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import Exercise, call, call_array, central, compare, wrong_if
from dlkit.models.dense import Linear, ReLU, Sequential, Sigmoid, sigmoid
from dlkit.models.initialisers import he_normal, normal
from dlkit.models.layer import Layer
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.models.residual import Residual


class Factor(Exercise):
    """What a layer multiplies the typical size of the blame by."""

    hints = (
        "The formula has three parts: n, the variance of a weight, and a mean over the slopes.",
        "E[f′²] is the mean of the squares, not the square of the mean.",
        "The formula gives the square of the factor: take the root of the whole product.",
    )
    praise = "Right: √(n var(W) E[f′²]), and a layer that was drawn and measured agrees."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        for n, variance in ((300, 0.005), (200, 0.03)):
            a = np.tanh(rng.normal(size=(5, n)) * 1.3)
            slopes = 1 - a**2
            got = _number(answer, n, variance, slopes)
            suspects = {
                "take the root: that is the factor of the squared length": n
                * variance
                * np.mean(slopes**2),
                "E[f′²] is the mean of the squares, not the square of the mean": np.sqrt(
                    n * variance
                )
                * slopes.mean(),
                "f′ enters squared, because what adds up is squares": np.sqrt(
                    n * variance * slopes.mean()
                ),
                "E[f′²] is the mean of the squares of the slopes, not their variance": np.sqrt(
                    n * variance * slopes.var()
                ),
                "n is missing: n terms add up": np.sqrt(variance * np.mean(slopes**2)),
                "`variance` is a variance already: do not square it": variance
                * np.sqrt(n * np.mean(slopes**2)),
                "take a mean over the slopes, not a sum": np.sqrt(n * variance * (slopes**2).sum()),
            }
            expected = float(np.sqrt(n * variance * np.mean(slopes**2)))
            where = f"With n = {n}, var(W) = {variance:.3g} and some slopes of tanh"
            _judge(where, got, expected, suspects)

    @staticmethod
    def answer(n, variance, slopes):
        return np.sqrt(n * variance * np.mean(slopes**2))


class LayersUntil(Exercise):
    """After how many layers a share of the blame is gone."""

    hints = (
        "After k layers, factor ** k of the blame is left.",
        "factor ** k < share is the same as k log(factor) < log(share), and log(factor) is "
        "negative: dividing by it turns the sign round.",
        "The smallest whole k above np.log(share) / np.log(factor): cut off what stands behind the "
        "point, int(…), and add 1. Or count in a loop. Where the quotient should be 2, as for 0.81 "
        "and 0.9, it may be 1.9999999999999998: add 1e-9 before you cut.",
    )
    praise = "Right: at a factor of 0.24, ten layers leave less than a millionth."

    def examine(self, answer):
        for factor, share in (
            (0.7, 0.01),
            (0.24, 1e-6),
            (0.99, 0.5),
            (0.5, 0.3),
            (0.8, 0.1),  # 10.3 layers: rounding is not enough
            (0.5, 0.25),  # exactly 2, after which a quarter is left, which is not less
        ):
            got = _number(answer, factor, share)
            exact = math.log(share) / math.log(factor)
            expected = self.answer(factor, share)
            suspects = {
                f"after {expected - 1} layers {factor ** (expected - 1):.3g} is left, which is "
                "not yet below": expected - 1,
                f"that is no whole number; after {expected} layers it is below for the first "
                "time": exact,
                f"one too many: {factor**expected:.3g} is left after {expected} layers "
                "already": expected + 1,
                "the share is multiplied at each layer, not subtracted": round(
                    (1 - share) / (1 - factor)
                ),
                "divide the logarithm of the share by that of the factor, not the other way "
                "round": math.floor(1 / exact) + 1,
                "divide log(share) by log(factor), not the other way round": 1 / exact,
            }
            _judge(f"With a factor of {factor} and a share of {share:g}", got, expected, suspects)

    @staticmethod
    def answer(factor, share):
        return int(np.log(share) / np.log(factor) + 1e-9) + 1  # 2 may come as 1.9999…


class HeWeights(Exercise):
    """First weights for a ReLU layer, by He's rule."""

    hints = (
        "rng.normal(mean, standard deviation, shape): you know the variance, which is its square.",
        "var(W) = 2 / n_in, and a weight is (out, in).",
        "rng.normal(0, np.sqrt(2 / n_in), (n_out, n_in))",
    )
    praise = "Right: variance 2 / n_in, mean 0, shape (out, in)."

    def examine(self, answer):
        n_in, n_out = 300, 200
        weight = call(answer, np.random.default_rng(1), n_in, n_out)
        weight = _array("the weight", weight)
        wrong_if(
            weight.shape == (n_in, n_out),
            f"For {n_in} inputs and {n_out} outputs the shape should be ({n_out}, {n_in}), got "
            f"({n_in}, {n_out}): a weight is (out, in).",
        )
        wrong_if(
            weight.shape != (n_out, n_in),
            f"For {n_in} inputs and {n_out} outputs the shape should be ({n_out}, {n_in}), got "
            f"{weight.shape}.",
        )
        wrong_if(
            abs(weight.mean()) > 0.1 * weight.std() + 1e-12,
            f"The mean of the weights should be 0, yours is {weight.mean():.3g}.",
        )
        variance, expected = float(weight.var()), 2 / n_in
        suspects = {
            "normal() wants the standard deviation, the root of the variance": expected**2,
            "that is Glorot's variance, 2 / (n_in + n_out)": 2 / (n_in + n_out),
            "divide by the inputs of the layer, not by its outputs": 2 / n_out,
            "that is 1 / n_in: with ReLU half of the units are off, so twice as much": 1 / n_in,
            "a uniform number in ±a has variance a² / 3, so a = √(6 / n_in)": expected / 3,
            "that is a standard normal, whatever the layer": 1.0,
        }
        where = f"For {n_in} inputs and {n_out} outputs, of the variance of the weights"
        _judge(where, variance, expected, suspects, tolerance=0.04)
        again = _array("the weight", call(answer, np.random.default_rng(2), n_in, n_out))
        wrong_if(
            np.array_equal(again, weight),
            "With another rng the weights are the same: draw them from the rng that you are given.",
        )
        same = _array("the weight", call(answer, np.random.default_rng(1), n_in, n_out))
        wrong_if(
            not np.array_equal(same, weight),
            "Two generators with the same seed should give the same weights, yours do not: draw "
            "from the rng that you are given.",
        )

    @staticmethod
    def answer(rng, n_in, n_out):
        return rng.normal(0, np.sqrt(2 / n_in), (n_out, n_in))


class LeakyVariance(Exercise):
    """First weights for a unit with two slopes."""

    hints = (
        "Set the factor to 1 and solve for var(W): var(W) = 1 / (n E[f′²]).",
        "Half of the units have slope 1, half have slope `leak`. What is the mean of the squares?",
        "E[f′²] = (1 + leak²) / 2.",
    )
    praise = "Right: 2 / (n (1 + leak²)); with leak 0 it is He's rule, with leak 1 it is 1 / n."

    def examine(self, answer):
        for n, leak in ((50, 0.5), (200, 0.1), (100, 0.0), (100, 1.0)):
            got = _number(answer, n, leak)
            expected = 2 / (n * (1 + leak**2))
            suspects = {
                "that leaves the leak out": 2 / n,
                "that is right for slope 1 everywhere; here half of the units leak": 1 / n,
                "square each slope first, then take the mean": 2 / (n * (1 + leak) ** 2),
                "1 + leak² belongs below the line": 2 / n * (1 + leak**2),
                "the slopes enter squared: 1 + leak²": 2 / (n * (1 + leak)),
                "that is the standard deviation; the variance is asked for": np.sqrt(expected),
                "only half of the units leak, and only half have slope 1": 1 / (n * (1 + leak**2)),
                "that is E[f′²]; the variance is 1 / (n E[f′²])": (1 + leak**2) / 2,
                "a half of each: E[f′²] = (1 + leak²) / 2, so the 2 is above the line": 1
                / (2 * n * (1 + leak**2)),
            }
            _judge(f"With n = {n} and leak = {leak:g}", got, expected, suspects)

    @staticmethod
    def answer(n, leak):
        return 2 / (n * (1 + leak**2))


class Saturated(Exercise):
    """The share of sigmoid units that stand where their curve is nearly flat."""

    hints = (
        "The slope of a sigmoid with output a is a (1 − a), at most ¼.",
        "A tenth of ¼ is 0.025. Compare every slope with it.",
        "The mean of an array of True and False is the share of True: np.mean(slope < 0.025).",
    )
    praise = "Right: both ends of the curve count, near 0 and near 1."

    def examine(self, answer):
        rows = (
            np.array([[0.5, 0.5], [0.5, 0.5]]),
            np.array([[0.01, 0.02, 0.001], [0.99, 0.5, 0.6]]),
            np.array([[0.05, 0.11], [0.95, 0.5]]),
            np.array(
                [[0.024, 0.3], [0.9, 0.8]]
            ),  # 0.0234 is less than 0.1 · ¼, not than 0.1 · 0.21
        )
        for a in (*rows, sigmoid(3 * np.random.default_rng(3).normal(size=(40, 25)))):
            got, slope = _number(answer, a), a * (1 - a)
            expected = float(np.mean(slope < 0.025))
            suspects = {
                "that is a percentage; give a share between 0 and 1": 100 * expected,
                "that counts; the share is asked for, so divide by the number of outputs": float(
                    np.sum(slope < 0.025)
                ),
                "those are the units that are not saturated": 1 - expected,
                "the steepest that a sigmoid can have is ¼, also where no unit is so steep": float(
                    np.mean(slope < slope.max() / 10)
                ),
                "no output is near 0 and near 1 at once; either end will do": 0.0,
                "outputs near 1 are saturated too": float(np.mean((slope < 0.025) & (a < 0.5))),
                "outputs near 0 are saturated too": float(np.mean((slope < 0.025) & (a > 0.5))),
                "a slope of less than a tenth of ¼, which is 0.025, not 0.1": float(
                    np.mean(slope < 0.1)
                ),
                "a tenth of the steepest slope is 0.025; you compare the output, not its "
                "slope": float(np.mean((a < 0.025) | (a > 0.975))),
                "0.026 and 0.974 are rounded: compare the slope with 0.025": float(
                    np.mean((a < 0.026) | (a > 0.974))
                ),
                "an output of less than 0.1 is not yet flat: look at the slope": float(
                    np.mean((a < 0.1) | (a > 0.9))
                ),
            }
            shown = f" {np.round(a, 3).tolist()}" if a.size <= 6 else " of a thousand units"
            _judge(f"For the outputs{shown}", got, expected, suspects)

    @staticmethod
    def answer(a):
        return np.mean(a * (1 - a) < 0.1 * 0.25)


class BatchNorm(Exercise):
    """Batch normalisation forward."""

    hints = (
        "One mean and one variance for each unit: over the examples, which are axis 0.",
        "z_hat = (z − mean) / √(variance + eps); np.var gives the variance that is meant.",
        "y = gamma * z_hat + beta",
    )
    praise = "Right: mean 0 and variance 1 for each unit, then γ and β."

    def examine(self, answer):
        rng = np.random.default_rng(4)
        z = 3 + rng.normal(size=(6, 4)) * (1, 2, 3, 0.5)
        gamma, beta, eps = np.array([1.0, 2, -1, 0.5]), np.array([0.0, 1, 2, 3]), 0.1
        got = call_array(answer, z, gamma, beta, eps, shape=z.shape)

        def variant(axis: int | None = 0, ddof=0, power=0.5, outside=False, shift=True):
            variance = z.var(axis=axis, ddof=ddof, keepdims=True)
            scale = variance**power + eps if outside else (variance + eps) ** power
            centred = z - z.mean(axis=axis, keepdims=True) if shift else z
            return gamma * (centred / scale) + beta

        z_hat = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + eps)
        compare(
            "y",
            got,
            variant(),
            {
                "that normalises each example over its units, which is layer normalisation: "
                "take mean and variance over axis 0": variant(axis=1),
                "that takes one mean and one variance of everything: one for each unit, "
                "axis=0": variant(axis=None),
                "divide by the root of the variance": variant(power=1),
                "the variance of a batch divides by N, not N − 1": variant(ddof=1),
                "eps belongs under the root": variant(outside=True),
                "the mean is not taken out": variant(shift=False),
                "that is z_hat: γ and β are missing": z_hat,
                "β is missing": gamma * z_hat,
                "γ is missing": z_hat + beta,
                "eps is missing under the root": gamma * (z - z.mean(axis=0)) / z.std(axis=0)
                + beta,
            },
        )

    @staticmethod
    def answer(z, gamma, beta, eps):
        z_hat = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + eps)
        return gamma * z_hat + beta


class BatchNormBackward(Exercise):
    """Batch normalisation backward."""

    hints = (
        "First through γ: g = grad_y γ is what arrives at z_hat.",
        "Take out of g what the layer undoes: its mean over the batch, and its part along z_hat.",
        "The part along z_hat is z_hat times the mean of g z_hat. Then divide by σ.",
    )
    praise = "Right: nudging each z confirms it, and shifting or stretching a unit changes nothing."

    def examine(self, answer):
        rng = np.random.default_rng(5)
        z = 3 + rng.normal(size=(5, 3)) * (1, 2, 3)
        grad_y, gamma, eps = rng.normal(size=(5, 3)), np.array([1.0, 2, -0.5]), 1e-9

        def forward(z):
            sigma = np.sqrt(z.var(axis=0) + eps)
            return (z - z.mean(axis=0)) / sigma, sigma

        z_hat, sigma = forward(z)
        got = call_array(answer, grad_y, gamma, z_hat, sigma, shape=z.shape)
        expected = central(lambda z: float((grad_y * gamma * forward(z)[0]).sum()), z)
        g = grad_y * gamma
        mean, along = g.mean(axis=0), z_hat * (g * z_hat).mean(axis=0)
        compare(
            "∂L/∂z",
            got,
            expected,
            {
                "that treats mean and variance as if they did not hang on z": g / sigma,
                "the part along z_hat is still in it: the variance hangs on z too": (g - mean)
                / sigma,
                "the mean of g is still in it: the mean hangs on z too": (g - along) / sigma,
                "γ is missing: g = grad_y γ": (
                    grad_y - grad_y.mean(axis=0) - z_hat * (grad_y * z_hat).mean(axis=0)
                )
                / sigma,
                "γ is missing in the first term: g = grad_y γ": (grad_y - mean - along) / sigma,
                "the part along z_hat is z_hat times the mean of g z_hat": (
                    g - mean - (g * z_hat).mean(axis=0)
                )
                / sigma,
                "the means are over the batch, axis 0, for each unit by itself": (
                    g - g.mean() - z_hat * (g * z_hat).mean()
                )
                / sigma,
                "divide by σ once": (g - mean - along) / sigma**2,
                "division by σ is missing": g - mean - along,
                "divide by σ, do not multiply": (g - mean - along) * sigma,
                "those are sums over the batch; means are needed": (
                    g - g.sum(axis=0) - z_hat * (g * z_hat).sum(axis=0)
                )
                / sigma,
                "the signs of what is taken out are wrong": (g + mean + along) / sigma,
                "the means are over the batch, axis 0, not over the units": (
                    g
                    - g.mean(axis=1, keepdims=True)
                    - z_hat * (g * z_hat).mean(axis=1, keepdims=True)
                )
                / sigma,
            },
            tolerance=1e-5,
        )

    @staticmethod
    def answer(grad_y, gamma, z_hat, sigma):
        g = grad_y * gamma
        return (g - g.mean(axis=0) - z_hat * (g * z_hat).mean(axis=0)) / sigma


class ResidualBackward(Exercise):
    """Back through a layer with a way round it."""

    hints = (
        "x reaches y by two ways. What does chapter 02 say about a value that is used twice?",
        "One way goes through the body, and body_backward takes the blame back through it. "
        "The other way changes nothing.",
        "grad_y + body_backward(grad_y)",
    )
    praise = "Right: add over the ways. Whatever the body does, the blame itself gets through."

    def examine(self, answer):
        rng = np.random.default_rng(6)
        x, grad_y, weight = (
            rng.normal(size=(4, 3)),
            rng.normal(size=(4, 3)),
            rng.normal(size=(3, 3)),
        )
        asked = []

        def body(x):
            return np.tanh(x @ weight.T)

        def body_backward(grad):
            asked.append(np.array(grad))
            return (grad * (1 - body(x) ** 2)) @ weight

        through = body_backward(grad_y)
        asked.clear()
        got = call_array(answer, grad_y, body_backward, shape=x.shape)
        expected = central(lambda x: float((grad_y * (x + body(x))).sum()), x)
        compare(
            "∂L/∂x",
            got,
            expected,
            {
                "that is what comes through the body; the way round is missing": through,
                "that is what comes by the way round; the body is missing": grad_y,
                "the two ways add, they do not multiply": grad_y * through,
                "y = x + F(x): nothing is halved": (grad_y + through) / 2,
                "the sign of the body's part is wrong": grad_y - through,
                "the sum went through the body: give it grad_y": through
                + body_backward(grad_y + through),
            },
        )
        asked.clear()
        call_array(answer, grad_y, body_backward, shape=x.shape)
        wrong_if(
            len(asked) > 1,
            f"body_backward was called {len(asked)} times: each call is a whole backward pass.",
        )

    @staticmethod
    def answer(grad_y, body_backward):
        return grad_y + body_backward(grad_y)


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
SMALL = "all weights drawn with standard deviation 0.01"
LARGE = "hidden weights twice as large as He's"
WRONG_UNIT = "sigmoid in place of ReLU"
NO_SLOPE = "the ReLU's slope forgotten in backward"
LOST_WAY = "a residual path added forward and forgotten backward"
RATE = "learning rate far too large"
FAULTS = (HEALTHY, SMALL, LARGE, WRONG_UNIT, NO_SLOPE, LOST_WAY, RATE)
CLINIC_LAYERS, CLINIC_UNITS, CLINIC_PASSES = 10, 64, 10


class ForgetsSlope(ReLU):
    """A seeded fault: blame passes where the unit was off."""

    def backward(self, grad_output):
        return grad_output


class LosesWay(Residual):
    """A seeded fault: the way round exists forward only."""

    def backward(self, grad_output):
        return self.body.backward(grad_output)


@dataclass(frozen=True)
class Patient:
    """What the clinic knows of a net with ten hidden layers.

    forward: root mean square of what each layer hands on, before training; backward: that of the
    blame that arrives there; losses: the mean loss of each pass, not finite once it is lost.
    """

    forward: np.ndarray
    backward: np.ndarray
    losses: np.ndarray


CLUES = {
    HEALTHY: "both profiles are level, and the loss falls.",
    SMALL: "by which factor a layer does its forward profile fall, and its backward profile?",
    LARGE: "both profiles grow by the same factor a layer. Which one?",
    WRONG_UNIT: "forward it stays near one value, whatever the layer. Which activation does that?",
    NO_SLOPE: "forward it looks healthy, backward it grows. By which factor a layer?",
    LOST_WAY: "forward it grows, and backward it does not. What adds up in one direction only?",
    RATE: "before training it looks healthy. What does its loss do from the first pass on?",
}


class BugClinic(Clinic):
    """Seven deep nets on the digits; six have a fault each. Which is which?"""

    hints = (
        "Read each profile as a straight line and find its factor a layer, forward and backward. "
        "A healthy net with ReLU and He's values has a factor of about 1 both ways.",
        "A fault in the first weights changes both ways alike. Where only one way is odd, the "
        "fault sits in what is different: the activation, or backward.",
        "Two patients have the profile of health, or nearly; their losses tell them apart. "
        "Sigmoids hand on ½, however deep the net. Forgetting the slope makes blame grow by √2 "
        "a layer.",
    )
    praise = "Right, all seven, and most of them without a single step of training."
    answer = {  # noqa: RUF012
        "A": LARGE,
        "B": WRONG_UNIT,
        "C": RATE,
        "D": LOST_WAY,
        "E": SMALL,
        "F": HEALTHY,
        "G": NO_SLOPE,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Look at a net with ten hidden layers with this fault, then train it on the digits."""
    split, rng = digits(), np.random.default_rng(0)
    start = normal(0.01) if fault == SMALL else he_normal
    activation = {WRONG_UNIT: Sigmoid, NO_SLOPE: ForgetsSlope}.get(fault, ReLU)
    blocks: list[Layer] = []
    for k in range(CLINIC_LAYERS):
        linear = Linear(CLINIC_UNITS if k else 64, CLINIC_UNITS, rng=rng, weight_init=start)
        linear.weight *= 2 if fault == LARGE else 1
        body = Sequential(linear, activation())
        blocks.append(LosesWay(body) if fault == LOST_WAY and k else body)
    output = Linear(CLINIC_UNITS, 10, rng=rng, weight_init=start)
    model, loss = Sequential(*blocks, output), CrossEntropyLoss()
    x, y = split.x_train, split.y_train

    a, forward = x[:100], []
    for block in blocks:
        a = block(a)
        forward.append(_rms(a))
    loss(output(a), y[:100])
    grad, backward = output.backward(loss.backward()), []
    for block in reversed(blocks):
        backward.append(_rms(grad))
        grad = block.backward(grad)

    optimiser = SGD(model.parameters, 0.5 if fault == RATE else 0.03)
    losses = np.full(CLINIC_PASSES, np.nan)
    with np.errstate(all="ignore"):
        for k in range(CLINIC_PASSES):
            order, total = rng.permutation(len(x)), 0.0
            for first in range(0, len(x), 50):
                chosen = order[first : first + 50]
                total += len(chosen) * loss(model(x[chosen]), y[chosen])
                model.backward_parameters(loss.backward())
                optimiser.step(model.gradients)
            losses[k] = total / len(x)
            if not np.isfinite(losses[k]):
                break
    return Patient(np.array(forward), np.array(backward[::-1]), losses)


# --- What the checks share ---------------------------------------------------------------------


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))


def _number(answer: Any, *inputs: Any) -> float:
    """The answer's result as one finite number, or `Wrong` with a sentence."""
    return float(call_array(answer, *inputs, shape=()))


def _array(name: str, value: Any) -> np.ndarray:
    """`value` as an array of finite numbers, or `Wrong` with a sentence about `name`."""
    array = call_array(lambda: value)
    wrong_if(array.size == 0, f"{name[0].upper()}{name[1:]} is empty.")
    return array


def _judge(
    where: str,
    got: float,
    expected: float,
    suspects: Mapping[str, float],
    tolerance: float = 1e-6,
) -> None:
    """Raise `Wrong` where a number is off; a usual mistake that explains it is named."""
    if math.isclose(got, expected, rel_tol=tolerance, abs_tol=1e-12):
        return
    seen = f"{where} you get {got:.4g}; expected is {expected:.4g}"
    for text, wrong in suspects.items():
        wrong_if(math.isclose(got, wrong, rel_tol=tolerance, abs_tol=1e-12), f"{seen}: {text}.")
    wrong_if(True, f"{seen}.")


factor = Factor("03/factor", "my_factor")
layers_until = LayersUntil("03/layers-until", "my_layers_until")
he_weights = HeWeights("03/he-weights", "my_he_weights")
leaky_variance = LeakyVariance("03/leaky-variance", "my_leaky_variance")
saturated = Saturated("03/saturated", "my_saturated")
batch_norm = BatchNorm("03/batch-norm", "my_batch_norm")
batch_norm_backward = BatchNormBackward("03/batch-norm-backward", "my_batch_norm_backward")
residual_backward = ResidualBackward("03/residual-backward", "my_residual_backward")
bug_clinic = BugClinic("03/bug-clinic", "diagnosis")
