// What a person sees: a phone's width, the dark, and colours one can read.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

const PANES = ["chat", "changes", "files", "processes", "jobs"];
const READABLE = 4.5;

test("the page fits a phone and can be read in light and dark", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task, other] = await makeTasks(server, 40);
  await server.submit("task.rename", { task_id: task, title: "A title that is far too long for the width of a telephone and has averylongwordthatcannotbebroken" });
  const browser = await openBrowser(t);

  await t.test("at 375 px nothing is wider than the screen, in any place", async () => {
    const profile = await openProfile(browser, { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true });
    const page = await openTab(profile, server, "/#/org_many");
    for (const place of ["", `/${task}`, ...PANES.map((pane) => `/${task}/${pane}`), "/repo_many"]) {
      await page.goto(`${server.url}/#/org_many${place}`);
      await page.locator(place === "" ? ".row-task" : "h1", { hasText: /\w/ }).first().waitFor();
      const { wide, screen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, screen: innerWidth }));
      assert.ok(wide <= screen && screen === 375, `${place}: ${wide} px of ${screen}`);
    }
  });

  await t.test("on a phone the focus goes to the task that is opened, and back to its row", async () => {
    const page = await openTab(await openProfile(browser, { viewport: { width: 375, height: 740 } }), server, "/#/org_many");
    await page.locator(".row-task a").nth(3).press("Enter");
    await page.locator("main.task").and(page.locator(":focus")).waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".row-task a").nth(3).and(page.locator(":focus")).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Back to the list" }).press("Enter");
    await page.locator(".row-task a").nth(3).and(page.locator(":focus")).waitFor();
    await page.locator(".row-repository a").press("Enter");
    await page.locator("main.repository").and(page.locator(":focus")).waitFor();
    await page.getByRole("link", { name: "Back to the list" }).press("Enter");
    await page.locator(".sidebar").and(page.locator(":focus")).waitFor();
  });

  await t.test("no hint turns the direction of what stands beside it either", async () => {
    await server.submit("task.rename", { task_id: other, title: "bidi\u202egnp.exe" });
    const page = await openTab(await openProfile(browser), server, `/#/org_many/${other}`);
    await page.getByRole("heading", { name: "bidi" }).waitFor();
    assert.equal(await page.getByRole("heading", { name: "bidi" }).getAttribute("title"), "bidi\\u202egnp.exe");
  });

  await t.test("at 400 % one writes a message all the same", async () => {
    const page = await openTab(await openProfile(browser, { viewport: { width: 320, height: 256 } }), server, `/#/org_many/${task}`);
    const message = page.getByRole("textbox", { name: "Message" });
    await message.waitFor();
    await page.mouse.move(160, 220);
    await page.mouse.wheel(0, 2000);
    await page.waitForFunction(() => document.getElementById("message").getBoundingClientRect().bottom <= innerHeight);
  });

  await t.test("a long name of an organization keeps to the list", async () => {
    await server.submit("organization.update", { organization_id: "org_many", name: "A long name ".repeat(16) });
    const page = await openTab(await openProfile(browser), server, `/#/org_many/${task}`);
    await page.locator(".organization-name", { hasText: "A long name" }).waitFor();
    const [list, button] = await Promise.all([page.locator(".sidebar"), page.locator(".sidebar").getByRole("button", { name: "New task", exact: true }).first()].map((one) => one.boundingBox()));
    assert.ok(button.x + button.width <= list.x + list.width, `${button.x + button.width} px of ${list.x + list.width}`);
  });

  for (const colorScheme of ["light", "dark"]) {
    await t.test(`every word has enough contrast in the ${colorScheme}, and everything that can be used has a name`, async () => {
      const profile = await openProfile(browser, { colorScheme });
      const page = await openTab(profile, server, `/#/org_many`);
      for (const place of ["", ...PANES.map((pane) => `/${task}/${pane}`), "/repo_many", "/task_nowhere"]) {
        await page.goto(`${server.url}/#/org_many${place}`);
        await page.locator("h1, .empty-title", { hasText: /\w/ }).first().waitFor();
        assert.deepEqual(await page.evaluate(unreadable, READABLE), [], place);
      }
      await page.goto(`${server.url}/#/org_many/${task}`);
      await page.getByRole("textbox", { name: "Message" }).waitFor();
      for (const [key, shown] of Object.entries({ n: "dialog", "?": "dialog.help", "~": ".ledger" })) {
        await page.locator("body").press(key);
        await page.locator(shown).waitFor();
        assert.deepEqual(await page.evaluate(unreadable, READABLE), [], shown);
        await page.keyboard.press("Escape");
        await page.locator(shown).waitFor({ state: "detached" });
      }
      await page.getByRole("button", { name: "Task", exact: true }).click();
      await page.getByRole("menu").waitFor();
      assert.deepEqual(await page.evaluate(unreadable, READABLE), [], "menu");
    });
  }

  await t.test("where the system chooses the colours one sees how tasks are doing, and which is open", async () => {
    const page = await openTab(await openProfile(browser, { forcedColors: "active" }), server, `/#/org_many/${task}`);
    const open = page.locator(".row-task > a[aria-current]");
    await open.waitFor();
    const lined = (one) => one.evaluate((node) => getComputedStyle(node).outlineStyle !== "none");
    assert.deepEqual(await Promise.all([open, page.locator(".row-task > a:not([aria-current])").first(), page.locator(".pane-tabs > [aria-selected=true]"), page.locator(".pane-tabs > [aria-selected=false]").first()].map(lined)), [true, false, true, false]);
    const [dot, ground] = await open.locator(".dot").first().evaluate((node) => [node, document.documentElement].map((one) => getComputedStyle(one).backgroundColor));
    assert.notEqual(dot, ground);
  });

  await t.test("the organization one is in is part of what its menu is called", async () => {
    await server.submit("organization.update", { organization_id: "org_many", name: "Many hands" });
    const page = await openTab(await openProfile(browser), server, "/#/org_many");
    await page.getByRole("button", { name: "Organizations: Many hands" }).waitFor();
  });

  await t.test("whoever comes with the keyboard sees where they are", async () => {
    const profile = await openProfile(browser);
    const page = await openTab(profile, server, `/#/org_many/${task}`);
    await page.getByRole("textbox", { name: "Message" }).waitFor();
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press("Tab");
      const outlined = await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      });
      assert.ok(outlined, `step ${step} has no visible focus`);
    }
  });
});

/**
 * In the page: each word one sees whose contrast with what lies behind it is too low (WCAG 2, relative luminance;
 * what cannot be used is left out), each control without a name, each id that stands for two.
 */
function unreadable(enough) {
  const found = new Set();
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const over = ([red, green, blue, alpha = 1], under) => [red, green, blue].map((one, at) => one * alpha + under[at] * (1 - alpha));
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || element.closest(".unseen, :disabled, [aria-disabled=true]") || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    let [ground, opacity] = [channels(getComputedStyle(document.documentElement).backgroundColor), 1];
    const around = [];
    for (let one = element; one; one = one.parentElement) around.unshift(getComputedStyle(one));
    for (const style of around) {
      ground = over(channels(style.backgroundColor), ground);
      opacity *= Number(style.opacity);
    }
    const [red, green, blue, alpha = 1] = channels(getComputedStyle(element).color);
    const [text, behind] = [luminance(over([red, green, blue, alpha * opacity], ground)), luminance(ground)];
    const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    if (ratio < enough) found.add(`${element.tagName} ${element.className}: ${ratio.toFixed(2)}`);
  }
  for (const control of document.querySelectorAll("button, a[href], input, textarea, select")) {
    const name = control.getAttribute("aria-label") || control.textContent.trim() || control.labels?.[0]?.textContent;
    if (!name && control.checkVisibility()) found.add(`no name: ${control.outerHTML}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.add(`twice: ${id}`);
  return [...found];
}
