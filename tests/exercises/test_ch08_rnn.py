"""Chapter 08's exercises: the mistakes that learners make; the rest is in test_every_exercise."""

import numpy as np

from dlkit.exercises import ch08_rnn as ch08
from dlkit.models.dense import sigmoid, softmax

hebb, states, back_one = ch08.Hebb.answer, ch08.States.answer, ch08.BackOne.answer
cell, radius, bits = ch08.Cell.answer, ch08.Radius.answer, ch08.Bits.answer


def with_start(x, Wx, Wh, b):
    return np.concatenate([np.zeros((1, x.shape[1], len(b))), states(x, Wx, Wh, b)])


def figo(z, c):
    f, i, g, o = np.split(z, 4, axis=1)
    return cell(np.concatenate([i, f, g, o], axis=1), c)


def ifog(z, c):
    i, f, o, g = np.split(z, 4, axis=1)
    return cell(np.concatenate([i, f, g, o], axis=1), c)


def lstm(inner=np.tanh, outer=np.tanh, new=True, gate=sigmoid):
    """The cell with one thing changed."""

    def answer(z, c):
        i, f, g, o = np.split(z, 4, axis=1)
        fresh = gate(f) * c + gate(i) * inner(g)
        return gate(o) * outer(fresh if new else c), fresh

    return answer


def length(gradients):
    return np.sqrt(sum(np.sum(g**2) for g in gradients))


def cold(z, temperature):
    e = np.exp(z / temperature)
    return e / e.sum()


def diagnosis(**changes):
    return ch08.BugClinic.answer | changes


def without_curves(z, c):
    i, f, g, o = np.split(z, 4, axis=1)
    c = f * c + i * g
    return o * np.tanh(c), c


def by_the_sum_of_lengths(gradients, limit):
    length = sum(np.linalg.norm(g) for g in gradients)
    return [g * min(1, limit / length) for g in gradients]


def from_a_number(x, Wx, Wh, b):
    h = 0.0
    for step in x:
        h = np.tanh(step @ Wx.T + h @ Wh.T + b)
    return h


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("hebb", lambda p: p.T @ p / p.shape[1], "The diagonal should be 0"),
    ("hebb", lambda p: hebb(p) * p.shape[1], "divide by the number of units"),
    ("hebb", lambda p: hebb(p) * p.shape[1] / len(p), "by the number of patterns"),
    ("hebb", lambda p: p @ p.T, "turn the first"),
    ("hebb", lambda p: -hebb(p), "the sign is wrong"),
    ("hebb", lambda p: hebb(p[:1]), "the first pattern alone"),
    ("hebb", lambda p: np.fill_diagonal(p.T @ p, 0), "returned None"),
    ("states", with_start, "leave out the zeros before the first"),
    ("states", lambda x, Wx, Wh, b: states(x, Wx, Wh, b)[-1], "those of all steps"),
    ("states", lambda x, Wx, Wh, b: states(x, Wx, Wh, b).swapaxes(0, 1), "Steps come first"),
    ("states", lambda x, Wx, Wh, b: states(x, Wx, Wh.T, b), "turned the wrong way"),
    ("states", lambda x, Wx, Wh, b: states(x, Wx, 0 * Wh, b), "no state hears"),
    ("states", lambda x, Wx, Wh, b: states(x, Wx, Wh, 0 * b), "the bias is missing"),
    ("states", lambda x, Wx, Wh, b: states(x[::-1], Wx, Wh, b), "from the end"),
    ("states", lambda x, Wx, Wh, b: with_start(x, Wx, Wh, b)[:-1], "keep the one after it"),
    ("states", lambda x, Wx, Wh, b: x @ Wx, "raised ValueError"),
    ("back_one", lambda g, h, W: back_one(g, h, W.T), "the wrong way round"),
    ("back_one", lambda g, h, W: g @ W, "the slope of the tanh is missing"),
    ("back_one", lambda g, h, W: (g @ W) * (1 - h**2), "before the matrix"),
    ("back_one", lambda g, h, W: g * (1 - h**2), "one matrix further"),
    ("back_one", lambda g, h, W: (g * h * (1 - h)) @ W, "the slope of the sigmoid"),
    ("back_one", lambda g, h, W: back_one(g, np.tanh(h), W), "do not take the tanh again"),
    ("cell", lambda z, c: cell(z, c)[::-1], "c comes second"),
    ("cell", lambda z, c: cell(z, c)[0], "as a pair"),
    ("cell", figo, "the order of the gates is i, f, g, o"),
    ("cell", ifog, "yours is i, f, o, g"),
    ("cell", lstm(inner=sigmoid), "g is a tanh"),
    ("cell", lstm(outer=lambda a: a), "the tanh around the cell"),
    ("cell", lstm(new=False), "not from the old"),
    ("cell", lstm(gate=lambda a: a), "the gates need a sigmoid"),
    ("clip", lambda g, n: [a * min(1, n / np.linalg.norm(a)) for a in g], "by itself"),
    ("clip", lambda g, n: [np.clip(a, -n, n) for a in g], "which turns the direction"),
    ("clip", lambda g, n: g, "they come back as they were"),
    ("clip", lambda g, n: [a / length(g) for a in g], "multiply by the limit"),
    ("clip", lambda g, n: [a * n / length(g) ** 2 for a in g], "take the root"),
    ("clip", lambda g, n: [a * n / length(g) for a in g], "must stay as they are"),
    ("clip", lambda g, n: g[0], "a list of two arrays"),
    ("radius", lambda W, r: W * r, "without dividing"),
    ("radius", lambda W, r: radius(W, 1), "multiply by the one that is wanted"),
    ("radius", lambda W, r: W * r / np.linalg.norm(W, 2), "largest singular value"),
    ("radius", lambda W, r: W * r / np.linalg.eigvals(W).real.max(), "imaginary"),
    ("radius", lambda W, r: W * r / np.linalg.eigvals(W)[0], "has become complex"),
    ("radius", lambda W, r: W * r / np.abs(np.linalg.eigvalsh(W)).max(), "symmetric matrices"),
    ("radius", lambda W, r: W * r / np.abs(W).max(), "largest entry"),
    ("bits", lambda p, codes: -np.log2(p[:, codes]).mean(), "step t goes with"),
    ("bits", lambda p, c: bits(p, c) * np.log(2), "nats"),
    ("bits", lambda p, c: -bits(p, c), "the sign is wrong"),
    ("bits", lambda p, c: bits(p, c) * len(c), "that is the sum"),
    ("bits", lambda p, c: -np.log2(p[np.arange(len(c)), c]), "a number for each step"),
    ("bits", lambda p, c: -(p * np.log2(p)).sum(axis=1).mean(), "entropy of the predictions"),
    ("bits", lambda p, c: -np.log2(p[np.arange(len(c)), c].mean()), "after the logarithm"),
    ("bits", lambda p, c: -np.log2(p[:, c]).mean(), "it should be"),
    ("temperature", lambda z, t: softmax(z * t), "you multiplied"),
    ("temperature", lambda z, t: softmax(z), "makes no difference"),
    ("temperature", lambda z, t: np.exp(z / t), "do not add up"),
    ("temperature", lambda z, t: softmax(z) / t, "before the softmax"),
    ("temperature", lambda z, t: z / t, "it should be"),
    ("temperature", cold, "Subtract the largest z first"),
    ("bug_clinic", diagnosis(A=ch08.HEALTHY), "other answers the second time"),
    ("bug_clinic", diagnosis(B=ch08.ONE_STEP), "What does the cell keep"),
    ("bug_clinic", diagnosis(C=ch08.CARRIED), "nothing is off"),
    ("bug_clinic", diagnosis(D=ch08.HEALTHY), "not the right one"),
    ("bug_clinic", diagnosis(E=ch08.SHUT), "Which axis is which"),
    ("bug_clinic", diagnosis(F=ch08.WRONG_GATES), "Where is it cut"),
    ("bug_clinic", {"A": ch08.CARRIED}, "still to come: B, C, D, E, F"),
    ("bug_clinic", diagnosis(A="tired"), "not on the list"),
    ("hebb", lambda patterns: patterns.T @ patterns / len(patterns), "The diagonal should be 0"),
    ("cell", lambda z, c: without_curves(z, c), "need their curves"),
    ("clip", by_the_sum_of_lengths, "the lengths of the arrays do not add up"),
    ("radius", lambda W, r: W * r / abs(np.linalg.eigvals(W).max()), "take np.abs first"),
    ("bits", lambda p, codes: 0.5, "The mean number of bits is 0.5; it should be 2.738."),
    ("states", from_a_number, "begin with an array of zeros"),
]


def test_the_evidence_in_the_clinic_tells_the_patients_apart():
    patients = ch08.bug_clinic.patients()
    by_fault = {ch08.BugClinic.answer[letter]: patient for letter, patient in patients.items()}
    assert set(by_fault) == set(ch08.FAULTS)
    wrong = {fault for fault, patient in by_fault.items() if patient.gradient > 1e-5}
    assert wrong == {ch08.ONE_STEP, ch08.WRONG_GATES}
    assert {f for f, p in by_fault.items() if p.reach == 0} == {ch08.ONE_STEP}
    assert {f for f, p in by_fault.items() if p.reach < 1e-4} == {ch08.ONE_STEP, ch08.SHUT}
    assert {f for f, p in by_fault.items() if p.twice > 1e-9} == {ch08.CARRIED}
    assert {f for f, p in by_fault.items() if p.heard > 1e-9} == {ch08.SWAPPED}
    assert by_fault[ch08.SHUT].forget < 0.05


def test_a_healthy_program_learns_and_a_wrong_gradient_may_hide():
    right = {
        ch08.BugClinic.answer[letter]: patient.right
        for letter, patient in ch08.bug_clinic.patients().items()
    }
    assert right[ch08.HEALTHY] > 0.99
    assert right[ch08.WRONG_GATES] > 0.9
    assert max(right[ch08.SHUT], right[ch08.SWAPPED]) < 0.4
