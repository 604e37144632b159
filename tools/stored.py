"""What the scripts in tools/reproduce share: where a stored run is from, and keeping it whole."""

import json
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import dlkit


def origin(what, command, **versions):
    """What a stored run says of itself first: what, how, when, and on what it was made."""
    return {
        "what": what,
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "versions": {
            "dlkit": dlkit.__version__,
            "numpy": np.__version__,
            **versions,
            "python": platform.python_version(),
        },
    }


def machine():
    """The processor, in words."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return f"{name}, one thread"


def keep(path, tree):
    """Write JSON under another name first, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda row: " ".join(row[0].split()), text)  # a list, a line
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, path)


def say(text):
    """A line for whoever waits."""
    print(text, flush=True)
