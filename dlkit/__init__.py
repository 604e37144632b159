"""A deep learning course that a person runs.

Importing dlkit sets one thread for matrix products, unless one of the variables below is set. On
nets of this course's size a second thread gains little, and beside a busy neighbour it costs a lot.
To choose yourself, set `OMP_NUM_THREADS` before Python starts.
"""

import importlib
import os
import sys

__version__ = "0.1.0"


def _one_thread() -> None:
    variables = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
    if any(variable in os.environ for variable in variables):
        return
    os.environ.update(dict.fromkeys(variables, "1"))
    # Libraries read the variables when they load; those that are loaded have to be told.
    if "numpy" in sys.modules:
        import threadpoolctl

        threadpoolctl.threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


_one_thread()


def __getattr__(name: str):
    if name == "doctor":  # loaded when it is called for: it brings data and progress with it
        return importlib.import_module("dlkit.doctor")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
