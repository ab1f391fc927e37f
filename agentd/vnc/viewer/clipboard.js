// The clipboard, both ways: by itself where the browser permits, else through a panel.
//
// Chromium asks the user once; Firefox and Safari give no page the clipboard unasked, so there the
// panel is the way. Nothing is kept but what the panel shows.

export class Clipboard {
  #link;
  #parts;
  #mayRead = "no"; // no, ask, yes
  #pending = null; // From the desktop, not yet in this device's clipboard.
  #known = null; // What both sides have.
  #hasAsked = false;
  #allowed = false;
  #canSend = false;

  constructor(link, parts) {
    this.#link = link;
    this.#parts = parts;
    link.addEventListener("clipboard", ({ detail }) => this.#fromDesktop(detail.text));
    // What was copied on this device before the picture came can be pasted as well.
    link.addEventListener("unicode", () => this.#sync());
    addEventListener("focus", () => this.#sync());
    parts.screen.addEventListener("pointerdown", () => this.#sync({ mayAsk: true }), { capture: true });
    parts.screen.addEventListener("keydown", (event) => this.#beforePaste(event), { capture: true });
    parts.copy.addEventListener("click", () => this.#copy());
    parts.send.addEventListener("click", () => this.#send());
    parts.panel.addEventListener("toggle", ({ newState }) => newState === "open" && this.#open());
    this.#watchPermission();
  }

  allow(allowed, canSend) {
    this.#allowed = allowed;
    this.#canSend = canSend;
    this.#parts.opener.hidden = !allowed;
    this.#parts.send.hidden = !canSend;
  }

  async #watchPermission() {
    try {
      const status = await navigator.permissions.query({ name: "clipboard-read" });
      const take = () => {
        this.#mayRead = { granted: "yes", prompt: "ask" }[status.state] || "no";
        this.#explain();
        this.#sync();
      };
      status.onchange = take;
      take();
    } catch {
      this.#explain(); // No such permission: the browser asks at every single reading.
    }
  }

  #explain() {
    this.#parts.how.textContent = {
      yes: "Shared by itself: what you copy here or there can be pasted on the other side.",
      ask: "Your browser asks once whether this page may share the clipboard; or use this field.",
      no: "This browser does not share the clipboard by itself. Use this field.",
    }[this.#mayRead];
  }

  async #sync({ mayAsk = false } = {}) {
    await this.#deliver();
    if (!this.#allowed || !this.#canSend || !this.#link.takesUnicode || !document.hasFocus()) return;
    if (this.#mayRead === "ask" && mayAsk && !this.#hasAsked) this.#hasAsked = true;
    else if (this.#mayRead !== "yes") return;
    try {
      const text = await navigator.clipboard.readText();
      if (text && text !== this.#known) this.#toDesktop(text);
    } catch {
      // Refused, or there is no text in it.
    }
  }

  #beforePaste(event) {
    // Mostly nothing is new: it was seen when the page got the focus.
    if ((event.ctrlKey || event.metaKey) && event.code === "KeyV") this.#sync();
  }

  #fromDesktop(text) {
    if (!this.#allowed || text === this.#known) return;
    this.#known = text;
    this.#pending = text;
    this.#parts.text.value = text;
    this.#deliver();
  }

  async #deliver() {
    if (this.#pending === null || !document.hasFocus()) return;
    const text = this.#pending;
    try {
      await navigator.clipboard.writeText(text);
      if (this.#pending === text) this.#pending = null;
      this.#parts.opener.classList.remove("news");
    } catch {
      this.#parts.opener.classList.add("news");
    }
  }

  #toDesktop(text) {
    if (!this.#link.takesUnicode) return false;
    this.#known = text;
    this.#pending = null;
    this.#link.rfb.clipboardPasteFrom(text);
    return true;
  }

  #open() {
    this.#parts.opener.classList.remove("news");
    this.#explain();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#parts.text.value);
      this.#parts.note("Copied");
    } catch {
      this.#parts.text.select();
      this.#parts.note("Press Ctrl+C to copy");
    }
  }

  #send() {
    const isSent = this.#toDesktop(this.#parts.text.value);
    this.#parts.note(isSent ? "Sent to the desktop" : "Not sent: the desktop is not connected");
    if (isSent) this.#parts.panel.hidePopover();
  }
}
