"""Drives a JupyterLab in a browser: what the browser tests and the latency bench share."""

import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

ROOT = Path(__file__).parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 1000  # Playwright counts in milliseconds
# JupyterLab opens ipywidgets' control channel before the kernel has imported ipywidgets.
HARMLESS = ("No such comm", "Kernel is running over TCP without encryption")

# Runs in the page: keeps what a widget's callback prints or raises (it is shown nowhere else), and
# which of the page's messages to widgets the kernel has still to handle. JupyterLab sends these to
# a thread of their own, so that the kernel's answer to another question says nothing about them.
LISTEN = """
panel => {
  window.callbackErrors = [];
  window.withKernel = new Set();
  panel.sessionContext.session.kernel.anyMessage.connect((_, { direction, msg }) => {
    const { header, parent_header, content } = msg;
    if (direction === "send" && header.msg_type === "comm_msg") withKernel.add(header.msg_id);
    if (content?.execution_state === "idle") withKernel.delete(parent_header.msg_id);
  });
  panel.sessionContext.iopubMessage.connect((_, message) => {
    const { header, parent_header, content } = message;
    const raised = header.msg_type === "error";
    const printed = header.msg_type === "stream" && content.name === "stderr";
    if (parent_header.msg_type === "execute_request" || !(raised || printed)) return;
    window.callbackErrors.push(raised ? content.traceback.join("\\n") : content.text);
  });
}
"""


def find_chromium() -> str | None:
    """The system's Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Run a JupyterLab of its own over `folder/notebooks`; gives its address."""
    notebooks = folder / "notebooks"
    notebooks.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    environment |= {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "DLKIT_PROGRESS": str(folder / "progress.json"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("MPLBACKEND", None)  # the kernel chooses its own
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={notebooks}",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = folder / "jupyterlab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=notebooks
        )
        try:
            _await_server(f"http://127.0.0.1:{port}/api?token={token}", server, log)
            yield f"http://127.0.0.1:{port}/doc/tree/{{}}?token={token}"
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_server(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


class Lab:
    """One notebook in one page of JupyterLab; see conftest.py for how a test uses it."""

    def __init__(self, browser: Browser, folder: Path, address: str, pictures: Path, **options):
        self._notebooks, self._address, self._pictures = folder / "notebooks", address, pictures
        self._host = "http://" + address.split("/")[2]
        options = {"viewport": {"width": 1200, "height": 1000}} | options
        self._context = browser.new_context(**options)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(10 * SECONDS)
        self.console: list[str] = []
        self.failed_requests: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("requestfailed", self._request_failed)
        self.page.on("request", self._requested)
        self.page.on("response", self._responded)

    # The notebook -----------------------------------------------------------------------------

    def open(self, notebook: str | Path | nbformat.NotebookNode) -> None:
        """Open a copy of a notebook file, or a notebook that the test has made."""
        if isinstance(notebook, nbformat.NotebookNode):
            path = self._notebooks / f"test-{secrets.token_hex(4)}.ipynb"
            nbformat.write(notebook, path)
        else:
            path = self._notebooks / Path(notebook).name
            shutil.copy(notebook, path)
        self.page.goto(self._address.format(path.name))
        self.page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.context", timeout=60 * SECONDS
        )
        self._with_panel(
            "async panel => { await panel.context.ready; await panel.sessionContext.ready; }"
        )
        self._with_panel(LISTEN)
        self.tag_cells()
        self.set_theme(dark=False)  # the server remembers what the test before this one chose

    def show(self, explorer: str, setup: str) -> "View":
        """Open a page of an explorer's own: `show("Mask(p=0.5)", "from … import *")`.

        In the kernel it is called `e`.
        """
        return self._shown(notebook(setup=setup, explorer=f"e = {explorer}\ne"))

    def show_all(self, setup: str, **explorers: str) -> None:
        """Open one page with several explorers: `show_all("from … import *", mask="Mask()")`.

        Each has its name in the kernel, and `explorer-` with its name is its cell.
        """
        cells = {f"explorer-{name}": f"{name} = {e}\n{name}" for name, e in explorers.items()}
        self.open(notebook(setup=setup, **cells))
        self.run_all()

    def only(self, chapter: Path, cell_id: str) -> "View":
        """Open of a chapter just its imports and the explorer of one cell, which needs no more."""
        cells = {cell.id: cell.source for cell in nbformat.read(chapter, 4).cells}
        wanted = ("setup-imports", cell_id)
        return self._shown(notebook(**{name: cells[name] for name in wanted}))

    def _shown(self, made: nbformat.NotebookNode) -> "View":
        self.open(made)
        self.run_all()
        return self.alive(self.cells()[-1])

    def alive(self, cell_id: str) -> "View":
        """The explorer of a cell that was run: it has its picture, and its controls have names."""
        view = self.explorer(cell_id)
        view.wait_for_picture()
        view.expect_named_controls()
        return view

    def run_all(self, seconds: float = 120) -> None:
        """Run every cell, wait until the kernel is idle, fail on a cell's error."""
        self.page.set_default_timeout(seconds * SECONDS)
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait_idle(seconds)
        self.page.set_default_timeout(10 * SECONDS)
        self.tag_cells()
        failures = self._with_panel("""panel => panel.content.widgets.flatMap(cell =>
          (cell.model.sharedModel.outputs ?? []).filter(o => o.output_type === "error").map(o =>
            `cell ${cell.model.id}: ${o.ename}: ${o.evalue}\\n${o.traceback.join("\\n")}`))""")
        assert not failures, "\n".join(failures)

    def wait_idle(self, seconds: float = 30) -> None:
        """Wait until the kernel has answered everything that it was asked before."""
        limit = seconds * SECONDS
        self.page.wait_for_function("withKernel.size === 0", timeout=limit)
        self.python("None", seconds=seconds)
        self.page.wait_for_function(
            """() => withKernel.size === 0 &&
              jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === "idle" """,
            timeout=limit,
        )

    def python(self, expression: str, seconds: float = 30) -> Any:
        """Evaluate an expression in the notebook's kernel; what JSON can hold comes back."""
        code = f"__import__('json').dumps({expression}, default=lambda o: o.tolist())"
        answer = self._with_panel(
            """async (panel, [code, limit]) => {
              const future = panel.sessionContext.session.kernel.requestExecute({
                code: "", silent: true, store_history: false, user_expressions: { answer: code },
              });
              const reply = await Promise.race([future.done, new Promise((_, fail) =>
                setTimeout(() => fail(Error("the kernel gave no answer")), limit))]);
              return reply.content.user_expressions.answer;
            }""",
            [code, seconds * SECONDS],
        )
        if answer["status"] != "ok":
            raise AssertionError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(eval(answer["data"]["text/plain"]))

    def cell(self, cell_id: str) -> Locator:
        """The cell with this id, scrolled into view."""
        found = self._with_panel(
            """async (panel, id) => {
              const index = panel.content.widgets.findIndex(cell => cell.model.id === id);
              if (index >= 0) await panel.content.scrollToItem(index, "start");
              return index >= 0;
            }""",
            cell_id,
        )
        assert found, f"the notebook has no cell {cell_id!r}"
        return self.page.locator(f'.jp-Cell[data-cell-id="{cell_id}"]')

    def cells(self) -> list[str]:
        """The ids of the notebook's cells, in order."""
        return self._with_panel("panel => panel.content.widgets.map(cell => cell.model.id)")

    def explorer(self, cell_id: str, number: int = 0) -> "View":
        """The explorer (or drawing pad) that a cell shows."""
        root = self.cell(cell_id).locator(".dlkit-explorer, .dlkit-pad").nth(number)
        root.scroll_into_view_if_needed()
        return View(root, self)

    def set_theme(self, dark: bool) -> None:
        """Switch JupyterLab to its dark or its light theme."""
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg=str(not dark).lower()
        )

    # What went wrong --------------------------------------------------------------------------

    @property
    def callback_errors(self) -> list[str]:
        """What widgets' callbacks raised or printed to stderr."""
        heard = self.page.evaluate("window.callbackErrors ?? []")
        return [text for text in heard if not text.startswith(HARMLESS)]

    def problems(self) -> dict[str, list[str]]:
        """Everything that should not have happened so far, by kind; kinds without any left out."""
        found = {
            "console": self.console,
            "failed requests": self.failed_requests,
            "requests that leave this machine": self.outside,
            "callback errors": self.callback_errors,
        }
        return {kind: list(texts) for kind, texts in found.items() if texts}

    def forgive(self) -> None:
        """Forget the problems so far: for a test that has caused them on purpose."""
        for texts in (self.console, self.failed_requests, self.outside):
            texts.clear()
        self.page.evaluate("window.callbackErrors = []")

    def screenshot(self, name: str, of: "Locator | View | None" = None) -> Path:
        """Save a picture of the page or of a part, in $DLKIT_SCREENSHOTS or a temporary folder."""
        path = self._pictures / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = of.root if isinstance(of, View) else of or self.page
        part.screenshot(path=path)
        return path

    def close(self) -> None:
        """Stop the kernel and close the page."""
        with contextlib.suppress(Exception):
            self._with_panel("panel => panel.sessionContext.shutdown()")
        self._context.close()

    # How it is done ---------------------------------------------------------------------------

    def _with_panel(self, function: str, argument: Any = None) -> Any:
        panel = "window.jupyterapp.shell.currentWidget"
        return self.page.evaluate(f"argument => ({function})({panel}, argument)", argument)

    def tag_cells(self) -> None:
        self._with_panel("""panel => panel.content.widgets.forEach(
          cell => (cell.node.dataset.cellId = cell.model.id))""")

    def _heard(self, message) -> None:
        if message.type == "error":
            self.console.append(f"{message.text} ({message.location.get('url', '')})")

    def _request_failed(self, request) -> None:
        if "net::ERR_ABORTED" not in (request.failure or ""):  # cancelled by the page itself
            self.failed_requests.append(f"{request.url}: {request.failure}")

    def _responded(self, response) -> None:
        if response.status >= 400:
            self.failed_requests.append(f"{response.url}: {response.status}")

    def _requested(self, request) -> None:
        if not request.url.startswith((self._host, "data:", "blob:")):
            self.outside.append(request.url)


class View:
    """An explorer on the page: its controls by name, its picture, its words."""

    def __init__(self, root: Locator, lab: Lab):
        self.root, self.lab = root, lab
        is_pad = "dlkit-pad" in (root.get_attribute("class") or "")
        self.canvas = root.locator(
            "canvas.dlkit-pad-paper" if is_pad else ".dlkit-frame canvas"
        ).first
        self.pad = self.canvas if is_pad else root.locator("canvas.dlkit-pad-paper")
        self.description = root.locator(".dlkit-description")
        self.message = root.locator(".dlkit-message")

    def slider(self, name: str) -> Locator:
        """A slider by its accessible name; press arrows, PageUp, Home, ... on it."""
        return self.root.get_by_role("slider", name=name, exact=True)

    def button(self, name: str) -> Locator:
        """A button by its label."""
        return self.root.get_by_role("button", name=name, exact=True)

    def control(self, name: str) -> Locator:
        """Any other control by its label: dropdown, checkbox, text field."""
        return self.root.get_by_label(name, exact=True)

    def picture(self) -> str:
        """The pixels shown now, as a PNG data URL: compare two to see whether they changed."""
        return self.canvas.evaluate("canvas => canvas.toDataURL()")

    def settled(self) -> str:
        """Wait until all that was asked of the widget is done and painted, and return its picture.

        What is to be compared with a later picture is taken so: a stroke and a held key make
        several pictures, and the last may come after the words that a test has waited for.
        """
        self.lab.wait_idle()
        self.root.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return self.picture()

    def wait_for_change(self, before: str, seconds: float = 10, *, settle: bool = True) -> str:
        """Wait until the picture is not `before` any more, and return it, settled.

        `settle=False` takes the next picture as it comes: for a training that goes on.
        """
        deadline = time.monotonic() + seconds
        while (now := self.picture()) == before:
            if time.monotonic() > deadline:
                raise AssertionError(f"the picture did not change within {seconds} s")
            self.root.page.wait_for_timeout(20)
        return self.settled() if settle else now

    def wait_for_picture(self) -> str:
        """Wait until the canvas shows something that is not one colour only."""
        self.root.page.wait_for_function(
            """canvas => {
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              const pixels = new Uint32Array(data.buffer);
              return pixels.some(pixel => pixel !== pixels[0]);
            }""",
            arg=self.canvas.element_handle(),
        )
        return self.picture()

    def in_both_themes(self, picture: str, name: str = "e") -> None:
        """The explorer, `name` in the kernel, follows the page's theme; it ends in the light one.

        Leaves the screenshots picture-dark and picture-light, to be looked at.
        """
        for theme in ("dark", "light"):
            before = self.settled()
            self.lab.set_theme(theme == "dark")
            self.wait_for_change(before)
            assert self.lab.python(f"{name}.dark") == (theme == "dark")
            self.expect_accessible()
            self.lab.screenshot(f"{picture}-{theme}", self)

    def point(self, x: float, y: float) -> dict[str, float]:
        """A place on the canvas in pixels of the page; x and y are fractions, y upwards."""
        box = self.canvas.bounding_box()
        return {"x": box["x"] + x * box["width"], "y": box["y"] + (1 - y) * box["height"]}

    def click(self, x: float, y: float) -> None:
        """Click the picture at fractions of its width and height (y upwards)."""
        self.root.page.mouse.click(**self.point(x, y))

    def drag(self, *places: tuple[float, float], steps: int = 8) -> None:
        """Press at the first place, move through the others, release at the last."""
        mouse = self.root.page.mouse
        mouse.move(**self.point(*places[0]))
        mouse.down()
        for place in places[1:]:
            mouse.move(**self.point(*place), steps=steps)
        mouse.up()

    def swipe(self, *places: tuple[float, float], steps: int = 6) -> None:
        """The same with a finger, on a page opened with `has_touch`."""
        page = self.root.page
        session = page.context.new_cdp_session(page)
        route = [np.array(list(self.point(*place).values())) for place in places]
        steady = np.linspace(0, 1, steps + 1)[1:, None]
        moves = [p for a, b in itertools.pairwise(route) for p in a + steady * (b - a)]
        for kind, points in (("Start", route[:1]), *(("Move", [p]) for p in moves), ("End", [])):
            touches = [{"x": float(x), "y": float(y)} for x, y in points]
            session.send(
                "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches}
            )
        session.detach()

    def draw(self, *points: tuple[float, float]) -> None:
        """One stroke on the explorer's drawing pad; points (x, y) from its top left, 0 to 1."""
        self.pad.scroll_into_view_if_needed()
        box, mouse = self.pad.bounding_box(), self.root.page.mouse
        for i, (x, y) in enumerate(points):
            mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
            if i == 0:
                mouse.down()
        mouse.up()

    def expect_accessible(self) -> None:
        """axe-core finds nothing that keeps people from using it: roles, names, contrast, focus."""
        self.root.evaluate("root => (root.dataset.axe = 'look')")
        found = Axe().run(self.root.page, context="[data-axe=look]")
        assert found.response["passes"], "axe has found nothing to look at"
        assert not found.violations_count, found.generate_report()
        lengths = self.root.evaluate("""root =>
          [...root.querySelectorAll(".noUi-target")].filter(e => e.offsetParent)
            .map(e => e.getBoundingClientRect().width)""")
        assert min(lengths, default=100) > 80, f"a slider is too short to be set: {lengths} pixels"

    def expect_named_controls(self) -> None:
        """Every control has an accessible name, and letters typed on it stay there."""
        unnamed = self.root.evaluate("""root =>
          [...root.querySelectorAll("[role=slider], button, input, select, textarea, canvas")]
            .filter(e => e.offsetParent && !(e.getAttribute("aria-label") || e.textContent.trim()
              || e.labels?.length || e.title))
            .map(e => e.outerHTML.slice(0, 200))""")
        assert not unnamed, f"controls without an accessible name: {unnamed}"
        loose = self.root.evaluate("""root =>
          [...root.querySelectorAll("a, button, input, select, textarea, [tabindex]")]
            .filter(e => e.dataset.lmSuppressShortcuts !== "true")
            .map(e => e.outerHTML.slice(0, 200))""")
        assert not loose, f"letters typed here reach JupyterLab's shortcuts: {loose}"


def notebook(*sources: str, **cells: str) -> nbformat.NotebookNode:
    """Make a notebook of code cells; keyword arguments name their cells (`_` becomes `-`)."""
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    named = {f"cell-{i}": source for i, source in enumerate(sources)}
    named |= {name.replace("_", "-"): source for name, source in cells.items()}
    for name, source in named.items():
        cell = nbformat.v4.new_code_cell(source)
        cell["id"] = name
        made.cells.append(cell)
    return made


__all__ = ["CHROMIUM_FLAGS", "Lab", "View", "expect", "find_chromium", "jupyterlab", "notebook"]
