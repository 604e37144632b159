"""A persistent Matplotlib figure in the browser: pixels out, pointer and keys in.

`frame.js` shows the pixels on a canvas, and tells which theme, pixel density and connection the
page has. Over loopback, where encoding is what takes time, only pixels that have changed travel, as
runs of one colour; elsewhere the whole picture does, as JPEG.

At most two frames are on their way at any time. Asking for more only marks the picture as out of
date, and it is drawn when the page has painted one: the newest state is shown, none queues up.

JupyterLab has widgets' messages handled in a thread of their own (a subshell of the kernel), even
while a cell runs. Matplotlib and explorers are not made for two threads, so whatever touches them
holds `alone`.
"""

import asyncio
import contextlib
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from dlkit.widgets.layers import Layers
from dlkit.widgets.patches import Patch, pack, patches

DPI = 100  # CSS pixels per inch of figure
IN_FLIGHT = 2  # frames on their way to the page: one being painted, one being sent
PATIENCE = 1.0  # seconds after which a page that does not answer is no longer waited for
UNANSWERED = 8  # frames sent at most to a page that does not answer: Jupyter would keep them all

alone = threading.RLock()


class Frame(anywidget.AnyWidget):
    """The picture of a figure.

    `prepare()` updates the artists just before pixels are taken, and returns False if there is
    nothing new to show. `theme(dark)` recolours them. `event(message)` receives what pointer and
    keys do: kind (down, move, up, leave, key, release), x and y as fractions of the picture with y
    upwards, key, pressed, shift, control.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    size = traitlets.Tuple((0, 0)).tag(sync=True)  # CSS pixels
    still = traitlets.Dict({}).tag(sync=True)  # what a view shows until its first frame comes
    title = traitlets.Unicode("").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    pointer = traitlets.Bool(False).tag(sync=True)
    key_help = traitlets.Dict({}).tag(sync=True)  # key -> what it does
    releases = traitlets.Bool(False).tag(sync=True)  # whether to tell when a key is let go

    def __init__(
        self,
        figure: Figure,
        *,
        prepare: Callable[[], bool | None] = lambda: True,
        theme: Callable[[bool], None] = lambda dark: None,
        event: Callable[[dict], None] = lambda message: None,
        **traits,
    ):
        figure.set_dpi(DPI)
        width, height = figure.get_size_inches() * DPI
        super().__init__(size=(round(width), round(height)), **traits)
        self.layers = Layers(figure)
        self.figure = figure
        self.description = ""  # the picture in words; travels with it
        self.dark = False
        self.page: dict | None = None  # what the page reported; None: nobody looks
        self.sent = self.painted = 0
        self._before: np.ndarray | None = None  # the pixels that every view has
        self._waiting_since = 0.0
        self._dirty = False
        self._prepare, self._theme, self._event = prepare, theme, event
        self.on_msg(self._receive)

    @property
    def silent(self) -> bool:
        """Whether the page has not answered for long: closed, asleep or cut off."""
        return self.painted < self.sent and time.monotonic() - self._waiting_since > PATIENCE

    @property
    def busy(self) -> bool:
        """Whether the page has still to paint what it was sent."""
        return self.sent - self.painted >= (UNANSWERED if self.silent else IN_FLIGHT)

    def update(self) -> None:
        """Show the present state: now, or as soon as the page has painted what it has."""
        with alone:
            if self.page is None:
                self._prepare()
            elif not self.busy:
                self._dirty = False
                if self._prepare() is not False:
                    self._transmit()
            elif not self._dirty:
                self._dirty = True
                with contextlib.suppress(RuntimeError):  # no event loop: an acknowledgement will do
                    asyncio.get_running_loop().call_later(PATIENCE, self._catch_up)

    async def wait_painted(self) -> None:
        """Wait until the page has painted the last frame; not for long if it does not answer."""
        while self.page is not None and self.painted < self.sent and not self.silent:
            await asyncio.sleep(0.004)  # the acknowledgement may come in another thread

    def focus(self) -> None:
        """Give the picture the keyboard: after a button that begins what the keys go on with."""
        self.send({"focus": True})

    def png(self) -> bytes:
        """Return the picture as a small PNG, which views show until their first frame comes."""
        with alone:
            picture = Image.fromarray(self.layers.pixels()[..., :3])
        # Colours are chosen by how far apart they are: a thin line of few pixels keeps its own.
        few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        png = encode(few, "png", optimize=True)
        self.still = {"png": png, "description": self.description}
        return png

    def _catch_up(self) -> None:
        if self._dirty:
            self.update()

    def _transmit(self) -> None:
        pixels = self.layers.pixels()
        height, width, _ = pixels.shape
        places: list[Patch] = [(0, 0, width, height)]
        if self.page is None or self.page["loopback"]:
            if self._before is not None and self._before.shape == pixels.shape:
                places = patches(pixels, self._before)
            self._before = pixels.copy()
            kind, data = "runs", pack(pixels, places)
        else:
            picture = Image.fromarray(pixels[..., :3])
            kind, data = "jpeg", encode(picture, "jpeg", quality=88, subsampling=0)
        if self.painted == self.sent:
            self._waiting_since = time.monotonic()
        self.sent += 1
        content = {"id": self.sent, "format": kind, "width": width, "height": height}
        self.send(content | {"patches": places, "description": self.description}, [data])

    def _receive(self, _, message: dict, buffers: list) -> None:
        kind = message.get("kind")
        with alone:
            if kind == "page":
                self._meet(message)
            elif kind == "painted":
                self.painted = max(self.painted, message["id"])
                self._waiting_since = time.monotonic()
                self._catch_up()
            else:
                try:
                    self._event(message)
                finally:
                    self.send({"done": True})  # the page sends the next move only now

    def _meet(self, page: dict) -> None:
        """A page shows the frame for the first time, or its theme or density has changed."""
        self.page = page
        self.painted = self.sent
        self.figure.set_dpi(DPI * min(max(page["ratio"], 1), 3))
        if page["dark"] != self.dark:
            self.dark = page["dark"]
            self._theme(self.dark)
        self.layers.redraw()
        self._before = None
        self.update()


def encode(picture: Image.Image, kind: str, **options) -> bytes:
    """Return the picture's file of this kind, with Pillow's options."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
