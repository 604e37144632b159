"""One net of chapter 05's great comparison, trained in small pieces on the digits that ship."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dlkit.models.dbn import DBN
from dlkit.models.dense import ReLU, Sequential, Sigmoid, mlp
from dlkit.models.dropout import Dropout
from dlkit.models.initialisers import glorot_uniform, he_uniform
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.models.rbm import cd_step
from dlkit.train import numpy_step
from dlkit.widgets.drawn import mnist

ARMS = ("pretrained", "sigmoid", "ReLU", "dropout")
SIZES, CLASSES = (784, 500, 500), 10
MEASURED = 20  # how often the test error is measured in a training
PASSES, BATCH, RATE, DECAY = 20, 100, 0.1, 2e-4  # of pretraining, a layer
SHARE = 0.7  # of the progress, for pretraining

_stacks: dict[int, DBN] = {}  # by seed: what was pretrained once


@dataclass(frozen=True)
class Course:
    """How far a training has come: done 0 … 1 and in words; test errors after shares of it."""

    done: float = 0.0
    doing: str = ""
    shares: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()


def train(
    arm: str, labels: int, seed: int, *, rate: float, passes: int, batch: int
) -> Iterator[Course]:
    """Train the net of this arm on so many labelled digits; say after each update how far it is.

    As in tools/reproduce/ch05_dbn.py, but all pictures there are, labelled or not, are the 4,000
    that ship. Raises `ValueError` where there are fewer digits than labels.
    """
    split = mnist()
    if not 0 < labels <= len(split.x_train):
        raise ValueError(
            f"{labels:,} labels cannot be tried here: the course ships {len(split.x_train):,} "
            "digits to learn from. Choose 3,000 or fewer."
        )
    if arm not in ARMS:
        raise ValueError(f"there is no kind of net {arm!r}: possible are {', '.join(ARMS)}")
    order = np.random.default_rng(seed).permutation(len(split.x_train))
    x, y = split.x_train[order], split.y_train[order]
    rng = np.random.default_rng([seed, 5])
    before = 0.0
    if arm == "pretrained":
        before = 0.0 if seed in _stacks else SHARE
        if seed not in _stacks:
            yield from _pretrain(seed, x)
        net = _stacks[seed].unroll(CLASSES, rng)
    else:
        net = from_random(arm, rng)
    optimiser = SGD(net.parameters, rate, momentum=0.9)
    step = numpy_step(net, CrossEntropyLoss(), optimiser)
    starts = range(0, labels, batch)
    total, rng = passes * len(starts), np.random.default_rng([seed, labels])
    shares, errors, turn = [0.0], [error(net)], np.arange(labels)
    for done in range(total):
        if done % len(starts) == 0:
            turn = rng.permutation(labels)
            optimiser.learning_rate = rate * (1 - done / total)  # in a straight line, down to 0
        rows = turn[starts[done % len(starts)] :][:batch]
        step(x[rows], y[rows])
        share = (done + 1) / total
        if (done + 1) * MEASURED // total > done * MEASURED // total:
            shares.append(share)
            errors.append(error(net))
        doing = f"learning from {labels:,} labels"
        yield Course(before + (1 - before) * share, doing, tuple(shares), tuple(errors))


def from_random(arm: str, rng: np.random.Generator) -> Sequential:
    """A net that has learned nothing yet."""
    if arm == "sigmoid":
        net = mlp((*SIZES, CLASSES), Sigmoid, rng=rng, weight_init=glorot_uniform)
        for layer in net.layers[:-1:2]:  # the sigmoid's slope is a quarter: Glorot's values times 4
            layer.weight *= 4  # type: ignore[attr-defined]
        return net
    net = mlp((*SIZES, CLASSES), ReLU, rng=rng, weight_init=he_uniform)
    if arm == "ReLU":
        return net
    first, relu, second, relu_too, last = net.layers
    return Sequential(
        *(Dropout(0.2, rng=rng), first, relu, Dropout(0.5, rng=rng)),
        *(second, relu_too, Dropout(0.5, rng=rng), last),
    )


def error(net: Sequential) -> float:
    """The fraction of the 1,000 test digits that the net gets wrong."""
    split = mnist()
    was = net.training
    net.train(False)
    wrong = float((net(split.x_test).argmax(axis=1) != split.y_test).mean())
    net.train(was)
    return wrong


def _pretrain(seed: int, x: np.ndarray) -> Iterator[Course]:
    """Stack the RBMs on the pictures x; the net is in `_stacks` afterwards."""
    rng = np.random.default_rng(seed)
    dbn = DBN(SIZES, rng=rng)
    updates = PASSES * -(-len(x) // BATCH)
    done = itertools.count(1)
    for layer, rbm in enumerate(dbn.rbms):
        seen = dbn.inputs(x, layer)
        optimiser = SGD(rbm.parameters, RATE, momentum=0.5, weight_decay=DECAY)
        step = cd_step(rbm, optimiser, rng)
        for turn in range(PASSES):
            optimiser.momentum = 0.5 if turn < PASSES // 4 else 0.9
            for rows in np.split(rng.permutation(len(x)), range(BATCH, len(x), BATCH)):
                step(seen[rows])
                share = next(done) / (updates * len(dbn.rbms))
                yield Course(SHARE * share, f"pretraining layer {layer + 1}, without labels")
    _stacks[seed] = dbn
