"""What code costs is measured in its own process, whoever started it."""

import subprocess
import sys
import time

import numpy as np
import pytest

from dlkit import cost

PEAK = [sys.executable, "-c", "from dlkit import cost; print(cost.peak_memory())"]


def test_peak_counts_what_was_held():
    before = cost.peak_memory()
    held = np.ones(max(before, 2**28), np.uint8)  # touched, so that it counts
    after = cost.peak_memory()
    del held
    assert after >= before + 2**27
    # the most that was held at once, not what is held now; Linux counts to within a few pages
    assert cost.peak_memory() > after - 2**20


def test_a_large_parent_does_not_make_its_child_large():
    held = np.ones(2**29, np.uint8)
    child = subprocess.run(PEAK, capture_output=True, text=True, check=True)
    assert 2**22 < int(child.stdout) < held.nbytes


def test_sentence_has_seconds_and_memory():
    sentence = cost.since(time.perf_counter() - 61)
    assert sentence.startswith("All of this took 61 s and at most ")
    assert sentence.endswith(f"{cost.peak_memory() / 2**30:.1f} GB of memory.")


def test_actions_take_turns():
    order = []
    took = cost.seconds(
        lambda: order.append("a"), lambda: (order.append("b"), sum(range(20_000))), rounds=3
    )
    assert order == ["a", "b"] * 3
    assert 0 <= took[0] < took[1] < 10


@pytest.mark.parametrize("rounds", [0, -1, 2.5, "3"])
def test_rounds_that_are_none_get_a_sentence(rounds):
    """The median of no rounds was NaN, with a warning about an empty slice."""
    with pytest.raises(ValueError, match=r"rounds must be (at least 1|a whole number), got"):
        cost.seconds(lambda: None, rounds=rounds)
