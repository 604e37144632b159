"""Initial values have the variance that their paper asks for."""

import numpy as np
import pytest

from dlkit.models import initialisers as init

SHAPE = (400, 300)  # out, in


@pytest.mark.parametrize(
    ("make", "variance"),
    [
        (init.fan_in_uniform, 1 / (3 * 300)),
        (init.glorot_uniform, 2 / 700),
        (init.glorot_normal, 2 / 700),
        (init.he_uniform, 2 / 300),
        (init.he_normal, 2 / 300),
        (init.normal(0.5), 0.25),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_variance(make, variance, seed):
    weight = make(np.random.default_rng(seed), SHAPE, np.float32)
    assert weight.dtype == np.float32
    assert weight.shape == SHAPE
    # 120,000 draws: the variance of a normal sample has a relative error of sqrt(2/N) = 0.4 %.
    assert weight.var() == pytest.approx(variance, rel=0.02)
    assert abs(weight.mean()) < 5 * np.sqrt(variance / weight.size)


def test_fans_count_the_kernel():
    assert init.fans((6, 3, 5, 5)) == (75, 150)


def test_the_same_seed_gives_the_same_weight():
    one, two = (init.he_normal(np.random.default_rng(7), SHAPE, np.float32) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_bad_settings_are_explained():
    with pytest.raises(ValueError, match=r"shape must be \(out, in"):
        init.he_normal(np.random.default_rng(0), (3,), np.float32)
    with pytest.raises(ValueError, match="std must be at least 0, got -1"):
        init.normal(-1)
    for std in (None, "small", np.inf):
        with pytest.raises(ValueError, match="std must be a finite number, got"):
            init.normal(std)
