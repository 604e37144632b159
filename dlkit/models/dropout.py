"""Dropout: every unit is left out by chance while the net learns (Hinton and others 2012)."""

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_array, check_generator, check_number
from dlkit.models.layer import Layer


class Dropout(Layer):
    """y = x m / (1 - p), where each entry of m is 0 with probability p, and 1 otherwise.

    Every entry of every example has a coin of its own, thrown anew by each `forward`. Dividing by
    1 - p keeps the mean of y at x, so that nothing is left to do once the net is used: after
    `eval()`, y = x. Hinton and others (2012) did it the other way round, y = x m while learning
    and weights times 1 - p in use; what the next layer gets is the same but for the scale.

    x has any shape. `mask` is m / (1 - p) of the last `forward`, and None in use. While `hold` is
    True the mask stays: to look longer at one thinned net, or to give it a mask of one's own.
    `rng` draws the masks; if `train.fit` shuffles with the same one, its checkpoints keep both.
    Raises `ValueError` for p outside 0 … 1, an empty x, and a held mask that does not fit x.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator):
        self.p = check_number("p", p, low=0, high=1)
        self.rng = check_generator("rng", rng)
        self.mask: np.ndarray | None = None
        self.hold = False

    def forward(self, x: np.ndarray) -> np.ndarray:
        if not self.training:
            self.mask = self.mask if self.hold else None
            self._factor = None
            return x
        x = check_array("x", x)
        dtype = np.result_type(x, np.float32)  # whole numbers have no room for 1 / (1 - p)
        if self.mask is None or not self.hold:
            self.mask = draw_mask(self.rng, x.shape, self.p, dtype)
        self._factor = check_array("mask", self.mask, x.shape, dtype=dtype)
        return x * self._factor

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output if self._factor is None else grad_output * self._factor

    def __repr__(self) -> str:
        return f"Dropout(p={self.p:g})"


def draw_mask(
    rng: np.random.Generator, shape: tuple[int, ...], p: float, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Factors for units of this shape: 0 with probability p, else 1 / (1 - p).

    Their mean is 1 and their variance p / (1 - p). For p = 1 all are 0, as in torch. The coins are
    float32 whatever the dtype, so that one seed drops the same units in either precision.
    """
    kept = rng.random(shape, dtype=np.float32) >= p
    return kept.astype(dtype) / np.asarray(max(1 - p, np.finfo(np.float32).tiny), dtype)
