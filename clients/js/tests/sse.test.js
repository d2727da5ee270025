/** Events from bytes, however they are cut. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { SseParser } from "../sse.js";

const encoder = new TextEncoder();

/** @param {Uint8Array[]} pieces */
function parsed(pieces) {
  /** @type {unknown[]} */
  const told = [];
  const parser = new SseParser(
    (name, data, id) => told.push({ name, data, id }),
    (ms) => told.push({ retry: ms }),
  );
  const completed = pieces.map((piece) => parser.push(piece));
  return { told, completed };
}

const STREAM = [
  "\ufeffretry: 2000\n\n",
  ": a comment\nevent: hello\ndata: {\"sid\":\"a.b\"}\n\n",
  'event: change\r\ndata: {"title":"ä€😀\u2028\u0085 z"}\r\nid: 7.x\r\n\r\n',
  "data:no space\rdata:  two\rdata\r\r",
  "id: 8\nevent: only a name\n\n",
  "unknown: field\ndata: last\nid: nul\0\nretry: soon\n\n",
  "data: never ended\n",
].join("");

const EVENTS = [
  { retry: 2000 },
  { name: "hello", data: '{"sid":"a.b"}', id: null },
  { name: "change", data: '{"title":"ä€😀\u2028\u0085 z"}', id: "7.x" },
  { name: "message", data: "no space\n two\n", id: null },
  { name: "message", data: "last", id: null },
];

test("all three line ends, comments, several data lines and a leading mark are understood", () => {
  assert.deepEqual(parsed([encoder.encode(STREAM)]).told, EVENTS);
});

test("a cut at any byte changes nothing", () => {
  const bytes = encoder.encode(STREAM);
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.deepEqual(parsed([bytes.subarray(0, at), bytes.subarray(at)]).told, EVENTS, `cut at ${at}`);
  }
});

test("byte after byte changes nothing", () => {
  const bytes = encoder.encode(STREAM);
  assert.deepEqual(parsed([...bytes].map((byte) => Uint8Array.of(byte))).told, EVENTS);
});

test("any bytes are read alike, however they are cut", () => {
  const words = ["data: x", "data", "id: 1", "id: \0", "event: e", "retry: 5", "retry: " + "9".repeat(5000), "\ufeff", ":", "ä😀"];
  const ends = ["\n", "\r", "\r\n", "\n\n", "\r\r", ""];
  // A generator of its own, so that a failure comes again.
  let state = 7;
  const below = (/** @type {number} */ limit) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  for (let round = 0; round < 2000; round += 1) {
    const text = Array.from({ length: below(12) }, () => words[below(words.length)] + ends[below(ends.length)]).join("");
    const bytes = encoder.encode(text);
    const pieces = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + below(9);
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    assert.deepEqual(parsed(pieces).told, parsed([bytes]).told, JSON.stringify(text).slice(0, 500));
  }
});

test("it is said which bytes completed an event", () => {
  const { completed } = parsed(["data: 1\n", "\n", ": beat\n", "data: 2\n\nda"].map((text) => encoder.encode(text)));
  assert.deepEqual(completed, [false, true, false, true]);
});

test("bytes that are no UTF-8 are an error", () => {
  assert.throws(() => parsed([Uint8Array.of(0x64, 0xff, 0x0a)]));
});

test("an event without an end is an error before it fills the memory", () => {
  const piece = encoder.encode("x".repeat(8 * 1024 * 1024));
  assert.throws(() => parsed([encoder.encode("data: "), ...Array.from({ length: 17 }, () => piece)]), /too large/);
});
