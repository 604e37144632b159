"""Explorers of chapter 07, each in a module of its own.

ReceptiveField   what a unit of a stack of convolutions can see, and what counts for it
"""

from dlkit.widgets.ch07_field import ReceptiveField

__all__ = ["ReceptiveField"]
