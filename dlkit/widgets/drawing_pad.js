// Inks at once, without waiting for the kernel, and sends the strokes once a frame.

const SIDE = 28;
const BOX = [4 / SIDE, 20 / SIDE]; // where MNIST's digits lie: the box's corner and its side
const PEN = 2.5 / SIDE; // the pen's width as a fraction of the pad, as drawing_pad.py inks it

function add(parent, tag, attributes = {}, text = "") {
  const element = parent.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

function render({ model, el }) {
  const cleanup = new AbortController();
  const { signal } = cleanup;
  const keys = { "data-lm-suppress-shortcuts": "true" };
  el.classList.add("dlkit-pad");
  const title = add(el, "p");
  const row = add(el, "div", { class: "dlkit-pad-row" });
  const paper = add(row, "canvas", {
    class: "dlkit-pad-paper", role: "application", tabindex: "0", ...keys,
  });
  const figure = add(row, "figure");
  const seen = add(figure, "canvas", {
    class: "dlkit-pad-seen", role: "img", width: SIDE, height: SIDE,
    "aria-label": "the drawing as the network sees it, 28 by 28 pixels",
  });
  add(figure, "figcaption", {}, "as the network sees it");
  figure.hidden = !model.get("preview");
  const buttons = add(el, "p");
  const button = { type: "button", class: "jupyter-button", ...keys };
  const undoButton = add(buttons, "button", button, "Undo stroke");
  const clearButton = add(buttons, "button", button, "Clear");
  add(el, "p", { class: "dlkit-pad-help" },
    "Keyboard: arrows move, Space puts the pen down or lifts it, Backspace undoes, Delete clears.");
  const said = add(el, "p", { class: "dlkit-pad-said", role: "status" });

  let strokes = structuredClone(model.get("strokes"));
  let began = 0; // when the first point was drawn
  let drawing = false; // the pointer's or the keyboard's pen is down
  let cursor = [0.5, 0.5];
  let withKeys = false;
  let waiting = false;

  const say = (text) => (said.textContent = text);

  function paint() {
    const side = Math.round(paper.clientWidth * devicePixelRatio) || 224;
    if (paper.width !== side) paper.width = paper.height = side;
    const context = paper.getContext("2d");
    context.clearRect(0, 0, side, side);
    const veil = model.get("veil");
    if (veil.byteLength) {
      context.globalAlpha = 0.25;
      context.imageSmoothingEnabled = false;
      context.drawImage(picture(veil), 0, 0, side, side);
      context.imageSmoothingEnabled = true;
      context.globalAlpha = 0.6;
      context.strokeStyle = getComputedStyle(paper).color;
      context.lineWidth = side / 224;
      context.setLineDash([side / 56, side / 56]);
      context.strokeRect(BOX[0] * side, BOX[0] * side, BOX[1] * side, BOX[1] * side);
      context.setLineDash([]);
      context.globalAlpha = 1;
    }
    const bytes = model.get("background");
    if (bytes.byteLength) context.drawImage(picture(bytes), 0, 0, side, side);
    context.strokeStyle = context.fillStyle = getComputedStyle(paper).color;
    context.lineWidth = PEN * side;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x * side, y * side);
      if (stroke.length === 1) context.lineTo(stroke[0][0] * side + 0.01, stroke[0][1] * side);
      context.stroke();
    }
    if (withKeys) {
      context.lineWidth = side / 112;
      context.strokeStyle = drawing ? "#d55e00" : "#0072b2";
      context.strokeRect((cursor[0] - PEN / 2) * side, (cursor[1] - PEN / 2) * side, PEN * side, PEN * side);
    }
  }

  // 784 bytes as a picture in the page's ink, transparent where there is none.
  function picture(bytes) {
    const small = new OffscreenCanvas(SIDE, SIDE);
    const context = small.getContext("2d");
    const data = new ImageData(SIDE, SIDE);
    for (let i = 0; i < SIDE * SIDE; i += 1) data.data[4 * i + 3] = bytes.getUint8(i);
    context.putImageData(data, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = getComputedStyle(paper).color;
    context.fillRect(0, 0, SIDE, SIDE);
    return small;
  }

  function paintSeen() {
    const context = seen.getContext("2d");
    context.clearRect(0, 0, SIDE, SIDE);
    const bytes = model.get("seen");
    if (bytes.byteLength) context.drawImage(picture(bytes), 0, 0);
  }

  function changed() {
    paint();
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      model.set("strokes", structuredClone(strokes));
      model.save_changes();
    });
  }

  function start(x, y) {
    if (!strokes.length) began = performance.now();
    strokes.push([[x, y, Math.round(performance.now() - began)]]);
    drawing = true;
    changed();
  }
  function extend(x, y) {
    strokes.at(-1).push([x, y, Math.round(performance.now() - began)]);
    changed();
  }
  function undo() {
    drawing = false;
    strokes.pop();
    say(strokes.length ? `${strokes.length} strokes left` : "the pad is empty");
    changed();
  }
  function clear() {
    drawing = false;
    strokes = [];
    model.set("background", new DataView(new ArrayBuffer(0)));
    say("the pad is empty");
    changed();
  }

  function place(event) {
    const box = paper.getBoundingClientRect();
    const inside = (value) => Math.min(Math.max(value, 0), 1);
    return [
      inside((event.clientX - box.left) / box.width),
      inside((event.clientY - box.top) / box.height),
    ];
  }
  paper.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || !event.isPrimary) return;
    paper.setPointerCapture(event.pointerId);
    withKeys = false;
    start(...place(event));
  }, { signal });
  paper.addEventListener("pointermove", (event) => {
    if (!paper.hasPointerCapture(event.pointerId) || !drawing) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) extend(...place(move));
  }, { signal });
  for (const kind of ["pointerup", "pointercancel"]) {
    paper.addEventListener(kind, () => { if (!withKeys) drawing = false; }, { signal });
  }

  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  paper.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) {
      const step = (event.shiftKey ? 4 : 1) / SIDE;
      cursor = cursor.map((c, i) => Math.min(Math.max(c + step * MOVES[event.key][i], 0), 1));
      if (withKeys && drawing) extend(...cursor);
      say(`column ${Math.round(cursor[0] * SIDE)}, row ${Math.round(cursor[1] * SIDE)}`);
    } else if (event.key === " ") {
      if (drawing) drawing = false;
      else start(...cursor);
      say(drawing ? "pen down" : "pen up");
    } else if (event.key === "Delete") clear();
    else if (event.key === "Backspace") undo();
    else if (event.key === "Escape") {
      drawing = false;
      paper.blur();
      return;
    } else return;
    withKeys = true;
    event.preventDefault();
    event.stopPropagation();
    paint();
  }, { signal });
  paper.addEventListener("blur", () => {
    if (withKeys) drawing = false;
    withKeys = false;
    paint();
  }, { signal });
  undoButton.addEventListener("click", undo, { signal });
  clearButton.addEventListener("click", clear, { signal });

  function name() {
    title.textContent = model.get("label");
    paper.setAttribute("aria-label", `${model.get("label")}: a pad to draw on`);
  }
  function fromKernel() {
    const theirs = model.get("strokes");
    if (JSON.stringify(theirs) === JSON.stringify(strokes)) return;
    if (drawing) return; // what is being drawn now counts
    strokes = structuredClone(theirs);
    paint();
  }
  const repaint = () => { paint(); paintSeen(); };
  model.on("change:strokes", fromKernel);
  model.on("change:background", paint);
  model.on("change:veil", paint);
  model.on("change:seen", paintSeen);
  model.on("change:label", name);
  const themes = new MutationObserver(() => requestAnimationFrame(repaint));
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint, { signal });
  const sizes = new ResizeObserver(repaint);
  sizes.observe(paper);
  name();
  repaint();

  return () => {
    cleanup.abort();
    themes.disconnect();
    sizes.disconnect();
    model.off("change:strokes", fromKernel);
    model.off("change:background", paint);
    model.off("change:veil", paint);
    model.off("change:seen", paintSeen);
    model.off("change:label", name);
  };
}

export default { render };
