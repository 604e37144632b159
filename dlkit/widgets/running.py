"""Explorers that go on by themselves: a Run button, and work in small pieces on the event loop.

A subclass has `"Run": self._run_or_pause` among its actions and says what one piece of work is:

    class Chain(RunningExplorer):
        def actions(self):
            return {"Run": self._run_or_pause}

        def beat(self):
            self.set(step=self.values["step"] + 1)
            return 0.03                            # seconds until the next one, at least

The next piece waits until the page has painted this one, so nothing queues up, and Pause answers.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

import ipywidgets

from dlkit.widgets.explorer import Explorer
from dlkit.widgets.frame import alone


class RunningExplorer(Explorer):
    """Base of explorers that run: override `beat`, and `before_run` where a run has to begin."""

    run_label: ClassVar[str] = "Run"
    pause_label: ClassVar[str] = "Pause"
    without_loop: ClassVar[str] = "set the step"
    """What to do instead of `run` where no event loop runs, as in a script."""

    def before_run(self) -> None:
        """Called before a run begins; a ValueError keeps it from beginning."""

    def beat(self) -> float:
        """Do one piece of work and show it; return the seconds until the next, at least.

        `pause` in it ends the run; so does an error, which is shown as a sentence.
        """
        raise NotImplementedError

    def __init__(self, **start):
        self._task: asyncio.Task | None = None
        self._buttons: dict[str, ipywidgets.Button] = {}
        super().__init__(**start)

    @property
    def running(self) -> bool:
        """Whether it goes on by itself."""
        return self._task is not None and not self._task.done()

    def run(self) -> None:
        """Go on by itself on the kernel's event loop until `pause`."""
        if self.running:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ValueError(f"run needs a notebook's event loop: {self.without_loop}") from None
        self.before_run()
        self._task = loop.create_task(self._keep_going())
        self._label_run()

    def pause(self) -> None:
        """Stop after the present piece of work."""
        self._task = None  # which `_keep_going` sees
        self._label_run()

    def _run_or_pause(self) -> None:
        self.pause() if self.running else self.run()

    def reset(self) -> None:
        """Stop, and return controls and state to where they were at the start."""
        with alone:
            self.pause()
            super().reset()

    async def _keep_going(self) -> None:
        while True:
            with alone:
                if self._task is not asyncio.current_task():
                    return  # paused, perhaps by a cell in another thread
                began, wait = time.perf_counter(), 0.0
                with self.guarded():
                    try:
                        wait = self.beat()
                    except Exception:
                        self.pause()
                        raise
            await self.frame.wait_painted()
            await asyncio.sleep(max(wait - (time.perf_counter() - began), 0.001))

    def _button(self, label: str, call: Callable[[], Any]) -> ipywidgets.Button:
        self._buttons[label] = super()._button(label, call)
        return self._buttons[label]

    def _label_run(self) -> None:
        if self.run_label in self._buttons:
            label = self.pause_label if self.running else self.run_label
            self._buttons[self.run_label].description = label
