"""The instruments of the course: explorers, training recordings and a drawing pad.

    frame         a Matplotlib figure's pixels on a canvas in the browser
    layers        the cached still layer and the live layer of a figure
    explorer      controls, a computation and its picture; what all explorers share
    training      explorers of something that learns: run, step, rewind, fork
    drawing_pad   a pad for digits, drawn by mouse, finger or keyboard

Each chapter's explorers are in a module of their own (`ch01_perceptron`, ...).
Nothing is imported before it is used, so that `import dlkit.widgets` costs nothing.
"""

from importlib import import_module

_HOMES = {
    "Explorer": "explorer",
    "Frame": "frame",
    "Recording": "training",
    "TrainingExplorer": "training",
    "DrawingPad": "drawing_pad",
}
__all__ = ["DrawingPad", "Explorer", "Frame", "Recording", "TrainingExplorer"]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
