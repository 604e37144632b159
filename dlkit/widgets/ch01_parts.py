"""What the explorers of chapter 01 share."""

import numpy as np
from matplotlib.figure import Figure


def settle(figure: Figure) -> None:
    """Lay the axes out once and for all: doing it again whenever a tick changes takes 50 ms."""
    figure.set_layout_engine("constrained", h_pad=0.1)  # room for half a tick label at the top
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def half_plane(w: np.ndarray, b: float, window: tuple[float, float]) -> list[tuple[float, float]]:
    """The corners of the part of the window where w·x + b > 0; three equal points if none."""
    low, high = window
    square = [(low, low), (high, low), (high, high), (low, high)]
    kept = []
    for (px, py), (qx, qy) in zip(square, [*square[1:], square[0]], strict=True):
        p, q = w[0] * px + w[1] * py + b, w[0] * qx + w[1] * qy + b
        if p > 0:
            kept.append((px, py))
        if (p > 0) != (q > 0):
            t = p / (p - q)
            kept.append((px + t * (qx - px), py + t * (qy - py)))
    return kept or [(low, low)] * 3


def short(value: float) -> str:
    """A number for the eye: a real minus, no -0."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("-", "−")
