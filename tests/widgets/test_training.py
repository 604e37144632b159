"""Training as a recording: nothing is lost, everything can be gone back to."""

import asyncio

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.widgets.training import Finished, Recording, TrainingExplorer, _letters


class Descent(TrainingExplorer):
    title = "Down a parabola"
    size = (3, 2)
    restarts = ("start",)

    def controls(self):
        return {
            "start": ipywidgets.FloatSlider(value=1.0, min=-2, max=2, description="start"),
            "rate": ipywidgets.FloatSlider(value=0.1, min=0, max=1, step=0.05, description="rate"),
        }

    def begin(self, start, **_):
        if start == -2:
            raise ValueError("start must not be the cliff")
        return {"x": np.array([start])}

    def step(self, state, rate, **_):
        if abs(state["x"][0]) < 1e-6:
            raise Finished("the bottom is reached")
        state["x"] -= 2 * rate * state["x"]
        if rate == 1.0:
            raise ValueError("rate 1 flips for ever")
        if rate == 0.95:
            raise ZeroDivisionError("a bug")
        return {"loss": float(state["x"][0] ** 2)}

    def look(self, state, **_):
        return float(state["x"][0])

    def build(self, figure):
        (self.dot,) = figure.subplots().plot([0], [0], "o")
        self.live(self.dot)

    def draw(self, data):
        self.dot.set_data([data], [data**2])

    def describe(self, data):
        return f"x = {data:.3f} after {self.time} steps"


@pytest.fixture
def descent():
    return Descent()


def test_advance_is_the_steps_themselves(descent):
    descent.advance(5)
    assert descent.data == pytest.approx(0.8**5)
    np.testing.assert_allclose(descent.curves("loss")["A"], 0.64 ** np.arange(1, 6))
    assert descent.description == "x = 0.328 after 5 steps"


def test_rewind_shows_the_moment_again(descent):
    descent.advance(10)
    descent.rewind(3)
    assert descent.time == 3
    assert descent.data == pytest.approx(0.8**3)
    descent.rewind(10)
    assert descent.data == pytest.approx(0.8**10)


def test_going_on_from_the_past_keeps_the_future_in_its_own_branch(descent):
    descent.advance(10)
    descent.rewind(4)
    descent.set(rate=0.25)
    descent.advance(2)
    curves = descent.curves("loss")
    assert list(curves) == ["A", "B"]
    assert len(curves["A"]) == 10
    np.testing.assert_array_equal(curves["A"][:4], curves["B"][:4])
    assert descent.data == pytest.approx(0.8**4 * 0.5**2)
    assert descent.branch.name == "B"


def test_fork_at_the_end_and_change_a_setting(descent):
    descent.advance(3)
    descent.fork()
    descent.set(rate=0.5)
    descent.advance(1)
    assert [len(curve) for curve in descent.curves("loss").values()] == [3, 4]
    assert descent.data == pytest.approx(0)


def test_the_same_start_gives_the_same_run(descent):
    descent.advance(7)
    first = descent.curves("loss")["A"]
    descent.reset()
    assert descent.time == 0
    descent.advance(7)
    np.testing.assert_array_equal(descent.curves("loss")["A"], first)


def test_a_setting_acts_at_once_and_a_restarting_one_begins_anew(descent):
    descent.advance(4)
    descent.inputs["rate"].value = 0.2
    assert descent.time == 4
    descent.inputs["start"].value = 2.0
    assert descent.time == 0
    assert descent.data == 2.0
    descent.advance(1)
    descent.set(start=1.5)
    assert (descent.time, descent.data) == (0, 1.5)


def test_too_many_branches_make_room_and_say_so(descent):
    descent.advance(2)
    for _ in range(4):
        descent.fork()
    assert list(descent.curves("loss")) == ["B", "C", "D", "E"]
    assert descent.message == "Branch A, the oldest, made room for E."


def test_a_step_that_fails_gives_a_sentence_and_keeps_the_last_good_moment(descent):
    descent.advance(3)
    descent.set(rate=1.0)
    descent.advance(1)
    assert descent.message == "rate 1 flips for ever"
    assert descent.time == 3
    assert descent.data == pytest.approx(0.8**3)
    descent.set(rate=0.1)
    descent.advance(1)
    assert descent.message == ""
    assert descent.data == pytest.approx(0.8**4)


def test_a_bug_in_a_step_is_raised_to_who_drives_it_and_shown_to_who_clicks(descent):
    descent.set(rate=0.95)
    with pytest.raises(ZeroDivisionError):
        descent.advance(1)
    descent._buttons["Step"].click()
    assert "ZeroDivisionError" in descent.message


def test_finished_is_said(descent):
    descent.set(rate=0.5)
    descent.advance(10)
    assert descent.message == "the bottom is reached"
    assert (descent.time, descent.data) == (1, 0.0)  # the first step reached it


def test_a_bad_start_keeps_what_was_there(descent):
    descent.advance(3)
    descent.set(start=-2.0)
    assert descent.message == "start must not be the cliff"
    descent.advance(1)
    assert descent.message == "start must not be the cliff"
    descent.set(start=1.0)
    assert (descent.time, descent.data, descent.message) == (0, 1.0, "")


@pytest.mark.parametrize("bad", [-1, 99, 1.5, "now"])
def test_moments_that_are_none_are_refused(descent, bad):
    descent.advance(3)
    with pytest.raises(ValueError, match="step must be"):
        descent.rewind(bad)
    assert descent.time == 3


def test_an_unknown_control_is_refused_and_nothing_lost(descent):
    descent.advance(3)
    with pytest.raises(ValueError, match="has no control 'speed'"):
        descent.set(start=1.0, speed=3)
    assert descent.time == 3


def test_run_and_pause_on_an_event_loop(descent):
    async def play():
        descent.set(rate=0.0)
        descent.run()
        assert descent.running
        assert descent._buttons["Run"].description == "Pause"
        await asyncio.sleep(0.2)
        descent.pause()
        stopped = descent.time
        assert stopped > 5
        assert descent._buttons["Run"].description == "Run"
        await asyncio.sleep(0.1)
        assert descent.time == stopped
        descent._pace.value = "10 steps a second"
        descent.run()
        await asyncio.sleep(0.35)
        descent.pause()
        return descent.time - stopped

    assert 2 <= asyncio.run(play()) <= 5


def test_the_loop_stays_free_while_it_runs(descent):
    async def play():
        descent.set(rate=0.0)
        descent.run()
        late = []
        for _ in range(10):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.01)
            late.append(asyncio.get_running_loop().time() - began)
        descent.pause()
        return np.median(late)

    assert asyncio.run(play()) < 0.3


def test_a_run_that_ends_by_itself_says_why(descent):
    async def play(rate):
        descent.set(rate=rate)
        descent.run()
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not descent.running:
                return

    asyncio.run(play(0.5))
    assert descent.message == "the bottom is reached"
    descent.reset()
    asyncio.run(play(0.95))
    assert "ZeroDivisionError" in descent.message


def test_run_without_a_loop_says_what_to_do(descent):
    with pytest.raises(ValueError, match="use advance"):
        descent.run()


def test_the_end_of_a_thinned_recording_can_be_come_back_to(descent):
    descent.set(rate=0.001)  # 601 is no multiple of the stride
    descent.advance(601)
    end = descent.data
    assert descent.branch.stride == 4
    descent.rewind(7)
    assert descent.time == 4
    descent.rewind(601)
    assert (descent.time, descent.data) == (601, end)


def test_an_arrow_key_goes_to_the_next_moment_kept(descent):
    descent.set(rate=0.001)
    descent.advance(600)
    descent.rewind(0)
    slider = next(w for w in descent.extras()[0].children if w.description == "step")
    for time in (4, 8, 12):
        slider.value += 1
        assert descent.time == slider.value == time
    slider.value -= 1
    assert descent.time == slider.value == 8


def test_the_slider_rewinds(descent):
    descent.advance(10)
    assert (descent._when.max, descent._when.value) == (10, 10)
    descent._when.value = 4
    assert descent.data == pytest.approx(0.8**4)
    assert descent._when.max == 10


@given(st.integers(2, 20), st.integers(0, 300))
def test_a_long_recording_is_thinned_but_its_metrics_are_whole(limit, steps):
    recording = Recording("A", limit)
    recording.add(np.array(0))
    for t in range(1, steps + 1):
        recording.add(np.array(t), {"t": t})
    assert len(recording.snapshots) <= limit
    assert recording.metrics.get("t", []) == list(range(1, steps + 1))
    assert 0 in recording.snapshots
    for step in range(0, steps + 1, max(1, steps // 7)):
        moment, state = recording.moment(step)
        assert moment == state <= step
        assert step - moment < recording.stride


def test_a_moment_is_a_copy():
    recording = Recording("A")
    recording.add({"x": np.zeros(2)})
    _, state = recording.moment(0)
    state["x"] += 1
    assert not recording.moment(0)[1]["x"].any()


def test_a_metric_that_comes_later_is_filled_with_nan():
    recording = Recording("A")
    recording.add({})
    recording.add({}, {"loss": 1})
    recording.add({}, {"loss": 2, "error": 3})
    assert np.isnan(recording.metrics["error"][0])
    assert recording.metrics["error"][1] == 3


def test_names_of_branches_go_on_after_z():
    assert [_letters(n) for n in (1, 26, 27, 53)] == ["A", "Z", "AA", "BA"]
