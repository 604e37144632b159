"""The folded answers of chapter 03: its explorers show what the answers say."""

import numpy as np
import pytest

from dlkit.widgets.ch03_vanishing_gradients import GradientProfile, TrainItAnyway


def arrives(profile):
    """The first layer's share of the last one's gradient."""
    return profile.data.profile.backward[0] / profile.data.profile.backward[-1]


@pytest.mark.parametrize("seed", range(3))
def test_thirty_tanh_layers_forgive_large_weights_more_readily_than_small_ones(seed):
    # Seeds 0 to 2: 0.0009 to 0.0012 with a gain of 0.8, 580 to 750 with 2.4.
    profile = GradientProfile(depth=30, activation="tanh", initial="Glorot", seed=seed)
    for gain, low, high in ((0.75, 0, 1e-3), (0.85, 1e-3, 1), (2.2, 1, 1e3), (2.6, 1e3, 1e5)):
        profile.set(gain=gain)
        assert low < arrives(profile) < high


@pytest.mark.parametrize("seed", range(3))
def test_twelve_sigmoid_layers_need_a_gain_of_ten_and_saturate(seed):
    profile = GradientProfile(
        depth=12, activation="sigmoid", initial="Glorot", gain=10.0, seed=seed
    )
    assert profile.data.profile.factor == pytest.approx(1, abs=0.1)
    assert profile.data.profile.saturated.mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_with_relu_batch_normalisation_lets_the_blame_grow_whatever_the_size_of_the_weights(seed):
    # Seeds 0 to 4: 1.21 to 1.24 a layer; theory says √(1 / (1 − 1/π)).
    profile = GradientProfile(activation="ReLU", paths="batch normalisation", seed=seed)
    for gain in (0.3, 1, 3):
        profile.set(gain=gain)
        assert profile.data.profile.factor == pytest.approx((1 - 1 / np.pi) ** -0.5, abs=0.06)


@pytest.mark.parametrize("seed", range(3))
def test_with_relu_a_residual_path_is_above_its_formula(seed):
    # Seeds 0 to 4: 1.45 to 1.56 a layer with a gain of 1, where √2 is expected.
    profile = GradientProfile(activation="ReLU", initial="He", paths="residual paths", seed=seed)
    assert profile.data.theory.factor == pytest.approx(np.sqrt(2), rel=1e-3)
    assert 1.43 < profile.data.profile.factor < 1.7


@pytest.mark.parametrize("seed", range(2))
def test_with_gain_8_it_gets_worse_before_it_gets_better(seed):
    # Seeds 0 to 3: the first layer gets 0.03 to 0.22 of its gradient, the last one 0.68 to 0.77.
    training = TrainItAnyway(gain=8.0, seed=seed)
    looks = [training.data.profile.backward]
    for _ in range(60):
        training.advance(1)
        looks.append(training.data.profile.backward)
    first, last = np.array(looks)[:, [0, -1]].T
    lowest = first[:15].argmin()
    assert first[lowest] < first[0] / 4
    assert last[lowest] > last[0] / 2
    assert first[lowest:].max() > 5 * first[lowest]
    assert first[-1] / last[-1] > first[0] / last[0]
    assert training.data.right > 0.3


def test_a_rate_of_1_saturates_the_last_layer_and_a_lower_one_does_not_bring_it_back():
    training = TrainItAnyway(learning_rate=1.0)
    training.advance(8)  # a pass
    saturated = training.data.profile.saturated
    assert saturated[-1] == 1
    assert 0 < saturated[-2] < 1
    assert not saturated[:-2].any()
    training.set(learning_rate=0.01)
    training.advance(20)
    assert training.data.profile.saturated == pytest.approx(saturated, abs=0.1)
