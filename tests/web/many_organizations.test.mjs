// Somebody in many organizations: what waits in the others is counted, and nothing they open waits for that.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, openBrowser, openProfile } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";

const ids = Array.from({ length: 8 }, (_, at) => `org_${at}`);

test("the lists of other organizations are asked for one after the other", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  for (const organization_id of ids) await server.submit("organization.create", { organization_id, name: organization_id });
  const { context } = await openProfile(await openBrowser(t));
  await context.request.post(`${server.url}/v1/login`, { data: { token: server.token } });
  const page = await context.newPage();
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && asked.push(Object.keys(topicsOf(request.postDataJSON())).filter((topic) => topic.startsWith("workspace/"))));

  await page.goto(`${server.url}/#/${ids[0]}`);
  for (const id of ids) await isHolding(page, `workspace/${id}`);

  assert.deepEqual(asked.flat().sort(), ids.map((id) => `workspace/${id}`));
  assert.equal(Math.max(...asked.map((topics) => topics.length)), 1);
});

/** Of the body that opens a stream, or adds to it. */
function topicsOf({ topics, add }) {
  return topics ?? add ?? {};
}
