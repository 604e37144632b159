"""Normalisation: layers that give every unit mean 0 and variance 1, and learn what to do with it.

Batch normalisation (Ioffe and Szegedy 2015) measures a unit over the examples of a batch, layer
normalisation (Ba, Kiros and Hinton 2016) an example over its units. The twins are in `torch.nn`.
"""

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_array, check_dtype, check_number
from dlkit.models.layer import Layer


class _Normalisation(Layer):
    """y = γ x̂ + β, with x̂ = (x - mean) / √(variance + eps); γ is `weight`, β is `bias`.

    The two subclasses differ in what the mean and the variance are taken over.
    """

    parameter_names = ("weight", "bias")
    over: int  # the axis of x (N, features) that is averaged away

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float32):
        features = int(check_number("features", features, low=1, whole=True))
        self.eps = check_number("eps", eps, low=0, strict=True)
        dtype = check_dtype(dtype)
        self.weight, self.bias = np.ones(features, dtype), np.zeros(features, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = check_array("x", x, ("N", len(self.weight)), dtype=self.weight.dtype)
        mean, variance = self._mean_and_variance(x)
        self._scale = 1 / np.sqrt(variance + self.eps)
        self._normal = (x - mean) * self._scale
        return self.weight * self._normal + self.bias

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.backward_parameters(grad_output)
        grad = grad_output * self.weight
        if self._measured:  # mean and variance depend on x too: take out what they would undo
            grad -= grad.mean(axis=self.over, keepdims=True) + self._normal * np.mean(
                grad * self._normal, axis=self.over, keepdims=True
            )
        return grad * self._scale

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        np.sum(grad_output * self._normal, axis=0, out=self._gradient("weight"))
        np.sum(grad_output, axis=0, out=self._gradient("bias"))

    def _mean_and_variance(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measure the batch; `backward` is told that these numbers came from x."""
        self._measured = True
        return x.mean(axis=self.over, keepdims=True), x.var(axis=self.over, keepdims=True)


class BatchNorm1d(_Normalisation):
    """Every unit gets mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015, algorithm 1).

    x and y are (N, features), `weight` and `bias` (features,), at first 1 and 0. While learning, a
    batch is measured, and the buffers `running_mean` and `running_var` move towards what was
    measured by the fraction `momentum`. In use (`eval()`) the buffers are taken, so that the answer
    to an example does not hang on its neighbours. `running_var` collects the unbiased variance, as
    torch does. Raises `ValueError` for a batch of one while learning: it has no variance.
    """

    buffer_names = ("running_mean", "running_var")
    over = 0

    def __init__(
        self,
        features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float32,
    ):
        super().__init__(features, eps=eps, dtype=dtype)
        self.momentum = check_number("momentum", momentum, low=0, high=1)
        self.running_mean, self.running_var = np.zeros_like(self.bias), np.ones_like(self.bias)

    def _mean_and_variance(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.training:
            self._measured = False
            return self.running_mean, self.running_var
        if len(x) < 2:
            raise ValueError("x must hold at least 2 examples while learning, got 1: no variance")
        mean, variance = super()._mean_and_variance(x)
        unbiased = variance[0] * (len(x) / (len(x) - 1))
        self.running_mean += self.momentum * (mean[0] - self.running_mean)
        self.running_var += self.momentum * (unbiased - self.running_var)
        return mean, variance


class LayerNorm(_Normalisation):
    """Every example gets mean 0 and variance 1 over its units (Ba, Kiros and Hinton 2016, eq. 3).

    x and y are (N, features), `weight` and `bias` (features,), at first 1 and 0. No example sees
    another, so learning and using are the same, and a batch of one is as good as any.
    """

    over = 1
