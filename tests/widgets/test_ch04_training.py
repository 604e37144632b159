"""Contrastive divergence at work: the training explorer of chapter 04, without a browser."""

import copy
import itertools
import math

import ipywidgets
import numpy as np
import pytest

from dlkit.models.optimisers import SGD
from dlkit.models.rbm import cd_step
from dlkit.widgets.ch04_learner import BARS, BATCH, DIGITS, MEASURED, Learner, pictures
from dlkit.widgets.ch04_training import (
    USUAL,
    CDTraining,
    apart,
    arrange,
    enlarged,
    round_number,
    thinned,
    window,
)
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import Label, Style

PLAIN = {
    "method": "CD",
    "k": 1,
    "learning_rate": 0.1,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "sparsity_cost": 0.0,
    "sparsity": 0.1,
}


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def numbers_of(explorer):
    return explorer.data.numbers


# ---------------------------------------------------------------------------- the learner


def test_bars_and_stripes_are_all_there_and_their_best_likelihood_is_their_entropy():
    source = pictures(BARS, 100)
    rows = [tuple(row) for row in source.train.astype(int).tolist()]
    share = {row: rows.count(row) / len(rows) for row in set(rows)}
    assert source.best == pytest.approx(sum(p * math.log(p) for p in share.values()))
    assert source.exact
    assert not pictures(DIGITS, 100).exact
    assert len(np.unique(source.shown, axis=0)) == 10


def test_digits_learned_and_held_out_are_different_ones():
    source = pictures(DIGITS, 100)
    assert source.train.shape == (100, 784)
    assert len(source.held_out) == 1000
    assert not (source.train[:, None] == source.held_out[None, :50]).all(axis=2).any()


def test_a_step_is_the_library_s_own_contrastive_divergence():
    source = pictures(BARS, 100)
    learner = Learner(source, 10, seed=3)
    twin = copy.deepcopy(learner)
    settings = PLAIN | {"momentum": 0.5, "method": "PCD", "k": 2}
    learner.learn(source, **settings)
    learner.learn(source, **settings)  # the velocity goes on
    step = cd_step(
        twin.rbm,
        SGD(twin.rbm.parameters, 0.1, momentum=0.5),
        twin.rng,
        k=2,
        chain=twin.chain,
    )
    for _ in range(2 * source.updates):
        step(source.train)
    for name, array in learner.rbm.parameters.items():
        np.testing.assert_allclose(array, twin.rbm.parameters[name], rtol=1e-5, atol=1e-6)
    assert np.array_equal(learner.chain, twin.chain)
    assert learner.updates == 2 * source.updates


def test_the_log_likelihood_is_that_of_enumeration_by_hand():
    source = pictures(BARS, 100)
    learner = Learner(source, 4, seed=0)
    for _ in range(20):
        learner.learn(source, **PLAIN)
    w, b, c = (a.astype(float) for a in learner.rbm.parameters.values())
    v = np.array(list(itertools.product((0, 1), repeat=16)), float)
    score = np.exp(v @ b) * np.prod(1 + np.exp(c + v @ w.T), axis=1)  # e^-F of every state
    x = source.train.astype(float)
    log_p = x @ b + np.log1p(np.exp(c + x @ w.T)).sum(axis=1) - np.log(score.sum())
    assert learner.numbers["log-likelihood"] == pytest.approx(log_p.mean(), abs=1e-4)
    free = -(x @ b) - np.log1p(np.exp(c + x @ w.T)).sum(axis=1)
    assert learner.numbers["free energy"] == pytest.approx(free.mean(), rel=1e-5)


def test_the_numbers_are_those_of_their_definitions():
    source = pictures(DIGITS, 400)
    learner = Learner(source, 16, seed=0)
    learner.learn(source, **PLAIN)
    before = copy.deepcopy(learner)
    learner.learn(source, **PLAIN)
    numbers = learner.numbers
    rbm, train, held_out = learner.rbm, source.train[:MEASURED], source.held_out[:MEASURED]
    gap = rbm.free_energy(held_out).mean() - rbm.free_energy(train).mean()
    assert numbers["gap"] == pytest.approx(gap, abs=1e-3)
    error = np.mean((rbm.reconstruct(held_out) - held_out) ** 2)
    assert numbers["held-out error"] == pytest.approx(error)
    assert numbers["on"] == pytest.approx(rbm.hidden_probabilities(train).mean())
    whole = np.linalg.norm(rbm.weight - before.rbm.weight) / np.linalg.norm(before.rbm.weight)
    assert 0.02 * whole < numbers["ratio"] < whole
    assert math.isnan(numbers["log-likelihood"])


def test_weights_decay_and_biases_do_not():
    source = pictures(DIGITS, 100)
    learner = Learner(source, 4, seed=0)
    other = copy.deepcopy(learner)
    one_update = source.__class__(source.train[:50], source.held_out, source.shown, (28, 28), 1)
    learner.learn(one_update, **PLAIN)
    other.learn(one_update, **PLAIN | {"weight_decay": 0.5})
    start = Learner(source, 4, seed=0).rbm
    np.testing.assert_allclose(
        learner.rbm.weight - other.rbm.weight, 0.1 * 0.5 * start.weight, rtol=1e-3, atol=1e-7
    )
    assert np.array_equal(learner.rbm.visible_bias, other.rbm.visible_bias)
    assert np.array_equal(learner.rbm.hidden_bias, other.rbm.hidden_bias)


def test_a_copy_goes_on_exactly_like_the_original():
    source = pictures(DIGITS, 100)
    learner = Learner(source, 4, seed=1)
    settings = PLAIN | {"momentum": 0.9}
    learner.learn(source, **settings)
    twin = copy.deepcopy(learner)
    learner.learn(source, **settings)
    assert not np.array_equal(twin.rbm.weight, learner.rbm.weight)
    twin.learn(source, **settings)
    for name, array in learner.rbm.parameters.items():
        assert np.array_equal(array, twin.rbm.parameters[name])
    assert np.array_equal(twin.chain, learner.chain)


# ---------------------------------------------------------------------------- what one can see


def test_the_likelihood_rises_and_falls_while_the_reconstruction_improves():
    explorer = CDTraining(dataset=BARS)
    explorer.set(learning_rate=10**-0.5)
    explorer.advance(80)
    likelihood = explorer.curves("log-likelihood")["A"]
    error = explorer.curves("error")["A"]
    best = int(likelihood.argmax())
    # Five seeds: at best −4.8 to −5.2, after 1,200 to 1,550 of 4,000 updates; then 0.5 to 1.5 less.
    assert 15 < best < 45
    assert likelihood[0] < -9
    assert likelihood[best] > -6
    assert likelihood[-1] < likelihood[best] - 0.3
    assert error[-1] < 0.5 * error[best]
    assert "It was higher" in explorer.description
    assert "best possible" in " ".join(explorer.names["third"].texts)


def test_the_gap_opens_with_few_digits_and_not_with_many():
    few, many = CDTraining(examples=100, hidden=36), CDTraining(hidden=36)
    for explorer in (few, many):
        explorer.advance(40)
        assert numbers_of(explorer)["error"] < 0.05
        assert numbers_of(explorer)["free energy"] < 0
    # Three seeds: 22.9 to 23.4 nats with 100 digits, 1.1 to 1.4 with 4,000.
    assert numbers_of(few)["gap"] > 15
    assert numbers_of(many)["gap"] < 5
    assert "learns its digits by heart" in few.description
    assert "by heart" not in many.description


def test_sparsity_makes_units_rest():
    plain, sparse = (CDTraining(hidden=36, sparsity_cost=cost) for cost in (0.0, 1.0))
    for explorer in (plain, sparse):
        explorer.advance(30)
    # Three seeds: 40 to 41 % without, 12 to 13 % with a target of 10 %.
    assert numbers_of(sparse)["on"] < 0.2
    assert numbers_of(plain)["on"] > 0.35


def test_rewind_change_and_go_on_makes_a_branch_to_compare_with():
    explorer = CDTraining(hidden=4, examples=100)
    explorer.advance(6)
    explorer.rewind(3)
    assert explorer.data.updates == 15
    explorer.set(method="PCD", k=3)
    explorer.advance(2)
    assert [branch.length for branch in explorer.branches] == [6, 5]
    one, other = explorer.curves("error").values()
    assert np.array_equal(one[:3], other[:3])
    assert one[3] != other[3]
    assert "PCD-3. Update 25 of branch B" in explorer.description
    assert "A 0.0" in explorer.description
    assert {text.strip() for text in explorer.names["error"].texts} == {"A", "B"}
    explorer.fork()
    assert explorer.branch.name == "C"


def test_the_recording_keeps_few_enough_moments():
    explorer = CDTraining(dataset=BARS, hidden=4)
    explorer.advance(130)
    assert len(explorer.branch.snapshots) <= 64
    explorer.rewind(70)
    assert 60 <= explorer.time <= 70
    assert explorer.data.updates == 50 * explorer.time


def test_other_pictures_bring_the_settings_that_suit_them():
    explorer = CDTraining()
    explorer.inputs["dataset"].value = BARS  # by hand
    assert {name: explorer.values[name] for name in USUAL[BARS]} == USUAL[BARS]
    assert explorer.data.filters.shape == (10, 4, 4)
    explorer.set(dataset=DIGITS, hidden=16)  # in code: what is given wins
    assert explorer.data.filters.shape == (16, 28, 28)
    assert explorer.values["momentum"] == USUAL[DIGITS]["momentum"]
    assert CDTraining(dataset=BARS, hidden=4).data.filters.shape == (4, 4, 4)


def test_a_learning_rate_that_breaks_it_gives_a_sentence(monkeypatch):
    explorer = CDTraining(hidden=4, examples=100)
    explorer.advance(2)
    explorer._now.rbm.weight[...] = np.inf
    explorer.advance(1)
    assert "left the range of numbers" in explorer.message
    assert explorer.time == 2
    explorer.advance(1)
    assert explorer.message == ""
    assert explorer.time == 3


# ---------------------------------------------------------------------------- parts of the picture


def test_all_filters_are_in_the_mosaic_first_row_on_top():
    filters = np.arange(5.0)[:, None, None] * np.ones((5, 28, 28))
    sheet = arrange(filters)[::-1]  # now the highest row first, as it is seen
    assert sheet.shape == (2 * 29, 3 * 29)
    assert (sheet[:28, :28] == 0).all()
    assert (sheet[:28, 29:57] == 1).all()
    assert (sheet[29:57, :28] == 3).all()
    assert np.isnan(sheet[28]).all()
    assert np.isnan(sheet[29:, 58:]).all()  # the place that stays empty
    assert arrange(filters, columns=5).shape == (29, 5 * 29)
    small = arrange(enlarged(np.arange(16.0).reshape(1, 4, 4)))[::-1]
    assert np.array_equal(small[:28:7, :28:7], np.arange(16.0).reshape(4, 4))


def test_a_long_curve_is_thinned_and_keeps_its_end():
    curve = thinned(list(range(1234)), updates=5)
    assert curve.shape[1] <= 500
    assert tuple(curve[:, -1]) == (5 * 1234, 1233)
    assert np.array_equal(curve[1], curve[0] / 5 - 1)
    assert thinned([], 5).shape == (2, 0)


@pytest.mark.parametrize("values", [[0.0], [-81.3, 40.0], [0.034], [np.nan], [5e4, -3e5], []])
def test_limits_are_round_and_hold_everything(values):
    low, high = window(np.array(values, float))
    assert low < high
    finite = [v for v in values if np.isfinite(v)]
    assert all(low <= v <= high for v in finite)
    if finite and any(finite):
        assert high - low < 3 * max(np.ptp([*finite, 0]), 1e-6)


def test_the_scale_of_the_filters_is_a_round_number():
    assert [round_number(v) for v in (0.03, 0.05, 0.51, 7.0)] == [0.05, 0.05, 1.0, 10.0]
    explorer = CDTraining(hidden=4, examples=100)
    explorer.advance(20)
    scale, weights = explorer.data.scale, np.abs(explorer.data.filters)
    assert 0.2 * scale < np.quantile(weights, 0.995) <= scale
    assert f"full at ±{scale:g}" in " ".join(explorer.labels.texts)


def test_names_of_curves_do_not_collide():
    style = Style("black")
    placed = apart([Label(1, y, "x", style) for y in (0.5, 0.1, 0.12)], least=0.1)
    heights = sorted(label.y for label in placed)
    assert np.diff(heights).min() >= 0.1 - 1e-12


# ---------------------------------------------------------------------------- as every explorer


def ends(control):
    if isinstance(control, ipywidgets.Dropdown):
        return list(control.options)
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base**control.min, control.base**control.max]
    return [control.min, control.max]


def test_every_control_goes_to_both_ends_and_says_what_it_shows():
    explorer = CDTraining(hidden=10)
    start, first = explorer.values, explorer.description
    for name, control in explorer.inputs.items():
        for value in ends(control):
            control.value = value
            explorer.advance(2)
            assert explorer.message == "", (name, value)
            assert "nan" not in explorer.description.lower(), (name, value)
            assert not any("nan" in text for text in explorer.labels.texts)
            assert len(np.unique(pixels(explorer))) > 3
        explorer.reset()
    assert explorer.values == start
    assert explorer.description == first
    assert explorer.time == 0


@pytest.mark.parametrize("dataset", [DIGITS, BARS])
def test_the_wildest_settings_do_not_break_it(dataset):
    explorer = CDTraining(
        dataset=dataset, hidden=16, learning_rate=1.0, momentum=0.95, sparsity_cost=1.0
    )
    explorer.advance(15)
    assert explorer.message == ""
    assert "nan" not in explorer.description
    pixels(explorer)


def test_a_value_that_makes_no_sense_changes_nothing():
    explorer = CDTraining(hidden=4)
    explorer.advance(3)
    before, words = explorer.values, explorer.description
    for name, nonsense in [
        *(("learning_rate", value) for value in (math.nan, math.inf, "much", None, 2.0)),
        ("k", 0),
        ("hidden", 7),
        ("dataset", "letters"),
        ("dataset", ["digits"]),
        ("momentum", 1.0),
    ]:
        with pytest.raises(ValueError, match=name):
            explorer.set(**{name: nonsense})
        assert explorer.values == before
    assert explorer.time == 3
    with pytest.raises(ValueError, match="no control 'colour'"):
        CDTraining(colour="red")
    assert explorer.description == words


def test_a_click_into_a_chart_goes_back_to_that_update():
    explorer = CDTraining(hidden=4, examples=100)
    explorer.advance(8)
    explorer.on_pointer(Pointer("down", explorer.charts["third"], 16.0, 1.0, pressed=True))
    assert explorer.time == 3
    explorer.on_pointer(Pointer("move", explorer.charts["third"], 90.0, 1.0, pressed=True))
    assert explorer.time == 8
    explorer.on_pointer(Pointer("move", explorer.charts["third"], 5.0, 1.0))  # only passing by
    explorer.on_pointer(Pointer("down", explorer.sheet, 1.0, 1.0))
    assert explorer.time == 8
    assert len(explorer.branches) == 1


def test_keys_step_and_fork():
    explorer = CDTraining(hidden=4, examples=100)
    explorer.on_key(Key("s"))
    assert explorer.time == 1
    explorer.on_key(Key("f"))
    assert explorer.branch.name == "B"
    with pytest.raises(ValueError, match="event loop"):
        explorer.on_key(Key(" "))


def test_it_is_legible_in_the_dark_and_hides_nothing_of_the_widget():
    explorer = CDTraining(hidden=4)
    own = {name for name in vars(explorer) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"
    light = pixels(explorer)
    explorer.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(explorer)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200
    assert BATCH == 100
