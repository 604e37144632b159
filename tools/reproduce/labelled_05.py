"""Chapter 05's dreamer: a deep belief net with label units that has seen most of MNIST.

`python tools/reproduce/labelled_05.py` trains 784-300-250-500 with 10 label units beside the 250,
layer by layer, and writes assets/models/ch05_dbn.safetensors, which the explorer `Generate` loads.
The lower two layers learn by CD-1, the one on top with the labels by persistent CD. It leaves out
the first 5,848 of MNIST's 60,000 training pictures: the 5,000 that ship with the course are among
these. At the end it says what the file is worth. About two minutes of one core.
"""

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np

from dlkit import checkpoint
from dlkit.data import mnist
from dlkit.models.dbn import DBN
from dlkit.models.optimisers import SGD
from dlkit.models.partition import base_rate
from dlkit.models.rbm import bernoulli
from dlkit.train import fit

RESULT = Path(__file__).resolve().parents[2] / "assets/models/ch05_dbn.safetensors"
SHIPPED = 5848  # the pictures of `mnist()` are among so many first ones
SIZES, LABELS = (784, 300, 250, 500), 10
PASSES, BATCH, DECAY, SEED = (12, 12, 40), 100, 1e-4, 0
RATES = (0.1, 0.1, 0.05)  # each falls to 0 in a straight line


def trained(x: np.ndarray, y: np.ndarray, passes: tuple[int, ...] = PASSES) -> DBN:
    """The net after so many passes of each layer over pictures x (N, 784) and their labels y."""
    rng = np.random.default_rng(SEED)
    net = DBN(SIZES, rng=rng, labels=LABELS)
    net.rbms[0].visible_bias[...] = base_rate(x)
    for layer, rbm in enumerate(net.rbms):
        top = layer == len(net.rbms) - 1
        seen = net.inputs(x, layer, y if top else None)
        optimiser = SGD(rbm.parameters, RATES[layer], momentum=0.0 if top else 0.5)
        chain = bernoulli(seen[:BATCH], rng) if top else None
        steps = passes[layer] * -(-len(x) // BATCH)

        def step(p, rbm=rbm, optimiser=optimiser, chain=chain, steps=steps, rate=RATES[layer]):
            # What is between 0 and 1 is a probability: drawn anew each time it is seen. So are the
            # labels, which are certain.
            error = rbm.contrastive_divergence(bernoulli(p, rng), rng, chain=chain)
            gradients = rbm.gradients
            gradients["weight"] += DECAY * rbm.weight
            optimiser.step(gradients)
            optimiser.learning_rate = rate * (1 - optimiser.steps / steps)
            return error

        history = fit(step, (seen,), epochs=passes[layer], batch_size=BATCH, rng=rng)
        print(f"layer {layer + 1}: squared error {history.losses[-1]:.4f}", flush=True)
    return net


def main() -> None:
    arguments = argparse.ArgumentParser(description="Train chapter 05's dreamer.")
    arguments.add_argument("--passes", type=int, nargs=3, default=PASSES)
    arguments.add_argument("--to", type=Path, default=RESULT)
    given = arguments.parse_args()

    split, began = mnist(full=True), time.process_time()
    net = trained(split.x_train[SHIPPED:], split.y_train[SHIPPED:], tuple(given.passes))
    # Half the bits are enough: a weight's fourth digit changes no digit.
    half = {name: array.astype(np.float16) for name, array in net.state_dict().items()}
    checkpoint.save(given.to, {"dbn": half})
    net.load_state_dict(half)
    size, spent = given.to.stat().st_size, time.process_time() - began
    print(f"{given.to.name}: {size:,} bytes after {spent:.0f} s of one core")
    print(f"sha256 {hashlib.sha256(given.to.read_bytes()).hexdigest()}")
    wrong = (net.label_probabilities(split.x_test).argmax(axis=1) != split.y_test).mean()
    print(f"asked for the label of MNIST's 10,000 test pictures: {wrong:.2%} wrong")


if __name__ == "__main__":
    main()
