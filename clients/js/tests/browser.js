/** Tabs of a real Chromium. */

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

// `make test-web` keeps its tools in a folder of their own, beside the client's.
const require = createRequire(new URL("../../../.web/", import.meta.url));
/** @type {typeof import("playwright-core")} */
const { chromium } = require("playwright-core");

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Starts the Chromium that is on the PATH. */
export function launch() {
  const looking = NAMES.map((name) => `command -v ${name}`).join(" || ");
  const executablePath = execFileSync("sh", ["-c", looking], { encoding: "utf8" }).trim();
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
