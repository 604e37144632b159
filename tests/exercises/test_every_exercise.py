"""What every exercise of every chapter must do.

The test file of a chapter beside this one gives its table of mistakes, WRONG: (exercise, a
plausible wrong answer, words that the message must hold). A stub that is neither `...`, nor a
function, nor a dict of dots for a dict stands in its STUBS: {exercise: stub}.
"""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dlkit.exercises.exercise import NOT_ATTEMPTED, RIGHT, WRONG, Exercise
from tests.notebooks import CHAPTERS, cells

MODULES = sorted(path.stem[5:] for path in Path(__file__).parent.glob("test_ch[0-9]*.py"))
TABLES = {name: importlib.import_module(f"tests.exercises.test_{name}") for name in MODULES}
EXERCISES = {
    f"{module[:4]}-{name}": value
    for module in MODULES
    for name, value in vars(importlib.import_module(f"dlkit.exercises.{module}")).items()
    if isinstance(value, Exercise)
}
FUNCTIONS = [name for name, exercise in EXERCISES.items() if callable(exercise.answer)]
MISTAKES = [
    pytest.param(f"{module[:4]}-{name}", answer, words, id=f"{module[:4]}-{name}-{number}")
    for module, table in TABLES.items()
    for number, (name, answer, words) in enumerate(table.WRONG)
]
CHECKS = [
    pytest.param(f"ch{path.stem}", cell["source"].strip(), id=f"ch{path.stem[:2]}-{cell['id']}")
    for path in CHAPTERS
    for cell in cells(path, "code")
    if re.match(r"exercises\.\w+\.check\(", cell["source"])
]
STRANGE = (7, 3.5, "seven", [1, 2], (), {}, np.nan, np.ones(3), object(), len, lambda: 1)


def test_every_chapter_with_exercises_is_here():
    folder = Path(__file__).parents[2] / "dlkit" / "exercises"
    untested = {path.stem for path in folder.glob("ch[0-9]*.py")} - {*MODULES}
    assert not untested, f"write tests/exercises/test_….py, with its table WRONG, for {untested}"


@pytest.mark.parametrize("name", EXERCISES)
def test_solution_is_right(name):
    exercise = EXERCISES[name]
    feedback = exercise.check(exercise.answer)
    assert feedback.kind == RIGHT, feedback
    assert exercise.praise in feedback.text
    assert exercise.solution().text


def checked(source):
    """Which exercise a cell checks: "softmax" for exercises.softmax.check(my_softmax)."""
    return source.split(".")[1]


@pytest.mark.parametrize(("module", "source"), CHECKS)
def test_solution_can_be_copied_into_the_chapters_cell(module, source):
    exercises = importlib.import_module(f"dlkit.exercises.{module}")
    notebook = {"np": np, "exercises": exercises}  # the chapters import NumPy, not all of Python
    exec(getattr(exercises, checked(source)).solution().code, notebook)
    feedback = eval(source, notebook)
    assert feedback.kind == RIGHT, feedback


def test_the_chapters_check_every_exercise():
    calls = ((module, checked(source)) for module, source in (check.values for check in CHECKS))
    called = {f"{module[:4]}-{name}" for module, name in calls}
    assert not called - EXERCISES.keys(), "a chapter checks what no tested module defines"
    unchecked = EXERCISES.keys() - called
    assert not unchecked, f"begin a cell with `exercises.….check(` for {unchecked}"


def test_every_clinic_calls_the_one_without_a_fault_healthy():
    clinics = [e.answer.values() for name, e in EXERCISES.items() if name.endswith("clinic")]
    assert len(clinics) == 9
    assert all(sum(fault == "healthy" for fault in faults) == 1 for faults in clinics)


def stubs(name):
    """What stands in the notebook before a learner has touched it, and what amounts to it."""
    answer = EXERCISES[name].answer
    yield from (..., None)
    if name in FUNCTIONS:
        yield lambda *inputs: ...
    if isinstance(answer, Mapping):
        yield dict.fromkeys(answer, ...)
    chapter, exercise = name.split("-")
    [table] = (table for module, table in TABLES.items() if module.startswith(chapter))
    if exercise in getattr(table, "STUBS", {}):
        yield table.STUBS[exercise]


@pytest.mark.parametrize("name", EXERCISES)
def test_blank_stub_is_not_attempted(name):
    for stub in stubs(name):
        assert EXERCISES[name].check(stub).kind == NOT_ATTEMPTED
    assert EXERCISES[name].check().kind == NOT_ATTEMPTED


@pytest.mark.parametrize(("name", "answer", "words"), MISTAKES)
def test_wrong_answer_is_told_what_is_wrong(name, answer, words):
    feedback = EXERCISES[name].check(answer)
    assert feedback.kind == WRONG
    assert words in feedback.text


@pytest.mark.parametrize("name", EXERCISES)
def test_at_least_two_wrong_answers_are_tested(name):
    assert sum(mistake.values[0] == name for mistake in MISTAKES) >= 2


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("number", range(len(STRANGE)))
def test_strange_answer_gets_a_sentence(name, number):
    feedback = EXERCISES[name].check(STRANGE[number])
    assert feedback.kind in (WRONG, NOT_ATTEMPTED)
    assert feedback.kind == NOT_ATTEMPTED or feedback.text.startswith("Not yet. ")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("result", ["text", np.nan, (1, 2), [[1], [1, 2]], [], object()])
def test_strange_result_gets_a_sentence(name, result):
    feedback = EXERCISES[name].check(lambda *inputs: result)
    assert feedback.kind == WRONG
    assert feedback.text.startswith("Not yet. ")


@pytest.mark.parametrize("name", EXERCISES)
def test_hints_become_stronger_and_end(name):
    exercise = EXERCISES[name]
    said = [exercise.hint().text for _ in range(len(exercise.hints) + 2)]
    assert len(set(said)) == len(exercise.hints) >= (1 if name.startswith("ch00") else 2)
