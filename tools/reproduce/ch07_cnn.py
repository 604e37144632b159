"""Chapter 07 at full size: a LeNet on MNIST, and a Neocognitron for the explorers.

`make reproduce CHAPTER=07` trains the LeNet of `dlkit.models.lenet` through its torch twin on one
CPU thread, three times from different random starts. It writes assets/runs/ch07_lenet.json, which
the chapter shows, and the first net's weights into assets/models/ch07_lenet.safetensors. About a
minute for each of the three on an idle core.

Learned from: the pictures 5,849 to 60,000 of MNIST's training set. The 5,000 digits that ship with
the course are among those before, so the net that the explorers use has seen none of them. The
10,000 official test pictures are looked at once, by each finished net; nothing was chosen by them.

It also trains a Neocognitron without labels, on the 4,000 training digits that ship with the
course, names its planes by the digits they answer to most, and keeps both for the explorers in
assets/models/ch07_neocognitron.safetensors.

Every finished net is kept in build/reproduce: what was stopped goes on from there. How fast a GPU
teaches the same net is measured by `make bench` where there is one.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from dlkit import checkpoint
from dlkit.data import mnist
from dlkit.models.lenet import count, lenet
from dlkit.models.neocognitron import Neocognitron
from dlkit.parity import to_torch
from dlkit.train import fit, torch_step
from tools.stored import keep, origin, say

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "assets/runs/ch07_lenet.json"
WEIGHTS = ROOT / "assets/models/ch07_lenet.safetensors"
UNLABELLED = ROOT / "assets/models/ch07_neocognitron.safetensors"

SEEDS = (0, 1, 2)
FIRST = 5848  # the pictures before are not learned from
TRAINING = {"passes": 12, "batch": 100, "learning rate": 0.002}
SETTINGS = hashlib.sha256(repr((FIRST, TRAINING)).encode()).hexdigest()
KEPT = ROOT / f"build/reproduce/ch07-{SETTINGS[:8]}"  # other settings never find these results


def pictures(split):
    """(x, labels) to learn from and to test with, x as (N, 1, 28, 28)."""
    return (
        (split.x_train[FIRST:].reshape(-1, 1, 28, 28), split.y_train[FIRST:]),
        (split.x_test.reshape(-1, 1, 28, 28), split.y_test),
    )


def train(seed, data):
    """One LeNet, trained on the CPU; its record, and its weights in a file beside it."""
    path = KEPT / f"lenet-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    learn, (x_test, y_test) = data
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net = lenet(rng)
    module = to_torch(net, "cpu")
    rate, passes = TRAINING["learning rate"], TRAINING["passes"]
    optimiser = torch.optim.Adam(module.parameters(), rate)
    done = iter(range(1, passes + 1))

    def slow_down():  # in a straight line, down to zero at the end
        optimiser.param_groups[0]["lr"] = rate * (1 - next(done) / passes)

    began, clock = time.process_time(), time.perf_counter()
    history = fit(
        torch_step(module, torch.nn.CrossEntropyLoss(), optimiser),
        tuple(torch.from_numpy(array) for array in learn),
        epochs=passes,
        batch_size=TRAINING["batch"],
        rng=rng,
        validate=slow_down,
        progress=False,
    )
    seconds, elapsed = time.process_time() - began, time.perf_counter() - clock
    with torch.no_grad():
        parts = torch.from_numpy(x_test).split(1000)
        answers = torch.cat([module(part).argmax(dim=1) for part in parts]).numpy()
    state = {name: array.numpy() for name, array in module.state_dict().items()}
    checkpoint.save(path.with_suffix(".safetensors"), {"lenet": state})
    record = {
        "seed": seed,
        "test accuracy": float(np.mean(answers == y_test)),
        "losses": [round(loss, 6) for loss in history.losses],
        "seconds of processor time": round(seconds, 1),
        "seconds on the clock": round(elapsed, 1),
    }
    keep(path, record)
    say(f"seed {seed}: {record['test accuracy']:.2%} right, {seconds:.0f} s of processor time")
    return record


def write_weights(out):
    """The first net's weights as float16: half the bytes; how many answers that changes is said."""
    state = checkpoint.load(KEPT / f"lenet-{SEEDS[0]}.safetensors")["lenet"]
    checkpoint.save(out, {"lenet": {name: a.astype(np.float16) for name, a in state.items()}})
    say(f"{out.name}: {out.stat().st_size:,} bytes")
    say(f"sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


def write_neocognitron(out):
    """A Neocognitron that has learned without labels, and the digit each plane answers to most.

    Returns what share of the 1,000 test digits the winning planes then read.
    """
    split, rng = mnist(), np.random.default_rng(SEEDS[0])
    net = Neocognitron(rng=rng)
    net.learn(split.x_train, rng)
    state = {name: a.astype(np.float16) for name, a in net.state_dict().items()}
    net.load_state_dict(state)
    names = names_of(net.winners(split.x_train), split.y_train, len(net.modules[-1].s.b))
    checkpoint.save(out, {"neocognitron": state, "names": names})
    winners = net.winners(split.x_test)
    right = float(np.mean((winners >= 0) & (names[winners] == split.y_test)))
    say(f"Neocognitron: {right:.1%} right without a label in learning")
    say(f"{out.name}: {out.stat().st_size:,} bytes")
    say(f"sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")
    return right


def names_of(winners, labels, planes):
    """The label that each plane wins for most often, (planes,); -1 where it never wins."""
    votes = np.zeros((planes, 10), int)
    np.add.at(votes, (winners[winners >= 0], labels[winners >= 0]), 1)
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1).astype(np.int8)


def accuracy_of(path, x, y):
    """What the NumPy net with the weights of this file gets right."""
    net = lenet(np.random.default_rng(0))
    net.load_state_dict(checkpoint.load(path)["lenet"])
    answers = [net(x[i : i + 1000]).argmax(axis=1) for i in range(0, len(x), 1000)]
    return float(np.mean(np.concatenate(answers) == y))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result goes")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where the weights go")
    parser.add_argument(
        "--unlabelled", type=Path, default=UNLABELLED, help="where the Neocognitron goes"
    )
    settings = parser.parse_args(arguments)
    torch.set_num_threads(1)
    data = pictures(mnist(full=True))
    runs = [train(seed, data) for seed in SEEDS]
    write_weights(settings.weights)
    read_without_labels = write_neocognitron(settings.unlabelled)
    total = count(lenet(np.random.default_rng(0)), (1, 28, 28))
    result = {
        **origin(
            "a LeNet on MNIST: share of the 10,000 test pictures it reads right",
            "make reproduce CHAPTER=07",
            torch=torch.__version__.split("+")[0],
        ),
        "net": {"parameters": total.parameters, "connections": total.connections},
        "training": TRAINING
        | {
            "pictures": len(data[0][0]),
            "optimiser": "Adam; the rate falls in a straight line to 0",
        },
        "runs": runs,
        "shipped weights": {"test accuracy": accuracy_of(settings.weights, *data[1])},
        "neocognitron": {"share of the course's 1,000 test digits": read_without_labels},
    }
    keep(settings.out, result)
    say(f"{len(runs)} runs in {settings.out}")


if __name__ == "__main__":
    sys.exit(main())
