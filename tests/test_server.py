"""The extension of Jupyter Server: it is found, switched on, and leaves the rest as it was."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

from dlkit import server


def test_a_connection_does_not_wait_and_does_all_else_as_before():
    told = []

    class Standard:
        def __init__(self, websocket_handler):
            self.websocket_handler = websocket_handler

        def connect(self):
            told.append("connected")
            return "what comes later"

    settings = {"kernel_websocket_connection_class": Standard, "base_url": "/"}
    server._load_jupyter_server_extension(
        SimpleNamespace(web_app=SimpleNamespace(settings=settings))
    )
    assert settings["base_url"] == "/"
    prompt = settings["kernel_websocket_connection_class"]
    assert issubclass(prompt, Standard)
    connection = prompt(SimpleNamespace(set_nodelay=lambda value: told.append(value)))
    assert connection.connect() == "what comes later"
    assert told == [True, "connected"]


def test_jupyter_server_finds_it_and_has_it_switched_on(tmp_path):
    environment = os.environ | {f"JUPYTER_{k}_DIR": str(tmp_path) for k in ("CONFIG", "DATA")}
    command = [sys.executable, "-m", "jupyter", "server", "extension", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    words = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)
    assert re.search(r"dlkit\.server +enabled", words), words
    assert re.search(r"dlkit\.server +OK", words), words
