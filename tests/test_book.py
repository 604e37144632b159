"""The rendered site: formulas, links, stills, and nothing fetched from anywhere."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

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
