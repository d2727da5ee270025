// The flat list of paths of a task as the rows of a tree: folders first, open ones with what is in them. Pure.

/** Paths by folder: `Map(folder -> {folders: [name], files: [{id, size}]})`, each sorted by name. */
export function foldersOf(tree) {
  const folders = new Map([["", { folders: new Set(), files: [] }]]);
  for (const file of tree) {
    const parts = file.id.split("/");
    let folder = "";
    for (const part of parts.slice(0, -1)) {
      const inner = folder ? `${folder}/${part}` : part;
      folders.get(folder).folders.add(part);
      if (!folders.has(inner)) folders.set(inner, { folders: new Set(), files: [] });
      folder = inner;
    }
    folders.get(folder).files.push(file);
  }
  return folders;
}

/** `[{kind: "folder"|"file", path, name, depth, open?, size?}]` of what is open. */
export function rowsOf(folders, open, folder = "", depth = 0, rows = []) {
  const here = folders.get(folder);
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
