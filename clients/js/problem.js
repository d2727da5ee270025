/** What went wrong, as the server says it (RFC 9457), or as we say it when nobody answered. */

export class Problem extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} code `unreachable`, `unreadable`, `closed`, or one of docs/protocol.md
   * @param {string} detail what to do next
   * @param {{errors?: {pointer: string, detail: string}[], key?: string}} [more] `key`: send the command again with it
   */
  constructor(status, code, detail, { errors = [], key } = {}) {
    super(`${code}: ${detail}`);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    if (key !== undefined) this.key = key;
  }
}
