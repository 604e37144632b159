"""The contract of every model: named parameters, gradients, state; of every layer: two ways."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Self

import numpy as np

from dlkit.check import check_array


class Model:
    """Something with parameters that learn.

    A model names its parameters in `parameter_names` and keeps each as an attribute; arrays that
    belong to its state and that no optimiser changes are named in `buffer_names`. A model made of
    models lists them in `children`. The rest follows from these three.

    `training` says whether the model is learning or being used: dropout and batch normalisation
    do different things then. `train()` and `eval()` change it, as in torch.
    """

    parameter_names: tuple[str, ...] = ()
    buffer_names: tuple[str, ...] = ()
    training = True

    @property
    def children(self) -> "Mapping[str, Model]":
        """The models inside this one, by the names that `torch.nn` would give them."""
        return {}

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays that training changes, in place, by name: `weight`, or `0.weight`."""
        own = {name: getattr(self, name) for name in self.parameter_names}
        return own | self._of_children("parameters")

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        """The arrays that are kept with the parameters and that no optimiser changes, by name."""
        own = {name: getattr(self, name) for name in self.buffer_names}
        return own | self._of_children("buffers")

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """The gradient of the last step for each parameter, under the names of `parameters`.

        The arrays are filled anew by every step: copy one to keep it.
        """
        own = {name: self._gradient(name) for name in self.parameter_names}
        return own | self._of_children("gradients")

    def train(self, mode: bool = True) -> Self:
        """Say that the model is learning (or, with False, being used), and its children too."""
        self.training = bool(mode)
        for child in self.children.values():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Say that the model is being used: no unit is dropped, nothing is measured."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by name."""
        return {name: array.copy() for name, array in (self.parameters | self.buffers).items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy the arrays of `state` into the model's own; all of them, or none on an error."""
        own = self.parameters | self.buffers
        if not isinstance(state, Mapping):
            raise ValueError(f"state must be arrays by name, as from state_dict(), got {state!r}")
        if own.keys() != state.keys():
            raise ValueError(f"state must hold {sorted(own)}, got {sorted(state)}")
        for name, array in own.items():
            if np.shape(state[name]) != array.shape:
                raise ValueError(
                    f"state[{name!r}] must have shape {array.shape}, got {np.shape(state[name])}"
                )
        for name, array in own.items():
            array[...] = state[name]

    def _of_children(self, kind: str) -> dict[str, np.ndarray]:
        return {
            f"{child}.{name}": array
            for child, model in self.children.items()
            for name, array in getattr(model, kind).items()
        }

    def _gradient(self, name: str) -> np.ndarray:
        """The array that is filled for the parameter `name`, made when first asked for."""
        arrays = self.__dict__.setdefault("_gradients", {})
        parameter = getattr(self, name)
        if name not in arrays or arrays[name].shape != parameter.shape:
            arrays[name] = np.zeros_like(parameter)
        return arrays[name]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.parameters.items())
        return f"{type(self).__name__}({shapes})"


class Layer(Model):
    """A differentiable function with parameters, after Rumelhart, Hinton and Williams (1986).

    `forward(x)` keeps what `backward` needs. `backward(grad_output)` takes ∂L/∂output, writes
    ∂L/∂parameter into `gradients` and returns ∂L/∂x. A second call overwrites the first: nothing
    adds up. The dtype of the parameters decides the dtype of the arithmetic. Raises `ValueError`
    for `backward` before `forward`, and for a gradient that has not the shape of the output.
    """

    _output_shape: tuple[int, ...] | None = None  # of the last `forward`

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """In every layer `forward` notes the shape of its output, and `backward` asks for it.

        What is made of layers leaves that to them, since they may be called one by one.
        """
        super().__init_subclass__(**kwargs)
        if cls.children is Model.children:
            ways = {"forward": _noting, "backward": _asking, "backward_parameters": _asking}
            for name in ways.keys() & vars(cls).keys():
                setattr(cls, name, ways[name](vars(cls)[name]))

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output for the batch `x`, whose first axis counts the examples."""
        raise NotImplementedError

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        """Return ∂L/∂x, given ∂L/∂output of the last `forward`."""
        raise NotImplementedError

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        """Fill `gradients` and leave ∂L/∂x out: training does not need it where x is data.

        In the first layer of a net on images that is a third of the work.
        """
        self.backward(grad_output)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x)

    def _fitting(self, grad_output: Any) -> np.ndarray:
        """`grad_output` as an array of the output's shape, or a `ValueError`."""
        if self._output_shape is None:
            raise ValueError(
                f"grad_output belongs to an output, and {type(self).__name__} has given none yet: "
                "call forward(x) before backward(grad_output)"
            )
        return check_array("grad_output", grad_output, self._output_shape)


def _noting(forward: Callable) -> Callable:
    """`forward`, which also notes the shape of its output."""

    @wraps(forward)
    def forward_noting_shape(self: Layer, x: Any, *more: Any, **named: Any) -> Any:
        # Two calls, because the one with stars is slow, and few layers take more than x.
        output = forward(self, x, *more, **named) if more or named else forward(self, x)
        self._output_shape = getattr(output, "shape", ())
        return output

    return forward_noting_shape


def _asking(backward: Callable) -> Callable:
    """`backward`, for a gradient of that shape and for no other."""

    @wraps(backward)
    def backward_asking_shape(self: Layer, grad_output: Any) -> Any:
        if getattr(grad_output, "shape", ()) != self._output_shape:
            grad_output = self._fitting(grad_output)
        return backward(self, grad_output)

    return backward_asking_shape
