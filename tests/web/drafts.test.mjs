// Drafts on their way to a slow server: each is there before the next is sent.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Drafts } from "../../web/drafts.js";

const SESSION = "ses_1";

let asked = [];
let drafts;

beforeEach(() => {
  asked = [];
  drafts = new Drafts({ person: null, submit: (_name, { text }) => new Promise((answer) => asked.push({ text, answer })), online: () => true });
});

const texts = () => asked.map(({ text }) => text);
const settled = () => new Promise(setImmediate);

async function twoTyped(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const text of ["one", "one two"]) {
    drafts.type({ task: "task_1", session: SESSION, draft: { text, attachments: [] } });
    t.mock.timers.tick(1000);
    await settled();
  }
}

async function answered(at) {
  asked[at].answer();
  await settled();
}

test("what is typed while a draft is being saved is saved after it", async (t) => {
  await twoTyped(t);
  assert.deepEqual(texts(), ["one"]);

  await answered(0);
  await answered(1);

  assert.deepEqual(texts(), ["one", "one two"]);
  assert.equal(drafts.isUnsaved(SESSION), false);
});

test("a message waits for the draft that is under way, and leaves none to be saved", async (t) => {
  await twoTyped(t);
  let sent = false;
  void drafts.sent(SESSION).then(() => (sent = true));
  await settled();
  assert.equal(sent, false);

  await answered(0);

  assert.equal(sent, true);
  assert.deepEqual(texts(), ["one"]);
});
