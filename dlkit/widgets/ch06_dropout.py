"""Explorers of chapter 06, each in a module of its own.

DropoutEnsemble   many thinned nets are asked about a digit, beside one whole net
TheMask           a small net whose hidden units are dropped, and all 65,536 nets this makes
"""

from dlkit.widgets.ch06_ensemble import DropoutEnsemble
from dlkit.widgets.ch06_mask import TheMask

__all__ = ["DropoutEnsemble", "TheMask"]
