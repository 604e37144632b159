"""Overfitting on purpose, the training explorer of chapter 06, without a browser."""

import copy
import math

import ipywidgets
import numpy as np
import pytest
import torch

from dlkit import data
from dlkit.models.dropout import Dropout
from dlkit.models.regularisers import soft_threshold
from dlkit.parity import to_torch
from dlkit.widgets.ch06_learner import BATCH, UPDATES, Cures, Learner, digits
from dlkit.widgets.ch06_overfit import COLUMNS, EARLIER, Stop, early_stop, histogram
from dlkit.widgets.ch06_overfit import OverfitOnPurpose as Explorer
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import render
from tests.widgets.words import expect_words_apart

SMALL = {"examples": 50, "width": 8, "updates": 600}


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def trained(cures=None, **recipe):
    learner = Learner(**({"examples": 1000, "width": 64, "updates": 600, "seed": 0} | recipe))
    while not learner.done:
        learner.step(0.05, cures or Cures())
    return learner


# ---------------------------------------------------------------------------- the learner


def test_digits_to_learn_from_to_choose_by_and_to_test_with_are_different_ones():
    parts = digits()
    assert {name: len(x) for name, (x, _) in parts.items()} == {
        "training": 2000,
        "validation": 1000,
        "test": 2000,
    }
    split = data.mnist()
    both = np.concatenate([x for x, _ in parts.values()])
    assert np.array_equal(both, np.concatenate([split.x_train, split.x_test]))


def test_a_step_is_torch_s_own_sgd_with_weight_decay_and_then_the_step_of_l1():
    learner = Learner(200, 16, 600, seed=3)
    net = to_torch(learner.net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    x, y = (torch.from_numpy(a.copy()) for a in digits()["training"])
    cures = Cures(l2=0.01, l1=0.0003)
    for step in range(2):
        order = learner._order()
        assert sorted(order[:200]) == list(range(200))  # a pass: each digit once
        learner.step(0.05, cures)
        for update in range(UPDATES):
            rate = 0.05 * (1 - (step * UPDATES + update) / 600)
            batch = torch.from_numpy(order[update * BATCH : (update + 1) * BATCH])
            loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch].long())
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            for name, parameter in net.named_parameters():
                if name.endswith("weight"):
                    soft_threshold(parameter.detach().numpy(), 10 * rate * 0.0003)
    for name, parameter in net.named_parameters():
        ours = learner.net.parameters[name]
        np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-3, atol=1e-5)
    x, y = (torch.from_numpy(a.copy()) for a in digits()["test"])
    z = net(x).detach()
    numbers = learner.numbers
    loss = float(torch.nn.functional.cross_entropy(z, y.long()))
    assert numbers["test loss"] == pytest.approx(loss, rel=1e-3)
    assert numbers["test error"] == pytest.approx(
        float((z.argmax(1) != y).float().mean()), abs=2e-3
    )


def test_with_more_digits_than_a_step_takes_a_pass_goes_over_two_steps():
    learner = Learner(2000, 8, 600, seed=0)
    seen = []
    for _ in range(2):
        seen += learner._order().tolist()
        learner.step(0.05, Cures())
    assert sorted(seen) == list(range(2000))
    assert sorted(learner._order()) != sorted(seen[:1000])


def test_dropout_drops_while_learning_and_not_in_use():
    learner = Learner(200, 64, 600, seed=0)
    other = copy.deepcopy(learner)
    learner.step(0.05, Cures(units=0.5, pixels=0.2))
    other.step(0.05, Cures())
    dropped = [layer for layer in learner.net.layers if isinstance(layer, Dropout)]
    assert [layer.p for layer in dropped] == [0.5, 0.5]
    assert learner.numbers["learning"] > other.numbers["learning"]
    z = learner.net(digits()["test"][0])
    assert np.array_equal(z, learner.net(digits()["test"][0]))  # in use: no chance


def test_a_copy_goes_on_exactly_like_the_original():
    learner = Learner(100, 16, 600, seed=1)
    cures = Cures(l2=0.001, units=0.5, pixels=0.3)
    learner.step(0.05, cures)
    twin = copy.deepcopy(learner)
    learner.step(0.05, cures)
    assert not np.array_equal(twin.first, learner.first)
    twin.step(0.05, cures)
    for name, array in learner.net.parameters.items():
        assert np.array_equal(array, twin.net.parameters[name])
    assert twin.numbers == learner.numbers


def test_weights_that_count_are_those_of_pixels_with_ink():
    learner = Learner(50, 8, 600, seed=0)
    inked = (digits()["training"][0][:50].max(axis=0) > 0).sum()
    assert learner.weights.shape == (8 * inked,)
    assert 300 < inked < 784


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([], 3, None),
        ([1.0], 3, Stop(1, None)),
        ([3, 2, 1, 1.5, 2], 3, Stop(3, None)),
        ([3, 2, 1, 1.5, 2, 2.5, 0.1], 3, Stop(3, 6)),
        ([3, 2, 1, 1.5, 0.9, 2.5, 3], 3, Stop(5, None)),
        ([1, 1, 1], 2, Stop(1, 3)),  # the same again is not lower
        ([2, 3], 1, Stop(1, 2)),
    ],
)
def test_early_stopping_keeps_the_lowest_and_stops_after_its_patience(losses, patience, expected):
    stop = early_stop(losses, patience)
    assert (stop is None) == (expected is None)
    if stop and expected:
        assert (stop.kept, stop.at) == (expected.kept, expected.at)


def test_the_histogram_holds_all_weights_but_the_zeros():
    weights = np.array([0, 0, 0.001, -5.0, 5.0, 0.31, 0.1, -0.1])
    shares = histogram(weights)
    assert shares.sum() == pytest.approx(6 / 8)
    assert shares[0] == pytest.approx(1 / 8)
    assert shares[-1] == pytest.approx(2 / 8)


# ---------------------------------------------------------------------------- what one can see


def test_no_cure_learns_by_heart_and_dropout_makes_fewer_mistakes():
    # Seeds 0 to 2: 11.1 to 11.8 % without; 128 units 10.8 to 11.7 % without, 7.9 to 8.4 % with.
    plain = trained()
    dropout = trained(Cures(units=0.5, pixels=0.2), width=128, updates=1200)
    wide = trained(width=128, updates=1200)
    assert plain.numbers["training error"] == 0
    assert plain.numbers["test error"] > 0.08
    assert dropout.numbers["test error"] < wide.numbers["test error"] - 0.01
    assert dropout.numbers["test loss"] < wide.numbers["test loss"]


def test_l1_makes_zeros_and_l2_makes_small_weights_without_one():
    # Seeds 0 to 2: 64 to 67 % zeros; L2 leaves 60 or 61 % of the standard deviation.
    sparse, small, plain = trained(Cures(l1=3e-4)), trained(Cures(l2=0.01)), trained()
    assert np.mean(sparse.weights == 0) > 0.5
    assert np.mean(small.weights == 0) == 0
    assert small.weights.std() < 0.8 * plain.weights.std()


def test_with_dropout_the_loss_while_learning_lies_above_that_in_use():
    dropout = Explorer(examples=1000, width=64, units=0.5, pixels=0.2)
    dropout.advance(10)
    numbers = dropout.data.learner.numbers
    assert numbers["learning"] > numbers["test loss"] > numbers["training loss"]
    assert "While learning, with dropout, the loss is" in dropout.description
    assert len(dropout.lines["loss"]["learning"].get_xdata()) == 10
    plain = Explorer(**SMALL)
    plain.advance(3)
    assert not len(plain.lines["loss"]["learning"].get_xdata())  # it would be the same line twice


def test_early_stopping_is_marked_where_it_is_and_one_can_go_there():
    explorer = Explorer(width=32, patience=3)
    with pytest.raises(ValueError, match="train first"):
        explorer.to_early_stop()
    explorer.advance(30)
    losses = explorer.curves("validation loss")["A"]
    stop = explorer.data.stop
    expected = next(t for t in range(3, 30) if losses[: t - 2].min() <= losses[t - 2 : t + 1].min())
    assert stop.at == expected + 1
    assert stop.kept == int(losses[: expected + 1].argmin()) + 1
    x, y = explorer.lines["error"]["kept"].get_data()
    assert x[0] == stop.kept * UPDATES
    assert y[0] == pytest.approx(explorer.curves("test error")["A"][stop.kept - 1])
    assert set(explorer.lines["loss"]["stopped"].get_xdata()) == {stop.at * UPDATES}
    assert f"stop after update {stop.at * UPDATES} and" in explorer.description
    explorer.to_early_stop()
    assert explorer.time == stop.kept
    error = explorer.curves("test error")["A"][stop.kept - 1]
    assert explorer.data.learner.numbers["test error"] == error
    explorer.set(patience=20)
    assert explorer.time == stop.kept  # patience only marks
    explorer.on_key(Key("e"))


def test_the_curves_of_earlier_nets_stay_until_reset():
    explorer = Explorer(**SMALL)
    explorer.advance(6)
    explorer.set(units=0.5)
    assert explorer.time == 0
    explorer.advance(6)
    explorer.set(examples=100)
    explorer.advance(2)  # too short a run to be worth keeping
    explorer.set(l2=0.01)
    texts = explorer.labels.texts
    assert texts.count("no cure") == 1
    assert "dropped: 50 % of units" in texts
    assert "1 (50 digits, 8 units, no cure)" in explorer.description
    for seed in range(1, 6):
        explorer.advance(5)
        explorer.set(seed=seed)
    assert len(explorer._earlier) == EARLIER
    explorer.reset()
    assert explorer._earlier == []
    assert not len(explorer.lines["loss"]["others"].get_xdata())


def test_after_a_fork_cures_act_on_the_present_net():
    explorer = Explorer(**SMALL)
    explorer.advance(8)
    explorer.rewind(5)
    explorer.fork()
    explorer.set(l2=0.03)
    assert explorer.time == 5
    explorer.inputs["units"].value = 0.5  # by hand
    assert explorer.time == 5
    explorer.advance(2)
    a, b = explorer.curves("test loss").values()
    assert np.array_equal(a[:5], b[:5])
    assert a[5] != b[5]
    words = "L2 0.03, dropped: 50 % of units, from update 100"
    assert words in explorer.labels.texts
    assert "no cure" in explorer.labels.texts  # the branch that it came from
    explorer.set(seed=1)  # another net: begins anew, and so do cures from now on
    assert explorer.time == 0
    explorer.advance(2)
    explorer.inputs["l1"].value = 0.001
    assert explorer.time == 0


def test_the_longest_words_of_the_table_end_before_the_next_column():
    explorer = Explorer(**SMALL, l2=3e-4, l1=3e-5, units=0.5, pixels=0.2)
    explorer.advance(12)
    explorer.fork()
    explorer.set(units=0.3)
    explorer.advance(1)
    labels = [label for label in explorer.labels._labels if label.text.startswith("L2 0.0003")]
    assert len(labels) == 2
    for label in labels:
        wide = render(label.text, label.style, 100).shape[1] / 100
        assert label.x + wide < COLUMNS["training"][0] - 0.45  # as wide as "100.0 %"


def test_a_training_ends_with_a_sentence():
    explorer = Explorer(**SMALL)
    explorer.advance(31)
    assert explorer.time == 30
    assert "has come down to 0" in explorer.message
    explorer.rewind(20)
    assert explorer.message == ""
    assert explorer.time == 20


def test_a_rate_that_breaks_it_gives_a_sentence_and_one_can_go_on():
    explorer = Explorer(**SMALL)
    explorer.advance(2)
    explorer._now.first[...] = 1e30
    explorer.advance(1)
    assert "Training diverged in step 3" in explorer.message
    assert explorer.time == 2
    explorer.advance(1)
    assert explorer.message == ""
    assert explorer.time == 3


def test_numbers_shown_are_those_measured():
    explorer = Explorer(**SMALL)
    explorer.advance(12)
    learner = explorer.data.learner
    x, y = digits()["test"]
    error = np.mean(learner.net(x).argmax(axis=1) != y)
    assert f"Test digits: {100 * error:.1f} % wrong" in explorer.description
    assert f"{100 * error:.1f} %" in explorer.labels.texts
    assert explorer.lines["error"]["test"].get_ydata()[-1] == pytest.approx(error)
    assert "exactly 0: 0 %" in explorer.said.texts[0]
    explorer.set(l1=0.003)
    explorer.advance(12)
    zero = np.mean(explorer.data.learner.weights == 0)
    assert zero > 0.5
    assert f"exactly 0: {100 * zero:.0f} %" in explorer.said.texts[0] or zero > 0.995


# ---------------------------------------------------------------------------- as every explorer


def ends(control):
    if isinstance(control, ipywidgets.Dropdown):
        values = [value for _, value in control.options]
        return [values[0], values[-1]]
    return [control.min, control.max]


def test_every_control_to_both_ends():
    explorer = Explorer(**SMALL)
    for name, control in explorer.inputs.items():
        for value in ends(control):
            explorer.set(**{name: value})
            explorer.advance(2)
            assert explorer.message == ""
            assert "nan" not in explorer.description
            assert "nan" not in " ".join(explorer.labels.texts)
            pixels(explorer)
    explorer.reset()
    assert {name: explorer.values[name] for name in SMALL} == SMALL
    assert explorer.time == 0


def test_all_cures_at_their_strongest_do_not_break_it():
    explorer = Explorer(
        **SMALL, l2=0.1, l1=0.003, units=0.8, pixels=0.7, learning_rate=0.2, patience=1
    )
    explorer.advance(10)
    assert explorer.message == ""
    assert "nan" not in explorer.description
    pixels(explorer)


def test_a_value_that_makes_no_sense_changes_nothing():
    explorer = Explorer(**SMALL)
    explorer.advance(3)
    before, words = explorer.values, explorer.description
    for name, nonsense in [
        *(("l2", value) for value in (math.nan, math.inf, "much", None, 7.0)),
        ("examples", 70),
        ("examples", [50]),
        ("units", 1.0),
        ("seed", 99),
    ]:
        with pytest.raises(ValueError, match=name):
            explorer.set(**{name: nonsense})
        assert explorer.values == before
    assert explorer.time == 3
    with pytest.raises(ValueError, match="no control 'colour'"):
        Explorer(colour="red")
    assert explorer.description == words


def test_a_click_into_a_chart_goes_back_to_that_update():
    explorer = Explorer(**SMALL)
    explorer.advance(8)
    chart = explorer.charts["error"]
    explorer.on_pointer(Pointer("down", chart, 61.0, 0.1, pressed=True))
    assert explorer.time == 3
    explorer.on_pointer(Pointer("move", chart, 500.0, 0.1, pressed=True))
    assert explorer.time == 8
    explorer.on_pointer(Pointer("move", chart, 5.0, 0.1))  # only passing by
    explorer.on_pointer(Pointer("down", explorer.chart, 0.0, 0.1, pressed=True))
    assert explorer.time == 8
    x, y, wide, high = chart.get_position().bounds
    place = {"x": x + 0.1 * wide, "y": y + 0.5 * high}
    explorer._receive({"kind": "down", "pressed": True} | place)  # as the page tells it
    assert explorer.time == 3


def test_all_rows_of_a_full_table_have_room():
    explorer = Explorer(**SMALL)
    for width in (16, 32, 64):
        explorer.advance(5)
        explorer.set(width=width)
    for _ in range(explorer.most_branches):
        explorer.advance(5)
        explorer.fork()
    explorer._prepare()
    rows = {label.text for label in explorer.labels._labels if label.x == COLUMNS["net"][0]}
    assert rows == {"net", "1", "2", "3", "B", "C", "D"}
    expect_words_apart(explorer)


def test_keys_step_and_fork():
    explorer = Explorer(**SMALL)
    explorer.on_key(Key("n"))
    assert explorer.time == 1
    explorer.on_key(Key("f"))
    assert explorer.branch.name == "B"
    with pytest.raises(ValueError, match="event loop"):
        explorer.on_key(Key(" "))


def test_it_is_legible_in_the_dark_and_hides_nothing_of_the_widget():
    explorer = Explorer(**SMALL)
    own = {name for name in vars(explorer) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"
    light = pixels(explorer)
    explorer.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(explorer)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200
