// How long the page's main thread was at work in one go. Counted in CPU time of that thread, from the browser's own
// trace, so that a thread that waits for its turn does not count; and beside a piece of work that is always the same, done
// just before and just after, since a core whose other half is busy needs twice as long for everything.

/** What `reference` takes a machine with nothing else to do; the first time it takes longer, and limits are that much wider. */
const REFERENCE_MS = 12.5;

/**
 * Runs `act` and returns the longest tasks of the page's main thread meanwhile, longest first, in milliseconds of a
 * machine that does `reference` in `REFERENCE_MS`.
 */
export async function longestTasks(browser, page, act) {
  const before = await measured(browser, page, () => page.evaluate(reference));
  const tasks = await measured(browser, page, act);
  const after = await measured(browser, page, () => page.evaluate(reference));
  const slowness = Math.max(before[0], after[0]) / REFERENCE_MS;
  return tasks.map((ms) => ms / Math.max(1, slowness));
}

async function measured(browser, page, act) {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const main = mainThread(traceEvents, page);
  return traceEvents
    .filter((event) => event.ph === "X" && event.name.endsWith("RunTask") && event.pid === main.pid && event.tid === main.tid)
    .map((event) => (event.tdur ?? event.dur) / 1000)
    .sort((one, other) => other - one)
    .slice(0, 10);
}

function reference() {
  const words = Array.from({ length: 40_000 }, (_, at) => `word ${(at * 7919) % 40_000}`);
  return words.sort().join(" ").length;
}

function mainThread(events, page) {
  const started = events.filter((event) => event.name === "TracingStartedInBrowser").at(-1);
  const frame = started.args.data.frames.find((one) => one.url.startsWith(new URL(page.url()).origin));
  const thread = events.find((event) => event.ph === "M" && event.name === "thread_name" && event.args.name === "CrRendererMain" && event.pid === frame.processId);
  return { pid: frame.processId, tid: thread.tid };
}
