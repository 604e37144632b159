"""Explorers of chapter 02, each in a module of its own.

ComputationalGraph   any small expression as a graph: values forward, gradients backward
GradientMicroscope   the step h of a gradient check, from 1e-1 to 1e-12
"""

from dlkit.widgets.ch02_graph import ComputationalGraph
from dlkit.widgets.ch02_microscope import GradientMicroscope

__all__ = ["ComputationalGraph", "GradientMicroscope"]
