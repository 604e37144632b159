"""Losses: `forward(prediction, target)` gives one number, `backward()` its gradient.

Each is a mean over the batch, as in `torch.nn`, which has the twins. A NaN in the prediction gives
a NaN loss, as the arithmetic does: `train.fit` stops on it.
"""

from typing import NoReturn

import numpy as np

from dlkit.check import check_array, check_between_0_and_1, check_labels
from dlkit.models.dense import sigmoid


class Loss:
    """The contract: `forward` keeps what `backward` needs."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        """Return the mean loss of the batch."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """Return ∂L/∂prediction of the last `forward`, in the prediction's shape."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> NoReturn:  # asked for what no `forward` has kept yet
        hint = ": call forward(prediction, target) before backward()" if name[0] == "_" else ""
        raise AttributeError(f"{type(self).__name__} has no {name}{hint}")

    def __call__(self, prediction: np.ndarray, target: np.ndarray) -> float:
        return self.forward(prediction, target)


class CrossEntropyLoss(Loss):
    """Softmax and cross-entropy together: L = -1/N Σₙ log p[n, target[n]], p = softmax(z).

    `prediction` is z (N, classes), before the softmax; `target` holds N class numbers. Taken
    together their gradient is (p - d) / N, with d the target as one-hot rows (Bridle 1990).
    """

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        z = check_array("prediction", prediction, ("N", "classes"))
        self._target = check_labels("target", target, len(z), z.shape[1])
        shifted = z - z.max(axis=1, keepdims=True)  # the same p, and nothing overflows
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        self._p = e / total
        log_p = shifted[np.arange(len(z)), self._target] - np.log(total[:, 0])
        return -float(log_p.sum()) / len(z)

    def backward(self) -> np.ndarray:
        gradient = self._p.copy()
        gradient[np.arange(len(gradient)), self._target] -= 1
        gradient /= len(gradient)
        return gradient


class MSELoss(Loss):
    """L = mean of (prediction - target)² over all entries, as torch averages it."""

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        prediction = check_array("prediction", prediction)
        target = check_array("target", target, prediction.shape, dtype=prediction.dtype)
        self._difference = prediction - target
        return float((self._difference**2).mean())

    def backward(self) -> np.ndarray:
        return self._difference * (2 / self._difference.size)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of p = σ(z): the mean of -d log p - (1 - d) log(1 - p).

    `prediction` is z, before the sigmoid; `target` has its shape, with values in 0 … 1. Written as
    max(z, 0) - z d + log(1 + e^-|z|), which neither overflows nor takes log 0.
    """

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        z = check_array("prediction", prediction)
        d = check_array("target", target, z.shape, dtype=z.dtype)
        self._z, self._d = z, check_between_0_and_1("target", d)
        return float((np.maximum(z, 0) - z * d + np.log1p(np.exp(-np.abs(z)))).mean())

    def backward(self) -> np.ndarray:
        return (sigmoid(self._z) - self._d) / self._z.size
