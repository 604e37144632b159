"""Chapters run with other seeds: every seed that a cell names is moved, and the claims are told."""

import ast

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools.execution import CHAPTERS
from tools.seeds import RESULTS, OtherSeeds, moved, report, with_seeds


@pytest.mark.parametrize(
    ("seed", "other"), [(3, 13), (np.int64(3), 13), ([3, 4], [3, 4, 10]), (None, None)]
)
def test_a_seed_is_moved(seed, other):
    assert moved(seed, 10) == other


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("np.random.default_rng(3).random()", np.random.default_rng(13).random()),
        ("default_rng([3, 4]).random()", np.random.default_rng([3, 4, 10]).random()),
        ("[default_rng(s).random() for s in (1, 2)][1]", np.random.default_rng(12).random()),
        ("dict(seed=3)['seed']", 13),
        ("dict(rate=3)['rate']", 3),
        ("int(3)", 3),
    ],
)
def test_every_seed_that_a_cell_names_is_moved_and_nothing_else(source, value):
    tree = OtherSeeds(10).visit(ast.parse(source, mode="eval"))
    names = {"np": np, "default_rng": np.random.default_rng, "_moved": moved}
    assert eval(compile(tree, "cell", "eval"), names) == value


@pytest.fixture
def chapter(tmp_path):
    sources = [
        "from dlkit.claims import claim\nimport numpy as np",
        "first = np.random.default_rng(0).random()\nclaim('A number.', 0 <= first < 1, first)",
        "claim('It is small.', first < 0, first, 'less than 0')",
        "1 / 0",
        "claim('It goes on.', True, 'it does')",
    ]
    path = tmp_path / "chapter.ipynb"
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_a_chapter_is_run_to_its_end_and_its_claims_are_told(chapter):
    made, errors = with_seeds(chapter, 7)
    assert list(made) == [("cell-1", 0), ("cell-2", 0), ("cell-4", 0)]
    first = np.random.default_rng(7).random()
    assert made["cell-1", 0] == f"Claim holds: A number.\n  measured: {first}"
    assert made["cell-2", 0].startswith("Claim FAILS: It is small.")
    assert errors == ["cell-3: ZeroDivisionError: division by zero"]


def test_the_report_begins_with_what_failed():
    holds, fails = "Claim holds: A.\n  measured: 1", "Claim FAILS: B.\n  measured: 2\n  expected: 3"
    runs = [
        ({("a", 0): holds, ("b", 0): fails}, []),
        ({("a", 0): holds, ("b", 0): fails.replace("FAILS", "holds").replace("2", "3")}, ["c: no"]),
    ]
    lines = report("01_one", runs).splitlines()
    assert lines == [
        "# 01_one",
        "",
        "1 of 2 claims hold with all of 2 other sets of seeds.",
        "",
        "- did not run: c: no",
        "- **fails**: B.",
        "  - ✗ measured: 2",
        "  - measured: 3",
        "  - expected: 3",
        "- A.",
        "  - measured: 1",
    ]


@pytest.mark.parametrize("chapter", [path.stem for path in CHAPTERS])
def test_every_chapter_was_tried_and_what_failed_was_mended(chapter):
    tried = (RESULTS / f"{chapter}.md").read_text("utf-8")
    assert "**fails**" not in tried
    assert "did not run" not in tried
