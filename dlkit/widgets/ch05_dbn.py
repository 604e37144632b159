"""Explorers of chapter 05, each in a module of its own.

LabelsAgainstPretraining   test error by number of labels, pretrained or not; stored and live runs
"""

from dlkit.widgets.ch05_labels import LabelsAgainstPretraining

__all__ = ["LabelsAgainstPretraining"]
