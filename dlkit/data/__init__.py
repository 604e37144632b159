"""Data sets: one function each, all of them return a `Split`.

Handwriting:  digits (8×8), mnist (28×28; 5,000 shipped, `full=True` for all 70,000)
Clothes:      fashion (28×28; 6,000 shipped, `full=True` for all 70,000)
Tables:       iris, breast_cancer, wine
Toy planes:   moons, circles, spirals, xor, blobs (with a guaranteed margin)
Patterns:     bars_and_stripes (all of them, so that probabilities can be added up exactly)
Sequences:    adding, copying, reber, embedded_reber (each a `Sequences`), mackey_glass (an array)
Pen strokes:  pen_digits (the 5,000 digits as the path of a pen, two `Sequences`)
Pictures:     moved (by whole pixels)
Texts:        austen (ships with the course), tiny_shakespeare (each a `Text`)

All arrays are float32 unless `dtype` says otherwise. Files that do not ship with the course are
looked for in the folder `DLKIT_DATA`, then in the cache, then at their official address.
"""

from dlkit.data.clothes import fashion
from dlkit.data.files import DataError
from dlkit.data.handwriting import digits, mnist
from dlkit.data.patterns import bars_and_stripes
from dlkit.data.pictures import moved
from dlkit.data.plane import blobs, circles, moons, spirals, xor
from dlkit.data.sequences import (
    Sequences,
    adding,
    copying,
    embedded_reber,
    mackey_glass,
    reber,
)
from dlkit.data.split import Split, signs
from dlkit.data.strokes import pen_digits
from dlkit.data.tables import breast_cancer, iris, wine
from dlkit.data.text import Text, austen, tiny_shakespeare

__all__ = [
    "DataError",
    "Sequences",
    "Split",
    "Text",
    "adding",
    "austen",
    "bars_and_stripes",
    "blobs",
    "breast_cancer",
    "circles",
    "copying",
    "digits",
    "embedded_reber",
    "fashion",
    "iris",
    "mackey_glass",
    "mnist",
    "moons",
    "moved",
    "pen_digits",
    "reber",
    "signs",
    "spirals",
    "tiny_shakespeare",
    "wine",
    "xor",
]
