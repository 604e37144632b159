"""The contract of every layer: forward, backward, parameters, gradients."""

from collections.abc import Mapping

import numpy as np


class Layer:
    """A differentiable function with parameters, after Rumelhart, Hinton and Williams (1986).

    A layer that learns names its parameters in `parameter_names` and keeps each as an attribute.
    A layer made of layers lists them in `children`. The rest follows from these two.

    `forward(x)` keeps what `backward` needs. `backward(grad_output)` takes ∂L/∂output, writes
    ∂L/∂parameter into `gradients` and returns ∂L/∂x. A second call overwrites the first: nothing
    adds up. The dtype of the parameters decides the dtype of the arithmetic.
    """

    parameter_names: tuple[str, ...] = ()

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

    @property
    def children(self) -> dict[str, "Layer"]:
        """The layers inside this one, by the names that `torch.nn` would give them."""
        return {}

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays that training changes, in place, by name: `weight`, or `0.weight`."""
        own = {name: getattr(self, name) for name in self.parameter_names}
        return own | {
            f"{child}.{name}": array
            for child, layer in self.children.items()
            for name, array in layer.parameters.items()
        }

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """∂L/∂parameter of the last `backward`, under the names of `parameters`.

        The arrays are filled anew by every `backward`: copy one to keep it.
        """
        own = {name: self._gradient(name) for name in self.parameter_names}
        return own | {
            f"{child}.{name}": array
            for child, layer in self.children.items()
            for name, array in layer.gradients.items()
        }

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters by name."""
        return {name: array.copy() for name, array in self.parameters.items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy the arrays of `state` into the parameters; all of them, or none on an error."""
        own = self.parameters
        if own.keys() != state.keys():
            raise ValueError(f"state must hold {sorted(own)}, got {sorted(state)}")
        for name, array in own.items():
            if np.shape(state[name]) != array.shape:
                raise ValueError(
                    f"state[{name!r}] must have shape {array.shape}, got {np.shape(state[name])}"
                )
        for name, array in own.items():
            array[...] = state[name]

    def _gradient(self, name: str) -> np.ndarray:
        """The array that `backward` fills for the parameter `name`, made when first asked for."""
        buffers = self.__dict__.setdefault("_gradients", {})
        parameter = getattr(self, name)
        if name not in buffers or buffers[name].shape != parameter.shape:
            buffers[name] = np.zeros_like(parameter)
        return buffers[name]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.parameters.items())
        return f"{type(self).__name__}({shapes})"
