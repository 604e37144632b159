"""The threshold unit (McCulloch and Pitts 1943) and Rosenblatt's rule (1957)."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_generator, check_number
from dlkit.models.layer import Layer


class Threshold(Layer):
    """a = 1 where z > 0, else 0: all or nothing, as McCulloch and Pitts (1943) saw the neuron.

    Put behind a `Linear` it makes a layer of threshold units. Its derivative is 0 wherever it
    exists, so `backward` has nothing to send back and says so.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        return (x > 0).astype(x.dtype)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        raise NotImplementedError(
            "a threshold has slope 0 on both sides and none at the step, so no gradient passes: "
            "train it by Rosenblatt's rule, or put a smooth activation in its place"
        )


class Perceptron:
    """One threshold unit that learns from its mistakes (Rosenblatt 1957, 1958).

    Labels are -1 and +1. On a mistake, that is y (w·x + b) ≤ 0, the rule adds y x to the weight
    and y to the bias, and otherwise it leaves both alone. If a line through the classes exists,
    the number of mistakes is finite (Novikoff 1962; `dlkit.separation.mistake_bound`).

    `weight` is (1, in_features) and `bias` (1,), both zero at first. After `fit`, `mistakes_`
    holds the mistakes of each pass and `converged_` whether the last pass had none.
    """

    def __init__(self, in_features: int, *, learning_rate: float = 1.0, dtype: DTypeLike = float):
        in_features = int(check_number("in_features", in_features, low=1, whole=True))
        self.learning_rate = check_number("learning_rate", learning_rate, low=0, strict=True)
        dtype = check_dtype(dtype)
        self.weight = np.zeros((1, in_features), dtype)
        self.bias = np.zeros(1, dtype)
        self.mistakes_: list[int] = []
        self.converged_ = False

    def decision(self, x: ArrayLike) -> np.ndarray:
        """w·x + b for each row of x (N, in_features), as (N,). Its sign is the answer."""
        x = check_array("x", x, ("N", self.weight.shape[1]), dtype=self.weight.dtype)
        return (x @ self.weight.T + self.bias)[:, 0]

    def predict(self, x: ArrayLike) -> np.ndarray:
        """-1 or +1 for each row of x; a point on the line itself counts as -1."""
        return np.where(self.decision(x) > 0, 1, -1)

    def update(self, x: np.ndarray, y: float) -> bool:
        """Show one example x (in_features,) with its label y; return whether it was a mistake."""
        mistake = bool(y * (self.weight[0] @ x + self.bias[0]) <= 0)
        if mistake:
            self.weight += self.learning_rate * y * x
            self.bias += self.learning_rate * y
        return mistake

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        max_epochs: int = 100,
        rng: np.random.Generator | None = None,
    ) -> Self:
        """Pass through the examples until a pass has no mistake, `max_epochs` times at most.

        x is (N, in_features), y (N,) of -1 and +1. With `rng` each pass has a new order. Training
        goes on from the present weight. Raises `ValueError` on other shapes, labels or a NaN.
        """
        x = check_array("x", x, ("N", self.weight.shape[1]), dtype=self.weight.dtype, finite=True)
        y = check_signs("y", y, len(x))
        check_number("max_epochs", max_epochs, low=1, whole=True)
        if rng is not None:
            check_generator("rng", rng)
        for _ in range(max_epochs):
            order = range(len(x)) if rng is None else rng.permutation(len(x))
            self.mistakes_.append(sum(self.update(x[i], y[i]) for i in order))
            self.converged_ = self.mistakes_[-1] == 0
            if self.converged_:
                break
        return self

    def __repr__(self) -> str:
        return f"Perceptron(in_features={self.weight.shape[1]}, mistakes={sum(self.mistakes_)})"


def check_signs(name: str, y: ArrayLike, length: int) -> np.ndarray:
    """Return `y` as `length` labels of -1 and +1, or raise a `ValueError`."""
    labels = check_array(name, y, (length,), finite=True)
    if not np.isin(labels, (-1, 1)).all():
        odd = labels[~np.isin(labels, (-1, 1))][0]
        raise ValueError(f"{name} must hold -1 and +1, got {odd} (turn 0 into -1 by 2 * y - 1)")
    return labels
