"""Chapter 08's stored runs: a net that writes, and nets that copy over ever longer lags.

`make reproduce CHAPTER=08` trains an LSTM on nine tenths of Persuasion, character by character, and
writes it to assets/models/ch08_writer.safetensors, which the explorers `Writer` and
`GateMicroscope` load. Then Elman nets and LSTMs, each with two kinds of start and four
learning rates, learn to copy a message over lags of 10, 30 and 60 steps. Everything measured goes
to assets/runs/ch08_rnn.json. Runs are kept in build/reproduce and not trained again. About twenty
minutes of one core.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from dlkit import checkpoint
from dlkit.data import austen, copying
from dlkit.data.text import one_hot, streams
from dlkit.models.dense import Linear, Sequential
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import Adam
from dlkit.models.recurrent import LSTM, RNN, EveryStep, clip_gradients
from tools.stored import keep, origin, say

ROOT = Path(__file__).resolve().parents[2]
RESULT, WRITER = ROOT / "assets/runs/ch08_rnn.json", ROOT / "assets/models/ch08_writer.safetensors"
KEPT = ROOT / "build/reproduce/ch08"

# The character model: 32 pieces of the text side by side, 64 steps between two updates.
UNITS, STREAMS, STEPS, PASSES, RATE, SEED = 160, 32, 64, 24, 0.004, 0

# Copying: a message of three of four symbols; 25 % are right by guessing.
SYMBOLS, MESSAGE, INPUTS = 4, 3, 6
SEEDS, LAGS = (0, 1, 2), (10, 30, 60)
RATES = {  # of each kind of start
    "Elman": (0.0003, 0.001, 0.003, 0.01),
    "Elman, radius 1": (0.0003, 0.001, 0.003, 0.01),
    "LSTM, bias 1": (0.001, 0.003, 0.01, 0.03),
    "LSTM, bias ln lag": (0.001, 0.003, 0.01, 0.03),
}
BUDGET, EVERY = 3000, 100


# --- The character model -----------------------------------------------------------------------


def writer(symbols: int, units: int, rng: np.random.Generator) -> Sequential:
    """An LSTM that hears one character and says which comes next."""
    lstm = LSTM(symbols, units, rng=rng, forget_bias=1.0)
    return Sequential(lstm, EveryStep(), Linear(units, symbols, rng=rng))


def bits(net: Sequential, codes: np.ndarray, symbols: int) -> float:
    """Bits per character of a text that the net reads once from the beginning."""
    lstm, total, loss = net[0], 0.0, CrossEntropyLoss()
    lstm.reset()
    lstm.carry = True
    for start in range(0, len(codes) - 1, 1000):
        x = codes[start : start + 1000][: len(codes) - 1 - start]
        y = codes[start + 1 : start + 1 + len(x)]
        total += loss(net(one_hot(x[:, None], symbols)), y) * len(x)
    lstm.reset()
    return float(total / (len(codes) - 1) / np.log(2))


def train_writer(to: Path, passes: int = PASSES) -> dict:
    """Train the character model, write it to `to` in half precision, and say what it is worth."""
    text, began = austen(), time.process_time()
    learn, test = text.split(0.1)
    symbols, rng = len(text.symbols), np.random.default_rng(SEED)
    net = writer(symbols, UNITS, rng)
    lstm, loss, optimiser = net[0], CrossEntropyLoss(), Adam(net.parameters, RATE)
    steps, curve = passes * (len(learn) // STREAMS // STEPS), []
    for number in range(passes):
        offset = int(rng.integers(STEPS))  # the text is cut at other places in each pass
        pieces = streams(learn[offset:], STREAMS)
        lstm.reset()
        lstm.carry = True
        for start in range(0, len(pieces) - STEPS, STEPS):
            x, y = pieces[start : start + STEPS], pieces[start + 1 : start + STEPS + 1]
            loss.forward(net(one_hot(x, symbols)), y.ravel())
            net.backward_parameters(loss.backward())
            clip_gradients(net.gradients, 1.0)
            optimiser.learning_rate = RATE * max(0.01, 1 - optimiser.steps / steps)
            optimiser.step(net.gradients)
        learned, new = bits(net, learn[:40_000], symbols), bits(net, test, symbols)
        curve.append({"learned": learned, "test": new})
        say(f"pass {number + 1}: {learned:.3f} bits a character, {new:.3f} on the last tenth")
    half = {name: array.astype(np.float16) for name, array in net.state_dict().items()}
    checkpoint.save(to, {"symbols": text.symbols, "units": UNITS, "net": half})
    net.load_state_dict(half)
    return {
        "units": UNITS,
        "passes": passes,
        "curve": curve,
        "test": bits(net, test, symbols),
        "seconds": round(time.process_time() - began, 1),
        "bytes": to.stat().st_size,
        "sha256": hashlib.sha256(to.read_bytes()).hexdigest(),
    }


# --- Copying over a lag ------------------------------------------------------------------------


def cell(kind: str, lag: int, rng: np.random.Generator):
    """A fresh layer of this kind for a lag."""
    if kind == "LSTM, bias 1":
        return LSTM(INPUTS, 32, rng=rng, forget_bias=1.0)
    if kind == "LSTM, bias ln lag":  # σ(ln T) = T / (T + 1): it keeps for about T steps
        return LSTM(INPUTS, 32, rng=rng, forget_bias=float(np.log(lag)))
    layer = RNN(INPUTS, 64, rng=rng)
    if kind == "Elman, radius 1":
        layer.weight_hh_l0 /= np.abs(np.linalg.eigvals(layer.weight_hh_l0)).max()
    return layer


def copy(kind: str, lag: int, rate: float, seed: int) -> dict:
    """How many of the symbols are said right on new sequences, every 100 updates until 99 %."""
    path = KEPT / f"copy-{kind.replace(', ', '-').replace(' ', '-')}-{lag}-{rate:g}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    rng, began = np.random.default_rng(seed), time.process_time()
    layer = cell(kind, lag, rng)
    net = Sequential(layer, EveryStep(), Linear(layer.hidden_size, SYMBOLS + 1, rng=rng))
    optimiser, loss, right = Adam(net.parameters, rate), CrossEntropyLoss(), []
    task = {"symbols": SYMBOLS, "length": MESSAGE}
    test = copying(500, lag, rng=1000 + seed, **task)
    counts = test.mask.ravel()
    for update in range(1, BUDGET + 1):
        batch = copying(50, lag, rng=rng, **task)
        z, chosen = net(batch.x), batch.mask.ravel()
        grad = np.zeros_like(z)
        loss.forward(z[chosen], batch.y.ravel()[chosen])
        grad[chosen] = loss.backward()
        net.backward_parameters(grad)
        clip_gradients(net.gradients, 1.0)
        optimiser.step(net.gradients)
        if update % EVERY == 0:
            right.append(float((net(test.x).argmax(axis=1) == test.y.ravel())[counts].mean()))
            if right[-1] > 0.99:
                break
    seconds = round(time.process_time() - began, 1)
    record = {"kind": kind, "lag": lag, "rate": rate, "seed": seed}
    record |= {"right": right, "seconds": seconds}
    keep(path, record)
    say(f"{kind}, lag {lag}, rate {rate:g}, seed {seed}: {right[-1]:.1%} after {update}")
    return record


# --- The file ----------------------------------------------------------------------------------


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lags", default="", help="lags to copy over, such as 10,30")
    parser.add_argument("--passes", type=int, default=PASSES, help="passes of the character model")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result goes")
    parser.add_argument("--writer", type=Path, default=WRITER, help="where the weights go")
    settings = parser.parse_args(arguments)
    lags = [int(n) for n in settings.lags.split(",") if n] or list(LAGS)
    if unknown := sorted(set(lags) - set(LAGS)):
        parser.error(f"--lags must be among {', '.join(map(str, LAGS))}, got {unknown}")
    kept = KEPT / f"writer-{settings.passes}.json"
    if kept.exists() and settings.writer.exists():
        written = json.loads(kept.read_text())
    else:
        written = train_writer(settings.writer, settings.passes)
        keep(kept, written)
    runs = [
        copy(kind, lag, rate, seed)
        for lag in lags
        for kind, rates in RATES.items()
        for rate in rates
        for seed in SEEDS
    ]
    keep(
        settings.out,
        {
            **origin(
                "a character model of Persuasion, and copying over a lag",
                "make reproduce CHAPTER=08",
            ),
            "writer": written,
            "copying": {
                "task": f"{MESSAGE} of {SYMBOLS} symbols, batches of 50, at most {BUDGET} updates",
                "every": EVERY,
                "runs": runs,
            },
        },
    )


if __name__ == "__main__":
    sys.exit(main())
