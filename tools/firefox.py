"""The browser tests in Firefox instead of Chromium: a check by hand, before a release.

    sudo apt-get install firefox-esr
    .venv/bin/python -m pytest -p tools.firefox tests/browser

Playwright drives the system's own Firefox by the protocol WebDriver BiDi, which is young; this
plugin of pytest bridges what differs. A finger it cannot move: the tests with one are skipped.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, Locator, Playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
import lab

# Firefox 153 does not know this command, and Playwright gives up when it fails. Nothing here
# needs it; so Playwright's JavaScript is read with the call that may fail in its place.
BRIDGE = """
const { prototype } = require("module");
const compile = prototype._compile;
const command = '("emulation.setMediaFeaturesOverride"';
prototype._compile = function (source, ...rest) {
  return compile.call(this, source.replaceAll("send" + command, "sendMayFail" + command), ...rest);
};
"""
launch, request_failed = BrowserType.launch, lab.Lab._request_failed


def find_firefox():
    """The system's Firefox. Without one the tests fail: it was asked for."""
    found = filter(None, map(shutil.which, ("firefox-esr", "firefox")))
    return next(found, None) or pytest.fail("no Firefox here: sudo apt-get install firefox-esr")


def launch_firefox(browser, *, executable_path, **_):
    """As BrowserType.launch; Chromium's flags are left out."""
    return launch(browser, channel="moz-firefox", executable_path=executable_path)


def fill(field, text, **_):
    """Type it: a text that a program has put there is no change to Firefox."""
    field.click()
    field.press("ControlOrMeta+a")
    field.press_sequentially(text) if text else field.press("Delete")


def failed_itself(watched, request):
    """As Lab._request_failed; what the page itself cancels has another name in Firefox."""
    if "NS_BINDING_ABORTED" not in (request.failure or ""):
        request_failed(watched, request)


def pytest_configure(config):
    """Put Firefox in Chromium's place; Playwright's driver starts later, and reads the bridge."""
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    bridge = Path(folder.name, "bridge.cjs")
    bridge.write_text(BRIDGE)
    os.environ["NODE_OPTIONS"] = f"--require={bridge}"
    lab.find_chromium = find_firefox
    lab.Lab._request_failed = failed_itself
    Playwright.chromium = property(lambda playwright: playwright.firefox)
    BrowserType.launch = launch_firefox
    Locator.fill = fill


def pytest_collection_modifyitems(items):
    """Skip what the protocol cannot do."""
    for item in items:
        if "finger" in item.name:
            item.add_marker(pytest.mark.skip(reason="a finger needs Chromium's own protocol"))
