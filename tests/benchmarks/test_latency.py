"""How fast explorers follow a slider, in a real browser, beside `interact` with `plt.show()`.

For each key that is really pressed on the slider: the time from the keydown event to the first
task after the frame in which other pixels are on the page. Then bursts of 60 slider events in a
second, as in a drag: how late the last picture is, how many different pictures were seen, the
longest time without a new one, and whether any was blank.

To measure another explorer, add it to tests/explorers.py.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from lab import CHROMIUM_FLAGS, Lab, find_chromium, jupyterlab, notebook
from playwright.sync_api import sync_playwright

from tests.explorers import EXPLORERS, PICTURE

PRESSES, WARM_UP, BURSTS, EVENTS = 60, 5, 3, 60

INTERACT = """
import matplotlib.pyplot as plt
from ipywidgets import interact

def picture(scale):
    _, axes = plt.subplots(figsize=(5, 4), dpi=100)
    show(axes, heights(scale))
    plt.show()

_ = interact(picture, scale=slider())
"""

# Watches the picture after each frame that was painted, and presses keys in a burst.
PROBE = """
() => {
  const area = document.querySelector("[data-cell-id=measured] .jp-Cell-outputWrapper");
  const small = new OffscreenCanvas(200, 150).getContext("2d", { willReadFrequently: true });
  const probe = window.probe = { changes: [], pressed: 0, blank: 0 };
  let last = null;
  function look() {
    const now = performance.now();
    const all = area.querySelectorAll("canvas:not(.dlkit-pad canvas), img"); // not a drawing pad
    const picture = [...all].find(e => e.offsetParent);
    let hash = 0;
    if (picture && picture.complete !== false && picture.width) {
      small.drawImage(picture, 0, 0, 200, 150);
      const pixels = new Uint32Array(small.getImageData(0, 0, 200, 150).data.buffer);
      if (pixels.some(pixel => pixel !== pixels[0])) {
        for (const pixel of pixels) hash = (hash * 31 + pixel) | 0;
      }
    }
    if (!hash) probe.blank += 1;
    else if (hash !== last) probe.changes.push(now);
    last = hash || last;
  }
  const painted = new MessageChannel();
  painted.port1.onmessage = look;
  (function frame() {
    requestAnimationFrame(frame);
    painted.port2.postMessage(0);
  })();
  addEventListener("keydown", event => (probe.pressed = event.timeStamp), { capture: true });
  probe.next = async after => {
    for (let tries = 0; tries < 60; tries += 1) {
      const change = probe.changes.find(time => time > after);
      if (change) return change;
      await new Promise(requestAnimationFrame);
    }
    return null; // this step of the slider looks the same
  };
  probe.burst = async (handle, events) => {
    const began = performance.now();
    let key = "ArrowRight";
    const press = () => handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    for (let i = 0; i < events; i += 1) {
      while (performance.now() < began + i * 1000 / events) {
        await new Promise(done => setTimeout(done, 1));
      }
      const before = handle.ariaValueText;
      press();
      if (handle.ariaValueText !== before) continue;
      key = key === "ArrowRight" ? "ArrowLeft" : "ArrowRight"; // the slider's end
      press();
    }
    const ended = performance.now();
    await new Promise(done => setTimeout(done, 1200));
    return { changes: probe.changes.filter(time => time > began), began, ended };
  };
}
"""


@dataclass
class Latency:
    """Times in ms; frames: different pictures of a burst; blank: looks that saw no picture."""

    p50: float
    p95: float
    frames: float
    late: float
    gap: float
    blank: int

    def __str__(self) -> str:
        return (
            f"{self.p50:8.0f} {self.p95:8.0f} {self.frames:10.0f} "
            f"{self.late:8.0f} {self.gap:11.0f} {self.blank:8d}"
        )


def measure(lab: Lab, source: str, control: str) -> Latency:
    """Show `source` in JupyterLab and play with the slider called `control`."""
    lab.open(notebook(measured=source))
    lab.run_all()
    page, cell = lab.page, lab.cell("measured")
    slider = cell.get_by_role("slider").first
    if not cell.get_by_role("slider", name=control, exact=True).count():
        assert cell.locator(".dlkit-explorer").count() == 0, f"no slider is named {control!r}"
    else:
        slider = cell.get_by_role("slider", name=control, exact=True)
    page.wait_for_timeout(1500)  # the page settles
    page.evaluate(PROBE)
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(1000)
    latencies, keys = [], ["ArrowRight", "ArrowLeft"]
    for press in range(WARM_UP + PRESSES):
        before = slider.get_attribute("aria-valuetext")
        page.keyboard.press(keys[0])
        if slider.get_attribute("aria-valuetext") == before:  # the slider's end
            keys.reverse()
            page.keyboard.press(keys[0])
        pressed, painted = page.evaluate(
            "async () => [probe.pressed, await probe.next(probe.pressed)]"
        )
        if painted is not None:
            latencies.append(painted - pressed)
        page.wait_for_timeout(60 + 7 * (press % 10))  # not in step with the frames
    assert len(latencies) > PRESSES / 2, f"the picture seldom follows {control!r}"
    bursts = []
    for _ in range(BURSTS):
        page.keyboard.press("Home")
        page.wait_for_timeout(1000)
        bursts.append(slider.evaluate(f"handle => probe.burst(handle, {EVENTS})"))
    changes = [np.array([b["began"], *b["changes"]]) for b in bursts]
    return Latency(
        *np.percentile(latencies[WARM_UP:], (50, 95)),
        frames=float(np.median([len(c) - 1 for c in changes])),
        late=float(np.median([b["changes"][-1] - b["ended"] for b in bursts])),
        gap=float(np.median([np.diff(c).max() for c in changes])),
        blank=page.evaluate("() => probe.blank"),
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Makes a fresh page of one JupyterLab for every measurement."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium or Chrome on this machine: sudo apt-get install chromium")
    folder = tmp_path_factory.mktemp("jupyter")
    with jupyterlab(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)

        def measured(source: str, control: str) -> Latency:
            lab = Lab(browser, folder, address, folder)
            try:
                return measure(lab, source, control)
            finally:
                lab.close()

        yield measured
        browser.close()


@pytest.fixture(scope="module")
def habit(desk):
    """The latency of `interact` with `plt.show()`, measured in the same run."""
    busy = os.getloadavg()[0]  # before: what else this machine is doing
    latency = desk(PICTURE + INTERACT, "scale")
    print(f"\n\nload of this machine before the start: {busy:.1f} on {os.cpu_count()} cores")
    print(f"{'slider to picture, ms':28}{'p50':>8} {'p95':>8} {'pictures':>10}", end="")
    print(f" {'late':>8} {'longest gap':>11} {'blank':>8}\n{'interact + plt.show()':28}{latency}")
    return latency


@pytest.mark.parametrize("name", EXPLORERS)
def test_latency(name, desk, habit):
    latency = desk(*EXPLORERS[name])
    print(f"{name:28}{latency}   {habit.p50 / latency.p50:.1f} times as fast")
    assert latency.blank == 0
    assert habit.p50 / latency.p50 >= 2.5
    quiet = "on a machine with nothing else to do (see its load above)"
    assert latency.p50 <= 50, quiet
    assert latency.p95 <= 75, quiet
    assert latency.late <= 120, quiet
