"""Optimisers: `step(gradients)` moves the parameters, in place, with torch's formulas.

`parameters` and `gradients` are dicts of arrays with the same names: a layer's, or two numbers of
your own.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from dlkit.check import check_number, check_parts

Arrays = Mapping[str, np.ndarray]


class Optimiser:
    """The contract. A subclass names its `slots`, one array per parameter, and has `update`."""

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Arrays, learning_rate: float, *, weight_decay: float = 0.0):
        if not isinstance(parameters, Mapping):
            raise ValueError(
                f"parameters must be arrays by name, as in model.parameters, got {parameters!r}"
            )
        for name, parameter in parameters.items():
            if not isinstance(parameter, np.ndarray) or parameter.dtype.kind != "f":
                raise ValueError(f"parameters[{name!r}] must be a float array, got {parameter!r}")
        self.parameters = dict(parameters)
        self.learning_rate = check_number("learning_rate", learning_rate, low=0)
        self.weight_decay = check_number("weight_decay", weight_decay, low=0)
        self.steps = 0
        self.state = {
            name: {slot: np.zeros_like(parameter) for slot in self.slots}
            for name, parameter in self.parameters.items()
        }

    def step(self, gradients: Arrays) -> None:
        """Move every parameter once, along the gradient under its name."""
        if gradients.keys() != self.parameters.keys():
            raise ValueError(
                f"gradients must hold {sorted(self.parameters)}, got {sorted(gradients)}"
            )
        self.steps += 1
        for name, parameter in self.parameters.items():
            gradient = gradients[name]
            if self.weight_decay:
                gradient = gradient + self.weight_decay * parameter
            self.update(parameter, gradient, self.state[name])

    def update(self, parameter: np.ndarray, gradient: np.ndarray, memory: Arrays) -> None:
        """Move one parameter in place; `memory` holds an array for each of `slots`."""
        raise NotImplementedError

    def state_dict(self) -> dict:
        """Copies of everything that the next step depends on, besides the parameters."""
        state = {name: {s: a.copy() for s, a in own.items()} for name, own in self.state.items()}
        return {"learning_rate": self.learning_rate, "steps": self.steps, "state": state}

    def load_state_dict(self, state: Mapping) -> None:
        """Go back to what `state_dict` returned; all of it, or nothing on an error."""
        odd = _shapes(self.state_dict()).items() ^ _shapes(state).items()
        if odd:
            raise ValueError(
                f"state must be from the state_dict() of such an optimiser, but {sorted(odd)[0]} "
                "is on one side only"
            )
        self.learning_rate, self.steps = state["learning_rate"], state["steps"]
        for name, own in self.state.items():
            for slot, array in own.items():
                array[...] = state["state"][name][slot]


def _shapes(state: Any, name: str = "state") -> dict[str, tuple[int, ...]]:
    """The shape of everything in a dict of dicts, by its path."""
    if not isinstance(state, Mapping):
        return {name: np.shape(state)}
    parts = (_shapes(part, f"{name}[{key!r}]") for key, part in state.items())
    return dict(chain.from_iterable(part.items() for part in parts))


class SGD(Optimiser):
    """v ← μ v + g, θ ← θ - η v: gradient descent with momentum μ (Polyak 1964)."""

    slots = ("velocity",)

    def __init__(
        self,
        parameters: Arrays,
        learning_rate: float,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ):
        self.momentum = check_number("momentum", momentum, low=0, high=1)
        if not self.momentum:
            self.slots = ()
        super().__init__(parameters, learning_rate, weight_decay=weight_decay)

    def update(self, parameter: np.ndarray, gradient: np.ndarray, memory: Arrays) -> None:
        if self.momentum:
            velocity = memory["velocity"]
            velocity *= self.momentum
            velocity += gradient
            gradient = velocity
        parameter -= self.learning_rate * gradient


class RMSprop(Optimiser):
    """s ← ρ s + (1 - ρ) g², θ ← θ - η g / (√s + ε) (Tieleman and Hinton 2012, lecture 6.5)."""

    slots = ("square",)

    def __init__(
        self,
        parameters: Arrays,
        learning_rate: float = 0.01,
        *,
        decay: float = 0.99,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        self.decay = check_number("decay", decay, low=0, high=1)
        self.epsilon = check_number("epsilon", epsilon, low=0)
        super().__init__(parameters, learning_rate, weight_decay=weight_decay)

    def update(self, parameter: np.ndarray, gradient: np.ndarray, memory: Arrays) -> None:
        square = memory["square"]
        square *= self.decay
        square += (1 - self.decay) * gradient**2
        parameter -= self.learning_rate * gradient / (np.sqrt(square) + self.epsilon)


class Adam(Optimiser):
    """Momentum and RMSprop with the bias of their start removed (Kingma and Ba 2015, alg. 1)."""

    slots = ("mean", "square")

    def __init__(
        self,
        parameters: Arrays,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        beta1, beta2 = check_parts("betas", betas, 2, "a pair such as (0.9, 0.999)")
        self.betas = (
            check_number("betas[0]", beta1, low=0, high=1),
            check_number("betas[1]", beta2, low=0, high=1),
        )
        self.epsilon = check_number("epsilon", epsilon, low=0)
        super().__init__(parameters, learning_rate, weight_decay=weight_decay)

    def update(self, parameter: np.ndarray, gradient: np.ndarray, memory: Arrays) -> None:
        mean, square = memory["mean"], memory["square"]
        beta1, beta2 = self.betas
        mean *= beta1
        mean += (1 - beta1) * gradient
        square *= beta2
        square += (1 - beta2) * gradient**2
        rate = self.learning_rate / (1 - beta1**self.steps)
        parameter -= rate * mean / (np.sqrt(square / (1 - beta2**self.steps)) + self.epsilon)
