"""Exercises of chapter 00, to see how exercises work: one to look up, one to program."""

import numpy as np

from dlkit.exercises.exercise import Exercise, Wrong, call_array, wrong_if


class Waiting(Exercise):
    """How many years lie between two events of the timeline?"""

    hints = (
        "The timeline has both events. Up and Down stay within a chapter: these two are in 02.",
        'The thesis is the entry "Werbos", the paper is the entry "Backpropagation".',
        "Subtract the year of the thesis from 1986.",
    )
    praise = "Right: a thesis in 1974, a paper in Nature in 1986."
    answer = 12

    def examine(self, answer):
        if isinstance(answer, bool) or not isinstance(answer, int | float | np.number):
            raise Wrong(f"Expected a number of years, got {answer!r}.")
        given = float(answer)
        wrong_if(given == -12, "The number is right but for its sign: later minus earlier.")
        wrong_if(given > 1900, f"{given:g} is a year. How many years lie between the two?")
        wrong_if(
            given == 17, "That counts from 1969, when Perceptrons appeared. The thesis came later."
        )
        wrong_if(given == 16, "That counts from Linnainmaa in 1970. Whose thesis was asked for?")
        wrong_if(abs(given - 12) == 1, "One off: subtract the two years, and count neither twice.")
        wrong_if(given != 12, f"{given:g} it is not. Read both years off the timeline.")


class Neuron(Exercise):
    """A layer of threshold neurons for a batch of inputs."""

    hints = (
        "First z = x Wᵀ + b: one row for each input, one column for each neuron.",
        "In NumPy: z = x @ weight.T + bias.",
        "z > 0 is True or False; (z > 0).astype(float) makes 1 and 0 of it.",
    )
    praise = "Right: this is the neuron of 1943, for a whole batch at once."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        cases = [
            (np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 1.0]]), np.array([-1.5])),
            (np.array([[1.0, 1.0]]), np.array([[1.0, 1.0]]), np.array([-2.0])),  # z = 0
            (rng.normal(size=(5, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)),
            (rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)),
        ]
        for x, weight, bias in cases:
            given = call_array(answer, x, weight, bias, shape=(len(x), len(weight)))
            z = x @ weight.T + bias
            if np.array_equal(given, z > 0):
                continue
            row, column = np.argwhere(given != (z > 0))[0]
            case = (
                f"For x = {x[row].round(2)}, weight = {weight[column].round(2)} and "
                f"bias = {bias[column]:.2f}, z is {z[row, column]:.2f}, so the neuron should "
                f"answer {int(z[row, column] > 0)}, and yours answers {given[row, column]:.3g}."
            )
            raise Wrong(f"{case} {self._diagnosis(x, weight, bias, given)}".strip())

    @staticmethod
    def _diagnosis(x, weight, bias, given) -> str:
        z = x @ weight.T + bias
        if np.allclose(given, z):
            return "You return z itself: 1 where it is more than 0, else 0, is asked for."
        if np.array_equal(given, z >= 0):
            return "At z = 0 exactly the neuron stays silent."
        if np.array_equal(given, x @ weight.T > 0):
            return "It looks as if the bias were left out."
        if np.array_equal(given, z < 0):
            return "It fires just when it should be silent: turn the comparison round."
        if np.array_equal(given, np.where(z > 0, 1, -1)):
            return "Silence is 0 here, not -1."
        if weight.shape[0] == weight.shape[1] and np.array_equal(given, x @ weight + bias > 0):
            return "The weights of one neuron are a row of W: x @ weight.T, not x @ weight."
        return ""

    @staticmethod
    def answer(x, weight, bias):
        z = x @ weight.T + bias
        return (z > 0).astype(float)


waiting = Waiting("00/waiting")
neuron = Neuron("00/neuron")
