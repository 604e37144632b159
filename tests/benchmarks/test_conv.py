"""Convolution: our NumPy beside numpy-ml's Conv2D and eager torch, one thread each.

A layer forwards and backwards; a LeNet's training step on 100 digits; the net of 1989, one digit
at a time. All take turns, so that a busy moment of the machine hits them all; a ratio is one of
median CPU times.

numpy-ml (D. Bourgin, GPL) is no dependency of this project. Put it into a folder of its own and
name it: `pip install --no-deps --target /tmp/numpy-ml numpy-ml`, `PYTHONPATH=/tmp/numpy-ml make
bench`. Without it that comparison is skipped. It reckons in float64 and keeps the channels last.
"""

import collections
import collections.abc
import platform
import warnings
from statistics import median
from time import process_time

import numpy as np
import pytest
import torch

from dlkit import data
from dlkit.models.convolution import Conv2d
from dlkit.models.lenet import lenet, zipcode_net, zipcode_pictures, zipcode_targets
from dlkit.models.losses import CrossEntropyLoss, MSELoss
from dlkit.models.optimisers import SGD
from dlkit.parity import to_torch
from dlkit.train import numpy_step, torch_step

LAYERS = {"20 × 6×12×12": (20, 12), "100 × 6×14×14": (100, 14)}  # 16 kernels of 5×5
AIM_NUMPY_ML, AIM_LENET, AIM_ONE = 4.0, 2.0, 8.0
VERSIONS = {"NumPy": np.__version__, "torch": torch.__version__}
AT_ONCE, ROUNDS = 5, 15  # calls that are timed together: a clock has its grain


def numpy_ml_layer():
    """numpy-ml's convolution, or a skip that says why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses gym, which nothing here needs
        if not hasattr(collections, "Hashable"):  # its last release is older than Python 3.10
            collections.Hashable = collections.abc.Hashable
        try:
            from numpy_ml.neural_nets.layers import Conv2D
        except ImportError as error:
            pytest.skip(f"numpy-ml is not at hand ({error}); see this file's first lines")
    return Conv2D(16, (5, 5), pad=0, stride=1)


def taken(*actions, rounds=ROUNDS, at_once=AT_ONCE):
    """The median CPU seconds of each action, which take turns; the first round warms up."""
    times = [[] for _ in actions]
    for _ in range(rounds + 1):
        for action, own in zip(actions, times, strict=True):
            began = process_time()
            for _ in range(at_once):
                action()
            own.append((process_time() - began) / at_once)
    return [median(own[1:]) for own in times]


def report(benchmark, title, mine, others, aims, unit=1e3):
    """Print the table, and keep the ratios with the benchmark."""
    ratios = {name: other / mine for name, other in others.items()}
    benchmark.extra_info.update(ratios | VERSIONS)
    name = {1e3: "ms", 1e6: "µs"}[unit]
    print(f"\n\n{title}, one thread, {platform.machine()}, Python {platform.python_version()}")
    print(f"  {'dlkit, NumPy ' + np.__version__:24} {unit * mine:8.2f} {name}")
    for other, ratio in ratios.items():
        aim = aims[other]
        verdict = "reached" if ratio >= aim else "missed"
        shown = f"{ratio:.2f} times ours (aim {aim:g}: {verdict})"
        print(f"  {other:24} {unit * others[other]:8.2f} {name}: {shown}")
    return ratios


@pytest.mark.parametrize("size", LAYERS)
def test_layer_beside_torch(benchmark, size):
    x, ours, grad = layer_and_data(*LAYERS[size])
    twin = to_torch(ours, "cpu")
    theirs, their_grad = torch.tensor(x, requires_grad=True), torch.tensor(grad)

    def torch_turn():
        twin(theirs).backward(their_grad)

    run(benchmark, both_ways(ours, x, grad))
    if benchmark.stats is None:  # --benchmark-disable: nothing was timed
        return
    mine, other = taken(both_ways(ours, x, grad), torch_turn)
    title = f"A convolution 5×5 to 16 maps, {size}, forwards and backwards"
    ratios = report(benchmark, title, mine, {"torch, eager": other}, {"torch, eager": 1 / 2})
    assert ratios["torch, eager"] > 1 / 4  # on any machine


@pytest.mark.parametrize("size", LAYERS)
def test_layer_beside_numpy_ml(benchmark, size):
    peer = numpy_ml_layer()
    x, ours, grad = layer_and_data(*LAYERS[size])
    channels_last, their_grad = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (x, grad))

    def numpy_ml_turn():
        peer.forward(channels_last)
        peer.backward(their_grad)
        peer.flush_gradients()

    run(benchmark, both_ways(ours, x, grad))
    if benchmark.stats is None:
        return
    mine, other = taken(both_ways(ours, x, grad), numpy_ml_turn)
    title = f"A convolution 5×5 to 16 maps, {size}, forwards and backwards"
    aims = {"numpy-ml, float64": AIM_NUMPY_ML}
    ratios = report(benchmark, title, mine, {"numpy-ml, float64": other}, aims)
    assert min(ratios.values()) > 1


def test_lenet(benchmark):
    split, net = data.mnist(), lenet(np.random.default_rng(0))
    batch = split.x_train[:100].reshape(-1, 1, 28, 28), split.y_train[:100]
    tensors = tuple(map(torch.from_numpy, batch))
    twins = {"torch, eager": to_torch(net, "cpu"), "torch, channels last": to_torch(net, "cpu")}
    twins["torch, channels last"].to(memory_format=torch.channels_last)
    ours = numpy_step(net, CrossEntropyLoss(), SGD(net.parameters, 0.05))
    theirs = [
        torch_step(twin, torch.nn.CrossEntropyLoss(), torch.optim.SGD(twin.parameters(), 0.05))
        for twin in twins.values()
    ]
    first = ours(*batch)
    run(benchmark, lambda: ours(*batch))
    assert ours(*batch) < first  # it did learn
    if benchmark.stats is None:
        return
    actions = [lambda step=step: step(*tensors) for step in theirs]
    mine, *others = taken(lambda: ours(*batch), *actions)
    others = dict(zip(twins, others, strict=True))
    aims = dict.fromkeys(twins, 1 / AIM_LENET)
    ratios = report(benchmark, "A LeNet's training step on 100 digits", mine, others, aims)
    assert ratios["torch, eager"] > 1 / 3  # the aim stands in the table


def test_one_digit_at_a_time(benchmark):
    split, net = data.mnist(), zipcode_net(np.random.default_rng(0))
    one = zipcode_pictures(split.x_train[:1]), zipcode_targets(split.y_train[:1])
    tensors, twin = tuple(map(torch.from_numpy, one)), to_torch(net, "cpu")
    ours = numpy_step(net, MSELoss(), SGD(net.parameters, 0.01))
    theirs = torch_step(twin, torch.nn.MSELoss(), torch.optim.SGD(twin.parameters(), 0.01))
    run(benchmark, lambda: ours(*one))
    if benchmark.stats is None:
        return
    mine, other = taken(lambda: ours(*one), lambda: theirs(*tensors), at_once=50)
    aims = {"torch, eager": AIM_ONE}
    title = "The net of 1989, a step on one digit"
    ratios = report(benchmark, title, mine, {"torch, eager": other}, aims, unit=1e6)
    assert min(ratios.values()) > 2


def layer_and_data(examples, side):
    """Pictures, a layer of ours for them, and a gradient of its output."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(examples, 6, side, side)).astype(np.float32)
    ours = Conv2d(6, 16, 5, rng=rng)
    return x, ours, rng.normal(size=ours(x).shape).astype(np.float32)


def both_ways(layer, x, grad):
    """A function that goes through the layer and back."""

    def turn():
        layer.forward(x)
        layer.backward(grad)

    return turn


def run(benchmark, action):
    """Let the benchmark keep our own times."""
    benchmark.group = "convolution"
    benchmark.pedantic(action, rounds=ROUNDS, iterations=AT_ONCE, warmup_rounds=1)
