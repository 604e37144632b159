"""The restricted Boltzmann machine and contrastive divergence (Smolensky 1986, Hinton 2002).

A batch of visible states v is (N, visible), one of hidden states h (N, hidden), and `weight` is
(hidden, visible), as in a `Linear` from v to h. Probabilities are P(state) = e⁻ᴱ / Z.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import (
    check_array,
    check_between_0_and_1,
    check_dtype,
    check_generator,
    check_number,
    check_parts,
)
from dlkit.models.initialisers import normal
from dlkit.models.layer import Model

SCALE_IT = " (scale it, or use a GaussianRBM)"


class RBM(Model):
    """E(v, h) = -b·v - c·h - h W v, every unit 0 or 1 (Smolensky 1986, as the "harmonium").

    No unit is tied to another of its own side. Given v, the hidden units are therefore
    independent, and given h the visible ones: each side is sampled in one step.

    `weight` W (hidden, visible) starts at N(0, std²), `visible_bias` b (visible,) and
    `hidden_bias` c (hidden,) at zero. (Hinton 2010, §8, starts b at the log-odds of the data,
    `partition.base_rate`.) Every method raises `ValueError` when a state has another shape or
    leaves 0 … 1; probabilities are welcome where states are.
    """

    parameter_names = ("weight", "visible_bias", "hidden_bias")
    independent_bits = True  # whether the visible units are bits, independent of each other given h

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        rng: np.random.Generator,
        std: float = 0.01,
        dtype: DTypeLike = np.float32,
    ):
        visible = int(check_number("visible", visible, low=1, whole=True))
        hidden = int(check_number("hidden", hidden, low=1, whole=True))
        dtype = check_dtype(dtype)
        self.weight = normal(std)(rng, (hidden, visible), dtype)
        self.visible_bias = np.zeros(visible, dtype)
        self.hidden_bias = np.zeros(hidden, dtype)

    # The energy, and the energy of v when nobody looks at h.

    def energy(self, v: ArrayLike, h: ArrayLike) -> np.ndarray:
        """E(v, h) = -b·v - c·h - h W v of each pair of rows, as (N,)."""
        v, h = self._visible(v), self._hidden(h)
        return -v @ self.visible_bias - h @ self.hidden_bias - ((h @ self.weight) * v).sum(axis=1)

    def free_energy(self, v: ArrayLike) -> np.ndarray:
        """F(v) = -log Σₕ e⁻ᴱ⁽ᵛ'ʰ⁾ = -b·v - Σⱼ log(1 + e^(c + W v)ⱼ), as (N,); P(v) = e⁻ᶠ / Z."""
        v = self._visible(v)
        return -v @ self.visible_bias - softplus(self._hidden_input(v)).sum(axis=1)

    def hidden_free_energy(self, h: ArrayLike) -> np.ndarray:
        """-log Σᵥ e⁻ᴱ⁽ᵛ'ʰ⁾, the same sum from the other side, as (N,)."""
        h = self._hidden(h)
        return -h @ self.hidden_bias - softplus(self._visible_input(h)).sum(axis=1)

    # The two conditionals: one step each, because no unit is tied to its own side.

    def hidden_probabilities(self, v: ArrayLike) -> np.ndarray:
        """P(hⱼ = 1 | v) = σ(c + W v)ⱼ, as (N, hidden)."""
        return _sigmoid(self._hidden_input(self._visible(v)))

    def visible_probabilities(self, h: ArrayLike) -> np.ndarray:
        """P(vᵢ = 1 | h) = σ(b + h W)ᵢ, as (N, visible)."""
        return _sigmoid(self._visible_input(self._hidden(h)))

    def sample_hidden(self, v: ArrayLike, rng: np.random.Generator) -> np.ndarray:
        """h drawn from P(h | v): 0 and 1, (N, hidden)."""
        return bernoulli(self.hidden_probabilities(v), rng)

    def sample_visible(self, h: ArrayLike, rng: np.random.Generator) -> np.ndarray:
        """v drawn from P(v | h): 0 and 1, (N, visible)."""
        return self._draw_visible(self.visible_probabilities(h), rng)

    def gibbs(self, v: ArrayLike, rng: np.random.Generator, steps: int = 1) -> np.ndarray:
        """v after `steps` times v → h → v, all sampled (N, visible).

        After many steps the rows come from the machine's own P(v), wherever they started.
        """
        check_number("steps", steps, low=0, whole=True)
        v = self._visible(v)
        for _ in range(steps):
            v = self.sample_visible(self.sample_hidden(v, rng), rng)
        return v

    def reconstruct(self, v: ArrayLike) -> np.ndarray:
        """Visible probabilities from the hidden probabilities of v: there and back, no chance."""
        return self.visible_probabilities(self.hidden_probabilities(v))

    # Learning.

    def contrastive_divergence(
        self,
        v: ArrayLike,
        rng: np.random.Generator,
        *,
        k: int = 1,
        chain: np.ndarray | None = None,
        sampled: bool = True,
        sparsity: tuple[float, float] | None = None,
    ) -> float:
        """Fill `gradients` by CD-k (Hinton 2002); return the mean squared reconstruction error.

        The gradient of -log P(v) is ⟨∂E/∂θ⟩ over the data minus ⟨∂E/∂θ⟩ over the machine's own
        states. CD-k starts the machine at the data v (N, visible) and runs it `k` steps only.
        `gradients` is for descent, averaged over the batch: `optimiser.step(rbm.gradients)`.

        With a `chain` (M, visible) the machine goes on from the states of the last call, and the
        array is moved in place: persistent CD (Tieleman 2008). `sampled=False` leaves the visible
        units of the negative phase at their probabilities: less noise, a slightly worse density
        (Hinton 2010, §3.2). `sparsity=(target, cost)` adds cost · (mean activity - target) to
        the gradient of each hidden unit's input (Hinton 2010, §11, without his running average).
        """
        check_number("k", k, low=1, whole=True)
        v = self._visible(v)

        # Positive phase: what the hidden units do with the data in view.
        h = self.hidden_probabilities(v)

        # Negative phase: h → v → h, k times. h is sampled, or v could tell it more than one bit.
        fantasy, fantasy_h, reconstruction = v, h, v
        if chain is not None:
            fantasy_h = self.hidden_probabilities(self._chain(chain))
        for step in range(k):
            p = self.visible_probabilities(bernoulli(fantasy_h, rng))
            if step == 0:
                reconstruction = p
            fantasy = self._draw_visible(p, rng) if sampled else p
            fantasy_h = self.hidden_probabilities(fantasy)

        # ⟨∂E/∂θ⟩ of the data minus that of the fantasies, as one sum over both: E falls by h vᵀ, so
        # each row counts -1/N for a data point and 1/M for a fantasy. h enters by its probability:
        # nothing is gained by sampling what is only averaged.
        share = np.repeat([-1 / len(v), 1 / len(fantasy)], [len(v), len(fantasy)]).astype(v.dtype)
        states, hidden = np.concatenate((v, fantasy)), np.concatenate((h, fantasy_h))
        np.matmul((share[:, None] * hidden).T, states, out=self._gradient("weight"))
        np.matmul(share, states, out=self._gradient("visible_bias"))
        np.matmul(share, hidden, out=self._gradient("hidden_bias"))
        if sparsity is not None:
            self._press_towards(sparsity, v, h)

        if chain is not None:
            chain[...] = fantasy
            reconstruction = self.visible_probabilities(h)
        return _mean_square(reconstruction, v)

    def _press_towards(self, sparsity: tuple[float, float], v: np.ndarray, h: np.ndarray) -> None:
        """Add the slope of cost · cross-entropy(target, mean activity) to the gradients."""
        target, cost = check_sparsity(sparsity)
        excess = cost * (h.mean(axis=0) - self.weight.dtype.type(target))
        self._gradient("hidden_bias")[...] += excess
        self._gradient("weight")[...] += np.outer(excess, v.mean(axis=0))

    def _hidden_input(self, v: np.ndarray) -> np.ndarray:
        z = v @ self.weight.T
        z += self.hidden_bias
        return z

    def _visible_input(self, h: np.ndarray) -> np.ndarray:
        z = h @ self.weight
        z += self.visible_bias
        return z

    def _draw_visible(self, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return bernoulli(p, rng)

    def _visible(self, v: ArrayLike) -> np.ndarray:
        v = check_array("v", v, ("N", self.weight.shape[1]), dtype=self.weight.dtype)
        return check_between_0_and_1("v", v, SCALE_IT)

    def _hidden(self, h: ArrayLike) -> np.ndarray:
        h = check_array("h", h, ("N", self.weight.shape[0]), dtype=self.weight.dtype)
        return check_between_0_and_1("h", h, SCALE_IT)

    def _chain(self, chain: np.ndarray) -> np.ndarray:
        if not isinstance(chain, np.ndarray):
            raise ValueError(f"chain must be an array, which is moved in place, got {chain!r}")
        return check_array("chain", chain, ("M", self.weight.shape[1]), dtype=self.weight.dtype)


class GaussianRBM(RBM):
    """E(v, h) = ½ |v - b|² - c·h - h W v: real v with variance 1 (Hinton 2010, §13.2).

    Scale each visible quantity to mean 0 and variance 1 first, and learn more slowly than with
    binary units: nothing bounds a reconstruction. The last visible states are best left at
    their means, `sampled=False`.
    """

    independent_bits = False

    def energy(self, v: ArrayLike, h: ArrayLike) -> np.ndarray:
        v, h = self._visible(v), self._hidden(h)
        return self._spring(v) - h @ self.hidden_bias - ((h @ self.weight) * v).sum(axis=1)

    def free_energy(self, v: ArrayLike) -> np.ndarray:
        """F(v) = ½ |v - b|² - Σⱼ log(1 + e^(c + W v)ⱼ), as (N,); p(v) = e⁻ᶠ / Z is a density."""
        v = self._visible(v)
        return self._spring(v) - softplus(self._hidden_input(v)).sum(axis=1)

    def hidden_free_energy(self, h: ArrayLike) -> np.ndarray:
        """-log ∫ e⁻ᴱ⁽ᵛ'ʰ⁾ dv = -c·h - b·(h W) - ½ |h W|² - ½ visible log 2π, as (N,)."""
        h = self._hidden(h)
        push = h @ self.weight
        volume = 0.5 * len(self.visible_bias) * np.log(2 * np.pi)
        return -h @ self.hidden_bias - push @ self.visible_bias - 0.5 * (push**2).sum(1) - volume

    def visible_probabilities(self, h: ArrayLike) -> np.ndarray:
        """The mean of P(v | h) = N(b + h W, 1), as (N, visible): what a probability is to a bit."""
        return self._visible_input(self._hidden(h))

    def sample_visible(self, h: ArrayLike, rng: np.random.Generator) -> np.ndarray:
        """v drawn from P(v | h) = N(b + h W, 1): (N, visible)."""
        return super().sample_visible(h, rng)

    def _draw_visible(self, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return p + rng.standard_normal(p.shape, dtype=p.dtype)

    def _visible(self, v: ArrayLike) -> np.ndarray:
        shape = ("N", self.weight.shape[1])
        return check_array("v", v, shape, dtype=self.weight.dtype, finite=True)

    def _spring(self, v: np.ndarray) -> np.ndarray:
        return 0.5 * ((v - self.visible_bias) ** 2).sum(axis=1)


def cd_step(
    rbm: RBM,
    optimiser: Any,
    rng: np.random.Generator,
    *,
    k: int = 1,
    persistent: bool = False,
    chain: np.ndarray | None = None,
    sampled: bool = True,
    sparsity: tuple[float, float] | None = None,
) -> Callable[[np.ndarray], float]:
    """One step of learning for `fit(step, (v,), …)`: contrastive divergence, then the update.

    With `persistent`, chains start at the first batch and go on from step to step. Give a `chain`
    (M, visible) to choose their number and start, and to look at them: it is moved in place.
    """

    def step(v: np.ndarray) -> float:
        nonlocal chain
        if persistent and chain is None:
            chain = np.array(v, rbm.weight.dtype)
        error = rbm.contrastive_divergence(
            v, rng, k=k, chain=chain, sampled=sampled, sparsity=sparsity
        )
        optimiser.step(rbm.gradients)
        return error

    return step


def check_sparsity(sparsity: tuple[float, float]) -> tuple[float, float]:
    """Return `sparsity` if it is (target in 0 … 1, cost from 0 on), or raise a `ValueError`."""
    target, cost = check_parts("sparsity", sparsity, 2, "a pair (target, cost)")
    check_number("sparsity target", target, low=0, high=1, strict=True)
    check_number("sparsity cost", cost, low=0)
    return target, cost


def bernoulli(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """1 with probability p and 0 otherwise, for each entry, in p's shape and dtype.

    A unit is on when a uniform number of `rng` lies below its p.
    """
    return (check_generator("rng", rng).random(p.shape, dtype=p.dtype) < p).astype(p.dtype)


def softplus(z: np.ndarray) -> np.ndarray:
    """log(1 + e^z), the log of the sum over a unit's two states; no z overflows."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """`dense.sigmoid`, written over z."""
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z


def _mean_square(a: np.ndarray, b: np.ndarray) -> float:
    difference = (a - b).ravel()
    return float(difference @ difference) / difference.size
