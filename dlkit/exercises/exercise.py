"""What exercises share: check(answer), hint(), solution().

class Softmax(Exercise):
    hints = ("Exponentiate first.", "Then divide each row by its own sum.")

    def examine(self, answer):
        z = np.array([[0.0, 1.0], [2.0, 2.0]])
        p = call(answer, z)
        wrong_if(p.shape != z.shape, f"The shape should stay {z.shape}, got {p.shape}.")
        wrong_if(not np.allclose(p.sum(1), 1), f"Each row should add up to 1, got {p.sum(1)}.")

    @staticmethod
    def answer(z):
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)

softmax = Softmax("02/softmax", "my_softmax")
"""

import dis
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any

import numpy as np

from dlkit import progress

NOT_ATTEMPTED, RIGHT, WRONG = "not attempted", "right", "wrong"


class Wrong(Exception):
    """What is wrong with an answer, in the learner's terms, with an input where it fails."""


class NotAttempted(Exception):
    """The answer is still the untouched stub."""


@dataclass(frozen=True)
class Feedback:
    """What an exercise says; notebooks show it as a box, terminals as text."""

    kind: str
    text: str
    code: str = ""  # of a solution: what to put into the notebook's cell

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour, sign = {
            RIGHT: ("#009E73", "✓"),
            WRONG: ("#D55E00", "✗"),
            "hint": ("#0072B2", "?"),
            "solution": ("#0072B2", "="),
        }.get(self.kind, ("#999999", "…"))
        body = escape(self.text)
        if self.code:
            reason = escape(self.text.removeprefix(self.code).strip())
            body = f"One right answer:<pre style='margin:.3em 0'>{escape(self.code)}</pre>{reason}"
        return (
            f"<div role='status' style='border-left:4px solid {colour};padding:.3em .8em'>"
            f"<b>{sign}</b> {body}</div>"
        )


class Exercise:
    """One exercise. A subclass gives `hints`, `examine(answer)` and `answer`, the solution.

    `name` is "chapter/exercise", under which progress is recorded. `variable` is what the chapter's
    cell calls the answer, so that the solution can be copied there; several names: "W, b".
    """

    hints: tuple[str, ...] = ()
    praise = "Right."

    def __init__(self, name: str, variable: str = "answer"):
        self.name = name
        self.variable = variable
        self._hints_given = 0

    def examine(self, answer: Any) -> None:
        """Raise `Wrong` with a sentence if `answer` is not right; properties, on seeded inputs."""
        raise NotImplementedError

    def check(self, answer: Any = ...) -> Feedback:
        """Say whether `answer` is right, and if not, what is wrong with it. Never raises."""
        try:
            if answer is None or answer is ...:
                raise NotAttempted
            with np.errstate(all="ignore"):
                self.examine(answer)
            feedback = Feedback(RIGHT, self.praise)
        except NotAttempted:
            return Feedback(NOT_ATTEMPTED, "Not attempted yet: replace the ... by your answer.")
        except Wrong as wrong:
            feedback = Feedback(WRONG, f"Not yet. {wrong}".rstrip())
        except Exception as error:  # the checker must never fall over a strange answer
            feedback = Feedback(
                WRONG,
                f"Not yet. Your answer could not be checked: {type(error).__name__}: {error}. "
                f"Expected was {self.expects()}.",
            )
        progress.record(self.name, feedback.kind)
        return feedback

    def hint(self) -> Feedback:
        """The next hint, from gentle to strong; the last one stays."""
        if not self.hints:
            return Feedback("hint", "This exercise has no hints.")
        number = min(self._hints_given, len(self.hints) - 1)
        self._hints_given += 1
        return Feedback("hint", f"Hint {number + 1} of {len(self.hints)}: {self.hints[number]}")

    def solution(self) -> Feedback:
        """One right answer, to be copied into the chapter's cell, and of a value also why."""
        answer = inspect.getattr_static(self, "answer")
        if isinstance(answer, staticmethod):
            code = _source(answer.__func__, self.variable)
            return Feedback("solution", code, code)
        code = f"{self.variable} = {_as_code(answer)}"
        return Feedback("solution", f"{code}\n\n{self.praise}", code)

    def expects(self) -> str:
        """In words, what kind of answer is expected."""
        answer = inspect.getattr_static(self, "answer")
        if isinstance(answer, staticmethod):
            names = ", ".join(inspect.signature(answer.__func__).parameters)
            return f"a function of ({names})"
        return f"a value like {type(answer).__name__}"


def call(answer: Callable, *inputs: Any, copies: bool = True) -> Any:
    """Call the learner's function; explain an exception, a stub, or a non-function.

    It works on copies of arrays and of lists of them, unless the exercise looks at what it does to
    its inputs.
    """
    if not callable(answer):
        raise Wrong(f"Expected a function, got {short(answer)}.")
    given = [_copy(i) for i in inputs] if copies else inputs
    try:
        result = answer(*given)
    except NotImplementedError:
        raise NotAttempted from None
    except Exception as error:
        shown = f"with {', '.join(map(short, inputs))}" if inputs else "without any input"
        said = str(error).strip().rstrip(".")
        raised = f"Called {shown} it raised {type(error).__name__}: {said}."
        raise Wrong(f"{raised} {_plainly(error)}".strip()) from None
    if result is ... or (result is None and _is_empty(answer)):
        raise NotAttempted
    wrong_if(
        result is None, "Your function returned None: does every way through it end in return?"
    )
    return result


def call_array(answer: Callable, *inputs: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """`call`, and demand an array of finite numbers in return, of `shape` if given."""
    result = call(answer, *inputs)
    try:
        array = np.asarray(result)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    wrong_if(array.dtype.kind not in "fiub", f"Expected real numbers, got {short(result)}.")
    if shape is not None and array.shape != shape:
        raise Wrong(f"The result should have shape {shape}, got {array.shape}.")
    if not np.isfinite(array).all():
        shown = ", for instance for " + ", ".join(map(short, inputs)) if inputs else ""
        raise Wrong(f"The result holds NaN or infinity{shown}.")
    return array


def wrong_if(condition: bool, message: str) -> None:
    """Raise `Wrong(message)` if `condition`."""
    if condition:
        raise Wrong(message)


def compare(
    name: str,
    got: np.ndarray,
    expected: np.ndarray,
    suspects: Mapping[str, Any],
    says: str = "expected is",
    tolerance: float = 1e-6,
) -> None:
    """Raise `Wrong` where `got` is not `expected`; a usual mistake that explains it is named.

    `suspects` has for each usual mistake, in words, what it would give. `says` introduces the
    expected number.
    """
    if np.allclose(got, expected, rtol=tolerance, atol=tolerance):
        return
    place = np.unravel_index(np.abs(got - expected).argmax(), expected.shape)
    where = f"entry [{', '.join(map(str, place))}]"
    where = f"In {name}, {where}" if expected.size > 1 else name[0].upper() + name[1:]
    seen = f"{where} is {got[place] + 0:.4g}; {says} {expected[place] + 0:.4g}"  # + 0: never -0
    for text, wrong in suspects.items():
        wrong_if(np.allclose(got, wrong, rtol=tolerance, atol=tolerance), f"{seen}: {text}.")
    wrong_if(True, f"{seen}.")


def central(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The gradient of `f` at `x` by central differences, in the shape of `x`."""
    gradient, x = np.empty(x.shape), x.copy()
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = old + h
        above = f(x)
        x[index] = old - h
        gradient[index] = (above - f(x)) / (2 * h)
        x[index] = old
    return gradient


def _copy(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_copy, value))
    return np.copy(value) if isinstance(value, np.ndarray) else value


def _is_empty(function: Callable) -> bool:
    """Whether a function's body is nothing but `...`, `pass` or a docstring."""
    code = getattr(function, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return code is not None and {step.opname for step in dis.get_instructions(code)} <= idle


def _plainly(error: Exception) -> str:
    """What the messages of NumPy mean that beginners meet first; empty for all others."""
    text = str(error)
    if "truth value of an array" in text:
        return (
            "That means: if, and, or, not need one True or False, and got a whole array. Compare "
            "without them: z > 0 answers for every entry, np.where(z > 0, 1, 0) chooses for each."
        )
    sizes = re.search(r"matmul: .*\(size (\d+) is different from (\d+)\)", text)
    if sizes:
        return (
            f"That means: in a @ b the last axis of a has {sizes[2]} entries and the first of b "
            f"has {sizes[1]}; the two must be equal. Perhaps one needs .T."
        )
    if "does not have enough dimensions" in text:
        return "That means: beside @ stands a single number; begin with an array of zeros."
    rows = re.search(r"shapes (?=.*\((\d+),(?!\1\))\d+\))(?=.*\(\1,\))", text)
    if rows:
        return (
            f"That means: a row of {rows[1]} numbers does not fit beside {rows[1]} rows. If it has "
            f"one number for each row, keepdims=True in its sum, or [:, None], makes of it a "
            f"column ({rows[1]}, 1)."
        )
    return ""


def short(value: Any) -> str:
    """The value as a sentence can hold it: a function by its name, a large array by its shape."""
    if isinstance(value, np.ndarray) and value.size > 12:
        return f"an array of shape {value.shape}"
    if inspect.isroutine(value) or isinstance(value, np.ufunc):
        return "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__name__}"
    text = np.array2string(value, precision=3) if isinstance(value, np.ndarray) else repr(value)
    text = re.sub(" at 0x[0-9a-fA-F]+", "", " ".join(text.split()))  # where it lies in memory
    return text if len(text) <= 120 else text[:117] + "..."


def _source(function: Callable, name: str) -> str:
    """The code of a function called `name`; of one without inputs only what it does."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    head, *body = [line for line in lines if line.strip() != "@staticmethod"]
    if not inspect.signature(function).parameters:  # it ends in: return W, b
        return textwrap.dedent("\n".join(body[:-1]))
    return "\n".join([head.replace("def answer(", f"def {name}(", 1), *body])


def _as_code(value: Any) -> str:
    """A value as one writes it: a dict a line for each entry, a set in order, 1/3 as a fraction."""
    if isinstance(value, Mapping):
        lines = [f"    {_as_code(key)}: {_as_code(entry)},\n" for key, entry in value.items()]
        return "{\n" + "".join(lines) + "}"
    if isinstance(value, set):
        return "{" + ", ".join(sorted(map(_as_code, value))) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_code, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_as_code, value)) + (",)" if len(value) == 1 else ")")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and len(repr(value)) > 10:
        n, d = Fraction(value).limit_denominator(20).as_integer_ratio()
        return f"{n} / {d}" if n / d == value else repr(value)
    return repr(value)
