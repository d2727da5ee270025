// The places in files that a message points at are seen wherever the message is, and go with it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab, violations } from "./support/browser.mjs";
import { gitRepository, startServer, talkativeAgent } from "./support/server.mjs";

const MARKUP = "<img src=x onerror=violations.push(1)>";

test("attachments are shown, kept and sent", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t, { settings: talkativeAgent() });
  await server.submit("organization.create", { organization_id: "org_point", name: "Point" });
  await server.submit("repository.add", { organization_id: "org_point", repository_id: "repo_point", remote_url: gitRepository(t) });
  const { task_id, session_id } = (await server.submit("task.create", { repository_id: "repo_point", agent: "talkative", prompt: "ask" })).ids;
  const its = { task_id, session_id };
  await server.until(`task/${task_id}`, (task) => task.sessions[0].permission_requests.length > 0);
  const [numbers, readme] = [{ id: "a1", path: "src/numbers.txt", line: 2, text: "2\n" }, { id: "a2", path: "README.md" }];
  await server.submit("agent_session.update_draft", { ...its, text: "look", attachments: [numbers, readme, { id: "a3", path: MARKUP }] });
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, `/#/org_point/${task_id}`);
  const message = page.getByRole("textbox", { name: "Message" });
  const placesIn = (selector) => page.locator(`${selector} .place`);
  const draft = async (wanted) => (await server.until("app", (app) => wanted(app.sessions[0].draft))).sessions[0].draft;

  await t.test("a draft from elsewhere shows what it points at, and typing keeps that", async () => {
    await placesIn(".composer-form").nth(2).waitFor();
    assert.deepEqual(await placesIn(".composer-form").allTextContents(), ["src/numbers.txt:2", "README.md", MARKUP]);
    await message.press("End");
    await message.pressSequentially(" here");
    const { attachments } = await draft((one) => one.text === "look here");
    assert.deepEqual(attachments.map((one) => one.path), ["src/numbers.txt", "README.md", MARKUP]);
  });

  await t.test("one of them is taken away", async () => {
    await page.getByRole("button", { name: `Remove ${MARKUP}` }).click();
    const { text, attachments } = await draft((one) => one.attachments.length < 3);
    assert.deepEqual([text, attachments], ["look here", [numbers, readme]]);
  });

  await t.test("a message takes them along, and what is typed next has none", async () => {
    await message.press("Enter");
    await placesIn(".queue").nth(1).waitFor();
    assert.deepEqual(await placesIn(".queue").allTextContents(), ["src/numbers.txt:2", "README.md"]);
    await message.pressSequentially("next");
    assert.deepEqual((await draft((one) => one?.text === "next")).attachments, []);
    assert.equal(await placesIn(".composer-form").count(), 0);
  });

  await t.test("without a text they are a message too", async () => {
    await message.fill("");
    await draft((one) => one === null);
    await message.blur();
    await server.submit("agent_session.update_draft", { ...its, text: "", attachments: [readme] });
    await placesIn(".composer-form").waitFor();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await placesIn(".queue").nth(2).waitFor();
  });

  await t.test("the transcript has them, with the text that stands there", async () => {
    await page.getByRole("button", { name: "Refuse" }).click();
    const said = page.locator(".entry-user");
    await said.nth(2).waitFor();
    assert.deepEqual(await said.nth(1).locator(".place").allTextContents(), ["src/numbers.txt:2", "README.md"]);
    await said.nth(1).getByText("Attached text").click();
    await said.nth(1).getByText("src/numbers.txt:2\n2").waitFor();
    assert.deepEqual(await said.nth(2).locator(".place").allTextContents(), ["README.md"]);
    assert.equal(await said.nth(2).locator(".said").count(), 0);
  });

  assert.deepEqual(await violations(page), []);
  assert.deepEqual(profile.errors, []);
});
