// A door between a page and its server that a test can shut: connections through it break, new ones are refused. It can
// also lose pieces of what the server says.

import { connect, createServer } from "node:net";

/** Listens on a port of its own for a server's port; `url` is what the page opens. */
export async function openGate(t, server) {
  const gate = new Gate(server.port);
  await gate.open();
  t.after(() => gate.shut());
  return gate;
}

class Gate {
  #target;
  #port = 0;
  #listener = null;
  #sockets = new Set();
  #lose = null;

  constructor(target) {
    this.#target = target;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open() {
    this.#listener = createServer((near) => {
      const far = connect(this.#target, "127.0.0.1");
      for (const [one, other] of [[near, far], [far, near]]) {
        this.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.on("data", (piece) => {
          if (one === far && this.#lose?.(piece)) return;
          if (!other.write(piece)) one.pause();
        });
        one.on("end", () => other.end());
        other.on("drain", () => one.resume());
      }
    });
    await new Promise((resolve) => this.#listener.listen(this.#port, "127.0.0.1", resolve));
    this.#port = this.#listener.address().port;
  }

  /** Resolves when one piece of what the server says, the next that has this in it, was not carried. */
  loseOne(text) {
    return new Promise((lost) => {
      this.#lose = (piece) => {
        if (!piece.includes(text)) return false;
        this.#lose = null;
        lost();
        return true;
      };
    });
  }

  async shut() {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#listener?.listening) await new Promise((resolve) => this.#listener.close(resolve));
  }
}
