"""The multilayer perceptron: Linear, activations, Sequential (Rumelhart, Hinton, Williams 1986).

Every layer is its equation and the derivative of it. Names and shapes are those of `torch.nn`,
which is the twin: a batch x is (N, in), a weight (out, in), a bias (out,).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_number
from dlkit.models.initialisers import Initialiser, fan_in_uniform
from dlkit.models.layer import Layer


class Linear(Layer):
    """z = x Wᵀ + b.

    x is (N, in_features), `weight` (out_features, in_features), `bias` (out_features,), z
    (N, out_features). `weight_init` makes the weight; the bias starts at U(-1/√in, 1/√in) as in
    torch when the weight does, and at zero otherwise. Raises `ValueError` when x has another shape.
    The weight lies in memory as its transpose, so that `weight.reshape(-1)` is a copy of it.
    """

    parameter_names = ("weight", "bias")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        weight_init: Initialiser = fan_in_uniform,
        dtype: DTypeLike = np.float32,
    ):
        in_features = int(check_number("in_features", in_features, low=1, whole=True))
        out_features = int(check_number("out_features", out_features, low=1, whole=True))
        dtype = check_dtype(dtype)
        # In memory as its transpose: x Wᵀ of a small batch takes half the time.
        self.weight = np.asfortranarray(weight_init(rng, (out_features, in_features), dtype))
        self.bias = np.zeros(out_features, dtype)
        if weight_init is fan_in_uniform:
            self.bias[:] = rng.uniform(-1, 1, out_features) / np.sqrt(in_features)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = check_array("x", x, ("N", self.weight.shape[1]), dtype=self.weight.dtype)
        z = self._x @ self.weight.T
        z += self.bias
        return z

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.backward_parameters(grad_output)
        return grad_output @ self.weight

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        np.matmul(grad_output.T, self._x, out=self._gradient("weight"))
        grad_output.sum(axis=0, out=self._gradient("bias"))


class Sigmoid(Layer):
    """a = 1 / (1 + e⁻ᶻ), with a′ = a (1 - a)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._a = sigmoid(x)
        return self._a

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output * self._a * (1 - self._a)


class Tanh(Layer):
    """a = tanh z, with a′ = 1 - a²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._a = np.tanh(x)
        return self._a

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output * (1 - self._a**2)


class ReLU(Layer):
    """a = max(0, z), with a′ = 1 where z > 0 and 0 elsewhere (Nair and Hinton 2010).

    At the kink z = 0 the derivative is taken as 0, as torch does.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        # Zeros for one example: NumPy compares two arrays 2 to 4 times as fast as one and a number.
        self._a = np.maximum(x, np.zeros(x.shape[1:], x.dtype))
        return self._a

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output * (self._a > 0)


class Identity(Layer):
    """a = z: an activation that does nothing, to see what the others do."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output


class Sequential(Layer):
    """One layer after the other; backward in reverse order, which is the chain rule.

    Parameters are named by position, as in torch: `0.weight`, `2.bias`.
    """

    def __init__(self, *layers: Layer):
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"layers must be Layer objects, got {layer!r}")
        self.layers = layers

    @property
    def children(self) -> dict[str, Layer]:
        return {str(index): layer for index, layer in enumerate(self.layers)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        for layer in reversed(self.layers):
            grad_output = layer.backward(grad_output)
        return grad_output

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        for layer in reversed(self.layers[1:]):
            grad_output = layer.backward(grad_output)
        self.layers[0].backward_parameters(grad_output)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


def mlp(
    sizes: Sequence[int],
    activation: Callable[[], Layer] = ReLU,
    *,
    rng: np.random.Generator,
    weight_init: Initialiser = fan_in_uniform,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """A multilayer perceptron: `mlp((784, 128, 10), rng=rng)` is Linear, ReLU, Linear.

    `sizes` counts the units from the input to the output; no activation follows the last layer,
    whose z goes to the loss.
    """
    if np.ndim(sizes) != 1 or len(sizes) < 2:
        raise ValueError(f"sizes must name an input and an output at least, got {sizes}")
    if not callable(activation) or isinstance(activation, Layer):
        raise ValueError(f"activation must be a class such as ReLU, got {activation!r}")
    layers: list[Layer] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Linear(inputs, outputs, rng=rng, weight_init=weight_init, dtype=dtype)]
        layers += [activation()]
    return Sequential(*layers[:-1])


def sigmoid(z: ArrayLike) -> np.ndarray:
    """1 / (1 + e⁻ᶻ), written with tanh so that no z overflows."""
    return 0.5 * (np.tanh(0.5 * np.asarray(z)) + 1)


def softmax(z: ArrayLike) -> np.ndarray:
    """Probabilities e^z / Σ e^z over the last axis.

    The largest z of each row is subtracted first: the result is the same, and nothing overflows.
    """
    z = np.asarray(z)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
