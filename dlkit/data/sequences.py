"""Sequences with an answer: the tasks that recurrent networks were measured by.

Arrays are sequence first, as `torch.nn` has them: x is (T, N, D), step t of all N sequences is
`x[t]`. Sequences of different lengths are padded with zeros at the end, and `mask` is off there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import Rng, check_dtype, check_number, check_rng


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences of at most T steps, and what a network should answer.

    x:        (T, N, D) inputs, float32 unless another dtype was asked for.
    y:        the targets: (N, 1) one number or (N,) int64 one class for each sequence, or (T, N)
              int64 one class a step.
    mask:     (T, N) bool, the steps whose answer counts; never the padding.
    lengths:  (N,) int64, the steps of each sequence before its padding.
    symbols:  the names of the classes of `y`, empty where it is a number.
    strings:  the sequences as words, where they are such.
    allowed:  (T, N, D) bool, every symbol that a grammar allows next; None without a grammar.
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    symbols: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    allowed: np.ndarray | None = None
    name: str = "sequences"

    def __repr__(self) -> str:
        steps, n, inputs = self.x.shape
        shortest = self.lengths.min()
        span = f"{steps}" if shortest == steps else f"{shortest} to {steps}"
        return f"{self.name}: {n:,} sequences of {span} steps, {inputs} inputs a step"


def adding(n: int, length: int, *, rng: Rng, dtype: DTypeLike = np.float32) -> Sequences:
    """Add the two marked numbers: x (length, n, 2), y (n, 1).

    The first input is a number from 0 … 1 at every step. The second marks one step of the first
    half and one of the second half with a 1. The answer, due after the last step, is the sum of the
    two numbers. Who always says 1 has a mean squared error of 1/6. `mask` is on at the last step.

    S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997, experiment 4, whose numbers came
    from -1 … 1 and whose lengths varied by a tenth; with these numbers in Q. Le, N. Jaitly,
    G. Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015.
    """
    rng, n = _start(n, rng)
    length = int(check_number("length", length, low=2, whole=True))
    values, marks = rng.random((length, n)), np.zeros((length, n))
    columns = np.arange(n)
    marks[rng.integers(0, length // 2, n), columns] = 1
    marks[rng.integers(length // 2, length, n), columns] = 1
    kind = check_dtype(dtype)
    y = (values * marks).sum(axis=0)[:, None].astype(kind)
    mask = np.zeros((length, n), bool)
    mask[-1] = True
    x = np.stack([values, marks], axis=2).astype(kind)
    return Sequences(x, y, mask, np.full(n, length), name="adding problem")


def copying(
    n: int,
    lag: int,
    *,
    rng: Rng,
    symbols: int = 8,
    length: int = 5,
    dtype: DTypeLike = np.float32,
) -> Sequences:
    """Say `length` symbols again after a `lag`: x (lag + 2·length, n, symbols + 2), y (steps, n).

    First come `length` symbols, each one of `symbols`, then `lag` steps without any, the last of
    which gives the sign to begin, then `length` steps in which the symbols are to be said in their
    order. x is one-hot; its last two columns are "nothing" and the sign. The target is "nothing",
    class `symbols`, until the sign has come; `mask` is on in the last `length` steps.

    After S. Hochreiter, J. Schmidhuber, 1997, as M. Arjovsky, A. Shah, Y. Bengio, "Unitary
    evolution recurrent neural networks", 2016, pose it (with 10 of 8 symbols).
    """
    rng, n = _start(n, rng)
    lag = int(check_number("lag", lag, low=1, whole=True))
    symbols = int(check_number("symbols", symbols, low=2, high=26, whole=True))
    length = int(check_number("length", length, low=1, whole=True))
    nothing, sign, steps = symbols, symbols + 1, lag + 2 * length
    message = rng.integers(0, symbols, (length, n))
    shown = np.full((steps, n), nothing)
    shown[:length] = message
    shown[length + lag - 1] = sign
    y = np.full((steps, n), nothing)
    y[-length:] = message
    mask = np.zeros((steps, n), bool)
    mask[-length:] = True
    names = (*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:symbols], "nothing")
    x = np.eye(symbols + 2, dtype=check_dtype(dtype))[shown]
    return Sequences(x, y, mask, np.full(n, steps), names, name=f"copying over a lag of {lag}")


# A grammar ------------------------------------------------------------------------------------

REBER = "BTPSXVE"
"""The seven symbols of Reber's grammar: begin, five letters, end."""

_NEXT: tuple[dict[str, int], ...] = (  # from each state, by which symbol to which state
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
    {},
)
_LAST = len(_NEXT) - 1


def reber(
    n: int,
    *,
    rng: Rng,
    shortest: int = 5,
    longest: int = 100,
    dtype: DTypeLike = np.float32,
) -> Sequences:
    """Words of Reber's grammar, and which symbol comes next: x (T, n, 7), y (T, n).

    Where two symbols are allowed, a coin decides. x holds every symbol of a word but the last,
    one-hot in the order of `REBER`; y the symbol after it; `allowed` all that could have come.
    Words with fewer than `shortest` or more than `longest` symbols are thrown again.

    A. Reber, "Implicit learning of artificial grammars", 1967; for networks A. Cleeremans,
    D. Servan-Schreiber, J. McClelland, "Finite state automata and simple recurrent networks", 1989.
    """
    rng, n = _start(n, rng)
    strings = _words(n, rng, _word, shortest, longest)
    return _grammar(strings, False, dtype, "Reber grammar")


def embedded_reber(
    n: int,
    *,
    rng: Rng,
    shortest: int = 9,
    longest: int = 100,
    dtype: DTypeLike = np.float32,
) -> Sequences:
    """Words BT…TE and BP…PE with a word of Reber's grammar inside: x (T, n, 7), y (T, n).

    The last symbol but one is the second again, so it must be remembered through the word inside.
    Arrays as in `reber`; the step to judge a memory by is `lengths - 2`. `shortest` and `longest`
    count the symbols of the whole word.

    S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997, experiment 1.
    """
    rng, n = _start(n, rng)

    def word(rng: np.random.Generator) -> str:
        gate = "TP"[rng.integers(2)]
        return f"B{gate}{_word(rng)}{gate}E"

    strings = _words(n, rng, word, shortest, longest)
    return _grammar(strings, True, dtype, "embedded Reber grammar")


def allowed_next(word: str, *, embedded: bool = False) -> list[str]:
    """The symbols that may follow each symbol of `word`, as one string a step ("" after the end).

    From the first symbol on that is not allowed, every entry is "": nothing can follow.

    >>> allowed_next("BTXS")
    ['TP', 'SX', 'XS', 'E']
    """
    if wrong := set(word) - set(REBER):
        raise ValueError(f"word must hold the symbols {REBER} only, got {min(wrong)!r}")
    state, options, found = _begin(embedded), _options(_begin(embedded)), []
    for symbol in word:
        if symbol in options:
            state = options[symbol]
            options = _options(state)
        else:
            options = {}
        found.append("".join(options))
    return found


def is_word(word: str, *, embedded: bool = False) -> bool:
    """Whether the grammar makes `word`, from B to E."""
    state = _begin(embedded)
    for symbol in word:
        options = _options(state)
        if symbol not in options:
            return False
        state = options[symbol]
    return word != "" and not _options(state)


# A state is (place in the frame, place in the word inside, the gate to remember). Without a frame
# the place in it stays "inside".
_State = tuple[str, int, str]


def _begin(embedded: bool) -> _State:
    return ("before", 0, "") if embedded else ("inside", 0, "")


def _options(state: _State) -> dict[str, _State]:
    """The symbols allowed in this state and the states they lead to."""
    frame, place, gate = state
    if frame == "before":
        return {"B": ("gate", 0, "")}
    if frame == "gate":
        return {symbol: ("inside", 0, symbol) for symbol in "TP"}
    if frame == "inside" and place == _LAST and gate:
        return {gate: ("closing", _LAST, "")}
    if frame == "closing":
        return {"E": ("inside", _LAST, "")}
    return {symbol: ("inside", to, gate) for symbol, to in _NEXT[place].items()}


def _word(rng: np.random.Generator) -> str:
    state, word = 0, ""
    while _NEXT[state]:
        options = tuple(_NEXT[state])
        symbol = options[rng.integers(len(options))]
        word, state = word + symbol, _NEXT[state][symbol]
    return word


def _words(
    n: int,
    rng: np.random.Generator,
    word: Callable[[np.random.Generator], str],
    shortest: int,
    longest: int,
) -> list[str]:
    """n words of the wanted lengths; a `ValueError` where chance hardly ever throws one."""
    check_number("shortest", shortest, low=1, whole=True)
    check_number("longest", longest, low=shortest, whole=True)
    words, tries = [], 0
    while len(words) < n:
        one = word(rng)
        if shortest <= len(one) <= longest:
            words.append(one)
        tries += 1
        if tries >= 10_000 and len(words) < tries // 2_000:
            raise ValueError(
                f"shortest={shortest} and longest={longest} leave {len(words)} of {tries:,} words:"
                " choose lengths that the grammar makes more often"
            )
    return words


def _grammar(words: Sequence[str], embedded: bool, dtype: DTypeLike, name: str) -> Sequences:
    lengths = np.array([len(word) - 1 for word in words])
    steps, n = int(lengths.max()), len(words)
    x = np.zeros((steps, n, len(REBER)), check_dtype(dtype))
    y = np.zeros((steps, n), np.int64)
    allowed = np.zeros((steps, n, len(REBER)), bool)
    for i, word in enumerate(words):
        codes = [REBER.index(symbol) for symbol in word]
        x[np.arange(len(word) - 1), i, codes[:-1]] = 1
        y[: len(word) - 1, i] = codes[1:]
        for t, options in enumerate(allowed_next(word[:-1], embedded=embedded)):
            allowed[t, i, [REBER.index(symbol) for symbol in options]] = True
    mask = np.arange(steps)[:, None] < lengths
    return Sequences(x, y, mask, lengths, tuple(REBER), tuple(words), allowed, name)


# A chaotic series -----------------------------------------------------------------------------


def mackey_glass(
    length: int,
    *,
    rng: Rng,
    n: int = 1,
    tau: float = 17.0,
    step: float = 1.0,
    dtype: DTypeLike = np.float64,
) -> np.ndarray:
    """n series of the Mackey-Glass equation, (length, n, 1), one value every `step` of time.

    dx/dt = 0.2 x(t - τ) / (1 + x(t - τ)¹⁰) - 0.1 x(t), solved by Runge and Kutta's method of
    fourth order with 10 substeps for each unit of time. Chance sets the value before the start, in
    1.1 … 1.3; the first 500 units of time are thrown away. τ = 17 is mildly chaotic, 30 more so.

    M. Mackey, L. Glass, "Oscillation and chaos in physiological control systems", Science 1977.
    """
    rng, n = _start(n, rng)
    length = int(check_number("length", length, low=1, whole=True))
    check_number("tau", tau, low=0.1, high=1000)
    check_number("step", step, low=0.1, high=100)
    delay, every = round(tau * 10), round(step * 10)
    if abs(delay - tau * 10) > 1e-9 or abs(every - step * 10) > 1e-9:
        raise ValueError(f"tau and step must be multiples of 0.1, got {tau:g} and {step:g}")
    discarded = 5000
    starts = rng.uniform(1.1, 1.3, n)
    series = [_solve(start, discarded + length * every, delay) for start in starts]
    return np.stack(series, axis=1)[discarded::every, :, None].astype(check_dtype(dtype))


def _solve(start: float, steps: int, delay: int, h: float = 0.1) -> np.ndarray:
    """The solution at h, 2h, … steps·h; plain numbers, which are faster here than arrays."""
    x = [start] * (delay + 1)  # x[-1] is now, x[-1 - delay] is τ ago

    def slope(now: float, then: float) -> float:
        return 0.2 * then / (1 + then**10) - 0.1 * now

    for t in range(steps):
        # Half a substep later, τ ago lies half-way between two known values.
        now, then, after = x[-1], x[t], x[t + 1]
        half = (then + after) / 2
        k1 = slope(now, then)
        k2 = slope(now + h / 2 * k1, half)
        k3 = slope(now + h / 2 * k2, half)
        k4 = slope(now + h * k3, after)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[delay + 1 :])


def _start(n: int, rng: Rng) -> tuple[np.random.Generator, int]:
    """The generator, and n as a whole number."""
    n = int(check_number("n", n, low=1, whole=True))
    return check_rng("rng", rng), n
