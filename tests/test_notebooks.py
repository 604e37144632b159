"""The form of the chapters: named cells, short code, one sentence a line, links that lead on."""

import ast
import builtins
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.notebooks import CHAPTERS, cells

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "assets/data/README.md")]

chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)

ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_there_are_chapters():
    assert CHAPTERS


@chapters
def test_cells_have_names(path):
    names = [cell["id"] for cell in cells(path)]
    odd = [name for name in names if not ID.fullmatch(name) or RANDOM.fullmatch(name)]
    assert not odd, f"give each cell an id of two words or more, as in claim-xor, in place of {odd}"
    assert len(names) == len(set(names))


@chapters
def test_code_cells_are_short(path):
    long = [c["id"] for c in cells(path, "code") if len(c["source"].splitlines()) > 40]
    assert not long, "over 40 lines: split the cell, or move what is not the idea into dlkit"


@chapters
def test_runs_with_the_kernel_of_the_environment(path):
    assert json.loads(path.read_text("utf-8"))["metadata"]["kernelspec"]["name"] == "python3"


def unknown(code):
    """The names that a code uses and that are neither defined in it nor Python's own."""
    known, used = {*dir(builtins)}, set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.alias):
            known.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
    return used - known


@chapters
def test_exercises_need_only_the_imports(path):
    """Whoever restarts the kernel goes on with them, and a teacher's sheet is made of them."""
    parts = ("exercise-", "check-")
    taken = [c for c in cells(path, "code") if c["id"].startswith(("setup-imports", *parts))]
    assert taken[0] == next(cells(path, "code")), "the cell setup-imports comes first"
    missing = unknown("\n".join(cell["source"] for cell in taken))
    assert not missing, f"an exercise's cells use {missing} of other cells"


# ---------------------------------------------------------------------------- one sentence a line

# A full stop ends a sentence, unless it stands behind an initial or one of these.
ABBREVIATION = re.compile(r"\b(e\.g|i\.e|et al|cf|vs|no|vol|pp?|ed|eds|Eq|Fig|Ch|Dr|St|[A-Z])\.$")
SENTENCE_END = re.compile(r"[.!?][)”\"’*]* +(?=[A-Z\"“(*`$])")


def sentences(line):
    """How many sentences a line of Markdown holds, or at least appears to."""
    ends = [
        m for m in SENTENCE_END.finditer(line) if not ABBREVIATION.search(line[: m.start() + 1])
    ]
    return len(ends) + 1


def prose(source):
    """The lines of a Markdown text that are running prose: no code, formulas, tables, lists."""
    text = re.sub(r"^(```|\$\$).*?^(```|\$\$)", "", source, flags=re.MULTILINE | re.DOTALL)
    return [line for line in text.splitlines() if not re.match(r"\s*([|#>*-]|\d+\.) ?", line)]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("One line cannot separate XOR.", 1),
        ("Guess first. Then run the cell.", 2),
        ("Is it so? Yes.", 2),
        ("F. Rosenblatt built it.", 1),
        ("Rumelhart et al. Nature 323.", 1),
        ("A margin of 0.5 is enough.", 1),
    ],
)
def test_sentences_are_counted(line, count):
    assert sentences(line) == count


@chapters
def test_one_sentence_a_line(path):
    crowded = [
        f"{cell['id']}: {line}"
        for cell in cells(path, "markdown")
        for line in prose(cell["source"])
        if sentences(line) > 1
    ]
    assert not crowded, "\n".join(["begin a new line after each sentence:", *crowded])


# ---------------------------------------------------------------------------- links

LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)(?: \"[^\"]*\")?\)|src=\"([^\"]+)\"")
MENTION = re.compile(r"`((?:assets|chapters|dlkit|tests|tools)/[\w./]+)`")
PLACEHOLDER = re.compile(r"NN|(\b|_)name\b")


def missing(markdown, folder):
    """The files that a Markdown text links to or names, and that are not there."""
    for match in LINK.finditer(markdown):
        link = urlsplit(match[1] or match[2])
        if not link.scheme and link.path and not (folder / unquote(link.path)).exists():
            yield link.path
    for match in MENTION.finditer(markdown):
        if not PLACEHOLDER.search(match[1]) and not (ROOT / match[1]).exists():
            yield match[1]


def test_a_missing_file_is_found():
    text = "[a](no.ipynb) [b](README.md#top) [c](https://x.org/y) `dlkit/no.py` `tests/conftest.py`"
    assert list(missing(text, ROOT)) == ["no.ipynb", "dlkit/no.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page):
    assert not list(missing(page.read_text("utf-8"), page.parent))


@chapters
def test_every_file_that_a_chapter_names_exists(path):
    text = "\n".join(cell["source"] for cell in cells(path, "markdown"))
    assert not list(missing(text, path.parent))


# ---------------------------------------------------------------------------- the README's table


def test_readme_lists_the_chapters():
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (?:\[(\w+)\]\((\S+?)\)|(\d\d_\w+)) \|", readme, flags=re.MULTILINE)
    written = {f"chapters/{path.name}" for path in CHAPTERS}
    linked = {link for _, link, _ in rows if link}
    assert not written - linked, f"add rows for {sorted(written - linked)} to README.md's table"
    assert not linked - written, f"README.md's table links to {sorted(linked - written)}"
    names = [name or planned for name, _, planned in rows]
    assert [name[:3] for name in names] == [f"{n:02}_" for n in range(len(names))]
    assert all(link == f"chapters/{name}.ipynb" for name, link, _ in rows if link)
