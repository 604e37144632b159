"""The torch twin of residual.py."""

import torch
from torch import nn


class Residual(nn.Module):
    """y = x + body(x), with the names of the NumPy original; it lives where `body` lives."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + body(x); both have one shape."""
        return x + self.body(x)
