"""What every exercise promises, on a small one."""

import json
from typing import ClassVar

import numpy as np
import pytest

from dlkit.exercises.exercise import Exercise, Wrong, call, call_array, wrong_if


class Double(Exercise):
    hints = ("Think of adding.", "x + x")

    def examine(self, answer):
        x = np.array([1.0, -2.0, 3.0])
        y = call_array(answer, x, shape=(3,))
        wrong_if(np.allclose(y, x), "You returned x itself.")
        wrong_if(not np.allclose(y, 2 * x), f"For {x} expected {2 * x}, got {y}.")

    @staticmethod
    def answer(x):
        return x + x


class Seven(Exercise):
    praise = "7 is prime."
    answer = 7

    def examine(self, answer):
        if answer != 7:
            raise Wrong(f"{answer} it is not.")


class Unit(Exercise):
    """Its answer is several names of the notebook."""

    @staticmethod
    def answer():
        w = 3  # the weight
        b = 1
        return w, b


@pytest.fixture
def double(tmp_path, monkeypatch):
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "progress.json"))
    return Double("99/double")


def stub(x): ...


def stub_with_words(x):
    """Return twice x."""


def forgetful(x):
    x = x + x


def unfinished(x):
    raise NotImplementedError


def test_the_solution_passes(double):
    assert double.check(Double.answer).kind == "right"


@pytest.mark.parametrize("answer", [None, ..., stub, stub_with_words, unfinished])
def test_a_stub_is_not_attempted(double, answer):
    feedback = double.check(answer)
    assert feedback.kind == "not attempted"
    assert "Not attempted yet" in feedback.text


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x, "You returned x itself"),
        (lambda x: 3 * x, "expected [ 2. -4.  6.], got [ 3. -6.  9.]"),
        (lambda x: x[:2], "The result should have shape (3,), got (2,)"),
        (lambda x: "text", "Expected real numbers, got 'text'"),
        (lambda x: 1j * x, "Expected real numbers, got [ 0.+1.j"),
        (lambda x: [[1, 2], [3]], "Expected real numbers, got [[1, 2], [3]]"),
        (lambda x: x / 0, "NaN or infinity, for instance for [ 1. -2. 3.]."),
        (lambda: 3, "it raised TypeError"),
        (lambda x: x @ np.ones((2, 2)), "it raised ValueError"),
        (lambda x: np.ones((2, 4)) @ x, "last axis of a has 4 entries and the first of b has 3"),
        (lambda x: 2 * x if x > 0 else -2 * x, "need one True or False, and got a whole array"),
        (42, "Expected a function, got 42"),
        (forgetful, "Your function returned None"),
        (print, "Your function returned None"),
    ],
)
def test_a_wrong_answer_is_explained(double, answer, message):
    feedback = double.check(answer)
    assert feedback.kind == "wrong"
    assert message in feedback.text


class Callable:
    def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda x: forgetful, "Expected real numbers, got the function forgetful."),
        (lambda x: np.sin, "Expected real numbers, got the function sin."),
        (lambda x: lambda: x, "Expected real numbers, got a lambda."),
        (lambda x: (value for value in x), "Expected real numbers, got <generator object"),
        (lambda x: zip(x, x, strict=True), "Expected real numbers, got <zip object>."),
        (lambda x: Callable(), "Callable object>."),
        (object(), "Expected a function, got <object object>."),
    ],
)
def test_a_function_is_named_and_no_address_is_shown(double, value, message):
    text = double.check(value).text
    assert message in text
    assert " at 0x" not in text


def test_what_is_called_with_a_function_is_told_its_name():
    def body_backward(grad):
        return grad

    with pytest.raises(Wrong, match=r"^Called with the function body_backward, 2 it raised"):
        call(lambda f, x: f.shape, body_backward, 2)
    with pytest.raises(Wrong, match=r"^Called without any input it raised ZeroDivisionError"):
        call(lambda: 1 / 0)


def test_the_answer_cannot_spoil_the_checker(double):
    def spoiler(x):
        x *= 2
        return x

    assert double.check(spoiler).kind == "right"
    assert double.check(spoiler).kind == "right"


def test_a_strange_value_is_explained_not_raised(double):
    feedback = Seven("99/seven").check(np.ones((2, 2)))
    assert feedback.kind == "wrong"
    assert "could not be checked" in feedback.text
    assert "a value like int" in feedback.text


def test_hints_go_from_gentle_to_strong_and_stay(double):
    texts = [double.hint().text for _ in range(3)]
    assert texts == ["Hint 1 of 2: Think of adding.", "Hint 2 of 2: x + x", texts[1]]
    assert Seven("99/seven").hint().text == "This exercise has no hints."


def test_the_solution_is_code_or_a_value_with_its_reason(double):
    assert double.solution().text == "def answer(x):\n    return x + x"
    assert Seven("99/seven").solution().text == "answer = 7\n\n7 is prime."


def test_the_solution_bears_the_name_that_the_notebook_gives_the_answer():
    double = Double("99/double", "my_double")
    assert double.solution().code == "def my_double(x):\n    return x + x"
    assert Seven("99/seven", "years").solution().code == "years = 7"
    assert Unit("99/unit", "w, b").solution().code == "w = 3  # the weight\nb = 1"


def test_a_value_is_shown_as_one_writes_it():
    class Many(Exercise):
        answer: ClassVar = {"A": "it's", "B": (1, [-1 / 3, 0.25]), "C": {"b", "a"}, "D": (2,)}

    assert Many("99/many", "given").solution().code == (
        'given = {\n    "A": "it\'s",\n    "B": (1, [-1 / 3, 0.25]),\n    "C": {"a", "b"},\n'
        '    "D": (2,),\n}'
    )


def test_in_a_notebook_a_solution_is_code_and_its_reason_a_sentence():
    html = Seven("99/seven", "years").solution()._repr_html_()
    assert "<b>=</b> One right answer:<pre" in html
    assert html.index("years = 7</pre>") < html.index("7 is prime.")


def test_progress_is_written(double, tmp_path):
    double.check(lambda x: x)
    double.check(Double.answer)
    assert "99/double" in json.dumps(json.loads((tmp_path / "progress.json").read_text()))


def test_feedback_is_escaped_html(double):
    html = double.check(lambda x: x * 1j)._repr_html_()
    assert "role='status'" in html
    assert "<script" not in Double("x").check("<script>")._repr_html_()


def test_lists_of_arrays_are_copied_too(double):
    weights = [np.ones(2), np.zeros(3)]

    def spoiler(given):
        given[0][:] = 7
        given.reverse()
        return given

    call(spoiler, weights)
    assert [w.tolist() for w in weights] == [[1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (lambda x: x + np.ones((3, 2)).sum(axis=0), "together with shapes (3,) (2,)."),
        (lambda x: np.ones((3, 2)) / x, "makes of it a column (3, 1)."),
        (lambda x: 0.5 @ x, "begin with an array of zeros."),
        (lambda x: np.linalg.norm([x, 1]), "inhomogeneous part."),
    ],
)
def test_what_numpy_says_ends_in_one_full_stop(double, answer, ending):
    assert double.check(answer).text.endswith(ending)


def test_a_message_has_no_space_at_its_end(double):
    class Empty(Double):
        def examine(self, answer):
            raise Wrong("Too small. ")

    assert Empty("99/empty").check(1).text == "Not yet. Too small."


def test_where_no_input_is_named_none_is_announced():
    with pytest.raises(Wrong, match=r"^The result holds NaN or infinity\.$"):
        call_array(lambda: np.nan)
