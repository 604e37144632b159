"""Explorers of chapter 07, each in a module of its own.

KernelLab        paint a kernel, on a photograph or on your drawing
ReceptiveField   what a unit of a stack of convolutions can see, and what counts for it
ShiftTest        a digit is moved: a dense net, a convolutional one and a Neocognitron read it
WhatItSees       draw a digit: a LeNet's feature maps, and the pixels that its answer needs
"""

from dlkit.widgets.ch07_field import ReceptiveField
from dlkit.widgets.ch07_kernel import KernelLab
from dlkit.widgets.ch07_sees import WhatItSees
from dlkit.widgets.ch07_shift import ShiftTest

__all__ = ["KernelLab", "ReceptiveField", "ShiftTest", "WhatItSees"]
