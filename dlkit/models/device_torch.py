"""Where a torch twin runs when nobody says."""

from typing import Any

import torch


def default_device(dtype: Any = torch.float32) -> str:
    """CUDA, then MPS, then the CPU. MPS has no float64, so float64 goes to the CPU there.

    `dtype` is torch's or NumPy's.
    """
    if torch.cuda.is_available():
        return "cuda"
    has_mps = torch.backends.mps.is_available() and "float64" not in str(dtype)
    return "mps" if has_mps else "cpu"
