"""Training on a GPU as one recorded piece: CUDA graphs, mixed precision, channels last.

A small net's step is a few hundred kernels of some microseconds each, and Python needs longer to
ask for them than the GPU to run them. So one whole step is recorded once, from taking the pictures
to changing the weights, and then played again and again with a single call. Products of matrices
run in bfloat16, weights and their sums stay float32 (Micikevicius and others 2018), and pictures
lie with their channels last, as the GPU's matrix units like them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dlkit.check import check_number

WARM_UP = 3  # steps before recording: cuDNN chooses its ways, the optimiser makes its arrays


def graphed_step(
    module: nn.Module,
    loss: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    target: Tensor,
    *,
    batch: int,
    dtype: torch.dtype = torch.bfloat16,
) -> Callable[[Tensor], Tensor]:
    """One step of training as a function of the rows to learn from: `step(index)` → loss.

    x (N, C, H, W) and target (N,) are all examples, on the module's device; index is (batch,) and
    the loss comes back as a tensor, which only waits for the GPU when it is read, and which the
    next step overwrites. The optimiser must be new, and `capturable=True` where it has such a
    setting, as `torch.optim.Adam(parameters, capturable=True)`. `dtype` is that of the products.

    Without CUDA the same step is taken one operation after another in the module's own precision.
    Raises `ValueError` for an optimiser that has learned already, or too large a batch.
    """
    check_number("batch", batch, low=1, high=len(x), whole=True)
    if optimiser.state:
        raise ValueError("optimiser must be new: recording a step begins its state anew")
    device = next(module.parameters()).device
    layout: Any = {"memory_format": torch.channels_last}
    module.to(**layout)
    x = x.to(device, memory_format=torch.channels_last)
    target = target.to(device)
    index = torch.arange(batch, device=device)

    def work() -> Tensor:
        optimiser.zero_grad(set_to_none=False)
        with torch.autocast(device.type, dtype, enabled=device.type == "cuda"):
            value = loss(module(x[index]), target[index])
        value.backward()
        optimiser.step()
        return value.detach()

    play = _record(work, module, optimiser) if device.type == "cuda" else work

    def step(rows: Tensor) -> Tensor:
        index.copy_(rows, non_blocking=True)
        return play()

    return step


def _record(
    work: Callable[[], Tensor], module: nn.Module, optimiser: torch.optim.Optimizer
) -> Callable[[], Tensor]:
    """Record one call of `work`; the function that plays it. Nothing is learned by recording."""
    arrays = [*module.parameters(), *module.buffers()]
    before = [array.detach().clone() for array in arrays]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = work()
    with torch.no_grad():  # back to the start, in place: the graph knows these arrays
        for array, old in zip(arrays, before, strict=True):
            array.copy_(old)
        for state in optimiser.state.values():
            for entry in state.values():
                if isinstance(entry, Tensor):
                    entry.zero_()

    def play() -> Tensor:
        graph.replay()
        return value

    return play
