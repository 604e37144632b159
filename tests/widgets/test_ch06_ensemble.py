"""Dropout as an ensemble, driven without a browser."""

import numpy as np
import pytest

from dlkit.models.dense import Linear, softmax
from dlkit.widgets import ch06_ensemble as module
from dlkit.widgets.ch06_ensemble import ASKED, NETS, ORDERS, DropoutEnsemble, everyone
from dlkit.widgets.explorer import Key, Pointer


@pytest.fixture
def ensemble():
    return DropoutEnsemble()


def test_the_whole_net_is_the_plain_net_with_the_learned_weights():
    answers = everyone()
    first, second, last = (
        layer for layer in module._trained(module.data.mnist()).layers if isinstance(layer, Linear)
    )
    a = answers.pictures.reshape(ASKED, -1)
    for layer in (first, second):
        a = np.maximum(a @ layer.weight.T + layer.bias, 0)
    said = softmax(a @ last.weight.T + last.bias)
    np.testing.assert_allclose(answers.whole, said, atol=1e-5)


def test_each_thinned_net_has_one_mask_for_all_digits():
    """Asked about two equal digits it says the same; another net says something else."""
    answers = everyone()
    assert answers.logs.shape == (NETS, ASKED, 10)
    assert np.exp(answers.logs).sum(axis=2) == pytest.approx(1, abs=1e-4)
    assert answers.dispute.min() > 0
    assert answers.alone.mean() > answers.whole_error  # to thin a net costs something


def test_means_by_hand(ensemble):
    ensemble.set(digit=3, nets=17)
    vote, answers = ensemble.data, everyone()
    single = np.exp(answers.logs[:17, vote.index])
    np.testing.assert_allclose(vote.average, single.mean(axis=0), rtol=1e-5)
    product = single.astype(float).prod(axis=0) ** (1 / 17)
    np.testing.assert_allclose(vote.geometric, product / product.sum(), rtol=1e-4, atol=1e-7)
    assert vote.votes.sum() == 17


@pytest.mark.parametrize("nets", [1, 2, 50, NETS])
def test_errors_by_hand(nets):
    answers = everyone()
    single = np.exp(answers.logs[:nets])
    wrong = single.mean(axis=0).argmax(axis=1) != answers.labels
    assert answers.average[nets - 1] == pytest.approx(wrong.mean(), abs=1 / ASKED)
    log_mean = answers.logs[:nets].astype(float).mean(axis=0)
    wrong = log_mean.argmax(axis=1) != answers.labels
    assert answers.geometric[nets - 1] == pytest.approx(wrong.mean(), abs=1 / ASKED)


def test_disputed_digits_come_first_or_last(ensemble):
    dispute = everyone().dispute
    ensemble.set(order=ORDERS[1], digit=0)
    assert dispute[ensemble.data.index] == dispute.max()
    ensemble.set(order=ORDERS[2])
    assert dispute[ensemble.data.index] == dispute.min()
    ensemble.set(order=ORDERS[0], digit=7)
    assert ensemble.data.index == 7
    assert sorted(module._ranking(ORDERS[1])) == list(range(ASKED))


def test_keys_pointer_and_buttons(ensemble):
    ensemble.set(nets=10, digit=0)
    for key, shift, name, value in (
        ("ArrowUp", False, "nets", 11),
        ("ArrowUp", True, "nets", 21),
        ("ArrowDown", True, "nets", 11),
        ("ArrowRight", False, "digit", 1),
        ("ArrowLeft", False, "digit", 0),
        ("ArrowLeft", False, "digit", 0),
    ):
        ensemble.on_key(Key(key, shift))
        assert ensemble.values[name] == value
    ensemble.on_pointer(Pointer("down", ensemble.errors, 42.3, 5.0, pressed=True))
    assert ensemble.values["nets"] == 42
    ensemble.on_pointer(Pointer("move", ensemble.errors, 99.0, 5.0))  # not pressed
    assert ensemble.values["nets"] == 42
    ensemble.ask(NETS)
    assert ensemble.values["nets"] == NETS
    ensemble.ask(-2 * NETS)
    assert ensemble.values["nets"] == 1


def test_every_control_to_both_ends_and_back(ensemble):
    first = ensemble.description
    for name, values in {"digit": (0, ASKED - 1), "nets": (1, NETS), "order": ORDERS}.items():
        for value in values:
            ensemble.set(**{name: value})
            ensemble._prepare()
            ensemble.frame.layers.pixels()
            assert not ensemble.message
    ensemble.reset()
    assert ensemble.description == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"digit": ASKED}, f"digit cannot be {ASKED}"),
        ({"nets": 0}, "nets cannot be 0"),
        ({"order": "at random"}, "order cannot be 'at random'"),
        ({"n": 3}, "has no control 'n'"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(ensemble, values, sentence):
    before = ensemble.values
    with pytest.raises(ValueError, match=sentence):
        ensemble.set(**values)
    assert ensemble.values == before


def test_the_words_hold_the_numbers(ensemble):
    ensemble.set(nets=25, digit=2)
    vote, answers, words = ensemble.data, everyone(), ensemble.description
    best = vote.average.argmax()
    assert f"a {vote.label}" in words
    assert f"probability {vote.average[best]:.3f}" in words
    assert f"{vote.geometric[best]:.3f}" in words
    assert f"{100 * answers.average[24]:.1f} %" in words
    assert f"{100 * answers.whole_error:.1f} %" in words


def test_one_net_says_and_several_say(ensemble):
    ensemble.set(nets=1, digit=0)
    assert f"Of 1 thinned net, 1 says {ensemble.data.votes.argmax()}." in ensemble.description
    ensemble.set(nets=200, order="least disputed first")
    votes = ensemble.data.votes
    assert f" {votes.max()} say {votes.argmax()}" in ensemble.description
