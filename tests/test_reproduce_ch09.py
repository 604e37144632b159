"""Chapter 09's long runs, made short: they keep what is finished, resume, and gather."""

import json

import numpy as np
import pytest

from dlkit import checkpoint
from tests.scripts import load


@pytest.fixture
def script(monkeypatch):
    """The script with short trainings and small nets."""
    module = load("ch09_dqn")
    monkeypatch.setattr(module, "SIZES", (4, 8, 2))
    monkeypatch.setattr(module, "STEPS", 1_600)
    monkeypatch.setattr(module, "LOOK_EVERY", 800)
    monkeypatch.setattr(module, "GAMES", 20)
    first, second = module.GAME["rounds"]
    rounds = (first | {"steps": 600}, second | {"steps": 300})
    small = {"sizes": (400, 8, 3), "rounds": rounds, "stretch": 300, "begin": 100, "capacity": 500}
    monkeypatch.setattr(module, "GAME", module.GAME | small)
    return module


def run(script, tmp_path, *more):
    return script.main(["--kept", str(tmp_path / "kept"), "--assets", str(tmp_path), *more])


def test_it_trains_every_way_keeps_it_and_gathers(script, tmp_path, capsys):
    run(script, tmp_path, "--seeds", "1", "--bricks-seeds", "1")
    told = capsys.readouterr().out
    assert told.count("cart-pole,") == len(script.WAYS)
    assert told.count("Bricks, seed 0") == 3
    result = json.loads((tmp_path / "runs/ch09_dqn.json").read_text())
    runs = result["cartpole"]["runs"]
    assert {r["way"] for r in runs} == set(script.WAYS)
    for r in runs:
        assert r["steps"] == [800, 1600]
        assert len(r["greedy"]) == len(r["q"]) == len(r["worth"]) == 2
        assert r["over-estimate"] == pytest.approx(np.mean(r["q"]) - np.mean(r["worth"]), abs=0.01)
        assert r["worst"] <= r["last"] <= 500
        assert r["chosen at"] == r["steps"][int(np.argmax(r["greedy"]))]
        assert r["scores"][-1][0] <= 2000
    (game,) = result["bricks"]["runs"]
    assert game["steps"] == [300, 600, 900]
    for who in ("agent", "rule", "random"):
        last = game["last"][who]
        assert len(last["points"]) == 20
        assert last["mean"] == pytest.approx(np.mean(last["points"]))
    assert game["slipping"]["rule"]["mean"] < game["last"]["rule"]["mean"]

    run(script, tmp_path, "--seeds", "1", "--bricks-seeds", "1")
    assert "seed" not in capsys.readouterr().out  # nothing was trained again
    assert not list(tmp_path.rglob("*.part"))


def test_the_stored_agents_are_those_of_the_verdict(script, tmp_path):
    run(script, tmp_path, "--seeds", "1", "--bricks-seeds", "1")
    result = json.loads((tmp_path / "runs/ch09_dqn.json").read_text())
    stored = checkpoint.load(tmp_path / "models/ch09_bricks.safetensors")
    agent = script.bricks_agent(5)
    agent.network.load_state_dict(stored["network"])
    points, _ = script.bricks.scores(script.player(agent), games=20, seed=script.FRESH)
    assert points.tolist() == result["bricks"]["runs"][0]["last"]["agent"]["points"]
    stored = checkpoint.load(tmp_path / "models/ch09_cartpole.safetensors")
    agent = script.DQN(script.mlp(stored["sizes"], rng=np.random.default_rng(7)))
    agent.network.load_state_dict(stored["network"])
    last = script.play(agent, script.CartPoleVector(100), seed=script.FRESH)
    (whole,) = (r for r in result["cartpole"]["runs"] if (r["way"], r["seed"]) == ("DQN", 0))
    assert last.mean() == whole["chosen"]


def test_each_round_has_settings_of_its_own(script, monkeypatch, tmp_path):
    first, second = script.GAME["rounds"]
    assert list(script.stretches()) == [(first, 0), (first, 300), (second, 0)]
    made = []

    class Watched(script.Practice):
        def run(self, steps):
            first = len(self.memory), self.agent.huber, self.rate_line
            super().run(steps)
            made.append((*first, self.agent.optimiser.learning_rate))

    monkeypatch.setattr(script, "Practice", Watched)
    script.bricks_training(tmp_path, 0)
    assert [m[:3] for m in made] == [
        (0, 1.0, (1e-3, 0.0, 600)),
        (300, 1.0, (1e-3, 0.0, 600)),
        (0, np.inf, (3e-4, 0.0, 300)),
    ]
    assert [m[3] for m in made] == pytest.approx([5e-4, 0, 0])


@pytest.mark.parametrize("after", [1, 2])
def test_what_was_stopped_ends_as_if_it_had_not_been(script, tmp_path, monkeypatch, after):
    whole = script.bricks_training(tmp_path / "whole", 0)

    saved, save = [], script.checkpoint.save

    def stop(path, tree):
        save(path, tree)
        saved.append(path)
        if len(saved) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(script.checkpoint, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        script.bricks_training(tmp_path / "parts", 0)
    resumed = script.bricks_training(tmp_path / "parts", 0)
    assert resumed["record"]["steps"] == [300, 600, 900]
    for name, array in whole["network"].items():
        np.testing.assert_array_equal(resumed["network"][name], array)
    assert [resumed["record"][k] for k in ("training", "greedy", "q", "worth")] == [
        whole["record"][k] for k in ("training", "greedy", "q", "worth")
    ]


def test_other_settings_do_not_find_what_was_trained(script, tmp_path, monkeypatch):
    script.cartpole(tmp_path, "DQN", 0)
    monkeypatch.setattr(script, "STEPS", 800)
    result = script.cartpole(tmp_path, "DQN", 0)
    assert result["record"]["steps"] == [800]


def test_a_lesson_has_fewer_bricks_and_repeats(script):
    game, starts = script.Lesson(), []
    for seed in range(40):
        seen, _ = game.reset(seed=seed)
        starts.append(int(seen[script.bricks.BRICKS].sum()))
        np.testing.assert_array_equal(game.reset(seed=seed)[0], seen)
    assert 10 < starts.count(24) < 30
    assert len(set(starts)) > 8


def test_a_memory_of_both_sides_turns_half_of_what_it_gives(script):
    plain = script.ReplayMemory(6, (400,), np.uint8)
    both = script.BothSides(6, (400,), np.uint8)
    seen, _ = script.bricks.Bricks().reset(seed=0)
    after, _ = script.bricks.Bricks().reset(seed=1)
    for memory in (plain, both):
        memory.add(seen.ravel(), script.bricks.LEFT, 1.0, after.ravel(), False)
    places = np.zeros(4, int)
    (seen, *_), (turned, mirrored, *_, ended) = plain.take(places), both.take(places)
    np.testing.assert_array_equal(turned[2:], seen[2:])
    np.testing.assert_array_equal(
        turned[:2].reshape(2, 4, 10, 10), seen[:2].reshape(2, 4, 10, 10)[..., ::-1]
    )
    assert mirrored.tolist() == [script.bricks.RIGHT] * 2 + [script.bricks.LEFT] * 2
    assert not ended.any()
    np.testing.assert_array_equal(both.take(places)[3][2], after.ravel())
    np.testing.assert_array_equal(both.observations[0], plain.observations[0])  # itself unturned


def test_a_hand_that_slips_does_anything_now_and_then(script):
    seen = np.zeros((30_000, 1))
    steady = script.slipping(lambda seen: np.zeros(len(seen), int), 0.0, np.random.default_rng(0))
    assert not steady(seen).any()
    shaky = script.slipping(lambda seen: np.zeros(len(seen), int), 0.3, np.random.default_rng(0))
    counts = np.bincount(shaky(seen)) / len(seen)
    np.testing.assert_allclose(counts, [0.8, 0.1, 0.1], atol=0.01)


def test_a_curve_is_thinned_to_means(script):
    assert script.thinned([[1, 3.0], [2000, 5.0], [2001, 7.0], [9000, 1.0]]) == [
        [2000, 4.0],
        [4000, 7.0],
        [10_000, 1.0],
    ]
