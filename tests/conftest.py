"""What every unit test starts from: one thread, no screen, fixed seeds, an empty progress file."""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import hypothesis
import numpy as np
import pytest

# A failure that CI finds can be found again on any machine.
hypothesis.settings.register_profile("dlkit", derandomize=True, deadline=None)
hypothesis.settings.load_profile("dlkit")


@pytest.fixture
def rng():
    """A generator that gives every test the same numbers on every run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """No test sees the progress that another one recorded."""
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(autouse=True)
def no_figures_left():
    """Figures that a test opened are closed after it."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
