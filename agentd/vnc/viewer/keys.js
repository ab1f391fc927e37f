// Keys for devices without a keyboard: a strip of buttons, and a hidden field that the device's
// own keyboard types into.
//
// Keyboards of phones correct, complete and compose: no key event tells what they did. So the
// field is compared with what it held before, and the difference becomes keys.

const KEYSYMS = {
  Escape: 0xff1b, Tab: 0xff09, Enter: 0xff0d, Backspace: 0xff08, Delete: 0xffff, Home: 0xff50, End: 0xff57,
  ArrowLeft: 0xff51, ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, PageUp: 0xff55, PageDown: 0xff56,
  Insert: 0xff63, F1: 0xffbe, F2: 0xffbf, F3: 0xffc0, F4: 0xffc1, F5: 0xffc2, F6: 0xffc3, F7: 0xffc4, F8: 0xffc5,
  F9: 0xffc6, F10: 0xffc7, F11: 0xffc8, F12: 0xffc9,
};
const MODIFIERS = {
  Control: [0xffe3, "ControlLeft"], Alt: [0xffe9, "AltLeft"], Shift: [0xffe1, "ShiftLeft"], Super: [0xffeb, "MetaLeft"],
};
// So that there is always something to delete.
const PADDING = "_".repeat(64);

export class Keys {
  #link;
  #lookup;
  #strip;
  #field;
  #opener;
  #before = PADDING;
  #held = new Map();

  constructor(link, lookup, { strip, field, opener, ctrlAltDel }) {
    this.#link = link;
    this.#lookup = lookup;
    this.#strip = strip;
    this.#field = field;
    this.#opener = opener;
    opener.addEventListener("click", () => this.toggle(strip.hidden));
    strip.addEventListener("pointerdown", (event) => {
      // The button must not take the focus: the device's keyboard would go away.
      if (event.target.closest("button")) event.preventDefault();
    });
    strip.addEventListener("click", (event) => this.#press(event.target.closest("button")));
    ctrlAltDel.addEventListener("click", () => link.rfb?.sendCtrlAltDel());
    field.addEventListener("input", (event) => event.isComposing || this.#typed());
    field.addEventListener("compositionend", () => this.#typed());
    field.addEventListener("keydown", (event) => this.#named(event));
    addEventListener("blur", () => this.release());
    link.addEventListener("change", () => link.state === "connected" || this.#forget());
    this.#reset();
  }

  allow(allowed) {
    this.#opener.hidden = !allowed;
    if (!allowed) this.toggle(false);
  }

  toggle(shown) {
    this.#strip.hidden = !shown;
    this.#opener.setAttribute("aria-pressed", shown);
    if (shown && matchMedia("(pointer: coarse)").matches) this.#field.focus({ preventScroll: true });
    else this.#field.blur();
    if (!shown) this.release();
  }

  release() {
    for (const button of [...this.#held.values()]) this.#modify(button, false);
  }

  #press(button) {
    if (!button) return;
    if (button.dataset.modifier) {
      this.#modify(button, !this.#held.has(button.dataset.modifier));
    } else if (button.dataset.key) {
      this.#send(KEYSYMS[button.dataset.key], button.dataset.key);
    }
  }

  #modify(button, down) {
    const name = button.dataset.modifier;
    const [keysym, code] = MODIFIERS[name];
    this.#link.rfb?.sendKey(keysym, code, down);
    if (down) this.#held.set(name, button);
    else this.#held.delete(name);
    button.setAttribute("aria-pressed", down);
  }

  #forget() {
    // The daemon lifts what a viewer held when it has gone.
    for (const button of this.#held.values()) button.setAttribute("aria-pressed", false);
    this.#held.clear();
  }

  #send(keysym, code = "") {
    this.#link.rfb?.sendKey(keysym, code);
    this.release(); // A modifier holds for one key, as on phones.
  }

  #named(event) {
    const isText = ["Enter", "Backspace"].includes(event.key);
    if (isText || event.isComposing || !(event.key in KEYSYMS)) return;
    event.preventDefault();
    this.#send(KEYSYMS[event.key], event.code);
  }

  #typed() {
    const before = [...this.#before];
    const now = [...this.#field.value];
    let same = 0;
    while (same < before.length && before[same] === now[same]) same += 1;
    for (let i = same; i < before.length; i += 1) this.#send(KEYSYMS.Backspace, "Backspace");
    for (const character of now.slice(same)) {
      if (character === "\n") this.#send(KEYSYMS.Enter, "Enter");
      else this.#send(this.#lookup(character.codePointAt(0)));
    }
    this.#before = this.#field.value;
    if (now.length < PADDING.length / 2 || now.length > 4 * PADDING.length || now.includes("\n")) this.#reset();
  }

  #reset() {
    this.#field.value = PADDING;
    this.#before = PADDING;
    this.#field.setSelectionRange(PADDING.length, PADDING.length);
  }
}
