"""Explorers of chapter 09, each in a module of its own.

PaintTheWorld       a grid world to paint; Q-learning, SARSA and value iteration on a table
DQNAtWork           a deep Q-network learns CartPole or Bricks: pause, rewind, change, fork
YouAgainstTheAgent  play Bricks or CartPole with the keys while an agent plays the same start
"""

from dlkit.widgets.ch09_grid import PaintTheWorld
from dlkit.widgets.ch09_play import YouAgainstTheAgent
from dlkit.widgets.ch09_work import DQNAtWork

__all__ = ["DQNAtWork", "PaintTheWorld", "YouAgainstTheAgent"]
