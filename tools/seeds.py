"""Runs the chapters with other seeds than the committed ones, and tells which claims still hold.

A claim that holds with the committed seeds alone was found, not measured. What every claim measured
goes into tests/benchmarks/results/seeds, a file a chapter, those that failed first.
"""

import ast
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tools.execution import apart, chosen, execute

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests/benchmarks/results/seeds"
SHIFTS = (1_000_000, 2_000_000, 3_000_000)
TAKES_A_SEED = ("default_rng", "manual_seed")

# What a chapter's kernel runs first.
BEFORE = """
import sys
sys.path.insert(0, {root!r})
from tools.seeds import OtherSeeds, moved as _moved
get_ipython().ast_transformers.append(OtherSeeds({shift}))
del sys.path[0], sys, OtherSeeds
"""


class OtherSeeds(ast.NodeTransformer):
    """Moves every seed that a cell names by `shift`: default_rng(s), manual_seed(s) and seed=s.

    Seeds that dlkit's own functions name stay, so the data is split as before.
    """

    def __init__(self, shift: int):
        self.shift = shift

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        if name in TAKES_A_SEED and node.args:
            node.args[0] = self._moved(node.args[0])
        for keyword in node.keywords:
            if keyword.arg == "seed":
                keyword.value = self._moved(keyword.value)
        return node

    def _moved(self, seed: ast.expr) -> ast.expr:
        move = ast.Call(ast.Name("_moved", ast.Load()), [seed, ast.Constant(self.shift)], [])
        return ast.fix_missing_locations(ast.copy_location(move, seed))


def moved(seed, shift: int):
    """A whole number plus `shift`, a list with one more number; what is neither stays."""
    if isinstance(seed, (int, np.integer)):
        return int(seed) + shift
    return [*seed, shift] if isinstance(seed, (list, tuple)) else seed


def claims_of(notebook) -> tuple[dict, list[str]]:
    """What a notebook that was run claims, {(cell, number): text}, and its other errors.

    A claim that fails and whose cell goes on was meant to fail, as in 00: it is left out.
    """
    made, errors = {}, []
    for cell in notebook.cells:
        outputs = cell.get("outputs", ())
        texts = [output.get("data", {}).get("text/plain", "") for output in outputs]
        raised = [output for output in outputs if output.output_type == "error"]
        claims = [text for text in texts if text.startswith("Claim " if raised else "Claim holds")]
        made |= {(cell.id, number): text for number, text in enumerate(claims)}
        errors += [
            f"{cell.id}: {error.ename}: {error.evalue.splitlines()[0]}"
            for error in raised
            if error.ename != "ClaimFailed"
        ]
    return made, errors


def with_seeds(path: Path, shift: int) -> tuple[dict, list[str]]:
    """`claims_of` a chapter that is run to its end with its seeds moved by `shift`."""
    before = BEFORE.format(root=str(ROOT), shift=shift)
    return claims_of(execute(path, before=before, go_on=True)[0])


def report(chapter: str, runs: list[tuple[dict, list[str]]]) -> str:
    """What the claims of a chapter measured in each run, in Markdown; those that failed first."""
    measured = defaultdict(list)
    for made, _ in runs:
        for place, text in made.items():
            measured[place].append(text)
    failed = {place for place, texts in measured.items() if any(map(_fails, texts))}
    lines = [
        f"# {chapter}",
        "",
        f"{len(measured) - len(failed)} of {len(measured)} claims hold with all of"
        f" {len(runs)} other sets of seeds.",
        "",
        *(f"- did not run: {error}" for _, errors in runs for error in errors),
    ]
    for place in sorted(measured, key=lambda place: place not in failed):
        statements, evidence, *expected = zip(*map(_parts, measured[place]), strict=False)
        lines.append(f"- {'**fails**: ' if place in failed else ''}{statements[0]}")
        lines += [f"  - {text}" for text in dict.fromkeys(evidence)]
        lines += [f"  - {texts[0]}" for texts in expected]
    return "\n".join(lines) + "\n"


def _fails(text: str) -> bool:
    return text.startswith("Claim FAILS")


def _parts(text: str) -> list[str]:
    """The statement, what was measured, and what was expected, if that is said."""
    first, measured, *expected = (line.strip() for line in text.splitlines())
    return [first.split(": ", 1)[1], ("✗ " if _fails(text) else "") + measured, *expected]


def main(names: list[str]) -> None:
    """Run the chapters whose names begin so, or all, two at a time, and write their reports."""
    paths = chosen(names)
    RESULTS.mkdir(exist_ok=True)
    with apart(), ThreadPoolExecutor(2) as pool:
        runs = {
            path.stem: [pool.submit(with_seeds, path, shift) for shift in SHIFTS] for path in paths
        }
        for chapter, waiting in runs.items():
            text = report(chapter, [run.result() for run in waiting])
            (RESULTS / f"{chapter}.md").write_text(text, "utf-8")
            print(f"{chapter:24}", text.splitlines()[2], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
