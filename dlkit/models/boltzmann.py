"""The general Boltzmann machine (Hinton and Sejnowski 1983; Ackley, Hinton, Sejnowski 1985).

Any unit may be tied to any other. That costs the one step of the RBM: given v, the hidden units
still depend on one another, and have to be sampled one after another, sweep after sweep.
"""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_generator, check_number, short
from dlkit.models.dense import sigmoid
from dlkit.models.initialisers import normal
from dlkit.models.layer import Model
from dlkit.models.partition import LARGEST, all_states, check_bits, log_sum_exp
from dlkit.models.rbm import RBM


class BoltzmannMachine(Model):
    """E(s) = -½ s W s - b·s, every unit 0 or 1, the visible ones first in s = (v, h).

    `weight` W (units, units) is symmetric with a zero diagonal and starts at N(0, std²); `bias` b
    (units,) starts at zero. Whatever goes through all states raises `ValueError` above 20 units.
    """

    parameter_names = ("weight", "bias")

    def __init__(
        self,
        visible: int,
        hidden: int = 0,
        *,
        rng: np.random.Generator,
        std: float = 0.01,
        dtype: DTypeLike = np.float32,
    ):
        visible = int(check_number("visible", visible, low=1, whole=True))
        hidden = int(check_number("hidden", hidden, low=0, whole=True))
        self.visible = visible
        dtype = check_dtype(dtype)
        one_way = np.tril(normal(std)(rng, (visible + hidden, visible + hidden), dtype), -1)
        self.weight = one_way + one_way.T
        self.bias = np.zeros(visible + hidden, dtype)

    @classmethod
    def of_rbm(cls, rbm: RBM) -> Self:
        """The machine that an RBM of bits is: no ties within a side."""
        hidden, visible = check_bits(rbm).weight.shape
        machine = cls(visible, hidden, rng=np.random.default_rng(0), std=0, dtype=rbm.weight.dtype)
        machine.weight[visible:, :visible] = rbm.weight
        machine.weight[:visible, visible:] = rbm.weight.T
        machine.bias[:] = np.concatenate((rbm.visible_bias, rbm.hidden_bias))
        return machine

    def energy(self, s: ArrayLike) -> np.ndarray:
        """E(s) = -½ s W s - b·s of each row of s (N, units), as (N,)."""
        s = self._states(s)
        return -0.5 * ((s @ self.weight) * s).sum(axis=1) - s @ self.bias

    def gibbs(
        self, s: ArrayLike, rng: np.random.Generator, sweeps: int = 1, *, clamped: bool = False
    ) -> np.ndarray:
        """s (N, units) after `sweeps` sweeps: every unit in turn, given all the others.

        P(sᵢ = 1 | the others) = σ(bᵢ + Wᵢ s). With `clamped` the visible units stay as they are.
        """
        check_number("sweeps", sweeps, low=0, whole=True)
        check_generator("rng", rng)
        s = self._states(s).copy()
        for _ in range(sweeps):
            for i in range(self.visible if clamped else 0, len(self.bias)):
                p = sigmoid(self.bias[i] + s @ self.weight[i])
                s[:, i] = rng.random(len(s), dtype=s.dtype) < p
        return s

    def boltzmann_rule(
        self, v: ArrayLike, rng: np.random.Generator, *, sweeps: int = 10, chain: np.ndarray
    ) -> None:
        """Fill `gradients` by ⟨s sᵀ⟩ with the data clamped and ⟨s sᵀ⟩ running free (1985).

        v is (N, visible). The hidden units get `sweeps` sweeps from a random start with v clamped;
        `chain` (M, units) runs free for as many and is moved in place. A tie's gradient stands
        in both its entries of W, so that W stays symmetric. Raises `ValueError` for a `chain` that
        is no array, and for another shape of either or states beyond 0 … 1; nothing is drawn then.
        """
        v = self._states(v, "v", self.visible)
        check_generator("rng", rng)
        if not isinstance(chain, np.ndarray):
            raise ValueError(f"chain must be an array, which is moved in place, got {short(chain)}")
        free = self._states(chain, "chain")
        hidden = rng.integers(0, 2, (len(v), len(self.bias) - self.visible))
        data = self.gibbs(np.hstack((v, hidden.astype(v.dtype))), rng, sweeps, clamped=True)
        chain[...] = free = self.gibbs(free, rng, sweeps)
        # From `free`, not from `chain`: bits or bytes would not count that far.
        weight = free.T @ free / len(free) - data.T @ data / len(data)
        np.fill_diagonal(weight, 0)
        self._gradient("weight")[...] = weight
        self._gradient("bias")[...] = free.mean(axis=0) - data.mean(axis=0)

    # By enumeration, without chance.

    def log_partition(self) -> float:
        """log Z = log Σₛ e⁻ᴱ⁽ˢ⁾, exact."""
        return log_sum_exp(-self.energy(all_states(self._few(len(self.bias)))).astype(float))

    def conditional(self, v: ArrayLike) -> np.ndarray:
        """P(h | v) of all hidden states, in the order of `all_states`, as (N, 2^hidden)."""
        v = check_array("v", v, ("N", self.visible), dtype=float)
        h = all_states(self._few(len(self.bias) - self.visible))
        # What is left of E once v is given: biases moved by v, and the ties among h.
        bias = self.bias[self.visible :] + v @ self.weight[: self.visible, self.visible :]
        ties = self.weight[self.visible :, self.visible :]
        minus_energy = bias @ h.T + 0.5 * ((h @ ties) * h).sum(axis=1)
        p = np.exp(minus_energy - minus_energy.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def conditional_after(self, v: ArrayLike, sweeps: int) -> np.ndarray:
        """P(h | v) as far as `sweeps` clamped Gibbs sweeps get it, exact, as (N, 2^hidden).

        The hidden units start by the toss of a coin. A sweep sends the whole distribution through
        each unit: whatever the unit was, it is drawn anew, given the others.
        """
        check_number("sweeps", sweeps, low=0, whole=True)
        target = self.conditional(v)
        rows, hidden = len(target), len(self.bias) - self.visible
        target = target.reshape(rows, *[2] * hidden)
        p = np.full_like(target, 0.5**hidden)
        for _ in range(sweeps):
            for unit in range(1, hidden + 1):
                given_others = target / target.sum(axis=unit, keepdims=True)
                p = p.sum(axis=unit, keepdims=True) * given_others
        return p.reshape(rows, -1)

    def _few(self, units: int) -> int:
        if not 1 <= units <= LARGEST:
            raise ValueError(f"1 to {LARGEST} units can be enumerated, got {units}")
        return units

    def _states(self, s: ArrayLike, name: str = "s", units: int | None = None) -> np.ndarray:
        s = check_array(name, s, ("N", units or len(self.bias)), dtype=self.weight.dtype)
        if not (s.min() >= 0 and s.max() <= 1):
            raise ValueError(f"{name} must hold 0 and 1, got {s.min():g} … {s.max():g}")
        return s


def total_variation(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """½ Σ |p - q| over the last axis: 0 for the same distribution, 1 for two without overlap."""
    return 0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum(axis=-1)
