"""How light colours are, and how much one stands out from another."""

import numpy as np
from matplotlib.colors import to_rgb


def linear(colour):
    """The light of red, green and blue, 0 … 1: a colour by any name, or an array (…, 3 or 4)."""
    rgb = colour[..., :3] if isinstance(colour, np.ndarray) else np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    """Relative luminance, WCAG 2."""
    return linear(colour) @ (0.2126, 0.7152, 0.0722)


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
