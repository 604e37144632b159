"""The network of Hopfield (1982): a memory that is found again from a part of what it holds.

A state s has `units` entries of +1 and -1; a batch of states is (M, units). Hopfield wrote 1 and 0
where this has +1 and -1, and could leave the 1/N out, because it changes no sign.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_generator, check_number
from dlkit.models.layer import Model

ALPHA_C = 0.138
"""Patterns per unit that can be recalled, as N → ∞ (Amit, Gutfreund, Sompolinsky 1985, 1987)."""


class Hopfield(Model):
    """N units, each tied to every other by the same weight in both directions, none to itself.

    The energy is E(s) = -½ s W s. A unit that takes the sign of its field h_i = Σⱼ W_ij s_j can
    only lower it, or leave it where it is, so updates of one unit after another come to rest.

    `weight` W (units, units) starts at zero: nothing is remembered. Every method raises
    `ValueError` when a state has another shape or an entry that is not +1 or -1.
    """

    parameter_names = ("weight",)

    def __init__(self, units: int, *, dtype: DTypeLike = np.float32):
        check_number("units", units, low=2, whole=True)
        self.units = int(units)
        self.weight = np.zeros((self.units, self.units), check_dtype(dtype))

    def store(self, patterns: ArrayLike) -> None:
        """Add patterns (M, units), or one (units,), to the memory: W += Σ ξ ξᵀ / N, no diagonal.

        Hebb's rule: units that agree in a pattern pull each other the same way.
        """
        xi = self._states("patterns", patterns)
        self.weight += xi.T @ xi / self.units
        np.fill_diagonal(self.weight, 0)

    def project(self, patterns: ArrayLike) -> None:
        """Remember these patterns (M, units) and nothing else, as alike as they may be.

        W projects on the space that they span, Σ ξ^μ (C⁻¹)_μν ξ^ν / N with the overlaps C between
        the patterns: what Hebb's sum would take from one for another is taken out. Without its
        diagonal W leaves each pattern at rest all the same. It needs all patterns at once, and a
        weight is no longer made of its own two units alone.

        L. Personnaz, I. Guyon, G. Dreyfus, "Information storage and retrieval in spin-glass like
        neural networks", 1985.
        """
        xi = self._states("patterns", patterns).astype(np.float64)
        overlaps = xi @ xi.T / self.units
        self.weight[...] = xi.T @ np.linalg.pinv(overlaps, rcond=1e-10, hermitian=True) @ xi
        self.weight /= self.units
        np.fill_diagonal(self.weight, 0)

    def forget(self) -> None:
        """Empty the memory."""
        self.weight[...] = 0

    def field(self, state: ArrayLike) -> np.ndarray:
        """What the others tell each unit, h = s W, as (M, units)."""
        return self._states("state", state) @ self.weight

    def energy(self, state: ArrayLike) -> np.ndarray:
        """E = -½ s W s of each state, as (M,)."""
        s = self._states("state", state)
        return -0.5 * ((s @ self.weight) * s).sum(axis=1)

    def update(self, state: ArrayLike, order: ArrayLike) -> np.ndarray:
        """The states after the units of `order` (any number of them) were updated one by one.

        Each takes the sign of its field, and keeps its own where the field is 0.
        """
        s = self._states("state", state).copy()
        order = np.asarray(order)
        if order.dtype.kind not in "iu" or order.ndim != 1:
            raise ValueError(f"order must be a row of whole numbers, got {order!r}")
        if order.size and (order.min() < 0 or order.max() >= self.units):
            raise ValueError(f"order must hold units 0 … {self.units - 1}, got {order}")
        field = s @ self.weight
        for i in order:
            new = np.sign(field[:, i])
            change = np.where(new == 0, 0, new - s[:, i]).astype(s.dtype)
            turned = np.flatnonzero(change)
            if len(turned):
                s[turned, i] += change[turned]
                field[turned] += np.outer(change[turned], self.weight[i])
        return s

    def sweep(self, state: ArrayLike, rng: np.random.Generator) -> np.ndarray:
        """The states after every unit was updated once, in an order drawn by chance."""
        return self.update(state, check_generator("rng", rng).permutation(self.units))

    def recall(
        self, state: ArrayLike, rng: np.random.Generator, *, sweeps: int = 100
    ) -> np.ndarray:
        """The states (M, units) where sweeps come to rest, or where they are after `sweeps`."""
        sweeps = int(check_number("sweeps", sweeps, low=0, whole=True))
        s = self._states("state", state)
        for _ in range(sweeps):
            before, s = s, self.sweep(s, rng)
            if np.array_equal(before, s):
                break
        return s

    def is_fixed(self, state: ArrayLike) -> np.ndarray:
        """Whether no unit of the state would change, as (M,) bool."""
        s = self._states("state", state)
        return np.all((s @ self.weight) * s >= 0, axis=1)

    def _states(self, name: str, value: ArrayLike) -> np.ndarray:
        s = np.atleast_2d(check_array(name, value))
        s = check_array(name, s, ("M", self.units), dtype=self.weight.dtype)
        if not (np.abs(s) == 1).all():
            raise ValueError(f"{name} must hold +1 and -1 only, got {s[np.abs(s) != 1][0]:g}")
        return s


def overlap(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """m = Σ aᵢ bᵢ / N of states: 1 the same, 0 nothing in common, -1 every sign turned.

    Works along the last axis, so a batch (M, units) and one state (units,) give (M,).
    """
    a, b = check_array("a", a), check_array("b", b)
    if not (a.ndim and b.ndim and a.shape[-1] == b.shape[-1]):
        raise ValueError(f"a and b must have as many units, got {a.shape} and {b.shape}")
    if len({len(states) for states in (a, b) if states.ndim == 2} - {1}) > 1:
        raise ValueError(f"a and b must be as many states, got {a.shape} and {b.shape}")
    return (a * b).mean(axis=-1)


def spoil(state: ArrayLike, share: float, rng: np.random.Generator) -> np.ndarray:
    """The states with a `share` of their units, drawn by chance for each row, turned round."""
    s = np.atleast_2d(check_array("state", state))
    s = check_array("state", s, ("M", "units")).copy()
    if not (np.abs(s) == 1).all() or s.dtype.kind not in "fi":
        raise ValueError(f"state must hold +1 and -1 only, got {s[:2].tolist()} ({s.dtype})")
    check_number("share", share, low=0, high=1)
    count = round(share * s.shape[1])
    turned = check_generator("rng", rng).random(s.shape).argsort(axis=1)[:, :count]
    np.put_along_axis(s, turned, -np.take_along_axis(s, turned, axis=1), axis=1)
    return s
