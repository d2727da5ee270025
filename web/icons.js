// The few pictures there are, drawn in the text's own colour.

import { h } from "./dom.js";

const PATHS = {
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3L5 8l5 5",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.500 10.500L14 14",
  branch: "M5 4.500v7M5 4.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM5 14.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM11 5.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM11 5.500c0 3-6 2.500-6 5",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.500V11M8 5.200h.01",
  warning: "M8 2.500L14.500 13.500h-13zM8 6.500v3M8 11.600h.01",
  send: "M8 13V3M3.500 7.500L8 3l4.500 4.500",
  stop: "M4.500 4.500h7v7h-7z",
  retry: "M13 8a5 5 0 1 1-1.600-3.700M13 2.500v3h-3",
  file: "M4 1.500h5l3 3v10H4zM9 1.500v3h3",
  pull: "M4.500 5v6M4.500 5a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM4.500 14a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM11.500 11V6.500C11.500 5 10.500 4 9 4H8M9.500 2L7.500 4l2 2M11.500 14a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3z",
  check: "M3 8.500l3.500 3.500L13 4.500",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return h("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { d: PATHS[name] }));
}
