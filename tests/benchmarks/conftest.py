"""What every bench starts from: one thread for each library: none is another's neighbour."""

import pytest
import threadpoolctl
import torch


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """On nets this small a second thread gains little, and it helps whoever has larger matrices."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        yield
    torch.set_num_threads(threads)
