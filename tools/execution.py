"""Runs a chapter as a learner would, and tells what that costs."""

import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient

CHAPTERS = sorted((Path(__file__).parents[1] / "chapters").glob("*.ipynb"))
PEAK_MEMORY = "from dlkit.cost import peak_memory; peak_memory()"


def chosen(names):
    """The chapters whose names begin so, such as "05", or all; an unknown one ends the program."""
    unknown = [n for n in names if not any(path.stem.startswith(n) for path in CHAPTERS)]
    if unknown:
        there = ", ".join(path.stem[:2] for path in CHAPTERS)
        raise SystemExit(f"No such chapter: {' '.join(unknown)}. There are: {there}.")
    return [path for path in CHAPTERS if not names or path.stem.startswith(tuple(names))]


def execute(path, *, before="", go_on=False):
    """Run a notebook in a kernel of its own; return it with its seconds and megabytes.

    `before` is run first and leaves no cell. With `go_on` a cell that fails does not end the run.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
    start = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
        store_widget_state=False,
        allow_errors=go_on,
        extra_arguments=["--log-level=ERROR"],
    ).execute()
    seconds = time.perf_counter() - start
    del notebook.cells[0]
    [peak] = notebook.cells.pop().outputs
    return notebook, seconds, int(peak.data["text/plain"]) / 2**20


@contextmanager
def apart():
    """Chapters run inside leave the progress of the person who runs them as it is."""
    with tempfile.TemporaryDirectory() as folder:
        progress = {"DLKIT_PROGRESS": f"{folder}/progress.json"}
        with patch.dict(os.environ, progress):  # kernels started inside inherit it
            yield
