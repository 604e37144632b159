"""Chapter 07's exercises: the mistakes that learners make; the rest is in test_every_exercise."""

import numpy as np

from dlkit.exercises import ch07_cnn as ch07


def scan(x, w):
    """A convolution in one line, right."""
    return np.tensordot(np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


def same_size(x, w):
    return scan(np.pad(x, len(w) // 2), w)


def rows(x, k):
    """The pixels of each place, right, as (H', W', k, k)."""
    return np.lib.stride_tricks.sliding_window_view(x, (k, k))


def windows(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2)


def wide(y):
    return y.repeat(2, axis=2).repeat(2, axis=3)


def overlapping(x):
    two = np.maximum(x[:, :, 1:], x[:, :, :-1])
    return np.maximum(two[..., 1:], two[..., :-1])


def field(own=False, start=1, last_only=False):
    """The receptive field with one thing changed."""

    def answer(kernels, strides):
        size, distance = start, 1
        for k, s in zip(kernels, strides, strict=True):
            distance = distance * s if own else distance
            size += (k - 1) * distance
            distance = s if last_only else distance if own else distance * s
        return size

    return answer


def winner(x):
    return x == wide(windows(x).max(axis=(3, 5)))


def diagnosis(**changes):
    return ch07.BugClinic.answer | changes


gradient = ch07.KernelGradient.answer

WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("map_size", lambda n, k, s, p: (n + p - k) // s + 1, "counts twice"),
    ("map_size", lambda n, k, s, p: (n + 2 * p - k) // s, "count the first place"),
    ("map_size", lambda n, k, s, p: (n + 2 * p - k) / s + 1, "no whole number"),
    ("map_size", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "round down"),
    ("map_size", lambda n, k, s, p: (n + 2 * p - k + 1) // s, "add the first place"),
    ("map_size", lambda n, k, s, p: (n - k) // s + 1, "padding is missing"),
    ("map_size", lambda n, k, s, p: n + 2 * p - k + 1, "stride is missing"),
    ("map_size", lambda n, k, s, p: (n + 2 * p) // s - k + 1, "before you divide"),
    ("map_size", lambda n, k, s, p: n, "lay the kernel on and count: 24"),
    ("map_size", lambda n, k, s, p: (n, n), "one number"),
    ("convolve", same_size, "the kernel must lie inside"),
    ("convolve", lambda x, w: scan(x, w[::-1, ::-1]), "turned by 180°"),
    ("convolve", lambda x, w: scan(x, w.T), "changed places"),
    ("convolve", lambda x, w: scan(x, w) / w.size, "the mean of the products"),
    ("convolve", lambda x, w: x[:-2, :-2] * w[0, 0], "expected is"),
    ("convolve", lambda x, w: x @ w, "raised ValueError"),
    ("convolve", lambda x, w: scan(x, w)[:-1, :-1], "A row and a column of places are missing"),
    ("convolve", lambda x, w: (w @ rows(x, len(w))).sum(axis=(2, 3)), "@ multiplies matrices"),
    ("columns", lambda x, k: rows(x, k).reshape(-1, k * k).T, "a row for each place"),
    (
        "columns",
        lambda x, k: rows(x, k).transpose(0, 1, 3, 2).reshape(-1, k * k),
        "take them row by row",
    ),
    (
        "columns",
        lambda x, k: rows(x, k).transpose(1, 0, 2, 3).reshape(-1, k * k),
        "the places come column by column",
    ),
    (
        "columns",
        lambda x, k: rows(x, k).transpose(2, 3, 0, 1).reshape(-1, k * k),
        "reshaping does not",
    ),
    ("columns", lambda x, k: rows(x, k), "shape (12, 4), got (3, 4, 2, 2)"),
    ("kernel_gradient", lambda x, g: gradient(x, g) / g.size, "the mean over the places"),
    ("kernel_gradient", lambda x, g: gradient(x, g)[::-1, ::-1], "turned by 180°"),
    ("kernel_gradient", lambda x, g: g[0, 0] * x[:3, :3], "of the first place alone"),
    ("kernel_gradient", lambda x, g: gradient(x, g).T, "changed places"),
    ("kernel_gradient", lambda x, g: -gradient(x, g), "the sign is turned round"),
    ("kernel_gradient", lambda x, g: g, "shape (3, 3), got (5, 4)"),
    ("max_pool", overlapping, "Your windows overlap"),
    ("max_pool", lambda x: np.maximum(x[:, ::2], x[:, 1::2])[..., ::2, :], "pool the last two"),
    ("max_pool", lambda x: windows(x).mean(axis=(3, 5)), "the mean of each window"),
    ("max_pool", lambda x: x[:, :, ::2, ::2], "the upper left pixel"),
    ("max_pool", lambda x: np.abs(windows(x)).max(axis=(3, 5)), "whatever its sign"),
    ("max_pool", lambda x: np.maximum(windows(x).max(axis=(3, 5)), 0), "have become 0"),
    ("max_pool", lambda x: x, "shape (2, 4, 3, 4), got (2, 4, 6, 8)"),
    ("pool_backward", lambda x, g: wide(g), "all four pixels get the blame"),
    ("pool_backward", lambda x, g: wide(g) / 4, "as for a mean"),
    ("pool_backward", lambda x, g: wide(g) * winner(x) * x, "multiplied by the pixel"),
    ("pool_backward", lambda x, g: wide(g) * ~winner(x), "the losers get the blame"),
    ("pool_backward", lambda x, g: winner(x).astype(float), "multiply by the blame"),
    ("pool_backward", lambda x, g: g, "shape (2, 3, 4, 6)"),
    ("parameters", lambda k, i, o: o * i * k * k, "the biases are missing"),
    ("parameters", lambda k, i, o: o * i * (k * k + 1), "not for each kernel"),
    ("parameters", lambda k, i, o: o * i * k * k + i, "not for each channel in"),
    ("parameters", lambda k, i, o: o * (k * k + 1), "for each channel below"),
    ("parameters", lambda k, i, o: o * (i * k + 1), "a kernel has k · k weights"),
    ("parameters", lambda k, i, o: o * i * k * k + 1, "more than one bias"),
    ("parameters", lambda k, i, o: 1000, "Conv2d(6, 16, 5) has 2,416"),
    ("receptive_field", field(own=True), "comes after its kernel"),
    ("receptive_field", lambda k, s: sum(k), "do not add up"),
    ("receptive_field", lambda k, s: 1 + sum(a - 1 for a in k), "strides are missing"),
    ("receptive_field", field(start=0), "begin with the 1 pixel"),
    ("receptive_field", field(last_only=True), "of all layers below"),
    ("receptive_field", lambda k, s: np.prod(k), "do not multiply"),
    ("receptive_field", lambda k, s: 99, "expected 3"),
    ("bug_clinic", diagnosis(A=ch07.HEALTHY), "spoilt on the way through the second"),
    ("bug_clinic", diagnosis(B=ch07.HEALTHY), "How large should a map"),
    ("bug_clinic", diagnosis(C=ch07.ONE_PLACE), "one picture alone"),
    ("bug_clinic", diagnosis(D=ch07.BLAMES_ALL), "all biases are right"),
    ("bug_clinic", diagnosis(E=ch07.MIXED), "nothing is off"),
    ("bug_clinic", diagnosis(F=ch07.NOT_TURNED), "What stands between it"),
    ("bug_clinic", {"A": ch07.NOT_TURNED}, "still to come: B, C, D, E, F"),
    ("bug_clinic", diagnosis(A="tired"), "not on the list"),
    (
        "receptive_field",
        lambda kernels, strides: (
            1 + sum((k - 1) * s for k, s in zip(kernels, strides, strict=True))
        ),
        "not its own, but the product of those below",
    ),
]


def test_the_evidence_in_the_clinic_tells_the_patients_apart():
    patients = ch07.bug_clinic.patients()
    by_fault = {ch07.BugClinic.answer[letter]: patient for letter, patient in patients.items()}
    assert set(by_fault) == set(ch07.FAULTS)

    def off(fault):
        gradients = by_fault[fault].gradients.items()
        return {name for name, difference in gradients if difference > 1e-3}

    assert off(ch07.HEALTHY) == off(ch07.PADDED_TWICE) == off(ch07.MIXED) == set()
    assert off(ch07.NOT_TURNED) == {"kernels 1", "biases 1"}
    assert off(ch07.ONE_PLACE) == {"kernels 1", "kernels 2"}
    assert off(ch07.BLAMES_ALL) == {"kernels 1", "biases 1", "kernels 2", "biases 2"}
    for patient in patients.values():
        assert all(d < 1e-6 or d > 1e-3 for d in patient.gradients.values())
    sizes = {fault: patient.first_map for fault, patient in by_fault.items()}
    assert sizes.pop(ch07.PADDED_TWICE) == (10, 10)
    assert set(sizes.values()) == {(8, 8)}
    company = {fault: patient.company for fault, patient in by_fault.items()}
    assert company.pop(ch07.MIXED) > 1e-3
    assert max(company.values()) < 1e-9


def test_a_healthy_net_learns_and_a_wrong_gradient_may_hide():
    by_fault = {
        ch07.BugClinic.answer[letter]: patient.errors[-1]
        for letter, patient in ch07.bug_clinic.patients().items()
    }
    assert by_fault[ch07.HEALTHY] < 6
    assert by_fault[ch07.NOT_TURNED] < by_fault[ch07.HEALTHY] + 2  # as the praise says
    assert by_fault[ch07.MIXED] > 80
