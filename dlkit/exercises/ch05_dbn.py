"""Exercises of chapter 05: a deep belief net in pieces, checked by adding up every state.

The nets of the checks are so small that each probability is a sum that can be written out. Where
an answer is off, the message names the usual suspect: the bias of the other side, the transposed
matrix, the missing entropy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from dlkit.data import digits
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import Exercise, Wrong, call, call_array, wrong_if
from dlkit.models.dbn import DBN, LabelledRBM
from dlkit.models.dense import Sigmoid, mlp, sigmoid, softmax
from dlkit.models.initialisers import glorot_uniform
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.models.partition import all_states
from dlkit.models.rbm import RBM


class ExplainingAway(Exercise):
    """The posterior of two causes, given that their effect is seen."""

    hints = (
        "There are four cases (h1, h2). Write the probability of each case together with e = 1.",
        "Together: p(h1) p(h2) p(e = 1 | h1, h2), with p(h1 = 1) = σ(cause_bias[0]) and "
        "p(e = 1 | h1, h2) = σ(effect_bias + weight[0] h1 + weight[1] h2).",
        "Divide the four by their sum, which is p(e = 1): that is Bayes' rule.",
    )
    praise = "Right: four products, divided by their sum."

    def examine(self, answer):
        cases = (
            (np.array([-1.0, -2.0]), -1.5, np.array([3.0, 2.0])),
            (np.array([-10.0, -10.0]), -20.0, np.array([20.0, 20.0])),
            (np.array([0.5, -1.0]), 0.3, np.array([-2.0, 4.0])),
        )
        for cause_bias, effect_bias, weight in cases:
            got = call_array(answer, cause_bias, effect_bias, weight, shape=(2, 2))
            joint = self._joint(cause_bias, effect_bias, weight)
            expected = _scaled(joint)
            p = sigmoid(cause_bias)
            z = effect_bias + np.add.outer(*([0, w] for w in weight))
            prior, effect = _both(1 - p, p), sigmoid(z)
            energy = np.exp(np.add.outer(*([0, b] for b in cause_bias)) + z)
            _compare(
                "the posterior",
                got,
                expected,
                {
                    "that is p(h1, h2, e = 1), which adds up to p(e = 1): divide by the sum": joint,
                    "that is the prior: it does not know of the effect yet": prior,
                    "that is p(e = 1 | h1, h2): Bayes' rule also needs the prior": effect,
                    "that is p(e = 1 | h1, h2) divided by its sum: multiply by the prior "
                    "first": _scaled(effect),
                    "a cause that is off has probability 1 - σ(cause_bias), not σ(0)": _scaled(
                        _both(0.5, p) * effect
                    ),
                    "a cause that is off counts too: its factor is 1 - σ(cause_bias)": _scaled(
                        _both(1, p) * effect
                    ),
                    "σ(cause_bias) is the probability that a cause is on, not off": _scaled(
                        _both(p, 1 - p) * effect
                    ),
                    "cause_bias is no probability yet; σ(cause_bias) is": _scaled(
                        _both(1 - cause_bias, cause_bias) * effect
                    ),
                    "the effect's probability is the sigmoid of its input": _scaled(prior * z),
                    "the effect's bias is missing": _scaled(prior * sigmoid(z - effect_bias)),
                    "that is the posterior given that the effect is off": _scaled(
                        prior * (1 - effect)
                    ),
                    "the two weights have changed places: weight[0] belongs to h1": _scaled(
                        prior * effect.T
                    ),
                    "each of your rows adds up to 1, and the four together should": joint
                    / joint.sum(axis=1, keepdims=True),
                    "each of your columns adds up to 1, and the four together should": joint
                    / joint.sum(axis=0),
                    "divide the four products by their sum; a softmax takes their exponentials "
                    "first": _scaled(np.exp(joint)),
                    "the two causes have changed places: the first index is the first "
                    "cause": expected.T,
                    "the four cases stand in reverse: index 0 means off": expected[::-1, ::-1],
                    "it is the product of the two marginals, as if the causes were still "
                    "independent; given the effect they are not": np.outer(
                        expected.sum(axis=1), expected.sum(axis=0)
                    ),
                    "that is an RBM's e⁻ᴱ; here the causes come first, and the effect has a "
                    "sigmoid of its own": _scaled(energy),
                },
                f"For cause_bias = {_show(cause_bias)}, effect_bias = {effect_bias:g}, "
                f"weight = {_show(weight)}",
            )

    @staticmethod
    def _joint(cause_bias, effect_bias, weight):
        h = all_states(2)
        prior = np.where(h == 1, sigmoid(cause_bias), 1 - sigmoid(cause_bias)).prod(axis=1)
        return (prior * sigmoid(effect_bias + h @ weight)).reshape(2, 2)

    @staticmethod
    def answer(cause_bias, effect_bias, weight):
        def sigma(z):
            return 1 / (1 + np.exp(-z))

        joint = np.empty((2, 2))
        for h1 in (0, 1):
            for h2 in (0, 1):
                p1 = sigma(cause_bias[0]) if h1 else 1 - sigma(cause_bias[0])
                p2 = sigma(cause_bias[1]) if h2 else 1 - sigma(cause_bias[1])
                joint[h1, h2] = p1 * p2 * sigma(effect_bias + weight[0] * h1 + weight[1] * h2)
        return joint / joint.sum()


class Up(Exercise):
    """From the pixels to the uppermost layer."""

    hints = (
        "Each layer takes the probabilities of the layer below: a loop with one line in it.",
        "Each weight is (hidden, visible), and v is (N, visible): which of the two needs .T?",
        "v = σ(v @ weight.T + hidden_bias), for each pair of weight and bias.",
    )
    praise = "Right: the upward sweep of a deep belief net is the forward pass of a sigmoid net."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        weights, biases, _ = _stack((5, 4, 3, 2), rng)
        v = rng.random((6, 5))
        got = call_array(answer, v, weights, biases, shape=(6, 2))

        def swept(below=sigmoid, top=sigmoid, use_bias=True):
            a = v
            for w, c, activation in zip(weights, biases, (below, below, top), strict=True):
                a = activation(a @ w.T + (c if use_bias else 0))
            return a

        def linear(z):
            return z

        def turned(z):
            return sigmoid(-z)

        def relu(z):
            return np.maximum(z, 0)

        late = v  # each bias behind its sigmoid
        for w, c in zip(weights, biases, strict=True):
            late = sigmoid(late @ w.T) + c
        wrong_if(
            bool(np.isin(got, (0, 1)).all()) and not np.allclose(got, swept()),
            "You return zeros and ones. Pass the probabilities on: sampling (or rounding) on the "
            "way up throws away what the layer above could learn from.",
        )
        twice = call_array(answer, v, weights, biases, shape=(6, 2))
        wrong_if(
            not np.allclose(got, twice),
            "Called twice it gives two answers: no chance is needed on the way up. Pass the "
            "probabilities on, not samples.",
        )
        _compare(
            "the uppermost layer",
            got,
            swept(),
            {
                "the hidden biases are missing": swept(use_bias=False),
                "the hidden biases belong inside the sigmoid": late,
                "the last layer has no sigmoid": swept(top=linear),
                "only the last layer has a sigmoid: each needs one": swept(below=linear),
                "the sigmoid is missing in every layer": swept(linear, linear),
                "σ(z) is 1 / (1 + e⁻ᶻ); with e⁺ᶻ it says how likely a unit is off": swept(
                    turned, turned
                ),
                "that is the way up of tanh units; these are on with probability σ(z)": swept(
                    np.tanh, np.tanh
                ),
                "that is the way up of ReLUs; these units are on with probability σ(z)": swept(
                    relu, relu
                ),
                "the lower layers have ReLUs; all units are on with probability σ(z)": swept(relu),
                "the last layer has a softmax, but its units are on or off each by itself: "
                "a sigmoid": swept(top=softmax),
                "the lower layers are rounded: pass the probabilities on": swept(
                    lambda z: (z > 0).astype(float)
                ),
            },
        )

    @staticmethod
    def answer(v, weights, hidden_biases):
        for weight, bias in zip(weights, hidden_biases, strict=True):
            v = 1 / (1 + np.exp(-(v @ weight.T + bias)))
        return v


class Transpose(Exercise):
    """The next RBM, so that adding it changes nothing."""

    hints = (
        "The next RBM sees as *visible* what was *hidden* before: what does that say about the "
        "shapes?",
        "Both machines should have one and the same energy, read from the other side.",
        "Transpose the weight, and let the two biases change places.",
    )
    praise = "Right: the same machine seen from the other side, so p(h) is what it was."

    def examine(self, answer):
        rng = np.random.default_rng(1)
        weight, b, c = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
        result = call(answer, weight, b, c)
        wrong_if(
            not isinstance(result, (tuple, list)) or len(result) != 3,
            "Return three arrays: the weight, the visible bias and the hidden bias of the next "
            "RBM.",
        )
        w2 = _numbers("the weight", result[0])
        wrong_if(
            w2.shape == weight.shape,
            "The weight of the next RBM should have shape (hidden, visible) = (4, 3), got (3, 4): "
            "its visible units are the three hidden ones of before.",
        )
        wrong_if(w2.shape != (4, 3), f"The weight should have shape (4, 3), got {w2.shape}.")
        b2, c2 = _numbers("the visible bias", result[1]), _numbers("the hidden bias", result[2])
        wrong_if(
            b2.shape == (4,) and c2.shape == (3,),
            "The biases should change places: what was the hidden bias belongs to the visible "
            "units of the next RBM.",
        )
        wrong_if(b2.shape != (3,), f"The visible bias should have shape (3,), got {b2.shape}.")
        wrong_if(c2.shape != (4,), f"The hidden bias should have shape (4,), got {c2.shape}.")
        h = all_states(3)
        before = _normalised(h @ c + np.logaddexp(0, h @ weight + b).sum(axis=1))
        after = _normalised(h @ b2 + np.logaddexp(0, h @ w2.T + c2).sum(axis=1))
        off = int(np.abs(after - before).argmax())
        far = not np.allclose(after, before)
        state = ", ".join(f"{unit:.0f}" for unit in h[off])
        wrong_if(
            far and np.allclose(w2, weight.T) and not np.allclose(b2, c),
            f"The weight is right. With your visible bias p(h = ({state})) is {after[off]:.4f}, "
            f"and it was {before[off]:.4f}: take over the hidden bias, do not start at zero.",
        )
        wrong_if(
            far and np.allclose(w2, weight.T) and not np.allclose(c2, b),
            f"The weight is right. With your hidden bias p(h = ({state})) is {after[off]:.4f}, "
            f"and it was {before[off]:.4f}: take over the visible bias of before.",
        )
        wrong_if(
            far,
            f"p(h = ({state})) is {after[off]:.4f} in your next RBM, and it was {before[off]:.4f} "
            "in the one before. It should be the same for every h.",
        )

    @staticmethod
    def answer(weight, visible_bias, hidden_bias):
        return weight.T.copy(), hidden_bias.copy(), visible_bias.copy()


class Bound(Exercise):
    """The variational bound of one picture, with every h written out."""

    hints = (
        "The bound is an average under q: Σ q(h) times something.",
        "Something is log p(v, h) - log q(h). The second part is the entropy of q.",
        "Where q(h) = 0 the term is 0, but 0 · log 0 is NaN: use np.where, or leave these h out.",
    )
    praise = "Right: never above log p(v), and equal to it where q is the posterior."

    def examine(self, answer):
        rng = np.random.default_rng(2)
        for case in range(4):
            log_joint = np.log(_normalised(2 * rng.normal(size=8))) - 1.3
            log_p = float(np.logaddexp.reduce(log_joint))
            q = _normalised(rng.normal(size=8))
            if case == 2:
                q[:4] = 0
                q /= q.sum()
            if case == 3:  # the true posterior: here the bound touches log p(v)
                q = np.exp(log_joint - log_p)
            try:
                got = float(call_array(answer, log_joint, q, shape=()))
            except Wrong as wrong:
                zeros = "Half of this q is 0: there 0 · log 0 counts as 0, so leave these h out."
                raise Wrong(f"{wrong} {zeros}" if case == 2 else str(wrong)) from None
            on = q > 0
            average, entropy = float(q @ log_joint), float(-(q[on] * np.log(q[on])).sum())
            expected = average + entropy
            suspects = {
                "the entropy of q is missing: add -Σ q log q": average,
                "the entropy has the wrong sign: -Σ q log q is never negative, "
                "and is added": average - entropy,
                "that is the entropy alone: add Σ q log p(v, h)": entropy,
                "the sign is wrong: that is the cost, and the bound is minus the cost": -expected,
                "that is log p(v) itself, which nobody can compute for a large net: the bound "
                "uses q": log_p,
                "that is by how much the bound lies below log p(v): log p(v) minus the bound": log_p
                - expected,
                "that is Σ q log q, the entropy with the wrong sign, alone": -entropy,
                "that is the logarithm of an average, Σ q p(v, h), and the bound is an average of "
                "logarithms": float(np.log(q @ np.exp(log_joint))),
                "the average is missing: multiply each log p(v, h) - log q(h) by q(h)": float(
                    (log_joint[on] - np.log(q[on])).sum()
                ),
                "each h counts as much there: multiply log p(v, h) - log q(h) by q(h), and add "
                "up": float((log_joint[on] - np.log(q[on])).mean()),
                "q weighs the terms, not p(v, h)": float(
                    np.exp(log_joint[on]) @ (log_joint[on] - np.log(q[on]))
                ),
                "log_joint is a logarithm already": float(
                    q[on] @ (np.exp(log_joint[on]) - np.log(q[on]))
                ),
                "the entropy is in bits: take the natural logarithm": average
                + entropy / float(np.log(2)),
            }
            for text, wrong in suspects.items():
                wrong_if(
                    bool(np.isclose(got, wrong)) and not np.isclose(got, expected),
                    f"For log_joint = {_show(log_joint)} and q = {_show(q)} your bound is "
                    f"{got:.4f}, expected {expected:.4f}: {text}.",
                )
            wrong_if(
                got > log_p + 1e-9,
                f"Your bound is {got:.4f}, above log p(v) = {log_p:.4f}: it must never be.",
            )
            wrong_if(
                not np.isclose(got, expected),
                f"For log_joint = {_show(log_joint)} and q = {_show(q)} your bound is {got:.4f}, "
                f"expected {expected:.4f}.",
            )

    @staticmethod
    def answer(log_joint, q):
        on = q > 0
        return (q[on] * (log_joint[on] - np.log(q[on]))).sum()


class LabelProbabilities(Exercise):
    """Asking the top RBM for the label, exactly."""

    hints = (
        "p(label | features) is proportional to e⁻ᶠ of features and label together: compute the "
        "free energy once for each label.",
        "Label k adds weight[:, -labels + k] to the input of every hidden unit, and "
        "visible_bias[-labels + k] to -F.",
        "-F_k = visible_bias[-labels + k] + Σ_j log(1 + e^(z_j + weight[j, -labels + k])) with "
        "z = hidden_bias + features · weight[:, :-labels]. Then a softmax over k; "
        "np.logaddexp(0, z) is log(1 + e^z) without overflow.",
    )
    praise = "Right: one free energy a label, and the rest of Z cancels."

    def examine(self, answer):
        rng = np.random.default_rng(3)
        machine = LabelledRBM(4, 3, 5, rng=rng, std=1.5, dtype=np.float64)
        machine.visible_bias[:], machine.hidden_bias[:] = rng.normal(size=7), rng.normal(size=5)
        w, b, c = machine.weight, machine.visible_bias, machine.hidden_bias
        features = rng.random((6, 4))
        got = call_array(answer, features, w, b, c, 3, shape=(6, 3))
        z = features @ w[:, :4].T + c
        scores = np.stack([np.logaddexp(0, z + w[:, 4 + k]).sum(1) for k in range(3)], axis=1)
        hidden = sigmoid(z)
        _compare(
            "p(label | features)",
            got,
            softmax(scores + b[4:]),
            {
                "the bias of the label units is missing": softmax(scores),
                "the hidden biases are missing": softmax(
                    np.stack(
                        [np.logaddexp(0, z - c + w[:, 4 + k]).sum(1) for k in range(3)], axis=1
                    )
                    + b[4:]
                ),
                "that is one step up and down. It lets the hidden units decide before they "
                "know the label; the free energy adds up all their states": softmax(
                    hidden @ w[:, 4:] + b[4:]
                ),
                "that is one step up and down, without the bias of the label units; the free "
                "energy adds up all states of the hidden units": softmax(hidden @ w[:, 4:]),
                "each label is a sigmoid of its own there: exactly one label is on, so compare "
                "them by a softmax": sigmoid(hidden @ w[:, 4:] + b[4:]),
                "the sign is wrong: p is e⁻ᶠ, so the lowest free energy is the likeliest "
                "label": softmax(-scores - b[4:]),
                "those are -F, not yet probabilities: take the softmax over the labels": scores
                + b[4:],
            },
        )
        advice = (
            "log(1 + e^z) and the softmax must not overflow (np.logaddexp, and subtract the "
            "largest)"
        )
        try:
            far = call_array(answer, features, 400 * w, b, c, 3, shape=(6, 3))
        except Wrong as wrong:
            raise Wrong(
                f"The answer is right for small weights. With 400 times as large ones {advice}. "
                f"{wrong}"
            ) from None
        wrong_if(
            not np.allclose(far.sum(axis=1), 1),
            f"For weights 400 times as large your rows no longer add up to 1: {advice}.",
        )
        z = features @ (400 * w[:, :4]).T + c
        scores = [np.logaddexp(0, z + 400 * w[:, 4 + k]).sum(axis=1) for k in range(3)]
        far_off = np.abs(far - softmax(np.stack(scores, axis=1) + b[4:])).max(axis=1)
        wrong_if(
            far_off.max() > 1e-6,
            "The answer is right for small weights. With 400 times as large ones p(label | "
            f"features) is off by up to {far_off.max():.2g}: do not cut z off, {advice}.",
        )

    @staticmethod
    def answer(features, weight, visible_bias, hidden_bias, labels):
        z = features @ weight[:, :-labels].T + hidden_bias
        scores = np.empty((len(features), labels))
        for k in range(labels):
            column = weight[:, -labels + k]
            scores[:, k] = visible_bias[-labels + k] + np.logaddexp(0, z + column).sum(axis=1)
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


class Unroll(Exercise):
    """The deep autoencoder: up to the code and down again."""

    hints = (
        "Up is the loop of exercise 2. Down is the same loop over the RBMs in reverse.",
        "Down multiplies by weight, not by weight.T, and adds the visible bias.",
        "for weight, bias in zip(reversed(weights), reversed(visible_biases)): "
        "v = σ(v @ weight + bias)",
    )
    praise = "Right: each weight is used twice, and on the way back without the transpose."

    def examine(self, answer):
        rng = np.random.default_rng(4)
        weights, hidden_biases, visible_biases = _stack((6, 4, 4, 2), rng)
        v = rng.random((5, 6))
        got = call_array(answer, v, weights, hidden_biases, visible_biases, shape=v.shape)

        def there_and_back(down_bias=visible_biases, up_bias=hidden_biases, final=True):
            a = v
            for w, c in zip(weights, up_bias, strict=True):
                a = sigmoid(a @ w.T + c)
            for k in (2, 1, 0):
                a = a @ weights[k] + down_bias[k]
                a = sigmoid(a) if k or final else a
            return a

        none = [np.zeros_like(b) for b in visible_biases]
        shifted = [visible_biases[0], hidden_biases[0], hidden_biases[1]]
        _compare(
            "the reconstruction",
            got,
            there_and_back(),
            {
                "the visible biases are missing on the way down": there_and_back(none),
                "the hidden biases are missing on the way up": there_and_back(
                    up_bias=[np.zeros_like(c) for c in hidden_biases]
                ),
                "on the way down each layer has the visible bias of its own RBM, not the "
                "hidden bias of the RBM below": there_and_back(shifted),
                "the pixels have no sigmoid": there_and_back(final=False),
                "that is the picture itself: it has not been through the code": v,
            },
        )

    @staticmethod
    def answer(v, weights, hidden_biases, visible_biases):
        for weight, bias in zip(weights, hidden_biases, strict=True):
            v = 1 / (1 + np.exp(-(v @ weight.T + bias)))
        for weight, bias in zip(reversed(weights), reversed(visible_biases), strict=True):
            v = 1 / (1 + np.exp(-(v @ weight + bias)))
        return v


class CountMultiplications(Exercise):
    """What greedy training costs."""

    hints = (
        "CD-1 makes three sweeps (up, down, up) and two products for the gradient.",
        "Each of these five products costs n · visible · hidden multiplications.",
        "Add 5 · n · visible · hidden over the RBMs: zip(sizes, sizes[1:]) gives each one's two "
        "sizes.",
    )
    praise = "Right: five products an RBM. Another layer of the same width always costs the same."

    def examine(self, answer):
        for sizes, n in (((784, 500, 500), 100), ((6, 3), 10), ((784, 500, 500, 2000), 1)):
            got = float(call_array(answer, sizes, n, shape=()))
            connections = sum(a * b for a, b in pairwise(sizes))
            expected = 5 * n * connections
            suspects = {
                "that is for one picture: multiply by n": 5 * connections,
                "three sweeps are counted, but the gradient takes two more products": 3
                * n
                * connections,
                "the two products of the gradient are counted, but not the three sweeps": 2
                * n
                * connections,
                "count two products for the gradient: one of the data, one of the reconstruction": 4
                * n
                * connections,
                "handing the features on is a sixth product, and is not asked for here": 6
                * n
                * connections,
                "that is one product an RBM: CD-1 makes five": n * connections,
                "that multiplies the sizes of all layers; only neighbours are connected": 5
                * n
                * int(np.prod(sizes)),
                "that is the number of units; the products go over connections": 5 * n * sum(sizes),
            }
            for text, wrong in suspects.items():
                wrong_if(
                    got == wrong != expected,
                    f"For {sizes} and n = {n} you count {got:,.0f}: {text}.",
                )
            wrong_if(
                got != expected,
                f"For {sizes} and n = {n} you count {got:,.0f}, expected {expected:,}.",
            )

    @staticmethod
    def answer(sizes, n):
        return 5 * n * np.dot(sizes[:-1], sizes[1:])


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
SIGN = "sign of contrastive divergence reversed"
TRANSPOSED = "second weight handed over transposed"
ORDER = "second RBM trained before the first"
NOT_HANDED_OVER = "learned weights not handed over to the net"
RATE = "learning rate of fine-tuning far too large"
FAULTS = (HEALTHY, SIGN, ORDER, NOT_HANDED_OVER, TRANSPOSED, RATE)

SIZES, PASSES, LABELS, TUNING = (64, 48, 48), 30, 100, 20


class TurnsSign(RBM):
    """A seeded fault: away from the data."""

    def contrastive_divergence(self, v, rng, **settings):
        error = super().contrastive_divergence(v, rng, **settings)
        for gradient in self.gradients.values():
            gradient *= -1
        return error


@dataclass(frozen=True)
class Patient:
    """What the clinic knows of a training."""

    reconstruction: np.ndarray  # (2, passes): squared error a unit of each RBM, pass by pass
    test_error: np.ndarray  # (tuning passes + 1,): before fine-tuning, and after each pass of it


CLUES = {
    HEALTHY: "both RBMs reconstruct better and better, and the test error falls and stays low.",
    SIGN: "its reconstructions get worse from the first pass on. Which way does it walk?",
    TRANSPOSED: "it pretrains as well as any, and learns the labels later than the healthy net. "
    "Part of what it learned helps, and part does not.",
    ORDER: "its second RBM has next to nothing to reconstruct, from the start. What did it see?",
    NOT_HANDED_OVER: "it pretrains as well as any, and learns the labels as if it had not.",
    RATE: "it pretrains as well as any, and then does not learn the labels in any pass. A net that "
    "starts from nothing gets further. What keeps a good start from being used?",
}


class BugClinic(Clinic):
    """Six deep belief nets on the 8×8 digits; five have a fault each. Which is which?"""

    hints = (
        "Look at pretraining first. Where both curves fall as in a healthy net, the fault comes "
        "after it.",
        "An RBM that sees nothing but half-grey features reconstructs them without effort. When "
        "would the first RBM hand such features on?",
        "Among those that pretrain well one is healthy. Of the others, one starts to learn the "
        "labels from nothing, one never learns them, and one learns them late.",
    )
    praise = (
        "Right, all six. A low reconstruction error does not prove that an RBM has learned "
        "something, and good features do not help the net that never gets them."
    )
    answer = {  # noqa: RUF012
        "A": ORDER,
        "B": RATE,
        "C": HEALTHY,
        "D": SIGN,
        "E": NOT_HANDED_OVER,
        "F": TRANSPOSED,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Pretrain 64-48-48 on the 8×8 digits with this fault, then fine-tune on 100 labels."""
    split, rng = digits(), np.random.default_rng(0)
    dbn = DBN(SIZES, rng=rng)
    if fault == SIGN:
        dbn.rbms[:] = [TurnsSign(below, above, rng=rng) for below, above in pairwise(SIZES)]

    reconstruction = np.empty((2, PASSES))
    for layer in (1, 0) if fault == ORDER else (0, 1):
        rbm, seen = dbn.rbms[layer], dbn.inputs(split.x_train, layer)
        optimiser = SGD(rbm.parameters, 0.1, momentum=0.5)
        for k in range(PASSES):
            errors = []
            for batch in np.array_split(rng.permutation(len(seen)), len(seen) // 20):
                errors.append(rbm.contrastive_divergence(seen[batch], rng))
                optimiser.step(rbm.gradients)
            reconstruction[layer, k] = np.mean(errors)

    net = dbn.unroll(10, rng)
    if fault == NOT_HANDED_OVER:
        net = mlp((*SIZES, 10), Sigmoid, rng=rng, weight_init=glorot_uniform)
    if fault == TRANSPOSED:
        weight = net.parameters["2.weight"]
        weight[...] = weight.T.copy()  # 48×48: no shape complains
    loss = CrossEntropyLoss()
    optimiser = SGD(net.parameters, 10.0 if fault == RATE else 0.2, momentum=0.5)
    x, y = split.x_train[:LABELS], split.y_train[:LABELS]
    test_error = [np.mean(net(split.x_test).argmax(1) != split.y_test)]
    for _ in range(TUNING):
        for batch in np.array_split(rng.permutation(LABELS), LABELS // 10):
            loss(net(x[batch]), y[batch])
            net.backward_parameters(loss.backward())
            optimiser.step(net.gradients)
        test_error.append(np.mean(net(split.x_test).argmax(1) != split.y_test))
    return Patient(reconstruction, np.array(test_error))


# --- What the checks share ---------------------------------------------------------------------


def _stack(sizes: tuple[int, ...], rng: np.random.Generator) -> tuple[list, list, list]:
    """Random weights, hidden biases and visible biases of a stack of RBMs."""
    weights = [rng.normal(size=(above, below)) for below, above in pairwise(sizes)]
    hidden = [rng.normal(size=above) for above in sizes[1:]]
    visible = [rng.normal(size=below) for below in sizes[:-1]]
    return weights, hidden, visible


def _both(off: Any, on: np.ndarray) -> np.ndarray:
    """The factors of two causes, (2,) for each if off and if on, multiplied case by case (2, 2)."""
    return np.outer(*np.stack(np.broadcast_arrays(off, on), axis=1))


def _scaled(p: np.ndarray) -> np.ndarray:
    """Divided by their sum."""
    return p / p.sum()


def _normalised(z: np.ndarray) -> np.ndarray:
    """Probabilities in proportion to e^z."""
    return softmax(np.asarray(z, float))


def _numbers(name: str, value: Any) -> np.ndarray:
    """`value` as finite numbers, or `Wrong` with a sentence about `name`."""
    try:
        return call_array(lambda: value)
    except Wrong as wrong:
        raise Wrong(f"{name[0].upper()}{name[1:]}: {wrong}") from None


def _compare(
    name: str,
    got: np.ndarray,
    expected: np.ndarray,
    suspects: Mapping[str, np.ndarray],
    given: str = "",
) -> None:
    """Raise `Wrong` where `got` is not `expected`; a usual mistake that explains it is named."""
    if np.allclose(got, expected, rtol=1e-6, atol=1e-9):
        return
    place = np.unravel_index(np.abs(got - expected).argmax(), expected.shape)
    where = f"entry [{', '.join(map(str, place))}]"
    start = f"{given}: in {name}" if given else f"In {name}"
    seen = f"{start}, {where} is {got[place]:.4g}, expected {expected[place]:.4g}"
    for text, wrong in suspects.items():
        wrong_if(np.allclose(got, wrong, rtol=1e-6, atol=1e-12), f"{seen}: {text}.")
    raise Wrong(f"{seen}.")


def _show(values: Any) -> str:
    return np.array2string(np.asarray(values, dtype=float), precision=3, separator=", ")


explaining_away = ExplainingAway("05/explaining-away", "my_posterior")
up = Up("05/up", "my_up")
transpose = Transpose("05/transpose", "my_next_rbm")
bound = Bound("05/bound", "my_bound")
label_probabilities = LabelProbabilities("05/label-probabilities", "my_label_probabilities")
unroll = Unroll("05/unroll", "my_autoencoder")
count_multiplications = CountMultiplications("05/count-multiplications", "my_multiplications")
bug_clinic = BugClinic("05/bug-clinic", "diagnosis")
