"""Annealing on torch: the original's weights from the original's numbers, and enumeration."""

import numpy as np
import pytest
import torch

from dlkit.models import partition_torch
from dlkit.models.partition import annealed_importance_sampling, log_partition
from dlkit.models.rbm import GaussianRBM
from dlkit.parity import to_torch
from tests.models.test_rbm import machine


@pytest.mark.parametrize("base", [None, np.linspace(-1, 1, 5)])
@pytest.mark.parametrize("temperatures", [30, [0, 0.3, 0.4, 1]])
def test_twins_anneal_alike_from_the_same_numbers(base, temperatures):
    rbm, settings = machine(), {"chains": 20, "temperatures": temperatures, "base_bias": base}
    ours = annealed_importance_sampling(rbm, np.random.default_rng(1), **settings)
    twin = to_torch(rbm, "cpu")
    theirs = partition_torch.annealed_importance_sampling(
        twin, np.random.default_rng(1), **settings
    )
    np.testing.assert_allclose(theirs.log_weights, ours.log_weights, rtol=1e-12)
    assert theirs.log_z == pytest.approx(ours.log_z, rel=1e-12)
    assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_annealing_in_float32_agrees_with_enumeration(seed):
    rbm = machine(visible=20, hidden=10, seed=seed, std=0.8, dtype=np.float32)
    generator = torch.Generator().manual_seed(seed)
    estimate = partition_torch.annealed_importance_sampling(
        to_torch(rbm, "cpu"), generator, chains=200, temperatures=500
    )
    assert estimate.low <= log_partition(rbm) <= estimate.high
    assert estimate.high - estimate.low < 0.5


def test_bad_input_is_refused():
    twin = to_torch(machine(), "cpu")
    anneal = partition_torch.annealed_importance_sampling
    with pytest.raises(ValueError, match="rbm must have binary visible units, got GaussianRBM"):
        anneal(to_torch(machine(GaussianRBM), "cpu"))
    with pytest.raises(ValueError, match="chains must be at least 2, got 1"):
        anneal(twin, chains=1)
    with pytest.raises(ValueError, match="temperatures must rise from 0 to 1"):
        anneal(twin, temperatures=[0, 0.5])
    with pytest.raises(ValueError, match=r"base_bias must have shape \(5,\), got \(3,\)"):
        anneal(twin, base_bias=np.zeros(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    rbm = machine(visible=20, hidden=10, std=0.8, dtype=np.float32)
    estimate = partition_torch.annealed_importance_sampling(
        to_torch(rbm, "cuda"), torch.Generator("cuda").manual_seed(0), chains=2000
    )
    assert estimate.low <= log_partition(rbm) <= estimate.high
