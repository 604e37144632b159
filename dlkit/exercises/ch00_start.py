"""Exercises of chapter 00, to see how exercises work: one to look up, one to program."""

import itertools

import numpy as np

from dlkit.exercises.exercise import Exercise, Wrong, call_array, short, wrong_if


class Waiting(Exercise):
    """How many years lie between two events of the timeline?"""

    hints = (
        "The timeline has both events, in chapter 02. Click into the picture first: then Up and "
        "Down stay within a chapter.",
        'The thesis is the entry "Werbos", the paper is the entry "Backpropagation".',
        "Subtract the year of the thesis from 1986.",
    )
    praise = "Right: a thesis in 1974, a paper in Nature in 1986."
    answer = 12

    def examine(self, answer):
        if isinstance(answer, bool) or not isinstance(answer, int | float | np.number):
            raise Wrong(f"Expected a number of years, got {short(answer)}.")
        given = float(answer)
        wrong_if(given == -12, "The number is right but for its sign: later minus earlier.")
        wrong_if(given > 1900, f"{given:g} is a year. How many years lie between the two?")
        wrong_if(
            given == 17, "That counts from 1969, when Perceptrons appeared. The thesis came later."
        )
        wrong_if(given == 16, "That counts from Linnainmaa in 1970. Whose thesis was asked for?")
        wrong_if(abs(given - 12) == 1, "One off: subtract the two years, and count neither twice.")
        wrong_if(given != 12, f"{given:g} it is not. Read both years off the timeline.")


class Majority(Exercise):
    """One threshold neuron that fires when most of its three inputs do."""

    hints = (
        "All three inputs count alike. What is the sum of two ones, and of one?",
        "With three weights of 1, z = x @ weight + bias is the number of ones plus the bias.",
        "The bias must turn a sum of 2 above zero, and a sum of 1 not: anything from −2 to −1, "
        "without −2 itself.",
    )
    praise = "Right: three votes, one threshold, and no rule was written down for any case."

    def examine(self, answer):
        cases = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
        for x in (cases, cases[[5]], cases[[6, 3, 3, 0]]):  # also one input, and some twice
            given = call_array(answer, x)
            if given.shape == (len(x), 1):  # a column, as one neuron of a layer gives
                given = given[:, 0]
            wrong_if(
                given.shape != (len(x),),
                f"For {len(x)} inputs, one a row, {len(x)} answers are expected: shape "
                f"({len(x)},), got {given.shape}.",
            )
            right = x.sum(axis=1) >= 2
            if np.array_equal(given, right):
                continue
            row = int(np.argmax(given != right))
            ones = int(x[row].sum())
            raise Wrong(
                f"For x = {x[row].astype(int)}, {ones} of the 3 inputs "
                f"{'is' if ones == 1 else 'are'} 1, so the neuron should answer "
                f"{int(right[row])}, and yours answers {given[row]:.3g}. "
                f"{self._diagnosis(x, given)}".strip()
            )

    @staticmethod
    def _diagnosis(x, given) -> str:
        ones, right = x.sum(axis=1), x.sum(axis=1) >= 2
        if np.array_equal(given, ones >= 1):
            return "One input is enough for yours: that is OR. Lower the bias."
        if np.array_equal(given, ones == 3):
            return "Yours waits for all three: that is AND. Raise the bias a little."
        if np.array_equal(given, ~right):
            return "It fires just when it should be silent: turn the comparison round."
        if np.array_equal(given, np.where(right, 1, -1)):
            return "Silence is 0 here, not -1."
        if np.array_equal(given > 0, right):
            return "Is this z itself? 1 where it is more than 0, else 0, is asked for."
        return ""

    @staticmethod
    def answer(x):
        weight = np.array([1.0, 1.0, 1.0])
        bias = -1.5
        z = x @ weight + bias
        return (z > 0).astype(int)


waiting = Waiting("00/waiting", "years")
majority = Majority("00/majority", "majority")
