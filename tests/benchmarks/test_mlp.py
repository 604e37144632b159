"""A net 784-128-10 on MNIST: our NumPy beside scikit-learn and eager torch, one thread each.

All three train the same net by plain SGD in float32 in one process. They take turns, pass by pass,
so that a busy moment of the machine hits them all; a ratio is one of median times.
"""

import platform
from statistics import median
from time import perf_counter

import numpy as np
import pytest
import sklearn
import torch
from sklearn.neural_network import MLPClassifier

from dlkit import data
from dlkit.models.dense import mlp
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.train import fit, numpy_step

SIZES, RATE = (784, 128, 10), 0.1
NOTHING = np.float32(0)  # a learning rate with which the bare step's numbers stay what they are
TIMES_SHIPPED = 12  # 12 × 4,000 digits: 150 MB, so that the batches come from memory as MNIST's do
TARGETS = {100: {"scikit-learn": 1.7, "torch": 1.3}, 10: {"scikit-learn": 3.0, "torch": 2.0}}
OF_PEAK = {100: 0.5}
VERSIONS = {
    "NumPy": np.__version__,
    "scikit-learn": sklearn.__version__,
    "torch": torch.__version__,
}


@pytest.fixture(scope="module")
def digits():
    """48,000 digits: the shipped ones again and again, which costs a step the same as new ones."""
    split = data.mnist()
    return np.tile(split.x_train, (TIMES_SHIPPED, 1)), np.tile(split.y_train, TIMES_SHIPPED)


def our_pass(x, y, batch):
    """A function that trains our net for one pass over the digits; and the net."""
    rng = np.random.default_rng(0)
    net = mlp(SIZES, rng=rng)
    step = numpy_step(net, CrossEntropyLoss(), SGD(net.parameters, RATE))
    return net, lambda: fit(step, (x, y), epochs=1, batch_size=batch, rng=rng, progress=False)


def torch_pass(x, y, batch):
    """The same in eager torch, as one would write it for data that fits into memory."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(SIZES[0], SIZES[1]), torch.nn.ReLU(), torch.nn.Linear(*SIZES[1:])
    )
    loss, optimiser = torch.nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), RATE)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def run():
        for chosen in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            loss(net(x[chosen]), y[chosen]).backward()
            optimiser.step()

    return run


def sklearn_pass(x, y, batch):
    """The same in scikit-learn; `partial_fit` is one pass."""
    net = MLPClassifier(
        SIZES[1:-1],
        solver="sgd",
        learning_rate_init=RATE,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        batch_size=batch,
        random_state=0,
    )
    return lambda: net.partial_fit(x, y, classes=np.arange(10))


def bare_pass(x, batch):
    """What no NumPy code does without: gathered batches, a step's four products, W ← W - η ∂L/∂W.

    Biases, ReLU, softmax and loss are left out; so is every check. Weights lie in memory as ours.
    """
    rng, (inputs, hidden, outputs) = np.random.default_rng(0), SIZES
    first = np.ones((inputs, hidden), np.float32).T
    second = np.ones((hidden, outputs), np.float32).T
    order = rng.permutation(len(x))

    def run():
        nonlocal first, second
        for start in range(0, len(x), batch):
            chosen = x[order[start : start + batch]]
            a = chosen @ first.T
            z = a @ second.T
            first_gradient, second_gradient = (chosen.T @ (z @ second)).T, (a.T @ z).T
            first -= NOTHING * first_gradient
            second -= NOTHING * second_gradient

    return run


def seconds(action):
    """How long it takes once."""
    start = perf_counter()
    action()
    return perf_counter() - start


def sgemm_peak(size=2048):
    """The machine's best at single precision matrix products, in operations per second."""
    a = np.ones((size, size), np.float32)
    return 2 * size**3 / min(seconds(lambda: a @ a) for _ in range(5))


def operations():
    """Multiplications and additions for one digit: forward, and backward without ∂L/∂x of it."""
    first, second = SIZES[0] * SIZES[1], SIZES[1] * SIZES[2]
    return 2 * (2 * first + 3 * second)


@pytest.mark.parametrize("batch", TARGETS)
def test_mlp(benchmark, digits, batch):
    net, ours = our_pass(*digits, batch)
    peers = {"scikit-learn": sklearn_pass(*digits, batch), "torch": torch_pass(*digits, batch)}
    peers["bare step"] = bare_pass(digits[0], batch)
    taken, peaks = {name: [] for name in peers}, []

    def others_turn():
        for name, run in peers.items():
            taken[name].append(seconds(run))
        peaks.append(sgemm_peak())

    benchmark.group = "MLP 784-128-10, a pass over 48,000 digits"
    benchmark.pedantic(ours, setup=others_turn, rounds=5, warmup_rounds=1)

    split = data.mnist()
    assert (net(split.x_test).argmax(axis=1) != split.y_test).mean() < 0.1  # it did learn
    if benchmark.stats is None:  # --benchmark-disable: nothing was timed
        return
    mine = benchmark.stats.stats.median
    of_peak = operations() * len(digits[0]) / mine / max(peaks)
    ratios = {name: median(times[1:]) / mine for name, times in taken.items()}  # [0] warmed up
    bare = ratios.pop("bare step")
    benchmark.extra_info.update(ratios | {"bare step": bare, "of sgemm peak": of_peak} | VERSIONS)

    print(
        f"\n\nbatch {batch}, one thread, {platform.machine()}, Python {platform.python_version()}"
    )
    print(f"  {'dlkit, NumPy ' + np.__version__:24} {mine:6.3f} s a pass")
    for name, ratio in ratios.items():
        target = TARGETS[batch][name]
        verdict = "reached" if ratio >= target else "missed"
        print(
            f"  {name + ' ' + VERSIONS[name]:24} {ratio * mine:6.3f} s a pass: "
            f"{ratio:.2f} times ours (aim {target}: {verdict}; "
            f"{ratio / bare:.2f} times a bare step)"
        )
    aim = f" (aim {OF_PEAK[batch]:.0%})" if batch in OF_PEAK else ""
    print(f"  {of_peak:.0%} of the sgemm peak, {max(peaks) / 1e9:.0f} GF/s{aim}")

    # The aims stand in the table; slower than a peer would be a fault on any machine.
    assert min(ratios.values()) > 1
