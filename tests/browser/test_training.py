"""A training in a real browser: it runs beside cells, pauses, rewinds, forks, and nobody waits."""

import time

from lab import expect, notebook

DESCENT = """
import numpy as np
from ipywidgets import FloatSlider
from dlkit.widgets import TrainingExplorer

class Descent(TrainingExplorer):
    title = "Down a parabola"
    size = (5, 3)
    restarts = ("start",)
    most_steps = 10**9  # a fast machine takes more than the usual 100,000 while the test looks on

    def controls(self):
        return {
            "start": FloatSlider(value=1, min=-1, max=1, step=0.1, description="start"),
            "rate": FloatSlider(value=1e-4, min=0, max=1e-3, step=1e-4, description="rate"),
        }

    def begin(self, start, **_):
        return {"x": start}

    def step(self, state, rate, **_):
        state["x"] -= rate * 2 * state["x"]
        return {"loss": state["x"] ** 2}

    def look(self, state, **_):
        return state["x"]

    def build(self, figure):
        axes = figure.subplots()
        x = np.linspace(-1, 1)
        axes.plot(x, x**2)
        (self.ball,) = axes.plot([], [], "o", markersize=12)
        self.live(self.ball)

    def draw(self, x):
        self.ball.set_data([x], [x**2])

    def describe(self, x):
        return f"The ball lies at {x:.4f}."

descent = Descent()
descent
"""


def times(lab, seconds=0.5):
    """The training's step now, and some time later."""
    before = lab.python("descent.time")
    lab.page.wait_for_timeout(seconds * 1000)
    return before, lab.python("descent.time")


def test_run_and_pause_while_the_kernel_stays_free(lab):
    lab.open(notebook(descent=DESCENT))
    lab.run_all()
    descent = lab.explorer("descent")
    descent.expect_named_controls()
    before = descent.wait_for_picture()
    descent.button("Run").click()
    descent.wait_for_change(before, settle=False)
    began = time.monotonic()
    first, later = times(lab)
    assert first < later
    assert time.monotonic() - began < 3  # the kernel answers two questions meanwhile
    assert lab.python("descent.frame.sent - descent.frame.painted") <= 2

    descent.slider("rate").press("End")  # a setting changes while it runs
    assert times(lab)[1] > later
    assert lab.python("descent.values['rate']") == 1e-3
    assert lab.python("len(descent.branches)") == 1

    descent.button("Pause").click()
    expect(descent.button("Run")).to_be_visible()
    lab.wait_idle()
    first, later = times(lab)
    assert first == later
    assert lab.python("len(descent.curves('loss')['A'])") == later  # every step is recorded

    descent.button("Step").click()
    lab.wait_idle()
    assert lab.python("descent.time") == later + 1
    descent.slider("step").press("Home")
    lab.wait_idle()
    assert lab.python("[descent.time, descent.data]") == [0, 1]
    expect(descent.description).to_have_text("The ball lies at 1.0000.")
    descent.button("Fork").click()
    descent.button("Step").click()
    lab.wait_idle()
    assert lab.python("[b.length for b in descent.branches]") == [later + 1, 1]
    descent.slider("start").press("ArrowLeft")  # begins anew
    lab.wait_idle()
    assert lab.python("[descent.time, len(descent.branches)]") == [0, 1]


def test_a_cell_starts_what_a_button_stops_and_the_other_way_round(lab):
    lab.open(notebook(descent=DESCENT, run="descent.run()", rest="import time; time.sleep(3)"))
    lab.run_all()
    descent = lab.explorer("descent")
    expect(descent.button("Pause")).to_be_visible()
    first, later = times(lab)
    assert first < later
    descent.button("Pause").click()
    expect(descent.button("Run")).to_be_visible()
    lab.wait_idle()
    first, later = times(lab)
    assert first == later

    descent.button("Run").click()
    first, later = times(lab)
    assert first < later
    lab.python("descent.pause()")
    first, later = times(lab)
    assert first == later
    expect(descent.button("Run")).to_be_visible()
