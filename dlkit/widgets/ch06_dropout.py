"""The instruments of chapter 06: the mask, overfitting on purpose, dropout as an ensemble."""

from dlkit.widgets.ch06_mask import TheMask

__all__ = ["TheMask"]
