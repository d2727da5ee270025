// Whoever works with the keyboard or a screen reader: what has the focus, or is selected, outlives every live update.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { gitRepository, startServer, talkativeAgent } from "./support/server.mjs";

test("the focus and what is selected stay where they are", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t, { settings: talkativeAgent() });
  await server.submit("organization.create", { organization_id: "org_focus", name: "Focus" });
  await server.submit("repository.add", { organization_id: "org_focus", repository_id: "repo_focus", remote_url: gitRepository(t) });
  const create = async (data) => (await server.submit("task.create", { repository_id: "repo_focus", ...data })).ids;
  const talk = await create({ prompt: "show", title: "Talks", agent: "talkative" });
  const shell = await create({ prompt: "seq -f 'line %g' 400 > long.txt", title: "Writes" });
  const absent = await create({ prompt: "show", title: "Cannot begin", agent: "absent" });
  await server.until(`task/${talk.task_id}`, (task) => task.status === "idle");
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, `/#/org_focus/${talk.task_id}`);
  const focused = (selector) => page.locator(selector).and(page.locator(":focus")).waitFor();
  const message = page.getByRole("textbox", { name: "Message" });
  await message.waitFor();

  await t.test("Tab leads out of a menu to what comes after its button", async () => {
    await page.getByRole("button", { name: "Task", exact: true }).press("Enter");
    await page.getByRole("menuitem", { name: "Push" }).and(page.locator(":focus")).waitFor();
    await page.keyboard.press("Tab");
    await focused(".session-tab");
    assert.equal(await page.getByRole("menu").count(), 0);
  });

  await t.test("a menu is one task's: no key leads away from it, and where another way does, it stays behind", async () => {
    await page.goto(`${server.url}/#/org_focus/${shell.task_id}`);
    await page.getByRole("heading", { name: "Writes" }).waitFor();
    await page.getByRole("button", { name: "Task", exact: true }).press("Enter");
    for (const key of ["j", "n", "1"]) await page.keyboard.press(key);
    await page.getByRole("menuitem", { name: "Push" }).and(page.locator(":focus")).waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.goto(`${server.url}/#/org_focus/${talk.task_id}`);
    await page.getByRole("heading", { name: "Talks" }).waitFor();
    assert.equal(await page.getByRole("menu").count(), 0);
  });

  await t.test("a message sent with the button leaves the cursor in the field", async () => {
    await message.fill("once more");
    await page.getByRole("button", { name: "Send" }).press("Enter");
    await focused("#message");
    await server.until(`task/${talk.task_id}`, (task) => task.status === "idle");
  });

  await t.test("a button keeps the focus while its command is on its way, and gives it once", async () => {
    const before = (await server.view(`task/${talk.task_id}`)).jobs.filter((job) => job.kind === "task_push").length;
    const pushes = () => profile.requests.filter((one) => one.path === "/v1/commands/task.push").length;
    await page.getByRole("button", { name: "Push", exact: true }).evaluate((button) => {
      button.focus();
      button.click();
      button.click();
    });
    await server.until(`task/${talk.task_id}`, (task) => task.jobs.filter((job) => job.kind === "task_push" && job.stages.at(-1)?.ended_at).length > before);
    await page.locator('.task-actions > button[aria-disabled="false"]', { hasText: "Push" }).and(page.locator(":focus")).waitFor();
    assert.equal(pushes(), 1);
  });

  await t.test("what leaves with the focus hands it to its neighbourhood, never to another button", async () => {
    await page.goto(`${server.url}/#/org_focus/${absent.task_id}`);
    await page.locator(".issue").getByRole("button", { name: "Resolve" }).press("Enter");
    await page.locator(".issue").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.closest(".chat") !== null && !document.activeElement.matches("a, button")), true);
  });

  await t.test("“More options” leads to the first of them", async () => {
    await page.locator("body").press("n");
    await page.getByRole("button", { name: "More options" }).press("Enter");
    await focused("[name=model]");
    await page.keyboard.press("Escape");
  });

  await t.test("what is selected in a text that grows stays selected", async () => {
    const found = await page.evaluate(async () => {
      const { h, render } = await import("/web/dom.js");
      const host = document.body.appendChild(document.createElement("div"));
      render(host, h("p", null, "some words"));
      getSelection().setBaseAndExtent(host.firstChild.firstChild, 0, host.firstChild.firstChild, 4);
      render(host, h("p", null, "some words and more"));
      const seen = [getSelection().toString(), host.textContent];
      host.remove();
      return seen;
    });
    assert.deepEqual(found, ["some", "some words and more"]);
  });

  await t.test("what is selected in a transcript does not move away while the agent goes on", async () => {
    await page.goto(`${server.url}/#/org_focus/${talk.task_id}`);
    const words = page.locator(".entry-agent", { hasText: "Shall I change the tests as well?" }).last();
    await words.waitFor();
    await words.selectText();
    const selected = await page.evaluate(() => getSelection().toString());
    const before = await words.boundingBox();
    const say = async (number) => {
      await server.submit("agent_session.send", { task_id: talk.task_id, session_id: talk.session_id, text: `talk ${number}` });
      const newest = ([id, title]) => foundry.views.of(`transcript/${id}`).data.entries.findLast((one) => one.kind === "tool_call")?.payload.title === title;
      await page.waitForFunction(newest, [talk.session_id, `Read file ${number - 1}`], { polling: 50 });
    };
    await say(100);
    // More than the view holds, while the tab is not painted.
    await page.evaluate(() => {
      globalThis.frames = requestAnimationFrame;
      globalThis.requestAnimationFrame = () => 0;
    });
    await say(300);
    await page.evaluate(() => {
      globalThis.requestAnimationFrame = globalThis.frames;
      foundry.frame.now();
    });
    await page.waitForFunction((id) => document.querySelector(".transcript-scroll").scrollHeight > 3000 && foundry.views.of(`transcript/${id}`).data, talk.session_id);
    assert.deepEqual([await page.evaluate(() => getSelection().toString()), await words.boundingBox()], [selected, before]);
    await page.getByRole("button", { name: "Newest" }).click();
    await page.locator(".tool", { hasText: "Read file 299" }).waitFor();
    await page.locator(".tool", { hasText: "Read file 299" }).last().selectText();
    await page.locator("body").press("G");
    await say(200);
    await page.locator(".tool", { hasText: "Read file 199" }).last().waitFor();
    assert.equal(await page.getByRole("button", { name: "Newest" }).count(), 0);
  });

  await t.test("a file one reads is the one that was captured last, and what one reads in it stays in sight", async () => {
    const send = (text) => server.submit("agent_session.send", { task_id: shell.task_id, session_id: shell.session_id, text });
    await page.goto(`${server.url}/#/org_focus/${shell.task_id}/files`);
    await page.getByRole("treeitem", { name: "long.txt" }).click();
    await page.locator(".content", { hasText: "line 400" }).waitFor();
    await page.locator(".pane").evaluate((pane) => (pane.scrollTop = 2000));
    await send("echo another line >> long.txt");
    await page.locator(".content", { hasText: "another line" }).waitFor();
    assert.equal(await page.locator(".pane").evaluate((pane) => pane.scrollTop), 2000);
  });

  await t.test("the tab one comes to is in sight, however many there are", async () => {
    for (let number = 2; number <= 15; number += 1) await server.submit("agent_session.create", { task_id: absent.task_id, name: `Session ${number}` });
    await page.goto(`${server.url}/#/org_focus/${absent.task_id}`);
    await page.getByRole("tab", { name: "Session 15" }).waitFor({ state: "attached" });
    await page.locator("body").press("[");
    await page.getByRole("tab", { name: "Session 15", selected: true }).waitFor();
    const [tab, bar] = [await page.getByRole("tab", { name: "Session 15" }).boundingBox(), await page.locator(".session-bar > .tabs").boundingBox()];
    assert.ok(tab.x >= bar.x && tab.x + tab.width <= bar.x + bar.width + 1, JSON.stringify({ tab, bar }));
  });

  assert.deepEqual(profile.errors, []);
});
