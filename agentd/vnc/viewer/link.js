// The picture's connection: one noVNC client at a time, and another when it is lost.
//
// It connects while it is wanted; whoever owns it says when. It shows nothing itself.

const DELAYS_S = [1, 2, 4, 8, 15, 30];
const STABLE_MS = 10_000; // A connection that lasted so long starts the delays anew.
const POLICY_VIOLATION = 1008; // RFC 6455 section 7.4.1: the daemon ends this for good.

export class Link extends EventTarget {
  // Events: "change"; "end" (detail: the reason given); "unicode" when `takesUnicode` has become
  // true; what noVNC's client says is passed on as "clipboard", "bell", "clippingviewport".
  rfb = null;
  socket = null;
  state = "idle"; // idle, connecting, connected, waiting
  retryInS = 0;
  receivedBytes = 0;
  hasBeenConnected = false;
  takesUnicode = false; // The clipboard: until the desktop says so, noVNC would send "?" for "я".
  #RFB;
  #target;
  #token;
  #prepare;
  #wanted = false;
  #failures = 0;
  #countdown = 0;
  #since = 0;
  #canvas = null;
  #still = null;

  constructor(RFB, target, token, prepare) {
    super();
    this.#RFB = RFB;
    this.#target = target;
    this.#token = token;
    this.#prepare = prepare;
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
  }

  want(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) {
      this.#failures = 0;
      this.#connect();
    } else {
      clearInterval(this.#countdown);
      this.rfb?.disconnect();
      this.#forgetStill();
      this.#become("idle");
    }
  }

  retry() {
    if (this.state === "waiting") this.#connect();
  }

  #connect() {
    clearInterval(this.#countdown);
    this.#become("connecting");
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, ["binary", `agentd.grant.${this.#token}`]);
    this.socket = socket;
    const rfb = new this.#RFB(this.#target, socket, { shared: true });
    this.rfb = rfb;
    // Later listeners than noVNC's own, which sets the on… handlers.
    this.takesUnicode = false;
    socket.addEventListener("message", ({ data }) => {
      this.receivedBytes += data.byteLength;
      if (!this.takesUnicode && rfb === this.rfb && hasClipboard(rfb)) {
        this.takesUnicode = true;
        this.dispatchEvent(new CustomEvent("unicode"));
      }
    });
    let closing = {};
    socket.addEventListener("close", (event) => { closing = event; });
    rfb.addEventListener("connect", () => this.#connected(rfb));
    rfb.addEventListener("disconnect", () => {
      // noVNC may tell before the socket's own close event is through.
      setTimeout(() => this.#disconnected(rfb, closing));
    });
    for (const type of ["clipboard", "bell", "clippingviewport"]) {
      rfb.addEventListener(type, ({ detail }) => {
        if (rfb === this.rfb) this.dispatchEvent(new CustomEvent(type, { detail }));
      });
    }
    this.#prepare(rfb);
  }

  #connected(rfb) {
    if (rfb !== this.rfb) return;
    this.#since = performance.now();
    this.hasBeenConnected = true;
    this.#forgetStill();
    this.#canvas = this.#target.querySelector("canvas");
    this.#become("connected");
  }

  #disconnected(rfb, closing) {
    if (rfb !== this.rfb) return;
    const lasted = this.state === "connected" ? performance.now() - this.#since : 0;
    this.rfb = null;
    this.takesUnicode = false;
    if (lasted > STABLE_MS) this.#failures = 0;
    if (!this.#wanted) return;
    if (closing.code === POLICY_VIOLATION) {
      this.#wanted = false;
      this.#forgetStill();
      this.#become("idle");
      this.dispatchEvent(new CustomEvent("end", { detail: closing.reason }));
      return;
    }
    this.#keepStill();
    this.#wait(DELAYS_S[Math.min(this.#failures++, DELAYS_S.length - 1)]);
  }

  #wait(delayS) {
    this.retryInS = delayS;
    this.#become("waiting");
    this.#countdown = setInterval(() => {
      this.retryInS -= 1;
      if (this.retryInS <= 0) this.#connect();
      else this.#become("waiting");
    }, 1000);
  }

  #keepStill() {
    // The last picture stays, dimmed, until there is a new one.
    if (!this.#canvas) return;
    this.#still = this.#canvas;
    this.#canvas = null;
    this.#still.className = "still";
    this.#target.append(this.#still);
  }

  #forgetStill() {
    this.#still?.remove();
    this.#still = null;
    this.#canvas = null;
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("change"));
  }
}

function hasClipboard(rfb) {
  // noVNC keeps to itself what the desktop's clipboard can do; a later one may keep it elsewhere.
  const actions = rfb._clipboardServerCapabilitiesActions;
  return !actions || Object.values(actions).some(Boolean);
}
