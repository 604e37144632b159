"""Exercises, a module per chapter: `from dlkit.exercises import ch01_perceptron as exercises`."""
