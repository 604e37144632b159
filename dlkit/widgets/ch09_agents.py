"""Who can play the games of chapter 09's explorers: a trained network, a rule, chance."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from dlkit import checkpoint
from dlkit.data.files import DataError, asset
from dlkit.models.dense import Linear, mlp
from dlkit.models.dqn import DQN
from dlkit.widgets.ch09_games import GAMES, Player

TRAINED, RULE, CHANCE = "the trained network", "a rule", "chance"
OWN = "your own agent"
PLAYERS = (TRAINED, RULE, CHANCE)


def player(game: str, name: str) -> Player:
    """A player of `PLAYERS` for a game of `GAMES`; ValueError where it does not exist."""
    played = GAMES[game]
    if name == RULE:
        return Player(name, lambda seen, memory, rng: played.scripted(seen, memory))
    if name == CHANCE:
        return Player(name, lambda seen, memory, rng: int(rng.integers(len(played.actions))))
    try:
        path = asset(f"models/ch09_{game.lower()}.safetensors")
    except DataError:
        raise ValueError(
            f"There is no trained network for {game} here: make reproduce CHAPTER=09 makes one. "
            "Choose another player."
        ) from None
    return _trained(path)


def network_player(name: str, agent: DQN) -> Player:
    """A player that takes the action of the highest Q. The net's first layer says whether it wants
    observations as they are or as rows."""

    def q(seen: np.ndarray) -> np.ndarray:
        batch = np.asarray(seen, np.float32)[None]
        if isinstance(next(iter(agent.network.layers)), Linear):  # type: ignore[union-attr]
            batch = batch.reshape(1, -1)
        return agent.q(batch)[0].copy()

    return Player(name, lambda seen, memory, rng: int(q(seen).argmax()), q)


@lru_cache(maxsize=4)
def _trained(path: Path) -> Player:
    kept = checkpoint.load(path)
    network = mlp(kept["sizes"], rng=np.random.default_rng(0))
    network.load_state_dict(kept["network"])
    return network_player(TRAINED, DQN(network))
