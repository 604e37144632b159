"""Chapter 06's exercises: solutions pass, stubs are not attempted, mistakes are told apart."""

import numpy as np
import pytest

from dlkit.exercises import ch06_dropout as ch06
from dlkit.exercises.exercise import Exercise

EXERCISES = {name: value for name, value in vars(ch06).items() if isinstance(value, Exercise)}
FUNCTIONS = [name for name, value in EXERCISES.items() if callable(value.answer)]


def drop(factor, kept=lambda u, p: u >= p, coins=np.shape):
    """Dropout as a learner might write it, with one thing changed."""

    def answer(x, p, rng):
        return x * kept(rng.random(coins(x)), p) * factor(p)

    return answer


def fair(p):
    return 1 / (1 - p)


def seeded_anew(x, p, rng):
    return x * (np.random.default_rng(0).random(x.shape) >= p) / (1 - p)


def drop_globally(x, p, rng):
    return x * (np.random.default_rng().random(x.shape) >= p) / (1 - p)


def shrink_in_place(w, amount):
    w -= np.clip(w, -amount, amount)
    return w


def stop_where_it_ends(losses, patience):
    best = 0
    for now, loss in enumerate(losses):
        if loss < losses[best]:
            best = now
        if now - best == patience:
            return now
    return best


def stop_with_ties(losses, patience):
    best = 0
    for now, loss in enumerate(losses):
        if loss <= losses[best]:
            best = now
        if now - best == patience:
            break
    return best


def diagnosis(**changes):
    return ch06.BugClinic.answer | changes


def norms(weight, axis=1):
    return np.linalg.norm(weight, axis=axis, keepdims=True)


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("drop_units", drop(lambda p: 1), "the mean falls from 3"),
    ("drop_units", drop(lambda p: 1 - p), "divide by 1 - p = 0.5"),
    ("drop_units", drop(lambda p: 1 / p), "divide by 1 - p = 0.8"),
    ("drop_units", drop(lambda p: 3.0), "yours grows by 3"),
    ("drop_units", lambda x, p, rng: (rng.random(x.shape) >= p) / (1 - p), "the mask alone"),
    ("drop_units", lambda x, p, rng: rng.random(x.shape) >= p, "the mask alone"),
    ("drop_units", drop(lambda p: 1 / p, kept=lambda u, p: u < p), "not the share that stays"),
    ("drop_units", drop(fair, coins=lambda x: (len(x), 1)), "Whole rows are dropped"),
    ("drop_units", drop(fair, coins=lambda x: x.shape[1]), "Whole columns are dropped"),
    ("drop_units", drop(fair, kept=lambda u, p: u * (u >= p)), "one and the same factor"),
    ("drop_units", drop(fair, kept=lambda u, p: u >= 0), "Nothing was dropped"),
    ("drop_units", drop(fair, kept=lambda u, p: u >= p / 2), "a share of 0.5 should be 0"),
    ("drop_units", lambda x, p, rng: x[0], "shape (200, 300)"),
    ("drop_units", seeded_anew, "do not seed a new one"),
    ("drop_units", drop_globally, "the rng that is passed in"),
    ("drop_backward", lambda g, k, p: g, "as if nothing had been dropped"),
    ("drop_backward", lambda g, k, p: g / (1 - p), "must hear nothing"),
    ("drop_backward", lambda g, k, p: g * k, "1 / (1 - p) of the forward pass is missing"),
    ("drop_backward", lambda g, k, p: g * k * (1 - p), "where forward divided"),
    ("drop_backward", lambda g, k, p: g * k / p, "divide by p"),
    ("drop_backward", lambda g, k, p: g * ~k / (1 - p), "wrong way round"),
    ("spread", lambda w, x, p: np.sqrt(p / (1 - p) * ((w * x) ** 2).sum()), "standard deviation"),
    ("spread", lambda w, x, p: p * (1 - p) * ((w * x) ** 2).sum(), "without the factor"),
    ("spread", lambda w, x, p: p / (1 - p) * (w @ x) ** 2, "not the other way round"),
    ("spread", lambda w, x, p: (1 - p) / p * ((w * x) ** 2).sum(), "wrong way round"),
    ("spread", lambda w, x, p: ((w * x) ** 2).sum() / (1 - p), "subtract the square of the mean"),
    ("spread", lambda w, x, p: w * x, "shape (4,)"),
    ("soft_threshold", lambda w, a: w - a * np.sign(w), "steps over 0"),
    ("soft_threshold", lambda w, a: np.maximum(w - a, 0), "negative weights"),
    ("soft_threshold", lambda w, a: np.where(np.abs(w) > a, w, 0), "these move, too"),
    ("soft_threshold", lambda w, a: w * (1 - a), "which is L2"),
    ("soft_threshold", lambda w, a: np.maximum(np.abs(w) - a, 0), "sign is lost"),
    ("soft_threshold", lambda w, a: np.sign(w) * np.maximum(np.abs(w) - 0.5, 0), "both arguments"),
    ("soft_threshold", shrink_in_place, "w itself has changed"),
    ("max_norm", lambda w, c: w * np.minimum(1, c / (norms(w)[:, 0] + 1e-15)), "keepdims=True"),
    ("max_norm", lambda w, c: w * c / norms(w), "0 / 0 is NaN"),
    ("max_norm", lambda w, c: w * c / np.maximum(norms(w), 1e-9), "have grown"),
    ("max_norm", lambda w, c: w * np.minimum(1, c / np.maximum(norms(w, 0), 1e-9)), "columns"),
    ("max_norm", lambda w, c: np.clip(w, -c, c), "length of the row"),
    ("max_norm", lambda w, c: w * min(1, c / np.linalg.norm(w)), "each row has its own"),
    ("geometric_mean", lambda p: p.mean(axis=0), "ordinary mean"),
    ("geometric_mean", lambda p: np.exp(np.log(p).mean(axis=0)), "divide each row"),
    ("geometric_mean", lambda p: np.log(p).mean(axis=0), "exponentiate it"),
    (
        "geometric_mean",
        lambda p: p.prod(axis=0) / p.prod(axis=0).sum(axis=1, keepdims=True),
        "not their sum",
    ),
    (
        "geometric_mean",
        lambda p: (
            p.prod(axis=0) ** (1 / len(p))
            / (p.prod(axis=0) ** (1 / len(p))).sum(axis=1, keepdims=True)
        ),
        "underflows",
    ),
    ("early_stopping", lambda losses, patience: int(np.argmin(losses)), "never came so far"),
    ("early_stopping", lambda losses, patience: min(losses), "That is a loss"),
    ("early_stopping", stop_where_it_ends, "where training stops"),
    ("early_stopping", stop_with_ties, "An equal loss is not lower"),
    (
        "early_stopping",
        lambda losses, patience: ch06.EarlyStopping.answer(losses, patience) + 1,
        "count passes from 0",
    ),
    ("bug_clinic", diagnosis(E=ch06.HEALTHY), "ask it the same thing twice"),
    ("bug_clinic", diagnosis(B=ch06.SWAPPED), "in use and in learning"),
    ("bug_clinic", diagnosis(A=ch06.ON_OUTPUT), "silent units"),
    ("bug_clinic", diagnosis(A="p too large"), "not on the list"),
    ("bug_clinic", {"Z": ch06.HEALTHY}, "no patient 'Z'"),
    ("bug_clinic", {"C": ch06.HEALTHY}, "still to come: A, B, D, E, F, G"),
    ("soft_threshold", lambda w, amount: np.where(np.abs(w) < amount, 0, w), "these move, too"),
    ("drop_backward", lambda grad_y, kept, p: grad_y / (1 - p), "it should be 0: the units"),
]


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, p, rng: np.where(rng.random(x.shape) < p, 0, x / (1 - p)),
        lambda x, p, rng: x * rng.binomial(1, 1 - p, x.shape) / (1 - p),
    ],
)
def test_other_ways_to_drop_units_are_right(answer):
    assert ch06.drop_units.check(answer).kind == "right"


class TestBugClinic:
    """Each patient shows what its clue says."""

    @pytest.fixture(scope="class")
    @classmethod
    def patients(cls):
        found = ch06.bug_clinic.patients()
        return {fault: found[letter] for letter, fault in ch06.BugClinic.answer.items()}

    def test_everyone_has_another_fault(self):
        assert sorted(ch06.BugClinic.answer.values()) == sorted(ch06.FAULTS)

    def test_one_alone_answers_twice_differently(self, patients):
        differ = {fault for fault, p in patients.items() if p.second != p.errors[-1]}
        assert differ == {ch06.LEFT_ON}

    def test_one_alone_has_a_wrong_gradient(self, patients):
        assert {fault for fault, p in patients.items() if p.gradient > 1e-6} == {ch06.NO_MASK}

    def test_activations_that_are_not_the_same_in_use(self, patients):
        off = {fault: p.swelling for fault, p in patients.items() if abs(p.swelling - 1) > 0.05}
        assert off.keys() == {ch06.NO_SCALE, ch06.ONE_MASK}
        assert off[ch06.NO_SCALE] == pytest.approx(1 / (1 - ch06.DROPPED), rel=0.02)

    def test_one_alone_has_too_many_silent_units(self, patients):
        silent = {fault: p.silent for fault, p in patients.items()}
        most = silent.pop(ch06.SWAPPED)
        assert most > max(silent.values()) + 0.05

    def test_training_losses(self, patients):
        last = {fault: p.losses[-1] for fault, p in patients.items()}
        assert min(last, key=last.get) == ch06.ONE_MASK
        assert last[ch06.ONE_MASK] < last[ch06.HEALTHY] / 5
        assert last[ch06.ON_OUTPUT] > 5 * last[ch06.HEALTHY]
        assert patients[ch06.ON_OUTPUT].errors[-1] < 6
        assert patients[ch06.HEALTHY].errors[-1] < 5
