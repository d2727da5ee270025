// What a person does when something asks for them: a stage failed, an agent wants permission, a command is refused.

import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { test } from "node:test";

import { openBrowser, openProfile, openTab, violations } from "./support/browser.mjs";
import { gitRepository, startServer, talkativeAgent } from "./support/server.mjs";

/** The server's own bound. */
const WAITING_AT_MOST = 100;

test("failures name themselves and offer the way on", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t, { settings: talkativeAgent() });
  const repository = gitRepository(t);
  await server.submit("organization.create", { organization_id: "org_wrong", name: "Wrong" });
  await server.submit("repository.add", { organization_id: "org_wrong", repository_id: "repo_wrong", remote_url: repository });
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, "/#/org_wrong");
  const create = async (data) => {
    const { ids } = await server.submit("task.create", { repository_id: "repo_wrong", ...data });
    await page.goto(`${server.url}/#/org_wrong/${ids.task_id}`);
    return ids;
  };

  await t.test("a failed stage is named, its issue is retried, and the task goes on", async () => {
    renameSync(repository, `${repository}-away`);
    await create({ prompt: "echo it works again", title: "Without a remote" });
    await page.locator(".stage-failed", { hasText: "Checkout" }).waitFor();
    await page.locator(".issue-message", { hasText: /\w/ }).waitFor();
    await page.locator(".row-task.status-error", { hasText: "Without a remote" }).waitFor();
    renameSync(`${repository}-away`, repository);
    await page.locator(".issue").getByRole("button", { name: "Retry" }).click();
    await page.locator(".entry-agent", { hasText: "it works again" }).waitFor();
    assert.equal(await page.locator(".stage-succeeded").count(), await page.locator(".stage").count());
  });

  await t.test("an agent's question is answered with one of its options", async () => {
    await create({ prompt: "ask", title: "A question", agent: "talkative" });
    const question = page.getByRole("alertdialog");
    await question.getByText("Run `make release`").waitFor();
    assert.match(await page.locator(`#${await question.getAttribute("aria-describedby")}`).textContent(), /make release/);
    await page.getByRole("button", { name: "Allow once" }).click();
    await page.locator(".entry-agent", { hasText: "You chose once." }).waitFor();
    assert.equal(await page.getByRole("alertdialog").count(), 0);
  });

  await t.test("a process that ended without a word is not waited for", async () => {
    await page.getByRole("tab", { name: "Processes" }).click();
    await page.getByLabel("Command").fill("false");
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator(".process", { hasText: "exit 1" }).getByText("No output", { exact: true }).waitFor();
  });

  await t.test("a short process tells how long it ran", async () => {
    await page.getByLabel("Command").fill("sleep 0.3");
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator(".process", { hasText: "sleep 0.3" }).getByText(/exit 0 · ([3-9]\d\d ms|\d\.\d s)/).waitFor();
  });

  await t.test("a second session is made, renamed and closed", async () => {
    await page.getByRole("button", { name: "New session" }).click();
    await page.getByLabel("Name").fill("Second thoughts");
    await page.getByRole("button", { name: "Create" }).click();
    const tab = page.getByRole("tab", { name: /Second thoughts/ });
    await tab.and(page.locator('[aria-selected="true"]')).waitFor();
    await page.keyboard.press("[");
    await page.getByRole("tab", { name: /Session 1/ }).and(page.locator('[aria-selected="true"]')).waitFor();
    await page.keyboard.press("]");
    await page.getByRole("button", { name: "Session", exact: true }).click();
    await page.getByRole("menuitem", { name: "Close session" }).click();
    await tab.waitFor({ state: "detached" });
  });

  await t.test("what the server refuses is said in its own words, and the text is not lost", async () => {
    const { task_id, session_id } = await create({ prompt: "sleep 600", title: "A full queue" });
    await page.locator(".composer .working").waitFor();
    await server.submitAll(Array.from({ length: WAITING_AT_MOST }, (_, at) => ({ name: "agent_session.send", data: { task_id, session_id, text: `echo ${at}` } })));
    await page.locator(".waiting").nth(WAITING_AT_MOST - 1).waitFor({ state: "attached" });
    await page.getByRole("textbox", { name: "Message" }).fill("one too many");
    await page.keyboard.press("Enter");
    await page.locator(".toast", { hasText: `${WAITING_AT_MOST} messages wait` }).waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "one too many");
  });

  await t.test("what is refused in a dialog is said there, and once", async () => {
    await page.getByRole("button", { name: "Task", exact: true }).click();
    await page.getByRole("menuitem", { name: "Rename …" }).click();
    await page.getByLabel("Title").fill("x".repeat(201));
    await page.getByRole("button", { name: "Rename" }).click();
    const refusal = page.locator(".dialog-error", { hasText: "200" });
    await refusal.waitFor();
    assert.equal((await refusal.textContent()).split("200").length, 2);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
  });

  await t.test("a place that is not there says so", async () => {
    await page.goto(`${server.url}/#/org_wrong/task_nowhere`);
    await page.getByRole("alert").getByText("Not here").first().waitFor();
  });

  await t.test("a session that has ended leads back to signing in, and on from there", async () => {
    await profile.context.clearCookies();
    await page.evaluate(async () => {
      await foundry.commands.give("organization.select", { organization_id: "org_wrong" });
      foundry.frame.now();
    });
    assert.equal(await page.locator(".toast", { hasText: "Authorization" }).count(), 0);
    await page.reload();
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".dialog-error", { hasText: /\w/ }).waitFor();
    await page.getByLabel("Token").fill(server.token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".row-task").first().waitFor();
  });

  assert.deepEqual(await violations(page), []);
  assert.deepEqual(profile.errors, []);
});
