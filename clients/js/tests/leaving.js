/** Run by `closing.test.js`: does everything a client does, closes, and must then end by itself. */

import { Foundry } from "../foundry.js";

const [url = "", live = "on"] = process.argv.slice(2);

process.on("uncaughtException", (error) => console.log(`uncaught: ${error.message}`));

const foundry = new Foundry({ url, token: "secret", live: live === "on" ? "on" : "bootstrap-only" });
foundry.on("state", (state) => console.log(state));
foundry.subscribe("task/task_1", () => {
  throw new Error("a listener's own");
});
await new Promise((resolve) => foundry.subscribe("task/task_1", resolve));
await foundry.command("task.rename");
const waiting = foundry.atLeast(1_000_000, "task/task_1").catch((problem) => console.log(problem.code));
await foundry.close();
await waiting;
console.log("done");
