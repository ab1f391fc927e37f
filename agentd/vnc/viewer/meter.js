// The connection in figures. It measures only while its panel is open.

export class Meter {
  #link;
  #desk;
  #show;
  #timer = 0;
  #bytes = 0;
  #at = 0;

  constructor(link, desk, panel, show) {
    this.#link = link;
    this.#desk = desk;
    this.#show = show;
    panel.addEventListener("toggle", ({ newState }) => {
      clearInterval(this.#timer);
      if (newState !== "open") return;
      [this.#bytes, this.#at] = [link.receivedBytes, performance.now()];
      this.#measure();
      this.#timer = setInterval(() => this.#measure(), 1000);
    });
  }

  async #measure() {
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    if (seconds > 0.5) {
      this.#show("rate", `${rate((this.#link.receivedBytes - this.#bytes) / seconds)}/s`);
      [this.#bytes, this.#at] = [this.#link.receivedBytes, now];
    }
    const canvas = document.querySelector("#screen canvas");
    if (canvas?.width) {
      this.#show("scale", `${Math.round((100 * canvas.getBoundingClientRect().width) / canvas.width)} %`);
    }
    try {
      const { tripMs, isExact } = await this.#desk.measure();
      this.#show("trip", `${Math.round(tripMs)} ms`);
      this.#show("exact", isExact ? "exact" : "being refined");
    } catch {
      this.#show("trip", "–");
      this.#show("exact", "–");
    }
  }
}

function rate(bytes) {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
