"""The scripts of tools/reproduce as the tests use them: loaded as modules, nothing run."""

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tools" / "reproduce"


def load(name):
    """A fresh module of the script `name`, so that a test may change its settings."""
    spec = importlib.util.spec_from_file_location(f"reproduce_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
