"""Explorers of chapter 01, each in a module of its own.

ThresholdNeuron   two weights and a bias: which of the 16 functions of two bits can be found?
RosenblattRule    points that are placed and dragged; the rule learns them step by step
YourDigit         two digits, drawn or from MNIST, and the weights that tell them apart
"""

from dlkit.widgets.ch01_digit import YourDigit
from dlkit.widgets.ch01_neuron import ThresholdNeuron
from dlkit.widgets.ch01_rule import RosenblattRule

__all__ = ["RosenblattRule", "ThresholdNeuron", "YourDigit"]
