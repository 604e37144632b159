"""The folded answers of chapter 06: its explorers show what the answers say."""

import numpy as np
import pytest

from dlkit.widgets.ch06_ensemble import everyone
from dlkit.widgets.ch06_learner import Cures, Learner


def trained(examples, width=128, **cures):
    """A net as *Overfit on purpose* makes it with random start 0, at the end of its training."""
    learner = Learner(examples, width, 1200, seed=0)
    while not learner.done:
        learner.step(0.05, Cures(**cures))
    return learner


# Seeds 0 to 2, test errors: 38 to 41 % with 8 units, 25 to 29 % with 32, 24 to 25 % with 256.
@pytest.mark.parametrize(("width", "error"), [(8, 0.40), (32, 0.27), (256, 0.25)])
def test_from_100_digits_a_wide_net_does_better_than_a_narrow_one(width, error):
    net = trained(100, width)
    assert net.numbers["training error"] == 0
    assert net.numbers["test error"] == pytest.approx(error, abs=0.04)


# Seeds 0 to 2: 10.8 to 11.6 % without a cure, 7.0 to 7.8 % with pixels dropped, 9.0 to 9.8 % with
# units dropped, 10.2 to 10.8 % with L2, 12.6 to 14.4 % with L1.
@pytest.mark.parametrize(
    ("cures", "error"),
    [
        ({}, 0.11),
        ({"pixels": 0.5}, 0.075),
        ({"units": 0.5}, 0.095),
        ({"l2": 0.01}, 0.105),
        ({"l1": 0.001}, 0.14),
    ],
    ids=str,
)
def test_one_cure_at_a_time_on_1000_digits(cures, error):
    net = trained(1000, **cures)
    assert net.numbers["test error"] == pytest.approx(error, abs=0.01)
    if "l1" in cures:
        assert np.mean(net.weights == 0) == pytest.approx(0.95, abs=0.02)
    if "l2" in cures:
        assert net.numbers["test loss"] < 0.4


def test_dropped_pixels_gain_a_fifth_from_200_digits_too():
    assert trained(200).numbers["test error"] == pytest.approx(0.21, abs=0.015)
    assert trained(200, pixels=0.5).numbers["test error"] == pytest.approx(0.17, abs=0.015)


def test_so_many_thinned_nets_are_as_good_as_the_whole_one():
    answers = everyone()
    assert 1.6 < answers.alone.mean() / answers.whole_error < 2.2
    assert answers.average[4] > answers.whole_error + 0.01
    assert answers.average[19:30].min() <= answers.whole_error + 0.002


def test_the_geometric_mean_lies_where_the_whole_net_is():
    answers = everyone()
    joint = np.exp(answers.logs.astype(float).mean(axis=0))
    joint /= joint.sum(axis=1, keepdims=True)
    average = np.exp(answers.logs).mean(axis=0)
    away = [0.5 * np.abs(p - answers.whole).sum(axis=1).mean() for p in (joint, average)]
    assert away[0] < away[1] / 4
    assert (average.max(axis=1) < answers.whole.max(axis=1)).mean() > 0.9


def test_the_whole_net_errs_where_the_thinned_ones_disagree():
    answers = everyone()
    wrong = answers.whole.argmax(axis=1) != answers.labels
    order = answers.dispute.argsort()
    assert wrong[order[-20:]].mean() > 1 / 3
    assert wrong[order[:20]].mean() <= 0.05
