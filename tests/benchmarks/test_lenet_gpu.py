"""A LeNet's training on a GPU: the recorded step beside the loop that most people write.

Both keep the pictures on the GPU, draw their batches there and take them in turns, so that the
difference is the step alone: float32, one operation after another, against `graphed_step`.
"""

from statistics import median

import numpy as np
import pytest
import torch

from dlkit.models.graphs_torch import graphed_step
from dlkit.models.lenet import lenet
from dlkit.parity import to_torch

PICTURES, BATCH, STEPS = 20_000, 256, 100
FASTER = 3  # times the eager loop


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_lenet_on_a_gpu(benchmark):
    generator = torch.Generator("cuda").manual_seed(0)
    x = torch.rand(PICTURES, 1, 28, 28, device="cuda", generator=generator)
    target = torch.randint(0, 10, (PICTURES,), device="cuda", generator=generator)
    loss = torch.nn.CrossEntropyLoss()

    def batches():
        order = torch.randperm(PICTURES, device="cuda", generator=generator)
        return order[: BATCH * (PICTURES // BATCH)].view(-1, BATCH)

    eager = to_torch(lenet(np.random.default_rng(0)), "cuda")
    by_hand = torch.optim.Adam(eager.parameters(), 0.001)

    def eager_step(rows):
        by_hand.zero_grad()
        value = loss(eager(x[rows]), target[rows])
        value.backward()
        by_hand.step()
        return value

    module = to_torch(lenet(np.random.default_rng(0)), "cuda")
    optimiser = torch.optim.Adam(module.parameters(), 0.001, capturable=True)
    recorded = graphed_step(module, loss, optimiser, x, target, batch=BATCH)

    def rate(step):
        """Pictures a second."""
        rows = [batch for _ in range(2) for batch in batches()][:STEPS]
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        for batch in rows:
            step(batch)
        end.record()
        end.synchronize()
        return 1000 * STEPS * BATCH / start.elapsed_time(end)

    def in_turn():
        return rate(eager_step), rate(recorded)

    in_turn()
    slow, fast = (median(rates) for rates in zip(*[in_turn() for _ in range(7)], strict=True))
    benchmark.group = f"LeNet's training on a GPU, batches of {BATCH}"
    benchmark.pedantic(lambda: rate(recorded), rounds=3)
    benchmark.extra_info.update({"eager": slow, "recorded": fast, "times": fast / slow})
    verdict = "reached" if fast >= FASTER * slow else "missed"
    print(
        f"\n\n{torch.cuda.get_device_name()}, torch {torch.__version__}: {fast:,.0f} pictures a "
        f"second, eager {slow:,.0f}: {fast / slow:.1f} times (aim {FASTER}: {verdict})"
    )
    assert fast > slow
