// A unified diff as rows with the line numbers of both sides.

/** `[{kind: "hunk"|"added"|"removed"|"same"|"note", old, new, text}]`; headers of files are left out. */
export function rowsOf(patch) {
  const rows = [];
  let [before, after, inHunk] = [0, 0, false];
  // Only \n ends a line here: U+2028 inside a line is a character like any other.
  for (const line of patch.split("\n")) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/.exec(line);
    if (hunk) {
      [before, after, inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
      rows.push({ kind: "hunk", old: null, new: null, text: hunk[3].trim() });
    } else if (line.startsWith("diff --git ")) {
      inHunk = false;
    } else if (!inHunk) {
      if (/^(Binary files|rename |similarity |old mode|new mode)/.test(line)) {
        rows.push({ kind: "note", old: null, new: null, text: line });
      }
    } else if (line.startsWith("+")) {
      rows.push({ kind: "added", old: null, new: after++, text: line.slice(1) });
    } else if (line.startsWith("-")) {
      rows.push({ kind: "removed", old: before++, new: null, text: line.slice(1) });
    } else if (line.startsWith("\\")) {
      rows.push({ kind: "note", old: null, new: null, text: line.slice(2) });
    } else if (line.startsWith(" ")) {
      rows.push({ kind: "same", old: before++, new: after++, text: line.slice(1) });
    }
  }
  return rows;
}
