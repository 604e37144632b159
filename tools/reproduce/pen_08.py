"""Train the net that chapter 08's explorer ReadMyPen reads pen strokes with.

    DLKIT_DATA=… .venv/bin/python tools/reproduce/pen_08.py      # MNIST, found or downloaded

Writes assets/models/ch08_pen.safetensors after a few minutes on one core. The net learns from
pictures 5,849 to 60,000 of MNIST's training set, thinned and traced, so the 5,000 digits that ship
with the course have never been seen. A path traced from a picture is only one of those that a pen
could have taken, and a hand on the pad writes with another slant. So each time a digit is learned
from, some of its strokes run the other way or in another order, it is leaned and stretched a
little, and it may break off before its end, as it does while someone is writing.
"""

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np

from dlkit import checkpoint
from dlkit.data import mnist, pen_digits
from dlkit.data.strokes import offsets, pad, strokes_of
from dlkit.models.dense import Sequential, softmax
from dlkit.models.optimisers import Adam
from dlkit.models.recurrent import clip_gradients
from dlkit.widgets.ch08_reader import certainty, network

RESULT = Path(__file__).resolve().parents[2] / "assets/models/ch08_pen.safetensors"
SHIPPED = 5848  # the pictures of `mnist()` are among so many first ones
PASSES, BATCH, RATE, SEED = 8, 100, 0.004, 0
TURNED, SHUFFLED, BROKEN = 0.2, 0.2, 0.3  # how often a stroke is turned, the order, the end cut
POOL = 20  # batches that are sorted by length together, so that little is padding


def varied(strokes: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The same digit as another hand might have written it, or as it looks half-way."""
    strokes = [s[::-1] if rng.random() < TURNED else s for s in strokes]
    if rng.random() < SHUFFLED:
        strokes = [strokes[i] for i in rng.permutation(len(strokes))]
    angle, lean, wide = rng.normal(0, (0.08, 0.12, 0.12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strokes = [s @ np.array([[np.exp(wide), 0], [lean, 1]]) @ turn for s in strokes]
    if rng.random() < BROKEN:
        left = max(int(rng.uniform(0.2, 1) * sum(map(len, strokes))), 2)
        kept = []
        for stroke in strokes:
            kept.append(stroke[:left])
            left -= len(stroke)
            if left <= 0:
                break
        strokes = kept
    return strokes


def batches(drawings: list, y: np.ndarray, rng: np.random.Generator):
    """Pads the varied drawings of one pass, batch after batch: x (T, N, 3), mask (T, N), y (N,)."""
    order = rng.permutation(len(y))
    for begin in range(0, len(order), POOL * BATCH):
        pool = order[begin : begin + POOL * BATCH]
        sequences = [offsets(varied(drawings[i], rng)) for i in pool]
        by_length = np.argsort([len(one) for one in sequences], kind="stable")
        parts = np.array_split(by_length, max(len(pool) // BATCH, 1))
        for i in rng.permutation(len(parts)):
            x, mask, _ = pad([sequences[k] for k in parts[i]])
            yield x, mask, y[pool[parts[i]]]


def trained(drawings: list, y: np.ndarray, passes: int = PASSES) -> Sequential:
    """The net after so many passes over the drawings (lists of strokes) and their labels y."""
    rng = np.random.default_rng(SEED)
    net = network(rng)
    optimiser = Adam(net.parameters, RATE)
    steps, done = passes * -(-len(y) // BATCH), 0
    for number in range(passes):
        losses = []
        for x, mask, label in batches(drawings, y, rng):
            # Every point is asked what the digit is, so that it learns to be unsure at first.
            p = softmax(net.forward(x))
            rows, right = np.flatnonzero(mask.ravel()), np.tile(label, len(x))[mask.ravel()]
            losses.append(float(-np.log(p[rows, right] + 1e-12).mean()))
            grad = p * mask.reshape(-1, 1)
            grad[rows, right] -= 1
            net.backward_parameters(grad / np.float32(len(rows)))
            gradients = net.gradients
            clip_gradients(gradients, 1.0)
            optimiser.learning_rate = RATE * max(1 - done / steps, 0.01)
            optimiser.step(gradients)
            done += 1
        print(f"pass {number + 1}: {np.mean(losses):.4f} nats a point", flush=True)
    return net.eval()


def right_at_the_end(net: Sequential, part) -> float:
    """The share of digits that the net names after their last point."""
    p = certainty(net, part.x)
    return float((p[part.lengths - 1, np.arange(len(part.y))].argmax(axis=1) == part.y).mean())


def main() -> None:
    arguments = argparse.ArgumentParser(description="Train chapter 08's reader of pen strokes.")
    arguments.add_argument("--passes", type=int, default=PASSES)
    arguments.add_argument("--examples", type=int, default=60_000 - SHIPPED)
    arguments.add_argument("--to", type=Path, default=RESULT)
    given = arguments.parse_args()

    split, began = mnist(full=True), time.process_time()
    pictures = split.images()[SHIPPED : SHIPPED + given.examples]
    drawings = [strokes_of(picture) for picture in pictures]
    print(
        f"traced {len(drawings):,} pictures after {time.process_time() - began:.0f} s", flush=True
    )
    net = trained(drawings, split.y_train[SHIPPED : SHIPPED + given.examples], given.passes)
    # Half the bits are enough: a weight's fourth digit changes no digit.
    half = {name: array.astype(np.float16) for name, array in net.state_dict().items()}
    checkpoint.save(given.to, {"reader": half})
    net.load_state_dict(half)
    size, spent = given.to.stat().st_size, time.process_time() - began
    print(f"{given.to.name}: {size:,} bytes after {spent:.0f} s of one core")
    print(f"sha256 {hashlib.sha256(given.to.read_bytes()).hexdigest()}")
    for name, part in zip(("4,000", "1,000"), pen_digits(), strict=True):
        print(f"of the {name} digits that ship it reads {right_at_the_end(net, part):.2%}")


if __name__ == "__main__":
    main()
