"""Exercises of chapter 06: masks, their statistics, and other cures for learning by heart.

Where an answer is off, the message names the usual suspect: the scale that was forgotten, p taken
for 1 - p, one coin for a whole row, the wrong axis.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from dlkit.data import Split, digits
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import Exercise, call, call_array, compare, wrong_if
from dlkit.models.dense import Linear, ReLU, Sequential
from dlkit.models.dropout import Dropout, draw_mask
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.parity import gradient_check
from dlkit.train import numpy_step


class DropUnits(Exercise):
    """Dropout with inverted scaling: coins, zeros, and a mean that stays."""

    hints = (
        "rng.random(x.shape) throws a coin for every entry: numbers between 0 and 1.",
        "A unit stays where its number is p or more, which happens with probability 1 - p.",
        "Divide what stays by 1 - p, so that the mean over many throws is x again.",
    )
    praise = "Right: zeros with probability p, the rest larger, and the mean is where it was."

    def examine(self, answer):
        for p in (0.5, 0.2):
            x, rng = np.full((200, 300), 3.0), np.random.default_rng(0)
            y = call_array(answer, x, p, rng, shape=x.shape)
            zeros, kept = float(np.mean(y == 0)), np.unique(y[y != 0])
            wrong_if(
                zeros == 0, f"Nothing was dropped with p = {p}: a unit that is dropped gives 0."
            )
            wrong_if(
                kept.size > 1,
                f"Every unit that stays should be changed by one and the same factor; for x = 3 "
                f"everywhere you give {kept.size} different values. A coin decides yes or no.",
            )
            wrong_if(
                abs(zeros - (1 - p)) < 0.02 and abs(zeros - p) > 0.02,
                f"With p = {p} you drop {100 * zeros:.0f} %: p is the share that is dropped, "
                "not the share that stays.",
            )
            whole = [
                (axis, place)
                for axis, place in ((1, "rows"), (0, "columns"))
                if ((y == 0).all(axis=axis) | (y != 0).all(axis=axis)).all()
            ]
            wrong_if(
                bool(whole),
                f"Whole {whole[0][1] if whole else ''} are dropped together: give every unit of "
                "every example a coin of its own, rng.random(x.shape).",
            )
            wrong_if(
                abs(zeros - p) > 0.02, f"With p = {p} a share of {p} should be 0, got {zeros:.3f}."
            )
            factor = float(kept[0]) / 3
            if np.isclose(factor, 1 / (1 - p)):  # for p = 0.5 that is 1 / p as well
                continue
            wrong_if(
                bool(np.isclose(factor, 1)),
                f"What stays keeps its size, and so the mean falls from 3 to {y.mean():.2f}: "
                "divide by 1 - p.",
            )
            wrong_if(
                bool(np.isclose(factor, (p, 1 - p, 1 / p)).any()),
                f"With p = {p} you multiply what stays by {factor:.3g}, and the mean is "
                f"{y.mean():.2f} instead of 3: divide by 1 - p = {1 - p:g}.",
            )
            wrong_if(
                bool(np.isclose(kept[0], (1, 1 / (1 - p))).any()),
                f"For x = 3 everywhere, what stays is {kept[0]:g}. That is the mask alone: "
                "multiply x by it.",
            )
            wrong_if(
                True,
                f"With p = {p} what stays should grow by 1 / (1 - p) = {1 / (1 - p):.3g}, "
                f"yours grows by {factor:.3g}.",
            )
        x, rng = np.ones((20, 30)), np.random.default_rng(1)
        once, again = (call_array(answer, x, 0.5, rng, shape=x.shape) for _ in range(2))
        wrong_if(
            np.array_equal(once, again),
            "Called twice with one rng you drop the same units: draw from the rng that is passed "
            "in, and do not seed a new one.",
        )
        one, other = (
            call_array(answer, x, 0.5, np.random.default_rng(2), shape=x.shape) for _ in range(2)
        )
        wrong_if(
            not np.array_equal(one, other),
            "Two generators with the same seed should drop the same units, yours do not: draw from "
            "the rng that is passed in.",
        )

    @staticmethod
    def answer(x, p, rng):
        kept = rng.random(x.shape) >= p
        return x * kept / (1 - p)


class DropBackward(Exercise):
    """The gradient through a mask."""

    hints = (
        "Forward was y = x · kept / (1 - p). What is ∂y/∂x for one entry?",
        "The factor is the same on the way back: 0 where the unit was dropped, 1 / (1 - p) where "
        "it stayed.",
    )
    praise = "Right: backward multiplies by the same factor as forward, coin by coin."

    def examine(self, answer):
        rng, p = np.random.default_rng(0), 0.2
        grad_y, kept = rng.normal(size=(4, 5)), rng.random((4, 5)) >= p
        got = call_array(answer, grad_y, kept, p, shape=grad_y.shape)
        _compare(
            "the gradient of x",
            got,
            grad_y * kept / (1 - p),
            {
                "the units that were dropped must hear nothing": grad_y / (1 - p),
                "you pass it on as it came, as if nothing had been dropped": grad_y,
                "the factor 1 / (1 - p) of the forward pass is missing": grad_y * kept,
                "you multiply by 1 - p where forward divided by it": grad_y * kept * (1 - p),
                "you divide by p; forward divided by 1 - p": grad_y * kept / p,
                "it is the wrong way round: kept is True where the unit stayed": grad_y
                * ~kept
                / (1 - p),
            },
        )

    @staticmethod
    def answer(grad_y, kept, p):
        return grad_y * kept / (1 - p)


class Spread(Exercise):
    """The variance that dropout gives a weighted sum."""

    hints = (
        "The coins are independent, so the variances of the summands add up.",
        "A factor that is 0 with probability p and 1/(1-p) otherwise has mean 1. Its variance is "
        "the mean of its square, less 1.",
        "That is p / (1 - p). A summand is the factor times w·x, so its variance has (w·x)² in it.",
    )
    praise = "Right: p / (1 - p) times the sum of the squares. At p = ½ it is that sum itself."

    def examine(self, answer):
        w, x = np.array([1.0, -2.0, 0.5, 3.0]), np.array([2.0, 1.0, -4.0, 0.5])
        for p in (0.5, 0.2):
            got = _number("the variance", call(answer, w, x, p))
            kept = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(float)  # all 16 masks
            chance = ((1 - p) ** kept * p ** (1 - kept)).prod(axis=1)
            z = (kept / (1 - p)) @ (w * x)
            expected = chance @ z**2 - (chance @ z) ** 2
            total = ((w * x) ** 2).sum()
            suspects = {
                "that is the standard deviation: leave the root out": np.sqrt(expected),
                "that is the variance for coins without the factor 1 / (1 - p)": p
                * (1 - p)
                * total,
                "square each summand, and then add them up; not the other way round": p
                / (1 - p)
                * (w @ x) ** 2,
                "p and 1 - p are the wrong way round": (1 - p) / p * total,
                "1 / (1 - p) is the mean of the square; subtract the square of the mean": total
                / (1 - p),
                "the squares are there; the coins are missing: times p / (1 - p)": total,
            }
            text = f"For p = {p} all 16 masks together say {expected:.4g}, you say {got:.4g}"
            if not np.isclose(got, expected):
                for words, value in suspects.items():
                    wrong_if(np.isclose(got, value), f"{text}: {words}.")
                wrong_if(True, f"{text}.")

    @staticmethod
    def answer(w, x, p):
        return p / (1 - p) * np.sum((w * x) ** 2)


class SoftThreshold(Exercise):
    """The step of L1: towards zero, and not beyond."""

    hints = (
        "Take the amount off |w|, and do not go below 0. Then give w its sign back.",
        "np.sign(w) * np.maximum(…, 0) is the shape of the answer.",
    )
    praise = "Right: what is smaller than the amount becomes exactly 0, all else moves by it."

    def examine(self, answer):
        w, amount = np.array([2.0, 0.3, -0.1, -1.5, 0.5]), 0.5
        got = call_array(answer, w, amount, shape=w.shape)
        _compare(
            "the new weights",
            got,
            np.sign(w) * np.maximum(np.abs(w) - amount, 0),
            {
                "it steps over 0 to the other side: stop there": w - amount * np.sign(w),
                "negative weights must move up, towards 0": np.maximum(w - amount, 0),
                "all move the same way; negative weights must move up, towards 0": w - amount,
                "that sets small weights to 0 and leaves the large ones: these move, too": np.where(
                    np.abs(w) > amount, w, 0
                ),
                "the small weights are 0 now; the large ones: these move, too": np.where(
                    np.abs(w) >= amount, w, 0
                ),
                "that multiplies, which is L2: L1 takes the same amount off every weight": w
                * (1 - amount),
                "the sign is lost: multiply by np.sign(w)": np.maximum(np.abs(w) - amount, 0),
            },
        )
        rng = np.random.default_rng(0)
        w = rng.normal(size=(30, 40))
        got = call_array(answer, w, 0.7, shape=w.shape)
        wrong_if(
            not np.allclose(got, np.sign(w) * np.maximum(np.abs(w) - 0.7, 0)),
            "Right for five weights, wrong for a weight (30, 40) and the amount 0.7: does it use "
            "both arguments?",
        )
        before = w.copy()
        call(answer, w, 0.7, copies=False)
        wrong_if(
            not np.array_equal(w, before),
            "The result is right, but w itself has changed: return a new array. (-= writes into "
            "the array that was passed in.)",
        )

    @staticmethod
    def answer(w, amount):
        return np.sign(w) * np.maximum(np.abs(w) - amount, 0)


class MaxNorm(Exercise):
    """Every unit's weight vector at most so long."""

    hints = (
        "W is (out, in): a row is what one unit listens to. Its length is the root of the sum of "
        "its squares, np.linalg.norm(W, axis=1, keepdims=True).",
        "A row that is short enough stays as it is: the factor is limit / length, but at most 1.",
    )
    praise = "Right: long rows are shortened, short ones are left alone."

    def examine(self, answer):
        weight, limit = np.array([[3.0, 4.0, 0.0], [0.6, 0.0, 0.8], [0.0, 0.0, 0.0]]), 2.0
        first = np.asarray(call(answer, weight, limit))
        wrong_if(
            first.shape == weight.shape and first.dtype.kind == "f" and np.isnan(first[2]).any(),
            "A row of zeros has length 0, and 0 / 0 is NaN: divide by the larger of the length and "
            "the limit.",
        )
        got = call_array(answer, weight, limit, shape=weight.shape)
        length = np.linalg.norm(weight, axis=1, keepdims=True)
        columns = np.linalg.norm(weight, axis=0, keepdims=True)
        fair = weight * np.minimum(1, limit / np.maximum(length, 1e-12))
        _compare(
            "the new weight",
            got,
            fair,
            {
                "rows that were short enough have grown: the factor is at most 1": weight
                * limit
                / np.maximum(length, 1e-12),
                "each row has its own length: keepdims=True makes of the lengths a column that "
                "fits beside the rows": weight
                * np.minimum(1, limit / np.maximum(length[:, 0], 1e-12)),
                "you shortened columns; a unit is a row of W (out, in)": weight
                * np.minimum(1, limit / np.maximum(columns, 1e-12)),
                "single weights are cut off; it is the length of the row that counts": np.clip(
                    weight, -limit, limit
                ),
                "you shortened the whole matrix by one factor; each row has its own": weight
                * min(1, limit / np.linalg.norm(weight)),
            },
        )
        weight = np.random.default_rng(0).normal(size=(20, 30))
        got = call_array(answer, weight, 5.0, shape=weight.shape)
        length = np.linalg.norm(weight, axis=1, keepdims=True)
        wrong_if(
            not np.allclose(got, weight * np.minimum(1, 5 / length)),
            "Right for three rows, wrong for a weight (20, 30) and the limit 5: does it use both "
            "arguments?",
        )

    @staticmethod
    def answer(weight, limit):
        length = np.linalg.norm(weight, axis=1, keepdims=True)
        return weight * limit / np.maximum(length, limit)


class GeometricMean(Exercise):
    """The nets' joint opinion: a geometric mean of distributions, made to add up to 1 again."""

    hints = (
        "The geometric mean of n numbers is the n-th root of their product: the exponential of the "
        "mean of their logarithms.",
        "Average np.log(p) over the first axis, exponentiate, and divide each row by its sum.",
        "If a product of many small numbers underflows to 0, use the mean of the logarithms.",
    )
    praise = "Right: the mean of the logarithms, and then each row adds up to 1 again."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        z = rng.normal(size=(6, 4, 3)) * 2
        p = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
        got = call_array(answer, p, shape=(4, 3))
        raw = np.exp(np.log(p).mean(axis=0))
        expected = raw / raw.sum(axis=1, keepdims=True)
        _compare(
            "the mean",
            got,
            expected,
            {
                "that is the ordinary mean of the probabilities": p.mean(axis=0),
                "it does not add up to 1: divide each row by its own sum": raw,
                "it adds up to 1 over everything: divide each row by its own sum": raw / raw.sum(),
                "that is the product without the root, made to add up to 1: the mean of the "
                "logarithms, not their sum": p.prod(axis=0)
                / p.prod(axis=0).sum(axis=1, keepdims=True),
                "that is the mean of the logarithms; exponentiate it": np.log(p).mean(axis=0),
            },
        )
        many = np.full((5000, 1, 2), (0.2, 0.8))
        got = np.asarray(call(answer, many), dtype=float)
        wrong_if(
            got.shape != (1, 2) or not np.allclose(got, [[0.2, 0.8]]),
            "Five thousand nets that all say (0.2, 0.8) should have just that as their mean, yours "
            f"is {_show(got.ravel())}: their product underflows to 0. Use the mean of the "
            "logarithms.",
        )

    @staticmethod
    def answer(p):
        mean = np.exp(np.log(p).mean(axis=0))
        return mean / mean.sum(axis=1, keepdims=True)


class EarlyStopping(Exercise):
    """Which pass to go back to."""

    hints = (
        "Walk through the list and remember the lowest loss so far, and at which pass it was.",
        "Stop as soon as `patience` passes in a row have brought nothing lower, and return the "
        "remembered pass, not the one where you stopped.",
    )
    praise = "Right: it waits, it gives up, and it goes back to the best pass before that."

    def examine(self, answer):
        cases = (
            ([3, 2, 1, 2, 3, 4, 5], 2, 2),
            ([5, 4, 3, 2, 1], 2, 4),
            ([3, 2, 2.5, 2.4, 1, 2, 3], 2, 1),
            ([3, 2, 2.5, 2.4, 1, 2, 3], 3, 4),
            ([4, 3, 3, 3, 2], 2, 1),
            ([1.0], 3, 0),
        )
        for losses, patience, best in cases:
            got = _number("the pass", call(answer, list(losses), patience))
            text = f"For {losses} with patience {patience} you go back to pass {got:g}"
            wrong_if(
                got == best + 1 and got != np.argmin(losses),
                f"{text}: count passes from 0, as indices of the list.",
            )
            wrong_if(
                got == best + patience != best,
                f"{text}. That is where training stops; the best pass was {best}.",
            )
            wrong_if(
                losses == [4, 3, 3, 3, 2] and got == 4,
                f"{text}. An equal loss is not lower: the patience runs out after pass 3.",
            )
            wrong_if(
                got == np.argmin(losses) != best,
                f"{text}. Training never came so far: after pass {best}, {patience} passes brought "
                "nothing lower.",
            )
            wrong_if(
                got == losses[best] != best,
                f"{text}. That is a loss; return its place in the list.",
            )
            wrong_if(got != best, f"{text}, expected {best}.")

    @staticmethod
    def answer(losses, patience):
        best = 0
        for now, loss in enumerate(losses):
            if loss < losses[best]:
                best = now
            if now - best == patience:
                break
        return best


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
LEFT_ON = "dropout left on when the net is used"
NO_SCALE = "what stays is not divided by 1 - p"
ONE_MASK = "one mask drawn at the start and never again"
SWAPPED = "p taken for 1 - p"
NO_MASK = "mask forgotten in backward"
ON_OUTPUT = "dropout on the ten outputs, too"
DROPPED, BATCH, PASSES = 0.3, 50, 40
FAULTS = (HEALTHY, LEFT_ON, NO_SCALE, ONE_MASK, SWAPPED, NO_MASK, ON_OUTPUT)


class StaysOn(Dropout):
    """A seeded fault: drops units in use, too."""

    def forward(self, x):
        self.training = True
        return super().forward(x)


class ForgetsScale(Dropout):
    """A seeded fault: what stays keeps its size, and nothing makes up for it later."""

    def forward(self, x):
        y = super().forward(x)
        return y * (1 - self.p) if self.training else y

    def backward(self, grad_output):
        return super().backward(grad_output) * (1 - self.p)


class ForgetsMask(Dropout):
    """A seeded fault: the gradient passes where the unit was dropped."""

    def backward(self, grad_output):
        return grad_output


@dataclass(frozen=True)
class Patient:
    """What the clinic measured of one program."""

    losses: np.ndarray  # the training loss of each pass, in learning
    errors: np.ndarray  # the test error after each pass, in use, in per cent
    second: float  # the last test error, measured once more
    swelling: float  # mean activation behind dropout, in use / in learning
    silent: float  # share of these activations that are 0 in learning
    gradient: float  # largest relative difference between backward and central differences


CLUES = {
    HEALTHY: "it answers twice alike, its ratio is 1, its gradient is right and both curves fall.",
    LEFT_ON: "ask it the same thing twice.",
    NO_SCALE: "compare its activations in use and in learning.",
    ONE_MASK: "its training loss falls to nearly nothing, as it does where nothing disturbs it, "
    "and its activations are not the same in use.",
    SWAPPED: "count its silent units. How much of the net is there in a step?",
    NO_MASK: "its gradient check does not agree. Which factor is in forward and not in backward?",
    ON_OUTPUT: "its training loss cannot fall, and yet its answers in use are good. What is "
    "missing in learning that is there in use?",
}


class BugClinic(Clinic):
    """Seven trainings of one net with dropout; six have a fault each. Which is which?"""

    hints = (
        "A net in use must give the same answer to the same question. Which one does not? And "
        "whose gradient check does not agree?",
        "With fair coins and the right scale, the mean activation is the same in use and in "
        "learning. Two are off: one swells by 1 / (1 - p), for the other look at its training "
        "loss, too.",
        "Three are left. One has too many silent units. One has a training loss that cannot fall, "
        "although its units and its test error look healthy.",
    )
    praise = (
        "Right, all seven. Dropout has two modes and a coin: ask whether the mode is right, the "
        "coin is fair and thrown anew, and the mean stays."
    )
    answer = {  # noqa: RUF012
        "A": SWAPPED,
        "B": NO_SCALE,
        "C": HEALTHY,
        "D": ONE_MASK,
        "E": LEFT_ON,
        "F": ON_OUTPUT,
        "G": NO_MASK,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Train a net 64-64-10 with this fault on 400 digits for 40 passes, and examine it."""
    split, rng = digits(dtype=np.float64), np.random.default_rng(0)
    x, y = split.x_train[:400], split.y_train[:400]
    kind = {LEFT_ON: StaysOn, NO_SCALE: ForgetsScale, NO_MASK: ForgetsMask}.get(fault, Dropout)
    p = 1 - DROPPED if fault == SWAPPED else DROPPED
    drop = kind(p, rng=np.random.default_rng(1))
    first = Linear(64, 64, rng=rng, dtype=np.float64)
    last = Linear(64, 10, rng=rng, dtype=np.float64)
    more = [Dropout(p, rng=np.random.default_rng(2))] if fault == ON_OUTPUT else []
    model, loss = Sequential(first, ReLU(), drop, last, *more), CrossEntropyLoss()
    if fault == ONE_MASK:
        drop.mask = np.repeat(draw_mask(drop.rng, (1, 64), p, np.float64), BATCH, axis=0)
        drop.hold = True

    step, losses, errors = numpy_step(model, loss, SGD(model.parameters, 0.1, momentum=0.9)), [], []
    for _ in range(PASSES):
        order = rng.permutation(len(x)).reshape(-1, BATCH)
        losses.append(np.mean([step(x[chosen], y[chosen]) for chosen in order]))
        errors.append(_error(model, split))

    def activity() -> np.ndarray:
        return np.array([drop(np.maximum(first(x[:BATCH]), 0)) for _ in range(200)])

    second, used = _error(model, split), activity()
    model.train()
    learning = activity()
    check = gradient_check(model, loss, x[:BATCH], y[:BATCH], entries=20)
    swelling, silent = used.mean() / learning.mean(), np.mean(learning == 0)
    return Patient(
        np.array(losses), np.array(errors), second, float(swelling), float(silent), check.largest
    )


def _error(model: Sequential, split: Split) -> float:
    """The test error of the model in use, in per cent."""
    return 100 * float(np.mean(model.eval()(split.x_test).argmax(axis=1) != split.y_test))


# --- What the checks share ---------------------------------------------------------------------


def _number(name: str, value: Any) -> float:
    """`value` as one finite number, or `Wrong` with a sentence."""
    array = call_array(lambda: value)
    wrong_if(array.shape != (), f"Expected {name} as one number, got shape {array.shape}.")
    return float(array)


_compare = partial(compare, says="it should be")


def _show(values: Any) -> str:
    return np.array2string(np.asarray(values, dtype=float), precision=3, separator=", ")


drop_units = DropUnits("06/drop-units", "my_drop_units")
drop_backward = DropBackward("06/drop-backward", "my_drop_backward")
spread = Spread("06/spread", "my_spread")
soft_threshold = SoftThreshold("06/soft-threshold", "my_soft_threshold")
max_norm = MaxNorm("06/max-norm", "my_max_norm")
geometric_mean = GeometricMean("06/geometric-mean", "my_geometric_mean")
early_stopping = EarlyStopping("06/early-stopping", "my_early_stopping")
bug_clinic = BugClinic("06/bug-clinic", "diagnosis")
