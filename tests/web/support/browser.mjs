// Real Chromium, headless, with a profile of its own; and what a page of it did.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const TOOLS = fileURLToPath(new URL("../../../.web/", import.meta.url));
const { chromium } = createRequire(process.env.FOUNDRY_WEB_TOOLS ?? TOOLS)("playwright-core");

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** So long a test waits for something on the screen; the machine may be busy. */
export const PATIENCE_MS = 60_000;

/** A browser that ends with the test. */
export async function openBrowser(t) {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: FLAGS });
  t.after(() => browser.close());
  return browser;
}

/** One person's browser profile: tabs opened in it share cookies and storage. Every violation of the policy counts. */
export async function openProfile(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const profile = { context, errors: [], requests: [] };
  context.on("request", (request) => profile.requests.push({ method: request.method(), path: new URL(request.url()).pathname, at: Date.now() }));
  context.on("weberror", (error) => profile.errors.push(String(error.error().stack)));
  context.on("console", (message) => {
    // A refused answer is the browser's own line, not the page's.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) profile.errors.push(message.text());
  });
  await context.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return profile;
}

/** A signed-in tab. */
export async function openTab(profile, server, path = "/") {
  await profile.context.request.post(`${server.url}/v1/login`, { data: { token: server.token } });
  const page = await profile.context.newPage();
  await page.goto(server.url + path);
  await isLive(page);
  return page;
}

/** Resolves when the page says that it is live. */
export async function isLive(page) {
  await page.locator(".sidebar-foot .connection-live").waitFor({ state: "attached" });
}

/** Resolves when the page has a view of a topic; a page that only begins has none yet. */
export async function isHolding(page, topic) {
  await page.waitForFunction((topic) => Boolean(globalThis.foundry?.views.of(topic).data), topic);
}

/** Resolves when the task one stays in is the selected one on the server too: the page's own last command on arriving. */
export async function isSelected(page, task) {
  await page.waitForFunction((task) => globalThis.foundry?.views.of("app").data?.organizations.some((one) => one.selected_task_id === task) && !foundry.commands.pending("task.select"), task);
}

/** What the page did against its own policy; must be nothing. */
export async function violations(page) {
  return await page.evaluate(() => globalThis.violations);
}

function chromiumPath() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = [process.env.CHROMIUM, ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))].find((path) => path && existsSync(path));
  if (!found) throw new Error("There is no Chromium on the PATH: install it, or name it in CHROMIUM.");
  return found;
}
