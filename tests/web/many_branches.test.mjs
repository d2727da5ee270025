// A repository with more branches than are listed says so.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { gitRepository, startServer } from "./support/server.mjs";

test("branches that are not listed are counted", { timeout: 300_000 }, async (t) => {
  const remote_url = gitRepository(t);
  const refs = Array.from({ length: 310 }, (_, at) => `create refs/heads/branch-${at} HEAD\n`).join("");
  execFileSync("git", ["-C", remote_url, "update-ref", "--stdin"], { input: refs });
  const server = await startServer(t);
  await server.submit("organization.create", { organization_id: "org_wide", name: "Wide" });
  await server.submit("repository.add", { organization_id: "org_wide", repository_id: "repo_wide", remote_url });

  const page = await openTab(await openProfile(await openBrowser(t)), server, "/#/org_wide/repo_wide");

  await page.getByRole("heading", { name: /^311 branches/ }).waitFor();
  assert.equal(await page.locator(".branch-list > li").count(), 300);
  await page.getByText("11 more are not listed here.").waitFor();
});
