"""Chapter 03's exercises: solutions pass, stubs are not attempted, mistakes are told apart."""

import math

import numpy as np
import pytest

from dlkit.exercises import ch03_vanishing_gradients as ch03
from dlkit.exercises.exercise import Exercise

EXERCISES = {name: value for name, value in vars(ch03).items() if isinstance(value, Exercise)}
FUNCTIONS = [name for name, value in EXERCISES.items() if callable(value.answer)]


def normalise(z, gamma, beta, eps, *, axis=0, ddof=0):
    variance = z.var(axis=axis, ddof=ddof, keepdims=True)
    return gamma * (z - z.mean(axis=axis, keepdims=True)) / np.sqrt(variance + eps) + beta


def by_counting(factor, share):
    layers, left = 0, 1.0
    while left >= share:
        left *= factor
        layers += 1
    return layers


def diagnosis(**changes):
    return ch03.BugClinic.answer | changes


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("factor", lambda n, v, s: n * v * np.mean(s**2), "take the root"),
    ("factor", lambda n, v, s: np.sqrt(n * v) * s.mean(), "not the square of the mean"),
    ("factor", lambda n, v, s: np.sqrt(n * v * s.mean()), "f′ enters squared"),
    ("factor", lambda n, v, s: np.sqrt(v * np.mean(s**2)), "n is missing"),
    ("factor", lambda n, v, s: np.sqrt(n * v * s.var()), "not their variance"),
    ("factor", lambda n, v, s: np.sqrt(n * v**2 * np.mean(s**2)), "a variance already"),
    ("factor", lambda n, v, s: np.sqrt(n * v * np.sum(s**2)), "not a sum"),
    ("factor", lambda n, v, s: np.sqrt(n * v * s**2), "shape ()"),
    ("layers_until", lambda f, s: math.log(s) / math.log(f), "no whole number"),
    ("layers_until", lambda f, s: math.floor(math.log(s) / math.log(f)), "not yet below"),
    ("layers_until", lambda f, s: math.ceil(math.log(s) / math.log(f)) + 1, "one too many"),
    ("layers_until", lambda f, s: math.floor(math.log(f) / math.log(s)) + 1, "the other way"),
    ("layers_until", lambda f, s: math.log(f) / math.log(s), "the other way"),
    ("layers_until", lambda f, s: round((1 - s) / (1 - f)), "not subtracted"),
    ("he_weights", lambda r, n, m: r.normal(0, np.sqrt(2 / n), (n, m)), "a weight is (out, in)"),
    ("he_weights", lambda r, n, m: r.normal(0, 2 / n, (m, n)), "the standard deviation"),
    ("he_weights", lambda r, n, m: r.normal(0, np.sqrt(2 / (n + m)), (m, n)), "Glorot"),
    ("he_weights", lambda r, n, m: r.normal(0, np.sqrt(2 / m), (m, n)), "not by its outputs"),
    ("he_weights", lambda r, n, m: r.normal(0, np.sqrt(1 / n), (m, n)), "half of the units"),
    (
        "he_weights",
        lambda r, n, m: r.uniform(-np.sqrt(2 / n), np.sqrt(2 / n), (m, n)),
        "a² / 3",
    ),
    ("he_weights", lambda r, n, m: r.normal(size=(m, n)), "a standard normal"),
    ("he_weights", lambda r, n, m: r.random((m, n)), "mean of the weights should be 0"),
    (
        "he_weights",
        lambda r, n, m: np.random.default_rng(0).normal(0, np.sqrt(2 / n), (m, n)),
        "from the rng that you are given",
    ),
    ("leaky_variance", lambda n, leak: 2 / (n * (1 + leak)), "enter squared"),
    ("leaky_variance", lambda n, leak: 2 / n, "leaves the leak out"),
    ("leaky_variance", lambda n, leak: 2 / (n * (1 + leak) ** 2), "square each slope first"),
    ("leaky_variance", lambda n, leak: 2 / n * (1 + leak**2), "below the line"),
    ("leaky_variance", lambda n, leak: 1 / n, "slope 1 everywhere"),
    ("leaky_variance", lambda n, leak: np.sqrt(2 / (n * (1 + leak**2))), "standard deviation"),
    ("leaky_variance", lambda n, leak: 1 / (n * (1 + leak**2)), "only half"),
    ("leaky_variance", lambda n, leak: (1 + leak**2) / 2, "1 / (n E[f′²])"),
    ("saturated", lambda a: np.mean(a < 0.0257), "near 1 are saturated too"),
    ("saturated", lambda a: np.mean(a > 0.9743), "near 0 are saturated too"),
    ("saturated", lambda a: np.mean((a < 0.0257) & (a > 0.9743)), "either end"),
    ("saturated", lambda a: np.sum(a * (1 - a) < 0.025), "divide by the number"),
    ("saturated", lambda a: 100 * np.mean(a * (1 - a) < 0.025), "percentage"),
    ("saturated", lambda a: np.mean(a * (1 - a) < 0.1), "0.025, not 0.1"),
    ("saturated", lambda a: np.mean(a * (1 - a) >= 0.025), "not saturated"),
    ("batch_norm", lambda z, g, b, e: normalise(z, g, b, e, axis=1), "layer normalisation"),
    ("batch_norm", lambda z, g, b, e: normalise(z, g, b, e, axis=None), "one for each unit"),
    ("batch_norm", lambda z, g, b, e: normalise(z, g, b, e, ddof=1), "not N − 1"),
    ("batch_norm", lambda z, g, b, e: g * (z - z.mean(0)) / (z.var(0) + e) + b, "the root"),
    ("batch_norm", lambda z, g, b, e: g * (z - z.mean(0)) / (z.std(0) + e) + b, "under the root"),
    ("batch_norm", lambda z, g, b, e: normalise(z, 1, 0, e), "γ and β are missing"),
    ("batch_norm", lambda z, g, b, e: normalise(z, g, 0, e), "β is missing"),
    ("batch_norm", lambda z, g, b, e: normalise(z, g, b, 0), "eps is missing"),
    ("batch_norm", lambda z, g, b, e: g * z / np.sqrt(z.var(0) + e) + b, "mean is not taken out"),
    ("batch_norm_backward", lambda d, g, z, s: d * g / s, "as if they did not hang on z"),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d * g - (d * g).mean(0)) / s,
        "the variance hangs on z too",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d * g - z * (d * g * z).mean(0)) / s,
        "the mean hangs on z too",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d - d.mean(0) - z * (d * z).mean(0)) / s,
        "γ is missing",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d - (d * g).mean(0) - z * (d * g * z).mean(0)) / s,
        "γ is missing in the first term",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d * g - (d * g).mean(0) - (d * g * z).mean(0)) / s,
        "z_hat times the mean",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d * g - (d * g).mean() - z * (d * g * z).mean()) / s,
        "for each unit by itself",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d * g - (d * g).mean(0) - z * (d * g * z).mean(0)) / s**2,
        "divide by σ once",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: d * g - (d * g).mean(0) - z * (d * g * z).mean(0),
        "division by σ",
    ),
    (
        "batch_norm_backward",
        lambda d, g, z, s: (d * g - (d * g).sum(0) - z * (d * g * z).sum(0)) / s,
        "means are needed",
    ),
    ("residual_backward", lambda g, back: back(g), "the way round is missing"),
    ("residual_backward", lambda g, back: g, "the body is missing"),
    ("residual_backward", lambda g, back: g * back(g), "do not multiply"),
    ("residual_backward", lambda g, back: (g + back(g)) / 2, "nothing is halved"),
    ("residual_backward", lambda g, back: g + 0 * back(g) + back(g), "2 times"),
    ("bug_clinic", diagnosis(A=ch03.NO_SLOPE), "Which one?"),
    ("bug_clinic", diagnosis(B=ch03.SMALL), "Which activation does that?"),
    ("bug_clinic", diagnosis(C=ch03.HEALTHY), "What does its loss do"),
    ("bug_clinic", diagnosis(D=ch03.LARGE), "in one direction only"),
    ("bug_clinic", diagnosis(A="too large"), "not on the list"),
    ("bug_clinic", {"Z": ch03.HEALTHY}, "no patient 'Z'"),
    ("bug_clinic", {"F": ch03.HEALTHY}, "still to come: A, B, C, D, E, G"),
    ("layers_until", lambda f, s: round(math.log(s) / math.log(f)), "not yet below"),
    ("layers_until", lambda f, s: math.ceil(math.log(s) / math.log(f)), "not yet below"),
    (
        "saturated",
        lambda a: np.mean(a * (1 - a) < (a * (1 - a)).max() / 10),
        "the steepest that a sigmoid can have",
    ),
    (
        "he_weights",
        lambda r, n, m: np.random.default_rng().normal(0, np.sqrt(2 / n), (m, n)),
        "with the same seed",
    ),
]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("layers_until", by_counting),
        ("he_weights", lambda r, n, m: np.sqrt(2 / n) * r.standard_normal((m, n))),
        (
            "he_weights",
            lambda r, n, m: r.uniform(-np.sqrt(6 / n), np.sqrt(6 / n), (m, n)).astype(np.float32),
        ),
        ("saturated", lambda a: sum(v * (1 - v) < 0.025 for v in a.flat) / a.size),
        ("leaky_variance", lambda n, leak: 1 / (n * np.mean([1, leak**2]))),
        ("factor", lambda n, v, s: float(np.sqrt(n * v)) * np.linalg.norm(s) / np.sqrt(s.size)),
        ("residual_backward", lambda g, back: back(g) + g),
    ],
)
def test_other_right_answers_are_right(name, answer):
    assert EXERCISES[name].check(answer).kind == "right"


def test_the_praise_says_what_is_so():
    assert "at a factor of 0.24, ten layers leave less than a millionth" in ch03.layers_until.praise
    assert by_counting(0.24, 1e-6) == 10


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.41, 0.7, 0.9])
@pytest.mark.parametrize("layers", [1, 2, 3, 5, 9])
def test_a_share_that_is_left_exactly_is_not_below(factor, layers):
    """log(0.81) / log(0.9) comes as 1.9999999999999998: the solution found 2 layers, not 3."""
    share = float(f"{factor**layers:.15g}")  # as one writes it: 0.001, not 0.0010000000000000002
    assert ch03.LayersUntil.answer(factor, share) == layers + 1
    assert ch03.LayersUntil.answer(factor, share * 1.001) == layers


class TestBugClinic:
    """Each patient shows what its clue says."""

    @pytest.fixture(scope="class")
    @classmethod
    def patients(cls):
        found = ch03.bug_clinic.patients()
        return {fault: found[letter] for letter, fault in ch03.BugClinic.answer.items()}

    @staticmethod
    def factors(patient):
        steps = len(patient.forward) - 1
        return (
            (patient.forward[-1] / patient.forward[0]) ** (1 / steps),
            (patient.backward[0] / patient.backward[-1]) ** (1 / steps),
        )

    def test_everyone_has_another_fault(self):
        assert sorted(ch03.BugClinic.answer.values()) == sorted(ch03.FAULTS)

    @pytest.mark.parametrize(
        ("fault", "forward", "backward"),
        [
            (ch03.HEALTHY, 1, 1),
            (ch03.RATE, 1, 1),
            (ch03.LARGE, 2, 2),
            (ch03.WRONG_UNIT, 1, 0.32),
            (ch03.NO_SLOPE, 1, 2**0.5),
            (ch03.SMALL, 0.01 * 32**0.5, 0.01 * 32**0.5),
            (ch03.LOST_WAY, 1.7, 1),
        ],
    )
    def test_profiles_have_the_factor_that_names_the_fault(
        self, patients, fault, forward, backward
    ):
        assert self.factors(patients[fault]) == pytest.approx((forward, backward), rel=0.1)

    def test_only_health_learns(self, patients):
        last = {fault: patient.losses[-1] for fault, patient in patients.items()}
        assert last[ch03.HEALTHY] < 0.5
        for fault in set(ch03.FAULTS) - {ch03.HEALTHY}:
            assert not last[fault] < 2
        for fault in (ch03.SMALL, ch03.WRONG_UNIT):
            assert last[fault] == pytest.approx(np.log(10), abs=0.02)

    def test_health_and_a_large_rate_differ_in_the_losses_alone(self, patients):
        well, ill = patients[ch03.HEALTHY], patients[ch03.RATE]
        np.testing.assert_array_equal(well.forward, ill.forward)
        np.testing.assert_array_equal(well.backward, ill.backward)
        assert not np.allclose(well.losses, ill.losses)
