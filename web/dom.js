// A small virtual tree: what is to be shown is described anew, and only the differences reach the document.
// Text always becomes a text node, so nothing an agent says can become markup, and a character that would turn the
// direction of what stands beside it is shown as a sign, also in attributes that are read as text.

import { visible } from "./ansi.js";
import { isLost, placesAround, standIn } from "./focus.js";

/**
 * A described element, text or part. `node` is what was made of it, `part` what a part came to.
 *
 * @typedef {{
 *   tag: string | Part, key: string | number | undefined, properties: Properties, children: Described[], text: string,
 *   node: any, part: Described | null,
 * }} Described
 * @typedef {Described | string | number | boolean | null | undefined | readonly any[]} Child
 * @typedef {(properties: any) => Described} Part
 *
 * @typedef {(event: any) => unknown} Handler
 * @typedef {{
 *   key?: string | number, ref?: (node: any) => void, onclick?: Handler | null, ondblclick?: Handler, oninput?: Handler,
 *   onchange?: Handler, onsubmit?: Handler, onkeydown?: Handler | null, onclose?: Handler, oncancel?: Handler, ontoggle?: Handler,
 *   [name: string]: any,
 * }} Properties
 */

const NONE = Object.freeze({});
/** @type {Described[]} */
const NO_CHILDREN = [];
const SVG = "http://www.w3.org/2000/svg";
/** Attributes that are read as text. */
const AS_TEXT = new Set(["title", "aria-label", "placeholder"]);
const AS_PROPERTY = new Set(["value", "checked", "disabled", "selected", "open", "hidden", "indeterminate"]);

/** @type {(() => void)[]} */
let mounted = [];

/**
 * Describe an element, or a part: `tag` may be a function of its properties, which runs again only if one of them
 * is another value than before. Properties: `key`, `class`, `style` (an object), `on…` (functions), `ref` (told the
 * element once, when it is in the document), attributes.
 *
 * @param {string | Part} tag
 * @param {Properties | null} properties
 * @param {Child[]} children
 * @returns {Described}
 */
export function h(tag, properties, ...children) {
  /** @type {Properties} */
  const given = properties ?? NONE;
  const list = typeof tag === "function" ? NO_CHILDREN : flat(children, []);
  return { tag, key: given.key, properties: given, children: list, text: "", node: null, part: null };
}

/**
 * Bring `host` in line with a description, or with several.
 *
 * @param {any} host
 * @param {Child} description
 */
export function render(host, description) {
  const next = flat([description], []);
  const focused = document.activeElement;
  const around = placesAround(focused, host);
  patchChildren(host, host.described ?? [], next, false);
  host.described = next;
  // An element that was moved is the same to whoever is typing in it, but the browser takes the focus from it.
  if (focused !== document.activeElement && focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
  const told = mounted;
  mounted = [];
  for (const tell of told) tell();
  if (around.part && isLost(focused)) standIn(around);
}

/**
 * @param {readonly Child[]} children
 * @param {Described[]} into
 */
function flat(children, into) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === true || child === "") continue;
    if (Array.isArray(child)) flat(child, into);
    else if (typeof child === "object") into.push(/** @type {Described} */ (child));
    else into.push({ tag: "#text", key: undefined, properties: NONE, children: NO_CHILDREN, text: visible(String(child)), node: null, part: null });
  }
  return into;
}

/**
 * @param {Described} one
 * @param {boolean} inSvg
 * @returns {any}
 */
function create(one, inSvg) {
  if (one.tag === "#text") return (one.node = document.createTextNode(one.text));
  if (typeof one.tag === "function") {
    one.part = one.tag(one.properties);
    return (one.node = create(one.part, inSvg));
  }
  const svg = inSvg || one.tag === "svg";
  const node = svg ? document.createElementNS(SVG, one.tag) : document.createElement(one.tag);
  one.node = node;
  patchChildren(node, [], one.children, svg);
  setProperties(node, NONE, one.properties);
  const { ref } = one.properties;
  if (ref) mounted.push(() => ref(node));
  return node;
}

/**
 * @param {Described} before
 * @param {Described} one
 * @param {boolean} inSvg
 * @returns {any}
 */
function patch(before, one, inSvg) {
  if (before === one) return one.node;
  if (one.tag === "#text") {
    one.node = before.node;
    // What grows is added to: the browser lets go of what is selected in a text that is replaced.
    if (before.text === one.text) return one.node;
    if (one.text.startsWith(before.text)) one.node.appendData(one.text.slice(before.text.length));
    else one.node.data = one.text;
  } else if (typeof one.tag === "function") {
    patchPart(before, one, inSvg);
  } else {
    one.node = before.node;
    patchChildren(one.node, before.children, one.children, inSvg || one.tag === "svg");
    setProperties(one.node, before.properties, one.properties);
  }
  return one.node;
}

/**
 * @param {Described} before
 * @param {Described} one
 * @param {boolean} inSvg
 */
function patchPart(before, one, inSvg) {
  if (typeof one.tag !== "function") return;
  if (same(before.properties, one.properties)) {
    one.part = before.part;
  } else {
    one.part = one.tag(one.properties);
    if (before.part !== null && fits(before.part, one.part)) {
      patch(before.part, one.part, inSvg);
    } else {
      before.node.replaceWith(create(one.part, inSvg));
    }
  }
  one.node = one.part?.node;
}

/**
 * @param {any} parent
 * @param {Described[]} before
 * @param {Described[]} next
 * @param {boolean} inSvg
 */
function patchChildren(parent, before, next, inSvg) {
  if (before.length === 0 && next.length === 0) return;
  /** @type {Map<string | number, Described>} */
  const keyed = new Map();
  /** @type {(Described | undefined)[]} */
  const loose = [];
  for (const child of before) {
    if (child.key === undefined) loose.push(child);
    else keyed.set(child.key, child);
  }
  let nextLoose = 0;
  const matches = next.map((child) => {
    if (child.key !== undefined) {
      const match = keyed.get(child.key);
      if (!match || !fits(match, child)) return undefined;
      keyed.delete(child.key);
      return match;
    }
    for (let at = nextLoose; at < loose.length; at += 1) {
      const match = loose[at];
      if (match && fits(match, child)) {
        loose[at] = undefined;
        nextLoose = at + 1;
        return match;
      }
    }
    return undefined;
  });
  for (const gone of keyed.values()) gone.node.remove();
  for (const gone of loose) gone?.node.remove();
  let place = parent.firstChild;
  next.forEach((child, at) => {
    const match = matches[at];
    const inPlace = match !== undefined && match.node === place;
    if (inPlace) place = place.nextSibling;
    const node = match ? patch(match, child, inSvg) : create(child, inSvg);
    if (!inPlace) parent.insertBefore(node, place);
  });
}

/**
 * @param {Described} before
 * @param {Described} one
 */
function fits(before, one) {
  return before.tag === one.tag && before.key === one.key;
}

/**
 * @param {Properties} before
 * @param {Properties} now
 */
function same(before, now) {
  const names = Object.keys(now);
  if (names.length !== Object.keys(before).length) return false;
  return names.every((name) => Object.is(before[name], now[name]));
}

/**
 * @param {any} node
 * @param {Properties} before
 * @param {Properties} now
 */
function setProperties(node, before, now) {
  if (before === now) return;
  for (const name of Object.keys(before)) {
    if (!(name in now)) setProperty(node, name, before[name], undefined);
  }
  for (const name of Object.keys(now)) {
    if (now[name] !== before[name] || name === "value" || name === "checked") setProperty(node, name, before[name], now[name]);
  }
}

/**
 * @param {any} node
 * @param {string} name
 * @param {any} before
 * @param {any} now
 */
function setProperty(node, name, before, now) {
  if (name === "key" || name === "ref") return;
  if (name.startsWith("on")) {
    node[name] = now ?? null;
  } else if (name === "style") {
    for (const rule of Object.keys(before ?? NONE)) if (!(rule in (now ?? NONE))) node.style.removeProperty(rule);
    for (const rule of Object.keys(now ?? NONE)) if (now[rule] !== before?.[rule]) node.style.setProperty(rule, now[rule]);
  } else if (AS_PROPERTY.has(name)) {
    // What a person types is ahead of the description: writing the same value again would move the caret.
    if (node[name] !== (now ?? "")) node[name] = now ?? "";
  } else if (now === undefined || now === null || now === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, now === true ? "" : AS_TEXT.has(name) ? visible(String(now)) : String(now));
  }
}
