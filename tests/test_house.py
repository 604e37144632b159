"""The house's own rules: who may import whom, what an import costs, names, docstrings."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dlkit
from dlkit.widgets.explorer import Explorer
from tests.explorers import EXPLORERS
from tests.notebooks import CHAPTERS, code_of

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "dlkit").rglob("*.py"))
STDLIB = sys.stdlib_module_names


# ---------------------------------------------------------------------------- who imports whom

ONLY = {
    # room: what it may import besides Python's own library
    "dlkit.models": ("numpy", "dlkit.models", "dlkit.check"),
    "chapters": ("dlkit", "numpy", "torch", "matplotlib", "sklearn"),
}
NEVER = {
    # room: what it may not import, so that the rooms can be read one at a time
    "dlkit.models": ("torch",),
    "dlkit.exercises": ("dlkit.widgets",),
    "dlkit.widgets": ("dlkit.exercises",),
    "dlkit.parity": ("dlkit.widgets", "dlkit.exercises"),
} | {
    room: ("torch", "dlkit.models", "dlkit.parity", "dlkit.widgets", "dlkit.exercises")
    for room in ("train", "data", "envs", "plots", "claims", "progress", "check", "checkpoint")
    for room in [f"dlkit.{room}"]
}


def module_name(path):
    """`dlkit/models/dense.py` → `dlkit.models.dense`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def within(name, packages):
    """Whether a dotted name is one of these packages or lies inside one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def imports(source):
    """Every dotted name that a source imports, anywhere in it; `from a import b` gives a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import; write dlkit.… in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def offences(room, names):
    """The imports among `names` that the tables above forbid to this room."""
    twin = room.endswith("_torch")
    found = set()
    for place, allowed in ONLY.items():
        if within(room, [place]):
            allowed = (*allowed, "torch") if twin else allowed
            found |= {n for n in names if n.split(".")[0] not in STDLIB and not within(n, allowed)}
    for place, forbidden in NEVER.items():
        if within(room, [place]) and not twin:
            twins = {n for n in names if n.endswith("_torch") and "torch" in forbidden}
            found |= {n for n in names if within(n, forbidden)} | twins
    return found


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_module_imports_only_what_it_may(path):
    assert not offences(module_name(path), imports(path.read_text("utf-8")))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_imports_only_what_it_may(path):
    names = set().union(*(imports(code) for code in code_of(path)))
    assert not offences("chapters", names)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("dlkit.models.dense", "import torch"),
        ("dlkit.models.dense", "from torch import nn"),
        ("dlkit.models.rbm", "from dlkit.models import rbm_torch"),
        ("dlkit.models.dense", "from dlkit import plots"),
        ("dlkit.train", "def f():\n    from dlkit.models.dense import mlp"),
        ("dlkit.data.files", "import torch.utils"),
        ("dlkit.widgets.ch01_perceptron", "import dlkit.exercises"),
        ("chapters", "import pandas"),
    ],
)
def test_the_rule_catches(room, source):
    assert offences(room, imports(source))


# ---------------------------------------------------------------------------- what an import costs

IMPORT = """
import sys, time
before, start = set(sys.modules), time.perf_counter()
import dlkit
seconds = time.perf_counter() - start
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
heavy = loaded & {"torch", "matplotlib", "ipywidgets", "anywidget", "sklearn", "scipy", "IPython"}
print(seconds, *heavy)
"""


def test_importing_dlkit_is_light():
    runs = [
        subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    seconds, *heavy = min(run.stdout.split() for run in runs)
    assert not heavy
    assert float(seconds) < 0.2


def test_importing_parity_waits_with_torch():
    code = "import sys, dlkit.parity; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_what_ships_is_found_by_asset(path):
    """An installed dlkit has it in another place than a checkout."""
    if module_name(path) != "dlkit.data.files":
        assert '"assets' not in path.read_text("utf-8")


# ---------------------------------------------------------------------------- names


def test_chapters_are_numbered_without_a_gap():
    assert [path.stem[:3] for path in CHAPTERS] == [f"{n:02}_" for n in range(len(CHAPTERS))]


@pytest.mark.parametrize("room", ["widgets", "exercises"])
def test_one_stem_names_one_idea(room):
    modules = {path.stem for path in (ROOT / "dlkit" / room).glob("ch[0-9]*.py")}
    chapters = {f"ch{path.stem}" for path in CHAPTERS}
    numbers = {name[:4] for name in chapters}
    homeless = sorted(name for name in modules if name[:4] not in numbers)
    assert not homeless, f"no chapter in chapters/ has the number of dlkit/{room}: {homeless}"
    # 00_start asks for no answers; every later chapter has instruments and exercises
    missing = [f"dlkit/{room}/{name}.py" for name in sorted(chapters - modules - {"ch00_start"})]
    assert not missing, f"a chapter has a module of its own name here, so write {missing}"


WITHOUT_SLIDER = {"YourDigit", "DrawADigit", "ReadMyPen", "GateMicroscope"}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_explorer_is_forgotten(path):
    """What every explorer must do is asked of those in tests/explorers.py."""
    module = importlib.import_module(f"dlkit.widgets.ch{path.stem}")
    values = {name: getattr(module, name) for name in getattr(module, "__all__", vars(module))}
    offered = {
        name
        for name, value in values.items()
        if inspect.isclass(value) and issubclass(value, Explorer)
        if value.__module__.startswith(module.__name__[: len("dlkit.widgets.ch00")])
    }
    sources = "\n".join(source for source, _ in EXPLORERS.values())
    forgotten = offered - set(re.findall(r"\b([A-Z]\w+)\(", sources)) - WITHOUT_SLIDER
    assert not forgotten, f"add {forgotten}, and their main sliders' names, to tests/explorers.py"


# ---------------------------------------------------------------------------- docstrings


def public(scope):
    """The public functions and classes that a module or class defines itself."""
    home = getattr(scope, "__module__", scope.__name__)
    for name, value in vars(scope).items():
        value = getattr(value, "__func__", value)
        value = value.fget if isinstance(value, property) else value
        own = name[0] != "_" and getattr(value, "__module__", None) == home
        if own and (inspect.isfunction(value) or inspect.isclass(value)):
            yield name, value


def undocumented(module):
    """Names without a docstring; an overriding method may leave it to the method it overrides.

    Nor need those that a base class of ours asks for: an explorer's `compute`, and an exercise's
    `answer`, the solution that a learner is shown.
    """
    for name, value in public(module):
        if not value.__doc__:
            yield name
        if inspect.isclass(value):
            yield from (
                f"{name}.{method}"
                for method in {name for name, _ in public(value)} - {"answer", "compute"}
                if not inspect.getdoc(getattr(value, method))
            )


@pytest.mark.parametrize(
    "name", ["dlkit", *(m.name for m in pkgutil.walk_packages(dlkit.__path__, "dlkit."))]
)
def test_everything_public_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} does not say what it is"
    assert not list(undocumented(module))


# ---------------------------------------------------------------------------- what learners read


@pytest.mark.parametrize("path", [*MODULES, *CHAPTERS], ids=lambda path: path.name)
def test_a_space_stands_before_per_cent(path):
    """71 %, as the prose has it: figures by `:.0%` stood beside it without one."""
    text = path.read_text("utf-8").replace("em, 100%)", "")  # a width in CSS
    assert not re.findall(r".{0,30}\d%", text)
