"""The residual path: y = x + F(x), a way round every layer (He, Zhang, Ren, Sun 2016, eq. 1)."""

from collections.abc import Mapping

import numpy as np

from dlkit.models.layer import Layer


class Residual(Layer):
    """y = x + body(x): the body learns what to add to x, and the blame has a way round it.

    x and y have one shape, so `body` must keep the shape of its input: `ValueError` otherwise.
    Its parameters are named `body.…`. The twin is in residual_torch.
    """

    def __init__(self, body: Layer):
        if not isinstance(body, Layer):
            raise ValueError(f"body must be a Layer object, got {body!r}")
        self.body = body

    @property
    def children(self) -> Mapping[str, Layer]:
        return {"body": self.body}

    def forward(self, x: np.ndarray) -> np.ndarray:
        change = self.body.forward(x)
        if change.shape != np.shape(x):
            raise ValueError(f"body must keep the shape of x, got {np.shape(x)} → {change.shape}")
        return x + change

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output + self.body.backward(grad_output)

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        self.body.backward_parameters(grad_output)

    def __repr__(self) -> str:
        return f"Residual({self.body!r})"
