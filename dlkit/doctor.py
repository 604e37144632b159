"""`dlkit.doctor()`: is this machine ready for the course, and if not, which command mends it?"""

import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from dlkit import progress
from dlkit.data.files import PACKAGE, DataError, asset, cache_folder

GOOD, NOTE, PROBLEM = "good", "note", "problem"
CHAPTER_MEMORY = 2e9  # bytes that a chapter may use
ROOM_FOR_DATA = 1e9  # bytes on the disk, for full data sets
WIDGET_FILES = {"ipywidgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}


@dataclass(frozen=True)
class Row:
    """One thing looked at: what, how it is, what was found, and the command that mends it."""

    what: str
    verdict: str  # GOOD, NOTE (works, but know this) or PROBLEM
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """What the doctor found. `rows` has everything, `problems` only what needs mending."""

    rows: tuple[Row, ...]

    @property
    def problems(self) -> tuple[Row, ...]:
        """The rows that something must be done about."""
        return tuple(row for row in self.rows if row.verdict == PROBLEM)

    @property
    def verdict(self) -> str:
        """All rows in one sentence."""
        count = len(self.problems)
        if not count:
            return "This machine is ready for the course."
        return f"{count} problem{'s' if count > 1 else ''} to mend; the command is beside each."

    def __repr__(self) -> str:
        wide = max(len(row.what) for row in self.rows)
        lines = []
        for row in self.rows:
            lines.append(f"{row.verdict:7}  {row.what:{wide}}  {row.found}")
            if row.remedy:
                lines.append(f"{'':7}  {'':{wide}}  → {row.remedy}")
        return "\n".join([*lines, self.verdict])

    def _repr_html_(self) -> str:
        verdict = {GOOD: GOOD, NOTE: NOTE, PROBLEM: f"<b>{PROBLEM}</b>"}
        body = "".join(
            f"<tr><th scope='row' style='text-align:left'>{escape(row.what)}</th>"
            f"<td style='text-align:left'>{verdict[row.verdict]}</td>"
            f"<td style='text-align:left'>{escape(row.found)}"
            + (f"<br>→ <code>{escape(row.remedy)}</code>" if row.remedy else "")
            + "</td></tr>"
            for row in self.rows
        )
        left = "style='text-align:left'"
        names = ("Looked at", "Verdict", "Found")
        head = "".join(f"<th scope='col' {left}>{cell}</th>" for cell in names)
        return (
            f"<table><caption {left}><b>{escape(self.verdict)}</b></caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def doctor() -> Report:
    """Look at the machine and return a `Report`; takes a second or two, most of it torch's import.

    Looks at: Python and packages against the ranges of pyproject.toml, the widgets' browser files,
    processor cores, memory, disk, torch and the device it will use, the shipped data, and write
    access for progress and downloads. Changes nothing, raises nothing.
    """
    rows = []
    for look in (_python, _packages, _widgets, _cores, _memory, _torch, _data, _folders):
        try:
            rows += look()
        except Exception as error:  # what is odd about a machine must not hide the other rows
            what = look.__name__.strip("_").capitalize()
            found = f"could not be looked at: {type(error).__name__}: {error}"
            rows.append(Row(what, PROBLEM, found, _pip("--force-reinstall", "dlkit")))
    return Report(tuple(rows))


def _python() -> Iterator[Row]:
    where = f"Python {platform.python_version()} in {sys.prefix}, {platform.platform(terse=True)}"
    yield Row("Python", GOOD, where)  # an older Python could not even have read this file


def _requirements() -> list[tuple[str, str, str]]:
    """(package, smallest version, extra) as pyproject.toml says, extras only for learners."""
    checkout = PACKAGE.parent / "pyproject.toml"
    if checkout.is_file():  # newer than what the installation noted down
        project = tomllib.loads(checkout.read_text("utf-8"))["project"]
        lines = list(project["dependencies"])
        lab = project.get("optional-dependencies", {}).get("lab", [])
        lines += [f"{line}; extra == 'lab'" for line in lab]
    else:
        lines = importlib.metadata.requires("dlkit") or []
    found = []
    for line in lines:
        match = re.match(r"([\w.-]+)\s*>=\s*([\d.]+)[^;]*(?:;.*extra\s*==\s*['\"](\w+))?", line)
        if match and match[3] in (None, "lab"):
            found.append((match[1], match[2], match[3] or ""))
    return found


def _packages() -> Iterator[Row]:
    good = []
    for name, smallest, extra in _requirements():
        mend = _pip(f"{name}>={smallest}")
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            # Someone may use another front end than JupyterLab: that is no illness.
            yield Row(name, NOTE if extra else PROBLEM, "not installed", mend)
            continue
        if _numbers(version) < _numbers(smallest):
            yield Row(name, PROBLEM, f"{version}, but at least {smallest} is needed", mend)
        else:
            good.append(f"{name} {version}")
    yield Row("Packages", GOOD, ", ".join(good) or "none")


def _widgets() -> Iterator[Row]:
    """A widget has two halves: Python here, and JavaScript that JupyterLab finds as files."""
    folders = [Path(sys.prefix) / "share" / "jupyter" / "labextensions"]
    try:
        from jupyter_core.paths import jupyter_path

        folders += map(Path, jupyter_path("labextensions"))
    except ImportError:
        pass
    missing = []
    for package, name in WIDGET_FILES.items():
        if not any((folder / name / "package.json").is_file() for folder in folders):
            missing.append(package)
            mend = _pip("--force-reinstall", "--no-deps", package)
            if package == "ipywidgets":
                mend = _pip("--force-reinstall", "--no-deps", "ipywidgets", "jupyterlab_widgets")
            yield Row("Widgets", PROBLEM, f"{package}'s files for JupyterLab are missing", mend)
    if missing:
        return
    found = "installed for Python and for JupyterLab"
    if "ipykernel" in sys.modules:
        yield Row("Widgets", GOOD, f"{found}, and a notebook is running")
    else:
        yield Row("Widgets", NOTE, f"{found}; they come alive in a notebook: make lab")


def _cores() -> Iterator[Row]:
    try:
        cores = len(os.sched_getaffinity(0))  # those that this process may use
    except AttributeError:  # macOS and Windows
        cores = os.cpu_count() or 1
    if cores == 1:
        yield Row("Processor", NOTE, "1 core")
        return
    try:  # the library itself is asked, as several variables may set it; Apple's does not say
        import threadpoolctl

        pools = threadpoolctl.threadpool_info()
    except ImportError:
        pools = []
    threads = [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]
    used = f"; NumPy computes on {max(threads)} of them" if threads else ""
    yield Row("Processor", GOOD, f"{cores} cores{used}")


def _memory() -> Iterator[Row]:
    try:
        import psutil

        memory = psutil.virtual_memory()
        total, free = memory.total, memory.available
    except ImportError:
        yield Row("Memory", NOTE, "could not be measured", _pip("psutil"))
    else:
        try:  # a container may be allowed less than the machine has
            limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            total, free = min(total, limit), min(free, max(limit - used, 0))
        except (OSError, ValueError):
            pass
        found = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
        if free < CHAPTER_MEMORY:
            found += f"; a chapter may need {CHAPTER_MEMORY / 1e9:.0f} GB"
            yield Row("Memory", PROBLEM, found, "close other programs and other notebooks' kernels")
        else:
            yield Row("Memory", GOOD, found)


def _torch() -> Iterator[Row]:
    try:
        import torch
    except ModuleNotFoundError:
        yield Row("torch", PROBLEM, "not installed, so there are no twins", _pip("torch"))
        return
    except (ImportError, OSError) as error:  # installed, but a library of it cannot be loaded
        reason = str(error).splitlines()[0]
        yield Row("torch", PROBLEM, f"cannot start: {reason}", _pip("--force-reinstall", "torch"))
        return
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        yield Row("torch", GOOD, f"{torch.__version__} will use the GPU {name} (cuda)")
    elif torch.backends.mps.is_available():
        yield Row("torch", GOOD, f"{torch.__version__} will use this Mac's GPU (mps)")
    elif (card := _nvidia_card()) is not None:
        yield Row(
            "torch",
            NOTE,
            f"{torch.__version__} will use the processor, although there is a GPU, {card}",
            "choose a build with CUDA on https://pytorch.org/get-started/locally, or update the"
            " GPU's driver",
        )
    else:
        yield Row("torch", GOOD, f"{torch.__version__} will use the processor (cpu); no GPU found")


def _nvidia_card() -> str | None:
    """The name of an NVIDIA card that the driver knows, whatever torch thinks."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=2,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().split("\n")[0] or None


def _data() -> Iterator[Row]:
    try:
        asset("data/mnist_5k.npz")
    except DataError as error:
        yield Row("Data", PROBLEM, str(error), "git restore assets")
    else:
        yield Row("Data", GOOD, "the digits that come with the course were found")
    own = os.environ.get("DLKIT_DATA")
    if own:
        if os.access(Path(own).expanduser(), os.R_OK | os.X_OK) and Path(own).expanduser().is_dir():
            yield Row("DLKIT_DATA", GOOD, own)
        else:
            yield Row("DLKIT_DATA", PROBLEM, f"{own} is no folder to read", "unset DLKIT_DATA")


def _folders() -> Iterator[Row]:
    """Can progress and downloads be written, and is there room?"""
    for what, folder, otherwise in (
        ("Progress", progress.path().parent, "set DLKIT_PROGRESS to a file elsewhere"),
        ("Downloads", cache_folder(), "put the files into a folder that DLKIT_DATA names"),
    ):
        existing = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            found = f"{folder} cannot be written ({error.strerror})"
            mend = f"chmod u+rwx {shlex.quote(str(existing))}, or {otherwise}"
            yield Row(what, PROBLEM, found, mend if existing.is_dir() else otherwise)
            continue
        free = shutil.disk_usage(existing).free
        room = f"{folder} can be written, {free / 1e9:.0f} GB free on the disk"
        if free < ROOM_FOR_DATA:
            yield Row(what, NOTE, f"{room}: full data sets may not fit", "make room on the disk")
        else:
            yield Row(what, GOOD, room)


def _pip(*arguments: str) -> str:
    """The command that installs into this very Python, whatever `pip` means in the terminal."""
    return shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def _numbers(version: str) -> tuple[int, ...]:
    """2.13.0+cpu → (2, 13, 0)"""
    return tuple(int(n) for n in re.findall(r"\d+", version.split("+")[0])[:3])


class _Callable(types.ModuleType):
    """Calling the module calls the function: `dlkit.doctor()` works however it was imported."""

    def __call__(self) -> Report:
        return doctor()


sys.modules[__name__].__class__ = _Callable
