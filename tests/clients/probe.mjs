// The Node client, as the tests ask it.
import { readFileSync } from 'node:fs';
import { Rcomet, RcometError } from '../../clients/node/rcomet.mjs';

const [verb, channel, more] = process.argv.slice(2);
const { RCOMET_ADMIN: admin, RCOMET_FRONT: front, RCOMET_TOKEN: token, RCOMET_SECONDS: seconds = 20 } = process.env;
const server = new Rcomet({ admin, front, token, timeoutMs: seconds * 1000 });
const show = (value) => console.log(JSON.stringify(value));

const verbs = {
  publish: () => server.publish(channel, more),
  json: () => server.publish(channel, JSON.parse(more)),
  all: async () => show((await server.publishAll(JSON.parse(readFileSync(0, 'utf8')).map(([channel, data]) => ({ channel, data }))))
    .map(({ channel, seq }) => [channel, seq])),
  read: async () => show((await server.read(channel))?.data ?? null),
  history: async () => show((await server.history(channel, { limit: more })).messages.map(({ data }) => data)),
  channels: async () => {
    const names = [];
    for await (const each of server.channels(channel)) names.push(each.channel);
    show(names);
  },
  close: async () => show(await server.close(channel)),
  sign: async () => console.log(await server.sign(channel)),
};

try {
  await verbs[verb]();
} catch (error) {
  if (!(error instanceof RcometError)) throw error;
  console.error(`${error.kind}: ${error.message}`);
  process.exitCode = 3;
}
server.end();
