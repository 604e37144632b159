"""The convolutional net that chapter 07's explorers ask, and what its layers are called."""

from functools import lru_cache

import numpy as np

from dlkit import checkpoint
from dlkit.data.files import asset
from dlkit.models.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from dlkit.models.dense import Linear, Sequential
from dlkit.models.lenet import lenet
from dlkit.widgets.ch07_stack import SIDE, Stage


@lru_cache(maxsize=1)
def trained_lenet() -> Sequential:
    """The LeNet that `tools/reproduce/ch07_cnn.py` has trained on MNIST, without the 5,000 digits
    that `mnist()` gives."""
    net = lenet(np.random.default_rng(0))
    state = checkpoint.load(asset("models/ch07_lenet.safetensors"))["lenet"]
    net.load_state_dict({name: array.astype(np.float32) for name, array in state.items()})
    return net.eval()


def check_net(model: Sequential) -> int:
    """How many classes the net knows; a `ValueError` if it does not read 28 × 28 pictures."""
    layers = list(getattr(model, "layers", []))
    first = layers[0] if layers else None
    if not isinstance(first, Conv2d) or not isinstance(layers[-1], Linear):
        raise ValueError(
            "model must be a Sequential of dlkit's layers that begins with a Conv2d and ends with "
            f"a Linear, got {model!r:.200}"
        )
    if first.weight.shape[1] != 1:
        raise ValueError(
            f"model must take pictures of one channel, but its first layer takes "
            f"{first.weight.shape[1]}"
        )
    try:
        return model(np.zeros((1, 1, SIDE, SIDE), first.weight.dtype)).shape[1]
    except ValueError as error:
        raise ValueError(f"model must take {SIDE} × {SIDE} pixels, but: {error}") from None


def stages_of(model: Sequential) -> list[tuple[int, tuple[Stage, ...]]]:
    """Where the net's feature maps come from: for each kind of map the layer that gives it.

    A convolution's maps are looked at behind its activation. Each entry is the position of a layer
    in the net, and the stages below and with it, from which `spans` tells what a unit sees.
    """
    found, below, side, field, jump, variance = [], [], SIDE, 1, 1, 0.0
    names = {"conv": 0, "pool": 0}
    for position, layer in enumerate(model.layers):
        if isinstance(layer, Flatten):
            break
        if isinstance(layer, (Conv2d, MaxPool2d, AvgPool2d)):
            kind = "conv" if isinstance(layer, Conv2d) else "pool"
            names[kind] += 1
            kernel, stride = layer.kernel_size[0], layer.stride[0]
            padding = layer.padding[0] if isinstance(layer, Conv2d) else 0
            field += (kernel - 1) * jump
            variance += (kernel**2 - 1) * jump**2 / 12
            side, jump = (side + 2 * padding - kernel) // stride + 1, jump * stride
            name = f"{kind} {names[kind]}"
            below.append(Stage(name, kernel, stride, padding, side, field, jump, variance**0.5))
            found.append((position, tuple(below)))
        elif found:
            found[-1] = (position, found[-1][1])
    return found
