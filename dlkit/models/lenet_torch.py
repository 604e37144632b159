"""The torch twins of the layers in lenet.py that torch.nn does not have."""

from collections.abc import Sequence

import torch
from torch import nn

from dlkit.models.lenet import AMPLITUDE, SLOPE


class ScaledTanh(nn.Module):
    """a = 1.7159 tanh(2z/3)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return f(x), in the shape of x."""
        return AMPLITUDE * torch.tanh(SLOPE * x)


class MapConv2d(nn.Module):
    """A convolution with a table of who sees whom, a bias for each unit or map, and a background.

    `table` (out_maps, in_maps) is a buffer; `bias_shape` is that of the original's bias.
    """

    table: torch.Tensor

    def __init__(
        self,
        table: torch.Tensor,
        kernel_size: tuple[int, int],
        bias_shape: Sequence[int],
        *,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        background: float,
    ):
        super().__init__()
        self.kernel_size, self.size = kernel_size, size
        self.stride, self.padding, self.background = stride, padding, background
        self.register_buffer("table", table, persistent=False)
        self.weight = nn.Parameter(torch.zeros(*table.shape, *kernel_size))
        self.bias = nn.Parameter(torch.zeros(*bias_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the maps (N, out_maps, H', W') for x (N, in_maps, H, W)."""
        top, left = self.padding
        x = nn.functional.pad(x, (left, left, top, top), value=self.background)
        weight = self.weight * self.table[:, :, None, None]
        bias = self.bias if self.bias.ndim == 3 else self.bias[:, None, None]
        return nn.functional.conv2d(x, weight, stride=self.stride) + bias


class Subsample(nn.Module):
    """y = w Σ x + b over 2×2 pixels, one w and b for each map."""

    def __init__(self, maps: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(maps)), nn.Parameter(torch.zeros(maps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, maps, H/2, W/2) for x (N, maps, H, W)."""
        total = 4 * nn.functional.avg_pool2d(x, 2)
        return total * self.weight[:, None, None] + self.bias[:, None, None]


class RadialBasis(nn.Module):
    """Minus the squared distance to the code of each class."""

    codes: torch.Tensor

    def __init__(self, codes: torch.Tensor):
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, classes) for x (N, D)."""
        return -((x[:, None] - self.codes) ** 2).sum(dim=2)
