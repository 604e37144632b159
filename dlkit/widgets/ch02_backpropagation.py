"""Explorers of chapter 02, each in a module of its own.

ComputationalGraph   any small expression as a graph: values forward, gradients backward
Playground           a net learns to tell points apart, live; every unit shows what it sees
GradientMicroscope   the step h of a gradient check, from 1e-1 to 1e-12
LossLandscape        SGD, momentum, RMSprop and Adam race from a start of your choice
"""

from dlkit.widgets.ch02_digit import DrawADigit
from dlkit.widgets.ch02_graph import ComputationalGraph
from dlkit.widgets.ch02_landscape import LossLandscape
from dlkit.widgets.ch02_microscope import GradientMicroscope
from dlkit.widgets.ch02_playground import Playground

__all__ = ["ComputationalGraph", "DrawADigit", "GradientMicroscope", "LossLandscape", "Playground"]
