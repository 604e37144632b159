"""What holds for every explorer that has a slider: a step of it draws only what moves."""

import pytest

from tests.explorers import EXPLORERS


def shown(source):
    """The explorer that a cell with this source would show."""
    *before, last = source.strip().splitlines()
    names = {}
    exec("\n".join(before), names)
    return eval(last, names)


def widgets(root):
    """A widget and all that it holds."""
    yield root
    for child in getattr(root, "children", ()):
        yield from widgets(child)


def move(slider, steps):
    """Move a slider by steps, as the arrow keys do; it stays where it ends."""
    if hasattr(slider, "index"):
        slider.index = min(max(slider.index + steps, 0), len(slider.options) - 1)
    else:
        slider.value = min(max(slider.value + steps * slider.step, slider.min), slider.max)


@pytest.mark.parametrize("name", EXPLORERS)
def test_a_step_of_the_main_slider_leaves_the_still_layers_alone(name, monkeypatch):
    source, control = EXPLORERS[name]
    explorer = shown(source)
    slider = next(w for w in widgets(explorer) if getattr(w, "description", "") == control)
    layers, draws = explorer.frame.layers, []
    explorer.frame._prepare()
    before = layers.pixels().copy()
    draw = layers._draw_still
    monkeypatch.setattr(layers, "_draw_still", lambda: (draws.append(1), draw()))
    changed = False
    for steps in (1, 1, -1, -1, -1, 1):
        move(slider, steps)
        explorer.frame._prepare()
        changed |= bool((layers.pixels() != before).any())
    assert changed
    assert not draws, "drawing the axes costs 20 ms a frame: what moves must be `live`"
