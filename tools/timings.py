"""Measures each chapter alone and writes its seconds and memory into the README's table."""

import re
from pathlib import Path

from tools.execution import CHAPTERS, apart, execute

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


def main():
    """Run every chapter, one after another, and write the table once all have finished."""
    costs = {}
    for path in CHAPTERS:
        print(f"{path.stem:24}", end="", flush=True)
        _, *costs[path.stem] = execute(path)
        print("{:6.0f} s {:6.0f} MB".format(*costs[path.stem]))
    README.write_text(noted(README.read_text("utf-8"), costs), "utf-8")


if __name__ == "__main__":
    with apart():
        main()
