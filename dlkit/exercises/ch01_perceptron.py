"""Exercises of chapter 01: gates, the rule, margins, the theorem, XOR, and a bug clinic."""

from io import BytesIO
from itertools import product
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from dlkit import data, plots
from dlkit.exercises.exercise import (
    Exercise,
    NotAttempted,
    Wrong,
    call,
    call_array,
    short,
    wrong_if,
)
from dlkit.models.perceptron import Perceptron
from dlkit.separation import separable, widest_separation

INPUTS = np.array(list(product([0, 1], repeat=2)))
"""The four inputs of two bits, in the order 00, 01, 10, 11."""


class Still(Figure):
    """A figure that a notebook shows as a picture, whether or not pyplot was set up before."""

    def _repr_png_(self) -> bytes:
        shown = BytesIO()
        self.savefig(shown, format="png")
        return shown.getvalue()


class Gates(Exercise):
    """Weights and bias for three gates."""

    hints = (
        "Draw the four points of a gate, and a line with the 1s on one side of it.",
        "The weights need not be equal. Take any two positive ones, write down the four sums, "
        "and choose a bias that lifts only the wanted ones above 0.",
        "With w = (2, 3) the four sums are 0, 3, 2 and 5. For AND the bias must lift only the 5 "
        "above 0, for OR everything but the 0. NAND is AND with every sign turned round.",
    )
    praise = "Right: three lines, and each has the 1s of its gate on the side of its arrow."
    answer: ClassVar = {
        "AND": ((2, 3), -4),
        "OR": ((2, 3), -1),
        "NAND": ((-2, -3), 4),
    }
    in_the_text: ClassVar = {"AND": (1, 1, -1.5), "OR": (1, 1, -0.5)}

    wanted: ClassVar = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NAND": (1, 1, 1, 0)}

    def examine(self, answer):
        _entries(answer, self.wanted, "the gate")
        for gate, wanted in self.wanted.items():
            w, b = _weights(gate, answer[gate])
            for x, want in zip(INPUTS, wanted, strict=True):
                z = float(w @ x + b)
                wrong_if(
                    int(z > 0) != want,
                    f"{gate} of {_point(x)} should be {want}, but z = {z:g}, "
                    f"so your unit answers {int(z > 0)}."
                    + (" The unit fires only if z is more than 0." if z == 0 else ""),
                )
            wrong_if(
                self.in_the_text.get(gate) == (*w, b),
                f"{gate} is right, but these are the numbers of the text. Another line parts the "
                "same points: move it a little, or turn it.",
            )

    def expects(self) -> str:
        return "a dictionary such as {'AND': ((w1, w2), b), 'OR': …, 'NAND': …}"


class Rule(Exercise):
    """One step of Rosenblatt's rule."""

    hints = (
        "First ask: is the answer right? Only a mistake changes anything.",
        "It is right if y and z = w·x + b have the same sign, that is, if y * z is more than 0.",
        "On a mistake, add y * x to the weights and y to the bias.",
    )
    praise = "Right: the unit learns from mistakes only, and the bias learns too."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        x = np.array([1.0, 2.0])
        cases = [(np.zeros(2), 0.0, x, 1), (x, 0.0, x, 1)]  # z = 0 is a mistake, z = 5 is right
        for y in (1, -1) * 6:
            cases.append((rng.normal(size=3).round(1), 0.5, rng.normal(size=3).round(1), y))
        for w, b, x, y in cases:
            given_w, given_x = w.copy(), x.copy()
            w_new, b_new = _pair(call(answer, given_w, b, given_x, y, copies=False), len(w))
            want_w, want_b = self.answer(w, b, x, y)
            if np.allclose(w_new, want_w) and np.isclose(b_new, want_b):
                wrong_if(
                    not (np.array_equal(given_w, w) and np.array_equal(given_x, x)),
                    "What you return is right, but your step also changes the array that it was "
                    "given, so its caller loses the old weights. w += … does that; w = w + … makes "
                    "a new array.",
                )
                continue
            z = float(w @ x + b)
            case = f"For w = {_point(w)}, b = {b:g}, x = {_point(x)}, y = {y:+d}, z = {z:.3g}"
            raise Wrong(f"{case}: {self._diagnosis(w, b, x, y, z, w_new, b_new)}")

    @staticmethod
    def _diagnosis(w, b, x, y, z, w_new, b_new) -> str:
        if y * z > 0:
            told = "the answer is right, so nothing should change, but your w or b did."
            # One with y = +1 has passed before, so the rule does ask whether the answer is right.
            compared = " Is y compared with an answer of 0 or 1? For silent, y is −1, not 0."
            return told + (compared if y < 0 else "")
        kept = np.allclose(w_new, w) and np.isclose(b_new, b)
        if kept and z == 0:
            return (
                "a point on the line itself counts as a mistake, or a unit that "
                "starts at zero would never begin. Yours changed nothing."
            )
        if kept:
            return "this is a mistake, so w and b should change, and yours did not."
        if np.allclose(w_new, w + y * x):
            if np.isclose(b_new, b):
                return "w is right, but the bias should learn as well."
            return f"w is right, but b should become {b + y:g}, and yours is {b_new:g}."
        if np.allclose(w_new, w + x):  # right for y = +1, or it would have failed before
            return "you add x, whatever the label says: y belongs in front of it."
        if np.allclose(w_new, w - y * x):
            return "the sign is the wrong way round: your unit moves away from the right answer."
        if np.allclose(w_new, w + y):
            return "you add y to every weight: each weight should get its own input, y * x."
        return f"w should become {_point(w + y * x)}, and yours is {_point(w_new)}."

    @staticmethod
    def answer(w, b, x, y):
        if y * (w @ x + b) <= 0:
            return w + y * x, b + y
        return w, b


class Invariance(Exercise):
    """Which changes leave the number of mistakes as it is?"""

    changes: ClassVar[dict[str, str]] = {
        "A": "multiply the learning rate by 100",
        "B": "swap the two classes (every y becomes -y)",
        "C": "show the examples in another order",
        "D": "multiply every input by 10",
        "E": "turn all points round the origin by 30 degrees",
        "F": "move all points by the same arrow",
    }
    hints = (
        "Try it: Perceptron(2, learning_rate=…).fit(x, y) counts for you in mistakes_.",
        "Starting from zero, w is a sum of terms y x. Which changes leave every product of two "
        "of these terms as it is, or scale them all alike?",
        "The bias belongs to an input that is always 1. A change that leaves this 1 behind counts.",
    )
    praise = (
        "Right. A scales all of w and b, and B turns their sign: no z changes its side. E leaves "
        "all products of two points as they are. C, D and F all change what a step does to "
        "the next z: the order, the 1 of the bias beside inputs ten times as big, the place."
    )
    answer: ClassVar = {"A", "B", "E"}

    def examples(self) -> tuple[np.ndarray, np.ndarray]:
        """Points (40, 2) in float64 and their labels ±1, to try the changes on."""
        split = data.blobs(40, rng=4, margin=0.03, centre=(0.5, 0.2), dtype=np.float64)
        return split.x, data.signs(split.y)

    def examine(self, answer):
        if isinstance(answer, str):
            answer = set(answer.replace(",", " ").replace(" ", "").upper())
        if not isinstance(answer, (set, frozenset, list, tuple)):
            raise Wrong(f"Expected {self.expects()}, got {short(answer)}.")
        if any(a is ... for a in answer):
            raise NotAttempted
        chosen = {str(a).upper() for a in answer}
        if unknown := chosen - self.changes.keys():
            raise Wrong(f"The changes are {', '.join(self.changes)}; got {min(unknown)}.")
        for letter, change in self.changes.items():
            before, after = self.measure(letter)
            wrong_if(
                letter in chosen and before != after,
                f"{letter}, {change}: on exercises.invariance.examples() the mistakes go from "
                f"{before} to {after}.",
            )
        for letter, change in self.changes.items():
            wrong_if(
                letter in self.answer and letter not in chosen,
                f"One that you left out changes nothing. Look at {letter} again: {change}.",
            )

    def measure(self, letter: str) -> tuple[int, int]:
        """Mistakes on `examples()` without the change and with it."""
        x, y = self.examples()
        turn = np.deg2rad(30)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        changed = {
            "A": (x, y, 100.0),
            "B": (x, -y, 1.0),
            "C": (x[::-1], y[::-1], 1.0),
            "D": (10 * x, y, 1.0),
            "E": (x @ rotation.T, y, 1.0),
            "F": (x + np.array([1.0, -2.0]), y, 1.0),
        }
        return _mistakes(x, y), _mistakes(*changed[letter])

    def expects(self) -> str:
        return "a set of letters such as {'A', 'C'}"


class Margin(Exercise):
    """The margin of a line."""

    hints = (
        "First the sign: y * (w·x + b) is positive where a point is on its own side.",
        "z is no distance yet: twice as long a w doubles every z and moves no line.",
        "Divide by the length of w, np.linalg.norm(w), and take the smallest over all points.",
    )
    praise = "Right: the worst point decides, and a longer w does not fool you."

    def examine(self, answer):
        rng = np.random.default_rng(1)
        for trial in range(6):
            x = rng.normal(size=(5, 2)).round(1)
            w, b = np.array([3.0, -4.0]) * (1 + trial % 2), 0.5
            y = np.where(x @ w + b > 0, 1, -1)
            if trial > 3:
                y[trial % 5] *= -1  # one point on the wrong side: the margin is negative
            got = call_array(answer, w, b, x, y, shape=()).item()
            want = self.answer(w, b, x, y)
            if np.isclose(got, want):
                continue
            scores = y * (x @ w + b)
            length = np.linalg.norm(w)
            case = f"For w = {_point(w)}, b = {b:g}, x = {x.tolist()}, y = {y.tolist()}"
            guesses = {
                "You forgot to divide by the length of w.": scores.min(),
                "You took the mean of the points; the worst one counts.": scores.mean() / length,
                "You took the largest; the smallest counts.": scores.max() / length,
                "You divided by ‖w‖²; the length is its square root.": scores.min() / length**2,
                "y is missing: on its own side a point counts as positive, whatever its class.": (
                    x @ w + b
                ).min()
                / length,
                "The bias is missing in z.": (y * (x @ w)).min() / length,
                "The length is that of w alone, without b: a distance in the plane.": scores.min()
                / np.hypot(length, b),
                "That is how near the nearest point is. A point on the wrong side has a negative "
                "margin, and the one deepest there decides.": np.abs(scores).min() / length,
            }
            why = next((s for s, value in guesses.items() if np.isclose(got, value)), "")
            raise Wrong(f"{case} the margin is {want:.4g}, got {got:.4g}. {why}")

    @staticmethod
    def answer(w, b, x, y):
        return (y * (x @ w + b)).min() / np.linalg.norm(w)


class Bound(Exercise):
    """How many mistakes at most, if we know one separating line?"""

    hints = (
        "Make the bias one more weight: v = (w, b), and every point one longer, (x, 1).",
        "R is the length of the longest (x, 1). γ is the smallest y v·(x, 1), divided by ‖v‖.",
        "np.column_stack([x, np.ones(len(x))]) and np.append(w, b) make the longer vectors.",
    )
    praise = "Right: (R/γ)², with the bias as one more weight."

    def examine(self, answer):
        for seed in range(4):
            split = data.blobs(5, rng=seed, margin=0.2, dtype=np.float64)
            x, y = split.x.round(1), data.signs(split.y)
            v = (3 * widest_separation(x, y)[0]).round(1)  # short, to be read in a message
            w, b = v[:-1], float(v[-1])
            got = call_array(answer, w, b, x, y, shape=()).item()
            want = self.answer(w, b, x, y)
            if np.isclose(got, want, rtol=1e-6):
                continue
            longer, long_w = np.column_stack([x, np.ones(len(x))]), np.append(w, b)
            radius = np.linalg.norm(longer, axis=1).max()
            without = np.linalg.norm(x, axis=1).max()
            scores, length = y * (longer @ long_w), np.linalg.norm(long_w)
            guesses = {
                "That is R/γ: its square is missing.": radius / (scores.min() / length),
                "γ has to be divided by the length of (w, b).": (radius / scores.min()) ** 2,
                "γ has to be divided by the length of (w, b), not of w alone.": (
                    radius * np.linalg.norm(w) / scores.min()
                )
                ** 2,
                "R is the length of the longest (x, 1): the 1 is missing.": (
                    without * length / scores.min()
                )
                ** 2,
                "Neither R nor γ has the bias as one more weight.": (
                    without * np.linalg.norm(w) / scores.min()
                )
                ** 2,
                "R is the length of the longest (x, 1), and γ has to be divided by the length of "
                "(w, b).": (without / scores.min()) ** 2,
                "Give the number as it is, without rounding.": np.floor(want),
                "Give the bound as it is, without rounding.": np.ceil(want),
                "γ is the smallest margin, not the mean.": (radius * length / scores.mean()) ** 2,
                "y is missing: on its own side a point counts as positive, whatever its class.": (
                    radius * length / (longer @ long_w).min()
                )
                ** 2,
            }
            why = next((s for s, value in guesses.items() if np.isclose(got, value)), "")
            raise Wrong(
                f"For w = {_point(w)}, b = {b:g}, x = {x.tolist()}, y = {y.tolist()} the bound is "
                f"{want:.4g}, got {got:.4g}. {why}"
            )

    @staticmethod
    def answer(w, b, x, y):
        x = np.column_stack([x, np.ones(len(x))])
        v = np.append(w, b)
        radius = np.linalg.norm(x, axis=1).max()
        gamma = (y * (x @ v)).min() / np.linalg.norm(v)
        return (radius / gamma) ** 2


class ByEye(Exercise):
    """Which of six point sets can a line part? Decided by looking."""

    hints = (
        "Draw a rubber band round each class. If the two bands touch, no line fits between.",
        "A point that lies exactly between two of the other class can never be cut off.",
        "Three of the six can be parted.",
    )
    praise = "Right: a line exists exactly where the rubber bands round the classes stay apart."

    sets: ClassVar = {
        # letter: (points of class -1, points of class +1)
        "A": ([(0, 0), (1, 0.5), (0.5, 1.4)], [(1.5, 1.2), (2, 2), (1.1, 2.2)]),
        "B": ([(0, 0), (2, 2)], [(1, 1), (2, 0.4)]),
        "C": ([(0, 0), (0, 2), (2, 0), (2, 2)], [(0.9, 1.1)]),
        "D": ([(0, 2), (1, 1.2), (2, 0.4)], [(0, 1.6), (1, 0.8), (1.9, 0.1)]),
        "E": ([(0, 1), (2, 1)], [(1, 0), (1, 2)]),
        "F": ([(0.2, 0.2), (0.2, 1.8)], [(1, 1), (1.8, 0.2), (1.8, 1.8), (0.6, 1)]),
    }

    answer: ClassVar = {"A": True, "B": False, "C": False, "D": True, "E": False, "F": True}

    def points(self, letter: str) -> tuple[np.ndarray, np.ndarray]:
        """x (N, 2) and labels ±1 of one of the sets."""
        low, high = self.sets[letter]
        return np.array(low + high, float), np.repeat([-1, 1], [len(low), len(high)])

    def show(self) -> Still:
        """The six sets."""
        figure = Still(figsize=(9, 5.6), layout="constrained")
        for ax, letter in zip(figure.subplots(2, 3).flat, self.sets, strict=True):
            plots.points(*self.points(letter), ax=ax, size=60, legend=letter == "A")
            ax.set(xlim=(-0.3, 2.3), ylim=(-0.3, 2.5), aspect="equal", xticks=[], yticks=[])
            ax.set_title(letter, fontsize=13)
        return figure

    def examine(self, answer):
        _entries(answer, self.sets, "the set")
        for letter in self.sets:
            got, wanted = answer[letter], separable(*self.points(letter))  # not the author's eye
            wrong_if(
                not isinstance(got, (bool, np.bool_)),
                f"For {letter} expected True (a line parts it) or False, got {short(got)}.",
            )
            wrong_if(
                got and not wanted,
                f"No line parts {letter}: the rubber bands round its two classes touch or cross.",
            )
            wrong_if(
                not got and wanted,
                f"A line parts {letter}. Turn a ruler until each class has a side of its own.",
            )

    def expects(self) -> str:
        return "a dictionary such as {'A': True, 'B': False, …}"


class Xor(Exercise):
    """XOR from three units."""

    hints = (
        "XOR is: the first input alone, or the second input alone.",
        "Let one hidden unit fire for 10 only, and the other for 01 only. "
        "What must the last unit be?",
        "W1's first row (1, -1) with bias -0.5 fires for 10 only. Turn it round for 01. "
        "The last unit is OR of the two.",
    )
    praise = (
        "Right: other hidden units, another description of the inputs, and again one line is "
        "enough for the last unit."
    )
    in_the_text: ClassVar = {(0, 1, 1, 1), (1, 1, 1, 0)}  # OR and NAND

    def examine(self, answer):
        result = call(answer) if callable(answer) else answer
        wrong_if(
            not isinstance(result, (tuple, list)) or len(result) != 4,
            f"Expected {self.expects()}, got {type(result).__name__}"
            + (f" of {len(result)}." if isinstance(result, (tuple, list)) else "."),
        )
        if _is_open(result):
            raise NotAttempted
        parts = []
        shapes = {"W1": (2, 2), "b1": (2,), "W2": (1, 2), "b2": (1,)}
        for (name, shape), part in zip(shapes.items(), result, strict=True):
            array = call_array(lambda part=part: part)
            wrong_if(array.shape != shape, f"{name} should have shape {shape}, got {array.shape}.")
            parts.append(array)
        w1, b1, w2, b2 = parts
        hidden = (INPUTS @ w1.T + b1 > 0).astype(int)
        output = (hidden @ w2.T + b2 > 0).astype(int)[:, 0]
        for x, h, got in zip(INPUTS, hidden, output, strict=True):
            want = int(x[0] != x[1])
            wrong_if(
                got != want,
                f"XOR of {_point(x)} should be {want}: your hidden units say {_point(h)}, "
                f"and the last unit makes {got} of it.",
            )
        wrong_if(
            {tuple(unit) for unit in hidden.T.tolist()} == self.in_the_text,
            "This computes XOR, but its hidden units answer like OR and NAND, as in the text. "
            "There are other pairs: think of units that fire for one input pair only.",
        )

    def expects(self) -> str:
        return "(W1, b1, W2, b2) of shapes (2, 2), (2,), (1, 2), (1,)"

    @staticmethod
    def answer():
        W1 = np.array([[1, -1], [-1, 1]])  # 10 only, 01 only
        b1 = np.array([-0.5, -0.5])
        W2 = np.array([[1, 1]])  # OR
        b2 = np.array([-0.5])
        return W1, b1, W2, b2


class Clinic(Exercise):
    """Five runs, four of them with one fault each: found from their curves."""

    faults: ClassVar[dict[str, str]] = {
        "healthy": "no fault",
        "sign": "the update has the wrong sign",
        "bias": "the bias is never updated",
        "always": "the rule updates even when the answer is right",
        "labels": "the labels are 0 and 1, and not -1 and +1",
    }
    cases: ClassVar[dict[str, str]] = {
        "A": "labels",
        "B": "bias",
        "C": "healthy",
        "D": "always",
        "E": "sign",
    }
    hints = (
        "Which curve of mistakes ends at 0? Only a rule without a fault can stop there.",
        "With y = 0 the step y x is zero: that class is never learned, and w soon stands still. "
        "A rule that updates on every example cannot stand still: its w grows for ever.",
        "Two runs grow for ever. One of them gets more wrong than a coin would: it runs away "
        "from every right answer. In the last run, w stays short and never comes to rest.",
    )
    praise = (
        "Right. What a run gets wrong and how its weights grow tell the faults apart: this is "
        "how one debugs training."
    )
    answer: ClassVar = cases
    symptoms: ClassVar[dict[str, str]] = {
        "healthy": "a run without a fault ends with 0 mistakes, and then w stands still",
        "sign": "with the wrong sign every mistake makes the next one worse: more mistakes "
        "than a coin, and w grows for ever",
        "bias": "without a bias the line stays tied to the origin: mistakes go on and on, "
        "while w stays short and moves",
        "always": "a rule that updates on every example has a w that grows at the same pace "
        "for ever, even where mistakes are few",
        "labels": "with y = 0 the step is zero: one class is wrong in every pass, all of it, "
        "and w stands still",
    }

    def curves(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """letter → (mistakes of each pass, length of (w, b) after each pass)."""
        split = data.blobs(
            80, rng=0, margin=0.05, spread=0.3, direction=(1, 1), centre=(0.3, 0.3), dtype=float
        )
        y = data.signs(split.y)
        chosen = np.sort(np.r_[np.flatnonzero(y < 0)[:20], np.flatnonzero(y > 0)[:40]])
        return {
            letter: _faulty(fault, split.x[chosen], y[chosen])
            for letter, fault in self.cases.items()
        }

    def show(self) -> Still:
        """Mistakes in each pass, and the length of the weights after it, for the five runs."""
        figure = Still(figsize=(9.5, 3.8), layout="constrained")
        mistakes, length = figure.subplots(1, 2)
        runs = self.curves()
        plots.curves(
            {letter: run[0] for letter, run in runs.items()},
            xlabel="pass",
            ylabel="mistakes in the pass (60 examples)",
            ax=mistakes,
        )
        plots.curves(
            {letter: run[1] for letter, run in runs.items()},
            xlabel="pass",
            ylabel="length of (w, b)",
            log=True,
            ax=length,
        )
        return figure

    def examine(self, answer):
        _entries(answer, self.cases, "the run")
        if unknown := [fault for fault in answer.values() if fault not in self.faults]:
            raise Wrong(f"The faults are called {', '.join(self.faults)}; got {short(unknown[0])}.")
        for letter, fault in self.cases.items():
            named = answer[letter]
            wrong_if(
                named != fault,
                f"Run {letter} does not look like “{named}”: {self.symptoms[named]}.",
            )

    def expects(self) -> str:
        return "a dictionary such as {'A': 'healthy', 'B': 'sign', …}"


def _faulty(fault: str, x: np.ndarray, y: np.ndarray, passes: int = 15):
    """Rosenblatt's rule with a fault: mistakes and length of (w, b) for each pass."""
    w, b = np.zeros(x.shape[1]), 0.0
    mistakes, lengths = [], []
    sign = -1 if fault == "sign" else 1
    labels = (y + 1) // 2 if fault == "labels" else y
    for _ in range(passes):
        count = 0
        for x_i, y_i in zip(x, labels, strict=True):
            mistake = y_i * (w @ x_i + b) <= 0
            count += mistake
            if mistake or fault == "always":
                w = w + sign * y_i * x_i
                b += 0 if fault == "bias" else sign * y_i
        mistakes.append(count)
        lengths.append(np.hypot(np.linalg.norm(w), b))
    return np.array(mistakes), np.array(lengths)


def _mistakes(x: np.ndarray, y: np.ndarray, learning_rate: float = 1.0) -> int:
    model = Perceptron(2, learning_rate=learning_rate).fit(x, y, max_epochs=10_000)
    return sum(model.mistakes_)


def _entries(answer: Any, wanted: dict, what: str) -> None:
    """Demand a dictionary with the keys of `wanted`, in which nothing is left open."""
    if not isinstance(answer, dict):
        raise Wrong(f"Expected a dictionary with {', '.join(wanted)}, got {type(answer).__name__}.")
    if answer and all(map(_is_open, answer.values())):
        raise NotAttempted
    for key in wanted:
        wrong_if(key not in answer, f"Your answer has no {key}.")
        wrong_if(_is_open(answer[key]), f"You left {what} {key} open.")
    if odd := [key for key in answer if key not in wanted]:
        raise Wrong(f"Expected only {', '.join(wanted)}, got {odd[0]!r} too.")


def _is_open(value: Any) -> bool:
    """Whether a part of the answer still is the `...` of the stub."""
    parts = value if isinstance(value, (tuple, list)) else [value]
    return any(part is ... or part is None for part in parts)


def _weights(gate: str, value: Any) -> tuple[np.ndarray, float]:
    """((w1, w2), b) as an array and a number."""
    try:
        w, b = value
        w, b = np.asarray(w, float), float(b)
    except (TypeError, ValueError):
        raise Wrong(f"{gate} should be ((w1, w2), b), got {short(value)}.") from None
    wrong_if(w.shape != (2,), f"{gate} needs two weights (w1, w2), got {short(value[0])}.")
    wrong_if(not np.isfinite([*w, b]).all(), f"{gate} needs finite numbers, got {short(value)}.")
    return w, b


def _pair(result: Any, size: int) -> tuple[np.ndarray, float]:
    """(w, b) that a rule returned."""
    wrong_if(
        not isinstance(result, (tuple, list)) or len(result) != 2,
        f"Return the two of them: return w, b. Got {type(result).__name__}.",
    )
    if _is_open(result):
        raise NotAttempted
    w = call_array(lambda: result[0])
    b = call_array(lambda: result[1])
    wrong_if(w.shape != (size,), f"w should keep its shape {(size,)}, got {w.shape}.")
    wrong_if(b.size != 1, f"b should be one number, got shape {b.shape}.")
    return w, float(b.reshape(()))


def _point(x: np.ndarray) -> str:
    return f"({', '.join(f'{value:g}' for value in np.asarray(x, float))})"


gates = Gates("01/gates", "my_gates")
rule = Rule("01/rule", "my_rule")
invariance = Invariance("01/invariance", "my_invariant_changes")
margin = Margin("01/margin", "my_margin")
bound = Bound("01/bound", "my_bound")
by_eye = ByEye("01/by_eye", "my_eye")
xor = Xor("01/xor", "W1, b1, W2, b2")
clinic = Clinic("01/clinic", "my_diagnosis")
