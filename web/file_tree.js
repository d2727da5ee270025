// The flat list of paths of a task as the rows of a tree: folders first, open ones with what is in them. Pure.

/** @import {TreeFile} from "./types.js" */

/**
 * Paths by folder: `Map(folder -> {folders: [name], files: [{id, size}]})`, each sorted by name.
 *
 * @param {TreeFile[]} tree
 * @returns {Folders}
 */
export function foldersOf(tree) {
  /** @type {Folders} */
  const folders = new Map();
  const at = (/** @type {string} */ path) => {
    const known = folders.get(path) ?? { folders: new Set(), files: [] };
    folders.set(path, known);
    return known;
  };
  at("");
  for (const file of tree) {
    const parts = file.id.split("/");
    let folder = "";
    for (const part of parts.slice(0, -1)) {
      const inner = folder ? `${folder}/${part}` : part;
      at(folder).folders.add(part);
      folder = inner;
    }
    at(folder).files.push(file);
  }
  return folders;
}

/**
 * @typedef {Map<string, {folders: Set<string>, files: TreeFile[]}>} Folders
 * @typedef {{kind: "folder" | "file", path: string, name: string, depth: number, open?: boolean, size?: number}} TreeRow
 */

/**
 * `[{kind: "folder"|"file", path, name, depth, open?, size?}]` of what is open.
 *
 * @param {Folders} folders
 * @param {Set<string>} open
 * @param {string} [folder]
 * @param {number} [depth]
 * @param {TreeRow[]} [rows]
 */
export function rowsOf(folders, open, folder = "", depth = 0, rows = []) {
  const here = folders.get(folder) ?? { folders: new Set(), files: [] };
  for (const name of [...here.folders].sort()) {
    const path = folder ? `${folder}/${name}` : name;
    rows.push({ kind: "folder", path, name, depth, open: open.has(path) });
    if (open.has(path)) rowsOf(folders, open, path, depth + 1, rows);
  }
  for (const file of here.files) {
    rows.push({ kind: "file", path: file.id, name: file.id.slice(file.id.lastIndexOf("/") + 1), depth, size: file.size });
  }
  return rows;
}
