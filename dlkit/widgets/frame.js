// Shows the frames that frame.py sends, and reports the page, the pointer and the keys.

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
const FOCUSABLE = "a, button, input, select, textarea, [tabindex], [contenteditable]";

function isDark() {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  if (vscodeThemeKind) return vscodeThemeKind.includes("dark");
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Fills a rectangle with runs as patches.py packs them, from number `next` on: a run says in its
// highest byte how many pixels have its colour, or, where that is 0, how many repeat the row above.
function fill(pixels, width, runs, next) {
  let place = 0;
  while (place < pixels.length) {
    const run = runs[next++], count = run >>> 24, end = place + (count || run);
    // Most runs are short: these loops take a third of the time of fill. copyWithin would not do:
    // it copies as if all were read first, so that of several rows only one would come.
    if (count) for (; place < end; place += 1) pixels[place] = run | 0xff000000;
    else for (; place < end; place += 1) pixels[place] = pixels[place - width];
  }
  return next;
}

function unpack(patches, { buffer, byteOffset, byteLength }) {
  const runs = new Int32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  let next = 0;
  return patches.map(([, , width, height]) => {
    const pixels = new Int32Array(width * height);
    next = fill(pixels, width, runs, next);
    return new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
  });
}

function add(parent, tag, attributes) {
  const element = parent.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// ipywidgets' sliders have no accessible name and do not say that they are greyed, and letters typed
// on a control reach JupyterLab's shortcuts ("dd" deletes the cell). Mended for every control.
function mend(root, title) {
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", title);
  for (const slider of root.querySelectorAll("[role=slider]")) {
    const label = slider.closest(".jupyter-widgets")?.querySelector(".widget-label");
    const handles = [...slider.closest(".noUi-target")?.querySelectorAll("[role=slider]") ?? []];
    const end = handles.length > 1 ? [" from", " to"][handles.indexOf(slider)] : "";
    if (label) slider.setAttribute("aria-label", label.textContent.trim() + end);
    slider.setAttribute("aria-disabled", Boolean(slider.closest("[disabled]")));
  }
  for (const element of root.querySelectorAll(FOCUSABLE)) {
    element.dataset.lmSuppressShortcuts = "true";
  }
}

function render({ model, el }) {
  const cleanup = new AbortController();
  const { signal } = cleanup;
  const observers = [];
  const observe = (observer, ...where) => {
    observer.observe(...where);
    observers.push(observer);
  };
  el.classList.add("dlkit-frame");
  const canvas = add(el, "canvas", { "data-lm-suppress-shortcuts": "true" });
  const context = canvas.getContext("2d", { alpha: false });
  const message = add(el, "p", { class: "dlkit-message", role: "alert" });
  const description = add(el, "p", { class: "dlkit-description", "aria-hidden": "true" });
  const announcement = add(el, "p", { class: "dlkit-announcement", role: "status" });
  const help = add(el, "p", { class: "dlkit-keys" });

  // Words. The description is spoken when it has been at rest for a while, not during a drag.
  let resting;
  function complain() {
    message.textContent = model.get("message");
  }
  function describe(text) {
    if (text === description.textContent) return;
    const changed = description.textContent !== "";
    description.textContent = text;
    canvas.setAttribute("aria-label", text || model.get("title"));
    if (!changed) return;
    clearTimeout(resting);
    announcement.textContent = "";
    resting = setTimeout(() => (announcement.textContent = text), 700);
  }
  function arrange() {
    const [width, height] = model.get("size");
    const keys = Object.entries(model.get("key_help"));
    canvas.style.maxWidth = `${width}px`;
    canvas.style.minWidth = `${0.6 * width}px`;
    canvas.style.aspectRatio = `${width} / ${height}`;
    canvas.classList.toggle("dlkit-pointer", model.get("pointer"));
    canvas.setAttribute("role", keys.length ? "application" : "img");
    if (keys.length) canvas.tabIndex = 0;
    else canvas.removeAttribute("tabindex");
    help.replaceChildren(...keys.flatMap(([key, does]) => {
      const name = document.createElement("kbd");
      name.textContent = key === " " ? "Space" : key.replace("Arrow", "");
      return [name, ` ${does}   `];
    }));
    if (!description.textContent) canvas.setAttribute("aria-label", model.get("title"));
    complain();
  }

  // Pictures. A frame is decoded before it is painted, and painted whole: nothing blinks.
  let painted = -1, whole = false;
  async function paint({ id, format, width, height, patches, description: text }, data) {
    const picture = format === "runs" ? { width, height } : await createImageBitmap(new Blob([data]));
    if (id <= painted) return; // a newer one was decoded sooner
    whole ||= format === "jpeg" || (id && patches[0]?.[2] === width && patches[0][3] === height);
    if (id && !whole) return; // changes of a picture that only another view has yet
    painted = id;
    if (canvas.width !== picture.width) canvas.width = picture.width;
    if (canvas.height !== picture.height) canvas.height = picture.height;
    if (format === "runs") {
      const pieces = unpack(patches, data);
      patches.forEach(([left, top], i) => context.putImageData(pieces[i], left, top));
    } else context.drawImage(picture, 0, 0);
    describe(text);
    if (!id) return; // the still picture is nobody's frame
    const acknowledge = () => model.send({ kind: "painted", id });
    if (document.hidden) acknowledge(); // nothing is painted there, and timers are slowed down
    else requestAnimationFrame(() => setTimeout(acknowledge));
  }
  function receive(content, buffers) {
    if (content.done) finish();
    else if (content.focus) canvas.focus({ preventScroll: true });
    else if (content.format) paint(content, buffers[0]);
  }

  // The page: what it is, and what it becomes.
  const report = () => model.send({
    kind: "page",
    loopback: LOOPBACK.test(location.hostname),
    ratio: devicePixelRatio,
    dark: isDark(),
  });
  function followDensity() {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    query.addEventListener("change", () => (report(), followDensity()), { once: true, signal });
  }

  // Pointer and keys. One move at a time is with the kernel; of those meanwhile, the last counts.
  let withKernel = 0, move = null, pressed = false;
  function send(event) {
    withKernel += 1;
    model.send(event);
  }
  function flush() {
    if (move) send(move);
    move = null;
  }
  function finish() {
    withKernel -= 1;
    if (!withKernel) requestAnimationFrame(flush);
  }
  function onPointer(event) {
    if (!model.get("pointer") || event.button > 0) return;
    const kind = event.type.replace("pointer", "").replace("cancel", "up");
    const box = canvas.getBoundingClientRect();
    const content = {
      kind,
      x: (event.clientX - box.left) / box.width,
      y: 1 - (event.clientY - box.top) / box.height,
      shift: event.shiftKey,
      control: event.ctrlKey || event.metaKey,
    };
    if (kind === "down") {
      pressed = true;
      canvas.setPointerCapture(event.pointerId);
      if (canvas.tabIndex === 0) canvas.focus({ preventScroll: true });
    }
    content.pressed = pressed;
    if (kind === "up") pressed = false;
    if (kind !== "move") {
      flush();
      send(content);
    } else {
      move = content;
      if (!withKernel) requestAnimationFrame(flush);
    }
  }
  for (const kind of ["down", "move", "up", "cancel", "leave"]) {
    canvas.addEventListener(`pointer${kind}`, onPointer, { signal });
  }
  const held = new Set();
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in model.get("key_help")) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && withKernel) return; // a key held down never queues up
    held.add(event.key);
    send({ kind: "key", key: event.key, shift: event.shiftKey, control: false });
  }, { signal });
  function release(key) {
    if (held.delete(key) && model.get("releases")) send({ kind: "release", key });
  }
  canvas.addEventListener("keyup", (event) => release(event.key), { signal });
  canvas.addEventListener("blur", () => [...held].forEach(release), { signal });

  model.on("msg:custom", receive);
  model.on("change:message", complain);
  model.on("change:size change:key_help change:pointer change:title", arrange);
  arrange();
  const still = model.get("still");
  if (still.png) paint({ id: 0, format: "png", description: still.description }, still.png);
  report();
  followDensity();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", report, { signal });
  document.addEventListener("visibilitychange", report, { signal });
  observe(new MutationObserver(report), document.body, {
    attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"],
  });

  // A picture that has to be scrolled, but takes no keys itself, is reached by the keyboard too.
  observe(new ResizeObserver(() => {
    if (el.scrollWidth > el.clientWidth && canvas.tabIndex < 0) el.tabIndex = 0;
    else el.removeAttribute("tabindex");
  }), el);

  // The controls are mended once the explorer is on the page, and whenever it gets new ones.
  const onPage = new ResizeObserver(() => {
    const root = el.closest(".dlkit-explorer");
    if (!root) return;
    onPage.disconnect();
    const again = () => mend(root, model.get("title"));
    const changes = { childList: true, subtree: true, attributeFilter: ["disabled"] };
    observe(new MutationObserver(again), root, changes);
    again();
  });
  observe(onPage, canvas);

  return () => {
    cleanup.abort();
    clearTimeout(resting);
    for (const observer of observers) observer.disconnect();
    model.off("msg:custom", receive);
    model.off("change:message", complain);
    model.off("change:size change:key_help change:pointer change:title", arrange);
  };
}

export default { render };
