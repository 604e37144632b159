"""What `make` says where it cannot do its work: one sentence, and no traceback."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Root may write everywhere: a test that is run by root lets somebody else run make.
SOMEBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def make(folder, *words, environment=(), **options):
    done = subprocess.run(
        ["make", *words],
        cwd=folder,
        env=os.environ | dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )
    assert done.returncode
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def folder():
    """A folder with a Makefile and an environment that is ready, open for everybody to read."""
    with tempfile.TemporaryDirectory(prefix="Kurs für alle ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "chapters").mkdir()
        for file in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / file, folder)
        python = folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        (folder / ".venv" / ".ready").write_text(f"{folder.resolve()}\n")
        yield folder


def test_a_home_that_cannot_be_written(folder):
    said = make(folder, "lab", environment={"HOME": "/dev/null/me", "JUPYTER_RUNTIME_DIR": ""})
    assert "'/dev/null/me' is none: name another (HOME=/tmp/me make lab)" in said


@pytest.mark.parametrize("stale", ["moved", "older"])
def test_an_environment_that_is_somebody_elses(folder, stale):
    if stale == "moved":
        (folder / ".venv" / ".ready").write_text("/elsewhere\n")
    else:
        os.utime(folder / ".venv" / ".ready", (0, 0))
    (folder / ".venv").chmod(0o555)
    folder.chmod(0o555)
    try:
        said = make(folder, "lab", **SOMEBODY)
    finally:
        folder.chmod(0o755)
        (folder / ".venv").chmod(0o755)
    assert "you may not write there: ask its owner for 'make setup'" in said
    assert "Permission denied" not in said
