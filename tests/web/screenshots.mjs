// Pictures of the page's states for the documents: `make screenshots` writes docs/screenshots. A person looks at them.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { openGate } from "./support/gate.mjs";
import { gitRepository, startServer, talkativeAgent } from "./support/server.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 375, height: 720 };

const FILES = {
  "README.md": "# Numbers\n\nReads numbers and says what they are.\n",
  "src/numbers.py": '"""Reads the numbers."""\n\n\ndef read_numbers(path: str) -> list[int]:\n    with open(path) as lines:\n        return [int(line) for line in lines]\n',
  "src/report.py": '"""What the numbers say."""\n\nfrom numbers import read_numbers\n\n\ndef report(path: str) -> str:\n    numbers = read_numbers(path)\n    return f"{sum(numbers)}"\n',
  "tests/test_report.py": "def test_nothing() -> None:\n    pass\n",
  "docs/guide.md": "# Guide\n",
};

test("every state of the page has its picture", { timeout: 600_000 }, async (t) => {
  mkdirSync(FOLDER, { recursive: true });
  const server = await startServer(t, { settings: talkativeAgent() });
  const gate = await openGate(t, server);
  const browser = await openBrowser(t);
  const shot = async (page, name) => {
    // The caret and whatever turns would make two pictures of one state differ.
    await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: "disabled", caret: "hide" });
    t.diagnostic(name);
  };

  const stranger = await (await openProfile(browser, { viewport: DESK })).context.newPage();
  await stranger.goto(server.url);
  await stranger.getByLabel("Token").waitFor();
  await shot(stranger, "sign-in");

  const profile = await openProfile(browser, { viewport: DESK });
  const page = await openTab(profile, { url: gate.url, token: server.token });
  await page.getByText("Welcome to Foundry").waitFor();
  await shot(page, "welcome");

  const tasks = await makeWork(t, server);
  await page.goto(`${gate.url}/#/org_northwind/${tasks.show.task_id}`);
  await page.getByText("Shall I change the tests as well?").waitFor();
  await page.locator(".change .line-added").first().waitFor();
  await shot(page, "task");
  await page.emulateMedia({ colorScheme: "dark" });
  await shot(page, "task-dark");

  await page.goto(`${gate.url}/#/org_northwind/${tasks.ask.task_id}`);
  await page.getByRole("button", { name: "Allow once" }).waitFor();
  await page.locator(".entry-user").waitFor();
  await shot(page, "permission-dark");
  await page.goto(`${gate.url}/#/org_northwind/repo_numbers`);
  await page.locator(".branch-list li").first().waitFor();
  await shot(page, "repository-dark");
  await page.emulateMedia({ colorScheme: "light" });

  await page.goto(`${gate.url}/#/org_northwind/${tasks.absent.task_id}/jobs`);
  await page.getByText("Your message waits").waitFor();
  await shot(page, "provisioning-failed");

  await page.goto(`${gate.url}/#/org_northwind/${tasks.shell.task_id}/processes`);
  await page.getByLabel("Command").fill("for name in one two three; do echo testing $name; done; sleep 600");
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator(".tail", { hasText: "testing three" }).waitFor();
  await shot(page, "processes");
  await page.getByRole("tab", { name: "Files" }).click();
  await page.getByRole("treeitem", { name: "src" }).click();
  await page.getByRole("treeitem", { name: "numbers.py" }).waitFor();
  await shot(page, "files");

  await page.keyboard.press("n");
  await page.getByLabel("What is to be done").fill("Make the report say how many numbers there are.");
  await page.getByRole("combobox", { name: "Agent" }).fill("slow");
  await shot(page, "new-task");
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator(".provisioning .stage-running", { hasText: "Start" }).waitFor();
  await shot(page, "provisioning");

  await page.locator("body").press("?");
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  await shot(page, "keys");
  await page.keyboard.press("Escape");
  await page.locator("body").press("~");
  await page.getByRole("heading", { name: "Ledger" }).waitFor();
  await page.setViewportSize({ ...DESK, height: 640 });
  await shot(page, "ledger");
  await page.locator("body").press("~");
  await page.setViewportSize(DESK);

  await page.goto(`${gate.url}/#/org_northwind/${tasks.show.task_id}`);
  await page.getByText("Shall I change the tests as well?").waitFor();
  await gate.shut();
  await page.locator(".notice", { hasText: "does not answer" }).waitFor();
  await shot(page, "offline");
  await gate.open();

  const phone = await openTab(await openProfile(browser, { viewport: PHONE, isMobile: true, hasTouch: true }), server, "/#/org_northwind");
  await phone.locator(".row-task").first().waitFor();
  await shot(phone, "phone-list");
  await phone.goto(`${server.url}/#/org_northwind/${tasks.show.task_id}`);
  await phone.getByText("Shall I change the tests as well?").waitFor();
  await shot(phone, "phone-task");
  await phone.emulateMedia({ colorScheme: "dark" });
  await phone.getByRole("tab", { name: "Changes" }).click();
  await phone.locator(".change .line-added").first().waitFor();
  await shot(phone, "phone-changes-dark");
});

/** An organization with two repositories and a few tasks in different states. */
async function makeWork(t, server) {
  await server.submit("organization.create", { organization_id: "org_northwind", name: "Northwind" });
  for (const [id, url] of [["repo_numbers", gitRepository(t, FILES, "numbers")], ["repo_site", gitRepository(t, { "index.html": "<p>hello</p>\n" }, "site")]]) {
    await server.submit("repository.add", { organization_id: "org_northwind", repository_id: id, remote_url: url });
  }
  const make = async (data) => (await server.submit("task.create", { repository_id: "repo_numbers", ...data })).ids;
  const made = {
    site: await make({ repository_id: "repo_site", title: "Greet people by name", prompt: "sed -i 's/hello/hello, you/' index.html; cat index.html" }),
    shell: await make({ title: "Count the lines of everything", prompt: "wc -l $(git ls-files)\nwc -l $(git ls-files) > lines.txt" }),
    absent: await make({ title: "Translate the guide", prompt: "Translate docs/guide.md into French.", agent: "absent" }),
    ask: await make({ title: "Release the next version", prompt: "Release version 1.4 when the tests pass.", agent: "talkative" }),
    running: await make({ title: "Look for slow tests", prompt: "echo looking; sleep 600" }),
    show: await make({ title: "Read the numbers once", prompt: "The report reads the file a second time. Pass the numbers in instead, and say how many there are.", agent: "talkative" }),
  };
  await server.until(`task/${made.show.task_id}`, (task) => task.status === "idle");
  return made;
}
