"""Texts arrive whole, and their characters survive the way to numbers and back."""

import os
from pathlib import Path

import numpy as np
import pytest

from dlkit.data import austen, files, text, tiny_shakespeare
from dlkit.data.files import DataError
from dlkit.data.text import Text, one_hot, streams

FULL = Path(os.environ.get("DLKIT_DATA") or Path(__file__).parents[3] / "shared/data")
needs_full = pytest.mark.skipif(
    not (FULL / "tiny-shakespeare").is_dir(), reason="needs tiny Shakespeare in DLKIT_DATA"
)


def test_the_novel_is_there_from_its_title_to_its_end():
    novel = austen()
    assert len(novel.text) == 466_854
    assert novel.text.startswith("Persuasion\n")
    assert novel.text.rstrip().endswith("Finis")
    assert "Sir Walter Elliot, of Kellynch Hall, in Somersetshire" in novel.text
    assert "\r" not in novel.text
    assert "Gutenberg" not in novel.text  # no header or licence text of theirs inside
    assert len(novel.symbols) == 75
    assert repr(novel).startswith("Persuasion: 466,854 characters, 75 different ones\n")


def test_there_and_back():
    novel = austen()
    assert novel.decode(novel.codes) == novel.text
    assert novel.codes.dtype == np.int64
    assert set(np.unique(novel.codes)) == set(range(75))
    assert list(novel.symbols) == sorted(novel.symbols)
    assert novel.decode([]) == ""
    assert novel.encode("").shape == (0,)


def test_the_last_part_is_for_the_test():
    some = Text("abcdefghij" * 10)
    learn, test = some.split(0.25)
    assert (len(learn), len(test)) == (75, 25)
    assert some.decode(np.concatenate([learn, test])) == some.text
    assert len(some.split(0.0)[1]) == 0


def test_what_is_not_in_the_text_is_named():
    some = Text("abc", "alphabet")
    with pytest.raises(ValueError, match="alphabet has no character 'é'"):
        some.encode("abé")
    with pytest.raises(ValueError, match=r"codes must lie in 0 … 2, got 3"):
        some.decode([0, 3])
    with pytest.raises(ValueError, match="test_fraction must"):
        some.split(2)


def test_streams_go_on_in_the_next_row():
    cut = streams(np.arange(23), 4)
    assert cut.shape == (5, 4)
    assert (np.diff(cut, axis=0) == 1).all()
    np.testing.assert_array_equal(cut[0], [0, 5, 10, 15])
    with pytest.raises(ValueError, match="n must be between 1 and 3"):
        streams(np.arange(3), 4)


def test_one_hot():
    rows = one_hot(np.array([[0, 2], [1, 1]]), 3)
    assert rows.shape == (2, 2, 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.argmax(axis=2), [[0, 2], [1, 1]])
    assert rows.sum() == 4
    with pytest.raises(ValueError, match="codes must lie in"):
        one_hot([3], 3)


@needs_full
def test_tiny_shakespeare(monkeypatch):
    monkeypatch.setenv("DLKIT_DATA", str(FULL))
    plays = tiny_shakespeare()
    assert len(plays.text) == 1_115_394
    assert plays.text.startswith("First Citizen:")
    assert len(plays.symbols) == 65
    short = tiny_shakespeare(full=False)
    assert short.text == plays.text[: text.SHORT]


def test_without_a_network_one_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("DLKIT_DATA", raising=False)
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(text, "SHAKESPEARE_ADDRESSES", ("http://127.0.0.1:1/",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DataError, match=r"input\.txt could not be downloaded .* folder tiny-shak"):
        tiny_shakespeare(progress=False)


def test_what_is_no_text_and_what_are_no_codes():
    for wrong in (None, 5, b"abc", ["a", "b"]):
        with pytest.raises(ValueError, match=f"text must be a string, got {type(wrong).__name__}"):
            Text(wrong)
    for codes in ("hello", None, Text("hello")):
        with pytest.raises(ValueError, match="codes must hold real numbers"):
            streams(codes, 2)
    for classes in (0, -3, 2.5, "a", None, [0, 1]):
        with pytest.raises(ValueError, match="classes must be"):
            one_hot([0], classes)
    assert one_hot([1], 3.0).shape == (1, 3)
