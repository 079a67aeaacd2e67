// Goes through a proxy by every way of listening: node paths.mjs URL ADMIN
// What is published reaches the listener while its connection is open, so a proxy that collects is found out.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import vm from 'node:vm';

const [, , base, admin] = process.argv;
const WebSocket = createRequire(new URL('../browser/', import.meta.url))('ws');
const channel = `paths.${Date.now()}`;
const TEXT = `<b> & " 你好 \u2028`;

async function publish(data) {
  const response = await fetch(`${admin}/publish`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ channel, data }) });
  assert.equal(response.status, 200);
}

/** The listener is there before anything is published. */
async function listening(count) {
  for (let tries = 0; tries < 1800; tries++) {
    const response = await fetch(`${admin}/channels/${channel}`);
    if ((await response.json()).subscribers === count) return;
    await new Promise((done) => { setTimeout(done, 25); });
  }
  throw new Error('nobody came through');
}

async function stream(accept, lineOf) {
  const away = new AbortController();
  const response = await fetch(`${base}/events?channel=${channel}`, { headers: { accept }, signal: away.signal });
  assert.equal(response.status, 200);
  await listening(1);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (const wanted of ['one', TEXT]) {
    await publish(wanted);
    let got;
    while (got === undefined) {
      const { value, done } = await reader.read();
      assert.ok(!done, 'the stream ended');
      text += value;
      got = text.split('\n').map(lineOf).filter(Boolean).map((line) => JSON.parse(line)).find((event) => event.data === wanted);
    }
  }
  away.abort();
  await listening(0);
}

const ways = {
  'event stream': () => stream('text/event-stream', (line) => (line.startsWith('data:') && line.endsWith('}') ? line.slice(5) : '')),
  lines: () => stream('application/x-ndjson', (line) => (line.endsWith('}') ? line : '')),
  'long poll': async () => {
    const ask = async (more) => (await fetch(`${base}/events?channel=${channel}${more}`, { headers: { accept: 'application/json' } })).json();
    const { cursor } = await ask('&wait=0');
    const waiting = ask(`&cursor=${cursor}`);
    await listening(1);
    await publish(TEXT);
    assert.deepEqual((await waiting).events.map((event) => event.data), [TEXT]);
  },
  JSONP: async () => {
    const { next } = await (await fetch(`${admin}/channels/${channel}`)).json();
    const waiting = fetch(`${base}/sub?cname=${channel}&seq=${next}&cb=heard`);
    await listening(1);
    await publish(TEXT);
    const heard = [];
    vm.runInNewContext(await (await waiting).text(), { heard: (message) => heard.push(message) });
    assert.equal(heard[0].content, TEXT);
  },
  WebSocket: async () => {
    const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws`, { rejectUnauthorized: false });
    const events = [];
    socket.on('message', (data) => events.push(JSON.parse(data)));
    await new Promise((done, fail) => socket.on('open', done).on('error', fail));
    socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel }));
    await listening(1);
    await publish(TEXT);
    for (let tries = 0; tries < 1800 && !events.some((event) => event.data === TEXT); tries++) {
      await new Promise((done) => { setTimeout(done, 25); });
    }
    assert.ok(events.some((event) => event.data === TEXT));
    socket.close();
    await listening(0);
  },
};

await publish('first'); // the channel is there
for (const [name, way] of Object.entries(ways)) {
  const began = Date.now();
  await way();
  console.log(`ok    ${name} (${Date.now() - began} ms)`);
}
process.exit(0);
