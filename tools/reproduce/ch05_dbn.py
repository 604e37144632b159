"""Chapter 05 at full size: what pretraining is worth, by the number of labels.

`make reproduce CHAPTER=05` trains the net 784-500-500-10 on MNIST with 100 to 50,000 labels, in
three ways: pretrained without labels as a deep belief net, or from random weights with sigmoid or
with ReLU units. It writes assets/runs/ch05_labels.json, which the chapter shows. About half an
hour on one idle core.

The 60,000 training pictures are divided into 50,000 to learn from and 10,000 to choose the
learning rate with. The 10,000 official test pictures are looked at once, by each finished net.
Every finished training is kept in build/reproduce/ch05: what was stopped goes on from there.
"""

import argparse
import hashlib
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from dlkit import checkpoint
from dlkit.data import mnist
from dlkit.models.dbn import DBN
from dlkit.models.dense import ReLU, Sequential, Sigmoid, mlp
from dlkit.models.initialisers import glorot_uniform, he_uniform
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.models.rbm import cd_step
from dlkit.train import fit, numpy_step
from tools.stored import keep, origin, say

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "assets/runs/ch05_labels.json"

SIZES = (784, 500, 500)
ARMS = ("pretrained", "sigmoid", "ReLU")
SEEDS = (0, 1, 2)
RATES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # tried with seed 0, from 0.1 on while it helps
VALIDATION = 10_000

# How long each number of labels is learned from: (passes, batch size).
PLAN = {
    100: (100, 10),
    300: (60, 10),
    1_000: (40, 20),
    3_000: (30, 50),
    10_000: (20, 100),
    50_000: (15, 100),
}
PRETRAINING = {
    "passes a layer": 20,
    "batch": 100,
    "learning rate": 0.1,
    "momentum": "0.5 for 5 passes, then 0.9",
    "weight decay": 2e-4,
    "CD steps": 1,
}
SETTINGS = hashlib.sha256(repr((SIZES, VALIDATION, PLAN, PRETRAINING)).encode()).hexdigest()
KEPT = ROOT / f"build/reproduce/ch05-{SETTINGS[:8]}"  # other settings never find these results


def divided(seed):
    """Pictures and labels to learn from, to choose with, and to test with; the first in an order
    that depends on the seed, so that its first n are the n with labels."""
    split = mnist(full=True)
    order = np.random.default_rng(2006).permutation(len(split.x_train))  # for every seed the same
    choose, learn = order[:VALIDATION], order[VALIDATION:]
    learn = np.random.default_rng(seed).permutation(learn)
    train = split.x_train[learn], split.y_train[learn]
    return train, (split.x_train[choose], split.y_train[choose]), (split.x_test, split.y_test)


def pretrained(seed, x):
    """The deep belief net of this seed, learned from all pictures x without a label."""
    path = KEPT / f"dbn-{seed}.safetensors"
    rng = np.random.default_rng(seed)
    dbn = DBN(SIZES, rng=rng)
    if path.exists():
        dbn.load_state_dict(checkpoint.load(path)["dbn"])
        return dbn
    began = time.process_time()
    for layer, rbm in enumerate(dbn.rbms):
        optimiser = SGD(
            rbm.parameters,
            PRETRAINING["learning rate"],
            momentum=0.5,
            weight_decay=PRETRAINING["weight decay"],
        )

        done = itertools.count(1)

        def warm_up(optimiser=optimiser, done=done):
            optimiser.momentum = 0.5 if next(done) < 5 else 0.9

        history = fit(
            cd_step(rbm, optimiser, rng),
            (dbn.inputs(x, layer),),
            epochs=PRETRAINING["passes a layer"],
            batch_size=PRETRAINING["batch"],
            rng=rng,
            validate=warm_up,
            progress=False,
        )
        say(f"seed {seed}, RBM {layer}: squared error {history.losses[-1]:.4f} a pixel")
    checkpoint.save(path, {"dbn": dbn.state_dict()})
    keep(KEPT / f"dbn-{seed}.json", {"seed": seed, "seconds": time.process_time() - began})
    return dbn


def net_of(arm, seed, x):
    """The net of one arm before it sees a label."""
    rng = np.random.default_rng([seed, 5])
    if arm == "pretrained":
        return pretrained(seed, x).unroll(10, rng)
    if arm == "ReLU":
        return mlp((*SIZES, 10), ReLU, rng=rng, weight_init=he_uniform)
    net = mlp((*SIZES, 10), Sigmoid, rng=rng, weight_init=glorot_uniform)
    for layer in net.layers[:-1:2]:  # the sigmoid's slope is a quarter: Glorot's values times 4
        layer.weight *= 4
    return net


def error(net: Sequential, x, y):
    """The fraction of wrong answers."""
    parts = range(0, len(x), 5000)
    return float(np.mean(np.concatenate([net(x[i : i + 5000]).argmax(1) for i in parts]) != y))


def run(arm, labels, seed, rate, parts):
    """Train one net, or find it finished; its record as kept in a file."""
    path = KEPT / f"{arm}-{labels}-{seed}-{rate:g}.json"
    if path.exists():
        return json.loads(path.read_text())
    (x, y), (x_choose, y_choose), (x_test, y_test) = parts
    passes, batch = PLAN[labels]
    net = net_of(arm, seed, x)
    began = time.process_time()
    optimiser = SGD(net.parameters, rate, momentum=0.9)
    done = iter(range(1, passes + 1))

    def slow_down():  # in a straight line, down to zero at the end
        optimiser.learning_rate = rate * (1 - next(done) / passes)

    history = fit(
        numpy_step(net, CrossEntropyLoss(), optimiser),
        (x[:labels], y[:labels]),
        epochs=passes,
        batch_size=batch,
        rng=np.random.default_rng([seed, labels]),
        validate=slow_down,
        progress=False,
    )
    record = {
        "arm": arm,
        "labels": labels,
        "seed": seed,
        "rate": rate,
        "loss": round(history.losses[-1], 6) if not history.stopped else None,  # it diverged
        "validation": error(net, x_choose, y_choose),
        "test": error(net, x_test, y_test),
        "seconds": round(time.process_time() - began, 1),
    }
    keep(path, record)
    say(
        f"{labels:6,} labels, {arm:10}, seed {seed}, rate {rate:5g}: "
        f"validation {record['validation']:.2%} ({record['seconds']:.0f} s)"
    )
    return record


def downhill(error_at):
    """The learning rate that no neighbour betters, walking down from 0.1."""
    at = RATES.index(0.1)
    while True:
        nearby = [at, *(k for k in (at - 1, at + 1) if 0 <= k < len(RATES))]
        best = min(nearby, key=lambda k: error_at(RATES[k]))
        if best == at:
            return RATES[at]
        at = best


def choose(arm, labels, parts):
    """The learning rate with the lowest validation error for the first seed."""
    return downhill(lambda rate: run(arm, labels, SEEDS[0], rate, parts)["validation"])


def gather(out):
    """Put every finished point into the file that the chapter reads."""
    points = []
    for labels in PLAN:
        for arm in ARMS:
            kept = [
                json.loads(path.read_text()) for path in sorted(KEPT.glob(f"{arm}-{labels}-*.json"))
            ]
            first = {r["rate"]: r["validation"] for r in kept if r["seed"] == SEEDS[0]}
            try:
                rate = downhill(first.__getitem__)
            except KeyError:
                continue  # the best rate is not found yet
            runs = [record for record in kept if record["rate"] == rate]
            points.append(
                {
                    "labels": labels,
                    "arm": arm,
                    "rate": rate,
                    "passes": PLAN[labels][0],
                    "batch": PLAN[labels][1],
                    "seeds": [record["seed"] for record in runs],
                    "test": [record["test"] for record in runs],
                    "validation": [record["validation"] for record in runs],
                    "loss": [record["loss"] for record in runs],
                    "seconds": [record["seconds"] for record in runs],
                    "tried": {f"{r:g}": first[r] for r in RATES if r in first},
                }
            )
    stacks = [json.loads(path.read_text()) for path in sorted(KEPT.glob("dbn-*.json"))]
    keep(
        out,
        {
            **origin(
                "test error of 784-500-500-10 on MNIST by number of labels, three ways",
                "make reproduce CHAPTER=05",
            ),
            "sizes": [*SIZES, 10],
            "pretraining": PRETRAINING | {"pictures": 60_000 - VALIDATION},
            "pretraining seconds": [round(s["seconds"], 1) for s in stacks],
            "fine-tuning": "SGD, momentum 0.9, the rate falls in a straight line to 0; "
            "the rate is chosen by the error of seed 0 on the validation pictures",
            "rates": RATES,
            "validation pictures": VALIDATION,
            "points": points,
        },
    )
    return points


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", default="", help="numbers of labels, such as 100,1000")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result goes")
    settings = parser.parse_args(arguments)
    wanted = [int(n) for n in settings.points.split(",") if n] or list(PLAN)
    if unknown := sorted(set(wanted) - PLAN.keys()):
        parser.error(f"--points must be among {', '.join(map(str, PLAN))}, got {unknown}")
    parts = divided(SEEDS[0])
    best = {(n, arm): choose(arm, n, parts) for n in wanted for arm in ARMS}
    gather(settings.out)
    for seed in SEEDS[1:]:
        parts = divided(seed)
        for labels in wanted:
            for arm in ARMS:
                run(arm, labels, seed, best[labels, arm], parts)
            gather(settings.out)
    say(f"{len(gather(settings.out))} points in {settings.out}")


if __name__ == "__main__":
    sys.exit(main())
