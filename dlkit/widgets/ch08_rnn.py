"""Explorers of chapter 08, each in a module of its own.

HopfieldMemory  drawings are stored; a spoiled one falls down the energy
ReadMyPen       a digit is written, and an LSTM reads the strokes as they come
Reservoir       an echo state network's knobs, and what it foretells
Unrolled        a recurrent net step by step: its signal forward, its gradient backward
"""

from dlkit.widgets.ch08_hopfield import HopfieldMemory
from dlkit.widgets.ch08_pen import ReadMyPen
from dlkit.widgets.ch08_reservoir import Reservoir
from dlkit.widgets.ch08_unrolled import Unrolled

__all__ = ["HopfieldMemory", "ReadMyPen", "Reservoir", "Unrolled"]
