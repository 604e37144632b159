"""Chapter 04's exercises: solutions pass, stubs are not attempted, mistakes are told apart."""

import numpy as np
import pytest

from dlkit.exercises import ch04_rbm as ch04
from dlkit.exercises.exercise import Exercise

EXERCISES = {name: value for name, value in vars(ch04).items() if isinstance(value, Exercise)}
FUNCTIONS = [name for name, value in EXERCISES.items() if callable(value.answer)]


def sigma(z):
    return 1 / (1 + np.exp(-z))


def energy(v, h, w, b, c, *, sign=(-1, -1, -1), half=1.0):
    return sign[0] * v @ b + sign[1] * h @ c + sign[2] * half * ((h @ w) * v).sum(axis=1)


def free_energy(v, w, b, c):
    return -v @ b - np.log(1 + np.exp(v @ w.T + c)).sum(axis=1)


def gibbs(v, w, b, c, rng, *, draw_h=None, draw_v=None, first=1.0, second=1.0):
    def draw(p):
        return (rng.random(p.shape) < p).astype(float)

    h = (draw_h or draw)(sigma(v @ w.T + first * c))
    return (draw_v or draw)(sigma(h @ w + second * b))


def turned(v, w, b, c, rng):
    def draw(p):
        return (rng.random(p.shape) > p).astype(float)

    return gibbs(v, w, b, c, rng, draw_h=draw, draw_v=draw)


def one_draw_for_all(v, w, b, c, rng):
    p = sigma(v @ w.T + c)
    h = (rng.random(p.shape[1]) < p).astype(float)
    p = sigma(h @ w + b)
    return (rng.random(p.shape[1]) < p).astype(float)


def update(v0, h0, v1, h1):
    n = len(v0)
    return (h0.T @ v0 - h1.T @ v1) / n, (v0 - v1).mean(axis=0), (h0 - h1).mean(axis=0)


def scaled(factor):
    return lambda *inputs: tuple(factor * part for part in update(*inputs))


def weight_only(weight):
    """The right biases' updates beside another one of the weight."""
    return lambda v0, h0, v1, h1: (weight(v0, h0, v1, h1), *update(v0, h0, v1, h1)[1:])


def states(n):
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)


def log_z(w, b, c, *, last=np.log):
    inner = np.log(1 + np.exp(states(len(c)) @ w + b)).sum(axis=1)
    return last(np.exp(states(len(c)) @ c + inner).sum())


def by_the_visible(w, b, c):
    v = states(len(b))  # far too many for 200 units
    return np.logaddexp.reduce(v @ b + np.logaddexp(0, v @ w.T + c).sum(axis=1))


def diagnosis(**changes):
    return ch04.BugClinic.answer | changes


def not_from_rng(v, w, b, c, rng):
    return gibbs(v, w, b, c, np.random.default_rng())


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("energy", lambda *i: -energy(*i), "all three terms have a minus"),
    ("energy", lambda *i: energy(*i, sign=(-1, -1, 1)), "sign of the weights' term"),
    ("energy", lambda *i: energy(*i, half=0.5), "without a ½"),
    ("energy", lambda *i: energy(*i, sign=(0, -1, -1)), "visible bias is missing"),
    ("energy", lambda *i: energy(*i, sign=(-1, 0, -1)), "hidden bias is missing"),
    ("energy", lambda *i: energy(*i, sign=(0, 0, -1)), "biases are missing"),
    ("energy", lambda v, h, w, b, c: -v @ b - h @ c - h @ w @ v.T, "every v with every h"),
    ("energy", lambda v, h, w, b, c: energy(v, h, w, b, c).sum(), "shape (5,)"),
    ("free_energy", free_energy, "does not fit into a float"),
    ("free_energy", lambda *i: -free_energy(*i), "minus the logarithm"),
    ("free_energy", lambda v, w, b, c: free_energy(v, w, 0 * b, c), "visible bias is missing"),
    ("free_energy", lambda v, w, b, c: free_energy(v, w, b, 0 * c), "hidden bias is missing"),
    ("free_energy", lambda v, w, b, c: -v @ b - (v @ w.T + c).sum(axis=1), "leaves out the 1"),
    ("free_energy", lambda *i: np.exp(-free_energy(*i)), "not yet its logarithm"),
    (
        "free_energy",
        lambda v, w, b, c: -v @ b - np.logaddexp(0, v @ w.T + c).sum(),
        "adds up all rows",
    ),
    (
        "free_energy",
        lambda v, w, b, c: -v @ b + np.logaddexp(0, v @ w.T + c).sum(axis=1),
        "hidden units' sum has the wrong sign",
    ),
    (
        "free_energy",
        lambda v, w, b, c: -v @ b - np.log(sigma(v @ w.T + c)).sum(axis=1),
        "product of probabilities",
    ),
    (
        "free_energy",
        lambda v, w, b, c: -v @ b - np.maximum(0, v @ w.T + c).sum(axis=1),
        "largest term only",
    ),
    ("gibbs_step", lambda *i: gibbs(*i, draw_h=lambda p: p), "h was not drawn"),
    ("gibbs_step", lambda *i: gibbs(*i, draw_v=lambda p: p), "probabilities, it seems"),
    ("gibbs_step", lambda *i: gibbs(*i, draw_h=np.round, draw_v=np.round), "nothing is drawn"),
    ("gibbs_step", lambda *i: gibbs(*i, draw_h=np.round), "rounded"),
    ("gibbs_step", lambda *i: gibbs(*i, draw_h=np.zeros_like), "drawn only once"),
    ("gibbs_step", lambda *i: gibbs(*i, first=0), "hidden bias is missing"),
    ("gibbs_step", lambda *i: gibbs(*i, second=0), "visible bias is missing"),
    ("gibbs_step", turned, "below its probability, not above"),
    ("gibbs_step", one_draw_for_all, "draw for each of them"),
    ("gibbs_step", lambda *i: gibbs(*i, second=2), "it should be"),
    ("cd_update", scaled(-1), "data minus fantasies"),
    ("cd_update", scaled(6), "mean over the batch"),
    ("cd_update", weight_only(lambda v0, h0, v1, h1: (v0.T @ h0 - v1.T @ h1) / 6), "transposed"),
    ("cd_update", weight_only(lambda v0, h0, v1, h1: h0.T @ v0 / 6), "fantasies are missing"),
    ("cd_update", weight_only(lambda v0, h0, v1, h1: (h0 - h1).T @ v0 / 6), "paired with v0"),
    ("cd_update", weight_only(lambda v0, h0, v1, h1: h0.T @ (v0 - v1) / 6), "paired with v1"),
    ("cd_update", lambda *i: update(*i)[0], "three arrays"),
    ("cd_update", lambda *i: (update(*i)[0], update(*i)[2], update(*i)[1]), "visible bias should"),
    (
        "cd_update",
        lambda *i: (update(*i)[0], -update(*i)[1], update(*i)[2]),
        "visible bias's update",
    ),
    ("log_partition", log_z, "overflows"),
    ("log_partition", lambda *i: log_z(*i, last=lambda z: z), "that is Z"),
    ("log_partition", lambda *i: -log_z(*i), "the sign is wrong"),
    ("log_partition", lambda w, b, c: log_z(w, b, 0 * c), "hidden bias is missing"),
    ("log_partition", lambda w, b, c: log_z(w, 0 * b, c), "visible bias is missing"),
    ("log_partition", lambda *i: log_z(*i) - 3 * np.log(2), "logarithm of the mean"),
    ("log_partition", by_the_visible, "200"),
    ("by_hand", ([[10, 10]], [-5, -5], [-10]), "P(0, 0) = 0.49"),
    ("by_hand", ([[0, 0]], [0, 0], [0]), "P(0, 1) = 0.25"),
    ("by_hand", ([[10, -10]], [-5, 5], [3]), "at least 0.45 each"),
    ("by_hand", ([10, -10], [-5, 5], [0]), "shape (1, 2)"),
    ("by_hand", ([[10, -10]], [-5, 5]), "three things"),
    ("bug_clinic", diagnosis(A=ch04.HEALTHY), "reconstructions too good"),
    ("bug_clinic", diagnosis(C=ch04.HEALTHY), "sizes of its parameters"),
    ("bug_clinic", diagnosis(H=ch04.DECAY), "with one another"),
    ("bug_clinic", diagnosis(A="no sampling"), "not on the list"),
    ("bug_clinic", {"Z": ch04.HEALTHY}, "no patient 'Z'"),
    ("bug_clinic", {"F": ch04.HEALTHY}, "still to come: A, B, C, D, E, G, H"),
    ("gibbs_step", not_from_rng, "with the same seed"),
    ("energy", lambda v, h, w, b, c: -(v @ b + h @ c + np.sum(h @ w * v)), "of all rows"),
]


@pytest.mark.parametrize("seed", range(5))
def test_gibbs_step_takes_any_order_of_random_numbers(seed):
    """The check looks at frequencies: a right answer passes whatever numbers it draws."""

    def answer(v, w, b, c, rng):
        return gibbs(v, w, b, c, np.random.default_rng([seed, rng.integers(1 << 30)]))

    assert ch04.gibbs_step.check(answer).kind == "right"


def test_exclusive_or_by_other_weights():
    assert ch04.by_hand.check(([[-12, 12]], [6, -6], [0])).kind == "right"


class TestBugClinic:
    """Each patient shows what its clue says."""

    @pytest.fixture(scope="class")
    @classmethod
    def patients(cls):
        found = ch04.bug_clinic.patients()
        return {fault: found[letter] for letter, fault in ch04.BugClinic.answer.items()}

    def test_everyone_has_another_fault(self):
        assert sorted(ch04.BugClinic.answer.values()) == sorted(ch04.FAULTS)

    def test_healthy_rises_as_high_as_any(self, patients):
        best = {fault: patient.likelihood.max() for fault, patient in patients.items()}
        assert best[ch04.HEALTHY] > -5.5
        others = set(ch04.FAULTS) - {ch04.HEALTHY, ch04.NO_VISIBLE}
        assert max(best[fault] for fault in others) < best[ch04.HEALTHY] - 1

    def test_reversed_sign_walks_away(self, patients):
        assert patients[ch04.SIGN].likelihood[-1] < -1000

    @pytest.mark.parametrize(
        ("fault", "name"),
        [(ch04.NO_VISIBLE, "visible_bias"), (ch04.NO_HIDDEN, "hidden_bias")],
        ids=["visible", "hidden"],
    )
    def test_only_this_bias_is_zero(self, patients, fault, name):
        for other, patient in patients.items():
            assert (np.abs(patient.machine.parameters[name]).max() == 0) == (other == fault)

    def test_without_visible_bias_the_curves_are_a_healthy_machine_s(self, patients):
        healthy, patient = patients[ch04.HEALTHY], patients[ch04.NO_VISIBLE]
        assert np.abs(healthy.likelihood - patient.likelihood).max() < 0.5

    def test_undrawn_states_reconstruct_best_and_fall(self, patients):
        patient = patients[ch04.NOT_DRAWN]
        assert patient.error[-1] == min(p.error[-1] for p in patients.values())
        assert patient.likelihood[-1] < patient.likelihood.max() - 1

    def test_from_noise_ends_below_the_start(self, patients):
        patient = patients[ch04.FROM_NOISE]
        assert patient.likelihood[-1] < patient.likelihood[0] - 5
        assert patient.error[-1] < 0.05

    def test_equal_units_and_small_weights_are_told_apart(self, patients):
        spread = {f: np.std(p.machine.weight, axis=0).mean() for f, p in patients.items()}
        size = {f: np.abs(p.machine.weight).mean() for f, p in patients.items()}
        assert spread[ch04.ZERO_START] < 0.1 * size[ch04.ZERO_START]
        assert spread[ch04.DECAY] > 0.5 * size[ch04.DECAY]
        assert size[ch04.DECAY] < 0.2 * size[ch04.HEALTHY]
        for fault in (ch04.ZERO_START, ch04.DECAY):
            assert patients[fault].likelihood.max() < -10
