"""Explorers of something that learns: run, pause, step, rewind, change a setting, fork, compare.

A subclass says how a training begins, what one step does, and what of it is shown:

    class Descent(TrainingExplorer):
        restarts = ("start",)                      # changing this control begins anew

        def controls(self):
            return {"start": FloatSlider(...), "rate": FloatSlider(...)}

        def begin(self, start, **_):
            return {"x": np.array([start])}        # anything that copy.deepcopy can copy

        def step(self, state, rate, **_):          # changes the state, returns what to plot
            state["x"] -= rate * 2 * state["x"]
            return {"loss": float(state["x"] ** 2)}

        def look(self, state, **_):                # what `draw` and `describe` get
            return state["x"]

    >>> descent = Descent()
    >>> descent.advance(50)                        # without a browser: the same code, no event loop
    >>> descent.rewind(10); descent.set(rate=0.2); descent.advance(40)
    >>> descent.curves("loss")                     # both branches: {"A": array, "B": array}

Every step is recorded. Going on from a rewound moment starts a new branch, so nothing is lost.
"""

import copy
import math
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import ipywidgets
import numpy as np

from dlkit.check import check_number
from dlkit.widgets.frame import alone
from dlkit.widgets.running import RunningExplorer

SLICE = 0.03  # seconds of work between two looks at the page: Pause answers at once
PACES = {"fast": 0.0, "10 steps a second": 0.1, "2 steps a second": 0.5}  # seconds between steps


class Finished(ValueError):
    """Raised by `step` when there is nothing left to do; its sentence is shown."""


class Recording:
    """One branch of a training: a moment for every step, or for every few of a long one.

    Metrics are kept for every step. Snapshots are kept for at most `limit` moments: when there
    are more, every second one goes and from then on half as many are taken. `stride` tells.
    """

    def __init__(self, name: str, limit: int = 256):
        check_number("limit", limit, low=2, whole=True)
        self.name, self.limit, self.stride = name, int(limit), 1
        self.metrics: dict[str, list[float]] = {}
        self.snapshots: dict[int, Any] = {}
        self.length = 0  # steps recorded

    def add(self, state: Any, metrics: Mapping[str, float] | None = None) -> None:
        """Record the state after one more step, or the start if there are no metrics."""
        if metrics is not None:
            self.length += 1
            for name, value in metrics.items():
                curve = self.metrics.setdefault(name, [])
                curve.extend([np.nan] * (self.length - 1 - len(curve)))
                curve.append(float(value))
        if self.length % self.stride == 0:
            self.snapshots[self.length] = copy.deepcopy(state)
        if len(self.snapshots) > self.limit:
            self.stride *= 2
            self.snapshots = {t: s for t, s in self.snapshots.items() if t % self.stride == 0}

    def keep(self, state: Any) -> None:
        """Keep the state at the end, whether its turn is or not: someone may come back to it."""
        self.snapshots[self.length] = copy.deepcopy(state)

    def moment(self, step: int) -> tuple[int, Any]:
        """The last moment kept that is not after `step`, and a copy of its state."""
        nearest = max(t for t in self.snapshots if t <= max(step, 0))
        return nearest, copy.deepcopy(self.snapshots[nearest])

    def fork(self, name: str, step: int) -> "Recording":
        """A new branch that shares everything up to `step` with this one."""
        branch = Recording(name, self.limit)
        branch.stride, branch.length = self.stride, step
        branch.metrics = {metric: curve[:step] for metric, curve in self.metrics.items()}
        branch.snapshots = {t: s for t, s in self.snapshots.items() if t <= step}
        return branch


class TrainingExplorer(RunningExplorer):
    """Base of explorers that train: override `begin`, `step` and `look`, beside the explorer's.

    Controls and state named in `restarts` begin anew when they change; all others act from the
    next step on.
    """

    restarts: ClassVar[tuple[str, ...]] = ()
    most_branches: ClassVar[int] = 4
    most_moments: ClassVar[int] = 256  # of a branch: how often a state is kept to come back to
    most_steps: ClassVar[int] = 100_000
    pace: ClassVar[str] = "fast"
    without_loop: ClassVar[str] = "use advance(steps)"

    # What an explorer says about its training --------------------------------------------------

    def begin(self, **values) -> Any:
        """Return the state before the first step."""
        raise NotImplementedError

    def step(self, state: Any, **values) -> Mapping[str, float]:
        """Take one step: change `state` in place, return numbers to record, such as the loss.

        `Finished`, before anything is changed, says that there is nothing more to do; a ValueError
        that it cannot go on.
        """
        raise NotImplementedError

    def look(self, state: Any, **values) -> Any:
        """Return what is shown of the state: the data for `draw` and `describe`."""
        return state

    # What it does ------------------------------------------------------------------------------

    def __init__(self, **start):
        self.branches: list[Recording] = []
        self.branch = Recording("")  # the one that is trained now
        self.time = 0  # the step of this branch that is shown
        self._now: Any = None  # the state at that step
        self._begun = False
        self._note = ""  # a sentence to show with the picture
        self._names = 0
        self._when = ipywidgets.IntSlider(value=0, min=0, max=0, description="step")
        self._pace = ipywidgets.Dropdown(options=list(PACES), value=self.pace, description="pace")
        super().__init__(**start)
        self._when.observe(self._rewound, "value")

    def curves(self, metric: str) -> dict[str, np.ndarray]:
        """One metric of every branch, by the branch's name: entry t is of step t + 1."""
        return {b.name: np.array(b.metrics.get(metric, ())) for b in self.branches}

    def advance(self, steps: int = 1) -> None:
        """Take steps at once, without an event loop, and show the last."""
        check_number("steps", steps, low=0, whole=True)
        self._note = ""
        try:
            for _ in range(int(steps)):
                with alone:
                    self._one_step()
        except ValueError as error:
            self._note = str(error)
        self.refresh()

    def rewind(self, step: int) -> None:
        """Go back (or forward again) in this branch, to the last kept moment not after `step`."""
        check_number("step", step, low=0, high=self.branch.length, whole=True)
        with alone:
            self.pause()
            self._note = ""
            if self.time == self.branch.length:
                self.branch.keep(self._now)
            self.time, self._now = self.branch.moment(int(step))
            self.refresh()

    def fork(self) -> None:
        """Begin a new branch at this moment; the old one stays to compare with."""
        with alone:
            self._note = ""
            self._begin_branch(self.branch.fork(self._next_name(), self.time))
            self.refresh()

    def restart(self) -> None:
        """Begin anew with the present settings; all branches go."""
        with alone:
            self.pause()
            self._begun, self._note = False, ""
            self.refresh()

    # How it is done ----------------------------------------------------------------------------

    def compute(self, **values) -> Any:
        """What is shown of the present moment."""
        self._begin_if_new(values)
        return self.look(self._now, **values)

    def set(self, **values) -> None:
        """Set controls and state, then show; a change of what is in `restarts` begins anew."""
        with alone:
            if not any(name in self.restarts for name in values):
                super().set(**values)
                return
            self.pause()
            begun, self._begun, self._note = self._begun, False, ""
            try:
                super().set(**values)
            except ValueError:
                self._begun = begun
                raise

    def reset(self) -> None:
        """Return controls and state to the start and begin anew."""
        with alone:
            self.pause()
            self._begun, self._note = False, ""
            super().reset()

    def refresh(self) -> None:
        """Compute from the present moment and settings, and show the result."""
        with alone:
            super().refresh()
            self.message = self.message or self._note
            self._holding, holding = True, self._holding
            self._when.max = max(self.branch.length, self._when.value)  # the value stays in between
            self._when.value = self.time
            self._when.max = self.branch.length
            self._holding = holding

    def actions(self) -> dict[str, Any]:
        """Run or pause, one step, a new branch."""
        return {"Run": self._run_or_pause, "Step": self._step_once, "Fork": self.fork}

    def extras(self) -> list[ipywidgets.Widget]:
        """The rewind slider and the pace, side by side where there is room."""
        row = ipywidgets.Layout(flex_flow="row wrap")
        return [ipywidgets.HBox([self._when, self._pace], layout=row)]

    def _begin_if_new(self, values: dict[str, Any]) -> None:
        if self._begun:
            return
        state = self.begin(**values)  # first: a ValueError leaves everything as it is
        self._now, self.time, self._names, self.branches = state, 0, 0, []
        self._begin_branch(Recording(self._next_name(), self.most_moments))
        self.branch.add(state)
        self._begun = True

    def _next_name(self) -> str:
        self._names += 1
        return _letters(self._names)

    def _begin_branch(self, branch: Recording) -> None:
        self.branches, self.branch = [*self.branches, branch], branch
        if len(self.branches) > self.most_branches:
            dropped = self.branches.pop(0)
            self._note = f"Branch {dropped.name}, the oldest, made room for {branch.name}."

    def _one_step(self) -> None:
        self._begin_if_new(self.values)
        if self.time >= self.most_steps:
            raise Finished(f"Stopped after {self.most_steps:,} steps: rewind or reset.")
        try:
            metrics = self.step(self._now, **self.values)
        except Finished:
            raise
        except Exception:  # half a step is no moment: back to the last good one
            self.time, self._now = self.branch.moment(self.time)
            raise
        if self.time < self.branch.length:  # rewound: what came after is kept in its own branch
            self._begin_branch(self.branch.fork(self._next_name(), self.time))
        self.time += 1
        self.branch.add(self._now, metrics)

    def before_run(self) -> None:
        """Forget the sentence of the last run."""
        self._note = ""

    def beat(self) -> float:
        """Train for a slice, or one step where a slower pace is chosen."""
        began, wait = time.perf_counter(), PACES[str(self._pace.value)]
        try:
            self._one_step()
            while not wait and time.perf_counter() - began < SLICE:
                self._one_step()
        except Exception:
            with self.guarded():
                raise
            self._note = self.message
            self.pause()
        self.refresh()
        return wait

    def _step_once(self) -> None:
        self.pause()
        self.advance()

    def _control_changed(self, change) -> None:
        with alone:
            if self._holding:
                return
            restarts = any(self.inputs.get(name) is change["owner"] for name in self.restarts)
            if restarts and not _rounded(change):
                self.restart()
            else:
                self.refresh()

    def _rewound(self, change) -> None:
        with alone, self.guarded():
            if not self._holding:
                step = change["new"]
                if step > self.time:  # an arrow key goes on to the next moment kept
                    step = min((t for t in self.branch.snapshots if t >= step), default=step)
                self.rewind(step)


def _rounded(change) -> bool:
    """Whether the page has only sent a number back as its slider can show it: nobody moved it."""
    slider, old, new = change["owner"], change["old"], change["new"]
    if isinstance(slider, ipywidgets.FloatLogSlider):
        old, new = (math.log(value, slider.base) for value in (old, new))
    elif not isinstance(slider, ipywidgets.FloatSlider):
        return False
    return abs(new - old) <= 0.5 * (slider.step or 0)


def _letters(number: int) -> str:
    """1 is A, 26 is Z, 27 is AA: names of branches."""
    name = ""
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
