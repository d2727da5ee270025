// What a person typed is asked for before it is thrown away, is there again after a reload, and stays where it is meant;
// what was refused is said until it was seen.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isLive, openBrowser, openProfile, openTab, violations } from "./support/browser.mjs";
import { openGate } from "./support/gate.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

const TOO_LONG = 270_000;

test("nothing typed and nothing refused is lost", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const gate = await openGate(t, server);
  const [task, other, third, fourth] = await makeTasks(server, 6);
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, { url: gate.url, token: server.token }, `/#/org_many/${task}`);
  const message = page.getByRole("textbox", { name: "Message" });
  const dialog = page.getByRole("dialog");
  const go = async (place, name) => {
    await page.goto(`${gate.url}/#/org_many/${place}`);
    await page.getByRole("heading", { name, exact: true }).waitFor();
  };
  const choose = async (menu, item) => {
    await page.getByRole("button", { name: menu, exact: true }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };

  await t.test("what is marked as unread stays so until one has been elsewhere", async () => {
    const unread = page.locator(`.row-task a[data-task="${task}"] .unread`);
    await choose("Session", "Mark as unread");
    await unread.waitFor();
    // A command given after another that would follow from it has an answer after it.
    await choose("Task", "Rename …");
    await dialog.getByLabel("Title").fill("Read later");
    await dialog.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "Read later" }).waitFor();
    assert.equal(await unread.count(), 1);
    await go(other, "Task #1");
    await go(task, "Read later");
    await unread.waitFor({ state: "detached" });
  });

  await t.test("an archive asks first when something was written or waits, and names it", async () => {
    await message.fill("not sent yet");
    await choose("Task", "Archive");
    await dialog.getByText("What you wrote in Session 1 is not sent. 1 message in Session 1 waits and will not be delivered.").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await message.inputValue(), "not sent yet");
    assert.equal((await server.view(`task/${task}`)).status, "queued");
  });

  await t.test("so does closing a session, and only then", async () => {
    await choose("Session", "Close session");
    await dialog.getByText("What you wrote in Session 1 is not sent.").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    const { session_id } = (await server.submit("agent_session.create", { task_id: task, name: "Nothing in it" })).ids;
    await page.goto(`${gate.url}/#/org_many/${task}/${session_id}`);
    await page.getByRole("tab", { name: "Nothing in it", selected: true }).waitFor();
    await choose("Session", "Close session");
    await page.getByRole("tab", { name: "Nothing in it" }).waitFor({ state: "detached" });
  });

  await t.test("what was written in a session that somebody else ends can still be read", async () => {
    await message.blur();
    await page.waitForFunction((task) => foundry.views.of("app").data.sessions.some((one) => one.task_id === task && one.draft?.text === "not sent yet"), task);
    const { session_id } = (await server.view(`task/${task}`)).sessions.map((one) => ({ session_id: one.id, name: one.name })).find((one) => one.name === "Session 1");
    await server.submit("agent_session.close", { task_id: task, session_id });
    await page.getByText("This session is closed.").waitFor();
    await page.locator(".unsent-text", { hasText: "not sent yet" }).waitFor();
  });

  await t.test("a command is meant for the task it was typed in", async () => {
    await go(`${other}/processes`, "Task #1");
    await page.getByLabel("Command").fill("rm -rf build");
    await go(`${third}/processes`, "Task #2");
    assert.equal(await page.getByLabel("Command").inputValue(), "");
    await go(`${other}/processes`, "Task #1");
    assert.equal(await page.getByLabel("Command").inputValue(), "rm -rf build");
  });

  await t.test("what is to be done is there again after a reload", async () => {
    await page.locator("body").press("n");
    await page.getByLabel("What is to be done").fill("a long thought");
    await page.reload();
    await isLive(page);
    await page.getByRole("heading", { name: "Task #1", exact: true }).waitFor();
    await page.locator("body").press("n");
    assert.equal(await page.getByLabel("What is to be done").inputValue(), "a long thought");
    await dialog.getByRole("button", { name: "Start" }).click();
    await page.getByRole("heading", { name: "a long thought" }).waitFor();
    await page.locator("body").press("n");
    assert.equal(await page.getByLabel("What is to be done").inputValue(), "");
    await page.keyboard.press("Escape");
  });

  await t.test("what was refused is said until somebody puts it away", async () => {
    await page.clock.install();
    await go(fourth, "Task #3");
    await page.evaluate(() => void foundry.commands.give("task.push", { task_id: foundry.places.task }));
    const toast = page.locator(".toast-problem");
    await toast.waitFor();
    await page.clock.fastForward(60_000);
    await page.clock.resume();
    assert.equal(await toast.count(), 1);
    await toast.getByRole("button", { name: "Dismiss" }).click();
    await toast.waitFor({ state: "detached" });
  });

  await t.test("what is too long to be sent is refused in words, and not cut when it is pasted", async () => {
    await message.focus();
    await page.evaluate((length) => document.execCommand("insertText", false, "x".repeat(length)), TOO_LONG);
    await page.keyboard.press("Enter");
    await page.locator(".toast-problem").getByRole("button", { name: "Dismiss" }).click();
    assert.equal((await message.inputValue()).length, TOO_LONG);
    await message.fill("");
  });

  await t.test("a browser without a clipboard says so, with the text", async () => {
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await page.evaluate(() => foundry.copy("a-branch"));
    await page.locator(".toast", { hasText: "a-branch" }).getByRole("button", { name: "Dismiss" }).click();
  });

  await t.test("signing out and in, and a dialog, say when the server does not answer", async () => {
    await gate.shut();
    await choose(/^Organizations: /, "Sign out");
    await page.locator(".toast", { hasText: "you are still signed in" }).getByRole("button", { name: "Dismiss" }).click();
    await page.locator("body").press("n");
    await page.getByLabel("What is to be done").fill("after the storm");
    await dialog.getByRole("button", { name: "Start" }).click();
    await dialog.getByText("The server has not answered yet.").waitFor();
    await gate.open();
    await page.getByRole("heading", { name: "after the storm" }).waitFor();
    await isLive(page);
    await page.context().clearCookies();
    await page.reload();
    await page.getByLabel("Token").fill(server.token);
    await gate.shut();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".dialog-error", { hasText: "The server does not answer at the moment." }).waitFor();
    await gate.open();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".row-task").first().waitFor();
  });

  assert.deepEqual(await violations(page), []);
  assert.deepEqual(profile.errors, []);
});
