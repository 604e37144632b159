"""The mask of chapter 06, driven without a browser."""

import numpy as np
import pytest

from dlkit.models.dense import sigmoid
from dlkit.models.dropout import Dropout
from dlkit.widgets import ch06_mask as module
from dlkit.widgets.ch06_mask import MOST, PLACES, TRAINED, UNITS, WIDTH, TheMask, trained_net
from dlkit.widgets.explorer import Key, Pointer


@pytest.fixture
def mask():
    return TheMask()


def dropped_like(net, mask, p, x):
    """The net's own Dropout layers with this mask held: what training would have computed."""
    net = net.train()
    for layer, part in zip(
        [layer for layer in net.layers if isinstance(layer, Dropout)],
        (mask[:WIDTH], mask[WIDTH:]),
        strict=True,
    ):
        layer.hold, layer.mask = True, np.tile(part / (1 - p), (len(x), 1))
    said = sigmoid(net(x))[:, 0]
    net.eval()
    return said


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_a_thinned_net_is_the_net_with_its_dropout_layers_held(mask, trained, p):
    mask.set(trained=trained, p=p, number=7)
    data = mask.data
    x = np.array([data.point])
    assert data.said == pytest.approx(dropped_like(trained_net(trained), data.mask, p, x)[0])
    grid = dropped_like(trained_net(trained), data.mask, p, module.GRID)
    assert data.area.ravel() == pytest.approx(grid)


def test_all_nets_are_counted_each_with_its_chance(mask, rng):
    mask.set(p=0.3)
    data = mask.data
    assert data.chances.sum() == pytest.approx(1)
    net, x = trained_net(mask.values["trained"]), np.array([data.point])
    masks = (rng.random((4000, UNITS)) >= 0.3).astype(float)
    said = np.array([module.answer(net, x, m, 0.3)[0] for m in masks])
    error = data.spread / np.sqrt(len(said))
    assert abs(said.mean() - data.average) < 4 * error  # 4 standard errors of the mean
    assert said.std() == pytest.approx(data.spread, rel=0.05)
    everyone = module.every_answer(net, x, 0.3)
    assert everyone[module.numbers_of(masks)] == pytest.approx(said)


def test_without_dropout_there_is_one_net(mask):
    mask.set(p=0, number=5)
    data = mask.data
    assert data.mask.all()
    assert data.spread == pytest.approx(0)
    assert data.said == data.average == pytest.approx(data.mean_net)


def test_the_average_of_what_is_drawn_goes_to_the_exact_one(mask):
    mask.set(number=MOST)
    data = mask.data
    assert len(data.sampled) == MOST
    assert abs(data.sampled.mean() - data.average) < 4 * data.spread / np.sqrt(MOST)


def test_units_are_dropped_by_hand_until_the_next_mask(mask):
    before = mask.data.mask.copy()
    mask.on_pointer(Pointer("down", mask.graph, *PLACES[2 + 3], pressed=True))
    assert mask.data.mask[3] == 1 - before[3]
    mask.on_key(Key("]"))
    mask.on_key(Key("x"))
    assert mask.data.mask[4] == 1 - before[4]
    mask.on_pointer(Pointer("down", mask.graph, 0.5, -0.05, pressed=True))  # no unit there
    assert (mask.data.mask != before).sum() == 2
    mask.keep_all()
    assert mask.data.mask.all()
    mask.on_key(Key(" "))
    assert mask.values["number"] == 2
    assert not mask.values["flipped"]


def test_the_point_is_moved_by_pointer_and_keys_and_stays_in_the_plane(mask):
    mask.on_pointer(Pointer("move", mask.plane, -1.0, 1.0, pressed=True))
    assert mask.data.point == (-1, 1)
    mask.on_key(Key("ArrowRight"))
    mask.on_key(Key("ArrowDown"))
    assert mask.data.point == pytest.approx((-0.9, 0.9))
    mask.set(point=(99, -99))
    assert mask.data.point == (2, -2)


def test_every_control_to_both_ends_and_back(mask):
    first = mask.description
    for name, values in {
        "p": (0, 0.9),
        "number": (1, MOST),
        "trained": tuple(TRAINED),
        "chosen": (0, UNITS - 1),
    }.items():
        for value in values:
            mask.set(**{name: value})
            mask._prepare()
            assert not mask.message
            assert np.isfinite([mask.data.said, mask.data.average, mask.data.mean_net]).all()
    mask.reset()
    assert mask.description == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"point": (np.nan, 0)}, "point must hold two finite numbers"),
        ({"flipped": {99}}, "flipped must hold units 0 … 15"),
        ({"chosen": -1}, "chosen must be a unit 0 … 15"),
        ({"p": 1.5}, "p cannot be 1.5"),
        ({"number": 0}, "number cannot be 0"),
        ({"trained": "by magic"}, "trained cannot be 'by magic'"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(mask, values, sentence):
    before = mask.values
    with pytest.raises(ValueError, match=sentence):
        mask.set(**values)
    assert mask.values == before


def test_the_last_mask_is_the_last(mask):
    mask.set(number=MOST - 1)
    mask.draw_masks(100)
    assert mask.values["number"] == MOST
    with pytest.raises(ValueError, match="reset to begin anew"):
        mask.draw_masks(1)


def test_the_words_hold_the_numbers(mask):
    mask.set(number=12, p=0.25)
    data, words = mask.data, mask.description
    for number in (data.said, data.average, data.spread, data.mean_net, data.sampled.mean()):
        assert f"{number:.3f}" in words
    assert f"{int(data.mask[:WIDTH].sum())} of 8 units in layer 1" in words
    assert "12 drawn masks average" in words
    mask.set(number=1)
    assert "1 drawn mask averages" in mask.description
