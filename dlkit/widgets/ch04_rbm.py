"""Explorers of chapter 04, each in a module of its own.

CDTraining        an RBM learns by contrastive divergence: filters, free energy, likelihood
CompleteMyDigit   half a digit is given, and the machine fills in the rest by Gibbs sampling
EnergyLandscape   all 32 states of a tiny RBM, their probabilities, and a chain that samples them
GibbsChain        twenty chains of a machine of digits: from digits, from noise, from a drawing
"""

from dlkit.widgets.ch04_complete import CompleteMyDigit
from dlkit.widgets.ch04_energy import EnergyLandscape
from dlkit.widgets.ch04_gibbs import GibbsChain
from dlkit.widgets.ch04_training import CDTraining

__all__ = ["CDTraining", "CompleteMyDigit", "EnergyLandscape", "GibbsChain"]
