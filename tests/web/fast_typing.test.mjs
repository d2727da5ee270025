// Whoever types faster than frames are painted: each key is meant for what the ones before it led to. The keys of a step
// are pressed in one go here, so that no frame can come between them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

test("keys go where the ones before them led, however fast they come", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task, other, third] = await makeTasks(server, 20);
  const profile = await openProfile(await openBrowser(t));
  await profile.context.addInitScript(withFastHands);
  const page = await openTab(profile, server, `/#/org_many/${task}`);
  const message = page.getByRole("textbox", { name: "Message" });
  await message.waitFor();

  await t.test("a dialog has the first letter, and gives the focus back", async () => {
    const found = await page.evaluate((task) => {
      document.querySelector(`[data-task="${task}"]`).focus();
      press("n");
      write("do it");
      const typed = document.activeElement.name;
      const dialog = document.activeElement.closest("dialog");
      [...dialog.querySelectorAll("button")].find((one) => one.textContent === "Cancel").click();
      return [typed, document.querySelectorAll("dialog").length, document.activeElement.dataset.task];
    }, task);
    assert.deepEqual(found, ["prompt", 0, task]);
  });

  await t.test("a menu has the next key, and its dialog gives the focus back to the menu's button", async () => {
    const found = await page.evaluate(() => {
      const button = document.querySelector(".task-actions .menu-button");
      button.focus();
      button.click();
      press("End");
      press("Home");
      [...document.querySelectorAll("[role=menuitem]")].find((one) => one.textContent.startsWith("Rename …")).click();
      write("Renamed in a hurry");
      document.activeElement.form.requestSubmit();
      return document.activeElement.name;
    });
    assert.equal(found, "title");
    await page.getByRole("heading", { name: "Renamed in a hurry" }).waitFor();
    await page.locator(".task-actions .menu-button:focus").waitFor();
  });

  await t.test("a message leaves the field before the next letter, and two arrive in their order", async () => {
    const left = await page.evaluate(() => {
      press("c");
      return ["first", "second", "third"].map((text) => {
        write(text);
        press("Enter");
        return document.activeElement.value;
      });
    });
    assert.deepEqual(left, ["", "", ""]);
    const { sessions } = await server.until(`task/${task}`, (one) => one.sessions[0].queue.length === 4);
    assert.deepEqual(sessions[0].queue.slice(1).map((one) => one.text), ["first", "second", "third"]);
  });

  await t.test("what is typed for a session that is still loading is kept for it", async () => {
    await page.evaluate((other) => {
      document.activeElement.blur();
      document.querySelector(`[data-task="${other}"]`).click();
      for (const key of "cn j") press(key);
    }, other);
    await page.getByRole("heading", { name: "Task #1", exact: true }).waitFor();
    await page.locator("#message:focus").waitFor();
    assert.equal(await message.inputValue(), "n j");
    assert.equal(await page.locator("dialog").count(), 0);
  });

  await t.test("one who goes elsewhere instead does not find it there", async () => {
    await page.evaluate((third) => {
      document.activeElement.blur();
      document.querySelector(`[data-task="${third}"]`).click();
      press("c");
      press("x");
      press("Escape");
      press("1");
    }, third);
    await isHolding(page, `transcript/${(await server.view(`task/${third}`)).sessions[0].id}`);
    assert.equal(await message.inputValue(), "");
    assert.match(page.url(), /\/changes$/);
  });

  await t.test("arrow keys go from tab to tab", async () => {
    const found = await page.evaluate(() => {
      document.querySelector(".pane-tabs [aria-selected=true]").focus();
      const at = [];
      for (const key of ["ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft"]) {
        press(key);
        at.push(`${document.activeElement.textContent} ${location.hash.split("/").at(-1)}`);
      }
      return at;
    });
    assert.deepEqual(found, ["Files files", "Processes processes", "Jobs jobs", "Changes changes", "Jobs jobs"]);
    await page.locator(".pane-tabs [tabindex='0'][aria-selected=true]:focus", { hasText: "Jobs" }).waitFor();
    assert.equal(await page.locator(".pane-tabs [tabindex='0']").count(), 1);
  });

  await t.test("a field that is moved keeps the focus and the caret", async () => {
    const found = await page.evaluate(async () => {
      const { h, render } = await import("/web/dom.js");
      const host = document.body.appendChild(document.createElement("div"));
      const show = (...names) => render(host, names.map((name) => h("input", { key: name, id: name, value: "abc" })));
      show("one", "two", "three");
      document.getElementById("three").focus();
      document.getElementById("three").setSelectionRange(1, 2);
      show("three", "one", "two");
      const { id, selectionStart, selectionEnd } = document.activeElement;
      host.remove();
      return [id, selectionStart, selectionEnd];
    });
    assert.deepEqual(found, ["three", 1, 2]);
  });

  await t.test("a draft written in one tab is seen in another where nobody writes", async () => {
    const second = await openTab(profile, server, `/#/org_many/${task}`);
    await second.getByRole("textbox", { name: "Message" }).waitFor();
    await page.goto(`${server.url}/#/org_many/${task}`);
    await page.getByRole("heading", { name: "Renamed in a hurry" }).waitFor();
    await message.fill("written in the first");
    await second.waitForFunction(() => document.getElementById("message").value === "written in the first");
    await message.fill("");
    await second.waitForFunction(() => document.getElementById("message").value === "");
  });

  assert.deepEqual(profile.errors, []);
});

function withFastHands() {
  globalThis.press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  globalThis.write = (text) => {
    document.activeElement.value = text;
    document.activeElement.dispatchEvent(new InputEvent("input", { bubbles: true }));
  };
}
