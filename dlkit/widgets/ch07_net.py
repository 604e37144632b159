"""The convolutional net that chapter 07's explorers ask, and what its layers are called."""

from functools import lru_cache

import numpy as np

from dlkit import checkpoint
from dlkit.data.files import asset
from dlkit.models.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from dlkit.models.dense import Linear, Sequential
from dlkit.models.lenet import lenet
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import Adam
from dlkit.train import fit, numpy_step
from dlkit.widgets.ch07_stack import SIDE, Stage
from dlkit.widgets.drawn import mnist


@lru_cache(maxsize=1)
def trained_lenet() -> Sequential:
    """The LeNet that `tools/reproduce/ch07_cnn.py` has trained on MNIST, without the 5,000 digits
    that `mnist()` gives."""
    net = lenet(np.random.default_rng(0))
    state = checkpoint.load(asset("models/ch07_lenet.safetensors"))["lenet"]
    net.load_state_dict({name: array.astype(np.float32) for name, array in state.items()})
    return net.eval()


@lru_cache(maxsize=1)
def small_lenet() -> Sequential:
    """A LeNet trained on the same 4,000 digits as chapter 02's dense net, in about a second, once.

    Beside that net, the one that has learned all of MNIST would win for having seen more digits.
    """
    rng, split = np.random.default_rng(0), mnist()
    net = lenet(rng)
    step = numpy_step(net, CrossEntropyLoss(), Adam(net.parameters, 0.002))
    pictures = split.x_train.reshape(-1, 1, SIDE, SIDE)
    batches = {"epochs": 3, "batch_size": 50, "rng": rng, "progress": False}
    fit(step, (pictures, split.y_train), **batches)
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
