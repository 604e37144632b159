"""Two ways to hold weights back, done after a step of the optimiser: L1 and the max-norm.

The third, weight decay (L2), is an argument of every optimiser.
"""

import numpy as np

from dlkit.check import check_array, check_number


def soft_threshold(weight: np.ndarray, amount: float) -> None:
    """Move each weight by `amount` ≥ 0 towards 0, in place, and stop there: L1 in one line.

    Called with η λ after each step of gradient descent, it minimises L + λ Σ|w| and leaves exact
    zeros behind, which the plain slope λ sign(w) never does: it steps over 0, to and fro
    (proximal gradient: Daubechies, Defrise, De Mol 2004; with mini-batches: Duchi, Singer 2009).
    """
    check_number("amount", amount, low=0)
    weight -= np.clip(weight, -amount, amount)


def max_norm(weight: np.ndarray, limit: float) -> None:
    """Shorten each row of a weight (out, in) to the length `limit` where it is longer, in place.

    A row is what one unit listens to. The rule lets a net with dropout learn with a large rate and
    not run away (Srebro, Shraibman 2005; Hinton and others 2012).
    """
    check_number("limit", limit, low=0, strict=True)
    check_array("weight", weight, ("out", "in"))
    length = np.linalg.norm(weight, axis=1, keepdims=True)
    weight *= np.minimum(1, limit / np.maximum(length, np.finfo(weight.dtype).tiny))
