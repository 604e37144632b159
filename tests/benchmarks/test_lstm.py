"""An LSTM's training step: our NumPy beside a loop over torch's LSTMCell, and beside nn.LSTM.

64 units, 64 sequences of 10, 50 or 100 steps of the adding problem, float32, one thread each, Adam.
All take turns, step by step, so that a busy moment of the machine hits them all; a ratio is one of
median times. What a step keeps for its backward pass is counted in bytes besides.
"""

import platform
from statistics import median
from time import perf_counter

import numpy as np
import pytest
import torch

from dlkit.data import adding
from dlkit.models.dense import Linear, Sequential
from dlkit.models.losses import MSELoss
from dlkit.models.optimisers import Adam
from dlkit.models.recurrent import LSTM, LastStep
from dlkit.train import numpy_step

UNITS, BATCH, ROUNDS = 64, 64, 15
LENGTHS = (10, 50, 100)
AIM = 1.1  # ours may take 1.1 times as long as the loop over LSTMCell
VERSIONS = {"NumPy": np.__version__, "torch": torch.__version__}


def batch_of(length):
    """One batch of the adding problem."""
    made = adding(BATCH, length, rng=0)
    return made.x, made.y


def our_step(x, y):
    """Our net, and a function that trains it by one step."""
    rng = np.random.default_rng(0)
    net = Sequential(LSTM(2, UNITS, rng=rng), LastStep(), Linear(UNITS, 1, rng=rng))
    step = numpy_step(net, MSELoss(), Adam(net.parameters, 1e-3))
    return net, lambda: step(x, y)


class Loop(torch.nn.Module):
    """What one writes who wants to see every step: LSTMCell in a loop, over `unbind`."""

    def __init__(self):
        super().__init__()
        self.cell = torch.nn.LSTMCell(2, UNITS)

    def forward(self, x):
        state = None
        for step in x.unbind(0):
            state = self.cell(step, state)
        return state[0]


class OwnOps(Loop):
    """The equations themselves, with all input products in one matrix product."""

    indexed = False  # z[t] in place of unbind

    def forward(self, x):
        cell = self.cell
        z = x @ cell.weight_ih.T + (cell.bias_ih + cell.bias_hh)
        steps = [z[t] for t in range(len(z))] if self.indexed else z.unbind(0)
        h = c = z.new_zeros(x.shape[1], UNITS)
        for step in steps:
            i, f, g, o = (step + h @ cell.weight_hh.T).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


class Indexed(OwnOps):
    """The same, but each step takes z[t]: its backward fills an array of the size of all z."""

    indexed = True


class Fused(torch.nn.Module):
    """nn.LSTM, which runs the loop in C++."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.LSTM(2, UNITS)

    def forward(self, x):
        return self.layer(x)[0][-1]


PEERS = {
    "LSTMCell loop": Loop,
    "nn.LSTM": Fused,
    "own ops, unbind": OwnOps,
    "own ops, z[t]": Indexed,
}


def torch_step(kind, x, y):
    """The same step in torch; the module with its readout, and the function."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(kind(), torch.nn.Linear(UNITS, 1))
    optimiser, loss = torch.optim.Adam(net.parameters(), 1e-3), torch.nn.MSELoss()
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def run():
        optimiser.zero_grad()
        loss(net(x), y).backward()
        optimiser.step()

    return net, run


def seconds(action):
    """How long it takes once."""
    start = perf_counter()
    action()
    return perf_counter() - start


def our_bytes(net):
    """What the layer holds for its backward pass and as room to work in, its weights left out."""
    layer = net[0]
    held = [*layer._arrays.values(), layer._h, layer._c]
    return sum(array.nbytes for array in held)


def torch_bytes(net, x):
    """What autograd keeps from a forward pass: every storage once, weights and input left out."""
    known = {p.untyped_storage().data_ptr() for p in net.parameters()}
    kept, x = {}, torch.from_numpy(x)
    known.add(x.untyped_storage().data_ptr())

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = tensor, storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = net(x)
    del output
    return sum(size for _, size in kept.values())


@pytest.mark.parametrize("length", LENGTHS)
def test_lstm(benchmark, length):
    x, y = batch_of(length)
    net, ours = our_step(x, y)
    peers = {name: torch_step(kind, x, y) for name, kind in PEERS.items()}
    taken = {name: [] for name in peers}

    def others_turn():
        for name, (_, run) in peers.items():
            taken[name].append(seconds(run))

    benchmark.group = "LSTM, a training step"
    benchmark.pedantic(ours, setup=others_turn, rounds=ROUNDS, warmup_rounds=2)
    if benchmark.stats is None:  # --benchmark-disable: nothing was timed
        return
    mine = benchmark.stats.stats.median
    ratios = {name: mine / median(times[2:]) for name, times in taken.items()}  # 2 warmed up
    per_step = {"dlkit": our_bytes(net)} | {
        name: torch_bytes(module, x) for name, (module, _) in peers.items()
    }
    per_step = {name: size / length / BATCH for name, size in per_step.items()}
    benchmark.extra_info.update(ratios | {"bytes": per_step} | VERSIONS)

    print(f"\n\n{length} steps, {UNITS} units, {BATCH} sequences, one thread, {platform.machine()}")
    print(
        f"  {'dlkit, NumPy ' + np.__version__:24} {1e3 * mine:7.2f} ms a training step, "
        f"{per_step['dlkit']:,.0f} bytes for each step of a sequence"
    )
    for name, ratio in ratios.items():
        verdict = ("reached" if ratio <= AIM else "missed") if name == "LSTMCell loop" else ""
        aim = f" (aim {AIM}: {verdict})" if verdict else ""
        print(
            f"  {name:24} {1e3 * mine / ratio:7.2f} ms: ours takes {ratio:.2f} times as long{aim}; "
            f"{per_step[name]:,.0f} bytes"
        )
    # The aim stands in the table; twice as slow as the loop would be a fault on any machine.
    assert ratios["LSTMCell loop"] < 2


def test_the_loops_compute_what_nn_lstm_does():
    x, _ = batch_of(12)
    fused, others = Fused(), (Loop(), OwnOps(), Indexed())
    x = torch.from_numpy(x)
    for other in others:
        for name, parameter in other.cell.named_parameters():
            parameter.data = fused.layer.get_parameter(f"{name}_l0").data
        torch.testing.assert_close(other(x), fused(x))


def test_bytes_grow_with_the_length_alone():
    sizes = {}
    for length in (10, 20, 40):
        x, y = batch_of(length)
        net, step = our_step(x, y)
        step()
        sizes[length] = our_bytes(net)
    assert sizes[40] - sizes[20] == pytest.approx(2 * (sizes[20] - sizes[10]), rel=1e-6)
