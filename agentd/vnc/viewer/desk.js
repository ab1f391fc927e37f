// What the daemon tells the page beside the picture, and what the page's buttons ask of it.

const QUIET_MS = 40_000; // The daemon sends a line at least each 15 s.
const DELAYS_MS = [500, 1000, 2000, 4000, 8000];

export class Desk extends EventTarget {
  // Events: "state" (detail: the state), "refused" (detail: the problem), "lost".
  #token;
  #abort = null;
  #timer = 0;
  #failures = 0;
  #ended = false;

  constructor(token) {
    super();
    this.#token = token;
  }

  async start() {
    while (!this.#ended) {
      try {
        await this.#read();
      } catch (error) {
        if (error instanceof Refusal) {
          this.#ended = true;
          this.#tell("refused", error.problem);
          return;
        }
      } finally {
        clearTimeout(this.#timer);
      }
      if (this.#ended) return;
      this.#tell("lost");
      const delay = DELAYS_MS[Math.min(this.#failures++, DELAYS_MS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, delay * (0.8 + 0.4 * Math.random())));
    }
  }

  close() {
    this.#ended = true;
    this.#abort?.abort();
  }

  async do(deed) {
    const answer = await fetch("control", {
      method: "POST",
      headers: { ...this.#headers(), "Content-Type": "application/json" },
      body: JSON.stringify({ do: deed }),
    });
    const document = await answer.json();
    if (!answer.ok) throw new Error(document.detail || `the daemon answered ${answer.status}`);
    this.#tell("state", document);
  }

  async measure() {
    // Asked for: that a picture has become exact is no news to everybody.
    const begin = performance.now();
    const abort = new AbortController();
    const answer = await fetch("state", { headers: this.#headers(), cache: "no-store", signal: abort.signal });
    const tripMs = performance.now() - begin;
    try {
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let line = "";
      while (!line.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) break;
        line += value;
      }
      return { tripMs, isExact: JSON.parse(line).exact };
    } finally {
      abort.abort();
    }
  }

  async #read() {
    this.#abort = new AbortController();
    this.#expect();
    const answer = await fetch("state", {
      headers: this.#headers(), cache: "no-store", signal: this.#abort.signal,
    });
    if (answer.status === 401 || answer.status === 403) throw new Refusal(await problemOf(answer));
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#expect();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      lines.filter((line) => line).forEach((line) => this.#take(JSON.parse(line)));
    }
  }

  #take(line) {
    if (!line.error) {
      this.#failures = 0;
      this.#tell("state", line);
    } else if (line.error.status === 401 || line.error.status === 403) {
      throw new Refusal(line.error);
    } else {
      throw new Error(line.error.detail);
    }
  }

  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(), QUIET_MS);
  }

  #headers() {
    return { Authorization: `Bearer ${this.#token}` };
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

class Refusal extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return { status: answer.status, detail: "" };
  }
}
