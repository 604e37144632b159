"""A chapter is run in a process of its own, and what it costs goes into the README."""

import os

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import timings
from tools.execution import CHAPTERS, apart, chosen, execute
from tools.timings import README, noted

TABLE = """
| chapter | year | question | runs in | memory |
| --- | --- | --- | --- | --- |
| [01_one](chapters/01_one.ipynb) | 1957 | Why? | 0.1 min | 9.9 GB |
| [02_two](chapters/02_two.ipynb) | 1986 | How? | | |
"""


def test_execution_measures(tmp_path):
    held = np.ones(2**29, np.uint8)  # what the caller holds does not count
    path = tmp_path / "chapter.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("6 * 7")]), path)
    executed, seconds, megabytes = execute(path)
    assert [cell.outputs[0].data["text/plain"] for cell in executed.cells] == ["42"]
    assert 0 < seconds < 60
    assert 20 < megabytes < held.nbytes / 2**20


@pytest.mark.parametrize("before", ["mine.json", None])
def test_progress_is_kept_apart_only_inside(monkeypatch, before):
    if before:
        monkeypatch.setenv("DLKIT_PROGRESS", before)
    else:
        monkeypatch.delenv("DLKIT_PROGRESS")
    with apart():
        assert os.environ["DLKIT_PROGRESS"] != before
    assert os.environ.get("DLKIT_PROGRESS") == before


def test_costs_are_noted_in_the_table():
    text = noted(TABLE, {"01_one": (31, 740), "02_two": (90, 1260)})
    assert "| Why? | 0.5 min | 0.7 GB |\n" in text
    assert "| How? | 1.5 min | 1.3 GB |\n" in text
    assert noted(text, {"02_two": (90, 1260)}) == text


def test_a_chapter_without_a_row_is_refused():
    with pytest.raises(ValueError, match="one row for 03_three"):
        noted(TABLE, {"03_three": (1, 1)})


def test_a_missing_row_is_told_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(timings, "README", tmp_path / "README.md")
    monkeypatch.setattr(timings, "execute", lambda path: pytest.fail("measured"))
    (tmp_path / "README.md").write_text(TABLE)
    with pytest.raises(SystemExit, match=r"Nothing was measured: README.md needs one row for 03_"):
        timings.main(["03"])


def test_chapters_are_chosen_by_number():
    assert chosen([]) == CHAPTERS
    assert [path.stem for path in chosen(["02", "04_rbm"])] == ["02_backpropagation", "04_rbm"]
    with pytest.raises(SystemExit, match=r"No such chapter: 99\. There are: 00, 01"):
        chosen(["01", "99"])


def test_readme_has_a_row_for_every_chapter():
    noted(README.read_text("utf-8"), {path.stem: (1, 1) for path in CHAPTERS})
