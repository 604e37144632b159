"""The doctor finds what is wrong, names the command that mends it, and never falls ill itself."""

import builtins
import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import dlkit
from dlkit import progress
from dlkit.data import files

ROOT = Path(__file__).parents[1]
doctor = dlkit.doctor  # the module, which can be called


def row(report, what):
    (found,) = [r for r in report.rows if r.what == what]
    return found


@pytest.fixture
def missing(monkeypatch):
    """Make a package look not installed."""

    def hide(name):
        version, load = importlib.metadata.version, builtins.__import__

        def no_version(asked):
            if asked == name:
                raise importlib.metadata.PackageNotFoundError(name)
            return version(asked)

        def no_import(asked, *rest):
            if asked.split(".")[0] == name:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return load(asked, *rest)

        monkeypatch.setattr(importlib.metadata, "version", no_version)
        monkeypatch.setattr(builtins, "__import__", no_import)

    return hide


def test_this_machine_is_ready():
    report = dlkit.doctor()
    assert not report.problems
    assert report.verdict == "This machine is ready for the course."
    looked_at = {r.what for r in report.rows}
    assert looked_at >= {
        "Python",
        "Packages",
        "Widgets",
        "Processor",
        "Memory",
        "torch",
        "Data",
        "Progress",
        "Downloads",
    }
    assert "numpy 2" in row(report, "Packages").found
    assert re.search(r"will use the (processor|GPU)|Mac's GPU", row(report, "torch").found)


CALLS = [
    "import dlkit; r = dlkit.doctor()",
    "from dlkit import doctor; r = doctor()",
    "from dlkit.doctor import Report; import dlkit; r = dlkit.doctor()",
    "from dlkit.doctor import doctor; r = doctor()",
]


@pytest.mark.parametrize("call", CALLS)
def test_it_is_called_however_it_is_imported(call):
    code = f"import sys; sys.modules['torch'] = None; {call}; r.rows"  # torch would only be slow
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_it_takes_little_more_than_torch():
    code = (
        "import time; start = time.perf_counter(); import torch; torch_ = time.perf_counter();"
        "import dlkit; dlkit.doctor(); print(time.perf_counter() - torch_)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        )
        for _ in range(2)
    ]
    assert min(float(run.stdout) for run in runs) < 1.5


def test_second_visit_is_quick():
    dlkit.doctor()
    start = time.perf_counter()
    dlkit.doctor()
    assert time.perf_counter() - start < 0.5


# ---------------------------------------------------------------------------- illnesses


@pytest.mark.parametrize("name", ["torch", "ipywidgets", "anywidget", "pooch"])
def test_missing_package(missing, name):
    missing(name)
    report = dlkit.doctor()
    (problem,) = [r for r in report.problems if r.what == name and "not installed" in r.found][:1]
    assert f"-m pip install '{name}>=" in problem.remedy or f"install {name}" in problem.remedy
    assert shlex.split(problem.remedy)[0] == sys.executable


def test_without_torch_and_widgets_in_a_fresh_process():
    code = (
        "import sys; sys.modules.update(torch=None, ipywidgets=None, anywidget=None);"
        "import dlkit; r = dlkit.doctor(); print(*[p.what for p in r.problems])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.split() == ["torch"]  # the files of the widgets are still there


def test_missing_front_end_is_a_note(missing):
    missing("jupyterlab")
    assert row(dlkit.doctor(), "jupyterlab").verdict == "note"


def test_old_package(monkeypatch):
    version = importlib.metadata.version
    old = {"numpy": "1.26.4", "scipy": "1.9", "torch": "2.10.0+cpu"}
    monkeypatch.setattr(importlib.metadata, "version", lambda n: old.get(n) or version(n))
    report = dlkit.doctor()
    assert {p.what for p in report.problems} == {"numpy", "scipy"}  # 2.10 is newer than 2.4
    assert "1.26.4, but at least" in row(report, "numpy").found
    assert "pip install 'numpy>=" in row(report, "numpy").remedy


def test_ranges_are_those_of_the_project():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    found = doctor._requirements()
    assert len(found) > 10
    for name, smallest, _ in found:
        assert f'"{name}>={smallest}"' in text
    assert ("jupyterlab", "lab") in {(name, extra) for name, _, extra in found}
    assert "pytest" not in {name for name, _, _ in found}


def test_ranges_of_an_installed_package(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "PACKAGE", tmp_path / "dlkit")  # no pyproject.toml beside it
    lines = ["numpy>=2.0", "jupyterlab>=4.2; extra == 'lab'", 'pytest>=8; extra == "dev"', "odd"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
    assert doctor._requirements() == [("numpy", "2.0", ""), ("jupyterlab", "4.2", "lab")]


@pytest.mark.parametrize(
    ("older", "newer"), [("2.4", "2.13.0+cpu"), ("1.9.9", "1.10"), ("8.1.1", "8.1.2"), ("3", "3.1")]
)
def test_versions_are_compared_as_numbers(older, newer):
    assert doctor._numbers(older) < doctor._numbers(newer)


def test_missing_widget_files(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(tmp_path)])
    widgets = [r for r in dlkit.doctor().problems if r.what == "Widgets"]
    assert len(widgets) == 2
    assert "jupyterlab_widgets" in widgets[0].remedy
    assert widgets[1].remedy.endswith("anywidget")


def test_torch_that_cannot_start(monkeypatch):
    load = builtins.__import__

    def broken(name, *rest):
        if name == "torch":
            raise OSError("libcudart.so.13: cannot open shared object file\nand more")
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    found = row(dlkit.doctor(), "torch")
    assert found.verdict == "problem"
    assert found.found == "cannot start: libcudart.so.13: cannot open shared object file"
    assert "--force-reinstall torch" in found.remedy


@pytest.mark.parametrize(
    ("cuda", "mps", "card", "verdict", "words"),
    [
        (True, False, None, "good", "will use the GPU Fine Card (cuda)"),
        (False, True, None, "good", "Mac's GPU (mps)"),
        (False, False, "Fine Card", "note", "although there is a GPU, Fine Card"),
        (False, False, None, "good", "will use the processor (cpu); no GPU found"),
    ],
)
def test_devices(monkeypatch, cuda, mps, card, verdict, words):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Fine Card")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(doctor, "_nvidia_card", lambda: card)
    found = row(dlkit.doctor(), "torch")
    assert found.verdict == verdict
    assert words in found.found


def test_card_that_the_driver_knows(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor._nvidia_card() is None
    program.write_text("#!/bin/sh\necho Fine Card\n")
    program.chmod(0o755)
    assert doctor._nvidia_card() == "Fine Card"
    program.write_text("#!/bin/sh\nexit 9\n")
    assert doctor._nvidia_card() is None


def test_little_memory(monkeypatch):
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(total=int(4e9), available=int(1e9))
    )
    found = row(dlkit.doctor(), "Memory")
    assert found.verdict == "problem"
    assert "1.0 GB free" in found.found
    assert "close other programs" in found.remedy


def test_missing_asset(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "PACKAGE", tmp_path)
    found = row(dlkit.doctor(), "Data")
    assert found.verdict == "problem"
    assert found.remedy == "git restore assets"


def test_wrong_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DLKIT_DATA", str(tmp_path))
    assert row(dlkit.doctor(), "DLKIT_DATA").verdict == "good"
    monkeypatch.setenv("DLKIT_DATA", str(tmp_path / "absent"))
    assert row(dlkit.doctor(), "DLKIT_DATA").verdict == "problem"


def test_progress_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "in the way").write_text("no folder")
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "in the way/progress.json"))
    found = row(dlkit.doctor(), "Progress")
    assert found.verdict == "problem"
    assert found.remedy == "set DLKIT_PROGRESS to a file elsewhere"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_folder_without_permission(monkeypatch, tmp_path):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "sub/progress.json"))
    assert "chmod u+rwx" in row(dlkit.doctor(), "Progress").remedy
    tmp_path.chmod(0o700)


def test_full_disk_is_a_note(monkeypatch):
    usage = SimpleNamespace(free=int(1e8))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert row(dlkit.doctor(), "Downloads").verdict == "note"


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("DLKIT_PROGRESS", str(tmp_path / "sub/progress.json"))
    monkeypatch.setattr(doctor, "cache_folder", lambda: tmp_path / "cache")
    dlkit.doctor()
    assert not list(tmp_path.iterdir())
    assert progress.read() == {}


def test_one_odd_thing_does_not_hide_the_others(monkeypatch):
    def odd():
        raise RuntimeError("never seen")

    monkeypatch.setattr(psutil, "virtual_memory", odd)
    report = dlkit.doctor()
    assert "RuntimeError: never seen" in row(report, "Memory").found
    assert row(report, "torch").verdict == "good"


# ---------------------------------------------------------------------------- how it is told


class Words(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self):
        super().__init__()
        self.text, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_report_says_everything_in_words():
    report = doctor.Report(
        (doctor.Row("Memory", "good", "8 GB"), doctor.Row("<x>", "problem", "gone", "mend it"))
    )
    text = repr(report)
    assert "good     Memory  8 GB" in text
    assert "→ mend it" in text
    assert text.endswith("1 problem to mend; the command is beside each.")

    page = Words()
    page.feed(report._repr_html_())
    assert {"good", "problem", "<x>", "→ ", "mend it"} <= set(page.text)
    assert ("th", {"scope": "row", "style": "text-align:left"}) in page.tags
    assert "caption" in [tag for tag, _ in page.tags]


@pytest.mark.parametrize(
    ("cores", "pools", "found"),
    [
        (4, [("blas", 3), ("openmp", 4)], "4 cores; NumPy computes on 3 of them"),
        (4, [], "4 cores"),
        (1, [("blas", 1)], "1 core"),
    ],
)
def test_threads_are_asked_of_the_library_that_uses_them(cores, pools, found, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    made = [{"user_api": kind, "num_threads": count} for kind, count in pools]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: made)
    assert row(doctor(), "Processor").found == found


# ---------------------------------------------------------------------------- one thread

THREADS = """
{first}
import dlkit, json, os, sys
import numpy, torch, threadpoolctl
blas = [p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
print(json.dumps([blas, torch.get_num_threads()]))
"""


@pytest.mark.parametrize("first", ["", "import numpy", "import torch, numpy"])
@pytest.mark.parametrize("chosen", [None, "2"])
def test_one_thread_unless_chosen(first, chosen):
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    if chosen:
        environment["OMP_NUM_THREADS"] = chosen
    run = subprocess.run(
        [sys.executable, "-c", THREADS.format(first=first)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    blas, torch_threads = json.loads(run.stdout)
    expected = min(int(chosen or 1), os.cpu_count() or 1)
    assert set(blas) == {expected}
    assert torch_threads == int(chosen or 1)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'docter'"):
        _ = dlkit.docter
