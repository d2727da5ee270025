// How far a task's life has come.

const OVER = new Set(["archived", "killed"]);
const ENDING = new Set(["archiving", "killing", ...OVER]);

/** @param {{status: string}} task */
export const isOver = ({ status }) => OVER.has(status);

/**
 * Over, or about to be: nothing more is done in it.
 *
 * @param {{status: string}} task
 */
export const isEnding = ({ status }) => ENDING.has(status);
