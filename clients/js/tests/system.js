/** A real `foundry serve` on a free port and a folder of its own, for as long as a test file needs it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const START_MS = 60_000;

export class System {
  url = "";
  token = "";
  #data = "";
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;

  /** @param {Record<string, string>} [settings] */
  constructor(settings = {}) {
    this.settings = settings;
  }

  /** Starts it, for the first time or again on what it knows. */
  async start() {
    this.#data ||= await mkdtemp(join(tmpdir(), "foundry-js-"));
    const listen = this.url === "" ? "127.0.0.1:0" : new URL(this.url).host;
    this.#process = spawn(process.env.FOUNDRY_PYTHON ?? join(ROOT, ".venv/bin/python"), ["-m", "foundry", "serve"], {
      cwd: this.#data,
      env: {
        PATH: process.env.PATH,
        PYTHONPATH: ROOT,
        FOUNDRY_DATA: join(this.#data, "data"),
        FOUNDRY_LISTEN: listen,
        FOUNDRY_LOG_LEVEL: "error",
        ...this.settings,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.url = await this.#ready();
    this.token = (await readFile(join(this.#data, "data", "token"), "utf8")).trim();
  }

  /** @param {"SIGTERM" | "SIGKILL"} signal */
  async stop(signal = "SIGTERM") {
    const running = this.#process;
    if (running === null) return;
    this.#process = null;
    const ended = running.exitCode === null && running.signalCode === null ? once(running, "exit") : null;
    running.kill(signal);
    await ended;
  }

  async end() {
    await this.stop();
    if (this.#data !== "") await rm(this.#data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #ready() {
    const output = this.#process?.stdout ?? assert.fail();
    const giveUp = setTimeout(() => this.#process?.kill("SIGKILL"), START_MS);
    let said = "";
    try {
      for await (const piece of output.iterator({ destroyOnReturn: false })) {
        said += piece;
        const found = /ready at (http:\/\/\S+) /.exec(said);
        if (found?.[1]) {
          output.resume();
          return found[1];
        }
      }
    } finally {
      clearTimeout(giveUp);
    }
    return assert.fail(`It did not get ready: ${said}`);
  }
}
