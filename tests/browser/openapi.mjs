// Real answers of the real daemon, of each path and kind that docs/openapi.yaml describes, are as it says: what it requires is there,
// and nothing is there that it does not know. What is heard by streams and on /ws as well.
//
//   node openapi.mjs      by environment: RCOMET (the binary)
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import WebSocket from 'ws';
import { Contract, read } from './contract.mjs';
import { Daemon, soon } from './daemon.mjs';
import { check, run, until } from './support.mjs';

const SECRET = '0123456789abcdef0123456789abcdef';
const daemon = new Daemon((folder) => `
[control]
path = "${folder}/control"
[icomet]
polling_timeout_ms = 1000
channel_timeout_ms = 60000
[front]
publish = ["open/*"]
[token]
warn_seconds = 2
[[token.keys]]
id = "k"
algorithm = "HS256"
secret = "${SECRET}"
[limits]
roster_lease_ms = 1000
request_line_bytes_max = 2000
body_bytes_max = 5000
[[history.rule]]
match = "short"
messages_max = 1
`);
const contract = new Contract();
/** Members that are not in every answer of their kind. */
const SPARE = [
  'Event message: splice',
  'Reply authenticated: id',
  'Reply pong: id',
  'Reply published: id',
  'Reply subscribed: cursor',
  'Reply subscribed: id',
  'Reply unsubscribed: id',
  'get /events: channel',
  'get /events: events..splice',
  'get /explain: clients..address',
  'get /explain: clients..dialect',
  'get /explain: clients..transport',
  'get /explain: published',
  'get /keys/{key}: missing',
  'post /publish: channel',
  'post /publish: index',
];
/** Kinds of answers that were met, as the file has them. */
const met = new Set();
const ends = [];

const json = (value) => ({ body: typeof value === 'string' ? value : JSON.stringify(value), headers: { 'content-type': 'application/json' } });

function token(seconds, acts) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { exp: Math.floor(Date.now() / 1000) + seconds, channels: [{ match: '*', do: acts }] };
  const text = `${part({ alg: 'HS256', kid: 'k' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

/** Asks, and gives the whole answer, which has been held against what the file says of `path`. */
function ask(side, method, path, target, { body = '', headers = {} } = {}) {
  const at = side === 'control' ? { socketPath: `${daemon.folder}/control` } : {
    host: daemon[side].split(':')[0], port: daemon[side].split(':')[1],
  };
  return soon(new Promise((done, fail) => {
    const request = http.request({ ...at, method, path: target, headers, agent: false }, (answer) => {
      const parts = [];
      answer.on('data', (data) => parts.push(data));
      answer.on('end', () => {
        try {
          const text = Buffer.concat(parts).toString();
          const type = (answer.headers['content-type'] ?? 'none').split(';')[0];
          contract.answer(path, method.toLowerCase(), answer.statusCode, type, text);
          const own = contract.doc.paths[path][method.toLowerCase()].responses[answer.statusCode] ? answer.statusCode : 'default';
          met.add(`${method.toLowerCase()} ${path} ${own} ${answer.statusCode === 204 ? 'none' : type}`);
          done({ status: answer.statusCode, headers: answer.headers, text, said: type.endsWith('json') ? JSON.parse(text) : text });
        } catch (error) {
          fail(error);
        }
      });
    });
    request.on('error', fail);
    request.end(body);
  }), `${method} ${target}`);
}

const expects = async (status, ...asked) => {
  const answer = await ask(...asked);
  assert.equal(answer.status, status, `${asked.slice(0, 4).join(' ')}: ${answer.text}`);
  return answer.said;
};
const publish = (message) => expects(200, 'admin', 'POST', '/publish', '/publish', json(message));

/** Listens to a stream; each object that it says is held as an Event. */
function stream(target, accept) {
  const heard = [];
  const [host, port] = daemon.front.split(':');
  const type = accept.split(';')[0];
  const request = http.request({ host, port, path: target, headers: { accept }, agent: false }, (answer) => {
    assert.equal(answer.headers['content-type'].split(';')[0], type);
    assert.ok(contract.words('/events', 'get', 200, type));
    met.add(`get /events 200 ${type}`);
    let text = '';
    answer.on('data', (data) => {
      const lines = (text += data).split('\n');
      text = lines.pop();
      for (const line of lines) {
        if (type === 'application/x-ndjson' || line.startsWith('data: ')) heard.push(JSON.parse(line.replace(/^data: /, '')));
      }
    });
    answer.on('end', () => heard.push('end'));
    answer.on('error', () => {});
  });
  request.on('error', () => {});
  request.end();
  ends.push(() => request.destroy());
  return heard;
}

const types = (heard) => heard.map(({ type }) => type ?? 'end');
const has = (heard, type) => until(true, () => types(heard).includes(type));
const hold = (heard) => {
  for (const event of heard.filter((one) => one !== 'end')) contract.object('Event', event);
};

/** What is heard at once of these channels behind a cursor, on each transport: how it was heard, and what. */
async function behind(cursor, ...channels) {
  const query = `${channels.map((name) => `channel=${name}`).join('&')}&cursor=${cursor}`;
  const said = { poll: (await expects(200, 'front', 'GET', '/events', `/events?${query}&wait=0`, { headers: { accept: 'application/json' } })).events };
  for (const accept of ['text/event-stream', 'application/x-ndjson']) {
    said[accept] = stream(`/events?${query}`, accept);
    await has(said[accept], 'ready');
  }
  const socket = new WebSocket(`ws://${daemon.front}/ws`);
  ends.push(() => socket.terminate());
  said.websocket = [];
  socket.on('message', (data) => said.websocket.push(JSON.parse(data)));
  await soon(new Promise((done) => socket.on('open', done)), 'the WebSocket');
  const command = { type: 'subscribe', channels, cursor };
  contract.object('Command', command);
  socket.send(JSON.stringify(command));
  await until(channels.length, () => said.websocket.filter(({ type }) => type === 'subscribed').length);
  return said;
}

await daemon.start();
let old; // of a life of the daemon that is over
await run(async () => {
  await check('a cursor of a daemon that is started anew', async () => {
    await publish({ channel: 'a', data: 'of before' });
    old = (await expects(200, 'front', 'GET', '/history', '/history?channel=a')).cursor;
    await daemon.stop();
    await daemon.start();
  });

  await check('what is published, and refused', async () => {
    await publish({ channel: 'a', data: 'one' });
    await publish({ channels: ['a', 'b'], data: { any: ['json'] } });
    await publish({ messages: [{ channel: 'a', data: '3' }, { channel: 'c', data: '4', ttl: 60 }] });
    await expects(400, 'admin', 'POST', '/publish', '/publish', json('{"channel":'));
    await expects(413, 'admin', 'POST', '/publish', '/publish', json({ channel: 'a', data: 'x'.repeat(6000) }));
    await expects(400, 'admin', 'POST', '/publish', '/publish', json({ messages: [{ channel: 'a', data: '1' }, { channel: '\u0007', data: '2' }] }));
    await expects(401, 'front', 'POST', '/publish', '/publish', json({ channel: 'a', data: 'no' }));
    await expects(403, 'front', 'POST', '/publish', `/publish?token=${token(60, ['subscribe'])}`, json({ channel: 'a', data: 'no' }));
    await expects(415, 'front', 'POST', '/publish', '/publish', { body: '{"channel":"a","data":"no"}' });
    const once = (data) => ({ ...json({ channel: 'a', data }), headers: { ...json('').headers, 'idempotency-key': '"k"' } });
    const first = await expects(200, 'admin', 'POST', '/publish', '/publish', once('5'));
    const again = await ask('admin', 'POST', '/publish', '/publish', once('5'));
    assert.deepEqual([again.said, again.headers['idempotent-replayed']], [first, 'true']);
    await expects(422, 'admin', 'POST', '/publish', '/publish', once('6'));
  });

  let cursor;
  await check('a long poll, from the beginning and from a place that nobody knows', async () => {
    const poll = (query, headers = {}) => ask('front', 'GET', '/events', `/events?${query}`, { headers: { accept: 'application/json', ...headers } });
    const { said } = await poll('channel=a&channel=b&history=all');
    assert.deepEqual(said.events.map(({ data }) => data).sort(), ['one', '3', '5', '{"any":["json"]}', '{"any":["json"]}'].sort());
    cursor = said.cursor;
    assert.deepEqual((await poll(`channel=a&wait=0&cursor=${cursor}`)).said.events, []);
    assert.equal((await poll('channel=a', { 'last-event-id': 'x' })).said.events[0].type, 'gap');
    const refused = async (query, status) => assert.equal((await poll(query)).status, status);
    await refused('', 400);
    await refused('channel=a&wait=soon', 400);
    await refused(`channel=${'x'.repeat(3000)}`, 414);
    // One of those asked for is named where it is the reason.
    assert.equal((await poll(`channel=a&channel=${'y'.repeat(300)}`)).said.channel, 'y'.repeat(300));
  });

  await check('streams: messages, gaps, people, signs of life, closed', async () => {
    for (const accept of ['text/event-stream', 'application/x-ndjson']) {
      const heard = stream(`/events?channel=s&who=Ann&cursor=${'A'.repeat(32)}`, accept);
      await has(heard, 'roster');
      stream('/events?channel=s&who=Bob', accept);
      await until(true, () => heard.some((one) => one.type === 'join' && one.who === 'Bob'));
      await publish({ channel: 's', data: 'x' });
      await has(heard, 'message');
      if (accept === 'application/x-ndjson') await has(heard, 'alive');
      await expects(200, 'admin', 'POST', '/disconnect', '/disconnect', json({ channel: 's', who: 'Bob' }));
      await has(heard, 'leave');
      await expects(204, 'admin', 'DELETE', '/channels/{name}', '/channels/s');
      await has(heard, 'closed');
      assert.ok(['ready', 'gap'].every((type) => types(heard).includes(type)), `${types(heard)}`);
      hold(heard);
    }
    const brief = stream(`/events?channel=t&token=${token(3, ['subscribe'])}`, 'application/x-ndjson');
    await has(brief, 'end');
    assert.ok(['expiring', 'expired'].every((type) => types(brief).includes(type)), `${types(brief)}`);
    hold(brief);
  });

  await check('deltas, on each transport', async () => {
    const text = (n) => `${'much that stays '.repeat(9)}${n}`;
    const told = { socket: [] };
    for (const accept of ['text/event-stream', 'application/x-ndjson']) {
      told[accept] = stream('/events?channel=d&delta=1', accept);
      await has(told[accept], 'ready');
    }
    const socket = new WebSocket(`ws://${daemon.front}/ws`);
    ends.push(() => socket.terminate());
    socket.on('message', (data) => told.socket.push(JSON.parse(data)));
    await soon(new Promise((done) => socket.on('open', done)), 'the WebSocket');
    const command = { type: 'subscribe', channel: 'd', delta: true };
    contract.object('Command', command);
    socket.send(JSON.stringify(command));
    await has(told.socket, 'subscribed');
    for (const n of [1, 2]) await publish({ channel: 'd', data: text(n) });
    const headers = { accept: 'application/json' };
    for (const heard of Object.values(told)) await until(2, () => heard.filter(({ type }) => type === 'message').length);
    told.poll = (await expects(200, 'front', 'GET', '/events', '/events?channel=d&delta=1&history=all', { headers })).events;
    for (const [how, heard] of Object.entries(told)) {
      const messages = heard.filter(({ type }) => type === 'message');
      assert.deepEqual(messages.map(({ splice, data }) => [splice, data]), [[undefined, text(1)], [[text(1).length - 1, 1], '2']], how);
      hold(messages);
    }
    await expects(400, 'front', 'GET', '/events', '/events?channel=d&delta=yes', { headers });
  });

  await check('each reason for a gap, on each transport', async () => {
    await publish({ channels: ['again', 'short'], data: '1' });
    const both = (await expects(200, 'front', 'GET', '/events', '/events?channel=again&channel=short&wait=0', { headers: { accept: 'application/json' } })).cursor;
    await publish({ channels: ['again', 'short'], data: '2' });
    await publish({ channel: 'short', data: '3' });
    await expects(204, 'admin', 'DELETE', '/channels/{name}', '/channels/again');
    await publish({ channel: 'again', data: 'of another life' });
    for (const [because, channel, cursor] of [
      ['epoch', 'a', old], ['channel', 'again', both], ['cursor', 'a', 'A'.repeat(32)], ['history', 'short', both],
    ]) {
      for (const [how, heard] of Object.entries(await behind(cursor, channel))) {
        const gap = heard.find(({ type }) => type === 'gap');
        assert.deepEqual([gap?.because, gap?.missing, gap?.channel], [because, null, channel], `${how}: ${JSON.stringify(heard)}`);
        assert.equal('epoch' in gap, because === 'epoch', how);
        hold(heard.filter(({ type }) => type !== 'subscribed'));
      }
      const past = await expects(200, 'front', 'GET', '/history', `/history?channel=${channel}&cursor=${cursor}`);
      assert.deepEqual([past.missing, past.because], [null, because]);
    }
  });

  await check('histories, people, channels', async () => {
    await expects(200, 'admin', 'PUT', '/keys/{key}', '/keys/bytes', { body: Buffer.from([0xff, 0]) });
    await expects(200, 'front', 'GET', '/history', '/history?channel=a&limit=2');
    await expects(200, 'front', 'GET', '/history', `/history?channel=a&cursor=${'A'.repeat(32)}`);
    await expects(404, 'front', 'GET', '/history', '/history?channel=none');
    await expects(431, 'front', 'GET', '/history', '/history?channel=a', { headers: Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`x${i}`, 1])) });
    const heard = stream('/events?channel=p&who=Ann', 'text/event-stream');
    await has(heard, 'ready');
    assert.deepEqual((await expects(200, 'front', 'GET', '/presence', '/presence?channel=p')).who, ['Ann']);
    await expects(200, 'front', 'GET', '/presence', '/presence?channel=p&channel=none');
    await expects(400, 'front', 'GET', '/presence', '/presence');
    const page = await expects(200, 'admin', 'GET', '/channels', '/channels?limit=2');
    assert.equal(page.after, page.channels[1].channel);
    assert.equal((await expects(200, 'admin', 'GET', '/channels', '/channels?prefix=p')).after, null);
    await expects(414, 'admin', 'GET', '/channels', `/channels?prefix=${'x'.repeat(3000)}`);
    await expects(200, 'admin', 'GET', '/channels/{name}', '/channels/p');
    await expects(404, 'admin', 'GET', '/channels/{name}', '/channels/none');
    await expects(404, 'admin', 'DELETE', '/channels/{name}', '/channels/none');
    await expects(404, 'admin', 'POST', '/disconnect', '/disconnect', json({ channel: 'none' }));
    const clients = await expects(200, 'admin', 'GET', '/clients', '/clients?channel=p');
    assert.equal(clients.clients[0].who, 'Ann');
    await expects(200, 'admin', 'GET', '/clients', '/clients?limit=1');
    await expects(400, 'admin', 'GET', '/clients', '/clients?after=x');
    await publish({ channel: 'p', data: 'x' });
    await has(heard, 'message');
    const why = await expects(200, 'admin', 'GET', '/explain', '/explain?channel=p&seq=1');
    assert.equal(why.clients[0].verdict, 'delivered');
    await expects(200, 'admin', 'GET', '/explain', '/explain?channel=p&seq=9');
    await expects(400, 'admin', 'GET', '/explain', '/explain?channel=p');
    hold(heard);
  });

  await check('keys', async () => {
    await expects(200, 'admin', 'PUT', '/keys/{key}', '/keys/k', { body: 'one' });
    await expects(413, 'admin', 'PUT', '/keys/{key}', '/keys/k', { body: 'x'.repeat(6000) });
    const { version } = await expects(200, 'admin', 'GET', '/keys/{key}', '/keys/k');
    await expects(200, 'admin', 'GET', '/keys/{key}', '/keys/bytes');
    await expects(404, 'admin', 'GET', '/keys/{key}', '/keys/none');
    await expects(200, 'admin', 'PUT', '/keys/{key}', '/keys/%FF', { body: 'odd' });
    assert.equal((await expects(200, 'admin', 'GET', '/keys/{key}', '/keys/%FF')).key_base64, '/w==');
    await expects(200, 'admin', 'POST', '/keys/{key}/refresh', '/keys/k/refresh');
    await expects(404, 'admin', 'POST', '/keys/{key}/refresh', '/keys/none/refresh');
    await expects(200, 'admin', 'GET', '/keys/{key}', `/keys/k?wait=5&since=${version}`);
    assert.equal('missing' in await expects(200, 'admin', 'GET', '/keys/{key}', '/keys/k?wait=5&since=1'), true);
    assert.equal((await expects(200, 'admin', 'GET', '/keys/{key}', '/keys/k?wait=1')).timeout, true);
    const waits = ask('admin', 'GET', '/keys/{key}', '/keys/k?wait=30');
    await until(true, async () => (await expects(200, 'admin', 'GET', '/keys/{key}', '/keys/k')).waiting > 0);
    await expects(204, 'admin', 'DELETE', '/keys/{key}', '/keys/k');
    assert.equal((await waits).said.deleted, true);
    await expects(404, 'admin', 'DELETE', '/keys/{key}', '/keys/k');
    await expects(200, 'admin', 'GET', '/keys', '/keys?limit=1');
    await expects(200, 'admin', 'GET', '/keys', '/keys?prefix=%FF');
    await expects(400, 'admin', 'GET', '/keys', '/keys?after=x');
  });

  await check('what is heard by a WebSocket', async () => {
    const plain = await ask('front', 'GET', '/ws', '/ws');
    assert.deepEqual([plain.status, plain.headers.upgrade], [426, 'websocket']);
    await expects(414, 'front', 'GET', '/ws', `/ws?token=${'x'.repeat(3000)}`);
    const socket = new WebSocket(`ws://${daemon.front}/ws`, ['rcomet']);
    ends.push(() => socket.terminate());
    const heard = [];
    socket.on('message', (data) => heard.push(JSON.parse(data)));
    await soon(new Promise((done) => socket.on('open', done)), 'the WebSocket');
    met.add('get /ws 101 none');
    const say = (command) => {
      contract.object('Command', command);
      socket.send(JSON.stringify(command));
    };
    const replied = (id) => until(true, () => heard.some((one) => one.id === id));
    say({ type: 'subscribe', channels: ['w', 'v'], who: 'Eve', id: 1 });
    await until(2, () => heard.filter(({ type }) => type === 'subscribed').length);
    say({ type: 'subscribe', channel: 'a', seq: 77, id: 'two' });
    await replied('two');
    say({ type: 'publish', channel: 'open/1', data: { a: 1 }, ttl: 9, id: 3 });
    say({ type: 'publish', channel: 'a', data: 'no' });
    say({ type: 'unsubscribe', channel: 'v', id: 4 });
    say({ type: 'ping', id: 5 });
    say({ type: 'auth', token: token(4, ['subscribe', 'publish']), id: 6 });
    for (const id of [3, 4, 5, 6]) await replied(id);
    await publish({ channel: 'w', data: 'x' });
    await has(heard, 'message');
    await has(heard, 'expired');
    const replies = ['subscribed', 'unsubscribed', 'published', 'pong', 'authenticated', 'error'];
    for (const one of heard) contract.object(replies.includes(one.type) ? 'Reply' : 'Event', one);
    for (const type of [...replies, 'gap', 'roster', 'expiring']) assert.ok(types(heard).includes(type), `${type} in ${types(heard)}`);
  });

  await check('figures, health, orders', async () => {
    await expects(200, 'admin', 'GET', '/healthz', '/healthz');
    await expects(200, 'admin', 'GET', '/readyz', '/readyz');
    await expects(200, 'admin', 'GET', '/metrics', '/metrics');
    await until(true, async () => (await expects(200, 'admin', 'GET', '/stats', '/stats')).channels.length > 0);
    await expects(414, 'admin', 'GET', '/stats', `/stats?${'x'.repeat(3000)}`);
    await expects(200, 'admin', 'GET', '/control/status', '/control/status');
    await expects(414, 'admin', 'GET', '/control/status', `/control/status?${'x'.repeat(3000)}`);
    await expects(403, 'admin', 'POST', '/control/reload', '/control/reload');
    await expects(403, 'admin', 'POST', '/control/stop', '/control/stop');
    await expects(200, 'control', 'POST', '/control/reload', '/control/reload');
  });

  await check('statistics as a stream', async () => {
    const [host, port] = daemon.admin.split(':');
    const [said] = await soon(new Promise((done, fail) => {
      const request = http.get({ host, port, path: '/stats', headers: { accept: 'text/event-stream' }, agent: false }, (answer) => {
        let text = '';
        answer.on('data', (data) => {
          text += data;
          const whole = text.match(/^data: (.*)\n\n/m);
          if (whole) done([JSON.parse(whole[1])]);
        });
        answer.on('error', () => {});
      });
      request.on('error', fail);
      ends.push(() => request.destroy());
    }), 'statistics');
    contract.object('Stats', said, 'streamed');
    met.add('get /stats 200 text/event-stream');
  });

  await check('an order to end', async () => {
    daemon.running.wanted = true;
    await expects(200, 'control', 'POST', '/control/stop', '/control/stop');
    await soon(daemon.ended, 'the end');
  });

  await check('each kind of answer that is described has been met', async () => {
    // Not without filling the memory or breaking a disk; core/tests has them.
    const exempt = ['get /readyz 503 text/plain', 'post /control/reload 409 application/problem+json'];
    const missing = contract.described().filter((kind) => !met.has(kind) && !exempt.includes(kind));
    assert.deepEqual(missing, []);
    for (const name of ['Event', 'Reply']) {
      const kinds = contract.doc.components.schemas[name].oneOf.flatMap(({ properties: { type } }) => type.enum ?? [type.const]);
      const seen = new Set(contract.held.filter(({ what }) => what.startsWith(`${name} `)).map(({ value }) => value.type));
      // A stream that has begun is refused what it may not go on with: only when limits change below it.
      assert.deepEqual(kinds.filter((kind) => !seen.has(kind) && !(name === 'Event' && kind === 'error')), [], name);
    }
    const reasons = new Set(contract.held.filter(({ what }) => what.startsWith('Event ')).map(({ value }) => value.because));
    assert.deepEqual(contract.doc.components.schemas.Because.enum.filter((because) => !reasons.has(because)), []);
  });

  await check('what is not described, or missing, would have been noticed', async () => {
    // Numbers by name come and go, and a client says what it likes.
    const isFree = (one) => /^Command |: (gauges|counters|limits)\.[a-z_]+$|^get \/control\/status: [a-z_]+$/.test(one);
    const spare = [...contract.loose()].filter((one) => !isFree(one));
    assert.deepEqual(spare.sort(), SPARE, `not required, or not described: ${JSON.stringify(spare)}`);
  });

  await check('a schema without a member that is there refuses the answer', async () => {
    const doc = read();
    delete doc.components.schemas.Presence.properties.roster;
    const narrow = new Contract(doc);
    const { words, value } = contract.held.find(({ what }) => what === 'get /presence 200');
    assert.equal(contract.complaint(words, value), null);
    assert.match(narrow.complaint(words, value), /must NOT have/);
  });
}, () => ends.forEach((end) => end()), () => daemon.forget());
