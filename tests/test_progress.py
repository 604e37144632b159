"""Progress is kept, whatever happens to the file: other notebooks, kills, damage, a full disk."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from dlkit import progress


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_right_stays_right_and_attempts_are_counted():
    for status in ("wrong", "wrong", "right", "wrong"):
        progress.record("02/softmax", status)
    entry = progress.read()["02/softmax"]
    assert entry["status"] == "right"
    assert entry["attempts"] == 3
    assert entry["last"].endswith("+00:00")


def test_file_is_plain_json_and_holds_nothing_else():
    progress.record("02/softmax", "wrong")
    content = json.loads(progress.path().read_text("utf-8"))
    assert set(content) == {"version", "exercises"}
    assert set(content["exercises"]["02/softmax"]) == {"status", "attempts", "last"}


def test_nothing_recorded_is_no_file():
    assert progress.read() == {}
    assert not progress.path().exists()
    assert "No exercise attempted yet" in repr(progress.summary())


def test_path_follows_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "new folder/mine.json"))
    progress.record("01/and", "right")
    assert (tmp_path / "new folder/mine.json").is_file()
    monkeypatch.delenv("DLKIT_PROGRESS")
    assert progress.path().name == "progress.json"
    assert "dlkit" in str(progress.path())


@pytest.mark.parametrize(
    ("exercise", "status", "named"),
    [("", "right", "exercise"), (3, "right", "exercise"), ("01/and", "solved", "status")],
)
def test_bad_arguments(exercise, status, named):
    with pytest.raises(ValueError, match=f"{named} must be"):
        progress.record(exercise, status)
    assert progress.read() == {}


# ---------------------------------------------------------------------------- the file survives

RECORD = """
import sys, warnings
warnings.simplefilter("error")
from dlkit import progress
for i in range(int(sys.argv[2])):
    progress.record(f"{sys.argv[1]}/{i}", "right")
"""


def test_notebooks_at_the_same_time_lose_nothing():
    writers = [
        subprocess.Popen([sys.executable, "-c", RECORD, f"0{writer}", "40"]) for writer in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert set(progress.read()) == {f"0{w}/{i}" for w in range(3) for i in range(40)}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_writer_leaves_a_whole_file():
    progress.record("01/and", "right")
    for pause in (0.0, 0.01, 0.02):
        writer = subprocess.Popen([sys.executable, "-c", RECORD, "02", "100000"])
        while "02/0" not in progress.read():
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert progress.read()["01/and"]["status"] == "right"
        progress.reset("02/0")
    progress.record("01/or", "right")  # no lock stays behind, and nothing half-written
    assert not list(progress.path().parent.glob("*.tmp"))


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"version": 1, "exerc',
        b"\xff\xfe\x00",
        b"[]",
        b'{"exercises": []}',
        b'{"exercises": {"01/and": "right"}}',
        b'{"exercises": {"01/and": {"status": "right", "attempts": "three"}}}',
    ],
)
def test_damaged_file_is_moved_aside(damage):
    file = progress.path()
    file.write_bytes(damage)
    with pytest.warns(UserWarning, match="damaged"):
        assert progress.read() == {}
    assert file.read_bytes() == damage  # reading changes nothing
    with pytest.warns(UserWarning, match="moved to"):
        progress.record("01/or", "right")
    assert set(progress.read()) == {"01/or"}
    assert file.with_name("progress.broken.json").read_bytes() == damage


def test_second_damaged_file_does_not_replace_the_first():
    file = progress.path()
    for damage in ("first", "second"):
        file.write_text(damage)
        with pytest.warns(UserWarning, match="moved to"):
            progress.record("01/or", "right")
    kept = {path.read_text() for path in file.parent.glob("*broken*")}
    assert kept == {"first", "second"}


def test_file_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "in the way").write_text("no folder")
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "in the way/progress.json"))
    with pytest.warns(UserWarning, match="could not be saved in .*DLKIT_PROGRESS"):
        progress.record("01/and", "right")
    with pytest.warns(UserWarning, match="could not be read"):
        assert progress.read() == {}


def test_full_disk_keeps_the_old_file(monkeypatch):
    progress.record("01/and", "right")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left"):
        progress.record("01/or", "right")
    assert set(progress.read()) == {"01/and"}
    assert not list(progress.path().parent.glob("*.tmp"))


def test_reset_of_one_and_of_all_keeps_a_copy():
    progress.record("01/and", "right")
    progress.record("01/or", "right")
    progress.reset("01/or")
    assert set(progress.read()) == {"01/and"}
    progress.reset()
    assert progress.read() == {}
    copy = json.loads(progress.path().with_suffix(".bak").read_text("utf-8"))
    assert set(copy["exercises"]) == {"01/and"}
    progress.record("01/and", "right")
    with pytest.warns(UserWarning, match="under 'never attempted'; recorded is: 01/and"):
        progress.reset("never attempted")


# ---------------------------------------------------------------------------- tables


def test_summary_counts_by_chapter():
    progress.record("01/and", "right")
    progress.record("01/or", "wrong")
    progress.record("02/<b>", "wrong")
    summary = progress.summary(["01/and", "01/not", "03/later"])
    assert [(r["chapter"], r["solved"], r["tried"], r["open"]) for r in summary.rows] == [
        ("01", 1, 2, ["not", "or"]),
        ("02", 0, 1, ["<b>"]),
        ("03", 0, 0, ["later"]),
    ]
    assert "Chapter 01: 1 solved, open: not, or" in repr(summary)
    page = summary._repr_html_()
    assert "<caption" in page
    assert "scope='row'" in page
    assert "&lt;b&gt;" in page
    assert "<td style='text-align:left'><b>" not in page


def test_a_summary_knows_of_no_more_than_was_tried_or_given():
    """A chapter with one exercise tried of nine, and solved, had "none" still open."""
    progress.record("01/and", "right")
    progress.record("02/softmax", "wrong")
    page = progress.summary(["00/waiting"])._repr_html_()
    assert ">none (of those tried)</td>" in page
    assert ">softmax (of those tried)</td>" in page
    assert ">waiting</td>" in page
    assert ">none</td>" in progress.summary(["01/and"])._repr_html_()
    assert "open: softmax (of those tried)" in repr(progress.summary())


def hand_in(folder, name, **exercises):
    """A learner's file, with a status and attempts for each exercise."""
    entries = {
        exercise.replace("_", "/"): {"status": status, "attempts": attempts}
        for exercise, (status, attempts) in exercises.items()
    }
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": 1, "exercises": entries}), "utf-8")
    return file


def test_class_summary_says_who_solved_what_and_where_the_class_is_stuck(tmp_path):
    hand_in(tmp_path, "ada.json", ex_and=("right", 1), ex_xor=("wrong", 5))
    hand_in(tmp_path, "ben.json", ex_and=("right", 2), ex_xor=("wrong", 2), ex_or=("wrong", 9))
    hand_in(tmp_path, "cleo/progress.json", ex_xor=("right", 3))
    (tmp_path / "dan.json").write_text("{")
    group = progress.class_summary(tmp_path)
    assert set(group.learners) == {"ada", "ben", "cleo"}
    rows = [tuple(row.values()) for row in group.exercises]
    assert rows == [  # exercise, solved, stuck, attempts, untried
        ("ex/xor", ["cleo"], ["ada", "ben"], 7, []),
        ("ex/or", [], ["ben"], 9, ["ada", "cleo"]),
        ("ex/and", ["ada", "ben"], [], 0, ["cleo"]),
    ]
    assert list(group.unreadable) == [str(tmp_path / "dan.json")]
    assert "ex/xor: solved by 1 of 3, stuck: ada, ben (7 attempts)" in repr(group)
    page = group._repr_html_()
    assert page.count("<caption") == 2
    assert "dan.json was left out: it is no JSON text" in page


def test_class_summary_of_listed_files_and_of_two_with_one_name(tmp_path):
    files = [hand_in(tmp_path / room, "ada.json", ex_and=("right", 1)) for room in ("1a", "1b")]
    group = progress.class_summary([*files, tmp_path / "absent.json"])
    assert set(group.learners) == {"ada", str(files[1])}
    assert "No such file" in group.unreadable[str(tmp_path / "absent.json")]
    assert set(progress.class_summary(str(files[0])).learners) == {"ada"}


def test_class_summary_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="paths must name progress files"):
        progress.class_summary(tmp_path)


def test_class_summary_escapes_what_learners_wrote(tmp_path):
    hand_in(tmp_path, "a&b.json", **{"<script>": ("wrong", 1)})
    page = progress.class_summary(tmp_path)._repr_html_()
    assert "<script>" not in page
    assert "a&amp;b" in page


def test_nothing_leaves_the_machine():
    """The module has no way out: it imports nothing that speaks to a network."""
    code = (
        "import sys, dlkit.progress as p; p.record('01/and', 'right'); p.summary();"
        "sys.exit(bool({'requests', 'pooch', 'http.client', 'urllib3'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
