"""Stack it: a deep belief net trained layer by layer, without a browser."""

import copy

import numpy as np
import pytest

from dlkit import data
from dlkit.models.dense import sigmoid
from dlkit.models.optimisers import SGD
from dlkit.models.rbm import cd_step
from dlkit.widgets.ch05_stack import (
    BATCH,
    LAYERS,
    MEASURED,
    SHEET_LEFT,
    SHEET_LOW,
    SIZES,
    UPDATES,
    Stack,
    StackIt,
    mean_error,
    row_low,
)
from dlkit.widgets.explorer import Key, Pointer


def pixels(explorer):
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


@pytest.fixture(scope="module")
def grown():
    """Layer after layer, 30 steps each."""
    explorer = StackIt()
    for layer in LAYERS:
        explorer.set(layer=layer)
        explorer.advance(30)
    return explorer


def test_a_step_is_the_library_s_own_contrastive_divergence_of_one_layer():
    stack = Stack((20, 15, 10), seed=2)
    twin, x = copy.deepcopy(stack), data.mnist().x_train
    stack.learn(1, 0.1)
    rbm = twin.dbn.rbms[1]
    step = cd_step(rbm, SGD(rbm.parameters, 0.1), twin.rng)
    for _ in range(UPDATES):
        batch = x[twin.rng.integers(0, len(x), BATCH)]
        step(twin.dbn.up(batch, 1))
    for ours, theirs in zip(stack.dbn.rbms, twin.dbn.rbms, strict=True):  # the others did not move
        for name, array in ours.parameters.items():
            assert np.array_equal(array, theirs.parameters[name])
    assert stack.updates == [0, UPDATES, 0]


def test_the_numbers_are_those_of_their_definitions(grown):
    stack, x = grown._now, data.mnist().x_test[:MEASURED].astype(float)
    a = x
    rbms = [{n: w.astype(float) for n, w in rbm.parameters.items()} for rbm in stack.dbn.rbms]
    for depth, rbm in enumerate(rbms, start=1):
        up = sigmoid(a @ rbm["weight"].T + rbm["hidden_bias"])
        down = sigmoid(up @ rbm["weight"] + rbm["visible_bias"])
        assert stack.numbers[f"own {depth}"] == pytest.approx(np.mean((down - a) ** 2), rel=1e-3)
        spread = np.sqrt(a.var(axis=0)).mean()
        assert stack.numbers[f"spread {depth}"] == pytest.approx(spread, rel=1e-3)
        for lower in reversed(rbms[: depth - 1]):
            down = sigmoid(down @ lower["weight"] + lower["visible_bias"])
        error = np.mean((down - x) ** 2)
        assert stack.numbers[f"pixels {depth}"] == pytest.approx(error, rel=1e-3)
        a = up
    assert grown.data.lost(2) == pytest.approx(
        stack.numbers["pixels 2"] - stack.numbers["pixels 1"]
    )


def test_every_layer_passes_on_less(grown):
    errors = [grown.data.numbers[f"pixels {k}"] for k in LAYERS]
    assert errors == sorted(errors)
    assert errors[-1] < mean_error()  # still better than one picture for all
    assert max(LAYERS, key=grown.data.lost) == 1  # as the chapter says
    x = data.mnist()
    by_hand = np.mean((x.x_test[:MEASURED] - x.x_train.mean(axis=0)) ** 2)
    assert mean_error() == pytest.approx(by_hand)


def test_over_an_untrained_layer_a_small_error_means_nothing():
    """Three seeds: what the second layer sees hardly differs from digit to digit."""
    for seed in range(3):
        explorer = StackIt(layer=2, seed=seed)
        assert explorer.data.numbers["spread 2"] < 0.05
        explorer.advance(20)
        assert explorer.data.numbers["own 2"] < 0.005
        assert explorer.data.numbers["pixels 2"] > 0.9 * mean_error()
        sent = explorer.data.rows[2]  # reconstructed from layer 2: all alike
        assert sent.std(axis=0).max() < 0.1


def test_features_are_weights_carried_down(grown):
    first, second, third = (rbm.weight for rbm in grown._now.dbn.rbms)
    np.testing.assert_allclose(grown.data.features[0].reshape(36, 784), first[:36])
    carried = third @ second @ first
    np.testing.assert_allclose(
        grown.data.features[2].reshape(36, 784), carried[:36], rtol=1e-3, atol=1e-4
    )


def test_the_recording_rewinds_and_forks():
    explorer = StackIt()
    explorer.advance(6)
    explorer.set(layer=2)
    explorer.advance(4)
    weights = explorer._now.dbn.rbms[1].weight.copy()
    explorer.rewind(8)
    assert explorer._now.updates == [60, 20, 0]
    assert "20 of layer 2" in explorer.description
    explorer.rewind(10)
    assert np.array_equal(explorer._now.dbn.rbms[1].weight, weights)
    explorer.rewind(6)
    explorer.set(layer=3)
    explorer.advance(2)
    assert [branch.name for branch in explorer.branches] == ["A", "B"]
    assert explorer.branch.metrics["layer"][-3:] == [1.0, 3.0, 3.0]
    pixels(explorer)


def test_a_copy_goes_on_exactly_like_the_original():
    stack = Stack((20, 15, 10), seed=1)
    stack.learn(0, 0.3)
    twin = copy.deepcopy(stack)
    stack.learn(0, 0.3)
    assert twin.updates == [UPDATES, 0, 0]
    twin.learn(0, 0.3)
    assert np.array_equal(stack.dbn.rbms[0].weight, twin.dbn.rbms[0].weight)
    assert all(map(np.array_equal, stack.chains, twin.chains))


def test_both_ends_of_every_control_and_reset():
    explorer = StackIt()
    before = pixels(explorer)
    for name, values in {
        "layer": (1, 3),
        "learning_rate": (0.01, 1.0),
        "sizes": tuple(SIZES),
        "seed": (0, 20),
    }.items():
        for value in values:
            explorer.set(**{name: value})
            explorer.advance(2)
            assert not explorer.message
            assert "nan" not in explorer.description
            pixels(explorer)
    explorer.reset()
    assert np.array_equal(before, pixels(explorer))


def test_layer_and_rate_do_not_begin_anew_and_sizes_do():
    explorer = StackIt()
    explorer.advance(3)
    explorer.set(layer=2, learning_rate=0.1)
    assert explorer.time == 3
    explorer.set(sizes="100, 36, 16")
    assert explorer.time == 0
    assert explorer.data.sizes == (100, 36, 16)
    assert len(explorer.data.features[2]) == 16
    pixels(explorer)


@pytest.mark.parametrize(
    "bad",
    [{"layer": 4}, {"learning_rate": 0.5}, {"sizes": "10"}, {"seed": -1}, {"nonsense": 1}],
)
def test_nonsense_is_refused_and_nothing_changes(bad):
    explorer = StackIt()
    explorer.advance(1)
    before = explorer.values
    with pytest.raises(ValueError, match=next(iter(bad))):
        explorer.set(**bad)
    assert explorer.values == before
    assert explorer.time == 1


def test_weights_that_leave_the_range_of_numbers_are_said_so(monkeypatch):
    explorer = StackIt()
    explorer.advance(2)
    monkeypatch.setattr(
        "dlkit.widgets.ch05_stack.cd_step",
        lambda rbm, *_: lambda v: rbm.weight.fill(np.inf),
    )
    explorer.advance(1)
    assert "lower the learning rate" in explorer.message
    assert explorer.time == 2
    assert np.isfinite(explorer._now.dbn.rbms[0].weight).all()


def test_hand_and_keys():
    explorer = StackIt()
    explorer.on_key(Key("2"))
    assert explorer.values["layer"] == 2
    explorer.on_key(Key("s"))
    assert explorer.time == 1
    explorer.on_key(Key("f"))
    assert len(explorer.branches) == 2
    place = SHEET_LEFT[2] + 0.5, SHEET_LOW + 0.5
    explorer.on_pointer(Pointer("down", explorer.sheet, *place, pressed=True))
    assert explorer.values["layer"] == 3
    explorer.advance(9)
    chart = explorer.charts["pixels"]
    explorer.on_pointer(Pointer("down", chart, 42.0, 0.05, pressed=True))
    assert explorer.time == 4
    explorer.on_pointer(Pointer("move", chart, 5000.0, 0.05, pressed=True))
    assert explorer.time == 10


def test_rows_of_pictures_lie_one_above_the_other():
    lows = [row_low(row) for row in range(7)]
    assert lows == sorted(lows, reverse=True)
    assert lows[3] - lows[4] > lows[0] - lows[1]


def test_in_the_dark_ink_is_light(grown):
    light = pixels(grown)
    grown.frame.dark = True
    grown._retheme(True)
    dark = pixels(grown)
    grown.frame.dark = False
    grown._retheme(False)
    assert dark.mean() < light.mean() - 60
