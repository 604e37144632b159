"""What holds for every explorer that has a slider.

A step of it draws only what moves, and what its legends name differs in more than colour.
"""

import numpy as np
import pytest
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from dlkit.plots import PAPER
from dlkit.widgets.drawn import to_bytes
from tests.colours import contrast
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


@pytest.fixture(scope="module", params=EXPLORERS)
def made(request):
    """An explorer, and the name of its main slider."""
    source, control = EXPLORERS[request.param]
    return shown(source), control


def look(sample):
    """What a reader who sees no colours tells a legend's sample by."""
    if isinstance(sample, Line2D):
        width, size = round(sample.get_linewidth(), 1), round(sample.get_markersize(), 1)
        return sample.get_linestyle(), width, str(sample.get_marker()), size
    return type(sample), getattr(sample, "get_hatch", lambda: None)()


def test_what_a_legend_names_differs_in_more_than_colour(made):
    explorer, _ = made
    for legend in explorer.figure.findobj(Legend):
        looks = [look(sample) for sample in legend.legend_handles]
        assert len({*looks}) == len(looks), [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("dark", [False, True])
def test_lines_that_a_legend_names_stand_out_from_the_page(made, dark):
    """WCAG 2.1 asks for 3 times the luminance where a mark carries meaning."""
    explorer, _ = made
    explorer._retheme(dark)
    for legend in explorer.figure.findobj(Legend):
        for sample, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if isinstance(sample, Line2D):
                assert contrast(sample.get_color(), PAPER[dark]) > 3, text.get_text()
    explorer._retheme(False)


def test_a_step_of_the_main_slider_leaves_the_still_layers_alone(made, monkeypatch):
    explorer, control = made
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
