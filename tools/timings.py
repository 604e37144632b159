"""Measures each chapter alone and writes its seconds and memory into the README's table.

`python -m tools.timings 05` measures one and leaves the other rows as they are.
"""

import re
import sys
from pathlib import Path

from tools.execution import apart, chosen, execute

README = Path(__file__).parents[1] / "README.md"


def noted(text, costs):
    """The README with these costs, {chapter: (seconds, megabytes)}, in its table's last columns."""
    for chapter, (seconds, megabytes) in costs.items():
        row = re.compile(rf"^(\| \[{chapter}\](?:[^|\n]*\|){{3}})[^|\n]*\|[^|\n]*\|$", re.MULTILINE)
        cost = f" {seconds / 60:.1f} min | {megabytes / 1000:.1f} GB |"
        text, rows = row.subn(rf"\1{cost}", text)
        if rows != 1:
            raise ValueError(f"README.md needs one row for {chapter} in its table, has {rows}")
    return text


def main(names):
    """Run the chapters, one after another, and write the table once all have finished."""
    paths, costs = chosen(names), {}
    try:
        noted(README.read_text("utf-8"), {path.stem: (0, 0) for path in paths})
    except ValueError as error:  # better now than after ten minutes
        raise SystemExit(f"Nothing was measured: {error}.") from None
    for path in paths:
        print(f"{path.stem:24}", end="", flush=True)
        _, *costs[path.stem] = execute(path)
        print("{:6.0f} s {:6.0f} MB".format(*costs[path.stem]))
    README.write_text(noted(README.read_text("utf-8"), costs), "utf-8")


if __name__ == "__main__":
    with apart():
        main(sys.argv[1:])
