"""Renders the executed course as a static site: `python -m tools.book build/book`.

The pages stand alone: pictures are inside, formulas are MathML, and nothing is fetched from
anywhere. An explorer shows its still picture. On paper long lines of code are wrapped.
`python -m tools.book build/book 02` renders one chapter and leaves the other pages as they are.
Prints each chapter's seconds and peak memory.
"""

import re
import shutil
import sys
from html import escape
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from tools.execution import CHAPTERS, apart, chosen, execute

ROOT = Path(__file__).parents[1]
TEMPLATES = Path(__file__).parent / "book"
FORMULA = re.compile(r"(```.*?```|`[^`]*`)|\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)
LOCAL_NOTEBOOK = re.compile(r'(href="(?![a-z]+:)[^"#]+)\.ipynb(?=["#])')
WIDGET = "application/vnd.jupyter.widget-view+json"


def still(notebook):
    """Take the live views out, so that the picture beside each of them is shown."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if len(output.get("data", {})) > 1:
                output.data.pop(WIDGET, None)


def render(notebook, **resources):
    """The page of a notebook. Formulas wait under a mark while Markdown is turned into HTML."""
    formulas = []

    def mark(match):
        code, display, inline = match.groups()
        if code:
            return code
        formulas.append(convert(display or inline, display="block" if display else "inline"))
        return f"FORMULA{len(formulas) - 1}END"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(mark, cell.source)
    exporter = HTMLExporter(
        extra_template_basedirs=[str(TEMPLATES)], template_file=str(TEMPLATES / "chapter.html.j2")
    )
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    page = re.sub(r"FORMULA(\d+)END", lambda match: formulas[int(match[1])], page)
    return LOCAL_NOTEBOOK.sub(r"\1.html", page)


def title(notebook):
    """The first heading."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.search(r"^# (.+)$", text, flags=re.MULTILINE)[1]


def main(target, *names):
    """Write the whole site into the folder `target`, made anew, or these chapters into it."""
    paths = chosen(names)
    if not names:
        shutil.rmtree(target, ignore_errors=True)
    (target / "chapters").mkdir(parents=True, exist_ok=True)
    for folder in ("assets", "dlkit"):  # the chapters link to the code and to pictures
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore, dirs_exist_ok=True)

    for path in paths:
        print(f"{path.stem:24}", end="", flush=True)
        notebook, seconds, megabytes = execute(path)
        print(f"{seconds:6.0f} s {megabytes:6.0f} MB")
        still(notebook)
        index = CHAPTERS.index(path)
        page = render(
            notebook,
            before=CHAPTERS[index - 1].stem if index else None,
            after=CHAPTERS[index + 1].stem if index + 1 < len(CHAPTERS) else None,
        )
        (target / "chapters" / f"{path.stem}.html").write_text(page, "utf-8")

    (target / "index.html").write_text(contents(target), "utf-8")
    print(f"open {target / 'index.html'}")


def contents(target):
    """The first page: links to the chapters whose pages are there."""
    entries = []
    for path in CHAPTERS:
        link = f"chapters/{path.stem}.html"
        if (target / link).exists():
            name = title(nbformat.read(path, as_version=4))
            entries.append(f'<li><a href="{link}">{escape(name)}</a></li>')
    page = (TEMPLATES / "index.html").read_text("utf-8")
    return page.replace("<!-- chapters -->", "\n".join(entries))


if __name__ == "__main__":
    with apart():
        main(Path(sys.argv[1]), *sys.argv[2:])
