"""What code costs: seconds and memory, measured by the process that runs it."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dlkit.check import check_number


def seconds(*actions: Callable[[], object], rounds: int = 25) -> np.ndarray:
    """The median time of each action, in seconds (len(actions),).

    The actions take turns, so a bad moment of the machine hits all of them. Time that other
    programs take does not count, except where a system counts it too coarsely (Windows: 16 ms).
    """
    check_number("rounds", rounds, low=1, whole=True)
    coarse = time.get_clock_info("process_time").resolution > 1e-4
    clock = time.perf_counter if coarse else time.process_time
    times = np.empty((rounds, len(actions)))
    for row in times:
        for k, action in enumerate(actions):
            start = clock()
            action()
            row[k] = clock() - start
    return np.median(times, axis=0)


def peak_memory() -> int:
    """The most memory this process has held at once, in bytes.

    Linux' `ru_maxrss` would not do: a new process inherits there what its parent held when it
    started it, so that a kernel started by a large program would look large.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text("ascii", "replace")
        [peak] = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
        return 1024 * int(peak)
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    kilo = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, other systems kilobytes
    return kilo * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def since(began: float) -> str:
    """A sentence: the seconds since `began` (by `time.perf_counter`) and the peak of the memory."""
    took, memory = time.perf_counter() - began, peak_memory() / 2**30
    return f"All of this took {took:.0f} s and at most {memory:.1f} GB of memory."
