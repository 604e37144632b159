"""Chapter 04's machine of digits: a restricted Boltzmann machine that has seen most of MNIST.

`make reproduce CHAPTER=04` trains 784-256 by persistent contrastive divergence on MNIST's training
pictures and writes assets/models/ch04_rbm.safetensors, which the chapter's explorers load. It
leaves out the first 5,848 of the 60,000: the 5,000 that ship with the course are among these, and
so the machine has never seen the digits that the explorers show it. At the end it measures
what the file is worth, and keeps that in assets/runs/ch04_rbm.json: log Z by annealed importance
sampling, and how likely the machine finds MNIST's test pictures. About four minutes of one core.
`--worth` measures a file that is there.
"""

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np

from dlkit import checkpoint
from dlkit.data import mnist
from dlkit.models.optimisers import SGD
from dlkit.models.partition import annealed_importance_sampling, base_rate, log_likelihood
from dlkit.models.rbm import RBM, bernoulli
from dlkit.train import fit
from tools.stored import keep, origin

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SHIPPED = 5848  # the pictures of `mnist()` are among so many first ones
HIDDEN, PASSES, BATCH, RATE, DECAY, SEED = 256, 40, 100, 0.1, 1e-4, 0
CHAINS, NOTCHES = 100, 20_000  # with 5,000 a single chain may outweigh all others together


def trained(x: np.ndarray, passes: int) -> RBM:
    """The machine after so many passes over the pictures x (N, 784) of numbers 0 … 1."""
    rng = np.random.default_rng(SEED)
    rbm = RBM(x.shape[1], HIDDEN, rng=rng)
    rbm.visible_bias[...] = base_rate(x)  # what is the same in all pictures is no work for h
    optimiser = SGD(rbm.parameters, RATE)
    chain = bernoulli(np.tile(x.mean(axis=0), (BATCH, 1)), rng)
    steps = passes * -(-len(x) // BATCH)

    def step(pixels: np.ndarray) -> float:
        # Grey is a probability: each time a picture is seen, its pixels are drawn anew.
        error = rbm.contrastive_divergence(bernoulli(pixels, rng), rng, chain=chain)
        gradients = rbm.gradients
        gradients["weight"] += DECAY * rbm.weight
        optimiser.step(gradients)
        optimiser.learning_rate = RATE * (1 - optimiser.steps / steps)
        return error

    fit(step, (x,), epochs=passes, batch_size=BATCH, rng=rng)
    return rbm


def worth(rbm: RBM, x: np.ndarray, x_test: np.ndarray) -> dict:
    """log Z by annealing from the pixels' base rate in x, and the mean log P of x_test."""
    rng, base = np.random.default_rng(3), base_rate(x)
    z = annealed_importance_sampling(rbm, rng, chains=CHAINS, temperatures=NOTCHES, base_bias=base)
    v = bernoulli(x_test, np.random.default_rng(1))
    print(f"{z}, {len(v):,} test pictures")
    return {
        "chains": CHAINS,
        "notches": NOTCHES,
        "log Z": {"estimate": z.log_z, "low": z.low, "high": z.high},
        "test pictures": len(v),
        "mean log P": float(log_likelihood(rbm, v, z.log_z).mean()),
    }


def main(words: list[str] | None = None) -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--passes", type=int, default=PASSES)
    arguments.add_argument("--to", type=Path, default=ASSETS / "models/ch04_rbm.safetensors")
    arguments.add_argument("--out", type=Path, default=ASSETS / "runs/ch04_rbm.json")
    arguments.add_argument("--worth", action="store_true", help="train nothing")
    given = arguments.parse_args(words)

    split, began = mnist(full=True), time.process_time()
    x = split.x_train[SHIPPED:]
    if not given.worth:
        rbm = trained(x, given.passes)
        # Half the bits are enough: a weight's fourth digit changes no digit.
        half = {name: array.astype(np.float16) for name, array in rbm.state_dict().items()}
        checkpoint.save(given.to, {"rbm": half})
        print(f"{given.to.name}: {time.process_time() - began:.0f} s of one core")
    size, sha = given.to.stat().st_size, hashlib.sha256(given.to.read_bytes()).hexdigest()
    print(f"{size:,} bytes, sha256 {sha}")
    rbm = RBM(x.shape[1], HIDDEN, rng=np.random.default_rng(SEED))
    rbm.load_state_dict(checkpoint.load(given.to)["rbm"])
    what = f"a restricted Boltzmann machine {x.shape[1]}-{HIDDEN} on MNIST: log Z and log P"
    source = origin(what, "make reproduce CHAPTER=04")
    keep(given.out, {**source, "sha256": sha, **worth(rbm, x, split.x_test)})


if __name__ == "__main__":
    main()
