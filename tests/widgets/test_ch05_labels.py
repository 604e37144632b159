"""Labels against pretraining: stored runs, and a net that is trained here; without a browser."""

import asyncio
import json

import numpy as np
import pytest

from dlkit import data
from dlkit.data.files import asset
from dlkit.models.dbn import DBN
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.models.rbm import cd_step
from dlkit.train import numpy_step
from dlkit.widgets import ch05_trial
from dlkit.widgets.ch05_labels import (
    MOST_RERUNS,
    LabelsAgainstPretraining,
    Rerun,
    labels_needed,
    stored,
)
from dlkit.widgets.explorer import Key, Pointer


@pytest.fixture
def quick(monkeypatch):
    """Small nets that learn for a moment."""
    monkeypatch.setattr(ch05_trial, "SIZES", (784, 16, 12))
    monkeypatch.setattr(ch05_trial, "PASSES", 1)
    monkeypatch.setattr(ch05_trial, "_stacks", {})


@pytest.fixture(scope="module")
def points():
    return json.loads(asset("runs/ch05_labels.json").read_text(encoding="utf-8"))["points"]


def pixels(explorer):
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def test_every_stored_point_is_shown_as_it_is_stored(points):
    explorer = LabelsAgainstPretraining()
    for point in points:
        explorer.set(labels=point["labels"])
        shown = explorer.data.here[point["arm"]]
        np.testing.assert_allclose(shown.errors, 100 * np.array(point["test"]))
        low = min(point["test"]) * 100
        assert (f"{low:.2f} %" if low < 5 else f"{low:.1f} %") in explorer.description
    assert not explorer.message


def test_pictures_without_labels_are_worth_more_than_a_thousand_labels(points):
    explorer = LabelsAgainstPretraining(labels=300)
    relu = {p["labels"]: 100 * np.mean(p["test"]) for p in points if p["arm"] == "ReLU"}
    level = explorer.data.here["pretrained"].mean
    assert relu[1000] > level > relu[3000]
    needed = explorer.data.needed["ReLU"]
    # The straight line between both points, on logarithmic scales.
    slope = np.log(relu[3000] / relu[1000]) / np.log(3)
    assert needed == pytest.approx(1000 * np.exp(np.log(level / relu[1000]) / slope))
    assert "random, ReLU net is as good as that pretrained one with about 1," in (
        explorer.description
    )


def test_what_is_never_reached_or_from_the_start_is_said_so():
    assert labels_needed("sigmoid", 0.5) is None
    assert labels_needed("sigmoid", 60.0) == 100
    explorer = LabelsAgainstPretraining(labels=50_000)
    assert explorer.data.needed["sigmoid"] is None
    words = "Up to 50,000 labels the random, sigmoid net is never so good."
    assert words in explorer.description


def test_both_ends_of_every_control_and_the_picture_follows():
    explorer = LabelsAgainstPretraining()
    before = pixels(explorer)
    for name, values in {
        "labels": (100, 50_000),
        "net": ("ReLU", "sigmoid"),
        "seed": (0, 9),
    }.items():
        for value in values:
            explorer.set(**{name: value})
            assert not explorer.message
            pixels(explorer)
    assert not np.array_equal(before, pixels(explorer))
    explorer.reset()
    assert np.array_equal(before, pixels(explorer))


@pytest.mark.parametrize(
    "bad", [{"labels": 200}, {"labels": None}, {"net": "SVM"}, {"seed": 99}, {"nonsense": 1}]
)
def test_nonsense_is_refused_and_nothing_changes(bad):
    explorer = LabelsAgainstPretraining()
    before = explorer.values
    with pytest.raises(ValueError, match=next(iter(bad))):
        explorer.set(**bad)
    assert explorer.values == before


def test_hand_and_keys():
    explorer = LabelsAgainstPretraining()
    explorer.on_pointer(Pointer("down", explorer.chart, 2600.0, 5.0, pressed=True))
    assert explorer.values["labels"] == 3000
    explorer.on_pointer(Pointer("move", explorer.chart, 100.0, 5.0))  # no button held
    assert explorer.values["labels"] == 3000
    for key, name, value in (
        ("ArrowRight", "labels", 10_000),
        ("ArrowLeft", "labels", 3000),
        ("ArrowDown", "net", "sigmoid"),
        ("ArrowUp", "net", "pretrained"),
        ("ArrowUp", "net", "pretrained"),
    ):
        explorer.on_key(Key(key))
        assert explorer.values[name] == value


def test_a_net_trained_here_learns_as_the_library_does(quick):
    explorer = LabelsAgainstPretraining(labels=100, net="pretrained", seed=3)
    explorer.finish()
    run = explorer.values["reruns"][-1]

    split, point = data.mnist(), stored()["pretrained", 100]
    order = np.random.default_rng(3).permutation(4000)
    x, y = split.x_train[order], split.y_train[order]
    rng = np.random.default_rng(3)
    dbn = DBN((784, 16, 12), rng=rng)
    for layer, rbm in enumerate(dbn.rbms):
        seen = dbn.inputs(x, layer)
        optimiser = SGD(rbm.parameters, 0.1, momentum=0.9, weight_decay=2e-4)
        step = cd_step(rbm, optimiser, rng)
        turn = rng.permutation(4000)
        for start in range(0, 4000, 100):
            step(seen[turn[start : start + 100]])
    net = dbn.unroll(10, np.random.default_rng([3, 5]))
    optimiser = SGD(net.parameters, point.rate, momentum=0.9)
    step = numpy_step(net, CrossEntropyLoss(), optimiser)
    rng = np.random.default_rng([3, 100])
    for done in range(point.passes):
        optimiser.learning_rate = point.rate * (1 - done / point.passes)
        turn = rng.permutation(100)
        for start in range(0, 100, point.batch):
            rows = turn[start : start + point.batch]
            step(x[rows], y[rows])
    wrong = 100 * np.mean(net(split.x_test).argmax(axis=1) != split.y_test)
    assert run == Rerun("pretrained", 100, 3, pytest.approx(wrong, abs=0.11))
    assert f"{run.error:.1f} %, above the band of the stored seeds" in explorer.description
    assert not explorer.message


@pytest.mark.parametrize("arm", ch05_trial.ARMS)
def test_every_kind_of_net_learns_here(arm, quick):
    courses = list(ch05_trial.train(arm, 100, 0, rate=0.1, passes=20, batch=10))
    assert courses[-1].done == pytest.approx(1)
    assert len(courses[-1].errors) == ch05_trial.MEASURED + 1
    done = [course.done for course in courses]
    assert done == sorted(done)
    assert courses[0].done < 0.01 or arm in ch05_trial.ARMS[1:]
    if arm in ("sigmoid", "ReLU"):  # the others need more than this moment
        assert courses[-1].errors[-1] < 0.8


def test_too_many_labels_are_refused_with_a_sentence():
    explorer = LabelsAgainstPretraining(labels=10_000)
    with pytest.raises(ValueError, match="the course ships 4,000 digits"):
        explorer.finish()
    with explorer.guarded():
        explorer.before_run()
    assert "Choose 3,000 or fewer" in explorer.message
    explorer.set(labels=300)
    assert not explorer.message


def test_runs_that_are_not_finished_yet_are_left_out(monkeypatch, quick):
    some = {key: point for key, point in stored().items() if key[1] < 10_000}
    some["dropout", 300] = some["ReLU", 300]
    monkeypatch.setattr("dlkit.widgets.ch05_labels.stored", lambda: some)
    explorer = LabelsAgainstPretraining(net="dropout")
    pixels(explorer)
    explorer.set(labels=1000)
    assert "dropout" not in explorer.data.here
    pixels(explorer)
    with pytest.raises(ValueError, match="No stored run"):
        explorer.finish()
    with pytest.raises(ValueError, match="labels cannot be 50000"):
        explorer.set(labels=50_000)


def test_training_runs_on_the_event_loop_and_stops(quick):
    async def play():
        explorer = LabelsAgainstPretraining(net="ReLU", labels=100)
        explorer.run()
        assert explorer.running
        assert explorer._buttons["Train here"].description == "Stop"
        for _ in range(2000):
            await asyncio.sleep(0.005)
            if not explorer.running:
                break
        first = explorer.values["reruns"]
        assert len(first) == 1
        assert explorer._buttons["Train here"].description == "Train here"
        explorer.on_key(Key(" "))
        await asyncio.sleep(0.01)
        explorer.set(labels=1000)  # looking elsewhere does not stop it
        assert explorer.running
        explorer.on_key(Key(" "))
        await asyncio.sleep(0.05)
        assert not explorer.running
        assert explorer.values["course"] is None
        assert explorer.values["reruns"] == first
        explorer.run()
        explorer.reset()
        await asyncio.sleep(0.05)
        assert not explorer.running
        assert explorer.values["reruns"] == ()

    asyncio.run(play())


def test_the_same_training_again_replaces_the_first_and_the_oldest_go(quick):
    explorer = LabelsAgainstPretraining(net="ReLU", labels=100)
    explorer.finish()
    explorer.finish()
    assert len(explorer.values["reruns"]) == 1
    many = tuple(Rerun("ReLU", 300, seed, 15.0) for seed in range(MOST_RERUNS))
    explorer.set(reruns=many)
    explorer.finish()
    assert len(explorer.values["reruns"]) == MOST_RERUNS
    assert explorer.values["reruns"][0] == many[1]


def test_without_an_event_loop_the_button_says_so():
    explorer = LabelsAgainstPretraining()
    with pytest.raises(ValueError, match="event loop"):
        explorer.run()


def test_in_the_dark_blue_is_lighter():
    explorer = LabelsAgainstPretraining()
    explorer.frame.dark = True
    explorer._retheme(True)
    explorer._prepare()
    assert explorer.own["pretrained"].get_markerfacecolor() == "#56B4E9"
    assert explorer.seeds["pretrained"].get_color() == "#56B4E9"
