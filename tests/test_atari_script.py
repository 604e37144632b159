"""The training script for Atari games, on a made-up console: it learns, keeps, and goes on."""

import importlib.util
import json
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from dlkit import checkpoint
from dlkit.models.dqn_torch import nature_network

SCRIPT = Path(__file__).parents[1] / "tools/atari.py"


class Screen(gymnasium.Env):
    """Pictures of noise; a game lasts seven steps and every action 1 is worth 2 points."""

    observation_space = Box(0, 255, (4, 84, 84), np.uint8)
    action_space = Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        self.stack = np.repeat(self.frame(), 4, axis=0)
        return self.stack, {}

    def step(self, action):
        self.time += 1
        self.stack = np.concatenate([self.stack[1:], self.frame()])
        return self.stack, 2.0 * (action == 1), self.time == 7, False, {}

    def frame(self):
        return self.np_random.integers(0, 256, (1, 84, 84), dtype=np.uint8)


def consoles(game, num_envs, *, training):
    return SyncVectorEnv([Screen] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("atari_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings(script, folder, steps=24):
    small = "--worlds 2 --memory 64 --begin 8 --batch 4 --look-every 12 --look-games 2"
    more = ["--steps", str(steps), "--folder", str(folder), "--device", "cpu"]
    return script.settings_of([*small.split(), "--every", "6", "--target-every", "2", *more])


def test_it_learns_looks_and_keeps(script, tmp_path):
    record = script.train(settings(script, tmp_path), consoles)
    assert [look["steps"] for look in record["looks"]] == [12, 24]
    assert record["looks"][-1]["updates"] == 3  # 17 steps since step 8, one for every 6
    for look in record["looks"]:
        assert len(look["points"]) == 2
        assert 0 <= look["mean"] <= 14
    assert json.loads((tmp_path / "training.json").read_text())["looks"] == record["looks"]
    agent = checkpoint.load(tmp_path / "agent.safetensors")
    assert agent["told"]["actions"] == 3
    net = nature_network(3, device="cpu")
    net.load_state_dict({name: torch.as_tensor(array) for name, array in agent["network"].items()})
    assert {path.name for path in tmp_path.iterdir()} == {
        "agent.safetensors",
        "state.safetensors",
        "training.json",
    }


def test_it_goes_on_from_the_last_look(script, tmp_path, capsys):
    script.train(settings(script, tmp_path, steps=12), consoles)
    before = checkpoint.load(tmp_path / "state.safetensors")
    told = capsys.readouterr().out
    assert told.count("steps:") == 1
    record = script.train(settings(script, tmp_path, steps=36), consoles)
    assert capsys.readouterr().out.count("steps:") == 2
    assert [look["steps"] for look in record["looks"]] == [12, 24, 36]
    after = checkpoint.load(tmp_path / "state.safetensors")
    assert after["updates"] > before["updates"]
    assert any(
        not np.array_equal(after["network"][name], before["network"][name])
        for name in after["network"]
    )
    # the optimiser's moments went on, too
    steps = {int(np.asarray(own["step"])) for own in after["optimiser"]["state"].values()}
    assert steps == {after["updates"]}
    assert script.train(settings(script, tmp_path, steps=36), consoles) == record


def test_what_was_resumed_is_what_was_kept(script, tmp_path):
    asked = settings(script, tmp_path, steps=24)
    script.train(asked, consoles)
    kept = checkpoint.load(tmp_path / "state.safetensors")
    agent = script.DQN(nature_network(3, device="cpu"))
    record, done = script.resume(asked, agent)
    assert (done, agent.updates) == (24, kept["updates"])
    assert record == kept["record"]
    for name, array in kept["target"].items():
        np.testing.assert_array_equal(agent.target.state_dict()[name].numpy(), array)


def test_another_game_is_not_mixed_in(script, tmp_path):
    script.train(settings(script, tmp_path, steps=12), consoles)
    asked = settings(script, tmp_path)
    asked.game = "Pong"
    with pytest.raises(SystemExit, match="belongs to Breakout: name another --folder"):
        script.train(asked, consoles)


def test_without_ale_py_it_says_what_to_do_and_writes_nothing(script, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(SystemExit, match="Atari games need ale-py, which is not installed: run"):
        script.main(["--folder", str(tmp_path / "new"), "--worlds", "1", "--device", "cpu"])
    assert not (tmp_path / "new").exists()
