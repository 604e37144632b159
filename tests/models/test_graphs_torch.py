"""A recorded step learns what a step by hand learns; on a GPU where there is one."""

import numpy as np
import pytest
import torch

from dlkit.models.graphs_torch import graphed_step
from dlkit.models.lenet import lenet
from dlkit.parity import to_torch

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


@pytest.fixture
def pictures(rng):
    return torch.from_numpy(rng.random((60, 1, 28, 28), np.float32)), torch.arange(60) % 10


def parts(device):
    """A LeNet, its loss and its optimiser."""
    module = to_torch(lenet(np.random.default_rng(0)), device)
    capturable = {"capturable": True} if device == "cuda" else {}
    optimiser = torch.optim.Adam(module.parameters(), 0.001, **capturable)
    return module, torch.nn.CrossEntropyLoss(), optimiser


@pytest.mark.parametrize("device", DEVICES)
def test_it_learns_as_by_hand(device, pictures):
    x, target = (array.to(device) for array in pictures)
    batches = [torch.randperm(60, generator=torch.manual_seed(i))[:20] for i in range(6)]
    module, loss, optimiser = parts(device)
    expected = []
    for rows in batches:
        optimiser.zero_grad()
        value = loss(module(x[rows]), target[rows])
        value.backward()
        optimiser.step()
        expected.append(value.item())
    recorded, loss, optimiser = parts(device)
    step = graphed_step(recorded, loss, optimiser, x, target, batch=20)
    received = [step(rows).item() for rows in batches]
    tolerance = 1e-5 if device == "cpu" else 0.02  # bfloat16 has 8 bits
    np.testing.assert_allclose(received, expected, rtol=tolerance)
    assert received[-1] < received[0]


def test_bad_input_gets_a_sentence(pictures):
    module, loss, optimiser = parts("cpu")
    with pytest.raises(ValueError, match="batch must be between 1 and 60"):
        graphed_step(module, loss, optimiser, *pictures, batch=61)
    graphed_step(module, loss, optimiser, *pictures, batch=20)(torch.arange(20))
    with pytest.raises(ValueError, match="optimiser must be new"):
        graphed_step(module, loss, optimiser, *pictures, batch=20)
