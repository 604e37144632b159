"""The net that reads pen strokes: what it is, the one that ships, what it says at each point."""

from functools import lru_cache

import numpy as np

from dlkit import checkpoint
from dlkit.data.files import asset
from dlkit.models.dense import Linear, Sequential, softmax
from dlkit.models.recurrent import LSTM, EveryStep

HIDDEN, CLASSES = 64, 10
WEIGHTS = "models/ch08_pen.safetensors"


def network(rng: np.random.Generator) -> Sequential:
    """3 → LSTM of 64 → 10 digits, after every step: (T, N, 3) gives logits (T·N, 10)."""
    return Sequential(
        LSTM(3, HIDDEN, rng=rng, forget_bias=1.0), EveryStep(), Linear(HIDDEN, CLASSES, rng=rng)
    )


@lru_cache(maxsize=1)
def pen_reader() -> Sequential:
    """The net that `tools/reproduce/pen_08.py` has trained."""
    net = network(np.random.default_rng(0))
    state = checkpoint.load(asset(WEIGHTS))["reader"]
    net.load_state_dict({name: array.astype(np.float32) for name, array in state.items()})
    return net.eval()


def certainty(net: Sequential, x: np.ndarray) -> np.ndarray:
    """p(digit) after every step: x (T, N, 3) gives (T, N, 10); (0, N, 10) for no steps."""
    if not len(x):
        return np.zeros((0, x.shape[1], CLASSES), np.float32)
    return softmax(net.forward(x)).reshape(*x.shape[:2], CLASSES)
