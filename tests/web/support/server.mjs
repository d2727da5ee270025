// A real `foundry serve` on a data folder of its own: started, stopped, killed and started again by a test.

import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Foundry } from "../../../clients/js/foundry.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PYTHON = process.env.FOUNDRY_PYTHON ?? join(ROOT, ".venv/bin/python");
const START_MS = 60_000;
const STOP_MS = 30_000;

/** A folder that is gone when the test is over, once whoever writes there has `ended`. */
export function scratch(t, ended = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), "foundry-web-"));
  t.after(async () => {
    await ended();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return folder;
}

/** Start a server; it ends with the test. `settings` are FOUNDRY_… variables. */
export async function startServer(t, { roles = [], settings = {} } = {}) {
  const folder = scratch(t, () => server.stop());
  const server = new Server({ folder, roles, settings, port: await freePort() });
  await server.start();
  return server;
}

/** A server without workers, on a nats-server of its own: tasks can be made, and nobody works on them. */
export async function startWithoutWorkers(t, settings = {}) {
  const nats = await startNats(t);
  return await startServer(t, { roles: ["commands", "read"], settings: { FOUNDRY_NATS_URL: nats, FOUNDRY_TOKEN: "the-owner-of-this-test", ...settings } });
}

/** The settings that make two agents known: `talkative` says as much as a test likes, `slow` takes a while to start. */
export function talkativeAgent() {
  const agent = [PYTHON, fileURLToPath(new URL("talkative_agent.py", import.meta.url))];
  return { FOUNDRY_AGENTS: JSON.stringify({ talkative: agent, slow: [...agent, "6"], absent: ["not-installed-here"] }) };
}

/** A git repository with a few files, and its path. */
export function gitRepository(t, files = { "README.md": "# Project\n\nhello\n", "src/numbers.txt": "1\n2\n3\n" }, name = "project") {
  const folder = join(scratch(t), name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const git = (...words) => execFileSync("git", ["-C", folder, "-c", "user.name=Test", "-c", "user.email=test@example.org", ...words], { stdio: "ignore" });
  git("init", "--initial-branch=main");
  git("add", "--all");
  git("commit", "--message=First");
  return folder;
}

class Server {
  #folder;
  #roles;
  #settings;
  #process = null;
  #log = [];
  #logged = new Set();

  constructor({ folder, roles, settings, port }) {
    this.#folder = folder;
    this.#roles = roles;
    this.#settings = settings;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.link = "";
  }

  get token() {
    return this.#settings.FOUNDRY_TOKEN ?? readFileSync(join(this.#folder, "data", "token"), "utf8").trim();
  }

  /**
   * The requests the server answered, streams aside, as its own log has them: since the last call, or since it began.
   * Only with FOUNDRY_LOG_LEVEL=info, because otherwise the log is this process's own.
   */
  async answered() {
    const id = randomUUID();
    await fetch(`${this.url}/healthz`, { headers: { "X-Request-Id": id } });
    const isIt = (line) => line.request_id === id && line.message === "request answered";
    while (!this.#log.some(isIt)) await new Promise((resolve) => this.#logged.add(resolve));
    const lines = this.#log.splice(0, this.#log.findIndex(isIt) + 1).slice(0, -1);
    return lines.filter((line) => line.message === "request answered").map((line) => `${line.method} ${line.path}`);
  }

  async start() {
    this.#process = spawn(PYTHON, ["-m", "foundry", "serve", ...this.#roles], {
      cwd: ROOT,
      env: { ...plainEnvironment(), PYTHONPATH: ROOT, FOUNDRY_DATA: join(this.#folder, "data"), FOUNDRY_LISTEN: `127.0.0.1:${this.port}`, FOUNDRY_DURABILITY: "os", FOUNDRY_LOG_LEVEL: "error", ...this.#settings },
      stdio: ["ignore", "pipe", this.#settings.FOUNDRY_LOG_LEVEL === "info" ? "pipe" : "inherit"],
    });
    if (this.#process.stderr) createInterface({ input: this.#process.stderr }).on("line", (line) => this.#hear(line));
    const said = await saidUntil(this.#process, /Ctrl-C/, START_MS);
    this.link = /http:\S+#code=\S+/.exec(said)?.[0] ?? "";
  }

  /** End it as an operator does; streams are drained. */
  stop() {
    return this.#end("SIGTERM");
  }

  /** End it without a word. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** A command, as from another client of the owner's. */
  async submit(name, data) {
    return await this.#answer(await fetch(`${this.url}/v1/commands/${name}`, { method: "POST", headers: { ...this.#headers, "Content-Type": "application/json" }, body: JSON.stringify(data) }));
  }

  /** Many commands at once; all of them must be taken. Returns their answers. */
  async submitAll(lines) {
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    const answer = await fetch(`${this.url}/v1/commands`, { method: "POST", headers: { ...this.#headers, "Content-Type": "application/x-ndjson" }, body });
    const answers = (await answer.text()).trim().split("\n").map((line) => JSON.parse(line));
    const refused = answers.find((one) => one.status >= 400);
    if (refused) throw new Error(JSON.stringify(refused));
    return answers;
  }

  async view(topic) {
    return (await this.#answer(await fetch(`${this.url}/v1/views/${topic}`, { headers: this.#headers }))).data;
  }

  /** Resolves when a view is as `wanted` says; it is told by the stream, not asked again and again. */
  async until(topic, wanted) {
    const client = new Foundry({ url: this.url, token: this.token });
    try {
      for await (const data of changing(client, topic)) if (data && wanted(data)) return data;
    } finally {
      await client.close();
    }
  }

  /** The sum of a metric's samples, over all labels that match. */
  async metric(name, labels = "") {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const samples = text.split("\n").filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length]) && line.includes(labels));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  #hear(line) {
    if (line.startsWith("{")) this.#log.push(JSON.parse(line));
    for (const tell of this.#logged) tell();
    this.#logged.clear();
  }

  get #headers() {
    return { Authorization: `Bearer ${this.token}` };
  }

  async #answer(answer) {
    const body = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(body));
    return body;
  }

  async #end(signal) {
    const ended = this.#process;
    this.#process = null;
    if (ended) await end(ended, signal);
  }
}

/** What a view holds, each time it has changed. */
async function* changing(client, topic) {
  let changed = () => {};
  const subscription = client.subscribe(topic, () => changed());
  for (;;) {
    const next = new Promise((resolve) => (changed = resolve));
    yield subscription.view?.data;
    await next;
  }
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(timer);
}

async function startNats(t) {
  let nats = null;
  const folder = scratch(t, () => nats && end(nats, "SIGTERM"));
  const program = execFileSync(PYTHON, ["-c", "from runtime.embedded_server import server_program; print(server_program())"], { cwd: ROOT, env: { ...process.env, PYTHONPATH: ROOT }, encoding: "utf8" }).trim();
  const port = await freePort();
  const config = join(folder, "server.conf");
  writeFileSync(config, JSON.stringify({ listen: `127.0.0.1:${port}`, authorization: { user: "test", password: "only-for-this-test" }, jetstream: { store_dir: folder } }));
  nats = spawn(program, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  await saidUntil(nats, /Server is ready/, START_MS, nats.stderr);
  return `nats://test:only-for-this-test@127.0.0.1:${port}`;
}

/** The settings of whoever runs the tests are not those of the servers in them. */
function plainEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FOUNDRY_")));
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** What a process said until a pattern came; the rest is read and thrown away. */
function saidUntil(child, pattern, within_ms, output = child.stdout) {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`It did not say ${pattern} within ${within_ms} ms, but: ${said}`)), within_ms);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`It ended with ${code} and said: ${said}`));
    });
    output.on("data", (bytes) => {
      said += bytes;
      if (!pattern.test(said)) return;
      clearTimeout(timer);
      resolve(said);
    });
  });
}
