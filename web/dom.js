// A small virtual tree: what is to be shown is described anew, and only the differences reach the document.
// Text always becomes a text node, so nothing an agent says can become markup.

const NONE = Object.freeze({});
const SVG = "http://www.w3.org/2000/svg";
const AS_PROPERTY = new Set(["value", "checked", "disabled", "selected", "open", "hidden", "indeterminate"]);

let mounted = [];

/**
 * Describe an element, or a part: `tag` may be a function of its properties, which runs again only if one of them
 * is another value than before. Properties: `key`, `class`, `style` (an object), `on…` (functions), `ref` (told the
 * element once, when it is in the document), attributes.
 */
export function h(tag, properties, ...children) {
  const given = properties ?? NONE;
  const list = typeof tag === "function" ? NONE : flat(children, []);
  return { tag, key: given.key, properties: given, children: list, text: "", node: null, part: null };
}

/** Bring `host` in line with a description, or with several. */
export function render(host, description) {
  const next = flat([description], []);
  const focused = document.activeElement;
  patchChildren(host, host.described ?? [], next, false);
  host.described = next;
  // An element that was moved is the same to whoever is typing in it, but the browser takes the focus from it.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  const told = mounted;
  mounted = [];
  for (const tell of told) tell();
}

function flat(children, into) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === true || child === "") continue;
    if (Array.isArray(child)) flat(child, into);
    else if (typeof child === "object") into.push(child);
    else into.push({ tag: "#text", key: undefined, properties: NONE, children: NONE, text: String(child), node: null, part: null });
  }
  return into;
}

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
  if (one.properties.ref) mounted.push(() => one.properties.ref(node));
  return node;
}

function patch(before, one, inSvg) {
  if (before === one) return one.node;
  if (one.tag === "#text") {
    one.node = before.node;
    if (before.text !== one.text) one.node.data = one.text;
  } else if (typeof one.tag === "function") {
    patchPart(before, one, inSvg);
  } else {
    one.node = before.node;
    patchChildren(one.node, before.children, one.children, inSvg || one.tag === "svg");
    setProperties(one.node, before.properties, one.properties);
  }
  return one.node;
}

function patchPart(before, one, inSvg) {
  if (same(before.properties, one.properties)) {
    one.part = before.part;
  } else {
    one.part = one.tag(one.properties);
    if (fits(before.part, one.part)) {
      patch(before.part, one.part, inSvg);
    } else {
      before.node.replaceWith(create(one.part, inSvg));
    }
  }
  one.node = one.part.node;
}

function patchChildren(parent, before, next, inSvg) {
  if (before.length === 0 && next.length === 0) return;
  const keyed = new Map();
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
      if (loose[at] && fits(loose[at], child)) {
        const match = loose[at];
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

function fits(before, one) {
  return before.tag === one.tag && before.key === one.key;
}

function same(before, now) {
  const names = Object.keys(now);
  if (names.length !== Object.keys(before).length) return false;
  return names.every((name) => Object.is(before[name], now[name]));
}

function setProperties(node, before, now) {
  if (before === now) return;
  for (const name of Object.keys(before)) {
    if (!(name in now)) setProperty(node, name, before[name], undefined);
  }
  for (const name of Object.keys(now)) {
    if (now[name] !== before[name] || name === "value" || name === "checked") setProperty(node, name, before[name], now[name]);
  }
}

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
    node.setAttribute(name, now === true ? "" : String(now));
  }
}
