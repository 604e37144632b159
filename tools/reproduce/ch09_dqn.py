"""Chapter 09's stored runs: the cart-pole with eight seeds and without each part, and Bricks.

`make reproduce CHAPTER=09` trains the deep Q-network on the cart-pole four ways: as it is, without
replay, without a target network, and as double DQN, eight seeds each. Then it trains three agents
on the pixel game Bricks. It writes what it measured to assets/runs/ch09_dqn.json, and the first
agents to assets/models/ch09_cartpole.safetensors and ch09_bricks.safetensors. Forty minutes of one
core.

What is claimed of a training is claimed of its last policy, or of the one that was best in looks
at 20 starts, and played greedily from fresh starts that were never used to choose anything. Every
finished training is kept in build/reproduce, the long one on Bricks after every stretch as well:
what was stopped goes on, and ends as if it had not been.
"""

import argparse
import hashlib
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from gymnasium.wrappers import FlattenObservation

from dlkit import checkpoint
from dlkit.envs import bricks
from dlkit.envs.cartpole import CartPole, CartPoleVector
from dlkit.models.dense import mlp
from dlkit.models.dqn import CARTPOLE, DQN, Practice, ReplayMemory, play
from dlkit.models.optimisers import Adam
from tools.stored import keep, origin, say

ROOT = Path(__file__).resolve().parents[2]
ASSETS, KEPT = ROOT / "assets", ROOT / "build/reproduce/ch09"

# --- The cart-pole -------------------------------------------------------------------------------

SEEDS = tuple(range(8))
SIZES, STEPS, LOOK_EVERY = (4, 128, 128, 2), 60_000, 3_000
WAYS = {
    "DQN": ({}, {}),  # settings of the agent, settings of the practice
    "without replay": ({}, {"replay": False}),
    "without target network": ({"target_every": 1}, {}),
    "double DQN": ({"double": True}, {}),
}
SOLVED = 475  # gymnasium's mark for CartPole-v1: the mean of 100 episodes
FRESH = 900_000  # seeds of starts that are looked at once, by the last policy

# --- Bricks --------------------------------------------------------------------------------------

GAME = {
    "sizes": (400, 256, 128, 3),
    "gamma": 0.99,
    "double": True,
    "target_every": 1_000,
    "capacity": 100_000,
    "batch_size": 96,  # half of it seen in a mirror
    "begin": 5_000,
    "every": 4,
    # Each round begins with an empty memory and brings the rate down to 0. In the second a lost
    # ball, an error of about 10, counts in full: no Huber.
    "rounds": (
        {"steps": 800_000, "rate": 1e-3, "epsilon": (1.0, 0.02, 50_000), "huber": 1.0},
        {"steps": 600_000, "rate": 3e-4, "epsilon": (0.02, 0.01, 600_000), "huber": None},
    ),
    "stretch": 50_000,
    "max_steps": 250,
    "fewer": 0.7,  # this part of the games begins with fewer bricks
}
GAMES = 200  # fresh starts for the last policy
SLIPS = (
    0.05  # how often a hand slips in the second verdict: the ε that agents were judged with in 2015
)


def cartpole(kept, way, seed):
    """Train one agent, or find it finished: its record and its net."""
    path = kept / f"cartpole-{mark(SIZES, STEPS, CARTPOLE)}" / f"{way}-{seed}.safetensors"
    if path.exists():
        return checkpoint.load(path)
    agent_settings, settings = WAYS[way]
    began, rng = time.process_time(), np.random.default_rng(seed)
    agent = DQN(mlp(SIZES, rng=rng), **agent_settings)
    practice = Practice(agent, CartPole(), rng, **CARTPOLE | settings)
    record = {"way": way, "seed": seed, "steps": [], "greedy": [], "q": [], "worth": []}
    best, chosen = -np.inf, agent.network.state_dict()
    while practice.steps < STEPS:
        practice.run(LOOK_EVERY)
        # the same 20 starts each time: for the curve and for choosing, not for the verdict
        starts, _ = CartPoleVector(20).reset(seed=seed)
        record["steps"].append(practice.steps)
        record["greedy"].append(float(play(agent, CartPoleVector(20), seed=seed).mean()))
        if record["greedy"][-1] > best:
            best, chosen = record["greedy"][-1], agent.network.state_dict()
            record["chosen at"] = practice.steps
        record["q"].append(float(agent.q(starts).max(axis=1).mean()))
        discounted = play(agent, CartPoleVector(20), seed=seed, gamma=agent.gamma)
        record["worth"].append(float(discounted.mean()))
    last = play(agent, CartPoleVector(100), seed=FRESH + 1000 * seed)
    agent.network.load_state_dict(chosen)
    fresh = play(agent, CartPoleVector(100), seed=FRESH + 1000 * seed)
    record |= {
        "chosen": float(fresh.mean()),
        "last": float(last.mean()),
        "worst": float(last.min()),
        "over-estimate": float(np.mean(np.subtract(record["q"], record["worth"]))),
        "scores": [[end, score] for end, score in zip(practice.ends, practice.scores, strict=True)],
        "seconds": round(time.process_time() - began, 1),
    }
    result = {"record": record, "network": chosen}
    checkpoint.save(path, result)
    say(
        f"cart-pole, {way}, seed {seed}: last {last.mean():.0f}, chosen {fresh.mean():.0f} "
        f"({record['seconds']:.0f} s)"
    )
    return result


class Lesson(bricks.Bricks):
    """Bricks, but some games begin with fewer bricks: the end is hard, and is rarely reached."""

    def reset(self, *, seed=None, options=None):
        rng = self.np_random if seed is None else np.random.default_rng(seed)
        fewer = rng.random() < GAME["fewer"]
        count = int(rng.integers(1, bricks.WALL)) if fewer else bricks.WALL
        return super().reset(seed=seed, options={"bricks": count})


class BothSides(ReplayMemory):
    """A memory that half of the time turns left and right: in a mirror it is the same game."""

    def take(self, places):
        seen, actions, rewards, after, terminated = super().take(places)
        half = len(places) // 2
        for pictures in (seen, after):
            turned = pictures[:half].reshape(half, 4, bricks.SIZE, bricks.SIZE)[..., ::-1]
            pictures[:half] = turned.reshape(half, -1)
        actions[:half] = np.array([bricks.STAY, bricks.RIGHT, bricks.LEFT])[actions[:half]]
        return seen, actions, rewards, after, terminated


def bricks_agent(seed):
    """An agent before it has seen the game."""
    net = mlp(GAME["sizes"], rng=np.random.default_rng([seed, 9]))
    return DQN(
        net,
        gamma=GAME["gamma"],
        double=GAME["double"],
        target_every=GAME["target_every"],
        optimiser=Adam(net.parameters, GAME["rounds"][0]["rate"]),
    )


def player(agent):
    """The greedy policy, as `bricks.scores` wants it."""
    return lambda seen: agent.q(seen.reshape(len(seen), -1)).argmax(axis=1)


def in_rows(agent):
    """The agent for pictures, which it takes as rows."""
    return SimpleNamespace(
        act_all=lambda seen, *more: agent.act_all(seen.reshape(len(seen), -1), *more)
    )


def stretches():
    """Every stretch of a training: its round, and after how many steps of the round it begins."""
    for settings in GAME["rounds"]:
        for done in range(0, settings["steps"], GAME["stretch"]):
            yield settings, done


def bricks_training(kept, seed):
    """Train on Bricks from the last finished stretch on; the record and the net."""
    path = kept / f"bricks-{mark(GAME)}" / f"{seed}.safetensors"
    agent = bricks_agent(seed)
    memory = BothSides(GAME["capacity"], (400,), np.uint8)
    record = {"seed": seed, "steps": [], "training": [], "greedy": [], "q": [], "worth": []}
    record["seconds"] = 0.0
    if path.exists():
        state = checkpoint.load(path)
        agent.network.load_state_dict(state["network"])
        agent.target.load_state_dict(state["target"])
        agent.optimiser.load_state_dict(state["optimiser"])
        agent.updates, record, memory.added = state["updates"], state["record"], state["added"]
        for name, array in state["memory"].items():
            getattr(memory, name)[: len(array)] = array
    ahead = list(stretches())[len(record["steps"]) :]
    steps = len(record["steps"]) * GAME["stretch"]
    while ahead:
        settings, done = ahead.pop(0)
        if not done:
            memory.added = 0  # what it held is forgotten
        agent.huber = settings["huber"] or np.inf
        began = time.process_time()
        # Each stretch begins with a new game and new chance, whether it was stopped here or not.
        practice = Practice(
            agent,
            FlattenObservation(Lesson(max_steps=GAME["max_steps"])),
            np.random.default_rng([seed, steps]),
            capacity=1,
            batch_size=GAME["batch_size"],
            begin=GAME["begin"],
            every=GAME["every"],
            epsilon=settings["epsilon"],
            rate=(settings["rate"], 0.0, settings["steps"]),
        )
        practice.memory, practice.steps = memory, done
        practice.run(GAME["stretch"])
        steps += GAME["stretch"]
        seconds = time.process_time() - began
        starts, _ = bricks.BricksVector(50).reset(seed=seed)
        record["steps"].append(steps)
        record["training"].append(float(np.mean(practice.scores)))
        record["greedy"].append(float(bricks.scores(player(agent), games=50, seed=seed)[0].mean()))
        record["q"].append(float(agent.q(starts.reshape(50, -1)).max(axis=1).mean()))
        games = bricks.BricksVector(50)
        worth = play(in_rows(agent), games, seed=seed, gamma=agent.gamma)
        record["worth"].append(float(worth.mean()))
        record["seconds"] = round(record["seconds"] + seconds, 1)
        names = ("observations", "actions", "rewards", "next_observations", "terminated")
        state = {
            "record": record,
            "network": agent.network.state_dict(),
            "target": agent.target.state_dict(),
            "optimiser": agent.optimiser.state_dict(),
            "updates": agent.updates,
            "added": memory.added,
            "memory": {n: getattr(memory, n)[: len(memory)] for n in names} if ahead else {},
        }
        checkpoint.save(path, state)
        say(
            f"Bricks, seed {seed}, {steps:,} steps: {record['training'][-1]:.1f} in training, "
            f"{record['greedy'][-1]:.1f} greedily ({record['seconds']:.0f} s)"
        )
    return state


def verdict(agent, seed, slips=0.0):
    """What the last policy is worth on fresh starts, beside a rule and chance on the same.

    A player that slips does anything at all in so many of its steps.
    """
    players = {
        "agent": player(agent),
        "rule": bricks.follower,
        "random": bricks.random_player(np.random.default_rng(seed)),
    }
    result = {}
    for name, who in players.items():
        rng = np.random.default_rng([seed, 1])
        points, steps = bricks.scores(
            slipping(who, slips, rng), games=GAMES, seed=FRESH + 1000 * seed
        )
        result[name] = {
            "mean": float(points.mean()),
            "deviation": float(points.std()),
            "points": points.astype(int).tolist(),
            "steps": float(steps.mean()),
        }
    return result


def slipping(who, chance, rng):
    """A player that now and then does anything at all instead."""

    def plays(seen):
        slips = rng.random(len(seen)) < chance
        return np.where(slips, rng.integers(len(bricks.ACTIONS), size=len(seen)), who(seen))

    return plays


def gather(kept, assets):
    """Put what there is into the files that the chapter reads."""
    runs, games = [], []
    for path in sorted(kept.glob(f"cartpole-{mark(SIZES, STEPS, CARTPOLE)}/*.safetensors")):
        record = checkpoint.load(path)["record"]
        short = {name: np.round(record[name], 2).tolist() for name in ("greedy", "q", "worth")}
        runs.append(record | short | {"scores": thinned(record["scores"])})
        if (record["way"], record["seed"]) == ("DQN", 0):
            net = {"sizes": list(SIZES), "network": checkpoint.load(path)["network"]}
            checkpoint.save(
                assets / "models/ch09_cartpole.safetensors", net | source(record["chosen"])
            )
    for path in sorted(kept.glob(f"bricks-{mark(GAME)}/*.safetensors")):
        state = checkpoint.load(path)
        seed, agent = state["record"]["seed"], bricks_agent(state["record"]["seed"])
        # Half the bits are enough, for the verdict too.
        half = {name: array.astype(np.float16) for name, array in state["network"].items()}
        agent.network.load_state_dict(half)
        last = {"last": verdict(agent, seed), "slipping": verdict(agent, seed, SLIPS)}
        games.append(state["record"] | last)
        if seed == 0:
            net = {"sizes": list(GAME["sizes"]), "network": half}
            worth = games[-1]["last"]["agent"]["mean"]
            checkpoint.save(assets / "models/ch09_bricks.safetensors", net | source(worth))
    keep(
        assets / "runs/ch09_dqn.json",
        {
            **origin(
                "deep Q-networks on the cart-pole, whole and without a part, and on Bricks",
                "make reproduce CHAPTER=09",
            ),
            "cartpole": {"sizes": SIZES, "steps": STEPS, "solved": SOLVED, "runs": runs}
            | {"settings": CARTPOLE, "games of the verdict": 100},
            "bricks": {
                "settings": GAME,
                "games of the verdict": GAMES,
                "slips": SLIPS,
                "runs": games,
            },
        },
    )
    return len(runs), len(games)


def source(worth):
    """What stands beside the weights."""
    return {"made by": "make reproduce CHAPTER=09", "mean of fresh starts": round(worth, 2)}


def thinned(scores, width=2_000):
    """The mean return of the episodes that ended in each stretch of so many steps: [end, mean]."""
    bins = {}
    for end, score in scores:
        bins.setdefault(-(-end // width) * width, []).append(score)
    return [[end, round(float(np.mean(found)), 1)] for end, found in sorted(bins.items())]


def mark(*settings):
    """A short name for settings: others never find what was trained with these."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:8]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=("cartpole", "bricks"), help="one of the two")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="seeds of the cart-pole")
    parser.add_argument("--bricks-seeds", type=int, default=3, help="agents for Bricks")
    parser.add_argument("--assets", type=Path, default=ASSETS, help="where the results go")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where trainings are kept")
    settings = parser.parse_args(arguments)
    if settings.only != "bricks":
        for seed in range(settings.seeds):
            for way in WAYS:
                cartpole(settings.kept, way, seed)
            gather(settings.kept, settings.assets)
    if settings.only != "cartpole":
        for seed in range(settings.bricks_seeds):
            bricks_training(settings.kept, seed)
            gather(settings.kept, settings.assets)
    runs, games = gather(settings.kept, settings.assets)
    say(f"{runs} runs on the cart-pole and {games} on Bricks in {settings.assets}")


if __name__ == "__main__":
    sys.exit(main())
