"""Who can play the games of chapter 09's explorers: a trained network, a rule, chance."""

from functools import lru_cache
from pathlib import Path

from dlkit.widgets.ch09_games import GAMES, Game, Player

MODELS = Path(__file__).parents[2] / "assets" / "models"
TRAINED, RULE, CHANCE = "the trained network", "a rule", "chance"
PLAYERS = (TRAINED, RULE, CHANCE)


@lru_cache(maxsize=8)
def player(game: str, name: str) -> Player:
    """A player of `PLAYERS` for a game of `GAMES`; ValueError where it does not exist."""
    played = GAMES[game]
    if name == RULE:
        return Player(name, lambda seen, memory, rng: played.scripted(seen, memory))
    if name == CHANCE:
        return Player(name, lambda seen, memory, rng: int(rng.integers(len(played.actions))))
    return _trained(played)


def _trained(game: Game) -> Player:
    raise ValueError(f"There is no trained network for {game.name} yet: choose another player.")
