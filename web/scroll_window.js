// Which of many rows are to be in the document: those one can see, and a few around them.

/**
 * The rows between two heights, of rows whose tops are known. `tops` has one number more than there are rows.
 *
 * @param {Float64Array} tops
 * @param {number} from
 * @param {number} to
 */
export function rowsBetween(tops, from, to) {
  const count = tops.length - 1;
  if (count <= 0) return { start: 0, end: 0 };
  const start = Math.max(0, lastAtOrBefore(tops, from, count));
  const end = Math.min(count, lastAtOrBefore(tops, to, count) + 1);
  return { start, end };
}

/**
 * The tops of rows of given heights, and the bottom of the last.
 *
 * @param {number[]} heights
 */
export function topsOf(heights) {
  const tops = new Float64Array(heights.length + 1);
  for (let at = 0; at < heights.length; at += 1) tops[at + 1] = tops[at] + heights[at];
  return tops;
}

/**
 * Where a row begins and ends, null if it is not among them.
 *
 * @param {{rows: {id: string}[], tops: Float64Array}} made
 * @param {string | null} id
 */
export function edgesOf({ rows, tops }, id) {
  const at = rows.findIndex((row) => row.id === id);
  return at < 0 ? null : { top: tops[at] ?? 0, bottom: tops[at + 1] ?? 0 };
}

/**
 * @param {Float64Array} tops
 * @param {number} value
 * @param {number} count
 */
function lastAtOrBefore(tops, value, count) {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
