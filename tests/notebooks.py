"""The chapters as the tests read them."""

import json
import re
from pathlib import Path

CHAPTERS = sorted((Path(__file__).parents[1] / "chapters").glob("*.ipynb"))


def cells(path, kind=None):
    """The cells of a notebook, all or of one kind, each with its `source` as one string."""
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if kind in (None, cell["cell_type"]):
            yield cell | {"source": "".join(cell["source"])}


def code_of(path):
    """The Python in the code cells; IPython's own % and ! lines are blanked."""
    for cell in cells(path, "code"):
        yield re.sub(r"^\s*[%!].*$", "", cell["source"], flags=re.MULTILINE)
