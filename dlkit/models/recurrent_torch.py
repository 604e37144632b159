"""What `torch.nn` leaves out beside its recurrent layers, which are the twins of `recurrent`."""

import torch
from torch import nn


class Outputs(nn.Sequential):
    """`nn.Sequential` for recurrent layers: the outputs go on, the state beside them does not."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the output for x (T, N, D); the argument is called as in `nn.Sequential`."""
        x = input
        for module in self:
            x = module(x)
            x = x[0] if isinstance(x, tuple) else x
        return x


class LastStep(nn.Module):
    """(T, N, H) → (N, H): what is known at the end of a sequence."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last step of x."""
        return x[-1]
