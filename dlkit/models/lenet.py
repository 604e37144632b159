"""The nets that read: LeCun's of 1989 and 1998, a LeNet of today, and AlexNet to look at.

zipcode_net  reads 16×16 digits (LeCun and others, "Backpropagation applied to handwritten zip code
             recognition", Neural Computation 1, 1989)
lenet5       reads 32×32 digits (LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to
             document recognition", Proceedings of the IEEE 86, 1998)
lenet        what people call a LeNet today: ReLU, maxima, softmax
alexnet      the sizes of Krizhevsky, Sutskever and Hinton, NIPS 25, 2012

`count` says how many units, connections and parameters a net has. The torch twins of the layers
that torch.nn does not have are in lenet_torch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import (
    check_array,
    check_between_0_and_1,
    check_dtype,
    check_generator,
    check_labels,
    check_number,
)
from dlkit.models.convolution import Conv2d, Flatten, MaxPool2d, pair
from dlkit.models.dense import Linear, ReLU, Sequential
from dlkit.models.initialisers import fans
from dlkit.models.layer import Layer

AMPLITUDE, SLOPE = 1.7159, 2 / 3  # so that ±1 gives ±1


# --- The nets ------------------------------------------------------------------------------------


def zipcode_net(rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Sequential:
    """The net of 1989: x (N, 1, 16, 16) in -1 … 1, output (N, 10), a target is 1 among -1.

    H1: 12 maps of 8×8, kernels 5×5, two pixels apart. H2: 12 maps of 4×4 likewise, each of which
    sees 8 maps of H1. H3: 30 units, then 10. Every unit has a bias of its own. Which 8 maps, the
    paper does not say: here a third of H2 leaves out a third of H1.
    """
    table = np.ones((12, 12), bool)
    for third in (slice(0, 4), slice(4, 8), slice(8, 12)):
        table[third, third] = False
    shared = {"stride": 2, "padding": 2, "unit_bias": True, "background": -1.0}
    return Sequential(
        MapConv2d(1, 12, 5, size=16, rng=rng, dtype=dtype, **shared),
        ScaledTanh(),
        MapConv2d(12, 12, 5, size=8, table=table, rng=rng, dtype=dtype, **shared),
        ScaledTanh(),
        Flatten(),
        Linear(192, 30, rng=rng, weight_init=fan_in_2_4, dtype=dtype),
        ScaledTanh(),
        Linear(30, 10, rng=rng, weight_init=fan_in_2_4, dtype=dtype),
        ScaledTanh(),
    )


def lenet5(rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Sequential:
    """The net of 1998: x (N, 1, 32, 32), output (N, 10) = minus the distance to each digit's code.

    C1, S2, C3, S4, C5, F6 and the distances, as in the paper. With cross-entropy on top, training
    is close to the paper's criterion (its equation 9, without the constant j).
    """
    settings = {"rng": rng, "weight_init": fan_in_2_4, "dtype": dtype}
    table = np.zeros((16, 6), bool)
    for map_, seen in enumerate(C3_SEES):
        table[map_, list(seen)] = True
    return Sequential(
        Conv2d(1, 6, 5, **settings),
        ScaledTanh(),
        Subsample(6, dtype=dtype),
        ScaledTanh(),
        MapConv2d(6, 16, 5, size=14, table=table, rng=rng, dtype=dtype),
        ScaledTanh(),
        Subsample(16, dtype=dtype),
        ScaledTanh(),
        Conv2d(16, 120, 5, **settings),
        ScaledTanh(),
        Flatten(),
        Linear(120, 84, **settings),
        ScaledTanh(),
        RadialBasis(digit_codes(), dtype=dtype),
    )


C3_SEES = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Which of the six maps of S2 each of the sixteen maps of C3 sees: table I of the paper."""


def lenet(
    rng: np.random.Generator,
    *,
    maps: tuple[int, int] = (6, 16),
    units: tuple[int, int] = (120, 84),
    classes: int = 10,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """A LeNet of today: x (N, 1, 28, 28), output z (N, classes) for the cross-entropy.

    Twice a convolution 5×5, ReLU and the largest of 2×2; then three dense layers.
    """
    maps, units = pair("maps", maps), pair("units", units)
    settings = {"rng": rng, "dtype": dtype}
    return Sequential(
        Conv2d(1, maps[0], 5, padding=2, **settings),
        ReLU(),
        MaxPool2d(2),
        Conv2d(maps[0], maps[1], 5, **settings),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(maps[1] * 5 * 5, units[0], **settings),
        ReLU(),
        Linear(units[0], units[1], **settings),
        ReLU(),
        Linear(units[1], classes, **settings),
    )


def zipcode_pictures(x: ArrayLike) -> np.ndarray:
    """MNIST's pictures, (N, 784) in 0 … 1, as (N, 1, 16, 16) in -1 … 1: paper -1, ink 1.

    The 20×20 pixels in the middle, where MNIST has put its digits, are averaged to 16×16 by area.
    """
    x = check_between_0_and_1("x", check_array("x", x, ("N", 784), finite=True))
    x = x.reshape(-1, 28, 28)[:, 4:24, 4:24]
    edges = np.linspace(0, 20, 17)
    pixel = np.arange(20)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    share = np.maximum(overlap, 0) * 16 / 20  # (16, 20): how much of each pixel goes where
    small = share @ x @ share.T
    return (2 * small - 1).astype(np.float32)[:, None]


def zipcode_targets(labels: ArrayLike) -> np.ndarray:
    """Labels (N,) as (N, 10): 1 for the digit, -1 for the others, inside the tanh's range."""
    labels = check_labels("labels", labels, np.size(labels), 10)
    return 2 * np.eye(10, dtype=np.float32)[labels] - 1


# --- Layers that are no longer in use ------------------------------------------------------------


class ScaledTanh(Layer):
    """a = 1.7159 tanh(2z/3): a tanh with f(±1) = ±1, bent most there (LeCun 1989)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._a = np.tanh(SLOPE * x)
        self._a *= AMPLITUDE
        return self._a

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        slope = self._a * self._a
        slope *= -SLOPE / AMPLITUDE
        slope += SLOPE * AMPLITUDE
        slope *= grad_output
        return slope


class MapConv2d(Layer):
    """A convolution as the first nets had it, for pictures of one size.

    Two things may differ from `Conv2d`. Each output map sees only the input maps that its row of
    `table` (out_maps, in_maps) marks; the weights of the others count as 0. And with
    `unit_bias` the places of a map share their weights, but each has a bias of its own: `bias` is
    (out_maps, H', W') instead of (out_maps,). Beyond the border lies paper of the value
    `background`. x is (N, in_maps, H, W) with (H, W) = `size`, the output as in `Conv2d`.

    A weight starts at U(-2.4/F, 2.4/F) for a unit with F inputs, a bias at 0. The pixels are
    collected by a list of places that is made once, which suits one picture at a time, as then.
    Raises `ValueError` for x of another shape, and a table that does not fit.
    """

    parameter_names = ("weight", "bias")

    def __init__(
        self,
        in_maps: int,
        out_maps: int,
        kernel_size: int | tuple[int, int],
        *,
        size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        table: ArrayLike | None = None,
        unit_bias: bool = False,
        background: float = 0.0,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ):
        in_maps = int(check_number("in_maps", in_maps, low=1, whole=True))
        out_maps = int(check_number("out_maps", out_maps, low=1, whole=True))
        self.kernel_size, self.size = pair("kernel_size", kernel_size), pair("size", size)
        self.stride, self.padding = pair("stride", stride), pair("padding", padding, low=0)
        self.background = check_number("background", background)
        self.unit_bias = unit_bias
        dtype = check_dtype(dtype)
        if table is None:
            table = np.ones((out_maps, in_maps), bool)
        table = check_array("table", table, (out_maps, in_maps))
        if not np.isin(table, (0, 1)).all():
            raise ValueError("table must mark the maps that are seen: 1 or 0, True or False")
        self.table = table.astype(np.bool_)
        seen = self.table.sum(axis=1)
        if seen.min() == 0:
            raise ValueError(f"table must let every map see something, row {seen.argmin()} is 0")
        self.places = tuple(
            (self.size[i] + 2 * self.padding[i] - self.kernel_size[i]) // self.stride[i] + 1
            for i in (0, 1)
        )
        if min(self.places) < 1:
            raise ValueError(f"size must be at least that of the kernel, got {self.size}")
        self._mask = np.repeat(self.table, math.prod(self.kernel_size), axis=1).astype(dtype)
        shape = (out_maps, in_maps, *self.kernel_size)
        self.weight = fan_in_2_4(rng, shape, dtype) * self._mask.reshape(shape)
        self.weight *= (in_maps / seen).astype(dtype)[:, None, None, None]
        self.bias = np.zeros((out_maps, *self.places) if unit_bias else out_maps, dtype)
        self._pixel = self._where()

    def forward(self, x: np.ndarray) -> np.ndarray:
        dtype, (out_maps, in_maps) = self.weight.dtype, self.weight.shape[:2]
        x = check_array("x", x, ("N", in_maps, *self.size), dtype=dtype)
        pixels = np.full((len(x), in_maps, math.prod(self.size) + 1), self.background, dtype)
        pixels[:, :, :-1] = x.reshape(len(x), in_maps, -1)
        self._columns = pixels.take(self._pixel, axis=2).reshape(len(x), -1, self._pixel.shape[1])
        self._seeing = self.weight.reshape(out_maps, -1) * self._mask
        z = self._seeing @ self._columns
        z += self.bias.reshape(out_maps, -1)
        return z.reshape(len(x), out_maps, *self.places)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.backward_parameters(grad_output)
        n, (out_maps, in_maps) = len(grad_output), self.weight.shape[:2]
        part = self._seeing.T @ grad_output.reshape(n, out_maps, -1)
        grad_x = part.reshape(n * in_maps, -1) @ self._look()
        return grad_x.reshape(n, in_maps, *self.size)

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        n, out_maps = grad_output.shape[:2]
        grad_z = grad_output.reshape(n, out_maps, -1)
        each = grad_z @ self._columns.transpose(0, 2, 1)
        total = each[0] if n == 1 else each.sum(axis=0)
        np.multiply(total, self._mask, out=self._gradient("weight").reshape(out_maps, -1))
        over = 0 if self.unit_bias else (0, 2, 3)
        np.sum(grad_output, axis=over, out=self._gradient("bias"))

    def _where(self) -> np.ndarray:
        """(k², places): which pixel a tap sees at a place; beyond the border, the last number."""
        along = [
            self.stride[i] * np.arange(self.places[i])
            + np.arange(self.kernel_size[i])[:, None]
            - self.padding[i]
            for i in (0, 1)
        ]
        row, column = along[0][:, None, :, None], along[1][None, :, None, :]
        height, width = self.size
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        pixel = np.where(inside, row * width + column, height * width)
        return pixel.reshape(math.prod(self.kernel_size), -1)

    def _look(self) -> np.ndarray:
        """(k² places, pixels): 1 where a tap at a place sees a pixel, which then gets its blame."""
        if "_looks" not in self.__dict__:
            pixels = math.prod(self.size)
            look = self._pixel.reshape(-1, 1) == np.arange(pixels)
            self._looks = look.astype(self.weight.dtype)
        return self._looks

    def __repr__(self) -> str:
        out_maps, in_maps = self.weight.shape[:2]
        return f"MapConv2d({in_maps}, {out_maps}, {self.kernel_size}, stride={self.stride})"


class Subsample(Layer):
    """y = w Σ x + b over 2×2 pixels, with one w and one b for each map (LeCun 1998, S2 and S4).

    x is (N, maps, H, W) with even H and W, y (N, maps, H/2, W/2), `weight` and `bias` (maps,). At
    first w is a quarter, which makes it a mean.
    """

    parameter_names = ("weight", "bias")

    def __init__(self, maps: int, *, dtype: DTypeLike = np.float32):
        maps = int(check_number("maps", maps, low=1, whole=True))
        dtype = check_dtype(dtype)
        self.weight, self.bias = np.full(maps, 0.25, dtype), np.zeros(maps, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = check_array("x", x, ("N", len(self.weight), "H", "W"), dtype=self.weight.dtype)
        if x.shape[2] % 2 or x.shape[3] % 2:
            raise ValueError(f"x must have an even height and width, got {x.shape[2:]}")
        rows = x[:, :, ::2] + x[:, :, 1::2]
        self._sum = rows[..., ::2] + rows[..., 1::2]
        return self._sum * self.weight[:, None, None] + self.bias[:, None, None]

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.backward_parameters(grad_output)
        grad_sum = grad_output * self.weight[:, None, None]
        return grad_sum.repeat(2, axis=2).repeat(2, axis=3)

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        np.sum(grad_output * self._sum, axis=(0, 2, 3), out=self._gradient("weight"))
        np.sum(grad_output, axis=(0, 2, 3), out=self._gradient("bias"))


class RadialBasis(Layer):
    """y_k = -Σⱼ (xⱼ - code_kj)²: minus the squared distance to the code of each class.

    x is (N, D), `codes` (classes, D) stays as it is, y is (N, classes). In LeCun's net of 1998 a
    code is a small drawing of the digit, in ±1.
    """

    buffer_names = ("codes",)

    def __init__(self, codes: ArrayLike, *, dtype: DTypeLike = np.float32):
        codes = check_array("codes", codes, ("classes", "D"), finite=True)
        self.codes = codes.astype(check_dtype(dtype))

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = check_array("x", x, ("N", self.codes.shape[1]), dtype=self.codes.dtype)
        self._away = x[:, None] - self.codes
        return -(self._away**2).sum(axis=2)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return -2 * (grad_output[:, :, None] * self._away).sum(axis=1)


def fan_in_2_4(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """U(-2.4/F, 2.4/F) for units with F inputs: the start of 1989."""
    bound = 2.4 / fans(shape)[0]
    return check_generator("rng", rng).uniform(-bound, bound, shape).astype(dtype)


def digit_codes() -> np.ndarray:
    """The ten digits in 12×7 pixels of ±1, as (10, 84), in the seven strokes of a calculator.

    The drawings of the paper's figure 3 are finer; what matters is that there are 84 bits.
    """
    bars = {  # stroke: rows, columns
        "top": (slice(0, 2), slice(1, 6)),
        "middle": (slice(5, 7), slice(1, 6)),
        "bottom": (slice(10, 12), slice(1, 6)),
        "upper left": (slice(1, 6), slice(0, 2)),
        "upper right": (slice(1, 6), slice(5, 7)),
        "lower left": (slice(6, 11), slice(0, 2)),
        "lower right": (slice(6, 11), slice(5, 7)),
    }
    missing = (
        ("middle",),
        ("top", "middle", "bottom", "upper left", "lower left"),
        ("upper left", "lower right"),
        ("upper left", "lower left"),
        ("top", "bottom", "lower left"),
        ("upper right", "lower left"),
        ("upper right",),
        ("middle", "bottom", "upper left", "lower left"),
        (),
        ("lower left",),
    )
    codes = -np.ones((10, 12, 7))
    for code, without in zip(codes, missing, strict=True):
        for stroke, place in bars.items():
            if stroke not in without:
                code[place] = 1
    return codes.reshape(10, -1)


# --- Counting ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A layer of units: its shape, and what it has."""

    name: str
    shape: tuple[int, ...]
    connections: int
    parameters: int

    @property
    def units(self) -> int:
        """How many numbers the layer gives for one picture."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Count:
    """What a net has, layer by layer; the input is a layer of units, too."""

    rows: tuple[Row, ...]

    @property
    def units(self) -> int:
        """All units, those of the input included."""
        return sum(row.units for row in self.rows)

    @property
    def connections(self) -> int:
        """All connections; the bias of a unit is one of its connections."""
        return sum(row.connections for row in self.rows)

    @property
    def parameters(self) -> int:
        """All numbers that training may change; connections may share one."""
        return sum(row.parameters for row in self.rows)

    def __str__(self) -> str:
        lines = [f"{'layer':14}{'shape':>14}{'units':>12}{'connections':>14}{'parameters':>13}"]
        rows = [(r.name, "×".join(map(str, r.shape)), r) for r in self.rows]
        lines += [
            f"{name:14}{shape:>14}{row.units:12,}{row.connections:14,}{row.parameters:13,}"
            for name, shape, row in [*rows, ("together", "", self)]
        ]
        return "\n".join(lines)

    __repr__ = __str__


def count(net: Sequential, shape: Sequence[int]) -> Count:
    """Count a net for pictures of `shape` (C, H, W), or vectors (D,).

    Layers without weights, such as activations and maxima, are taken as part of the one before
    and not counted. Raises `ValueError` for a layer with weights that it does not know.
    """
    if not isinstance(net, Sequential):
        raise ValueError(f"net must be a Sequential, got {net!r}")
    if not isinstance(shape, Sequence):
        raise ValueError(f"shape must be (C, H, W) or (D,), got {shape!r}")
    shape = tuple(int(check_number("shape", size, low=1, whole=True)) for size in shape)
    x = np.zeros((1, *shape), np.float32)
    rows = [Row("input", shape, 0, 0)]
    for layer in net.layers:
        x = layer.forward(x)
        places, units = math.prod(x.shape[2:]), math.prod(x.shape[1:])
        parameters = sum(array.size for array in layer.parameters.values())
        if isinstance(layer, MapConv2d):
            weights = int(layer.table.sum()) * math.prod(layer.kernel_size)
            connections, parameters = places * weights + units, weights + layer.bias.size
        elif isinstance(layer, Conv2d | Linear):
            connections = places * parameters
        elif isinstance(layer, Subsample):
            connections = units * 5
        elif isinstance(layer, RadialBasis):
            connections = layer.codes.size
        elif parameters:
            raise ValueError(f"count does not know the connections of {layer!r}")
        else:
            continue
        rows.append(Row(type(layer).__name__, x.shape[1:], connections, parameters))
    return Count(tuple(rows))


def alexnet() -> Count:
    """The sizes of AlexNet (2012) from its description: 227×227 pixels of three colours in.

    Its maps live on two graphics cards, and in the layers 2, 4 and 5 a map sees only those on its
    own card. After the layers 1, 2 and 5, the largest of 3×3 is taken every two pixels.
    """
    layers = (  # maps, kernel, stride, padding, cards that see each other as one, pooled after
        (96, 11, 4, 0, 1, True),
        (256, 5, 1, 2, 2, True),
        (384, 3, 1, 1, 1, False),
        (384, 3, 1, 1, 2, False),
        (256, 3, 1, 1, 2, True),
    )
    maps, side = 3, 227
    rows = [Row("input", (maps, side, side), 0, 0)]
    for number, (out, kernel, stride, padding, parts, pooled) in enumerate(layers, start=1):
        side = (side + 2 * padding - kernel) // stride + 1
        parameters = out * (maps // parts * kernel**2 + 1)
        rows += [Row(f"convolution {number}", (out, side, side), side**2 * parameters, parameters)]
        maps, side = out, (side - 3) // 2 + 1 if pooled else side
    below = maps * side**2
    for units in (4096, 4096, 1000):
        rows += [Row("dense", (units,), units * (below + 1), units * (below + 1))]
        below = units
    return Count(tuple(rows))
