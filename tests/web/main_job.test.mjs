// The main job, as a person does it in the browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isLive, openBrowser, openProfile, violations } from "./support/browser.mjs";
import { gitRepository, startServer } from "./support/server.mjs";

const HOSTILE = String.raw`printf '<img src=x onerror="document.title=1">\n'
printf 'one\342\200\250line\n'
printf '\033[31mred\033[0m \033]0;title\007\033[2J\n'
echo more >> README.md
seq 3 > new.txt`;

test("from the printed link to the archived task", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t);
  const repository = gitRepository(t);
  const profile = await openProfile(await openBrowser(t));
  const page = await profile.context.newPage();

  await t.test("the link signs in, also from the page that asks for it, and its code leaves the address", async () => {
    await page.goto(server.url);
    await page.getByLabel("Token").waitFor();
    await page.goto(server.link);
    await isLive(page);
    assert.equal(new URL(page.url()).hash.includes("code"), false);
    assert.equal(await page.locator(".who").textContent(), "Owner");
  });

  await t.test("the first organization and its repository are made where the page offers it", async () => {
    await page.getByRole("main").getByRole("button", { name: "New organization" }).click();
    await page.getByLabel("Name").fill("Acme");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("main").getByRole("button", { name: "Add a repository" }).click();
    await page.getByLabel("Address").fill("not an address");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.locator(".dialog-error", { hasText: /\w/ }).waitFor();
    const sentence = await page.locator(".dialog-error").textContent();
    assert.ok(!sentence.includes("/remote_url"), sentence);
    assert.equal(await page.getByLabel("Address").inputValue(), "not an address");
    await page.getByLabel("Address").fill(repository);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.locator(".row-repository", { hasText: "project" }).waitFor();
  });

  await t.test("a task is provisioned in stages that are shown as they happen", async () => {
    await page.keyboard.press("n");
    await page.getByLabel("What is to be done").fill(HOSTILE);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("n");
    assert.equal(await page.getByLabel("What is to be done").inputValue(), HOSTILE, "what was written when the dialog was left");
    await page.getByRole("button", { name: "More options" }).click();
    await page.getByLabel("Title").fill("Say hello");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("heading", { name: "Say hello" }).waitFor();
    await page.locator(".provisioning-succeeded").waitFor();
    const stages = await page.locator(".stage").evaluateAll((all) => all.map((one) => [one.className, one.querySelector(".stage-time").textContent]));
    assert.ok(stages.length > 1);
    for (const [name, took] of stages) {
      assert.match(name, /stage-succeeded/);
      assert.match(took, /^[0-9.]+ (ms|s)/);
    }
  });

  await t.test("what the agent says is text, whatever it says", async () => {
    const transcript = page.locator(".transcript");
    await transcript.getByText('<img src=x onerror="document.title=1">', { exact: false }).last().waitFor();
    const said = await transcript.locator(".entry-agent").allTextContents();
    assert.ok(said.join("").includes("one\u2028line"));
    assert.ok(said.join("").includes("red \u241b]0;title\u2407\u241b[2J"));
    assert.equal(await transcript.locator(".ansi-1").textContent(), "red");
    assert.equal(await transcript.locator("img").count(), 0);
    assert.match(await page.title(), /Say hello/);
  });

  await t.test("the changes are shown with the lines of both sides", async () => {
    await page.locator(".change", { hasText: "new.txt" }).locator(".line-added").nth(2).waitFor();
    const readme = page.locator(".change", { hasText: "README.md" });
    const added = readme.locator(".line-added");
    await added.waitFor();
    assert.equal(await added.locator(".code").textContent(), "more");
    assert.deepEqual(await added.locator(".number").allTextContents(), ["", "4"]);
    assert.equal(await page.locator(".row-task .counts").textContent(), "+4−0");
  });

  await t.test("another message is answered, and a running one is stopped", async () => {
    await page.keyboard.press("c");
    await page.getByRole("textbox", { name: "Message" }).fill("cat new.txt; sleep 600");
    await page.keyboard.press("Enter");
    await page.locator(".composer .working").waitFor();
    await page.getByRole("textbox", { name: "Message" }).fill("echo after the stop");
    await page.keyboard.press("Enter");
    await page.locator(".waiting", { hasText: "echo after the stop" }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator(".entry-agent", { hasText: "after the stop" }).waitFor();
    assert.equal(await page.locator(".waiting").count(), 0);
  });

  await t.test("a process is started, read and stopped", async () => {
    await page.keyboard.press("Escape");
    await page.getByRole("tab", { name: "Processes" }).click();
    await page.getByLabel("Command").fill("echo ready; sleep 600");
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator(".tail", { hasText: "ready" }).waitFor();
    await page.locator(".process").getByRole("button", { name: "Stop" }).click();
    await page.locator(".process .mark-failed").waitFor();
  });

  await t.test("a draft survives a reload", async () => {
    await page.getByRole("textbox", { name: "Message" }).fill("half a sen");
    await page.reload();
    await isLive(page);
    await page.getByRole("textbox", { name: "Message" }).waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "half a sen");
  });

  await t.test("sessions stand in the order of their names, and numbers in theirs", async () => {
    const [task] = /task_[a-z0-9]+/.exec(page.url());
    for (const number of [10, 3, 5, 4, 2]) await server.submit("agent_session.create", { task_id: task, name: `Session ${number}` });
    const tabs = page.locator(".session-name");
    await tabs.nth(5).waitFor();
    assert.deepEqual(await tabs.allTextContents(), ["Session 1", "Session 2", "Session 3", "Session 4", "Session 5", "Session 10"]);
  });

  await t.test("archived, the task is over and leaves the list", async () => {
    await page.getByRole("button", { name: "Task", exact: true }).click();
    await page.getByRole("menuitem", { name: /^Archive/ }).click();
    await page.getByRole("dialog").getByText("What you wrote in Session 1 is not sent.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
    await page.locator(".task-facts", { hasText: "Archived" }).waitFor();
    await page.locator(".composer-closed").waitFor();
    assert.equal((await server.view(`task/${placeOf(page, "task")}`)).status, "archived");
    // Nothing is offered that would be refused.
    assert.equal(await page.getByRole("button", { name: "New session" }).count(), 0);
    await page.getByRole("tab", { name: /^Changes/ }).click();
    await page.locator(".revert:disabled").first().waitFor({ state: "attached" });
    assert.equal(await page.locator(".revert:enabled").count(), 0);
  });

  assert.deepEqual(await violations(page), []);
  assert.deepEqual(profile.errors, []);
});

function placeOf(page, kind) {
  return new URL(page.url()).hash.split("/").find((part) => part.startsWith(`${kind}_`));
}
