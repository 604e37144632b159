"""Explorers that one draws for: a drawing pad above the controls, and the digits of MNIST on it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from dlkit import data
from dlkit.widgets.drawing_pad import BLANK, DrawingPad, from_bytes, to_bytes
from dlkit.widgets.explorer import Explorer


@lru_cache(maxsize=1)
def mnist() -> data.Split:
    """The small MNIST, read once."""
    return data.mnist()


@dataclass(frozen=True, eq=False)
class Answer:
    """What a net answers to a drawing. pixels: (28, 28); probabilities: (classes,)."""

    pixels: np.ndarray
    probabilities: np.ndarray

    @property
    def empty(self) -> bool:
        """Whether there is no ink."""
        return not self.pixels.any()

    @property
    def likeliest(self) -> int:
        """The class with the largest probability."""
        return int(self.probabilities.argmax())


class DrawnExplorer(Explorer):
    """Base of explorers with a pad: `drawing`, its 784 bytes, is an argument of `compute`.

    `pad_options` are the pad's. Among the actions there may be `"Show a test digit":
    self.show_digit`, and among the controls an `example` that says of which class. With another
    base, as in `class Chain(DrawnExplorer, TrainingExplorer)`, it comes first.
    """

    pad_options: ClassVar[dict[str, Any]] = {"label": "Draw a digit"}

    def __init__(self, **start):
        self.pad = DrawingPad(**self.pad_options)
        self._digits = np.random.default_rng(0)
        super().__init__(**start)
        self.pad.on_draw(self.drawn)
        controls = self.children[-1].children[0]
        controls.children = (self.pad, *controls.children)

    def state(self) -> dict[str, Any]:
        """Nothing is drawn at the start."""
        return {"drawing": BLANK}

    def drawn(self, pad: DrawingPad) -> None:
        """Called after every stroke."""
        self.set(drawing=to_bytes(pad.pixels))

    def show_digit(self) -> None:
        """Put one of MNIST's test digits on the pad, at random: any, or of the class chosen."""
        split, wanted = mnist(), self.values.get("example")
        pictures = split.x_test
        if wanted in split.classes:
            pictures = pictures[split.y_test == split.classes.index(wanted)]
        self.pad.load(pictures[self._digits.integers(len(pictures))])

    def set(self, **values) -> None:
        """As in every explorer; a drawing that is none is refused before anything changes."""
        from_bytes(values.get("drawing", BLANK))
        super().set(**values)

    def reset(self) -> None:
        """Clear the pad, and begin as at first."""
        self.pad.clear()
        self._digits = np.random.default_rng(0)
        super().reset()
