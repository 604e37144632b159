"""Explorers of chapter 04, each in a module of its own.

CDTraining        an RBM learns by contrastive divergence: filters, free energy, likelihood
EnergyLandscape   all 32 states of a tiny RBM, their probabilities, and a chain that samples them
"""

from dlkit.widgets.ch04_energy import EnergyLandscape
from dlkit.widgets.ch04_training import CDTraining

__all__ = ["CDTraining", "EnergyLandscape"]
