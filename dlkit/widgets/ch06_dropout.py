"""Explorers of chapter 06, each in a module of its own.

DropoutEnsemble   many thinned nets are asked about a digit, beside one whole net
OverfitOnPurpose  a net learns few digits by heart; weight decay, L1, dropout, early stopping
TheMask           a small net whose hidden units are dropped, and all 65,536 nets this makes
"""

from dlkit.widgets.ch06_ensemble import DropoutEnsemble
from dlkit.widgets.ch06_mask import TheMask
from dlkit.widgets.ch06_overfit import OverfitOnPurpose

__all__ = ["DropoutEnsemble", "OverfitOnPurpose", "TheMask"]
