// The viewer page: joins the desk's news, the picture's connection and the tools.

import { Clipboard } from "./clipboard.js";
import { Desk } from "./desk.js";
import { Keys } from "./keys.js";
import { Link } from "./link.js";
import { Meter } from "./meter.js";
import { forgetToken, keepToken, takeToken } from "./token.js";
import { View } from "./view.js";

const at = (id) => document.getElementById(id);
const novnc = document.documentElement.dataset.novnc;

class Page {
  #desk;
  #link;
  #view;
  #keys;
  #clipboard;
  #state = null;
  #refusal = null;
  #isDeskLost = false;
  #noteTimer = 0;

  constructor(token, RFB, lookup) {
    const screen = at("screen");
    this.#desk = new Desk(token);
    this.#link = new Link(RFB, screen, token, (rfb) => this.#prepare(rfb));
    this.#view = new View(this.#link, {
      screen, panel: at("view"), match: at("size-match"), awake: at("awake"), awakeChoice: at("awake-choice"),
      full: at("full"), grip: at("grip"), bar: at("bar"), pan: at("pan"),
    });
    this.#keys = new Keys(this.#link, lookup, {
      strip: at("keys"), field: at("typing"), opener: at("keyboard"), ctrlAltDel: at("ctrl-alt-del"),
    });
    this.#clipboard = new Clipboard(this.#link, {
      screen, panel: at("clipboard"), opener: at("clipboard-open"), text: at("clipboard-text"), how: at("clipboard-how"),
      copy: at("clipboard-copy"), send: at("clipboard-send"), note: (text) => this.#note(text),
    });
    new Meter(this.#link, this.#desk, at("info"), (name, text) => { at(`info-${name}`).textContent = text; });
    this.#listen();
    this.#desk.start();
  }

  #listen() {
    this.#desk.addEventListener("state", ({ detail }) => this.#take(detail));
    this.#desk.addEventListener("lost", () => { this.#isDeskLost = true; this.#show(); });
    this.#desk.addEventListener("refused", ({ detail }) => this.#end(detail.detail));
    this.#link.addEventListener("end", ({ detail }) => this.#end(detail));
    this.#link.addEventListener("change", () => this.#show());
    this.#link.addEventListener("bell", () => this.#flash());
    at("retry").addEventListener("click", () => this.#link.retry());
    at("take").addEventListener("click", () => this.#do(this.#hasTaken() ? "release" : "takeover"));
    at("help-done").addEventListener("click", () => this.#do("help_done"));
    at("private").addEventListener("click", () => this.#do(this.#state.withheld ? "unwithhold" : "withhold"));
    at("withheld-end").addEventListener("click", () => this.#do("unwithhold"));
    for (const opener of document.querySelectorAll("[popovertarget]")) {
      at(opener.getAttribute("popovertarget")).addEventListener("toggle", ({ newState }) => {
        opener.classList.toggle("open", newState === "open");
      });
    }
    setInterval(() => this.#showHelp(), 30_000);
  }

  #take(state) {
    this.#state = state;
    this.#isDeskLost = false;
    const rights = new Set(state.you.rights);
    const canAct = rights.has("pointer") || rights.has("key");
    this.#clipboard.allow(rights.has("clipboard"), canAct);
    this.#keys.allow(rights.has("key"));
    this.#view.allow(rights.has("resize"), rights.has("key"));
    if (this.#link.rfb) this.#link.rfb.viewOnly = !canAct;
    this.#name(state.desktop.name);
    this.#link.want(state.desktop.running);
    this.#showControl(canAct);
    this.#showHelp();
    this.#show();
    at("info-size").textContent = state.desktop.running ? `${state.desktop.width} × ${state.desktop.height}` : "–";
    at("info-you").textContent = [state.you.label, state.you.rights.join(", ")].filter((text) => text).join(": ");
  }

  #prepare(rfb) {
    const rights = this.#state.you.rights;
    rfb.viewOnly = !rights.includes("pointer") && !rights.includes("key");
    this.#view.prepare(rfb);
  }

  #showControl(canAct) {
    const { holder, mode, help, withheld } = this.#state;
    const kind = holder.is_you ? "you" : holder.kind;
    const who = {
      you: ["You", " are in control"],
      agent: ["Agent", " in control"],
      human: [holder.label || "Somebody", " in control"],
    }[kind] || (mode === "shared" ? ["Shared", " control"] : ["Nobody", " in control"]);
    const pill = at("holder");
    pill.hidden = false;
    pill.dataset.holder = kind;
    pill.title = who.join("");
    pill.replaceChildren(...["", "long"].map((name, i) => element("span", name, who[i])));
    at("view-only").hidden = canAct;
    // Who has taken over gives it back by themselves, or an operator does.
    const isTaken = holder.kind === "human" && holder.taken && !holder.is_you;
    at("take").hidden = !canAct || isTaken;
    // What a touch brought passes by itself; taking over makes it last.
    at("take").textContent = this.#hasTaken() ? "Hand back" : holder.is_you ? "Keep control" : "Take over";
    at("take").classList.toggle("primary", !holder.is_you && help !== null);
    at("private").hidden = !canAct || isTaken;
    at("private").setAttribute("aria-pressed", withheld);
    at("withheld").hidden = !withheld;
    at("withheld-end").hidden = !this.#hasTaken();
    at("help-done").hidden = !canAct;
  }

  #hasTaken() {
    return this.#state.holder.is_you && this.#state.holder.taken;
  }

  #showHelp() {
    const help = this.#state?.help;
    at("help").hidden = !help || this.#refusal !== null;
    if (!help) return;
    if (at("help-reason").textContent !== help.reason) at("help-reason").textContent = help.reason;
    const minutes = Math.floor((Date.now() / 1000 - help.since) / 60);
    at("help-since").textContent = minutes < 1 ? "just now" : minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
  }

  #show() {
    const [phase, title, text] = this.#phase();
    const root = document.documentElement;
    if (root.dataset.phase !== phase) {
      root.dataset.phase = phase;
      if (phase === "connected" && !at("keys").contains(document.activeElement)) this.#link.rfb?.focus();
    }
    at("status-title").textContent = title;
    at("status-text").textContent = text;
    at("retry").hidden = this.#link.state !== "waiting" || phase !== "reconnecting";
    at("info-state").textContent = title;
    this.#title();
  }

  #phase() {
    const { state, retryInS, hasBeenConnected } = this.#link;
    if (this.#refusal) return this.#refusal;
    if (state === "connected") return ["connected", "Connected", ""];
    if (this.#isDeskLost) return ["reconnecting", "Reconnecting", "The daemon does not answer. It is asked again and again."];
    if (!this.#state) return ["connecting", "Connecting", ""];
    if (!this.#state.desktop.running) {
      return ["stopped", "The desktop is not running", "The picture appears here by itself when it starts."];
    }
    if (state === "waiting") {
      const text = hasBeenConnected ? "The connection was lost." : "The desktop could not be reached.";
      return ["reconnecting", "Reconnecting", `${text} Next try in ${retryInS} s.`];
    }
    return hasBeenConnected ? ["reconnecting", "Reconnecting", ""] : ["connecting", "Connecting", ""];
  }

  #end(reason) {
    const had = this.#link.hasBeenConnected || this.#state !== null;
    this.#refusal = had
      ? ["ended", "Your access has ended", "The link was revoked or has run out. Ask for a new one."]
      : ["refused", "This link is not valid", "It may have run out, been revoked or been used up. Ask for a new one."];
    if (had && reason && !/grant|token/i.test(reason)) this.#refusal[2] = sentence(reason);
    this.#desk.close();
    this.#link.want(false);
    forgetToken();
    for (const id of ["holder", "view-only", "take", "help", "withheld", "private", "pan"]) at(id).hidden = true;
    this.#keys.allow(false);
    this.#clipboard.allow(false, false);
    this.#show();
  }

  async #do(deed) {
    try {
      await this.#desk.do(deed);
      this.#link.rfb?.focus();
    } catch (error) {
      this.#note(error instanceof TypeError ? "The daemon does not answer" : sentence(error.message));
    }
  }

  #name(name) {
    if (name) at("name").textContent = name;
    this.#title();
  }

  #title() {
    const name = at("name").textContent;
    const mark = this.#state?.help ? "(!) " : "";
    document.title = `${mark}${name}${this.#link.state === "connected" ? "" : " (not connected)"}`;
  }

  #flash() {
    const flash = at("flash");
    flash.classList.remove("on");
    flash.getBoundingClientRect(); // Two bells are two flashes.
    flash.classList.add("on");
  }

  #note(text) {
    const note = at("note");
    note.textContent = text;
    note.hidden = false;
    clearTimeout(this.#noteTimer);
    this.#noteTimer = setTimeout(() => { note.hidden = true; }, 4000);
  }
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

function askForToken() {
  document.documentElement.dataset.phase = "refused";
  at("status-title").textContent = "Open with a link";
  at("status-text").textContent = "This page needs the link that came with your access, or its token.";
  at("token-form").hidden = false;
  at("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(at("token").value.trim());
    location.reload();
  });
}

async function begin() {
  // A new link pasted into the same tab changes the fragment alone.
  addEventListener("hashchange", () => {
    if (location.hash.includes("token=")) {
      takeToken();
      location.reload();
    }
  });
  const token = takeToken();
  if (!token) return askForToken();
  const base = new URL(novnc, document.baseURI);
  const [{ default: RFB }, { default: keysyms }] = await Promise.all(
    ["core/rfb.js", "core/input/keysymdef.js"].map((path) => import(new URL(path, base))),
  );
  return new Page(token, RFB, (codePoint) => keysyms.lookup(codePoint));
}

begin().catch((error) => {
  document.documentElement.dataset.phase = "refused";
  at("status-title").textContent = "The viewer could not start";
  at("status-text").textContent = sentence(error.message);
});
