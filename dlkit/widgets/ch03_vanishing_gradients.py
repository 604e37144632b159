"""Explorers of chapter 03, each in a module of its own.

GradientProfile   a deep net before training: signals forward, gradients backward, by layer
TrainItAnyway     the same net while it trains on digits: what it learns, and what mends it
"""

from dlkit.widgets.ch03_profile import GradientProfile
from dlkit.widgets.ch03_train import TrainItAnyway

__all__ = ["GradientProfile", "TrainItAnyway"]
