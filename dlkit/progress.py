"""The learner's progress: a plain JSON file in the learner's own folder, which nothing sends away.

The file is `$DLKIT_PROGRESS` if that is set, else `progress.json` in the user's data folder
(`progress.path()` tells). Exercises write to it; two notebooks may do so at the same time.

    {"version": 1, "exercises": {"02/softmax": {
        "status": "right", "attempts": 3, "last": "2026-01-31T09:15:00+00:00"}}}
"""

import contextlib
import glob
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import platformdirs

RIGHT, WRONG = "right", "wrong"
Entries = dict[str, dict]


def path() -> Path:
    """Where the progress is kept."""
    chosen = os.environ.get("DLKIT_PROGRESS")
    if chosen:
        return Path(chosen).expanduser()
    return Path(platformdirs.user_data_dir("dlkit", appauthor=False)) / "progress.json"


def record(exercise: str, status: str) -> None:
    """Note one attempt at `exercise` ("02/softmax"), "right" or "wrong".

    What was right once stays right. If the file cannot be written, a warning says why and what to
    do; an exercise must not fail for that.
    """
    if not isinstance(exercise, str) or not exercise.strip():
        raise ValueError(f"exercise must be a name such as '02/softmax', got {exercise!r}")
    if status not in (RIGHT, WRONG):
        raise ValueError(f"status must be {RIGHT!r} or {WRONG!r}, got {status!r}")

    def note(entries: Entries) -> None:
        entry = entries.setdefault(exercise, {"status": WRONG, "attempts": 0})
        if entry["status"] != RIGHT:  # attempts after the solution are play
            entry["status"] = status
            entry["attempts"] += 1
        entry["last"] = datetime.now(UTC).isoformat(timespec="seconds")

    _change(note)


def read() -> Entries:
    """What is recorded: {exercise: {"status", "attempts" until right, "last" (time)}}."""
    try:
        return _load(path())
    except FileNotFoundError:
        return {}
    except OSError as error:
        _warn("read", error)
    except ValueError as error:
        warnings.warn(
            f"{path()} is damaged ({error}); it is moved aside at the next exercise.", stacklevel=2
        )
    return {}


def reset(exercise: str | None = None) -> None:
    """Forget one exercise, or everything. The old file stays beside the new one as a `.bak`.

    A name under which nothing is recorded changes nothing, and a warning lists those there are.
    """

    def forget(entries: Entries) -> None:
        if exercise is None:
            entries.clear()
        elif entries.pop(exercise, None) is None:
            there = ", ".join(sorted(entries)) or "nothing"
            warnings.warn(
                f"Nothing is recorded under {exercise!r}; recorded is: {there}.", stacklevel=4
            )

    _change(forget, keep_copy=True)


@dataclass(frozen=True)
class Summary:
    """Progress by chapter; notebooks show a table, terminals text."""

    # chapter, solved, tried, open: names of exercises not solved yet; listed: whether these are all
    rows: tuple[dict, ...]
    file: Path

    def __repr__(self) -> str:
        if not self.rows:
            return f"No exercise attempted yet. Progress will be kept in {self.file}."
        lines = [
            f"Chapter {row['chapter']}: {row['solved']} solved"
            + (f", open: {self._open(row)}" if row["open"] else "")
            for row in self.rows
        ]
        return "\n".join([*lines, f"Kept in {self.file}; it never leaves this machine."])

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{escape(repr(self))}</p>"
        body = [(row["chapter"], str(row["solved"]), self._open(row)) for row in self.rows]
        table = _table("Your exercises", ("Chapter", "Solved", "Still open"), body)
        place = escape(str(self.file))
        return f"{table}<p>Kept in <code>{place}</code>; it never leaves this machine.</p>"

    @staticmethod
    def _open(row: dict) -> str:
        names = ", ".join(row["open"]) or "none"
        return names if row["listed"] else f"{names} (of those tried)"


def summary(exercises: Iterable[str] = ()) -> Summary:
    """What is solved and what is open, by chapter.

    Knows the exercises that were attempted; `exercises` ("chapter/name") adds those that exist.
    A chapter of which none is given says that it speaks of those tried alone.
    """
    entries, exercises = read(), set(exercises)
    listed = {name.partition("/")[0] for name in exercises}
    chapters: dict[str, dict] = {}
    for name in sorted({*entries, *exercises}):
        chapter, _, short = name.partition("/")
        row = chapters.setdefault(
            chapter,
            {
                "chapter": chapter,
                "solved": 0,
                "tried": 0,
                "open": [],
                "listed": chapter in listed,
            },
        )
        solved = name in entries and entries[name]["status"] == RIGHT
        row["solved"] += solved
        row["tried"] += name in entries
        if not solved:
            row["open"].append(short or name)
    return Summary(tuple(chapters.values()), path())


@dataclass(frozen=True)
class ClassSummary:
    """A class' progress, for its teacher: who solved what, and where the class is stuck."""

    learners: dict[str, Entries]
    unreadable: dict[str, str] = field(default_factory=dict)  # file: why

    @property
    def exercises(self) -> list[dict]:
        """For each exercise: who `solved` it, who is `stuck` on it, the `attempts` of these, and
        who left it `untried`.

        Where most are stuck comes first.
        """
        rows = []
        for name in sorted({name for entries in self.learners.values() for name in entries}):
            tried = {who: e[name] for who, e in self.learners.items() if name in e}
            solved = [who for who, entry in tried.items() if entry["status"] == RIGHT]
            stuck = [who for who in tried if who not in solved]
            attempts = sum(tried[who]["attempts"] for who in stuck)
            untried = [who for who in self.learners if who not in tried]
            rows.append(
                {
                    "exercise": name,
                    "solved": solved,
                    "stuck": stuck,
                    "attempts": attempts,
                    "untried": untried,
                }
            )
        return sorted(rows, key=lambda row: (-len(row["stuck"]), -row["attempts"]))

    def _cells(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        by_exercise = []
        for row in self.exercises:
            solved = f"{len(row['solved'])} of {len(self.learners)}"
            plural = "" if row["attempts"] == 1 else "s"
            stuck = f"{', '.join(row['stuck'])} ({row['attempts']} attempt{plural})"
            untried = ", ".join(row["untried"]) or "nobody"
            by_exercise.append(
                (row["exercise"], solved, stuck if row["stuck"] else "nobody", untried)
            )
        by_learner = [
            (
                who,
                ", ".join(n for n, e in sorted(entries.items()) if e["status"] == RIGHT) or "none",
                ", ".join(n for n, e in sorted(entries.items()) if e["status"] != RIGHT) or "none",
            )
            for who, entries in sorted(self.learners.items())
        ]
        return by_exercise, by_learner

    def __repr__(self) -> str:
        by_exercise, by_learner = self._cells()
        lines = [f"{len(self.learners)} learners"]
        lines += [
            f"{name}: solved by {solved}, stuck: {stuck}, not tried: {untried}"
            for name, solved, stuck, untried in by_exercise
        ]
        lines += [f"{who}: solved {solved}; open {rest}" for who, solved, rest in by_learner]
        lines += [f"{file} was left out: {why}" for file, why in self.unreadable.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        by_exercise, by_learner = self._cells()
        where = ("Exercise", "Solved by", "Stuck", "Not tried")
        left_out = "".join(
            f"<p>{escape(file)} was left out: {escape(why)}</p>"
            for file, why in self.unreadable.items()
        )
        return (
            _table("Where the class is", where, by_exercise)
            + _table("Who solved what", ("Learner", "Solved", "Tried, not solved"), by_learner)
            + left_out
        )


def class_summary(paths: str | Path | Iterable[str | Path]) -> ClassSummary:
    """Read the progress files that learners handed in: a folder of .json files, or their paths.

    A learner is called as the file is; `progress.json` is called as its folder is. Files that
    cannot be read are listed, not fatal. Raises `ValueError` where there is no file at all.
    """
    if isinstance(paths, str | Path):
        folder = Path(paths)
        files = sorted(folder.rglob("*.json")) if folder.is_dir() else [folder]
    else:
        files = [Path(p) for p in paths]
    if not files:
        raise ValueError(f"paths must name progress files or a folder with some, got {paths!s}")
    learners: dict[str, Entries] = {}
    unreadable: dict[str, str] = {}
    for file in files:
        who = file.resolve().parent.name if file.stem == "progress" else file.stem
        if who in learners:  # two of one name in two folders
            who = str(file)
        try:
            learners[who] = _load(file)
        except OSError as error:
            unreadable[str(file)] = error.strerror or str(error)
        except ValueError as error:
            unreadable[str(file)] = str(error)
    return ClassSummary(learners, unreadable)


def _load(file: Path) -> Entries:
    """The entries of a progress file; `ValueError` if it is not one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:  # also UnicodeDecodeError
        raise ValueError("it is no JSON text") from None
    entries = content.get("exercises") if isinstance(content, dict) else None
    if not isinstance(entries, dict) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("status"), str)
        and isinstance(entry.get("attempts"), int)
        for entry in entries.values()
    ):
        raise ValueError("it is no progress file of this course")
    return entries


def _change(change, *, keep_copy: bool = False) -> None:
    """Read, change and write the file while no other notebook does."""
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file):
            for left in file.parent.glob(glob.escape(file.name) + "*.tmp"):
                left.unlink(missing_ok=True)  # by a writer that was killed
            try:
                entries = _load(file)
            except FileNotFoundError:
                entries = {}
            except ValueError as error:
                entries = {}
                aside = _unused(file.with_suffix(".broken.json"))
                os.replace(file, aside)
                warnings.warn(
                    f"{file} was damaged ({error}): it was moved to {aside}, and a new one begun.",
                    stacklevel=4,
                )
            if keep_copy and file.exists():
                _write(file.with_suffix(".bak"), file.read_text(encoding="utf-8"))
            change(entries)
            content = {"version": 1, "exercises": entries}
            _write(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        _warn("saved", error)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    from filelock import FileLock

    with FileLock(file.with_name(file.name + ".lock"), timeout=10):
        yield


def _write(file: Path, text: str) -> None:
    """Under a temporary name, then moved: whoever reads sees the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _unused(file: Path) -> Path:
    """`file`, or with a number where that exists: what was moved aside is never overwritten."""
    number = 1
    candidate = file
    while candidate.exists():
        number += 1
        candidate = file.with_stem(f"{file.stem}{number}")
    return candidate


def _warn(done: str, error: OSError) -> None:
    warnings.warn(
        f"Your progress could not be {done} in {path()} ({error.strerror or error}): make that file"
        " writable, or let the environment variable DLKIT_PROGRESS name another.",
        stacklevel=4,
    )


def _table(caption: str, head: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    """An HTML table that a screen reader can walk: a caption, and heads of columns and rows."""
    left = "style='text-align:left'"
    columns = "".join(f"<th scope='col' {left}>{escape(cell)}</th>" for cell in head)
    rows = "".join(
        f"<tr><th scope='row' {left}>{escape(first)}</th>"
        + "".join(f"<td {left}>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in body
    )
    return (
        f"<table><caption {left}><b>{escape(caption)}</b></caption>"
        f"<thead><tr>{columns}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
