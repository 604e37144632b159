"""Deep Q-learning on the cart-pole: our NumPy beside torch, Stable-Baselines3 and CleanRL's dqn.py.

One thread, the same net, batch and number of steps between two learning steps; what is timed is
everything: acting, the world, the memory, learning. All but CleanRL take turns in one process, so
that a busy moment of the machine hits them all; a ratio is one of median times. CleanRL's script is
run as it is, twice, and its time a step is the difference: what it takes to start is not counted.

Neither of the two is a dependency of the course. For Stable-Baselines3: pip install
stable-baselines3. For CleanRL: the environment variable CLEANRL_DQN names its dqn.py, and what that
needs must be installed.
"""

import importlib.util
import os
import platform
import subprocess
import sys
from statistics import median
from time import perf_counter

import gymnasium
import numpy as np
import pytest
import torch

from dlkit.envs.cartpole import CartPole, CartPoleVector
from dlkit.models import dqn, dqn_torch
from dlkit.models.dense import mlp
from dlkit.models.optimisers import Adam
from dlkit.parity import to_torch

STEPS = 3_000
SCHEDULES = {
    # ours, and that of CleanRL's dqn.py
    "128-128, every 4": {"sizes": (4, 128, 128, 2), "every": 4, "rate": 1e-3, "target": 60},
    "120-84, every 10": {"sizes": (4, 120, 84, 2), "every": 10, "rate": 2.5e-4, "target": 50},
}
BATCH, CAPACITY, BEGIN, EPSILON = 128, 10_000, 1_000, 0.1
TARGETS = {
    "torch, one world": 1.5,
    "torch, 16 worlds": 1.0,
    "Stable-Baselines3": 3.0,
    "CleanRL": 4.0,
}


def settings(schedule):
    """What both of our practices are given."""
    return {
        "capacity": CAPACITY,
        "batch_size": BATCH,
        "begin": BEGIN,
        "every": schedule["every"],
        "epsilon": (EPSILON, EPSILON, 1),
    }


def ours(schedule):
    """A function that takes `STEPS` steps with the NumPy original; and its practice."""
    rng = np.random.default_rng(0)
    net = mlp(schedule["sizes"], rng=rng)
    optimiser = Adam(net.parameters, schedule["rate"])
    agent = dqn.DQN(net, target_every=schedule["target"], optimiser=optimiser)
    practice = dqn.Practice(agent, CartPole(), rng, **settings(schedule))
    return practice, lambda: practice.run(STEPS)


def torchs(schedule, worlds):
    """The same on torch, with the same fast cart-pole."""
    rng = np.random.default_rng(0)
    net = to_torch(mlp(schedule["sizes"], rng=rng), "cpu")
    optimiser = torch.optim.Adam(net.parameters(), schedule["rate"], fused=True)
    agent = dqn_torch.DQN(net, target_every=schedule["target"], optimiser=optimiser)
    practice = dqn_torch.Practice(agent, CartPoleVector(worlds), rng, **settings(schedule))
    return lambda: practice.run(STEPS)


def stable_baselines(schedule):
    """The same in Stable-Baselines3, with gymnasium's cart-pole."""
    from stable_baselines3 import DQN

    model = DQN(
        "MlpPolicy",
        gymnasium.make("CartPole-v1"),
        policy_kwargs={"net_arch": list(schedule["sizes"][1:-1])},
        learning_rate=schedule["rate"],
        buffer_size=CAPACITY,
        learning_starts=BEGIN,
        batch_size=BATCH,
        train_freq=schedule["every"],
        target_update_interval=schedule["target"] * schedule["every"],
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        device="cpu",
        seed=0,
    )
    return lambda: model.learn(STEPS, reset_num_timesteps=False)


def cleanrl_seconds(path, folder):
    """Seconds that CleanRL's script takes for `STEPS` steps, learning in all of them.

    It is a process of its own, whose start takes seconds: ten times as many steps stand out of it.
    """
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    asked = {"learning-starts": BEGIN, "buffer-size": CAPACITY, "batch-size": BATCH}
    asked |= {"start-e": EPSILON, "end-e": EPSILON}

    def run(steps):
        words = [f"--{name}={value}" for name, value in asked.items()]
        words += [f"--total-timesteps={steps}", "--env-id=CartPole-v1"]
        action = [sys.executable, path, *words]
        return seconds(
            lambda: subprocess.run(
                action, cwd=folder, env=os.environ | one, check=True, capture_output=True
            )
        )

    return (run(BEGIN + 10 * STEPS) - run(BEGIN)) / 10


def seconds(action):
    """How long it takes once."""
    start = perf_counter()
    action()
    return perf_counter() - start


@pytest.mark.parametrize("name", SCHEDULES)
def test_dqn(benchmark, name, tmp_path):
    schedule = SCHEDULES[name]
    practice, mine = ours(schedule)
    peers = {
        f"torch, {word}": torchs(schedule, n) for word, n in (("one world", 1), ("16 worlds", 16))
    }
    left_out = []
    if importlib.util.find_spec("stable_baselines3"):
        peers["Stable-Baselines3"] = stable_baselines(schedule)
    else:
        left_out.append("Stable-Baselines3 is not installed: pip install stable-baselines3.")
    taken = {peer: [] for peer in peers}

    def others_turn():
        for peer, run in peers.items():
            taken[peer].append(seconds(run))

    benchmark.group = f"DQN on the cart-pole, {STEPS} steps"
    benchmark.pedantic(mine, setup=others_turn, rounds=5, warmup_rounds=1)

    updates = (practice.steps - BEGIN) // schedule["every"] + 1
    assert practice.agent.updates == pytest.approx(updates, abs=1)  # it did learn
    if benchmark.stats is None:  # --benchmark-disable: nothing was timed
        return
    own = benchmark.stats.stats.median
    ratios = {peer: median(times[1:]) / own for peer, times in taken.items()}  # [0] warmed up
    if schedule["every"] == 10:
        script = os.environ.get("CLEANRL_DQN", "")
        if os.path.isfile(script):
            took = [cleanrl_seconds(os.path.abspath(script), tmp_path) for _ in range(3)]
            ratios["CleanRL"] = median(took) / own
        else:
            left_out.append("CleanRL is left out: let CLEANRL_DQN name its dqn.py.")
    versions = {"NumPy": np.__version__, "torch": torch.__version__}
    benchmark.extra_info.update(ratios | versions)

    print(f"\n\n{name} steps, one thread, {platform.machine()}, {versions}")
    print(f"  {'dlkit, NumPy':20} {STEPS / own:7,.0f} steps a second")
    for peer, ratio in ratios.items():
        verdict = "reached" if ratio >= TARGETS[peer] else "missed"
        print(
            f"  {peer:20} {STEPS / own / ratio:7,.0f} steps a second: ours is {ratio:.2f} times"
            f" as fast (aim {TARGETS[peer]}: {verdict})"
        )
    for sentence in left_out:
        print(f"  {sentence}")

    # The aims stand in the table; slower than a peer that plays one world would be a fault.
    assert min(ratio for peer, ratio in ratios.items() if peer != "torch, 16 worlds") > 1
