"""What an RBM learns on average, without chance: every state counted, on machines small enough.

The gradient of the likelihood, and the mean update of contrastive divergence, as exact numbers:
so that the two can be compared (Bengio and Delalleau 2009, Sutskever and Tieleman 2010).
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from dlkit.check import check_number
from dlkit.models.partition import (
    all_states,
    check_bits,
    in_double,
    log_partition,
    smaller_side,
    states_in_chunks,
)
from dlkit.models.rbm import RBM, softplus

Arrays = dict[str, np.ndarray]

PIECE = 2**22
"""The most numbers of a table that are held at once: 32 MB."""


def visible_distribution(rbm: RBM) -> np.ndarray:
    """P(v) of every visible state, in the order of `all_states`, as (2^visible,)."""
    rbm = check_bits(in_double(rbm))
    free_energy = rbm.free_energy(all_states(len(rbm.visible_bias)))
    return np.exp(-free_energy - log_partition(rbm))


def log_likelihood_gradient(rbm: RBM, v: ArrayLike) -> Arrays:
    """The gradient of the mean of -log P(v) over the rows of v (N, visible), exact, by name.

    ⟨∂E/∂θ⟩ of the data minus ⟨∂E/∂θ⟩ of all states: what `contrastive_divergence` estimates,
    with the same sign. The smaller side is enumerated, 20 units at most.
    """
    rbm = in_double(rbm)
    log_z, parts = log_partition(rbm), []
    by_visible = smaller_side(rbm) == "visible"
    for states in states_in_chunks(len(rbm.visible_bias if by_visible else rbm.hidden_bias)):
        if by_visible:
            visible, hidden = states, rbm.hidden_probabilities(states)
            p = np.exp(-rbm.free_energy(states) - log_z)
        else:
            visible, hidden = rbm.visible_probabilities(states), states
            p = np.exp(-rbm.hidden_free_energy(states) - log_z)
        parts.append(_slopes(p, visible, hidden))
    data = _slopes_of_data(rbm, v)
    return {name: data[name] - sum(part[name] for part in parts) for name in data}


def expected_update(rbm: RBM, v: ArrayLike, *, k: int = 1, sampled: bool = True) -> Arrays:
    """The mean of what `contrastive_divergence(v, k=k, sampled=sampled)` puts into `gradients`.

    Instead of a sample, the whole distribution goes through v → h → v: 2^visible · 2^hidden
    numbers for each half step. Raises `ValueError` where a side has more than 20 units.
    """
    check_number("k", k, low=1, whole=True)
    rbm = in_double(rbm)
    h = all_states(len(rbm.hidden_bias))
    visible = rbm._visible(v)
    p = np.full(len(visible), 1 / len(visible))
    for _ in range(k):
        p = _carry(p, rbm._hidden_input(visible), h)
        if sampled:
            visible = all_states(len(check_bits(rbm).visible_bias))
            p = _carry(p, rbm._visible_input(h), visible)
        else:
            visible = rbm.visible_probabilities(h)
    data = _slopes_of_data(rbm, v)
    fantasies = _slopes(p, visible, rbm.hidden_probabilities(visible))
    return {name: data[name] - fantasies[name] for name in data}


def jacobian(update: Callable[[RBM], Arrays], rbm: RBM, *, step: float = 1e-5) -> np.ndarray:
    """∂updateᵢ/∂θⱼ of all parameters, (P, P), in the order of `as_vector(rbm.parameters)`.

    By central differences, on a copy. If `update` is the gradient of some function, this is the
    function's Hessian, and symmetric. That of the likelihood is; the mean update of CD is not,
    so that no function is there for CD to descend (Sutskever and Tieleman 2010).
    """
    rbm = in_double(rbm)
    for name, array in rbm.parameters.items():
        setattr(rbm, name, array.copy())
    columns = []
    for array in rbm.parameters.values():
        for place in np.ndindex(array.shape):
            value = array[place]
            array[place] = value + step
            above = as_vector(update(rbm))
            array[place] = value - step
            below = as_vector(update(rbm))
            array[place] = value
            columns.append((above - below) / (2 * step))
    return np.stack(columns, axis=1)


def as_vector(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """All entries of named arrays one after another, as one vector: to compare two updates."""
    return np.concatenate([np.ravel(array) for array in arrays.values()])


def _slopes(p: np.ndarray, visible: np.ndarray, hidden: np.ndarray) -> Arrays:
    """⟨∂E/∂θ⟩ = -⟨h v⟩, -⟨v⟩, -⟨h⟩ over rows that have the probabilities p."""
    return {
        "weight": -(p[:, None] * hidden).T @ visible,
        "visible_bias": -p @ visible,
        "hidden_bias": -p @ hidden,
    }


def _slopes_of_data(rbm: RBM, v: ArrayLike) -> Arrays:
    v = rbm._visible(v)
    return _slopes(np.full(len(v), 1 / len(v)), v, rbm.hidden_probabilities(v))


def _carry(p: np.ndarray, z: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Σₙ p(n) P(state | n) for each of `states`, where unit i is on with probability σ(zₙᵢ).

    log P(s | z) = s·z - Σᵢ log(1 + e^zᵢ), in pieces, as the table may be large.
    """
    carried, rows = np.zeros(len(states)), max(1, PIECE // len(states))
    for start in range(0, len(p), rows):
        part = z[start : start + rows]
        table = part @ states.T
        table -= softplus(part).sum(axis=1, keepdims=True)
        carried += p[start : start + rows] @ np.exp(table, out=table)
    return carried
