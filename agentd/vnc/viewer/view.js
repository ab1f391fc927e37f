// How the picture is shown: its size in the window, its quality, full screen, the device awake.

const QUALITIES = { sharp: [9, 2], balanced: [6, 2], thrifty: [2, 6] };
const isTouch = () => matchMedia("(pointer: coarse)").matches;

export class View {
  #link;
  #parts;
  #lock = null;
  #canResize = false;
  #canType = false;

  constructor(link, parts) {
    this.#link = link;
    this.#parts = parts;
    for (const input of parts.panel.querySelectorAll("input[type=radio]")) {
      if (remembered(input.name)) input.checked = remembered(input.name) === input.value;
      input.addEventListener("change", () => {
        remember(input.name, input.value);
        this.#apply();
      });
    }
    parts.awakeChoice.hidden = !("wakeLock" in navigator);
    parts.awake.checked = remembered("awake") === "true";
    parts.awake.addEventListener("change", () => {
      remember("awake", parts.awake.checked);
      this.#stayAwake();
    });
    parts.full.hidden = !document.documentElement.requestFullscreen;
    parts.full.addEventListener("click", () => this.#toggleFull());
    parts.grip.addEventListener("click", () => parts.bar.classList.toggle("peek"));
    parts.screen.addEventListener("pointerdown", () => parts.bar.classList.remove("peek"), { capture: true });
    document.addEventListener("pointermove", ({ clientY, pointerType }) => {
      if (document.fullscreenElement && pointerType === "mouse") {
        parts.bar.classList.toggle("peek", clientY < (parts.bar.classList.contains("peek") ? 64 : 3));
      }
    }, { capture: true });
    parts.pan.addEventListener("click", () => this.#pan(parts.pan.getAttribute("aria-pressed") !== "true"));
    link.addEventListener("clippingviewport", ({ detail }) => {
      parts.pan.hidden = !detail;
      this.#pan(detail && isTouch() && !this.#canType);
    });
    link.addEventListener("change", () => this.#stayAwake());
    document.addEventListener("visibilitychange", () => this.#stayAwake());
    visualViewport?.addEventListener("resize", () => fitKeyboard());
  }

  allow(canResize, canType) {
    this.#canType = canType;
    this.#parts.match.hidden = !canResize;
    if (canResize === this.#canResize) return;
    this.#canResize = canResize;
    this.#apply();
  }

  prepare(rfb) {
    rfb.background = "transparent";
    this.#apply(rfb);
  }

  #apply(rfb = this.#link.rfb) {
    if (!rfb) return;
    let size = this.#chosen("size");
    if (size === "match" && !this.#canResize) size = "fit";
    // Fitted as well while it asks for another size: not every display takes each one.
    rfb.scaleViewport = size !== "actual";
    // Fingers act on the desktop, so they cannot scroll the page: there the picture is moved.
    rfb.clipViewport = size === "actual" && isTouch();
    rfb.resizeSession = size === "match";
    [rfb.qualityLevel, rfb.compressionLevel] = QUALITIES[this.#chosen("quality")];
  }

  #chosen(name) {
    return this.#parts.panel.querySelector(`input[name=${name}]:checked`).value;
  }

  #pan(on) {
    this.#parts.pan.setAttribute("aria-pressed", on);
    if (this.#link.rfb) this.#link.rfb.dragViewport = on;
  }

  async #toggleFull() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else {
        await document.documentElement.requestFullscreen({ navigationUI: "hide" });
        // Alt+Tab and the like go to the desktop, where the browser lets them (Chromium).
        if (this.#canType) await navigator.keyboard?.lock?.();
        this.#link.rfb?.focus();
      }
    } catch { /* The browser does not want to; nothing has changed. */ }
  }

  async #stayAwake() {
    const wanted = this.#parts.awake.checked && this.#link.state === "connected" && !document.hidden;
    try {
      if (wanted && (!this.#lock || this.#lock.released)) this.#lock = await navigator.wakeLock.request("screen");
      else if (!wanted && this.#lock) await this.#lock.release();
    } catch { /* A battery that is low, or a browser without it. */ }
  }
}

function fitKeyboard() {
  // Safari lays its keyboard over the page instead of making the page smaller.
  const covered = innerHeight - visualViewport.height;
  if (covered > 80) document.documentElement.style.setProperty("--height", `${visualViewport.height}px`);
  else document.documentElement.style.removeProperty("--height");
}

function remember(name, value) {
  try {
    localStorage.setItem(`agentd.${name}`, value);
  } catch { /* Blocked: chosen anew each time. */ }
}

function remembered(name) {
  try {
    return localStorage.getItem(`agentd.${name}`);
  } catch {
    return null;
  }
}
