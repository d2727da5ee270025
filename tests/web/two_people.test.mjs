// Two people in one browser, one after the other: what is one's is neither shown to the other nor sent by them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, isLive, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

test("all tabs of a browser are the person's who signed in last", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task] = await makeTasks(server, 1);
  const { user: owner } = await server.view("app");
  const { ids } = await server.submit("user.create", { name: "Ben" });
  const ben = { url: server.url, token: (await server.submit("token.create", { user_id: ids.user_id })).secret };
  const profile = await openProfile(await openBrowser(t));
  const drafts = () => profile.requests.filter((one) => one.path.endsWith("update_draft")).length;
  const isOf = (page, name) => page.locator(".who", { hasText: name }).waitFor();
  const signIn = async (page, { token }) => {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
  };

  const first = await openTab(profile, ben);
  const second = await profile.context.newPage();

  await t.test("a start-up link makes every tab the owner's", async () => {
    await second.goto(server.link.replace(/^.*(?=\/#)/, server.url));
    for (const page of [second, first]) {
      await isOf(page, owner.name);
      await page.locator(".row-task", { hasText: "Task #0" }).waitFor();
      await isLive(page);
    }
    assert.equal(await server.metric("foundry_streams"), 1);
  });

  await t.test("signing out in one tab signs out all, and nothing is shown of who was there", async () => {
    await second.goto(`${server.url}/#/org_many/${task}`);
    await isHolding(second, `task/${task}`);
    await second.locator(".composer").waitFor();
    await second.getByRole("textbox", { name: "Message" }).fill("the owner's own words");
    await second.evaluate(() => void foundry.signOut());
    for (const page of [second, first]) {
      await page.getByLabel("Token").waitFor();
      assert.equal(await page.locator(".row-task").count(), 0);
    }
  });

  await t.test("whoever signs in then has tabs of their own, and sends none of the other's drafts", async () => {
    const before = drafts();
    await signIn(second, ben);
    for (const page of [second, first]) {
      await isOf(page, "Ben");
      await isLive(page);
      assert.equal(await page.locator(".row-task").count(), 0);
    }
    assert.equal(await server.metric("foundry_streams"), 1);
    assert.equal(drafts(), before);
  });

  await t.test("the owner finds the draft again", async () => {
    await first.evaluate(() => void foundry.signOut());
    await first.getByLabel("Token").waitFor();
    await signIn(first, server);
    await isOf(first, owner.name);
    await first.goto(`${server.url}/#/org_many/${task}`);
    await first.waitForFunction(() => document.querySelector(".composer textarea")?.value === "the owner's own words");
  });

  await t.test("a browser whose store is full signs everybody out and in all the same", async () => {
    await first.evaluate(() => {
      localStorage.clear();
      for (let size = 2 ** 23; size >= 1; size /= 2) {
        try {
          localStorage.setItem(`full ${size}`, "x".repeat(size));
        } catch {
          // No room for that much.
        }
      }
    });
    await first.evaluate(() => void foundry.signOut());
    for (const page of [second, first]) await page.getByLabel("Token").waitFor();
    await signIn(first, ben);
    for (const page of [second, first]) await isOf(page, "Ben");
  });

  assert.deepEqual(profile.errors, []);
});
