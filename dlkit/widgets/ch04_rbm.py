"""Explorers of chapter 04, each in a module of its own.

EnergyLandscape   all 32 states of a tiny RBM, their probabilities, and a chain that samples them
"""

from dlkit.widgets.ch04_energy import EnergyLandscape

__all__ = ["EnergyLandscape"]
