"""Initial values of a weight: functions (rng, shape, dtype) -> array.

A weight has shape (out, in, ...): `fan_in` is the number of inputs that one output sums over,
`fan_out` the number of outputs that one input feeds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_generator, check_number

Initialiser = Callable[[np.random.Generator, tuple[int, ...], DTypeLike], np.ndarray]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight of shape (out, in, *kernel)."""
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape must be (out, in, ...) with positive sizes, got {shape}")
    kernel = int(np.prod(shape[2:]))
    return shape[1] * kernel, shape[0] * kernel


def zeros(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """All zeros: right for a bias; for a hidden weight it keeps all units alike for ever."""
    return np.zeros(shape, dtype)


def normal(std: float) -> Initialiser:
    """N(0, std²) whatever the shape; make one with `normal(0.01)`."""
    check_number("std", std, low=0)

    def initialise(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike):
        return (std * check_generator("rng", rng).standard_normal(shape)).astype(dtype)

    return initialise


def fan_in_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike):
    """U(-1/√fan_in, 1/√fan_in): LeCun's advice in spirit, and what `torch.nn.Linear` does."""
    return _uniform(rng, shape, dtype, 1 / np.sqrt(fans(shape)[0]))


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike):
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010, eq. 16)."""
    return _uniform(rng, shape, dtype, np.sqrt(6 / sum(fans(shape))))


def glorot_normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike):
    """Normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010, eq. 12)."""
    return normal(np.sqrt(2 / sum(fans(shape))))(rng, shape, dtype)


def he_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike):
    """Uniform with variance 2 / fan_in (He et al. 2015, eq. 10)."""
    return _uniform(rng, shape, dtype, np.sqrt(6 / fans(shape)[0]))


def he_normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike):
    """Normal with variance 2 / fan_in, which keeps ReLU's signal (He et al. 2015, eq. 10)."""
    return normal(np.sqrt(2 / fans(shape)[0]))(rng, shape, dtype)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike, bound: float):
    return check_generator("rng", rng).uniform(-bound, bound, shape).astype(dtype)
