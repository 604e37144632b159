"""The rendered site: formulas, links, stills, and nothing fetched from anywhere."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import book
from tools.book import render, still, title

TEXT = """# 01 · Lines & planes

The net input is $z = x W^\\top + b$, in code `$HOME`.

$$\\frac{\\partial L}{\\partial z} = p - d$$

Go to [the start](00_start.ipynb#here), [the code](../dlkit/models/dense.py)
or [another course](https://example.org/other.ipynb).
"""


@pytest.fixture
def notebook():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "image/png": "AAAA"}
    cell = new_code_cell("explorer", outputs=[new_output("display_data", data=view)])
    return new_notebook(cells=[new_markdown_cell(TEXT), cell])


def test_page_stands_alone(notebook):
    still(notebook)
    page = render(notebook, before="00_start", after=None)
    assert page.count("<math") == 2
    assert "$HOME" in page
    assert 'href="00_start.html#here"' in page
    assert 'href="../dlkit/models/dense.py"' in page
    assert 'href="https://example.org/other.ipynb"' in page
    assert "data:image/png;base64,AAAA" in page
    assert not re.search(r'(src|<link [^>]*href)="https?:', page)
    assert 'rel="prev"' in page
    assert 'rel="next"' not in page


def test_title_is_the_first_heading(notebook):
    assert title(notebook) == "01 · Lines & planes"


def test_code_is_wrapped_on_paper(notebook):
    page = render(notebook, before=None, after=None)
    paper = page[page.index("@media print {\n    nav") :]
    assert "white-space: pre-wrap" in paper[: paper.index("</style>")]


def test_one_chapter_is_rendered_beside_the_others(notebook, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(book, "execute", lambda path: (notebook, 1, 1))
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "00_start.html").write_text("made before")
    book.main(tmp_path, "02")
    assert "net input" in (tmp_path / "chapters" / "02_backpropagation.html").read_text("utf-8")
    assert (tmp_path / "chapters" / "00_start.html").read_text() == "made before"
    index = (tmp_path / "index.html").read_text("utf-8")
    assert re.findall(r'href="(\S+)"', index) == [
        "chapters/00_start.html",
        "chapters/02_backpropagation.html",
    ]


def test_an_unknown_chapter_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"No such chapter: 5\. There are: 00, 01"):
        book.main(tmp_path / "book", "5")
    assert not (tmp_path / "book").exists()
