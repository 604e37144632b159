"""The stored run of the net of 1989: the script trains, and the file is what it would write."""

import importlib.util
import json
from pathlib import Path

import pytest

from dlkit.data import mnist
from dlkit.models.lenet import zipcode_pictures

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script():
    path = ROOT / "tools/reproduce/zipcode_07.py"
    spec = importlib.util.spec_from_file_location("zipcode_07", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_run_learns_and_says_how_long_it_took(script):
    split = mnist()
    x, x_test = zipcode_pictures(split.x_train[:600]), zipcode_pictures(split.x_test[:200])
    run = script.trained(x, split.y_train[:600], x_test, split.y_test[:200], seed=1, passes=5)
    assert run["seed"] == 1
    assert len(run["train"]) == len(run["test"]) == 5
    assert run["test"][-1] < run["test"][0]
    assert run["test"][-1] < 60
    assert run["seconds"] > 0


def test_the_stored_run_has_what_the_chapter_shows(script):
    stored = json.loads(script.RESULT.read_text("utf-8"))
    assert [run["seed"] for run in stored["runs"]] == list(script.SEEDS)
    assert stored["learning rate"] == script.RATE
    for run in stored["runs"]:
        assert len(run["test"]) == script.PASSES
