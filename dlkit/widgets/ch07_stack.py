"""A stack of convolutions: what each of its units can see, and what it does see.

What a unit can see is arithmetic on the layers' kernels, strides and paddings (A. Araujo, W. Norris
and J. Sim, "Computing receptive fields of convolutional neural networks", Distill 2019). How much
each pixel counts is a gradient (W. Luo, Y. Li, R. Urtasun and R. Zemel, "Understanding the
effective receptive field in deep convolutional neural networks", NIPS 2016).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlkit.models.convolution import AvgPool2d, Conv2d, MaxPool2d
from dlkit.models.dense import ReLU, Sequential
from dlkit.models.initialisers import he_normal

SIDE = 28  # pixels of the input
CHANNELS = 8  # maps of each convolution
POOLS = {"none": None, "2 × 2 maximum": MaxPool2d, "2 × 2 average": AvgPool2d}

Span = tuple[int, int]  # first and last place, both included


@dataclass(frozen=True)
class Stack:
    """`depth` convolutions alike, each followed by ReLU and, if wished, by pooling."""

    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pooling: str = "none"
    depth: int = 3


@dataclass(frozen=True)
class Stage:
    """A convolution or a pooling, and what a unit of it sees of the input.

    side: units along each axis of its map; field: pixels along each axis that a unit can see, as if
    the input had no edge; jump: pixels from the field of a unit to that of its neighbour; spread:
    the standard deviation, in pixels, of the share that each pixel has in the unit's squared
    gradient, if the weights are independent and have mean 0.
    """

    name: str
    kernel: int
    stride: int
    padding: int
    side: int
    field: int
    jump: int
    spread: float

    @property
    def pools(self) -> bool:
        """Whether this is a pooling, which has no weights."""
        return self.name.startswith("pool")


@lru_cache(maxsize=256)
def stages(stack: Stack) -> tuple[Stage, ...]:
    """The layers from the input up; a `ValueError` where no unit would be left.

    A layer with kernel k and stride s on units that are j pixels apart adds (k - 1) j pixels to
    the field, adds (k² - 1) j² / 12, the variance of k equal steps, to the spread squared, and puts
    its own units s j apart.
    """
    shapes = []
    for number in range(1, stack.depth + 1):
        shapes.append((f"conv {number}", stack.kernel, stack.stride, stack.padding))
        if stack.pooling != "none":
            shapes.append((f"pool {number}", 2, 2, 0))
    found, side, field, jump, variance = [], SIDE, 1, 1, 0.0
    for name, kernel, stride, padding in shapes:
        room = side + 2 * padding
        if room < kernel:
            raise ValueError(
                f"Nothing is left for {name}: its {kernel} × {kernel} kernel does not fit the "
                f"{side} × {side} map below. Use fewer layers, less stride or more padding."
            )
        field += (kernel - 1) * jump
        variance += (kernel**2 - 1) * jump**2 / 12
        side, jump = (room - kernel) // stride + 1, jump * stride
        found.append(Stage(name, kernel, stride, padding, side, field, jump, variance**0.5))
    return tuple(found)


def spans(layers: tuple[Stage, ...], place: int) -> list[Span]:
    """What unit `place` of the last layer sees along one axis, in each layer below.

    The first is the span of pixels of the input, the last the unit itself. Negative places, and
    those beyond the map, lie in the padding.
    """
    found = [(place, place)]
    for layer in reversed(layers):
        low, high = found[0]
        first = low * layer.stride - layer.padding
        found.insert(0, (first, high * layer.stride - layer.padding + layer.kernel - 1))
    return found


def centre(layers: tuple[Stage, ...], place: int) -> float:
    """The pixel in the middle of what unit `place` of the last layer sees."""
    low, high = spans(layers, place)[0]
    return (low + high) / 2


def nearest(layers: tuple[Stage, ...], pixel: float) -> int:
    """The unit of the last layer whose field has its middle nearest to `pixel`."""
    last = layers[-1]
    place = round((pixel - centre(layers, 0)) / last.jump)
    return int(np.clip(place, 0, last.side - 1))


@lru_cache(maxsize=512)
def expected(layers: tuple[Stage, ...], place: int) -> np.ndarray:
    """The share of each pixel of one axis in a unit's squared gradient, (SIDE,), by theory.

    Weights that are independent with mean 0 make squared gradients spread like walkers: from every
    unit in equal shares to all that it sees. What goes into the padding is lost.
    """
    share = np.zeros(layers[-1].side)
    share[place] = 1.0
    for number in range(len(layers) - 1, -1, -1):
        layer = layers[number]
        below = layers[number - 1].side if number else SIDE
        spread = np.zeros(below + 2 * layer.padding + layer.kernel + layer.stride)
        for tap in range(layer.kernel):
            spread[tap : tap + layer.stride * len(share) : layer.stride] += share / layer.kernel
        share = spread[layer.padding : layer.padding + below]
    return share


@lru_cache(maxsize=8)
def net(stack: Stack) -> Sequential:
    """The stack with random weights (He et al. 2015): a forward and a backward of its own."""
    rng, layers, channels = np.random.default_rng(0), [], 1
    for _ in range(stack.depth):
        options = {"stride": stack.stride, "padding": stack.padding, "rng": rng}
        layers += [Conv2d(channels, CHANNELS, stack.kernel, **options, weight_init=he_normal)]
        layers += [ReLU()]
        pool = POOLS[stack.pooling]
        layers += [pool(2)] if pool else []
        channels = CHANNELS
    return Sequential(*layers)


def upto(stack: Stack, number: int) -> Sequential:
    """The part of the net below and with stage `number`; a convolution without its ReLU."""
    layers, ends = net(stack).layers, []
    for place, layer in enumerate(layers):
        if not isinstance(layer, ReLU):
            ends.append(place + 1)
    return Sequential(*layers[: ends[number]])


@lru_cache(maxsize=64)
def maps(stack: Stack, picture: bytes) -> tuple[np.ndarray, ...]:
    """A map of each stage for a picture (28 × 28 float32 as bytes): of its channels the strongest.

    A convolution's maps are those behind its ReLU.
    """
    x = np.frombuffer(picture, np.float32).reshape(1, 1, SIDE, SIDE)
    found = []
    for layer in net(stack).layers:
        x = layer(x)
        if not isinstance(layer, Conv2d):
            found.append(x[0, x[0].sum(axis=(1, 2)).argmax()])
    return tuple(found)


@lru_cache(maxsize=512)
def measured(stack: Stack, number: int, row: int, column: int) -> np.ndarray:
    """The squared gradient of a unit of stage `number` for each pixel, (28, 28), summing to 1.

    The mean over the stage's CHANNELS maps, each asked with a picture of noise of its own. All
    zeros where nothing reaches the unit, because it sees padding alone or no ReLU below is on.
    """
    part = upto(stack, number)
    noise = np.random.default_rng(1).standard_normal((CHANNELS, 1, SIDE, SIDE), np.float32)
    answer = part(noise)
    grad = np.zeros_like(answer)
    each = np.arange(CHANNELS)
    grad[each, each, row, column] = 1
    squared = (part.backward(grad)[:, 0].astype(float) ** 2).mean(axis=0)
    total = squared.sum()
    return squared / total if total else squared


def spread_of(share: np.ndarray) -> float:
    """Standard deviation in pixels, along one axis, of shares (28, 28): the mean of both axes."""
    if not share.any():
        return float("nan")
    places, variances = np.arange(SIDE), []
    for axis in (0, 1):
        along = share.sum(axis=axis) / share.sum()
        middle = along @ places
        variances.append(along @ (places - middle) ** 2)
    return float(np.sqrt(np.mean(variances)))
