"""Exercises of chapter 04: energies, conditionals, contrastive divergence, the partition function.

Machines are small here, and answers are compared with sums over all states, not with formulas;
where an answer is off, the message names the usual suspect: the sign, a bias left out, a
probability where a state belongs, the other axis.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from dlkit.data import bars_and_stripes
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import (
    Exercise,
    NotAttempted,
    Wrong,
    call,
    call_array,
    compare,
    wrong_if,
)
from dlkit.models.dense import sigmoid
from dlkit.models.partition import all_states, log_likelihood
from dlkit.models.rbm import RBM, bernoulli


class Energy(Exercise):
    """The energy of pairs of states."""

    hints = (
        "Three terms, all with a minus: the visible biases, the hidden biases, and the weights.",
        "v @ b is one number a row. For the ties, first h @ W: a number for each visible unit.",
        "((h @ weight) * v).sum(axis=1) pairs row i of h with row i of v.",
    )
    praise = "Right: one number for each pair of states, the lower the likelier."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        weight, b, c = _machine(rng, visible=4, hidden=3)
        v, h = _bits(rng, 5, 4), _bits(rng, 5, 3)
        result = call(answer, v, h, weight, b, c)
        wrong_if(
            np.shape(result) == (5, 5),
            "The result is (5, 5): every v with every h. Wanted is row i of v with row i of h.",
        )
        got = call_array(answer, v, h, weight, b, c, shape=(5,))
        ties = np.array([sum(h[n, j] * weight[j, i] * v[n, i] for j in range(3) for i in range(4))
                         for n in range(5)])  # fmt: skip
        expected = -v @ b - h @ c - ties
        compare(
            "E",
            got,
            expected,
            {
                "the sign is wrong: all three terms have a minus": -expected,
                "the sign of the weights' term is wrong": -v @ b - h @ c + ties,
                "the biases are missing": -ties,
                "the visible bias is missing": -h @ c - ties,
                "the hidden bias is missing": -v @ b - ties,
                "the ties of all rows are added up: each row has its own, axis=1": -v @ b
                - h @ c
                - ties.sum(),
                "each tie counts once here, without a ½": -v @ b - h @ c - ties / 2,
                "each tie counts once": -v @ b - h @ c - 2 * ties,
            },
            "adding up every tie says",
        )

    @staticmethod
    def answer(v, h, weight, visible_bias, hidden_bias):
        return -v @ visible_bias - h @ hidden_bias - ((h @ weight) * v).sum(axis=1)


class FreeEnergy(Exercise):
    """The free energy, without a sum over the hidden states."""

    hints = (
        "The sum over all h factorises: each hidden unit brings a factor 1 + e^z.",
        "F(v) = -b·v - Σ log(1 + e^z), with z = c + W v for each hidden unit.",
        "e^800 overflows: np.logaddexp(0, z) is log(1 + e^z) for any z.",
    )
    praise = "Right: one short sum stands for all hidden states."

    def examine(self, answer):
        rng = np.random.default_rng(1)
        weight, b, c = _machine(rng, visible=4, hidden=3)
        v = _bits(rng, 6, 4)
        got = call_array(answer, v, weight, b, c, shape=(6,))
        z = v @ weight.T + c
        expected = _free_energy_by_listing(v, weight, b, c)
        compare(
            "F",
            got,
            expected,
            {
                "the sign is wrong: F is minus the logarithm": -expected,
                "the visible bias is missing: -b·v": expected + v @ b,
                "the visible bias has the wrong sign": expected + 2 * v @ b,
                "that adds up all rows: the sum goes over the hidden units, axis=1": -v @ b
                - np.logaddexp(0, z).sum(),
                "that is e^(-F), and not yet its logarithm": np.exp(-expected),
                "the hidden bias is missing in z = c + W v": _free_energy_by_listing(
                    v, weight, b, 0 * c
                ),
                "that leaves out the 1, the state in which the unit is off: log(1 + e^z)": -v @ b
                - z.sum(axis=1),
                "that is the largest term only, as if each hidden unit chose its better state": -v
                @ b
                - np.maximum(z, 0).sum(axis=1),
                "the hidden units' sum has the wrong sign: F = -b·v - Σ log(1 + e^z)": -v @ b
                + np.logaddexp(0, z).sum(axis=1),
                "that is -log of a product of probabilities σ(z); it should be of 1 + e^z": -v @ b
                + np.logaddexp(0, -z).sum(axis=1),
            },
            "the sum over all 8 hidden states says",
        )
        big = call(answer, v, 500 * weight, b, c)
        wrong_if(
            not np.isfinite(np.asarray(big, dtype=float)).all(),
            "With weights 500 times as large the result is infinite: e^800 does not fit into a "
            "float. Which function of NumPy gives log(e^a + e^b) without computing e^b?",
        )

    @staticmethod
    def answer(v, weight, visible_bias, hidden_bias):
        return -v @ visible_bias - np.logaddexp(0, v @ weight.T + hidden_bias).sum(axis=1)


class GibbsStep(Exercise):
    """One step v → h → v, with chance in both halves."""

    hints = (
        "First the hidden probabilities σ(c + W v); then draw h: on if a random number is lower.",
        "Then the visible probabilities σ(b + h W) from the *drawn* h, and draw v in the same way.",
        "rng.random(p.shape) < p is True with probability p; .astype(float) makes it 0 and 1.",
    )
    praise = "Right: the states that come out are as frequent as the sum over all h says."

    def examine(self, answer):
        # One hidden unit, undecided, that all three visible units follow.
        weight, b, c = np.array([[6.0, 6.0, -6.0]]), np.array([-3.0, -3.0, 1.0]), np.array([-1.0])
        v, states = np.tile([1.0, 0.0, 1.0], (4000, 1)), all_states(3)
        got = call_array(answer, v, weight, b, c, np.random.default_rng(3), shape=v.shape)
        between = got[(got != 0) & (got != 1)]
        wrong_if(
            len(between) > 0,
            f"States are 0 or 1, and your result holds {between[:1]}: probabilities, it seems. "
            "Draw from them.",
        )
        again = call_array(answer, v, weight, b, c, np.random.default_rng(4), shape=v.shape)
        wrong_if(
            bool((got == again).all()),
            "Two different rng give the same states: nothing is drawn. Use rng.random(p.shape).",
        )
        same = call_array(answer, v, weight, b, c, np.random.default_rng(3), shape=v.shape)
        wrong_if(
            bool((got != same).any()),
            "Two generators with the same seed should give the same states, yours do not: draw "
            "from the rng that you are given.",
        )
        wrong_if(
            len(np.unique(got, axis=0)) == 1, "All 4,000 rows end alike: draw for each of them."
        )

        on = sigmoid(v[:1] @ weight.T + c).item()  # P(h = 1 | v)

        def odds(on, bias=b, sign=1):
            """The odds of each of the 8 states if h is on with probability `on`."""
            given = [_of_each_state(sigmoid(sign * (bias + h * weight[0])), states) for h in (0, 1)]
            return (1 - on) * given[0] + on * given[1]

        expected = odds(on)
        found = np.array([(got == state).all(axis=1).mean() for state in states])
        off = np.abs(found - expected)
        suspects = {
            "h was not drawn. Its probability went into the second half, and so each visible unit "
            "decides for itself, where all three should follow one h": _of_each_state(
                sigmoid(b + on * weight[0]), states
            ),
            "h is the same in all rows: rounded, or drawn only once, not for each row": odds(
                float(on > 0.5)
            ),
            "h is the same in all rows, drawn only once. Draw it for each row": odds(
                float(on <= 0.5)
            ),
            "The visible bias is missing in the second half": odds(on, bias=0 * b),
            "The hidden bias is missing in the first half": odds(sigmoid(v[:1] @ weight.T).item()),
            "A unit is on where the uniform number is below its probability, not above": odds(
                1 - on, sign=-1
            ),
        }
        for text, wrong in suspects.items():
            wrong_if(off.max() > 0.04 and np.abs(found - wrong).max() < 0.04, f"{text}.")
        worst = int(off.argmax())
        wrong_if(
            bool(off.max() > 0.04),
            f"Of 4,000 steps from v = (1, 0, 1), {100 * found[worst]:.0f} % end in "
            f"{tuple(states[worst].astype(int).tolist())}; it should be "
            f"{100 * expected[worst]:.0f} %.",
        )

    @staticmethod
    def answer(v, weight, visible_bias, hidden_bias, rng):
        p = 1 / (1 + np.exp(-(v @ weight.T + hidden_bias)))
        h = (rng.random(p.shape) < p).astype(float)
        p = 1 / (1 + np.exp(-(h @ weight + visible_bias)))
        return (rng.random(p.shape) < p).astype(float)


class CDUpdate(Exercise):
    """From the statistics of data and fantasies to three updates."""

    hints = (
        "Data minus fantasies, in all three. Let shapes guide you: weight is (hidden, visible).",
        "h0.T @ v0 adds up h·v over the batch; divide by the number of rows.",
        "The biases: (v0 - v1).mean(axis=0) and (h0 - h1).mean(axis=0).",
    )
    praise = "Right: what the data do more often than the fantasies is made likelier."

    def examine(self, answer):
        rng = np.random.default_rng(7)
        v0, v1 = _bits(rng, 6, 4), _bits(rng, 6, 4)
        h0, h1 = rng.random((6, 3)), rng.random((6, 3))
        result = call(answer, v0, h0, v1, h1)
        wrong_if(
            not isinstance(result, (tuple, list)) or len(result) != 3,
            "Return three arrays: the updates of the weight, the visible and the hidden bias.",
        )
        weight, visible, hidden = (call_array(lambda part=part: part) for part in result)
        wrong_if(
            weight.shape == (4, 3),
            "The weight's update is transposed: weight is (hidden, visible) = (3, 4), got (4, 3).",
        )
        for name, array, shape in (
            ("weight", weight, (3, 4)),
            ("visible bias", visible, (4,)),
            ("hidden bias", hidden, (3,)),
        ):
            wrong_if(
                array.shape != shape,
                f"The update of the {name} should have shape {shape}, got {array.shape}.",
            )
        up = sum(np.outer(h, v) for h, v in zip(h0, v0, strict=True)) / 6
        down = sum(np.outer(h, v) for h, v in zip(h1, v1, strict=True)) / 6
        shared = {
            "the sign is wrong: data minus fantasies": lambda e: -e,
            "divide by the number of rows: the mean over the batch": lambda e: 6 * e,
            "the sign is wrong, and the mean over the batch is missing": lambda e: -6 * e,
        }
        compare(
            "the weight's update",
            weight,
            np.asarray(up - down),
            {text: f(up - down) for text, f in shared.items()}
            | {
                "the fantasies are missing: subtract their h·v": up,
                "h1 is paired with v0: the fantasies' h belongs to the fantasies' v": up
                - h1.T @ v0 / 6,
                "h0 is paired with v1: the fantasies' v belongs to the fantasies' h": up
                - h0.T @ v1 / 6,
            },
            "adding up the rows says",
        )
        for name, array, expected in (
            ("the visible bias's update", visible, (v0 - v1).mean(axis=0)),
            ("the hidden bias's update", hidden, (h0 - h1).mean(axis=0)),
        ):
            suspects = {text: f(expected) for text, f in shared.items()}
            compare(name, array, expected, suspects, "the mean of the rows says")

    @staticmethod
    def answer(v0, h0, v1, h1):
        n = len(v0)
        weight = (h0.T @ v0 - h1.T @ v1) / n
        return weight, (v0 - v1).mean(axis=0), (h0 - h1).mean(axis=0)


class LogPartition(Exercise):
    """log Z, summed over the smaller side."""

    hints = (
        "Sum over the hidden states only: for each of them the visible units factorise.",
        "log Σᵥ e^(-E(v, h)) = c·h + Σ log(1 + e^(b + h W)). dlkit's all_states(n) lists the h.",
        "np.logaddexp.reduce(a) is log Σ e^a without overflow.",
    )
    praise = "Right: exact, with one term for each hidden state."

    def examine(self, answer):
        rng = np.random.default_rng(8)
        weight, b, c = _machine(rng, visible=4, hidden=3)
        got = float(call_array(answer, weight, b, c, shape=()))
        expected = _log_z(weight, b, c)
        off_biases = {
            "the hidden bias is missing: c·h": _log_z(weight, b, 0 * c),
            "the visible bias is missing": _log_z(weight, 0 * b, c),
        }
        suspects = {
            "that is Z; wanted is its logarithm": np.exp(expected),
            "the sign is wrong: log Z, not -log Z": -expected,
            "that is the logarithm of the mean; Z is the sum over the states": expected
            - 3 * np.log(2),
        } | off_biases
        for text, wrong in suspects.items():
            wrong_if(bool(np.isclose(got, wrong)), f"For a machine 4×3 you say {got:.4f}: {text}.")
        wrong_if(
            not np.isclose(got, expected),
            f"For a machine 4×3 you say {got:.4f}; the sum over all 128 states is {expected:.4f}.",
        )
        weight, b, c = _machine(rng, visible=3, hidden=2)
        try:
            large = float(call(answer, 1000 * weight, b, c))
        except Wrong as wrong:
            raise Wrong(f"With weights 1,000 times as large: {wrong}") from None
        expected = _log_z(1000 * weight, b, c)
        wrong_if(
            not np.isclose(large, expected),
            f"With weights 1,000 times as large you say {large:.4g}, expected {expected:.4f}: "
            "e^z overflows. np.logaddexp and np.logaddexp.reduce do not.",
        )
        weight, b, c = _machine(rng, visible=200, hidden=5)
        wide = float(call(answer, weight, b, c))
        expected = np.logaddexp.reduce(
            all_states(5) @ c + np.logaddexp(0, all_states(5) @ weight + b).sum(axis=1)
        )
        wrong_if(
            not np.isclose(wide, expected),
            f"For a machine 200×5 you say {wide:.4f}, expected {expected:.4f}.",
        )

    @staticmethod
    def answer(weight, visible_bias, hidden_bias):
        n = len(hidden_bias)
        h = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)
        inner = np.logaddexp(0, h @ weight + visible_bias).sum(axis=1)
        return np.logaddexp.reduce(h @ hidden_bias + inner)


class ByHand(Exercise):
    """Two visible units and one hidden one, set by hand to say "exclusive or"."""

    hints = (
        "Let the hidden unit decide which of the two is on: the weights pull in opposite ways.",
        "With h = 1 the first unit should be on and the second off: inputs of about +5 and -5.",
        "With h = 0 the visible biases alone must say the opposite: b = (-5, 5). So W = (10, -10).",
    )
    praise = (
        "Right. One perceptron cannot decide exclusive or; one hidden unit is enough to make a "
        "machine that dreams of nothing else."
    )
    answer = ([[10, -10]], [-5, 5], [0])

    def examine(self, answer):
        wrong_if(
            not isinstance(answer, (tuple, list)) or len(answer) != 3,
            "Give three things in a tuple: the weight (1, 2), the visible bias, the hidden bias.",
        )
        if any(part is ... or part is None for part in answer):
            raise NotAttempted
        names = ("the weight", "the visible bias", "the hidden bias")
        shapes = ((1, 2), (2,), (1,))
        parts = [call_array(lambda part=part: part) for part in answer]
        for name, part, shape in zip(names, parts, shapes, strict=True):
            wrong_if(
                part.shape != shape,
                f"{name[0].upper()}{name[1:]} should have shape {shape}, got {part.shape}.",
            )
        weight, b, c = (part.astype(float) for part in parts)
        states = all_states(2)
        free = -states @ b - np.logaddexp(0, states @ weight.T + c).sum(axis=1)
        p = np.exp(-free + free.min())
        p /= p.sum()
        told = ", ".join(
            f"P({int(v[0])}, {int(v[1])}) = {odds:.2f}" for v, odds in zip(states, p, strict=True)
        )
        wrong_if(
            bool(p[1] < 0.45 or p[2] < 0.45),
            f"Your machine has {told}; (0, 1) and (1, 0) should have at least 0.45 each.",
        )


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
SIGN = "sign of contrastive divergence reversed"
NO_VISIBLE = "visible bias never updated"
NO_HIDDEN = "hidden bias never updated"
NOT_DRAWN = "negative phase passes probabilities on and draws no states"
FROM_NOISE = "negative phase starts from coin tosses, not from the data"
ZERO_START = "all weights start at zero"
DECAY = "weight decay far too strong"
FAULTS = (HEALTHY, SIGN, NO_VISIBLE, NO_HIDDEN, NOT_DRAWN, FROM_NOISE, ZERO_START, DECAY)

LOOK_EVERY = 200
STEPS = 3000


@dataclass(frozen=True)
class Patient:
    """What the clinic knows: two curves, one entry every 200 steps, and the machine at the end.

    `likelihood` is the exact mean log P(v) of the patterns; `error` the mean squared
    reconstruction error.
    """

    likelihood: np.ndarray
    error: np.ndarray
    machine: RBM


CLUES = {
    HEALTHY: "its likelihood rises as high as any, and no parameter stands still.",
    SIGN: "its likelihood is thousands below the others'. Which way does it walk?",
    NO_VISIBLE: "its curves look like a healthy machine's. Look at the sizes of its parameters.",
    NO_HIDDEN: "it learns half as much as it could. Which of its parameters is exactly zero?",
    NOT_DRAWN: "it reconstructs better than the healthy one, and its likelihood falls. What would "
    "make reconstructions too good?",
    FROM_NOISE: "its likelihood ends below that of a machine that has learned nothing. What does "
    "its negative phase compare the data with?",
    ZERO_START: "compare the weights of its hidden units with one another.",
    DECAY: "its hidden units differ, and its weights stay small. What pulls them back?",
}


class BugClinic(Clinic):
    """Eight trainings of one machine on bars and stripes; seven have a fault each."""

    hints = (
        "Look at the parameters first: an array of exact zeros has never been updated.",
        "Two machines learn next to nothing. In one of them the weights are small; in the other "
        "one all hidden units have the same weights. Which fault makes units alike?",
        "Two likelihoods fall while the reconstruction error goes down. One of them had been "
        "rising before: its reconstructions are the best of all. The other one hardly ever rose: "
        "it compares the data with fantasies that have nothing to do with them.",
    )
    praise = (
        "Right, all eight. The smallest reconstruction error of all belongs to a machine with a "
        "fault: look at the likelihood where you can, and at the parameters always."
    )
    answer = {  # noqa: RUF012
        "A": NOT_DRAWN,
        "B": DECAY,
        "C": NO_VISIBLE,
        "D": FROM_NOISE,
        "E": SIGN,
        "F": HEALTHY,
        "G": NO_HIDDEN,
        "H": ZERO_START,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Train a machine 16-10 with this fault on bars and stripes, all patterns in every step."""
    rng, v0 = np.random.default_rng(0), bars_and_stripes(4, dtype=np.float64).x_train
    rbm = RBM(16, 10, rng=rng, std=0 if fault == ZERO_START else 0.1, dtype=np.float64)
    likelihood, error = [], []
    for step in range(STEPS + 1):
        h0 = rbm.hidden_probabilities(v0)
        if step % LOOK_EVERY == 0:
            likelihood.append(log_likelihood(rbm, v0).mean())
            error.append(((rbm.visible_probabilities(h0) - v0) ** 2).mean())

        # Contrastive divergence as in `RBM.contrastive_divergence`, but for the fault.
        h = np.full_like(h0, 0.5) if fault == FROM_NOISE else h0
        draw = (lambda p, rng: p) if fault == NOT_DRAWN else bernoulli
        v1 = draw(rbm.visible_probabilities(draw(h, rng)), rng)
        h1 = rbm.hidden_probabilities(v1)
        rate = -0.1 if fault == SIGN else 0.1
        decay = 0.1 * rbm.weight if fault == DECAY else 0
        rbm.weight += rate * ((h0.T @ v0 - h1.T @ v1) / len(v0) - decay)
        if fault != NO_VISIBLE:
            rbm.visible_bias += rate * (v0 - v1).mean(axis=0)
        if fault != NO_HIDDEN:
            rbm.hidden_bias += rate * (h0 - h1).mean(axis=0)
    return Patient(np.array(likelihood), np.array(error), rbm)


# --- What the checks share ---------------------------------------------------------------------


def _machine(rng: np.random.Generator, visible: int, hidden: int) -> tuple[np.ndarray, ...]:
    return rng.normal(size=(hidden, visible)), rng.normal(size=visible), rng.normal(size=hidden)


def _bits(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 2, shape).astype(float)


def _free_energy_by_listing(v, weight, b, c):
    """-log Σₕ e^(-E), one term for each hidden state."""
    h = all_states(len(c))
    minus_energy = (v @ b)[:, None] + h @ c + v @ weight.T @ h.T
    return -np.logaddexp.reduce(minus_energy, axis=1)


def _log_z(weight, b, c):
    """log Z, one term for each of all states of both sides."""
    return np.logaddexp.reduce(-_free_energy_by_listing(all_states(len(b)), weight, b, c))


def _of_each_state(p: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The probability of each state where the units are independent, on with probability p."""
    return (p**states * (1 - p) ** (1 - states)).prod(axis=1)


energy = Energy("04/energy", "my_energy")
free_energy = FreeEnergy("04/free-energy", "my_free_energy")
gibbs_step = GibbsStep("04/gibbs-step", "my_gibbs_step")
cd_update = CDUpdate("04/cd-update", "my_cd_update")
log_partition = LogPartition("04/log-partition", "my_log_partition")
by_hand = ByHand("04/by-hand", "my_machine")
bug_clinic = BugClinic("04/bug-clinic", "diagnosis")
