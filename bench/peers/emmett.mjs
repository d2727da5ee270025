// The same job with Emmett on SQLite (WAL, FULL) behind node's http, the row written by an inline projection.
// Commands wait in line for the one connection: side by side, Emmett would answer before its commit.
import http from 'node:http';
import { CommandHandler, projections } from '@event-driven-io/emmett';
import { getSQLiteEventStore, sqliteRawSQLProjection } from '@event-driven-io/emmett-sqlite';

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

const tasks = sqliteRawSQLProjection({
  canHandle: ['TaskRenamed'],
  evolve: ({ data }) =>
    `INSERT INTO tasks VALUES (${quoted(data.id)}, ${quoted(data.title)})
     ON CONFLICT (id) DO UPDATE SET title = excluded.title`,
  initSQL: 'CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, title TEXT)',
});
const store = getSQLiteEventStore({
  fileName: process.argv[2],
  schema: { autoMigration: 'CreateOrUpdate' },
  projections: projections.inline([tasks]),
});
const handle = CommandHandler({
  evolve: (state, { data }) => ({ title: data.title }),
  initialState: () => ({ title: '' }),
});

let line = Promise.resolve();
const rename = (command) => {
  const done = line.then(() => handle(store, `task-${command.id}`, () => [{ type: 'TaskRenamed', data: command }]));
  line = done.catch(() => {});
  return done;
};

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => (body += piece));
  request.on('end', async () => {
    let status = 202;
    let answer;
    try {
      const { nextExpectedStreamVersion } = await rename(JSON.parse(body));
      answer = JSON.stringify({ version: Number(nextExpectedStreamVersion) });
    } catch (error) {
      status = 500;
      answer = JSON.stringify({ error: String(error) });
    }
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`ready at http://127.0.0.1:${server.address().port} `));
