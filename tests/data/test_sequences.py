"""The tasks are what their papers pose: targets recomputed another way, grammars walked by hand."""

import numpy as np
import pytest

from dlkit.data import sequences
from dlkit.data.sequences import REBER, adding, allowed_next, copying, is_word, mackey_glass


def test_adding_adds_the_two_marked_numbers():
    data = adding(200, 50, rng=3)
    assert data.x.shape == (50, 200, 2)
    assert data.x.dtype == data.y.dtype == np.float32
    for i in range(200):
        (marked,) = np.nonzero(data.x[:, i, 1])
        assert len(marked) == 2
        assert marked[0] < 25 <= marked[1]
        assert data.y[i, 0] == pytest.approx(data.x[marked, i, 0].sum(), abs=1e-6)
    assert data.mask.sum() == 200
    assert data.mask[-1].all()


def test_every_step_can_be_marked():
    marks = adding(2000, 5, rng=0).x[:, :, 1]
    assert (marks.sum(axis=1) > 100).all()
    assert set(marks.sum(axis=0)) == {2}


def test_who_always_says_one_has_an_error_of_a_sixth():
    """The variance of a sum of two uniform numbers: 2/12."""
    y = adding(50_000, 10, rng=0).y
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, abs=0.005)


def test_copying_says_the_message_again():
    data = copying(100, 7, rng=1, symbols=4, length=3)
    assert data.x.shape == (13, 100, 6)
    assert (data.x.sum(axis=2) == 1).all()
    shown = data.x.argmax(axis=2)
    np.testing.assert_array_equal(data.y[-3:], shown[:3])
    assert (shown[:3] < 4).all()
    assert (shown[9] == 5).all(), "the sign comes one step before the answer"
    assert (np.delete(shown, [0, 1, 2, 9], axis=0) == 4).all()
    assert (data.y[:-3] == 4).all()
    assert data.mask[-3:].all()
    assert not data.mask[:-3].any()
    assert data.symbols == ("A", "B", "C", "D", "nothing")


@pytest.mark.parametrize(
    ("word", "good"),
    [  # N. Schraudolph, F. Cummins, "Introduction to neural networks" (course notes): both columns
        ("BTSSXXTVVE", True),
        ("BPVVE", True),
        ("BTXXVPSE", True),
        ("BPVPXVPXVPXVVE", True),
        ("BTSXXVPSE", True),
        ("BTSSPXSE", False),
        ("BPTVVB", False),
        ("BTXXVVSE", False),
        ("BPVSPSE", False),
        ("BTSSSE", False),
        ("", False),
        ("B", False),
    ],
)
def test_words_of_the_grammar(word, good):
    assert is_word(word) == good
    for gate in "TP":
        assert is_word(f"B{gate}{word}{gate}E", embedded=True) == good
    assert not is_word(f"BT{word}PE", embedded=True)


@pytest.mark.parametrize("embedded", [False, True])
def test_every_word_thrown_is_one_and_every_step_is_said(embedded):
    make = sequences.embedded_reber if embedded else sequences.reber
    data = make(300, rng=0)
    assert all(is_word(word, embedded=embedded) for word in data.strings)
    assert len(set(data.strings)) > 50
    for i, word in enumerate(data.strings):
        steps = len(word) - 1
        assert data.lengths[i] == steps
        assert "".join(REBER[k] for k in data.x[:steps, i].argmax(axis=1)) == word[:-1]
        assert "".join(REBER[k] for k in data.y[:steps, i]) == word[1:]
        assert not data.x[steps:, i].any()
        assert data.mask[:, i].tolist() == [True] * steps + [False] * (len(data.x) - steps)
        allowed = allowed_next(word[:-1], embedded=embedded)
        for t in range(steps):
            assert "".join(np.array(list(REBER))[data.allowed[t, i]]) == "".join(
                sorted(allowed[t], key=REBER.index)
            )
    said = np.take_along_axis(data.allowed, data.y[:, :, None], axis=2)[:, :, 0]
    assert said[data.mask].all(), "what came was allowed"
    assert not data.allowed[~data.mask].any()


def test_the_gate_is_to_be_remembered():
    data = sequences.embedded_reber(100, rng=0)
    columns = np.arange(100)
    at_gate = data.y[data.lengths - 2, columns]
    assert (at_gate == data.x[1].argmax(axis=1)).all()
    assert (data.allowed[data.lengths - 2, columns].sum(axis=1) == 1).all()
    assert 25 < (at_gate == REBER.index("T")).sum() < 75


def test_coins_are_fair():
    words = sequences.reber(4000, rng=0).strings
    assert np.mean([word[1] == "T" for word in words]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([word == "BPVVE" for word in words]) == pytest.approx(1 / 8, abs=0.02)


def test_lengths_can_be_asked_for():
    lengths = [len(word) for word in sequences.embedded_reber(200, rng=0, shortest=25).strings]
    assert min(lengths) == 25
    lengths = [len(word) for word in sequences.reber(50, rng=0, longest=6).strings]
    assert set(lengths) <= {5, 6}


def test_what_may_follow_is_known_for_a_typed_word():
    assert allowed_next("") == []
    assert allowed_next("BP") == ["TP", "TV"]
    assert allowed_next("BPB") == ["TP", "TV", ""]
    assert allowed_next("BTBTXSETE", embedded=True)[-3:] == ["T", "E", ""]
    with pytest.raises(ValueError, match="word must hold the symbols BTPSXVE only, got 'Q'"):
        allowed_next("BPQ")


def test_mackey_glass_solves_its_equation():
    """The slope between two values is that of the equation, to the order of the difference."""
    x = mackey_glass(4000, rng=0, step=0.1)[:, 0, 0]
    now, then = x[170:], x[:-170]
    slope = (now[2:] - now[:-2]) / 0.2
    expected = 0.2 * then / (1 + then**10) - 0.1 * now
    np.testing.assert_allclose(slope, expected[1:-1], atol=2e-4)


def test_mackey_glass_agrees_with_a_solution_on_a_finer_grid():
    ours = sequences._solve(1.2, 1000, 170)
    finer = sequences._solve(1.2, 10_000, 1700, h=0.01)[9::10]
    np.testing.assert_allclose(ours, finer, atol=2e-4)


def test_mackey_glass_is_a_chaos_within_bounds():
    x = mackey_glass(3000, rng=0, n=2)
    assert x.shape == (3000, 2, 1)
    assert x.min() > 0.2
    assert x.max() < 1.5
    assert x.std() == pytest.approx(0.226, abs=0.01)
    assert np.abs(x[:, 0] - x[:, 1]).max() > 0.3, "another start, another series"
    slow = mackey_glass(300, rng=0, step=2)
    np.testing.assert_array_equal(slow[:, 0], mackey_glass(600, rng=0)[::2, 0])


def test_a_steady_state_stays():
    """x = 1 solves 0.2 x / (1 + x¹⁰) = 0.1 x; from there nothing moves."""
    np.testing.assert_allclose(sequences._solve(1.0, 500, 170), 1.0, atol=1e-12)


def test_mackey_glass_has_forgotten_how_it_started():
    first = mackey_glass(1, rng=0, n=40)[0, :, 0]
    assert np.ptp(first) > 0.5  # all of them were set to 1.1 … 1.3, 500 units of time before


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: adding(4, 6, rng=rng).x,
        lambda rng: copying(4, 3, rng=rng).x,
        lambda rng: sequences.reber(4, rng=rng).x,
        lambda rng: sequences.embedded_reber(4, rng=rng).x,
        lambda rng: mackey_glass(20, rng=rng),
    ],
)
def test_the_same_seed_gives_the_same_sequences(make):
    np.testing.assert_array_equal(make(1), make(np.random.default_rng(1)))
    first, second = make(1), make(2)
    assert first.shape != second.shape or (first != second).any()


def test_each_says_what_it_is():
    assert repr(adding(3, 50, rng=0)) == "adding problem: 3 sequences of 50 steps, 2 inputs a step"
    assert "8 to " in repr(sequences.embedded_reber(200, rng=0))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: adding(0, 5, rng=0), "n must"),
        (lambda: adding(3, 1, rng=0), "length must"),
        (lambda: adding(3, 5, rng=0, dtype=int), "dtype must"),
        (lambda: copying(3, 0, rng=0), "lag must"),
        (lambda: copying(3, 5, rng=0, symbols=1), "symbols must"),
        (lambda: sequences.reber(3, rng=0, shortest=9, longest=5), "longest must"),
        (
            lambda: sequences.reber(3, rng=0, shortest=1, longest=4),
            "choose lengths that the grammar makes",
        ),
        (lambda: mackey_glass(10, rng=0, tau=0.33), "multiples of 0.1"),
        (lambda: mackey_glass(0, rng=0), "length must"),
    ],
)
def test_bad_arguments(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_a_seed_is_a_whole_number():
    for make in (
        lambda rng: adding(2, 5, rng=rng),
        lambda rng: copying(2, 5, rng=rng),
        lambda rng: sequences.reber(2, rng=rng),
        lambda rng: sequences.embedded_reber(2, rng=rng),
        lambda rng: mackey_glass(5, rng=rng),
    ):
        for rng in ("a", -1, 1.5, None, np.random):
            with pytest.raises(ValueError, match="rng must be"):
                make(rng)
