/** An HTTP server that does what Foundry does with a few views in memory, and whatever else a test wants to go wrong. */

import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {{method: string, path: string, headers: import("node:http").IncomingHttpHeaders, body: any}} Asked
 * @typedef {(asked: Asked, response: Response) => void} Answering
 * @typedef {{sid: string, topics: Set<string>, response: Response, body: any}} Stream
 */

export class Imitation {
  url = "";
  heartbeat_ms = 60_000;
  position = 10;
  /** @type {Map<string, {epoch: string, version: number, data: any}>} */
  views = new Map();
  /** @type {Stream[]} */
  streams = [];
  /** @type {Asked[]} */
  asked = [];
  /** @type {{prefix: string, answer: Answering}[]} */
  #instead = [];
  #server = createServer((request, response) => void this.#answer(request, response));

  async start() {
    this.#server.listen(this.url === "" ? 0 : Number(new URL(this.url).port), "127.0.0.1");
    await once(this.#server, "listening");
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    this.url = `http://127.0.0.1:${address.port}`;
  }

  /** Nobody listens any more, and everybody is thrown out. */
  async stop() {
    this.streams = [];
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * The next request to such a path is answered like this instead.
   *
   * @param {string} prefix
   * @param {Answering} answer
   */
  instead(prefix, answer) {
    this.#instead.push({ prefix, answer });
  }

  /**
   * @param {string} topic
   * @param {any} data
   */
  show(topic, data) {
    this.views.set(topic, { epoch: "e1", version: this.position, data });
  }

  /**
   * Changes the view's own name, and tells every stream that carries it.
   *
   * @param {string} topic
   * @param {string} name
   */
  rename(topic, name) {
    const view = this.views.get(topic) ?? { epoch: "e1", version: 0, data: {} };
    this.position += 1;
    const value = { id: view.data.id, name };
    const next = { epoch: view.epoch, version: this.position, data: { ...view.data, ...value } };
    this.views.set(topic, next);
    const changes = [{ op: "put", entity: "self", id: value.id, value }];
    const cause = { kind: "event", event: "renamed", position: this.position };
    const change = { topic, epoch: view.epoch, base: view.version, version: this.position, changes, cause };
    for (const { topics, response } of this.streams) {
      if (topics.has(topic)) response.write(frame("change", change, `${this.position}.c`));
    }
    return change;
  }

  /** The stream opened last. */
  get stream() {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error("There is no stream.");
    return last;
  }

  /**
   * @param {Request} request
   * @param {Response} response
   */
  async #answer(request, response) {
    const body = await text(request);
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const asked = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: body === "" ? null : JSON.parse(body),
    };
    this.asked.push(asked);
    const place = this.#instead.findIndex(({ prefix }) => pathname.startsWith(prefix));
    if (place >= 0) this.#instead.splice(place, 1)[0]?.answer(asked, response);
    else if (pathname === "/") response.writeHead(200, { "Content-Type": "text/html" }).end("<title>Page</title>");
    else if (pathname.startsWith("/client/")) script(response, pathname.slice("/client/".length));
    else if (pathname === "/v1/stream") this.open(asked, response);
    else if (pathname.endsWith("/interest")) this.#interest(pathname.split("/")[3] ?? "", asked, response);
    else if (pathname.startsWith("/v1/views/")) this.#view(pathname.slice("/v1/views/".length), asked, response);
    else json(response, 202, { command_id: asked.headers["idempotency-key"], position: this.position, events: [], ids: {} });
  }

  /**
   * @param {Asked} asked
   * @param {Response} response
   */
  open({ body }, response) {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    const sid = `node.${this.asked.length}`;
    const stream = { sid, topics: new Set(), response, body };
    this.streams.push(stream);
    response.on("close", () => (this.streams = this.streams.filter((one) => one !== stream)));
    response.write(frame("hello", { sid, node: "node", protocol: 1, heartbeat_ms: this.heartbeat_ms }));
    this.#bring(stream, body.topics, 0);
  }

  /**
   * @param {Stream} stream
   * @param {Record<string, string | null>} topics
   * @param {number} revision
   */
  #bring(stream, topics, revision) {
    for (const [topic, held] of Object.entries(topics)) {
      const view = this.views.get(topic);
      if (view === undefined) stream.response.write(frame("forbidden", { topic }));
      else {
        stream.topics.add(topic);
        const cause = { kind: held === null ? "bootstrap" : "gap" };
        if (held !== tag(view)) stream.response.write(frame("snapshot", { topic, ...view, cause }));
      }
    }
    const live = Object.fromEntries([...stream.topics].map((topic) => [topic, tag(this.views.get(topic))]));
    stream.response.write(frame("ready", { revision, topics: live }, `${this.position}.c`));
  }

  /**
   * @param {string} sid
   * @param {Asked} asked
   * @param {Response} response
   */
  #interest(sid, { body }, response) {
    const stream = this.streams.find((one) => one.sid === sid);
    if (stream === undefined) return problem(response, 404, "not_found");
    for (const topic of body.remove) stream.topics.delete(topic);
    json(response, 202, { revision: body.revision });
    this.#bring(stream, body.add, body.revision);
  }

  /**
   * @param {string} topic
   * @param {Asked} asked
   * @param {Response} response
   */
  #view(topic, asked, response) {
    const view = this.views.get(topic);
    if (view === undefined) problem(response, 404, "not_found");
    else if (asked.headers["if-none-match"] === `"${tag(view)}"`) response.writeHead(304).end();
    else json(response, 200, { topic, ...view });
  }
}

/**
 * One of the client's modules.
 *
 * @param {Response} response
 * @param {string} name
 */
function script(response, name) {
  response.writeHead(200, { "Content-Type": "text/javascript" });
  createReadStream(new URL(`../${name}`, import.meta.url)).pipe(response);
}

/**
 * @param {string} event
 * @param {unknown} data
 * @param {string} [id]
 */
export function frame(event, data, id) {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n${id === undefined ? "" : `id: ${id}\n`}\n`;
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {unknown} body
 */
export function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {string} code
 * @param {Record<string, string>} [headers]
 */
export function problem(response, status, code, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
  response.end(JSON.stringify({ type: `/problems/${code}`, title: code, status, detail: `It is ${code}.`, code }));
}

/** @param {{epoch: string, version: number} | undefined} view */
const tag = (view) => `${view?.epoch}.${view?.version}`;
