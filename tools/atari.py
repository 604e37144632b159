"""The deep Q-network of 2015 on a real Atari game, on a GPU and for hours.

`.venv/bin/python tools/atari.py --game Breakout` trains the net of Mnih and others (2015) with
their settings, but for the optimiser (Adam, as most do today) and the size of the memory. It needs
ale-py: `.venv/bin/python -m pip install 'ale-py>=0.11'`. It writes into build/atari/breakout:

    agent.safetensors   the newest net
    training.json       what it was worth at each look: whole games, real rewards, ε = 0.05
    state.safetensors   what it takes to go on

Run it again to go on from the last look. The memory is not kept (a million frames are 7 GB): it is
filled anew by the net as it is, before learning goes on.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

from dlkit import checkpoint
from dlkit.envs.atari import atari_vector
from dlkit.models.device_torch import default_device
from dlkit.models.dqn_torch import DQN, FrameMemory, Practice, nature_network

ROOT = Path(__file__).resolve().parents[1]
LOOK_EPSILON = 0.05  # as in 2015, so that no game repeats itself for ever
LONGEST_LOOK = 27_000  # steps: half an hour of play


def settings_of(arguments=None):
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--game", default="Breakout", help="Pong, SpaceInvaders, …")
    parser.add_argument("--steps", type=int, default=12_500_000, help="2015: 50 million frames")
    parser.add_argument("--worlds", type=int, default=8, help="games played at once")
    parser.add_argument("--memory", type=int, default=1_000_000, help="steps; 7 kB each")
    parser.add_argument("--begin", type=int, default=50_000, help="steps before learning")
    parser.add_argument("--explore", type=int, default=1_000_000, help="steps from ε = 1 to 0.1")
    parser.add_argument("--every", type=int, default=4, help="steps for each learning step")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--target-every", type=int, default=10_000, help="learning steps")
    parser.add_argument("--rate", type=float, default=6.25e-5)
    parser.add_argument("--double", action="store_true", help="double DQN")
    parser.add_argument("--look-every", type=int, default=250_000, help="steps between two looks")
    parser.add_argument("--look-games", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--device", default=None, help="cuda, mps or cpu; default: the best there is"
    )
    parser.add_argument("--folder", type=Path, default=None, help="default: build/atari/GAME")
    settings = parser.parse_args(arguments)
    settings.device = settings.device or default_device()
    settings.folder = settings.folder or ROOT / "build/atari" / settings.game.lower()
    return settings


def train(settings, make_envs=atari_vector):
    """Train up to `settings.steps`, from where it was stopped; the record of all looks."""
    envs = make_envs(settings.game, settings.worlds, training=True)
    try:
        torch.manual_seed(settings.seed)
        network = nature_network(int(envs.single_action_space.n), device=settings.device)
        agent = DQN(
            network,
            target_every=settings.target_every,
            double=settings.double,
            optimiser=torch.optim.Adam(network.parameters(), settings.rate, eps=1.5e-4),
        )
        record, done = resume(settings, agent)
        practice = Practice(
            agent,
            envs,
            np.random.default_rng([settings.seed, done]),
            capacity=1,
            batch_size=settings.batch,
            begin=done + settings.begin,
            every=settings.every,
            epsilon=(1.0, 0.1, settings.explore),
        )
        practice.memory = FrameMemory(settings.memory, settings.worlds, device=settings.device)
        practice.steps = done
        while practice.steps < settings.steps:
            began, before = time.perf_counter(), practice.steps
            practice.run(min(settings.look_every, settings.steps - practice.steps))
            seconds = time.perf_counter() - began
            points = look(settings, agent, make_envs, practice.steps)
            record["looks"].append(
                {
                    "steps": practice.steps,
                    "updates": agent.updates,
                    "points": points,
                    "mean": float(np.mean(points)),
                    "loss": None if practice.loss is None else float(practice.loss),
                    "steps a second": round((practice.steps - before) / seconds, 1),
                }
            )
            keep(settings, agent, record)
            newest = record["looks"][-1]
            print(
                f"{settings.game}, {newest['steps']:,} steps: {newest['mean']:.1f} points "
                f"({newest['steps a second']:.0f} steps a second)",
                flush=True,
            )
    finally:
        envs.close()
    return record


def look(settings, agent, make_envs, steps):
    """The points of whole games with real rewards, a little chance in every step."""
    games = settings.look_games
    envs = make_envs(settings.game, games, training=False)
    try:
        rng = np.random.default_rng([settings.seed, steps, 1])
        seen, _ = envs.reset(seed=int(rng.integers(2**31)))
        points, playing = np.zeros(games), np.ones(games, bool)
        for _ in range(LONGEST_LOOK):
            seen, rewards, over, late, _ = envs.step(agent.act_all(seen, LOOK_EPSILON, rng))
            points += rewards * playing
            playing &= ~(over | late)
            if not playing.any():
                break
    finally:
        envs.close()
    return points.tolist()


def keep(settings, agent, record):
    """Write all three files, each under another name first; the record is the last."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    network = agent.network.state_dict()
    told = {"game": settings.game, "actions": agent.actions, "looks": record["looks"][-1:]}
    state = {
        "network": network,
        "target": agent.target.state_dict(),
        "optimiser": agent.optimiser.state_dict(),
        "updates": agent.updates,
        "record": record,
    }
    checkpoint.save(settings.folder / "state.safetensors", state)
    checkpoint.save(settings.folder / "agent.safetensors", {"network": network, "told": told})
    path = settings.folder / "training.json"
    part = path.with_name(".training.json.part")
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def resume(settings, agent):
    """Bring the agent to where the last look found it; the record, and the steps done."""
    path = settings.folder / "state.safetensors"
    if not path.exists():
        return {"game": settings.game, "settings": told(settings), "looks": []}, 0
    state = checkpoint.load(path)
    if state["record"]["game"] != settings.game:
        sys.exit(f"{path} belongs to {state['record']['game']}: name another --folder.")
    there = {"device": settings.device}
    for module, name in ((agent.network, "network"), (agent.target, "target")):
        module.load_state_dict({k: torch.as_tensor(v, **there) for k, v in state[name].items()})
    moments = state["optimiser"]["state"]
    state["optimiser"]["state"] = {
        number: {name: torch.as_tensor(value) for name, value in own.items()}
        for number, own in moments.items()
    }
    agent.optimiser.load_state_dict(state["optimiser"])
    agent.updates = state["updates"]
    return state["record"], state["record"]["looks"][-1]["steps"]


def told(settings):
    """The settings as text and numbers."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(settings).items()}


def main(arguments=None):
    settings = settings_of(arguments)
    try:
        train(settings)
    except ImportError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"stopped: run it again to go on from the last look in {settings.folder}")


if __name__ == "__main__":
    main()
