"""Trees of arrays survive the file, and nothing half-written stays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlkit import checkpoint

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | arrays(np.float32, (2, 3), elements=st.floats(-1, 1, width=32))
    | arrays(np.int64, (), elements=st.integers(-5, 5))
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


def equal(one, two):
    if isinstance(one, np.ndarray):
        return isinstance(two, np.ndarray) and one.dtype == two.dtype and np.array_equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(equal, one, two))
    return type(one) is type(two) and one == two


@given(trees)
def test_whatever_is_saved_comes_back(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("tree") / "file.safetensors"
    checkpoint.save(path, tree)
    assert equal(tree, checkpoint.load(path))


@pytest.mark.parametrize(
    "tree",
    [
        {0: np.zeros(2), "0": np.ones(2)},
        {"a/b": np.zeros(2), "a": {"b": np.ones(2)}},
        {"": np.zeros(2), "array": np.ones(2), "/": np.full(2, 2.0)},
        {"$array": "x", "$pairs": [[1, 2]], "$": np.ones(2)},
        {"turned": np.arange(6).reshape(2, 3).T, "part": np.arange(6)[::2]},
    ],
)
def test_odd_names_and_odd_arrays_come_back(tree, tmp_path):
    checkpoint.save(tmp_path / "a", tree)
    assert equal(tree, checkpoint.load(tmp_path / "a"))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"x": np.complex64(1)}, "tree/x must be an array, number, text or None"),
        ({"x": np.array(["a"])}, "tree/x must be an array, number, text or None"),
        ({"x": np.array([None])}, "tree/x must be an array, number, text or None"),
        ({"x": {1, 2}}, "tree/x must be an array, number, text or None"),
        ({"x": {(1, 2): 3}}, r"tree/x's keys must be text or numbers, got \(1, 2\)"),
        ({"x": torch.ones(2, dtype=torch.bfloat16)}, "tree/x has a dtype that NumPy has not"),
    ],
)
def test_what_would_not_come_back_is_not_saved(tree, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        checkpoint.save(tmp_path / "a", tree)
    assert not list(tmp_path.iterdir())


def test_torch_state_comes_back(tmp_path):
    module = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(module.parameters())
    module(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    checkpoint.save(tmp_path / "a", optimiser.state_dict())
    state = checkpoint.load(tmp_path / "a")["state"]
    np.testing.assert_array_equal(
        state[0]["exp_avg"], optimiser.state_dict()["state"][0]["exp_avg"].numpy()
    )


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.safetensors"
    checkpoint.save(path, {"epoch": 1})
    with pytest.raises(ValueError, match="tree/model must be an array, number, text or None"):
        checkpoint.save(path, {"model": object()})
    assert checkpoint.load(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_failed_write_leaves_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    checkpoint.save(path, {"epoch": 1})

    def full(_, file, **__):
        Path(file).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(path, {"epoch": 2})
    assert checkpoint.load(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_damaged_file_is_explained(tmp_path):
    path = tmp_path / "run.safetensors"
    checkpoint.save(path, {"weight": np.ones(1000)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"run.safetensors is damaged or no checkpoint"):
        checkpoint.load(path)


def test_a_foreign_safetensors_file_is_explained(tmp_path):
    from safetensors.numpy import save_file

    save_file({"weight": np.ones(3)}, tmp_path / "other")
    with pytest.raises(ValueError, match="not a checkpoint of dlkit"):
        checkpoint.load(tmp_path / "other")
