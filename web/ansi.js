// Terminal output as pieces of text with a style. Colours are understood, everything else that could act is shown:
// nothing an agent prints moves a cursor, sets a title or hides a line.

/** @typedef {{colour: string, bold: boolean, dim: boolean}} Style */

const SGR = /\u001b\[([0-9;]*)m/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * `[{text, style}]`; `style` is a class name or "". Always at least the text that was there.
 *
 * @param {string} text
 */
export function pieces(text) {
  if (!CONTROLS.test(text)) return [{ text, style: "" }];
  /** @type {{text: string, style: string}[]} */
  const found = [];
  let style = { colour: "", bold: false, dim: false };
  let from = 0;
  for (const match of text.matchAll(SGR)) {
    push(found, text.slice(from, match.index), style);
    style = after(style, match[1] ?? "");
    from = match.index + match[0].length;
  }
  push(found, text.slice(from), style);
  return found;
}

/**
 * @param {{text: string, style: string}[]} found
 * @param {string} text
 * @param {Style} style
 */
function push(found, text, style) {
  if (text === "") return;
  const name = [style.colour && `ansi-${style.colour}`, style.bold && "ansi-bold", style.dim && "ansi-dim"];
  found.push({ text: visible(text), style: name.filter(Boolean).join(" ") });
}

/**
 * Control characters by their pictures (␛), invisible turns of direction by their numbers.
 *
 * @param {string} text
 */
export function visible(text) {
  if (!CONTROLS.test(text)) return text;
  return text.replace(/\r\n/g, "\n").replace(/\r/g, "\n").replace(CONTROL, (one) => {
    const code = one.charCodeAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * @param {Style} style
 * @param {string} codes
 */
function after(style, codes) {
  let { colour, bold, dim } = style;
  const numbers = codes.split(";").map(Number);
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at] ?? 0;
    if (code === 0) [colour, bold, dim] = ["", false, false];
    else if (code === 1) bold = true;
    else if (code === 2) dim = true;
    else if (code === 22) [bold, dim] = [false, false];
    else if (code >= 30 && code <= 37) colour = String(code - 30);
    else if (code >= 90 && code <= 97) colour = String(code - 90);
    else if (code === 39) colour = "";
    else if (code === 38 || code === 48) at += numbers[at + 1] === 5 ? 2 : 4;
  }
  return { colour, bold, dim };
}
