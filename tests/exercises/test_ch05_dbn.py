"""Chapter 05's exercises: solutions pass, stubs are not attempted, mistakes are told apart."""

from itertools import pairwise

import numpy as np
import pytest

from dlkit.exercises import ch05_dbn as ch05
from dlkit.exercises.exercise import Exercise

EXERCISES = {name: value for name, value in vars(ch05).items() if isinstance(value, Exercise)}
FUNCTIONS = [name for name, value in EXERCISES.items() if callable(value.answer)]


def sigma(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def joint(cause_bias, effect_bias, weight):
    return ch05.ExplainingAway._joint(cause_bias, effect_bias, weight)


def posterior(cause_bias, effect_bias, weight):
    return ch05.ExplainingAway.answer(cause_bias, effect_bias, weight)


def as_if_independent(cause_bias, effect_bias, weight):
    p = posterior(cause_bias, effect_bias, weight)
    return np.outer(p.sum(axis=1), p.sum(axis=0))


def prior(cause_bias, effect_bias, weight):
    return np.outer(*(np.array([1 - p, p]) for p in sigma(cause_bias)))


def rbm_posterior(cause_bias, effect_bias, weight):
    return np.outer(*(np.array([1 - p, p]) for p in sigma(cause_bias + weight)))


def both(off, on):
    """One factor for each cause, off and on, multiplied case by case."""
    return np.outer(*(np.array(pair) for pair in zip(off, on, strict=True)))


def bayes(prior_of=lambda b: (1 - sigma(b), sigma(b)), effect_of=sigma, use_bias=True, swap=False):
    """The posterior with another prior of a bias or another probability of the effect."""

    def my_posterior(cause_bias, effect_bias, weight):
        z = np.add.outer(*([0, w] for w in (weight[::-1] if swap else weight)))
        together = both(*prior_of(cause_bias)) * effect_of(z + (effect_bias if use_bias else 0))
        return together / together.sum()

    return my_posterior


def softmax_of_products(*given):
    e = np.exp(joint(*given))
    return e / e.sum()


def up_with(below, top):
    def my_up(v, weights, biases):
        for k, (w, c) in enumerate(zip(weights, biases, strict=True)):
            v = (top if k == len(weights) - 1 else below)(v @ w.T + c)
        return v

    return my_up


def linear(z):
    return z


def relu(z):
    return np.maximum(z, 0)


def up_bias_outside(v, weights, biases):
    for w, c in zip(weights, biases, strict=True):
        v = sigma(v @ w.T) + c
    return v


def up_sampled_below():
    rng = np.random.default_rng(0)
    return up_with(lambda z: (rng.random(z.shape) < sigma(z)).astype(float), sigma)


def terms(log_joint, q):
    return np.where(q > 0, log_joint - np.log(np.where(q > 0, q, 1)), 0)


def entropy(q):
    return -(q * np.log(np.where(q > 0, q, 1))).sum()


def up_without_bias(v, weights, biases):
    for w in weights:
        v = sigma(v @ w.T)
    return v


def up_linear_top(v, weights, biases):
    v = ch05.Up.answer(v, weights[:-1], biases[:-1])
    return v @ weights[-1].T + biases[-1]


def up_sampled(v, weights, biases):
    rng = np.random.default_rng(0)
    for w, c in zip(weights, biases, strict=True):
        p = sigma(v @ w.T + c)
        v = (rng.random(p.shape) < p).astype(float)
    return v


def scores(features, weight, visible_bias, hidden_bias, labels):
    z = features @ weight[:, :-labels].T + hidden_bias
    columns = weight[:, -labels:].T
    return np.stack([np.logaddexp(0, z + w).sum(axis=1) for w in columns], axis=1)


def mean_field(features, weight, visible_bias, hidden_bias, labels):
    hidden = sigma(features @ weight[:, :-labels].T + hidden_bias)
    return softmax(hidden @ weight[:, -labels:] + visible_bias[-labels:])


def label_sigmoids(features, weight, visible_bias, hidden_bias, labels):
    hidden = sigma(features @ weight[:, :-labels].T + hidden_bias)
    return sigma(hidden @ weight[:, -labels:] + visible_bias[-labels:])


def overflowing(features, weight, visible_bias, hidden_bias, labels):
    z = features @ weight[:, :-labels].T + hidden_bias
    columns = weight[:, -labels:].T
    free = [np.log(1 + np.exp(z + w)).sum(axis=1) for w in columns]
    p = np.exp(np.stack(free, axis=1) + visible_bias[-labels:])
    return p / p.sum(axis=1, keepdims=True)


def clipped(features, weight, visible_bias, hidden_bias, labels):
    z = features @ weight[:, :-labels].T + hidden_bias
    columns = weight[:, -labels:].T
    free = [np.log(1 + np.exp(np.clip(z + w, -30, 30))).sum(axis=1) for w in columns]
    return softmax(np.stack(free, axis=1) + visible_bias[-labels:])


def there_and_back(v, weights, hidden_biases, visible_biases, *, down=True, up=True, last=True):
    for w, c in zip(weights, hidden_biases, strict=True):
        v = sigma(v @ w.T + (c if up else 0))
    for k in reversed(range(len(weights))):
        v = v @ weights[k] + (visible_biases[k] if down else 0)
        v = sigma(v) if k or last else v
    return v


def wrong_order(v, weights, hidden_biases, visible_biases):
    v = ch05.Up.answer(v, weights, hidden_biases)
    for w, b in zip(weights, visible_biases, strict=True):
        v = sigma(v @ w + b)
    return v


def diagnosis(**changes):
    return ch05.BugClinic.answer | changes


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("explaining_away", lambda *a: joint(*a), "divide by the sum"),
    ("explaining_away", prior, "it does not know of the effect yet"),
    ("explaining_away", lambda *a: joint(*a) / prior(*a), "also needs the prior"),
    (
        "explaining_away",
        lambda *a: joint(*a) / prior(*a) / (joint(*a) / prior(*a)).sum(),
        "multiply by the prior first",
    ),
    ("explaining_away", lambda *a: posterior(*a).T, "changed places"),
    ("explaining_away", lambda *a: posterior(*a)[::-1, ::-1], "index 0 means off"),
    ("explaining_away", as_if_independent, "product of the two marginals"),
    ("explaining_away", rbm_posterior, "that is an RBM's"),
    ("explaining_away", lambda *a: posterior(*a).ravel(), "shape (2, 2)"),
    ("explaining_away", bayes(lambda b: (0 * b + 0.5, sigma(b))), "not σ(0)"),
    ("explaining_away", bayes(lambda b: (0 * b + 1, sigma(b))), "a cause that is off counts too"),
    ("explaining_away", bayes(lambda b: (sigma(b), 1 - sigma(b))), "that a cause is on, not off"),
    ("explaining_away", bayes(lambda b: (1 - b, b)), "cause_bias is no probability yet"),
    ("explaining_away", bayes(effect_of=lambda z: z), "is the sigmoid of its input"),
    ("explaining_away", bayes(effect_of=lambda z: sigma(-z)), "given that the effect is off"),
    ("explaining_away", bayes(use_bias=False), "effect's bias is missing"),
    ("explaining_away", bayes(swap=True), "weight[0] belongs to h1"),
    (
        "explaining_away",
        lambda *a: joint(*a) / joint(*a).sum(axis=1, keepdims=True),
        "each of your rows adds up to 1",
    ),
    ("explaining_away", lambda *a: joint(*a) / joint(*a).sum(axis=0), "each of your columns"),
    ("explaining_away", softmax_of_products, "a softmax takes their exponentials"),
    ("up", up_without_bias, "hidden biases are missing"),
    ("up", up_linear_top, "last layer has no sigmoid"),
    ("up", up_sampled, "zeros and ones"),
    ("up", up_bias_outside, "belong inside the sigmoid"),
    ("up", up_with(linear, sigma), "only the last layer has a sigmoid"),
    ("up", up_with(linear, linear), "missing in every layer"),
    ("up", up_with(lambda z: sigma(-z), lambda z: sigma(-z)), "how likely a unit is off"),
    ("up", up_with(np.tanh, np.tanh), "way up of tanh units"),
    ("up", up_with(relu, relu), "way up of ReLUs"),
    ("up", up_with(relu, sigma), "the lower layers have ReLUs"),
    ("up", up_with(sigma, softmax), "the last layer has a softmax"),
    ("up", up_with(lambda z: (z > 0) * 1.0, sigma), "lower layers are rounded"),
    ("up", up_sampled_below(), "Pass the probabilities on, not samples"),
    ("up", lambda v, w, c: v @ w[0] + c[0], "one needs .T"),
    ("up", lambda v, w, c: sigma(v @ w[0].T + c[0]), "shape (6, 2)"),
    ("transpose", lambda w, b, c: (w, b, c), "its visible units are the three hidden ones"),
    ("transpose", lambda w, b, c: (w.T, b, c), "change places"),
    ("transpose", lambda w, b, c: (w.T, 0 * c, b), "take over the hidden bias"),
    ("transpose", lambda w, b, c: (w.T, c, 0 * b), "take over the visible bias"),
    ("transpose", lambda w, b, c: (-w.T, c, b), "the same for every h"),
    ("transpose", lambda w, b, c: w.T, "three arrays"),
    ("bound", lambda j, q: q @ j, "entropy of q is missing"),
    ("bound", lambda j, q: q @ j + np.nansum(q * np.log(q)), "wrong sign"),
    ("bound", lambda j, q: -np.nansum(q * np.log(q)), "entropy alone"),
    ("bound", lambda j, q: np.nansum(q * np.log(q)) - q @ j, "the sign is wrong"),
    ("bound", lambda j, q: np.logaddexp.reduce(j), "log p(v) itself"),
    ("bound", lambda j, q: q @ j - (q * np.log(q)).sum(), "0 · log 0 counts as 0"),
    ("bound", lambda j, q: np.logaddexp.reduce(j) - q @ terms(j, q), "below log p(v)"),
    ("bound", lambda j, q: -entropy(q), "that is Σ q log q"),
    ("bound", lambda j, q: np.log(q @ np.exp(j)), "the logarithm of an average"),
    ("bound", lambda j, q: terms(j, q).sum(), "the average is missing"),
    ("bound", lambda j, q: terms(j, q).mean(), "each h counts as much there"),
    ("bound", lambda j, q: np.exp(j) @ terms(j, q), "q weighs the terms"),
    ("bound", lambda j, q: q @ np.exp(j) + entropy(q), "log_joint is a logarithm already"),
    ("bound", lambda j, q: q @ j + entropy(q) / np.log(2), "entropy is in bits"),
    ("bound", lambda j, q: q * j, "shape ()"),
    ("label_probabilities", lambda f, w, b, c, k: softmax(scores(f, w, b, c, k)), "bias of the"),
    (
        "label_probabilities",
        lambda f, w, b, c, k: softmax(scores(f, w, b, 0 * c, k) + b[-k:]),
        "hidden biases are missing",
    ),
    ("label_probabilities", mean_field, "one step up and down"),
    ("label_probabilities", label_sigmoids, "exactly one label is on"),
    (
        "label_probabilities",
        lambda f, w, b, c, k: softmax(-scores(f, w, b, c, k) - b[-k:]),
        "lowest free energy",
    ),
    (
        "label_probabilities",
        lambda f, w, b, c, k: scores(f, w, b, c, k) + b[-k:],
        "not yet probabilities",
    ),
    ("label_probabilities", overflowing, "must not overflow"),
    ("label_probabilities", clipped, "With 400 times as large ones"),
    ("unroll", lambda *a: there_and_back(*a, down=False), "visible biases are missing"),
    ("unroll", lambda *a: there_and_back(*a, up=False), "hidden biases are missing"),
    ("unroll", lambda *a: there_and_back(*a, last=False), "pixels have no sigmoid"),
    ("unroll", lambda v, w, c, b: v, "picture itself"),
    ("unroll", wrong_order, "raised ValueError"),
    (
        "unroll",
        lambda v, w, c, b: there_and_back(v, w, c, [b[0], c[0], c[1]]),
        "not the hidden bias of the RBM below",
    ),
    ("count_multiplications", lambda s, n: sum(5 * a * b for a, b in pairwise(s)), "multiply by n"),
    (
        "count_multiplications",
        lambda s, n: sum(3 * n * a * b for a, b in pairwise(s)),
        "two more products",
    ),
    (
        "count_multiplications",
        lambda s, n: sum(2 * n * a * b for a, b in pairwise(s)),
        "not the three sweeps",
    ),
    ("count_multiplications", lambda s, n: sum(n * a * b for a, b in pairwise(s)), "makes five"),
    ("count_multiplications", lambda s, n: 5 * n * sum(s), "number of units"),
    ("count_multiplications", lambda s, n: 5 * n * np.prod(s), "only neighbours"),
    ("bug_clinic", diagnosis(A=ch05.HEALTHY), "Patient A is not healthy"),
    ("bug_clinic", diagnosis(E=ch05.RATE), "as if it had not"),
    ("bug_clinic", diagnosis(F="sleepy"), "not on the list"),
    ("bug_clinic", {"A": ch05.ORDER}, "still to come: B, C, D, E, F"),
    ("bug_clinic", {"Z": ch05.ORDER}, "no patient 'Z'"),
    ("bug_clinic", [ch05.ORDER], "Give a dict"),
]


class TestBugClinic:
    """Each patient shows what its clue says."""

    @pytest.fixture(scope="class")
    @classmethod
    def patients(cls):
        found = ch05.bug_clinic.patients()
        return {fault: found[letter] for letter, fault in ch05.BugClinic.answer.items()}

    def test_everyone_has_another_fault(self):
        assert sorted(ch05.BugClinic.answer.values()) == sorted(ch05.FAULTS)

    @pytest.mark.parametrize("fault", [ch05.NOT_HANDED_OVER, ch05.TRANSPOSED, ch05.RATE])
    def test_pretraining_is_as_in_the_healthy_net(self, patients, fault):
        healthy = patients[ch05.HEALTHY].reconstruction
        assert np.array_equal(patients[fault].reconstruction, healthy)

    def test_reversed_sign_makes_reconstructions_worse(self, patients):
        first, last = patients[ch05.SIGN].reconstruction[:, [0, -1]].T
        assert (last > first).all()
        assert (last > 10 * patients[ch05.HEALTHY].reconstruction[:, -1]).all()

    def test_an_untrained_first_layer_leaves_nothing_to_reconstruct(self, patients):
        odd, healthy = (patients[f].reconstruction for f in (ch05.ORDER, ch05.HEALTHY))
        assert odd[1, 0] < healthy[1].min()
        assert np.allclose(odd[0], healthy[0], rtol=0.2)

    def test_the_healthy_net_learns_best(self, patients):
        ends = {fault: patient.test_error[-1] for fault, patient in patients.items()}
        assert ends.pop(ch05.HEALTHY) < 0.2
        assert min(ends.values()) > 0.24

    def test_half_of_what_was_learned_helps_more_than_nothing(self, patients):
        curve = {fault: patient.test_error for fault, patient in patients.items()}
        half = curve[ch05.TRANSPOSED]
        assert half[10:].mean() < curve[ch05.NOT_HANDED_OVER][10:].mean() - 0.1
        assert half.mean() > curve[ch05.HEALTHY].mean() + 0.1

    def test_from_nothing_it_stays_at_chance_for_a_while(self, patients):
        assert patients[ch05.NOT_HANDED_OVER].test_error[:8].min() > 0.85

    def test_a_large_rate_never_learns(self, patients):
        # With rates from 8 to 20 and 8 roundings each it stays above 0.87; with 5 it ends anywhere
        # between 0.29 and 0.91, as the last digits of the first product have it.
        assert patients[ch05.RATE].test_error.min() > 0.85
        assert patients[ch05.NOT_HANDED_OVER].test_error[-1] < 0.7  # from nothing it gets further
