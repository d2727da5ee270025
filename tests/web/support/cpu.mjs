// How long the page's main thread was at work in one go. Counted in CPU time of that thread, from the browser's own
// trace, so that a busy machine does not change the answer.

/** Runs `act` and returns the longest tasks of the page's main thread meanwhile, in milliseconds, longest first. */
export async function longestTasks(browser, page, act) {
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

function mainThread(events, page) {
  const started = events.filter((event) => event.name === "TracingStartedInBrowser").at(-1);
  const frame = started.args.data.frames.find((one) => one.url.startsWith(new URL(page.url()).origin));
  const thread = events.find((event) => event.ph === "M" && event.name === "thread_name" && event.args.name === "CrRendererMain" && event.pid === frame.processId);
  return { pid: frame.processId, tid: thread.tid };
}
