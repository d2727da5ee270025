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
  const [task] = await makeTasks(server, 40);
  await server.order("task.rename", { task_id: task, title: "A title that is far too long for the width of a telephone and has averylongwordthatcannotbebroken" });
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

  for (const colorScheme of ["light", "dark"]) {
    await t.test(`the main words have enough contrast in the ${colorScheme}`, async () => {
      const profile = await openProfile(browser, { colorScheme });
      const page = await openTab(profile, server, `/#/org_many/${task}/jobs`);
      await page.getByText("Waits for a worker").waitFor();
      const words = [".task-name h1", ".row-task .title", ".row-task .status", ".row-task time", ".task-facts .chip", ".composer-line", ".stage-name", ".connection", "button.primary:not(:disabled)", "button.link"];
      for (const word of words) {
        const ratio = await contrast(page.locator(word).first());
        assert.ok(ratio >= READABLE, `${word} has a contrast of ${ratio.toFixed(2)}`);
      }
    });
  }

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

/** The contrast of an element's text with what lies behind it (WCAG 2, relative luminance). */
async function contrast(locator) {
  return await locator.evaluate((element) => {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => {
      const [r, g, b] = [red, green, blue].map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let behind = element;
    while (behind && (channels(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
    const [text, ground] = [getComputedStyle(element).color, getComputedStyle(behind ?? document.documentElement).backgroundColor].map(channels).map(luminance);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  });
}
