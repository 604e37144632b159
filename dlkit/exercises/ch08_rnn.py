"""Exercises of chapter 08: memories, states, gradients through time, and a net that writes.

Where an answer is off, the message names the usual suspect: the diagonal that was left, the state
of the wrong step, a matrix the wrong way round, the gates in another order, nats for bits.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import Exercise, call, call_array, compare, wrong_if
from dlkit.models.dense import Linear, Sequential, sigmoid, softmax
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import Adam
from dlkit.models.recurrent import LSTM, LastStep
from dlkit.parity import gradient_check


class Hebb(Exercise):
    """The weights of a Hopfield net."""

    hints = (
        "Σ over the patterns of ξ_i ξ_j is one matrix product: patterns (M, N), turned, times "
        "patterns.",
        "Divide by N, the number of units, and set the diagonal to 0 with np.fill_diagonal.",
        "np.fill_diagonal writes into its argument and returns None: return the matrix itself.",
    )
    praise = "Right: symmetric, nothing on the diagonal, and the energy can only fall."

    def examine(self, answer):
        patterns = np.random.default_rng(0).choice([-1.0, 1.0], (3, 8))
        if (plain := np.asarray(call(answer, patterns))).shape == (3, 3):
            wrong_if(True, "Your matrix is (3, 3), a number for two patterns: turn the first.")
        got = call_array(lambda: plain, shape=(8, 8))
        full = patterns.T @ patterns / 8
        fair = full - np.diag(np.diag(full))
        wrong_if(
            bool(np.diag(got).any()),
            f"The diagonal should be 0, no unit is tied to itself; W[0, 0] is {got[0, 0]:.4g}.",
        )
        compare(
            "W",
            got,
            fair,
            {
                "divide by the number of units": fair * 8,
                "you divide by the number of patterns; divide by the number of units": fair * 8 / 3,
                "that is for the first pattern alone; add up all of them": np.outer(
                    patterns[0], patterns[0]
                )
                / 8
                * (1 - np.eye(8)),
                "the sign is wrong: units that agree should pull each other the same way": -fair,
            },
            says="it should be",
        )

    @staticmethod
    def answer(patterns):
        W = patterns.T @ patterns / patterns.shape[1]
        np.fill_diagonal(W, 0)
        return W


class States(Exercise):
    """The states of an Elman net."""

    hints = (
        "Begin with h = np.zeros((N, H)) and walk over the steps; keep each new h.",
        "h = np.tanh(x[t] @ Wx.T + h @ Wh.T + b); weights are (out, in), so they are turned.",
        "np.stack(list_of_states) makes (T, N, H) of them.",
    )
    praise = "Right: every state hears the input and the state before it."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        x, Wx, Wh = rng.normal(size=(5, 2, 3)), rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
        b = rng.normal(size=4)

        def run(recurrent=Wh, use=np.tanh, bias=b, order=range(5), start=0.0):
            h, kept = np.full((2, 4), start), []
            for t in order:
                h = use(x[t] @ Wx.T + h @ recurrent.T + bias)
                kept.append(h)
            return np.stack(kept)

        got = np.asarray(call(answer, x, Wx, Wh, b))
        wrong_if(
            got.shape == (6, 2, 4),
            "You return 6 states for 5 steps: leave out the zeros before the first.",
        )
        wrong_if(got.shape == (2, 4), "That is one state; return those of all steps, (5, 2, 4).")
        wrong_if(got.shape == (2, 5, 4), "Steps come first: (T, N, H), you give (N, T, H).")
        got = call_array(lambda: got, shape=(5, 2, 4))
        compare(
            "the states",
            got,
            run(),
            {
                "Wh is turned the wrong way: h @ Wh.T, since weights are (out, in)": run(Wh.T),
                "no state hears the one before": run(0 * Wh),
                "the tanh is missing": run(use=lambda z: z),
                "that is a sigmoid; the Elman net here has a tanh": run(use=sigmoid),
                "the bias is missing": run(bias=0 * b),
                "the state before the first step is 0": run(start=1.0),
                "you read from the end to the beginning": run(order=range(4, -1, -1)),
                "you keep the state before each step; keep the one after it": np.concatenate(
                    [np.zeros((1, 2, 4)), run()[:-1]]
                ),
            },
            says="it should be",
        )
        other = call_array(answer, 2 * x, Wx, Wh, b, shape=(5, 2, 4))
        wrong_if(bool(np.allclose(other, got)), "Other inputs give the same states: use x.")

    @staticmethod
    def answer(x, Wx, Wh, b):
        h, states = np.zeros((x.shape[1], len(b))), []
        for step in x:
            h = np.tanh(step @ Wx.T + h @ Wh.T + b)
            states.append(h)
        return np.stack(states)


class BackOne(Exercise):
    """The gradient from one state to the one before."""

    hints = (
        "h = tanh(z), and z = … + h_before @ Wh.T. Two derivatives, one after the other.",
        "∂L/∂z = grad_h · (1 - h²), entry by entry.",
        "Forward the state was multiplied by Wh.T, so backward by Wh itself.",
    )
    praise = "Right. Do it k times, and you see why gradients fade: k factors 1 - h², k times Wh."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        grad, h = rng.normal(size=(2, 4)), np.tanh(rng.normal(size=(2, 4)))
        Wh = rng.normal(size=(4, 4))
        slope = 1 - h**2
        got = call_array(answer, grad, h, Wh, shape=(2, 4))
        compare(
            "the gradient",
            got,
            (grad * slope) @ Wh,
            {
                "the matrix is the wrong way round: forward had Wh.T, so backward has Wh": (
                    grad * slope
                )
                @ Wh.T,
                "the slope of the tanh is missing: times 1 - h²": grad @ Wh,
                "the slope belongs to the state you start from, before the matrix": (grad @ Wh)
                * slope,
                "that is ∂L/∂z; one matrix further": grad * slope,
                "h (1 - h) is the slope of the sigmoid; the tanh has 1 - h²": (grad * h * (1 - h))
                @ Wh,
                "h is the state itself, tanh(z): do not take the tanh again": (
                    grad * (1 - np.tanh(h) ** 2)
                )
                @ Wh,
            },
            says="it should be",
        )

    @staticmethod
    def answer(grad_h, h, Wh):
        return (grad_h * (1 - h**2)) @ Wh


class Cell(Exercise):
    """One step of an LSTM, from the pre-activations."""

    hints = (
        "i, f, g, o = np.split(z, 4, axis=1).",
        "c = sigmoid(f) * c + sigmoid(i) * np.tanh(g), and 1 / (1 + np.exp(-z)) is the sigmoid.",
        "h = sigmoid(o) * np.tanh(c) with the new c; return h, c.",
    )
    praise = "Right: the cell is added to, and that is why its gradient lives long."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        z, c = rng.normal(size=(3, 8)), rng.normal(size=(3, 2))

        def step(order="ifgo", inner=np.tanh, outer=np.tanh, new=True, gate=sigmoid):
            parts = dict(zip(order, np.split(z, 4, axis=1), strict=True))
            i, f, o = (gate(parts[name]) for name in "ifo")
            fresh = f * c + i * inner(parts["g"])
            return np.stack([o * outer(fresh if new else c), fresh])

        pair = call(answer, z, c)
        wrong_if(
            not isinstance(pair, tuple | list) or len(pair) != 2,
            "Return two arrays, h and c, as a pair: return h, c.",
        )
        parts = [call_array(lambda part=part: part, shape=(3, 2)) for part in pair]
        got = np.stack(parts)
        fair = step()
        compare(
            "h (first) and c",
            got,
            fair,
            {
                "c comes second: return h, c": fair[::-1],
                "the order of the gates is i, f, g, o": step("figo"),
                "the order of the gates is i, f, g, o, as in torch; yours is i, f, o, g": step(
                    "ifog"
                ),
                "g is a tanh, no sigmoid": step(inner=sigmoid),
                "the tanh around the cell is missing in h": step(outer=lambda a: a),
                "h comes from the new cell, not from the old": step(new=False),
                "the gates need a sigmoid, so that they lie between 0 and 1": step(
                    gate=lambda a: a
                ),
                "all four need their curves: sigmoid for i, f, o, and tanh for g": step(
                    gate=lambda a: a, inner=lambda a: a
                ),
            },
            says="it should be",
        )

    @staticmethod
    def answer(z, c):
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        return o * np.tanh(c), c


class Clip(Exercise):
    """Gradients shortened together."""

    hints = (
        "The common length is the root of the sum of the squares of all entries of all arrays.",
        "The factor is limit / length where the length is more than the limit, and 1 otherwise.",
    )
    praise = "Right: one factor for all, so the direction stays."

    def examine(self, answer):
        gradients = [np.array([[3.0, 0.0], [0.0, 4.0]]), np.array([12.0])]
        got = self._flat(call(answer, [g.copy() for g in gradients], 2.0))
        flat = np.array([3.0, 0, 0, 4, 12])
        each = np.concatenate([g.ravel() * min(1, 2 / np.linalg.norm(g)) for g in gradients])
        compare(
            "the gradients, in a row",
            got,
            flat * 2 / 13,
            {
                "each array has been shortened by itself: the length is that of all together": each,
                "single entries are cut off, which turns the direction": np.clip(flat, -2, 2),
                "they come back as they were": flat,
                "you divided by the square of the length: take the root": flat * 2 / 169,
                "they have length 1 now: multiply by the limit": flat / 13,
                "the length is the root of the sum of squares, not the sum": flat * 2 / 19,
                "the lengths of the arrays do not add up, their squares do": flat * 2 / 17,
            },
            says="it should be",
            tolerance=1e-4,  # torch's form has 1e-6 in the denominator
        )
        short = self._flat(call(answer, [g / 100 for g in gradients], 2.0))
        wrong_if(
            not np.allclose(short, flat / 100),
            "Gradients that are shorter than the limit must stay as they are: yours have become "
            f"{np.linalg.norm(short) / 0.13:.3g} times as long.",
        )

    @staticmethod
    def _flat(result: Any) -> np.ndarray:
        wrong_if(
            not isinstance(result, tuple | list) or len(result) != 2,
            "Return a list of two arrays for a list of two.",
        )
        first = call_array(lambda: result[0], shape=(2, 2))
        return np.concatenate([first.ravel(), call_array(lambda: result[1], shape=(1,))])

    @staticmethod
    def answer(gradients, limit):
        length = np.sqrt(sum(np.sum(g**2) for g in gradients))
        return [g * min(1, limit / length) for g in gradients]


class Radius(Exercise):
    """A matrix with a wanted spectral radius."""

    hints = (
        "np.linalg.eigvals(W) gives the eigenvalues; most are complex numbers.",
        "The largest of np.abs(eigenvalues) is the radius that W has. Scale by what is missing.",
    )
    praise = "Right: scaling the matrix scales all its eigenvalues."

    def examine(self, answer):
        W = np.random.default_rng(0).normal(size=(6, 6))
        values = np.linalg.eigvals(W)
        wanted = 0.8
        result = np.asarray(call(answer, W, wanted))
        wrong_if(
            result.dtype.kind == "c", "The matrix has become complex: use the |eigenvalues| only."
        )
        got = call_array(lambda: result, shape=(6, 6))
        compare(
            "the matrix",
            got,
            W * wanted / np.abs(values).max(),
            {
                "you divided by the largest real part; |eigenvalue| counts the imaginary, too": W
                * wanted
                / values.real.max(),
                "that is the largest singular value; the spectral radius is the largest "
                "|eigenvalue|": W * wanted / np.linalg.norm(W, 2),
                "that is the length of the whole matrix": W * wanted / np.linalg.norm(W),
                "eigvalsh is for symmetric matrices and reads one half of W; take eigvals": W
                * wanted
                / np.abs(np.linalg.eigvalsh(W)).max(),
                ".max() of complex numbers goes by the real parts: take np.abs first": W
                * wanted
                / np.abs(values.max()),
                "the radius is 1 now: multiply by the one that is wanted": W / np.abs(values).max(),
                "you multiplied by the wanted radius without dividing by the one it has": W
                * wanted,
                "you divided by the largest entry; take the eigenvalues": W
                * wanted
                / np.abs(W).max(),
            },
            says="it should be",
        )

    @staticmethod
    def answer(W, radius):
        return W * radius / np.abs(np.linalg.eigvals(W)).max()


class Bits(Exercise):
    """Bits per character."""

    hints = (
        "p[np.arange(T), codes] are the probabilities of what really came.",
        "Minus the mean of their np.log2.",
    )
    praise = "Right: as many bits as a perfect coder would need with these predictions."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        p, codes = softmax(rng.normal(size=(20, 5))), rng.integers(0, 5, 20)
        came = p[np.arange(20), codes]
        value = np.asarray(call(answer, p, codes))
        wrong_if(value.shape == (20,), "That is a number for each step; return their mean.")
        got = call_array(lambda: value, shape=())
        compare(
            "the mean number of bits",
            got.reshape(1),
            np.array([-np.log2(came).mean()]),
            {
                "those are nats: take the logarithm to the base 2": -np.log(came).mean(),
                "the sign is wrong: a probability below 1 has a negative logarithm": np.log2(
                    came
                ).mean(),
                "that is the sum: divide by the number of characters": -np.log2(came).sum(),
                "that is the entropy of the predictions; it does not look at what came": -(
                    p * np.log2(p)
                )
                .sum(axis=1)
                .mean(),
                "the mean comes after the logarithm": -np.log2(came.mean()),
                "p[:, codes] pairs every step with every character that came; step t goes with "
                "codes[t] alone": -np.log2(p[:, codes]).mean(),
                "that takes all entries of p; only those of the characters that came count": (
                    -np.log2(p).mean()
                ),
            },
            says="it should be",
        )

    @staticmethod
    def answer(p, codes):
        return -np.mean(np.log2(p[np.arange(len(codes)), codes]))


class Temperature(Exercise):
    """A softmax at a temperature."""

    hints = (
        "Divide z by the temperature, and then take the softmax.",
        "For a low temperature z / temperature is huge, and e to the power of it overflows: "
        "subtract the largest entry first.",
    )
    praise = "Right: low temperatures sharpen, high ones flatten, and the order stays."

    def examine(self, answer):
        z = np.array([1.0, 3.0, 2.0, -1.0])
        for temperature in (0.5, 2.0):
            raw = np.exp(z / temperature)
            got = call_array(answer, z, temperature, shape=(4,))
            compare(
                f"the probabilities at {temperature}",
                got,
                raw / raw.sum(),
                {
                    "you multiplied by the temperature; divide": softmax(z * temperature),
                    "the temperature makes no difference": softmax(z),
                    "they do not add up to 1": raw,
                    "dividing the probabilities by the temperature is another thing: divide z, "
                    "before the softmax": softmax(z) / temperature,
                },
                says="it should be",
            )
        cold = np.asarray(call(answer, 100 * z, 0.01), dtype=float)
        wrong_if(
            cold.shape != (4,) or not np.allclose(cold, [0, 1, 0, 0]),
            f"At a temperature of 0.01 and z up to 300 the likeliest should have 1; you give "
            f"{np.array2string(np.ravel(cold), precision=3)}: e to a large power overflows. "
            "Subtract the largest z first.",
        )

    @staticmethod
    def answer(z, temperature):
        e = np.exp((z - z.max()) / temperature)
        return e / e.sum()


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
CARRIED = "the hidden state is carried over between sequences"
ONE_STEP = "the gradient goes back one step only"
SWAPPED = "steps and sequences are swapped in the input"
SHUT = "the forget gate starts shut"
WRONG_GATES = "backward takes the forget gate for the input gate"
FAULTS = (HEALTHY, CARRIED, ONE_STEP, SWAPPED, SHUT, WRONG_GATES)
STEPS, BATCH, UPDATES, UNITS, SYMBOLS = 10, 10, 600, 16, 4


@dataclass(frozen=True, eq=False)
class Patient:
    """What the clinic has measured of one training.

    losses    the training loss, the mean of ten steps each
    right     the share of new sequences that are answered right
    gradient  the largest relative difference between backward and central differences
    reach     the length of the gradient at the first input, as a fraction of that at the last
    twice     the same batch read twice in a row: the largest change of an answer
    heard     one sequence of the batch changed: the largest change of another one's answer
    forget    the forget gate's mean after training
    """

    losses: np.ndarray
    right: float
    gradient: float
    reach: float
    twice: float
    heard: float
    forget: float


class _OneStep(LSTM):
    """Only the last step's gradient: whatever comes from later steps is dropped."""

    def _run_back(self, grad_outputs, dz):
        super()._run_back(grad_outputs, dz)
        dz[:-1] = 0


class _WrongGates(LSTM):
    """The gradients of i and f change places."""

    def _run_back(self, grad_outputs, dz):
        super()._run_back(grad_outputs, dz)
        di, df, _, _ = self._split(dz)
        di[...], df[...] = df.copy(), di.copy()


class _Swapped(LSTM):
    """Takes (N, T, D) for (T, N, D): with as many steps as sequences nothing raises."""

    def forward(self, x, state=None):
        return super().forward(np.swapaxes(x, 0, 1), state)

    def backward(self, grad_output):
        return np.swapaxes(super().backward(grad_output), 0, 1)


class BugClinic(Clinic):
    """Which program has which fault?"""

    answer = {  # noqa: RUF012
        "A": CARRIED,
        "B": SHUT,
        "C": HEALTHY,
        "D": WRONG_GATES,
        "E": SWAPPED,
        "F": ONE_STEP,
    }
    clues = {  # noqa: RUF012
        HEALTHY: "nothing is off in its row, and it learns.",
        CARRIED: "the same batch gives other answers the second time. What does it still know?",
        ONE_STEP: "nothing of the gradient arrives at step 1, not even a little. Where is it cut?",
        SWAPPED: "one sequence's answer changes when a neighbour is changed. Which axis is which?",
        SHUT: "backward is right, but the gradient at step 1 is tiny. What does the cell keep?",
        WRONG_GATES: "the gradient does arrive at step 1, but it is not the right one.",
    }
    hints = (
        "Begin with the column of central differences: two programs have a wrong gradient. One of "
        "them gets nothing to step 1.",
        "A program whose gradient is right may still ask the wrong question. Look at what should "
        "make no difference: reading twice, and the neighbours.",
        "The gradient along the cell is multiplied by the forget gate at each step.",
    )
    praise = (
        "Right. A state that is carried over, or swapped axes, leave every gradient correct: no "
        "gradient check finds them. Ask what should make no difference, and test that."
    )

    def patient(self, fault: str) -> Patient:
        return _patient(fault)


def _batch(rng: np.random.Generator, n: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    """One of four symbols, then noise: x (STEPS, n, 4) and the symbol (n,)."""
    symbol = rng.integers(0, SYMBOLS, n)
    x = rng.normal(0, 0.3, (STEPS, n, SYMBOLS))
    x[0] = 2 * np.eye(SYMBOLS)[symbol]
    return x, symbol


@cache
def _patient(fault: str) -> Patient:
    """Train the LSTM with this fault, and examine it."""
    rng, loss = np.random.default_rng(0), CrossEntropyLoss()
    kind = {ONE_STEP: _OneStep, WRONG_GATES: _WrongGates, SWAPPED: _Swapped}.get(fault, LSTM)
    bias = -4.0 if fault == SHUT else 1.0
    layer = kind(SYMBOLS, UNITS, rng=rng, forget_bias=bias, dtype=np.float64)
    net = Sequential(layer, LastStep(), Linear(UNITS, SYMBOLS, rng=rng, dtype=np.float64))
    layer.carry = fault == CARRIED
    optimiser, losses = Adam(net.parameters, 0.01), []
    for _ in range(UPDATES):
        x, symbol = _batch(rng)
        losses.append(loss(net(x), symbol))
        net.backward_parameters(loss.backward())
        optimiser.step(net.gradients)
    forget = float(layer.gates["f"].mean())

    right = []
    for _ in range(40):
        x, symbol = _batch(rng)
        right.append(np.mean(net(x).argmax(axis=1) == symbol))
    x, symbol = _batch(rng)
    answers = [softmax(net(x)) for _ in range(2)]
    changed = x.copy()
    changed[:, 0] = changed[::-1, 0] + 1
    layer.reset()
    before = softmax(net(x))
    layer.reset()
    heard = np.abs(softmax(net(changed)) - before)[1:].max()

    layer.carry = False
    fresh = kind(SYMBOLS, UNITS, rng=np.random.default_rng(1), forget_bias=bias, dtype=np.float64)
    start = Sequential(
        fresh, LastStep(), Linear(UNITS, SYMBOLS, rng=np.random.default_rng(2), dtype=np.float64)
    )
    check = gradient_check(start, loss, x, symbol, entries=20)
    loss(start(x), symbol)
    lengths = np.linalg.norm(start.backward(loss.backward()), axis=(1, 2))
    if fault == SWAPPED:  # its steps are on the other axis
        loss(start(x), symbol)
        lengths = np.linalg.norm(start.backward(loss.backward()), axis=(0, 2))
    return Patient(
        np.reshape(losses, (-1, 10)).mean(axis=1),
        float(np.mean(right)),
        check.largest,
        float(lengths[0] / lengths[-1]),
        float(np.abs(answers[1] - answers[0]).max()),
        float(heard),
        forget,
    )


hebb = Hebb("08/hebb", "my_hebb")
states = States("08/states", "my_states")
back_one = BackOne("08/back-one", "my_back_one")
cell = Cell("08/cell", "my_cell")
clip = Clip("08/clip", "my_clip")
radius = Radius("08/radius", "my_radius")
bits = Bits("08/bits", "my_bits")
temperature = Temperature("08/temperature", "my_temperature")
bug_clinic = BugClinic("08/bug-clinic", "diagnosis")
