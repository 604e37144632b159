"""Convolution and pooling: one small detector, used at every place of a picture (LeCun 1989).

Pictures are (N, C, H, W) as in `torch.nn`, which is the twin. In memory the batch comes last,
(C, H, W, N): then the pixels under one tap of the kernel, at all places and in all pictures, lie
in long runs, and taking them together is a plain copy. Only the views that go in and out are
turned round. (Krizhevsky's cuda-convnet of 2012 kept its pictures so.)
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_array, check_dtype, check_number
from dlkit.models.initialisers import Initialiser, fan_in_uniform
from dlkit.models.layer import Layer

COLUMN_BYTES = 2**21
"""About how much of the matrix of columns is made at a time: what stays in a processor's cache."""


class Conv2d(Layer):
    """z[n, o, i, j] = b[o] + Σ_c,u,v W[o, c, u, v] x[n, c, s i + u - p, s j + v - p].

    x is (N, in_channels, H, W) and z (N, out_channels, H', W') with H' = ⌊(H + 2p - k) / s⌋ + 1,
    for a kernel of k × k, stride s and padding p: a border of p zeros all round. `weight` is
    (out_channels, in_channels, k, k), `bias` (out_channels,). Each of the three sizes is a number
    or a pair (height, width). As everywhere in this trade, the kernel is not turned over: strictly
    this is a correlation. `weight_init` as in `Linear`. Raises `ValueError` when x has other
    channels, or fewer pixels than the kernel.

    The sum is a product of two matrices (Chellapilla, Puri and Simard 2006): W with a row for each
    output channel, and the pixels with a column for each place.
    """

    parameter_names = ("weight", "bias")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        rng: np.random.Generator,
        weight_init: Initialiser = fan_in_uniform,
        dtype: DTypeLike = np.float32,
    ):
        in_channels = int(check_number("in_channels", in_channels, low=1, whole=True))
        out_channels = int(check_number("out_channels", out_channels, low=1, whole=True))
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", stride)
        self.padding = pair("padding", padding, low=0)
        dtype = check_dtype(dtype)
        self.weight = weight_init(rng, (out_channels, in_channels, *self.kernel_size), dtype)
        self.bias = np.zeros(out_channels, dtype)
        if weight_init is fan_in_uniform:
            self.bias[:] = rng.uniform(-1, 1, out_channels) / np.sqrt(self.weight[0].size)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = self._pad(x)
        taps = look_through(self._x, self.kernel_size, self.stride)
        weight = self.weight.reshape(len(self.weight), -1)
        z = np.empty((len(weight), *taps.shape[3:]), self.weight.dtype)
        for rows, columns in _columns(taps):
            np.matmul(weight, columns, out=z[:, rows].reshape(len(z), -1))
        z += self.bias[:, None, None, None]
        return batch_first(z)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.backward_parameters(grad_output)
        grad_z, grad_x = batch_last(grad_output), np.zeros_like(self._x)
        taps = look_through(grad_x, self.kernel_size, self.stride)
        weight = self.weight.reshape(len(self.weight), -1)
        for rows in _blocks(taps):
            part = weight.T @ grad_z[:, rows].reshape(len(weight), -1)
            part = part.reshape(taps[:, :, :, rows].shape)
            for u, v in np.ndindex(self.kernel_size):  # a pixel that k² places saw gets k² parts
                taps[:, u, v, rows] += part[:, u, v]
        (top, left), (_, height, width, _) = self.padding, grad_x.shape
        return batch_first(grad_x[:, top : height - top, left : width - left])

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        grad_z = batch_last(grad_output)
        taps = look_through(self._x, self.kernel_size, self.stride)
        grad_weight = self._gradient("weight").reshape(len(self.weight), -1)
        grad_weight[...] = 0
        for rows, columns in _columns(taps):
            grad_weight += grad_z[:, rows].reshape(len(grad_z), -1) @ columns.T
        np.sum(grad_z, axis=(1, 2, 3), out=self._gradient("bias"))

    def _pad(self, x: np.ndarray) -> np.ndarray:
        """x with its border of zeros, and the batch last."""
        x = check_array("x", x, ("N", self.weight.shape[1], "H", "W"))
        (top, left), (_, channels, height, width) = self.padding, x.shape
        if height + 2 * top < self.kernel_size[0] or width + 2 * left < self.kernel_size[1]:
            raise ValueError(
                f"x must have at least {self.kernel_size[0]} × {self.kernel_size[1]} pixels with "
                f"its padding, got {height + 2 * top} × {width + 2 * left}"
            )
        shape = (channels, height + 2 * top, width + 2 * left, len(x))
        padded = np.zeros(shape, self.weight.dtype)
        padded[:, top : top + height, left : left + width] = x.transpose(1, 2, 3, 0)
        return padded

    def __repr__(self) -> str:
        out_channels, in_channels = self.weight.shape[:2]
        sizes = [f"{n}={_short(getattr(self, n))}" for n in ("kernel_size", "stride", "padding")]
        return f"Conv2d({in_channels}, {out_channels}, {', '.join(sizes)})"


class _Pool2d(Layer):
    """What both kinds of pooling share: k × k pixels of a channel become one, each s pixels."""

    def __init__(
        self, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None
    ):
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("stride", stride)

    def _taps(self, x: np.ndarray) -> list[np.ndarray]:
        """The k² pictures (C, H', W', N) of the pixels at one place of every window."""
        windows = look_through(x, self.kernel_size, self.stride)
        return [windows[:, u, v] for u, v in np.ndindex(self.kernel_size)]

    def _look(self, x: np.ndarray) -> list[np.ndarray]:
        """The taps of x (N, C, H, W), which is kept for `backward`."""
        x = check_array("x", x, ("N", "C", "H", "W"))
        if x.shape[2] < self.kernel_size[0] or x.shape[3] < self.kernel_size[1]:
            raise ValueError(
                f"x must have at least {self.kernel_size[0]} × {self.kernel_size[1]} pixels, "
                f"got {x.shape[2]} × {x.shape[3]}"
            )
        self._x = batch_last(x if x.dtype.kind == "f" else x.astype(np.float32))
        return self._taps(self._x)

    def __repr__(self) -> str:
        sizes = [f"{n}={_short(getattr(self, n))}" for n in ("kernel_size", "stride")]
        return f"{type(self).__name__}({', '.join(sizes)})"


class MaxPool2d(_Pool2d):
    """y = the largest of k × k pixels (Riesenhuber and Poggio 1999), each s pixels.

    The blame goes to the pixel that won, the first of equals, as in torch. Shapes and errors as in
    `AvgPool2d`.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        first, *others = self._look(x)
        self._y = first.copy()
        for tap in others:
            np.maximum(self._y, tap, out=self._y)
        return batch_first(self._y)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        grad_y, grad_x = batch_last(grad_output), np.zeros_like(self._x)
        open_ = np.ones(self._y.shape, bool)  # windows whose winner has not been met yet
        for tap, grad_tap in zip(self._taps(self._x), self._taps(grad_x), strict=True):
            won = tap == self._y
            won &= open_
            open_ ^= won
            grad_tap += grad_y * won
        return batch_first(grad_x)


class AvgPool2d(_Pool2d):
    """y = the mean of k × k pixels, each s pixels: the sub-sampling of LeCun's first nets.

    x is (N, C, H, W), y (N, C, H', W') with H' = ⌊(H - k) / s⌋ + 1; `stride=None` means s = k.
    Pixels at the right and lower border that fill no window are left out, as in torch. There is
    nothing to learn. Raises `ValueError` when x is smaller than the window.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        first, *others = taps = self._look(x)
        y = first.copy()
        for tap in others:
            y += tap
        y /= len(taps)
        return batch_first(y)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        grad_x = np.zeros_like(self._x)
        taps = self._taps(grad_x)
        share = batch_last(grad_output) / len(taps)
        for tap in taps:
            tap += share
        return batch_first(grad_x)


class Flatten(Layer):
    """(N, C, H, W) becomes (N, C H W), channel by channel and row by row, as in torch.

    x may have any number of axes, at least two. Nothing is computed.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        if x.ndim < 2 or x.size == 0:
            raise ValueError(f"x must hold at least one example (N, ...), got shape {x.shape}")
        self._shape = x.shape
        if x.ndim == 4:  # with the batch last in memory this is a view, turned over
            return batch_last(x).reshape(-1, len(x)).T
        return x.reshape(len(x), -1)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        if len(self._shape) == 4:
            grad = np.ascontiguousarray(grad_output.T)
            return batch_first(grad.reshape(*self._shape[1:], len(grad_output)))
        return grad_output.reshape(self._shape)

    def __repr__(self) -> str:
        return "Flatten()"


# --- The two orders of the axes, and looking through a kernel ------------------------------------


def batch_last(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) as (C, H, W, N), contiguous: a view if x came out of `batch_first`."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def batch_first(x: np.ndarray) -> np.ndarray:
    """(C, H, W, N) as (N, C, H, W): always a view."""
    return x.transpose(3, 0, 1, 2)


def look_through(x: np.ndarray, kernel: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """The view (C, k, k, H', W', N) of a contiguous x (C, H, W, N): what each tap sees where.

    Entry [c, u, v, i, j, n] is x[c, s i + u, s j + v, n]. Nothing is copied: writing to the view
    writes to x.
    """
    (channels, height, width, n), (c, h, w, one) = x.shape, x.strides
    places = ((height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1)
    shape, strides = (channels, *kernel, *places, n), (c, h, w, h * stride[0], w * stride[1], one)
    return np.ndarray(shape, x.dtype, x, strides=strides)


def _blocks(taps: np.ndarray) -> Iterator[slice]:
    """Rows of places, a few at a time: as many as make about COLUMN_BYTES of columns."""
    rows = max(1, COLUMN_BYTES // max(1, taps[:, :, :, 0].nbytes))
    for start in range(0, taps.shape[3], rows):
        yield slice(start, start + rows)


def _columns(taps: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows of places at a time, and the matrix with a column of C k² pixels for each place."""
    for rows in _blocks(taps):
        block = taps[:, :, :, rows]
        yield rows, block.reshape(int(np.prod(block.shape[:3])), -1)


def pair(name: str, value: int | tuple[int, int], *, low: int = 1) -> tuple[int, int]:
    """A size as (height, width): one number stands for both."""
    sizes = value if isinstance(value, tuple | list) else (value, value)
    if len(sizes) != 2:
        raise ValueError(f"{name} must be a whole number or a pair of them, got {value!r}")
    height, width = (int(check_number(name, size, low=low, whole=True)) for size in sizes)
    return height, width


def _short(size: tuple[int, int]) -> str:
    return str(size[0]) if size[0] == size[1] else str(size)
