"""Toy planes: two classes of points, small enough to see everything.

Each returns about half of its `n` points in either class, shuffled. `rng` is a `Generator`, or a
whole number to seed one; the same seed gives the same points.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import Rng, check_array, check_dtype, check_number, check_rng
from dlkit.data.split import Split, divide


def moons(
    n: int = 200,
    *,
    rng: Rng,
    noise: float = 0.1,
    test_fraction: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Two interlocking half circles of radius 1; `noise` the standard deviation."""
    rng, y = _start(n, rng)
    angle = rng.uniform(0, np.pi, len(y))
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    x = np.where(y[:, None] == 1, lower, upper) - (0.5, 0.25)
    return _finish("moons", x, y, noise, rng, test_fraction, dtype)


def circles(
    n: int = 200,
    *,
    rng: Rng,
    noise: float = 0.05,
    factor: float = 0.5,
    test_fraction: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Split:
    """A circle of radius 1 (class 0) around one of radius `factor` (class 1)."""
    check_number("factor", factor, low=0, high=1, strict=True)
    rng, y = _start(n, rng)
    angle = rng.uniform(0, 2 * np.pi, len(y))
    radius = np.where(y == 1, factor, 1.0)
    x = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return _finish("circles", x, y, noise, rng, test_fraction, dtype)


def spirals(
    n: int = 200,
    *,
    rng: Rng,
    noise: float = 0.02,
    turns: float = 1.5,
    test_fraction: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Two spirals of radius 1, wound `turns` times, half a turn apart.

    Three turns are the task of K. Lang, M. Witbrock, "Learning to tell two spirals apart", 1988.
    """
    check_number("turns", turns, low=0, strict=True)
    rng, y = _start(n, rng)
    along = np.sqrt(rng.uniform(0.01, 1, len(y)))  # sqrt: evenly spread along the arm
    angle = 2 * np.pi * turns * along + np.pi * y
    x = along[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return _finish("spirals", x, y, noise, rng, test_fraction, dtype)


def xor(
    n: int = 200,
    *,
    rng: Rng,
    noise: float = 0.2,
    test_fraction: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Four clouds round the corners (±1, ±1); class 1 where exactly one coordinate is positive.

    With `n=4, noise=0` these are the four points of M. Minsky, S. Papert, "Perceptrons", 1969.
    """
    rng, y = _start(n, rng)
    first = np.arange(len(y)) // 2 % 2
    x = 2.0 * np.column_stack([first, first ^ y]) - 1
    return _finish("xor", x, y, noise, rng, test_fraction, dtype)


def blobs(
    n: int = 200,
    *,
    rng: Rng,
    margin: float = 0.3,
    spread: float = 0.5,
    dimensions: int = 2,
    direction: ArrayLike | None = None,
    centre: ArrayLike = 0.0,
    test_fraction: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Two clouds that a straight line parts with a margin of at least `margin`, for any seed.

    The line (in more `dimensions`, the hyperplane) passes through `centre`, at right angles to
    `direction`, which is drawn from `rng` if not given and points to class 1. Every point lies at
    least `margin` away from it, on its own class's side; so the γ of the convergence theorem
    (A. Novikoff, "On convergence proofs on perceptrons", 1962) is known before anything is learned.
    A negative margin lets the clouds overlap by at most that much. `spread` is the clouds' standard
    deviation.
    """
    check_number("margin", margin, low=-1e3, high=1e3)
    check_number("spread", spread, low=0, high=1e3)
    dimensions = int(check_number("dimensions", dimensions, low=1, whole=True))
    rng, y = _start(n, rng)
    kind = check_dtype(dtype)
    normal = rng.standard_normal(dimensions) if direction is None else direction
    normal = check_array("direction", normal, (dimensions,), dtype=np.float64, finite=True)
    if not normal.any():
        raise ValueError("direction must not be zero in every coordinate")
    normal = normal / np.linalg.norm(normal)
    centre = check_array("centre", centre, dtype=np.float64, finite=True)
    if centre.shape not in ((), (dimensions,)):
        raise ValueError(f"centre must be one number or {dimensions}, got shape {centre.shape}")

    # A Gaussian cloud two standard deviations behind the margin, its front folded back at the
    # margin; along the hyperplane, nothing limits it.
    depth = margin + spread * np.abs(2 + rng.standard_normal(len(y)))
    cloud = spread * rng.standard_normal((len(y), dimensions))
    side = 2 * y - 1

    def place(depth: np.ndarray) -> np.ndarray:
        beside = cloud - (cloud @ normal)[:, None] * normal
        return centre + beside + (side * depth)[:, None] * normal

    # Rounding to `dtype` moves a point by up to half a unit in the last place of its coordinates:
    # stand that much farther back, or the guarantee would hold on paper only.
    far = np.abs(place(depth)).max() + abs(margin)
    rounding = 4 * dimensions * far * np.finfo(kind).eps
    return _finish("blobs", place(depth + rounding), y, 0.0, rng, test_fraction, dtype)


def _start(n: int, rng: Rng) -> tuple[np.random.Generator, np.ndarray]:
    """The generator, and n labels, half of them 1."""
    n = int(check_number("n", n, low=2, whole=True))
    return check_rng("rng", rng), np.arange(n) % 2


def _finish(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    noise: float,
    rng: np.random.Generator,
    test_fraction: float,
    dtype: DTypeLike,
) -> Split:
    check_number("noise", noise, low=0)
    if noise:
        x = x + noise * rng.standard_normal(x.shape)
    return divide(
        x,
        y,
        test_fraction=test_fraction,
        rng=rng,
        dtype=dtype,
        classes=("0", "1"),
        features=tuple(f"x{i}" for i in range(1, x.shape[1] + 1)),
        name=name,
    )
