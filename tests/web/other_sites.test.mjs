// A page of another site, open in the browser of somebody who is signed in here.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";

test("another site's page can neither give a command with the cookie, nor read, nor frame the page", { timeout: 200_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const profile = await openProfile(await openBrowser(t));
  await openTab(profile, server);
  const site = await otherSite(t, server);
  const page = await profile.context.newPage();
  await page.goto(site);

  await t.test("a request it sends with the cookie changes nothing", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      const sent = page.waitForResponse((answer) => answer.url().endsWith("organization.create"));
      await page.evaluate(
        ({ url, type }) => fetch(`${url}/v1/commands/organization.create`, { method: "POST", mode: "no-cors", credentials: "include", headers: { "Content-Type": type }, body: '{"name": "Taken over"}' }),
        { url: server.url, type },
      );
      const answer = await sent;
      assert.ok([403, 415].includes(answer.status()), `${type}: ${answer.status()}`);
    }
    assert.deepEqual((await server.view("app")).organizations, []);
  });

  await t.test("it cannot sign a browser in as somebody else", async () => {
    const visitor = await openProfile(profile.context.browser());
    const page = await visitor.context.newPage();
    await page.goto(site);
    const sent = page.waitForResponse((answer) => answer.url().endsWith("/v1/login"));
    // Without a type no browser asks first, and there is no cookie yet that would tell whose browser it is.
    await page.evaluate(
      ({ url, token }) => fetch(`${url}/v1/login`, { method: "POST", mode: "no-cors", credentials: "include", body: new Blob([JSON.stringify({ token })]) }),
      { url: server.url, token: server.token },
    );
    assert.equal((await sent).status(), 403);
    assert.deepEqual(await visitor.context.cookies(), []);
  });

  await t.test("what it asks for cannot be read by it", async () => {
    const read = (path) => page.evaluate((url) => fetch(url, { credentials: "include" }).then(() => "read", () => "refused"), server.url + path);
    assert.equal(await read("/v1/views/app"), "refused");
    assert.equal(await read("/v1/stream?topic=app"), "refused");
  });

  await t.test("the page does not appear in its frame", async () => {
    await page.locator("iframe").waitFor({ state: "attached" });
    await page.waitForFunction(() => document.querySelector("iframe").dataset.loaded);
    const framed = page.frames().find((frame) => frame !== page.mainFrame());
    assert.equal(await framed.locator(".bench").count(), 0);
  });
});

/** A site on another port, which for a browser is another origin; its page frames the workbench. */
async function otherSite(t, server) {
  const html = `<!doctype html><title>Other</title><iframe src="${server.url}/" onload="this.dataset.loaded = 1"></iframe>`;
  const site = createServer((_request, answer) => answer.setHeader("Content-Type", "text/html").end(html));
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  t.after(() => site.close());
  return `http://127.0.0.1:${site.address().port}/`;
}
