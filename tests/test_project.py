"""What is installed is said in three places: pyproject.toml, the lock file and conda's file."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text("utf-8"), flags=re.MULTILINE
    )
}
CONDA_NAMES = {"torch": "pytorch"}


def requirements(*groups):
    """The requirements of these lists, less dlkit's own extras."""
    found = [Requirement(text) for group in groups for text in group]
    return [r for r in found if r.name != "dlkit"]


@pytest.mark.parametrize(
    "requirement",
    requirements(PROJECT["dependencies"], EXTRAS["lab"], EXTRAS["dev"]),
    ids=lambda requirement: requirement.name,
)
def test_lock_has_a_version_in_range(requirement):
    version = LOCK.get(canonicalize_name(requirement.name))
    assert version is not None, "not locked: run make lock"
    assert requirement.specifier.contains(version)


def test_lock_holds_for_every_machine():
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)]
    assert not odd, "only name==version: no addresses, no local builds such as +cpu"


def test_lock_installs_on_the_oldest_python():
    """Debian 12 has Python 3.11.2: a package that asks for 3.11.5 would end `make lab` there."""
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    wanted = {
        f"{d.name}=={d.version}": d.metadata["Requires-Python"]
        for d in metadata.distributions()
        if LOCK.get(canonicalize_name(d.name)) == d.version.partition("+")[0]
    }
    newer = {
        pin: python
        for pin, python in wanted.items()
        if not SpecifierSet(python or "").contains(oldest)
    }
    assert not newer, f"not for Python {oldest}: name an older version in tools/lock.sh"


def test_project_gives_ranges():
    listed = requirements(PROJECT["dependencies"], *EXTRAS.values())
    assert all(re.fullmatch(r">=[\d.]+", str(r.specifier)) for r in listed)


def test_conda_agrees_with_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    conda = {d for d in environment["dependencies"] if isinstance(d, str)}
    wanted = {
        f"{CONDA_NAMES.get(r.name, r.name)}{r.specifier}"
        for r in requirements(PROJECT["dependencies"], EXTRAS["lab"])
    }
    assert conda == wanted | {f"python{PROJECT['requires-python']}", "pip"}
    assert {"pip": ["-e .[lab]"]} in environment["dependencies"]
