"""Two-dimensional landscapes on which optimisers can be seen at work.

Each is scaled so that its curvature is at most about 20 where it matters: near a learning rate of
2 / 20 = 0.1, gradient descent becomes unstable on the steepest of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Surface:
    """f(x, y), its gradient, its minima, the part of the plane to look at, and a place to start."""

    name: str
    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    gradient: Callable[[float, float], tuple[float, float]]
    minima: tuple[tuple[float, float], ...]  # the deepest one first
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    start: tuple[float, float]
    about: str

    @property
    def lowest(self) -> float:
        """The value at the deepest minimum."""
        return float(self.value(*np.array(self.minima[0])))


def _beale(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.1 * np.sum([(c - x * (1 - y**n)) ** 2 for n, c in BEALE], axis=0)


def _beale_gradient(x: float, y: float) -> tuple[float, float]:
    inside = [(n, c - x * (1 - y**n)) for n, c in BEALE]
    dx = sum(-2 * r * (1 - y**n) for n, r in inside)
    dy = sum(2 * r * x * n * y ** (n - 1) for n, r in inside)
    return 0.1 * dx, 0.1 * dy


BEALE = ((1, 1.5), (2, 2.25), (3, 2.625))  # E. Beale 1958
DEEP, _, SHALLOW = np.sort(np.roots((1, 0, -1, 1 / 8)).real).tolist()  # the wells' bottoms

SURFACES = {
    surface.name: surface
    for surface in (
        Surface(
            "ravine",
            lambda x, y: 0.5 * (x**2 + 20 * y**2),
            lambda x, y: (x, 20 * y),
            ((0.0, 0.0),),
            (-3.2, 3.2),
            (-2.0, 2.0),
            (-2.8, 1.0),
            "20 times steeper across than along",
        ),
        Surface(
            "saddle",
            lambda x, y: 2 * x**2 - y**2 + y**4 / 4,
            lambda x, y: (4 * x, -2 * y + y**3),
            ((0.0, 2**0.5), (0.0, -(2**0.5))),
            (-2.4, 2.4),
            (-2.1, 2.1),
            (-2.0, 0.001),
            "a pass at (0, 0) between two equal minima",
        ),
        Surface(
            "curved valley (Rosenbrock)",  # H. Rosenbrock 1960, with 20 instead of 100
            lambda x, y: 0.1 * ((1 - x) ** 2 + 20 * (y - x**2) ** 2),
            lambda x, y: (-0.2 * (1 - x) - 8 * x * (y - x**2), 4 * (y - x**2)),
            ((1.0, 1.0),),
            (-2.0, 2.0),
            (-0.8, 2.8),
            (-1.5, 0.5),
            "a flat valley that bends",
        ),
        Surface(
            "plateau and cliff (Beale)",
            _beale,
            _beale_gradient,
            ((3.0, 0.5),),
            (-1.0, 4.5),
            (-1.6, 1.6),
            (0.5, 1.2),
            "almost flat in the middle, steep at the rims",
        ),
        Surface(
            "two minima",
            lambda x, y: (x**2 - 1) ** 2 + 0.5 * x + 5 * y**2 + 1,
            lambda x, y: (4 * x * (x**2 - 1) + 0.5, 10 * y),
            ((DEEP, 0.0), (SHALLOW, 0.0)),
            (-2.0, 2.0),
            (-1.2, 1.2),
            (1.7, 0.9),
            "a deep well on the left and a shallow one on the right",
        ),
    )
}
