"""Chapter 05's large experiment, on a few pictures: it chooses, keeps, resumes and gathers."""

import dataclasses
import json

import numpy as np
import pytest

from dlkit.data import mnist
from tests.scripts import load


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script with a small net, two numbers of labels and 300 pictures."""
    module = load("ch05_dbn")
    few = mnist()
    few = dataclasses.replace(
        few,
        x_train=few.x_train[:300],
        y_train=few.y_train[:300],
        x_test=few.x_test[:50],
        y_test=few.y_test[:50],
    )
    settings = {
        "mnist": lambda full: few,
        "SIZES": (784, 6, 5),
        "VALIDATION": 100,
        "PLAN": {20: (2, 10), 200: (2, 50)},
        "PRETRAINING": module.PRETRAINING | {"passes a layer": 1},
        "KEPT": tmp_path / "kept",
    }
    for name, value in settings.items():
        monkeypatch.setattr(module, name, value)
    return module


def test_every_point_is_there(script, tmp_path):
    out = tmp_path / "labels.json"
    script.main(["--out", str(out)])
    result = json.loads(out.read_text())
    points = {(p["labels"], p["arm"]): p for p in result["points"]}
    assert points.keys() == {(n, arm) for n in (20, 200) for arm in script.ARMS}
    for point in points.values():
        assert point["seeds"] == list(script.SEEDS)
        assert len(point["test"]) == len(script.SEEDS)
        tried = point["tried"]  # validation error of the first seed, by rate
        assert tried[f"{point['rate']:g}"] == min(tried.values())
    assert {"date", "machine", "versions", "pretraining seconds"} <= result.keys()


def test_what_is_kept_is_not_trained_again(script, tmp_path, monkeypatch):
    out = tmp_path / "labels.json"
    script.main(["--points", "20", "--out", str(out)])
    before = json.loads(out.read_text())["points"]

    def refuse(*arguments, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr(script, "fit", refuse)
    script.main(["--points", "20", "--out", str(out)])
    assert json.loads(out.read_text())["points"] == before


def test_a_point_that_is_not_decided_is_left_out(script, tmp_path):
    parts = script.divided(0)
    script.run("ReLU", 20, 0, 0.1, parts)  # its neighbours were not tried
    assert script.gather(tmp_path / "labels.json") == []


def test_the_three_parts_do_not_overlap(script):
    (x, _), (x_choose, _), (x_test, _) = script.divided(1)
    rows = [{row.tobytes() for row in part} for part in (x, x_choose, x_test)]
    assert len(rows[0] | rows[1] | rows[2]) == sum(map(len, rows)) == 350
    assert len(x_choose) == 100
    assert {row.tobytes() for row in script.divided(2)[1][0]} == rows[1]  # the same for all seeds


def test_a_seed_decides_which_labels_are_known(script):
    assert not np.array_equal(script.divided(0)[0][0][:20], script.divided(1)[0][0][:20])


def test_unknown_point_gets_a_sentence(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--points", "7"])
    assert "--points must be among 20, 200" in capsys.readouterr().err
