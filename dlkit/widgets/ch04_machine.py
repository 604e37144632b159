"""The machine that chapter 04's explorers run, and a net that reads what it dreams."""

from functools import lru_cache

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from dlkit import checkpoint, plots
from dlkit.data.files import asset
from dlkit.models.dense import softmax
from dlkit.models.rbm import RBM, GaussianRBM
from dlkit.widgets.ch02_digit import trained
from dlkit.widgets.drawing_pad import SIDE
from dlkit.widgets.drawn import mnist
from dlkit.widgets.tiles import paint, palette

GREYS = tuple(  # paper to ink, for a light page and a dark one
    palette(LinearSegmentedColormap.from_list("grey", pair))
    for pair in zip(plots.PAPER, plots.INK, strict=True)
)
SURE = 0.5  # what the net says with a smaller probability does not count as read


@lru_cache(maxsize=1)
def digit_machine() -> RBM:
    """An RBM 784-256 that has learned MNIST, without the 5,000 digits that `mnist()` gives.

    `tools/reproduce/ch04_rbm.py` trained it.
    """
    stored = checkpoint.load(asset("models/ch04_rbm.safetensors"))["rbm"]
    hidden, visible = stored["weight"].shape
    rbm = RBM(visible, hidden, rng=np.random.default_rng(0))
    rbm.load_state_dict(stored)
    return rbm


def check_machine(rbm: RBM) -> RBM:
    """The machine itself; a `ValueError` if it has no 784 binary visible units."""
    if not isinstance(rbm, RBM) or isinstance(rbm, GaussianRBM):
        raise ValueError(f"rbm must be an RBM of dlkit with binary units, got {rbm!r:.200}")
    visible = rbm.weight.shape[1]
    if visible != SIDE * SIDE:
        raise ValueError(f"rbm must have {SIDE * SIDE} visible units, one a pixel, got {visible}")
    return rbm


def usual(rbm: RBM) -> tuple[float, float]:
    """Between which free energies nine of ten test digits lie: (low, high) in nats."""
    ink = mnist().x_test > 0.5
    low, high = np.quantile(rbm.free_energy(ink), (0.05, 0.95))
    return float(low), float(high)


def read(pictures: np.ndarray) -> np.ndarray:
    """What chapter 02's net reads in pictures (N, 784): digits (N,), -1 where it is not sure."""
    p = softmax(trained()(np.asarray(pictures, np.float32)))
    return np.where(p.max(axis=1) >= SURE, p.argmax(axis=1), -1)


def ink_of(pictures: np.ndarray) -> np.ndarray:
    """Greys 0 … 1 as states of the machine's visible units: True is on."""
    return pictures > 0.5


def tile_of(picture: np.ndarray, dark: bool) -> np.ndarray:
    """784 numbers 0 (paper) … 1 (ink) as the pixels of a `Tile`."""
    return paint(2.0 * picture.reshape(SIDE, SIDE)[::-1] - 1, GREYS[dark])


def named(digit: int) -> str:
    """A digit that `read` has found, as it is written: a question mark if it found none."""
    return str(digit) if digit >= 0 else "?"
