// RivetKit: one actor, an action that changes its state and broadcasts, and the clients that wait for it, in one program.
// Prints one line of JSON a round: the milliseconds from an action's call to each client's event.
import { actor, setup } from 'rivetkit';
import { createClient } from 'rivetkit/client';

const [port, clients, actions] = process.argv.slice(2).map(Number);
const board = actor({
  state: { title: '' },
  actions: {
    rename: (context, title) => {
      context.state.title = title;
      context.broadcast('renamed', title);
    },
  },
});
const endpoint = `http://127.0.0.1:${port}`;
const registry = setup({ use: { board }, startEngine: true, engineHost: '127.0.0.1', enginePort: port, startServices: false, noWelcome: true });
registry.start();

const client = createClient({ endpoint });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// The engine takes actions some time after it has been started.
for (let failure = true; failure; ) {
  try {
    await client.board.getOrCreate(['bench']).rename('first');
    failure = false;
  } catch {
    await pause(200);
  }
}

let told = () => {};
const there = new Set();
for (let number = 0; number < clients; number += 1) {
  client.board.getOrCreate(['bench']).connect().on('renamed', (title) => {
    there.add(number);
    told(title);
  });
}
const acting = client.board.getOrCreate(['bench']).connect();
while (there.size < clients) {
  await acting.rename('is everybody there');
  await pause(500);
}

const rename = async (title) => {
  const times = [];
  const began = performance.now();
  const all = new Promise((resolve) => {
    told = (heard) => {
      if (heard !== title) return;
      times.push(performance.now() - began);
      if (times.length === clients) resolve();
    };
  });
  await acting.rename(title);
  await all;
  return times;
};

for (let number = 0; number < actions; number += 1) {
  console.log(JSON.stringify(await rename(`name ${number}`)));
}
process.exit(0);
