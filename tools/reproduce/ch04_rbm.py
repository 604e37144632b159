"""Chapter 04's machine of digits: a restricted Boltzmann machine that has seen most of MNIST.

`make reproduce CHAPTER=04` trains 784-256 by persistent contrastive divergence on MNIST's training
pictures and writes assets/models/ch04_rbm.safetensors, which the chapter's explorers load. It
leaves out the first 5,848 of the 60,000: the 5,000 that ship with the course are among these, and
so the machine has never seen the digits that the explorers show it. At the end it says what the
file is worth: log Z by annealed importance sampling, and how likely the machine finds MNIST's test
pictures. About four minutes of one core.
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

RESULT = Path(__file__).resolve().parents[2] / "assets/models/ch04_rbm.safetensors"
SHIPPED = 5848  # the pictures of `mnist()` are among so many first ones
HIDDEN, PASSES, BATCH, RATE, DECAY, SEED = 256, 40, 100, 0.1, 1e-4, 0


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


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--passes", type=int, default=PASSES)
    arguments.add_argument("--to", type=Path, default=RESULT)
    given = arguments.parse_args()

    split, began = mnist(full=True), time.process_time()
    x = split.x_train[SHIPPED:]
    rbm = trained(x, given.passes)
    # Half the bits are enough: a weight's fourth digit changes no digit.
    half = {name: array.astype(np.float16) for name, array in rbm.state_dict().items()}
    checkpoint.save(given.to, {"rbm": half})
    rbm.load_state_dict(half)
    size, spent = given.to.stat().st_size, time.process_time() - began
    print(f"{given.to.name}: {size:,} bytes after {spent:.0f} s of one core")
    print(f"sha256 {hashlib.sha256(given.to.read_bytes()).hexdigest()}")

    # With 5,000 temperatures a single chain may outweigh all others together.
    rng = np.random.default_rng(3)
    base = base_rate(x)
    z = annealed_importance_sampling(rbm, rng, temperatures=20_000, base_bias=base)
    v = bernoulli(split.x_test, np.random.default_rng(1))
    mean = log_likelihood(rbm, v, z.log_z).mean()
    print(f"{z}, test pictures: {mean:.1f} nats each on average")


if __name__ == "__main__":
    main()
