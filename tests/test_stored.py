"""A stored run is written whole or not at all, and says where it comes from."""

import json

import pytest

from tools.stored import keep, origin


def test_a_tree_comes_back_with_a_list_on_one_line(tmp_path):
    tree = {"what": "€ [not, a list]", "points": [[1, 2.5], [3, None]], "deep": {"x": [True, "y"]}}
    keep(tmp_path / "new" / "run.json", tree)
    text = (tmp_path / "new" / "run.json").read_text("utf-8")
    assert json.loads(text) == tree
    assert "[1, 2.5]" in text.replace("[ ", "[").replace(" ]", "]")


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    keep(tmp_path / "run.json", {"a": 1})
    with pytest.raises(TypeError):
        keep(tmp_path / "run.json", {"a": object()})
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_origin_names_command_machine_and_versions():
    made = origin("a net", "make reproduce CHAPTER=00", torch="2.0")
    assert list(made) == ["what", "command", "date", "machine", "versions"]
    assert made["machine"].endswith(", one thread")
    assert {"dlkit", "numpy", "torch", "python"} == set(made["versions"])
