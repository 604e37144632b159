"""The partition function Z of an RBM: exact by enumeration, or estimated by annealing.

P(v) = e⁻ᶠ⁽ᵛ⁾ / Z. Without Z nobody knows how likely the data are, and Z is a sum over 2ⁿ states.
All sums are done in float64, whatever the machine's dtype.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_number
from dlkit.models.dense import sigmoid
from dlkit.models.rbm import RBM, bernoulli, softplus

LARGEST = 20
"""The most units that are enumerated: a million states."""

CHUNK = 4096
"""How many states are looked at together: more would only take memory."""


def all_states(n: int, dtype: DTypeLike = float) -> np.ndarray:
    """All 2ⁿ states of n binary units, (2ⁿ, n); row i spells the number i, lowest digit last."""
    check_number("n", n, low=1, high=LARGEST, whole=True)
    return np.concatenate([states.astype(dtype) for states in states_in_chunks(n)])


def states_in_chunks(n: int) -> Iterator[np.ndarray]:
    """All 2ⁿ states, 4096 at a time: a million at once would take a lot of memory."""
    digits = np.arange(n - 1, -1, -1)
    for start in range(0, 2**n, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, 2**n))
        yield (numbers[:, None] >> digits & 1).astype(float)


def state_numbers(states: ArrayLike) -> np.ndarray:
    """Which rows of `all_states` the rows of `states` (N, n) are, as whole numbers (N,).

    `np.bincount(state_numbers(v), minlength=2**n) / len(v)` is how often each state occurred.
    """
    states = check_array("states", states, ("N", "n"), finite=True)
    if not np.isin(states, (0, 1)).all():
        raise ValueError(f"states must hold 0 and 1, got {states[~np.isin(states, (0, 1))][0]}")
    return states.astype(np.int64) @ (1 << np.arange(states.shape[1] - 1, -1, -1))


def smaller_side(rbm: RBM) -> str:
    """The side to enumerate, "visible" or "hidden": the other is then summed in closed form.

    With visible units that are real or tied to one another it is the hidden one. Raises
    `ValueError` above 20 units.
    """
    hidden, visible = rbm.weight.shape
    side = "visible" if visible <= hidden and rbm.independent_bits else "hidden"
    if (hidden if side == "hidden" else visible) > LARGEST:
        raise ValueError(
            f"rbm must have at most {LARGEST} units on the side that is enumerated, got {visible} "
            f"visible and {hidden} hidden (annealed_importance_sampling estimates log Z)"
        )
    return side


def log_partition(rbm: RBM) -> float:
    """log Z, exact: the sum of e⁻ᶠ over all states of the smaller side.

    Raises `ValueError` when that side has more than 20 units.
    """
    rbm = in_double(rbm)
    if smaller_side(rbm) == "visible":
        n, free_energy = len(rbm.visible_bias), rbm.free_energy
    else:
        n, free_energy = len(rbm.hidden_bias), rbm.hidden_free_energy
    return log_sum_exp([log_sum_exp(-free_energy(states)) for states in states_in_chunks(n)])


def log_likelihood(rbm: RBM, v: ArrayLike, log_z: float | None = None) -> np.ndarray:
    """log P(v) = -F(v) - log Z of each row of v (N, visible), as (N,), in nats.

    Without `log_z` it is summed exactly, by `log_partition`.
    """
    if log_z is None:
        log_z = log_partition(rbm)
    return -in_double(rbm).free_energy(v) - log_z


@dataclass(frozen=True)
class AISEstimate:
    """What annealing found: log Z, and log(Ẑ ± 3 standard errors).

    The interval knows only the chains that were run. Chains that all miss a mode agree with one
    another and are wrong together.
    """

    log_z: float
    low: float
    high: float
    log_weights: np.ndarray  # (chains,), each an estimate of log Z

    def __str__(self) -> str:
        return f"log Z = {self.log_z:.2f} ({self.low:.2f} … {self.high:.2f})"


def annealed_importance_sampling(
    rbm: RBM,
    rng: np.random.Generator,
    *,
    chains: int = 100,
    temperatures: int | ArrayLike = 1000,
    base_bias: ArrayLike | None = None,
) -> AISEstimate:
    """Estimate log Z by annealing from a machine without weights (Salakhutdinov and Murray 2008).

    p*ᵦ(v) = e^((1-β) b₀·v + β b·v) Πⱼ (1 + e^(β (c + W v)ⱼ)) goes from independent units, whose Z
    is known, at β = 0 to the machine at β = 1. β is an inverse temperature: the chains start hot
    and are cooled. `temperatures` counts equal steps of β, or lists β itself from 0 to 1.
    `base_bias` b₀ (visible,) is best fitted to the data, `base_rate(v)`; the default is the
    machine's own visible bias. E[e^log_weight] = Z for any number of steps.
    """
    check_bits(rbm)
    check_number("chains", chains, low=2, whole=True)
    rbm, betas = in_double(rbm), ladder(temperatures)
    hidden, visible = rbm.weight.shape
    base = rbm.visible_bias if base_bias is None else base_bias
    base = check_array("base_bias", base, (visible,), dtype=float, finite=True)
    slope = rbm.visible_bias - base

    # β = 0: every unit on its own, Z₀ = 2^hidden Πᵢ (1 + e^b₀ᵢ).
    log_weights = np.full(chains, hidden * np.log(2) + softplus(base).sum())
    v = bernoulli(np.tile(sigmoid(base), (chains, 1)), rng)
    for before, beta in pairwise(betas):
        z = v @ rbm.weight.T + rbm.hidden_bias
        # The weight: how much likelier the next distribution finds this state, p*ᵦ′(v) / p*ᵦ(v) …
        log_weights += (beta - before) * (v @ slope)
        log_weights += (softplus(beta * z) - softplus(before * z)).sum(axis=1)
        # … and a Gibbs step that leaves the next distribution as it is.
        h = bernoulli(sigmoid(beta * z), rng)
        v = bernoulli(sigmoid(base + beta * (slope + h @ rbm.weight)), rng)
    return estimate(log_weights)


def base_rate(v: ArrayLike, *, pseudo_count: float = 1.0) -> np.ndarray:
    """b₀ with σ(b₀)ᵢ = how often visible unit i is on in v (N, visible), smoothed, as (visible,).

    The `pseudo_count` examples of each kind that are added keep a unit that is never on finite.
    """
    v = check_array("v", v, ("N", "visible"), finite=True)
    check_number("pseudo_count", pseudo_count, low=0, strict=True)
    on = v.sum(axis=0, dtype=float) + pseudo_count
    return np.log(on / (len(v) + 2 * pseudo_count - on))


def estimate(log_weights: np.ndarray) -> AISEstimate:
    """What the logs of the chains' weights (chains,) say: log of their mean ± 3 errors of it."""
    top = log_weights.max()
    w = np.exp(log_weights - top)
    mean, error = w.mean(), w.std(ddof=1) / np.sqrt(len(w))
    with np.errstate(divide="ignore"):
        low, high = np.log(max(mean - 3 * error, 0)), np.log(mean + 3 * error)
    return AISEstimate(float(top + np.log(mean)), float(top + low), float(top + high), log_weights)


def ladder(temperatures: int | ArrayLike) -> np.ndarray:
    """β from 0 to 1: that many equal steps, or the steps listed; else a `ValueError`."""
    if isinstance(temperatures, (int, float, np.number)):
        check_number("temperatures", temperatures, low=1, whole=True)  # pyright: ignore
        return np.linspace(0, 1, int(temperatures) + 1)
    betas = check_array("temperatures", temperatures, ("T",), dtype=float, finite=True)
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or (np.diff(betas) < 0).any():
        raise ValueError(f"temperatures must rise from 0 to 1, got {betas}")
    return betas


def check_bits(rbm: RBM) -> RBM:
    """Return `rbm` if its visible units are independent bits, or raise a `ValueError`."""
    if not rbm.independent_bits:
        raise ValueError(f"rbm must have binary visible units, got {rbm}")
    return rbm


def in_double(rbm: RBM) -> RBM:
    """The same machine in float64, for sums of many small numbers; float64 ones are shared."""
    double = copy.copy(rbm)
    double.__dict__.pop("_gradients", None)
    for name, array in rbm.parameters.items():
        setattr(double, name, array.astype(float, copy=False))
    return double


def log_sum_exp(a: ArrayLike) -> float:
    """log Σ eᵃ; the largest term is taken out first, so that nothing overflows."""
    top = np.max(a)
    return float(top + np.log(np.exp(a - top).sum()))
