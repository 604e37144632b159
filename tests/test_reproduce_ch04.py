"""Chapter 04's machine: trained on a few pictures, and what its file is worth is kept beside it."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from dlkit import checkpoint
from dlkit.data import mnist
from dlkit.data.files import asset
from tests.scripts import load


@pytest.fixture
def script(monkeypatch):
    """The script with a small machine, 200 pictures and a short annealing."""
    module, few = load("ch04_rbm"), mnist()
    few = dataclasses.replace(few, x_train=few.x_train[:200], x_test=few.x_test[:30])
    settings = {"mnist": lambda full: few, "SHIPPED": 50, "HIDDEN": 5, "CHAINS": 20, "NOTCHES": 30}
    for name, value in settings.items():
        monkeypatch.setattr(module, name, value)
    return module


def test_it_trains_measures_and_measures_again_what_is_there(script, tmp_path):
    to, out = tmp_path / "rbm.safetensors", tmp_path / "run.json"
    words = ["--passes", "2", "--to", str(to), "--out", str(out)]
    script.main(words)
    first = json.loads(out.read_text("utf-8"))
    assert checkpoint.load(to)["rbm"]["weight"].shape == (5, 784)
    assert first["sha256"] == hashlib.sha256(to.read_bytes()).hexdigest()
    assert (first["chains"], first["notches"], first["test pictures"]) == (20, 30, 30)
    assert first["log Z"]["low"] < first["log Z"]["estimate"] < first["log Z"]["high"]
    assert -544 < first["mean log P"] < 0  # 784 ln 2 = 543: what coins would give each picture
    before = to.read_bytes()
    script.main([*words, "--worth"])
    assert to.read_bytes() == before
    assert json.loads(out.read_text("utf-8")) == first


def test_what_ships_is_what_was_measured():
    stored = json.loads(asset("runs/ch04_rbm.json").read_text("utf-8"))
    shipped = asset("models/ch04_rbm.safetensors").read_bytes()
    assert stored["sha256"] == hashlib.sha256(shipped).hexdigest()
    low, high = stored["log Z"]["low"], stored["log Z"]["high"]
    assert low < stored["log Z"]["estimate"] < high
    assert np.isclose(stored["log Z"]["estimate"], (low + high) / 2, atol=1)
