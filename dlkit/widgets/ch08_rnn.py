"""Explorers of chapter 08, each in a module of its own.

Unrolled   a recurrent net step by step: its signal forward, its gradient backward
"""

from dlkit.widgets.ch08_unrolled import Unrolled

__all__ = ["Unrolled"]
