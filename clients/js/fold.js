/**
 * Folds changes onto a view, and keeps what did not change the same object, so that `===` tells what did.
 *
 * @import {Change, Data} from "./types.js"
 */

/**
 * The view's data with the changes applied, all in one go. `data` itself is left as it is.
 *
 * @param {Data} data
 * @param {readonly Change[]} changes
 * @returns {Data}
 */
export function fold(data, changes) {
  /** @type {Map<string, Map<string, Data | null>>} */
  const touched = new Map();
  let folded = data;
  for (const { op, entity, id, value } of changes) {
    if (entity === "self") {
      if (op === "put") folded = share(folded, { ...listsOf(folded), ...value });
      continue;
    }
    const list = listOf(data, entity);
    if (list === null) continue;
    const elements = touched.get(list) ?? new Map();
    touched.set(list, elements.set(id, op === "put" && value ? value : null));
  }
  for (const [list, elements] of touched) folded = { ...folded, [list]: merged(data[list], elements) };
  return folded;
}

/**
 * The changes that lead from one state of a view to a later one that shares what did not change.
 *
 * @param {Data} before
 * @param {Data} after
 * @param {readonly {entity: string}[]} [named] entities as the server calls them, as far as they are known
 * @returns {Change[]}
 */
export function changesBetween(before, after, named = []) {
  /** @type {Change[]} */
  const changes = [];
  const scalars = Object.entries(after).filter(([, value]) => !Array.isArray(value));
  const lists = Object.keys(after).filter((key) => Array.isArray(after[key]));
  const isNewList = lists.some((key) => !Array.isArray(before[key]));
  if (isNewList || scalars.some(([key, value]) => before[key] !== value) || Object.keys(before).some((key) => !(key in after))) {
    const value = isNewList ? after : Object.fromEntries(scalars);
    changes.push({ op: "put", entity: "self", id: String(after.id), value });
  }
  for (const list of isNewList ? [] : lists) {
    if (before[list] === after[list]) continue;
    const entity = named.find((one) => listOf(after, one.entity) === list)?.entity ?? list;
    const held = new Map(before[list].map((/** @type {Data} */ one) => [one.id, one]));
    for (const one of after[list]) {
      if (held.get(one.id) !== one) changes.push({ op: "put", entity, id: one.id, value: one });
      held.delete(one.id);
    }
    for (const id of held.keys()) changes.push({ op: "remove", entity, id });
  }
  return changes;
}

/**
 * `fresh`, with whatever is equal in `held` taken from there.
 *
 * @template T
 * @param {any} held
 * @param {T} fresh
 * @returns {T}
 */
export function share(held, fresh) {
  if (held === fresh || !isObject(held) || !isObject(fresh)) return fresh;
  if (Array.isArray(held) !== Array.isArray(fresh)) return fresh;
  /** @type {any} */
  const given = fresh;
  /** @type {any} */
  const shared = Array.isArray(given) ? [] : {};
  // An element is compared with the one of its id, wherever that stands now.
  const byId = Array.isArray(given) ? new Map(held.map((/** @type {any} */ one) => [one?.id, one])) : null;
  const keys = Object.keys(given);
  let same = keys.length === Object.keys(held).length;
  for (const key of keys) {
    const there = Object.hasOwn(held, key);
    const value = share(byId?.get(given[key]?.id ?? NOBODY) ?? (there ? held[key] : undefined), given[key]);
    Object.defineProperty(shared, key, { value, ...PLAIN });
    same &&= there && value === held[key];
  }
  return same ? held : shared;
}

/**
 * The list an entity belongs to, by its name: `task` in `tasks`, `branch` in `branches`, `entry` in `entries`,
 * `tree` in `tree`. Null for one this view does not have: a newer server may tell of more.
 *
 * @param {Data} data
 * @param {string} entity
 * @returns {string | null}
 */
function listOf(data, entity) {
  const names = [`${entity}s`, `${entity}es`, entity.replace(/y$/, "ies"), entity];
  return names.find((name) => Object.hasOwn(data, name) && Array.isArray(data[name])) ?? null;
}

/**
 * The order of ids on the server, which is that of code points. JavaScript compares code units, and there the
 * surrogates stand below U+E000 to U+FFFF.
 *
 * @param {string} one
 * @param {string} other
 */
export function compareIds(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const left = one.charCodeAt(at);
    const right = other.charCodeAt(at);
    if (left !== right) return lifted(left) - lifted(right);
  }
  return one.length - other.length;
}

const NOBODY = Symbol("no id");
const PLAIN = { writable: true, enumerable: true, configurable: true };

/** @param {number} unit */
const lifted = (unit) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/**
 * @param {any} value
 * @returns {boolean}
 */
const isObject = (value) => typeof value === "object" && value !== null;

/** @param {Data} data */
const listsOf = (data) => Object.fromEntries(Object.entries(data).filter(([, value]) => Array.isArray(value)));

/**
 * @param {readonly Data[]} list
 * @param {Map<string, Data | null>} elements new elements by id, null for those that are removed
 */
function merged(list, elements) {
  const result = [];
  let ordered = true;
  for (const element of list) {
    const change = elements.get(element.id);
    if (change === undefined) result.push(element);
    else if (change !== null) {
      result.push(share(element, change));
      ordered &&= placeOf(element) === placeOf(change);
    }
    elements.delete(element.id);
  }
  const added = [...elements.values()].filter((element) => element !== null);
  const last = result.at(-1);
  // Most of what is added comes at the end: the next entry, the newest task.
  added.sort(inOrder);
  ordered &&= last === undefined || added.length === 0 || inOrder(last, /** @type {Data} */ (added[0])) <= 0;
  result.push(...added);
  return ordered ? result : result.sort(inOrder);
}

/** @param {Data} element */
const placeOf = (element) => (Number.isInteger(element.index) ? element.index : 0);

/**
 * @param {Data} one
 * @param {Data} other
 */
const inOrder = (one, other) => placeOf(one) - placeOf(other) || compareIds(one.id, other.id);
