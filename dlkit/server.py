"""An extension of Jupyter Server: what a kernel says reaches the page at once.

TCP holds a short message back while the one before it is not acknowledged (J. Nagle, RFC 896,
1984), and the page's side may take its time over that, on Linux 40 ms. A kernel says "busy" and
sends the picture a moment later: without this extension the picture waits.

`server.json` switches it on wherever dlkit is installed beside Jupyter; no chapter depends on it.
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "dlkit.server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    settings = server.web_app.settings
    name = "kernel_websocket_connection_class"
    settings[name] = prompt(settings[name])


def prompt(connection: type) -> type:
    """The same class of connections between kernel and page, without TCP's waiting."""

    class Prompt(connection):
        def connect(self):
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return Prompt
