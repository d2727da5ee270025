// `?live=bootstrap-only`: the lever that takes a view off the stream. It is read, and read again when asked to.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

test("views can be taken off the stream, all of them or one", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task] = await makeTasks(server, 3);
  const browser = await openBrowser(t);

  const open = async (search) => {
    const profile = await openProfile(browser);
    await profile.context.request.post(`${server.url}/v1/login`, { data: { token: server.token } });
    const page = await profile.context.newPage();
    await page.goto(`${server.url}/${search}#/org_many/${task}`);
    await page.getByRole("heading", { name: /\w/ }).first().waitFor();
    await page.locator(".row-task").first().waitFor();
    return { profile, page };
  };
  const streams = (profile) => profile.requests.filter((one) => one.path === "/v1/stream").length;

  await t.test("all: no stream, the own command is seen, others' after a refresh", async () => {
    const { profile, page } = await open("?live=bootstrap-only");
    await page.getByRole("button", { name: "Task", exact: true }).click();
    await page.getByRole("menuitem", { name: "Rename …" }).click();
    await page.getByLabel("Title").fill("Renamed here");
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "Renamed here" }).waitFor();
    await server.submit("task.rename", { task_id: task, title: "Renamed elsewhere" });
    assert.equal(await page.locator("h1").textContent(), "Renamed here");
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByRole("heading", { name: "Renamed elsewhere" }).waitFor();
    assert.equal(streams(profile), 0);
  });

  await t.test("one: the list is read, the task stays live", async () => {
    const { profile, page } = await open("?live=workspace:bootstrap-only");
    await page.getByRole("heading", { name: "Renamed elsewhere" }).waitFor();
    await server.submit("task.rename", { task_id: task, title: "Once more" });
    await page.getByRole("heading", { name: "Once more" }).waitFor();
    assert.equal(await page.locator(".row-task[class] .title", { hasText: "Once more" }).count(), 0);
    assert.equal(streams(profile), 1);
    assert.ok(profile.requests.some((one) => one.path === "/v1/views/workspace/org_many"));
  });
});
