"""Explorers of chapter 05, each in a module of its own.

Generate                   hold a label on top of a deep belief net and watch what it dreams
LabelsAgainstPretraining   test error by number of labels, pretrained or not; stored and live runs
StackIt                    train layer by layer; features, reconstructions and dreams of each depth
"""

from dlkit.widgets.ch05_generate import Generate
from dlkit.widgets.ch05_labels import LabelsAgainstPretraining
from dlkit.widgets.ch05_stack import StackIt

__all__ = ["Generate", "LabelsAgainstPretraining", "StackIt"]
