/** The chaos proxy of the Python distribution, playing the recording that both clients are held against. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** @typedef {{epoch: string, version: number, data: any}} Shown */

export class Proxy {
  url = "";
  /** What every client should end with. @type {Record<string, Shown>} */
  expected = {};
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;

  async start() {
    const options = ["--recording", join(ROOT, "clients/working_day.jsonl"), "--heartbeat-ms", "300"];
    this.#process = spawn(
      process.env.FOUNDRY_PYTHON ?? join(ROOT, ".venv/bin/python"),
      ["-m", "foundry_client.chaos", ...options, "--delay-ms", "50", "--pace-ms", "0"],
      {
        env: { PATH: process.env.PATH, PYTHONPATH: join(ROOT, "clients/python") },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const output = this.#process.stdout ?? assert.fail();
    const [line] = await once(output, "data");
    this.url = String(line).trim();
    output.resume();
    this.expected = await (await fetch(`${this.url}/chaos/expected`)).json();
  }

  /** @returns {Promise<{streams: number, faults: Record<string, number>}>} */
  async report() {
    return await (await fetch(`${this.url}/chaos/report`)).json();
  }

  async end() {
    const running = this.#process;
    if (running === null || running.exitCode !== null) return;
    running.kill("SIGTERM");
    await once(running, "exit");
  }
}
