"""Chapter 08's stored runs, on a little: the net learns, is written, and nothing is run twice."""

import json
from pathlib import Path

import numpy as np
import pytest

from dlkit import checkpoint
from dlkit.data import Text, austen
from tests.scripts import load

ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script with a small net, a short text and a small budget."""
    module = load("ch08_rnn")
    settings = {
        "austen": lambda: Text(austen().text[5000:25000]),
        "UNITS": 12,
        "STREAMS": 4,
        "STEPS": 20,
        "LAGS": (2, 4),
        "SEEDS": (0,),
        "BUDGET": 20,
        "EVERY": 10,
        "KEPT": tmp_path / "kept",
    }
    for name, value in settings.items():
        monkeypatch.setattr(module, name, value)
    return module


def run(script, tmp_path, *more):
    out, weights = tmp_path / "rnn.json", tmp_path / "writer.safetensors"
    script.main(["--out", str(out), "--writer", str(weights), "--passes", "2", *more])
    return json.loads(out.read_text()), weights


def test_everything_is_there_and_the_net_learns(script, tmp_path):
    result, weights = run(script, tmp_path)
    first, last = result["writer"]["curve"]
    assert last["test"] < first["test"] < np.log2(75)
    assert result["writer"]["bytes"] == weights.stat().st_size
    runs = result["copying"]["runs"]
    wanted = [(n, k, rate) for n in (2, 4) for k, rates in script.RATES.items() for rate in rates]
    assert [(r["lag"], r["kind"], r["rate"]) for r in runs] == wanted
    assert all(0 <= share <= 1 for r in runs for share in r["right"])
    assert {"date", "machine", "versions", "command"} <= result.keys()


def test_the_stored_weights_give_the_stored_bits(script, tmp_path):
    result, weights = run(script, tmp_path, "--lags", "2")
    tree, text = checkpoint.load(weights), script.austen()
    assert tree["symbols"] == text.symbols
    net = script.writer(len(text.symbols), tree["units"], np.random.default_rng(0))
    net.load_state_dict(tree["net"])
    bits = script.bits(net, text.split(0.1)[1], len(text.symbols))
    assert bits == pytest.approx(result["writer"]["test"], rel=1e-6)


def test_what_is_kept_is_not_trained_again(script, tmp_path, monkeypatch):
    before, _ = run(script, tmp_path, "--lags", "2")

    def refuse(*arguments, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr(script, "clip_gradients", refuse)
    after, _ = run(script, tmp_path, "--lags", "2")
    assert after["copying"] == before["copying"]
    assert after["writer"] == before["writer"]


def test_the_shipped_run_belongs_to_the_shipped_weights():
    root = ASSETS
    writer = json.loads((root / "runs/ch08_rnn.json").read_text())["writer"]
    assert writer["bytes"] == (root / "models/ch08_writer.safetensors").stat().st_size
    assert checkpoint.load(root / "models/ch08_writer.safetensors")["units"] == writer["units"]


def test_both_cells_have_a_plain_start_and_one_that_reaches_further(script):
    starts = {kind: script.cell(kind, 30, np.random.default_rng(0)) for kind in script.RATES}
    plain, far = starts["Elman"].weight_hh_l0, starts["Elman, radius 1"].weight_hh_l0
    assert np.abs(np.linalg.eigvals(plain)).max() == pytest.approx(0.58, abs=0.05)
    assert np.abs(np.linalg.eigvals(far)).max() == pytest.approx(1)
    plain, far = (starts[f"LSTM, bias {b}"].bias_ih_l0[32:64].mean() for b in ("1", "ln lag"))
    assert far - plain == pytest.approx(np.log(30) - 1, abs=1e-5)


def test_the_shipped_runs_are_those_of_the_script(script):
    runs = json.loads((ASSETS / "runs/ch08_rnn.json").read_text())["copying"]["runs"]
    assert {(r["kind"], r["rate"]) for r in runs} == {
        (kind, rate) for kind, rates in script.RATES.items() for rate in rates
    }
    assert {r["lag"] for r in runs} == {10, 30, 60}


@pytest.mark.parametrize("lag", [30, 60])
def test_where_a_net_fails_its_best_learning_rate_lies_between_others(script, lag):
    """A rate at the end of those tried would say that a better one has been left out."""
    runs = json.loads((ASSETS / "runs/ch08_rnn.json").read_text())["copying"]["runs"]
    for kind, rates in script.RATES.items():
        right = dict.fromkeys(rates, 0.0)
        for run in runs:
            if (run["lag"], run["kind"]) == (lag, kind):
                right[run["rate"]] += min(run["right"][-1], 0.99)
        assert min(rates) < max(right, key=right.__getitem__) < max(rates), (kind, right)


def test_unknown_lag_gets_a_sentence(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--lags", "7"])
    assert "--lags must be among 2, 4" in capsys.readouterr().err
