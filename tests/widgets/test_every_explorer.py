"""What holds for every explorer that has a slider: a step of it draws only what moves."""

import numpy as np
import pytest

from dlkit.widgets.drawn import to_bytes
from tests.explorers import CHAPTER_08, CHAPTER_09, EXPLORERS


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


# Explorers with controls that rest: a cell's source, settings, and what rests with them.
GATES = CHAPTER_08 + "GateMicroscope()"
TWO_POINTS = {"dataset": "only my points", "points": ((1.0, 1.0, 0), (-1.0, -1.0, 1))}
IDLE = [
    (EXPLORERS["02 playground, rewinding"][0], {"depth": 0}, {"width", "activation"}),
    (EXPLORERS["02 playground, rewinding"][0], TWO_POINTS, {"noise"}),
    (EXPLORERS["04 CD training, rewinding"][0], {}, {"sparsity"}),
    (
        EXPLORERS["04 CD training, rewinding"][0],
        {"dataset": "bars and stripes"},
        {"examples", "sparsity"},
    ),
    (GATES, {}, {"word", "level", "alone"}),
    (GATES, {"net": "Reber words", "ablate": "forget gate f"}, {"text"}),
    (CHAPTER_08 + "HopfieldMemory()", {"damage": "lower half erased"}, {"share"}),
    (
        CHAPTER_08 + "HopfieldMemory()",
        {"start": "my drawing", "drawing": to_bytes(np.eye(28))},
        {"cue", "damage", "share"},
    ),
    (CHAPTER_08 + "Unrolled()", {}, {"forget", "longest"}),
    (CHAPTER_08 + "Unrolled()", {"cell": "LSTM", "clipping": True}, set()),
    (CHAPTER_09 + "PaintTheWorld()", {"method": "value iteration"}, {"learning_rate", "unit"}),
]


def others(control):
    """Values of a control besides its present one: the ends of a slider, all of a choice."""
    if isinstance(control.value, str) and not hasattr(control, "options"):
        return ["BTXSE", ""]
    if isinstance(control.value, bool):
        return [not control.value]
    if hasattr(control, "options"):
        values = [o[1] if isinstance(o, tuple) else o for o in control.options]
    else:
        base = getattr(control, "base", None)
        values = [end if base is None else base**end for end in (control.min, control.max)]
    return [value for value in values if value != control.value]


@pytest.mark.parametrize(("source", "settings", "idle"), IDLE)
def test_a_control_that_is_grey_changes_nothing(source, settings, idle):
    explorer = shown(source)

    def seen(**values):
        explorer.reset()
        explorer.set(**settings | values)
        if hasattr(explorer, "advance"):
            explorer.advance(3)
        explorer.frame._prepare()
        return explorer.description, explorer.frame.layers.pixels().tobytes()

    usual = seen()
    assert {name for name, control in explorer.inputs.items() if control.disabled} == idle
    for name in idle:
        for value in others(explorer.inputs[name]):
            assert seen(**{name: value}) == usual, (name, value)
