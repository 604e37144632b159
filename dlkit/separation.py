"""Can a plane separate two classes, how widely, and what does that promise the perceptron?

Each question is decided by optimisation, not by training and waiting. Labels are -1 and +1.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog, nnls

from dlkit.check import check_array
from dlkit.models.perceptron import check_signs


def separable(x: ArrayLike, y: ArrayLike) -> bool:
    """Whether some w, b give y (w·x + b) ≥ 1 on every row of x (N, D), by linear programming.

    Any strict separation can be scaled to reach 1, so the programme is feasible exactly when the
    classes are linearly separable. One class alone always is.
    """
    x, y = _examples(x, y)
    rows = -y[:, None] * _with_one(x)
    free = [(None, None)] * rows.shape[1]
    found = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(x)), bounds=free)
    if found.status not in (0, 2):
        raise ArithmeticError(f"the linear programme could not be decided: {found.message}")
    return found.status == 0


def margin(weight: ArrayLike, bias: float, x: ArrayLike, y: ArrayLike) -> float:
    """The smallest y (w·x + b) / ‖w‖ of all rows: negative when one is on the wrong side."""
    x, y = _examples(x, y)
    w = check_array("weight", np.ravel(np.asarray(weight)), (x.shape[1],), dtype=float, finite=True)
    length = np.linalg.norm(w)
    if length == 0:
        raise ValueError("weight must not be all zeros: it has no direction")
    return float((y * (x @ w + float(np.squeeze(bias)))).min() / length)


def widest_separation(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, float]:
    """The unit vector ŵ, b̂ that separates (x, 1) through the origin most widely, and its margin γ.

    Returns ((ŵ, b̂) of length D + 1, γ > 0): the shortest v with y v·(x, 1) ≥ 1, scaled to length
    1. The bias is one more weight, as in the convergence theorem. The shortest vector under linear
    inequalities is a non-negative least squares problem (Lawson and Hanson 1974, ch. 23). Raises
    `ValueError` when the classes are not separable.
    """
    x, y = _examples(x, y)
    rows = y[:, None] * _with_one(x)
    target = np.zeros(rows.shape[1] + 1)
    target[-1] = 1
    system = np.vstack([rows.T, np.ones(len(rows))])
    residual = system @ nnls(system, target)[0] - target
    v = -residual[:-1] / residual[-1] if residual[-1] else residual[:-1]
    if not (rows @ v >= 1 - 1e-6).all():
        raise ValueError("x and y are not linearly separable, so there is no widest separation")
    length = np.linalg.norm(v)
    return v / length, float(1 / length)


def mistake_bound(x: ArrayLike, y: ArrayLike) -> float:
    """(R/γ)²: Rosenblatt's rule makes no more mistakes than that (Novikoff 1962).

    R is the length of the longest (x, 1) and γ the margin of the widest separation of these
    vectors; the rule starts from zero. Raises `ValueError` when the classes are not separable.
    """
    x, y = _examples(x, y)
    longest = np.linalg.norm(_with_one(x), axis=1).max()
    return float((longest / widest_separation(x, y)[1]) ** 2)


def _examples(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x = check_array("x", x, ("N", "D"), dtype=float, finite=True)
    return x, check_signs("y", y, len(x)).astype(float)


def _with_one(x: np.ndarray) -> np.ndarray:
    """Append a feature that is always 1, whose weight is the bias."""
    return np.column_stack([x, np.ones(len(x))])
