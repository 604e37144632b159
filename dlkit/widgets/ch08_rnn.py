"""Explorers of chapter 08, each in a module of its own.

GateMicroscope  a text is typed: an LSTM's gates and cells, one of them held, and what it expects
HopfieldMemory  drawings are stored; a spoiled one falls down the energy
ReadMyPen       a digit is written, and an LSTM reads the strokes as they come
Reservoir       an echo state network's knobs, and what it foretells
Unrolled        a recurrent net step by step: its signal forward, its gradient backward
Writer          a net that has read a novel goes on, and how sure it is of each character
"""

from dlkit.widgets.ch08_gates import GateMicroscope
from dlkit.widgets.ch08_hopfield import HopfieldMemory
from dlkit.widgets.ch08_pen import ReadMyPen
from dlkit.widgets.ch08_reservoir import Reservoir
from dlkit.widgets.ch08_unrolled import Unrolled
from dlkit.widgets.ch08_writer import Writer

__all__ = [
    "GateMicroscope",
    "HopfieldMemory",
    "ReadMyPen",
    "Reservoir",
    "Unrolled",
    "Writer",
]
