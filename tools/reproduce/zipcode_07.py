"""Chapter 07's net of 1989 on as many digits as LeCun had, for three seeds.

`python tools/reproduce/zipcode_07.py` takes 7,291 of MNIST's training pictures to learn from and
2,007 of its test pictures, makes them 16×16, and trains `zipcode_net` on one picture at a time for
23 passes. It writes assets/runs/ch07_zipcode.json, which the chapter shows. About two minutes
of one idle core. The whole of MNIST must be at hand, as for `mnist(full=True)`.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from dlkit.data import mnist
from dlkit.models.lenet import zipcode_net, zipcode_pictures, zipcode_targets
from dlkit.models.losses import MSELoss
from dlkit.models.optimisers import SGD
from dlkit.train import fit, numpy_step
from tools.stored import keep, origin, say

RESULT = Path(__file__).resolve().parents[2] / "assets/runs/ch07_zipcode.json"
TRAIN, TEST, PASSES, RATE, SEEDS = 7291, 2007, 23, 0.03, (0, 1, 2)


def trained(x, y, x_test, y_test, seed: int, passes: int = PASSES) -> dict:
    """The errors in per cent after each pass, and the seconds of processor time."""
    rng = np.random.default_rng(seed)
    net, target = zipcode_net(rng), zipcode_targets(y)
    step = numpy_step(net, MSELoss(), SGD(net.parameters, RATE))

    def errors() -> tuple[float, float]:
        parts = ((x, y), (x_test, y_test))
        train, test = (100 * np.mean(net(a).argmax(axis=1) != b) for a, b in parts)
        return round(float(train), 3), round(float(test), 3)

    began = time.process_time()
    history = fit(
        step, (x, target), epochs=passes, batch_size=1, rng=rng, validate=errors, progress=False
    )
    train, test = zip(*history.validation, strict=True)
    spent = round(time.process_time() - began, 1)
    return {"seed": seed, "train": list(train), "test": list(test), "seconds": spent}


def main() -> None:
    arguments = argparse.ArgumentParser(description="Train the net of 1989.")
    arguments.add_argument("--passes", type=int, default=PASSES)
    arguments.add_argument("--to", type=Path, default=RESULT)
    given = arguments.parse_args()

    split = mnist(full=True)
    x, x_test = zipcode_pictures(split.x_train[:TRAIN]), zipcode_pictures(split.x_test[:TEST])
    y, y_test = split.y_train[:TRAIN], split.y_test[:TEST]
    runs = []
    for seed in SEEDS:
        runs.append(trained(x, y, x_test, y_test, seed, given.passes))
        last = runs[-1]
        say(f"seed {seed}: {last['test'][-1]:.2f} %, {last['seconds']:.0f} s")
    result = {
        **origin(
            "test error of the net of 1989 on 7,291 + 2,007 of MNIST's digits, 23 passes",
            "python tools/reproduce/zipcode_07.py",
        ),
        "learning rate": RATE,
        "runs": runs,
    }
    keep(given.to, result)


if __name__ == "__main__":
    main()
