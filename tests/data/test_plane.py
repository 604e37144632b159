"""The toy planes keep their promises: seeds, balance, shapes, and above all the margin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit import data

PLANES = [data.moons, data.circles, data.spirals, data.xor, data.blobs]


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("n", [2, 3, 200])
def test_shape_and_balance(plane, n):
    split = plane(n, rng=0)
    assert split.x_train.shape == (n, 2)
    assert split.x_train.dtype == np.float32
    assert np.bincount(split.y_train, minlength=2).tolist() == [n - n // 2, n // 2]


@pytest.mark.parametrize("plane", PLANES)
def test_seed_decides(plane):
    np.testing.assert_array_equal(plane(rng=3).x_train, plane(rng=3).x_train)
    same = plane(rng=np.random.default_rng(3))
    np.testing.assert_array_equal(plane(rng=3).x_train, same.x_train)
    assert (plane(rng=3).x_train != plane(rng=4).x_train).any()


@pytest.mark.parametrize("plane", PLANES)
def test_generator_moves_on_and_global_state_does_not(plane, rng):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert (plane(rng=rng).x_train != plane(rng=rng).x_train).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("plane", PLANES)
def test_parts_and_dtype(plane):
    split = plane(50, rng=0, test_fraction=0.2, dtype=np.float64)
    assert (len(split.y_train), len(split.y_test)) == (40, 10)
    assert split.x_test.dtype == np.float64


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n": 1}, "n must"),
        ({"n": 2.5}, "n must"),
        ({"rng": -1}, "rng must"),
        ({"rng": None}, "rng must"),
        ({"dtype": int}, "dtype must"),
    ],
)
def test_bad_arguments(plane, wrong, named):
    with pytest.raises(ValueError, match=named):
        plane(**{"rng": 0} | wrong)


def test_noise_must_not_be_negative():
    with pytest.raises(ValueError, match="noise"):
        data.moons(rng=0, noise=-1)


def test_circles_have_their_radii():
    split = data.circles(rng=0, noise=0, factor=0.4, dtype=np.float64)
    np.testing.assert_allclose(np.linalg.norm(split.x, axis=1), np.where(split.y, 0.4, 1.0))


def test_xor_of_four_points_is_the_truth_table():
    split = data.xor(4, rng=0, noise=0)
    rows = {(*map(int, point), int(label)) for point, label in zip(split.x, split.y, strict=True)}
    assert rows == {(-1, -1, 0), (-1, 1, 1), (1, -1, 1), (1, 1, 0)}


@pytest.mark.parametrize("plane", [data.moons, data.circles, data.spirals, data.xor])
def test_no_line_parts_the_others(plane):
    """The best of many lines errs often: these planes are for nets with a hidden layer."""
    split = plane(400, rng=0)
    angles = np.linspace(0, 2 * np.pi, 90)
    projected = split.x @ np.stack([np.cos(angles), np.sin(angles)])
    scores = ((projected[..., None] > np.linspace(-2, 2, 81)) == split.y[:, None, None]).mean(
        axis=0
    )
    assert scores.max() < 0.95


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(2, 300),
    margin=st.floats(-1, 10),
    spread=st.floats(0, 10),
    direction=st.lists(st.floats(-5, 5), min_size=1, max_size=5).filter(
        lambda d: np.linalg.norm(d) > 1e-3
    ),
    centre=st.floats(-100, 100),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_margin_is_guaranteed(seed, n, margin, spread, direction, centre, dtype):
    split = data.blobs(
        n,
        rng=seed,
        margin=margin,
        spread=spread,
        dimensions=len(direction),
        direction=direction,
        centre=centre,
        dtype=dtype,
    )
    normal = np.array(direction) / np.linalg.norm(direction)
    side = 2 * split.y - 1
    distance = side * ((split.x.astype(np.float64) - centre) @ normal)
    assert distance.min() >= margin - 1e-12 * (1 + abs(centre))  # of this very sum in float64


def test_margin_is_not_far_from_the_promise():
    split = data.blobs(2000, rng=0, margin=0.3, direction=[1, 0])
    assert 0.3 <= np.abs(split.x[:, 0]).min() < 0.32


def test_direction_is_drawn_from_the_seed():
    means = [
        (s.x[s.y == 1].mean(axis=0) - s.x[s.y == 0].mean(axis=0))
        for s in (data.blobs(rng=seed) for seed in range(8))
    ]
    angles = np.arctan2(*np.transpose(means))
    assert np.ptp(angles) > 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"direction": [0, 0]},
        {"direction": [1, 0, 0]},
        {"direction": [np.nan, 1]},
        {"centre": [1, 2, 3]},
        {"margin": np.inf},
        {"spread": -1},
        {"dimensions": 0},
    ],
    ids=str,
)
def test_blobs_refuse(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        data.blobs(rng=0, **wrong)


def test_noise_is_a_standard_deviation():
    x = data.xor(4000, rng=0, noise=0.2).x
    assert (x - np.sign(x)).std() == pytest.approx(0.2, rel=0.05)


def test_points_are_spread_evenly_along_a_spiral():
    """A quarter of them within half the radius, where a quarter of the area is."""
    radius = np.hypot(*data.spirals(4000, rng=0, noise=0).x.T)
    assert (radius < 0.5).mean() == pytest.approx(0.242, abs=0.03)  # none within a tenth
