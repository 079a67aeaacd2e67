// Unmodified Bayeux clients from npm against the real daemon.
//
//   node clients.mjs RCOMET-BINARY
//
// Starts the daemon itself, on ports of its own: it has to be stopped and started again.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import vm from 'node:vm';
import { AckExtension, CometD, TimeSyncExtension } from 'cometd';
import { adapt } from 'cometd-nodejs-client';
import faye from 'faye';
import { started } from '../browser/starting.mjs';
import { SOON_MS, pause } from '../browser/waiting.mjs';

const binary = process.argv[2] ?? 'target/debug/rcomet';
const daemons = new Set();
const directory = mkdtempSync(join(tmpdir(), 'rcomet-bayeux-'));
adapt();

/** The daemon, on ports of its own choice the first time, and on the same ones when it is started again. */
class Daemon {
  static async start(options = '') {
    const daemon = new Daemon();
    daemon.front = daemon.admin = 0;
    daemon.folder = mkdtempSync(join(directory, 'daemon-'));
    daemon.options = options;
    await daemon.run();
    return daemon;
  }

  async run() {
    const [front, admin] = [this.front, this.admin].map((port) => `127.0.0.1:${port}`);
    const more = `[bayeux]\npaths = ["/", "/bayeux", "/cometd", "/faye"]\npublish = ["/**"]\n${this.options}`;
    const hear = (said) => process.stderr.write(said.replace(/^.* INFO .*\n/gm, ''));
    this.running = await started(binary, { folder: this.folder, front, admin, more, hear });
    daemons.add(this.running.child);
    [this.front, this.admin] = [this.running.front, this.running.admin].map((address) => Number(address.split(':')[1]));
  }

  async stop() {
    const { child, ended } = this.running;
    this.running.wanted = true;
    child.kill('SIGTERM');
    child.kill('SIGTERM'); // the second cuts at once
    await ended;
    daemons.delete(child);
  }

  /** As a crash ends it. */
  async kill() {
    this.running.wanted = true;
    this.running.child.kill('SIGKILL');
    await this.running.ended;
    daemons.delete(this.running.child);
  }

  url(path = '/cometd') {
    return `http://127.0.0.1:${this.front}${path}`;
  }

  /** What connections of clients that have subscribed do. */
  async readers(channel) {
    const query = new URLSearchParams({ channel });
    const response = await fetch(`http://127.0.0.1:${this.admin}/clients?${query}`);
    return (await response.json()).clients.map(({ doing }) => doing);
  }

  async push(channel, content) {
    const body = new URLSearchParams({ cname: channel, content });
    const response = await fetch(`http://127.0.0.1:${this.admin}/push`, { method: 'POST', body });
    assert.equal((await response.json()).type, 'ok');
  }
}

process.on('exit', () => daemons.forEach((child) => child.kill('SIGKILL')));
process.on('SIGTERM', () => process.exit(1));

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

/** Waits until what is given is what is wanted; gives it. */
async function until(give, isWanted, ms = SOON_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await give();
    if (isWanted(got)) return got;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(got)?.slice(0, 300)}`);
    await pause(20);
  }
}

const heard = (list, wanted) => until(() => list, (got) => JSON.stringify(got) === JSON.stringify(wanted))
  .catch(() => assert.deepEqual(list, wanted));

let passed = 0;
const failed = [];
async function check(what, test) {
  const began = Date.now();
  try {
    let timer;
    const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error('it does not come to an end')), 300_000); });
    await Promise.race([test(), late]).finally(() => clearTimeout(timer));
    passed++;
    console.log(`ok    ${what} (${Date.now() - began} ms)`);
  } catch (error) {
    failed.push(what);
    console.log(`FAIL  ${what}\n      ${String(error.stack).split('\n').slice(0, 12).join('\n      ')}`);
  }
}

/** A cometd client that has shaken hands; `done` tells what a call came to. */
class Cometd {
  static async begin(url, { ack = false, transport = 'long-polling', ...more } = {}) {
    const self = new Cometd();
    self.client = new CometD();
    if (transport !== 'websocket') self.client.unregisterTransport('websocket');
    if (ack) self.client.registerExtension('ack', new AckExtension());
    self.client.configure({ url, logLevel: 'warn', maxBackoff: 500, backoffIncrement: 100, ...more });
    self.handshakes = 0;
    self.replies = [];
    self.failures = [];
    self.client.addListener('/meta/handshake', () => self.handshakes++);
    self.client.addListener('/meta/connect', (m) => self.replies.push(m));
    assert.ok((await self.done((cb) => self.client.handshake(cb))).successful);
    self.client.addListener('/meta/unsuccessful', (m) => self.failures.push(m));
    assert.equal(self.client.getTransport().type, transport);
    return self;
  }

  done(call) {
    return new Promise((resolve) => call(resolve));
  }

  async subscribe(channel, list) {
    const reply = await this.done((cb) => {
      this.last = this.client.subscribe(channel, (m) => list.push(m.data), cb);
    });
    assert.ok(reply.successful, JSON.stringify(reply));
    return this.last;
  }

  publish(channel, data) {
    return this.done((cb) => this.client.publish(channel, data, cb));
  }

  end() {
    return this.done((cb) => this.client.disconnect(cb));
  }
}

/** A Faye client; it shakes hands by long-polling, and only then may it take to WebSocket. */
function fayeClient(transport, url, options) {
  const client = new faye.Client(url, options);
  if (transport !== 'websocket') client.disable('websocket');
  return client;
}

/** Hands bytes to and fro, until it is told to cut them. */
class Relay {
  static async start() {
    const relay = new Relay();
    relay.pairs = new Set();
    relay.isAway = false;
    relay.server = createServer((near) => {
      if (relay.isAway) return near.on('error', () => {}).destroy();
      const far = connect(relay.to, '127.0.0.1');
      const pair = [near, far];
      relay.pairs.add(pair);
      for (const [from, to] of [pair, [far, near]]) {
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => { to.destroy(); relay.pairs.delete(pair); });
      }
    }).listen(0, '127.0.0.1');
    await once(relay.server, 'listening');
    return relay;
  }

  url(daemon) {
    this.to = daemon.front;
    return `http://127.0.0.1:${this.server.address().port}/cometd`;
  }

  /** Ends all connections; with `isAway` there are no others until it is set to false. */
  cut(isAway = false) {
    this.isAway = isAway;
    for (const pair of this.pairs) pair.forEach((socket) => socket.destroy());
  }
}

const relay = await Relay.start();
// Connects come and go within a test, and a session stays awake while its client is cut off.
const daemon = await Daemon.start('timeout_ms = 2000\nmax_interval_ms = 30000');

for (const transport of ['long-polling', 'websocket']) {
  await check(`cometd, ${transport}: handshake, subscribe, publish with its acknowledgement, unsubscribe, disconnect`, async () => {
    const one = await Cometd.begin(daemon.url(), { transport });
    const [list, other] = [[], []];
    const subscription = await one.subscribe('/chat/demo', list);
    await one.subscribe('/chat/other', other);
    assert.equal((await one.publish('/chat/demo', { text: 'hé\u2028' })).successful, true);
    await heard(list, [{ text: 'hé\u2028' }]);
    assert.ok((await one.done((cb) => one.client.unsubscribe(subscription, cb))).successful);
    await one.publish('/chat/demo', 1);
    await one.publish('/chat/other', 2);
    await heard(other, [2]);
    assert.equal(list.length, 1);
    assert.ok((await one.end()).successful);
    assert.ok(one.client.isDisconnected());
  });

  await check(`cometd, ${transport}: wildcards, and one copy each`, async () => {
    const one = await Cometd.begin(daemon.url('/bayeux'), { transport });
    const [star, stars, exact] = [[], [], []];
    await one.subscribe('/w/*', star);
    await one.subscribe('/w/**', stars);
    await one.subscribe('/w/a', exact);
    await one.publish('/w/a', 1);
    await one.publish('/w/a/b', 2);
    await one.publish('/w/c', 3);
    await heard(stars, [1, 2, 3]);
    await heard(star, [1, 3]);
    await heard(exact, [1]);
    await one.end();
  });

  await check(`cometd, ${transport}: 1,000 messages in order, in batches`, async () => {
    const [one, two] = [await Cometd.begin(daemon.url(), { transport }), await Cometd.begin(daemon.url('/faye'), { transport })];
    const list = [];
    await two.subscribe('/flood', list);
    for (let n = 0; n < 1000; n += 50) {
      one.client.batch(() => numbers(50).forEach((i) => one.client.publish('/flood', n + i)));
    }
    await heard(list, numbers(1000));
    await one.end();
    await two.end();
  });

  await check(`cometd, ${transport}: 1,000 messages in one batch, and 150 subscriptions as soon as hands are shaken`, async () => {
    const one = new CometD();
    if (transport !== 'websocket') one.unregisterTransport('websocket');
    one.configure({ url: daemon.url(), logLevel: 'warn' });
    const [list, subscribed, failures] = [[], [], []];
    one.addListener('/meta/unsuccessful', (m) => failures.push(m));
    one.addListener('/meta/handshake', ({ successful }) => successful && one.batch(() => {
      numbers(150).forEach((n) => one.subscribe(`/many/${transport}/${n}`, (m) => list.push(m.data), (m) => subscribed.push(m.successful)));
    }));
    one.handshake();
    await until(() => subscribed, (all) => all.length === 150);
    assert.ok(subscribed.every(Boolean));
    const done = [];
    one.batch(() => numbers(1000).forEach((n) => one.publish(`/many/${transport}/149`, n, (m) => done.push(m.successful))));
    await heard(list, numbers(1000));
    await until(() => done, (all) => all.length === 1000);
    assert.ok(done.every(Boolean));
    assert.deepEqual(failures, []);
    await new Promise((resolve) => one.disconnect(resolve));
  });

  await check(`cometd, ${transport}: of a batch that is too long the first messages are done, and the client goes on`, async () => {
    const few = await Daemon.start('timeout_ms = 1000\n[limits]\nbayeux_batch_messages_max = 300');
    const one = await Cometd.begin(few.url(), { transport });
    const [list, done] = [[], []];
    await one.subscribe('/few', list);
    one.client.batch(() => numbers(700).forEach((n) => one.client.publish('/few', n, (m) => { done[n] = m.successful; })));
    await until(() => done, (all) => all.filter((one) => one !== undefined).length === 700);
    assert.deepEqual(done, numbers(700).map((n) => n < 300));
    await heard(list, numbers(300));
    assert.ok((await one.publish('/few', 'after')).successful);
    assert.equal(one.handshakes, 1);
    await one.end();
    await few.stop();
  });

  await check(`cometd with ack, ${transport}: everything, although the connection breaks again and again`, async () => {
    const one = await Cometd.begin(relay.url(daemon), { ack: true, transport });
    const [list, stars] = [[], []];
    await one.subscribe('/acked', list);
    await one.subscribe('/acked/**', stars);
    for (const n of numbers(10)) {
      // Nobody takes what is published while the line is cut; the last of it comes when the line is there again.
      relay.cut(true);
      for (const i of numbers(10)) await daemon.push('/acked', `${10 * n + i}`);
      await daemon.push('/acked/b', `${n}`);
      relay.isAway = false;
      await heard(list, numbers(10 * n + 10).map(String));
      await heard(stars, numbers(n + 1).map(String));
    }
    await until(() => one.replies, (replies) => replies.some((m) => m.ext?.ack > 0));
    assert.equal(one.handshakes, 1);
    await one.end();
  });

  await check(`cometd, ${transport}: an idle time-out, and the session goes on`, async () => {
    const one = await Cometd.begin(daemon.url(), { transport });
    const list = [];
    await one.subscribe('/idle', list);
    const before = one.replies.length;
    await until(() => one.replies.length, (n) => n >= before + 2);
    assert.ok(one.replies.every((m) => m.successful));
    await daemon.push('/idle', 'after');
    await heard(list, ['after']);
    assert.equal(one.handshakes, 1);
    await one.end();
  });

  await check(`cometd, ${transport}: the daemon restarts, and the client returns by itself`, async () => {
    const one = await Cometd.begin(daemon.url(), { transport });
    const list = [];
    one.client.addListener('/meta/handshake', (m) => {
      if (m.successful) one.client.subscribe('/again', (e) => list.push(e.data));
    });
    await one.subscribe('/again', []);
    await daemon.stop();
    await pause(300);
    await daemon.run();
    await until(() => one.handshakes, (n) => n >= 2);
    await until(async () => {
      await daemon.push('/again', 'x');
      return list.length;
    }, (n) => n > 0);
    await one.end();
  });

  await check(`cometd, ${transport}: the connection is cut with a session on it, which goes on`, async () => {
    const one = await Cometd.begin(relay.url(daemon), { transport });
    const list = [];
    await one.subscribe('/cut', list);
    for (const n of numbers(5)) {
      // What is on its way while the line is cut is lost without acknowledgements: the daemon has to know.
      relay.cut(true);
      await until(() => daemon.readers('/cut'), (readers) => readers.length === 0);
      await daemon.push('/cut', `${n}`);
      relay.isAway = false;
      await heard(list, numbers(n + 1).map(String));
    }
    assert.equal(one.handshakes, 1);
    await one.end();
  });

  await check(`cometd with ack, ${transport}: nothing is lost when connections are cut in the middle of a flood`, async () => {
    const one = await Cometd.begin(relay.url(daemon), { ack: true, transport });
    const list = [];
    await one.subscribe('/flood/acked', list);
    for (const n of numbers(300)) {
      if (n % 60 === 59) relay.cut();
      await daemon.push('/flood/acked', `${n}`);
    }
    await heard(list, numbers(300).map(String));
    assert.equal(one.handshakes, 1);
    await one.end();
  });

  await check(`cometd, ${transport}: a remote call, answered by an application server to this client alone`, async () => {
    const [one, two, application] = [
      await Cometd.begin(daemon.url(), { transport }), await Cometd.begin(daemon.url(), { transport }),
      await Cometd.begin(daemon.url().replace(daemon.front, daemon.admin)),
    ];
    const strange = [];
    two.client.addListener('/service/double', (m) => m.data && strange.push(m));
    await application.done((cb) => application.client.subscribe('/service/double', ({ data, ext }) => {
      const { from: to, id } = ext.rcomet;
      application.client.publish('/service/double', data * 2, { ext: { rcomet: { to, id } } });
    }, cb));
    for (const n of [1, 21]) {
      const reply = await one.done((cb) => one.client.remoteCall('double', n, SOON_MS, cb));
      assert.deepEqual([reply.successful, reply.data], [true, n * 2]);
    }
    assert.deepEqual(strange, []);
    for (const each of [one, two, application]) await each.end();
  });

  await check(`cometd, ${transport}: the clocks are compared`, async () => {
    const one = new CometD();
    if (transport !== 'websocket') one.unregisterTransport('websocket');
    const sync = new TimeSyncExtension();
    one.registerExtension('timesync', sync);
    one.configure({ url: daemon.url(), logLevel: 'warn' });
    await new Promise((done) => one.handshake(done));
    await new Promise((done) => one.subscribe('/time', () => {}, done));
    // What is measured may be off by as much as the way takes, which is long on a busy machine.
    const offMax = 200 + sync.getNetworkLag();
    assert.ok(Math.abs(sync.getTimeOffset()) < offMax && Math.abs(sync.getServerTime() - Date.now()) < offMax, `${sync.getTimeOffset()} ms`);
    await new Promise((done) => one.disconnect(done));
  });

  await check(`faye, ${transport}: subscribe, publish, wildcards, disconnect`, async () => {
    const one = fayeClient(transport, daemon.url('/faye'));
    const [list, stars] = [[], []];
    await one.subscribe('/f/a', (data) => list.push(data));
    assert.equal(one._dispatcher.connectionType, transport);
    await one.subscribe('/f/**').withChannel((channel, data) => stars.push([channel, data]));
    await one.publish('/f/a', { n: 1 });
    await one.publish('/f/b/c', { n: 2 });
    await heard(list, [{ n: 1 }]);
    await heard(stars, [['/f/a', { n: 1 }], ['/f/b/c', { n: 2 }]]);
    await assert.rejects(async () => one.publish('/meta/x', {}));
    await one.disconnect();
  });

  await check(`faye, ${transport}: what is given up is heard no more, and an idle time-out ends nothing`, async () => {
    const one = fayeClient(transport, daemon.url('/faye'));
    let connects = 0;
    one.addExtension({ incoming: (message, next) => { connects += message.channel === '/meta/connect'; next(message); } });
    const [list, other] = [[], []];
    const subscription = one.subscribe('/fi/a', (data) => list.push(data));
    await subscription;
    await one.subscribe('/fi/b', (data) => other.push(data));
    await one.publish('/fi/a', 1);
    await heard(list, [1]);
    const [id, before] = [one._dispatcher.clientId, connects];
    await until(() => connects, (n) => n >= before + 2);
    subscription.cancel();
    await until(() => daemon.readers('/fi/a'), (readers) => readers.length === 0);
    await one.publish('/fi/a', 2);
    await daemon.push('/fi/b', 'after');
    await heard(other, ['after']);
    assert.deepEqual(list, [1]);
    assert.equal(one._dispatcher.clientId, id);
    await one.disconnect();
  });

  await check(`faye, ${transport}: 1,000 messages at once`, async () => {
    const one = fayeClient(transport, daemon.url('/faye'));
    const list = [];
    await one.subscribe(`/fm/${transport}`, (data) => list.push(data));
    await Promise.all(numbers(1000).map((n) => one.publish(`/fm/${transport}`, n)));
    await until(() => list.length, (length) => length === 1000);
    await one.disconnect();
  });

  await check(`cometd and faye, ${transport}: at the root path`, async () => {
    const one = await Cometd.begin(daemon.url('/'), { transport });
    const two = fayeClient(transport, daemon.url('/'));
    const [list, other] = [[], []];
    await one.subscribe('/root', list);
    await two.subscribe('/root', (data) => other.push(data));
    assert.equal(two._dispatcher.connectionType, transport);
    await one.publish('/root', 1);
    await two.publish('/root', 2);
    await heard(list, [1, 2]);
    await heard(other, [1, 2]);
    assert.ok((await one.end()).successful);
    await two.disconnect();
  });

  await check(`faye, ${transport}: 1,000 messages in order, and to cometd`, async () => {
    const one = fayeClient(transport, daemon.url('/faye'));
    const two = await Cometd.begin(daemon.url(), { transport });
    const [list, other] = [[], []];
    await one.subscribe('/ff', (data) => list.push(data));
    await two.subscribe('/ff', other);
    for (let n = 0; n < 1000; n += 20) await Promise.all(numbers(20).map((i) => one.publish('/ff', n + i)));
    await heard(list, numbers(1000));
    await heard(other, numbers(1000));
    await one.disconnect();
    await two.end();
  });

  await check(`faye, ${transport}: the daemon restarts, and the client returns by itself`, async () => {
    const one = fayeClient(transport, daemon.url('/faye'), { retry: 0.5 });
    const list = [];
    await one.subscribe('/fr', (data) => list.push(data));
    await daemon.stop();
    await pause(300);
    await daemon.run();
    await until(async () => {
      await daemon.push('/fr', 'x');
      return list.length;
    }, (n) => n > 0);
    await one.disconnect();
  });
}

for (const transport of ['long-polling', 'websocket']) {
  await check(`cometd and faye, ${transport}: the daemon restarts with its histories in a file, and sessions go on`, async () => {
    const lasting = await Daemon.start(`timeout_ms = 2000\nmax_interval_ms = 30000\n[history]\nfile = "${join(directory, `${transport}.history`)}"`);
    const one = await Cometd.begin(relay.url(lasting), { transport });
    const two = fayeClient(transport, relay.url(lasting), { retry: 0.5 });
    const [exact, pattern, theirs] = [[], [], []];
    await one.subscribe('/kept/a', exact);
    await one.subscribe('/kept/**', pattern);
    await two.subscribe('/kept/*', (data) => theirs.push(data));
    for (const n of numbers(3)) {
      // What they have not had is published before the daemon ends, and more behind it.
      relay.cut(true);
      await until(() => lasting.readers('/kept/a'), (readers) => readers.length === 0);
      await lasting.push('/kept/a', `${3 * n}`);
      await lasting.push('/kept/b', `${3 * n + 1}`);
      await lasting.stop();
      await lasting.run();
      await lasting.push('/kept/a', `${3 * n + 2}`);
      relay.isAway = false;
      const all = numbers(3 * n + 3).map(String);
      await heard(exact, all.filter((text) => text % 3 !== 1));
      // cometd has one copy of each, which it hands to each subscription that matches.
      await heard(pattern, all);
      await heard(theirs, all);
    }
    assert.equal(one.handshakes, 1);
    await one.end();
    await two.disconnect();
    await lasting.stop();
  });
}

for (const transport of ['long-polling', 'websocket']) {
  await check(`cometd with ack, ${transport}: the daemon is killed again and again, and nothing is lost, doubled, or begun anew`, async () => {
    const lasting = await Daemon.start(`timeout_ms = 2000\nmax_interval_ms = 30000\n[history]\nfile = "${join(directory, `killed-${transport}.history`)}"`);
    const one = await Cometd.begin(relay.url(lasting), { ack: true, transport });
    const [exact, pattern] = [[], []];
    await one.subscribe('/killed/a', exact);
    await one.subscribe('/killed/**', pattern);
    let count = 0;
    for (const round of numbers(4)) {
      // Some have come and are acknowledged, some are on their way, and some have not been sent.
      for (const n of numbers(20)) {
        if (n === 15) relay.cut(round % 2 === 1);
        await lasting.push(n % 2 ? '/killed/b' : '/killed/a', `${count++}`);
      }
      await lasting.kill();
      await lasting.run();
      await lasting.push('/killed/a', `${count++}`);
      relay.isAway = false;
      const all = numbers(count);
      await heard(pattern, all.map(String));
      await heard(exact, all.filter((n) => n % 21 === 20 || (n % 21) % 2 === 0).map(String));
    }
    assert.equal(one.handshakes, 1);
    assert.deepEqual(one.failures.filter((m) => m.error), []);
    await one.end();
    await lasting.stop();
  });

  await check(`faye without acknowledgements, ${transport}: the daemon is killed, and the session goes on`, async () => {
    const lasting = await Daemon.start(`timeout_ms = 2000\nmax_interval_ms = 30000\n[history]\nfile = "${join(directory, `killed-faye-${transport}.history`)}"`);
    const one = fayeClient(transport, relay.url(lasting), { retry: 0.5 });
    const [list, shaken] = [[], []];
    one.addExtension({ incoming: (m, done) => { if (m.channel === '/meta/handshake') shaken.push(m); done(m); } });
    const gaps = [];
    one.addExtension({ incoming: (m, done) => { if (m.channel === '/service/rcomet/gap') gaps.push(m.data); done(m); } });
    await one.subscribe('/killed/*', (data) => list.push(data));
    await lasting.push('/killed/a', 'before');
    await heard(list, ['before']);
    await lasting.kill();
    await lasting.run();
    await until(() => gaps, (got) => got.length > 0);
    await lasting.push('/killed/b', 'after');
    await heard(list, ['before', 'after']);
    assert.deepEqual(gaps, [{ lost: null }]);
    assert.equal(shaken.length, 1);
    await one.disconnect();
    await lasting.stop();
  });
}

await check('what is published while a client is away is there when it comes back', async () => {
  const brief = await Daemon.start('timeout_ms = 2000\nmax_interval_ms = 1000');
  // The same requests as a client makes whose computer slept: cometd's own cannot be put to sleep.
  const talk = async (...messages) => {
    const body = JSON.stringify(messages);
    const headers = { 'Content-Type': 'application/json' };
    return (await fetch(brief.url(), { method: 'POST', headers, body })).json();
  };
  const [{ clientId }] = await talk({ channel: '/meta/handshake', version: '1.0', supportedConnectionTypes: ['long-polling'] });
  await talk({ channel: '/meta/subscribe', clientId, subscription: '/away' });
  await pause(2500);
  await brief.push('/away', 'while away');
  const [event, reply] = await talk({ channel: '/meta/connect', clientId, connectionType: 'long-polling' });
  assert.deepEqual([event.data, reply.successful], ['while away', true]);
  await brief.stop();
});

/** What a page of another origin does: a script, whose text calls a function of the page. */
async function script(path, messages, callback = 'jQuery1510_1300') {
  const query = new URLSearchParams({ jsonp: callback, message: JSON.stringify(messages), _: `${Date.now()}` });
  const response = await fetch(`${daemon.url(path)}?${query}`);
  const text = await response.text();
  assert.equal(response.headers.get('content-type'), 'text/javascript; charset=utf-8');
  let got;
  vm.runInNewContext(text, { [callback]: (value) => { got = value; } });
  return got;
}

await check("callback-polling, as jquery.comet's plugin asks across origins", async () => {
  const shake = { id: 1, channel: '/meta/handshake', minimumVersion: '0.9', version: '1.0' };
  const [{ clientId, successful }] = await script('/', shake);
  assert.ok(successful);
  await script('/', [{ channel: '/meta/subscribe', subscription: '/js', id: '2', clientId }]);
  const poll = script('/', { channel: '/meta/connect', clientId, id: '3', connectionType: 'long-polling' });
  await pause(100);
  const [acknowledged] = await script('/', [{ id: '4', clientId, channel: '/js', data: 'a\u2028b', confirm: '4' }]);
  assert.deepEqual([acknowledged.successful, acknowledged.data], [true, undefined]);
  const [event, reply] = await poll;
  assert.deepEqual([event.channel, event.data, reply.id], ['/js', 'a\u2028b', '3']);
  // What was queued while another request was on its way.
  const many = numbers(150).map((n) => ({ id: `${n}`, clientId, channel: '/js', data: n, confirm: `${n}` }));
  const replies = await script('/', many);
  assert.deepEqual(Array.from(replies, (m) => [m.id, m.successful]), many.map(({ id }) => [id, true]));
  const events = await script('/', { channel: '/meta/connect', clientId, id: '5', connectionType: 'long-polling' });
  assert.deepEqual(Array.from(events, (m) => m.data).slice(0, -1), numbers(150));
});

await check("forms, as jquery.comet's plugin sends them to its own server", async () => {
  const form = async (message) => {
    const body = new URLSearchParams({ message: JSON.stringify(message) });
    const response = await fetch(daemon.url('/'), { method: 'POST', body });
    assert.match(response.headers.get('content-type'), /json/);
    return response.json();
  };
  const [{ clientId }] = await form({ id: '1', channel: '/meta/handshake', minimumVersion: '0.9', version: '1.0' });
  const poll = form({ channel: '/meta/connect', clientId, id: '2', connectionType: 'long-polling' });
  await pause(100);
  await form([{ channel: '/meta/subscribe', subscription: '/form', id: '3', clientId }]);
  const [none] = await form([{ channel: '/meta/subscribe', subscription: null, id: '4', clientId }]);
  assert.equal(none.successful, false);
  await form([{ id: '5', clientId, channel: '/form', data: { x: 1 } }]);
  assert.deepEqual((await poll)[0].data, { x: 1 });
});

await daemon.stop();

const strict = await Daemon.start('timeout_ms = 1000\nmax_interval_ms = 30000\nremember_ms = 0');
await check('cometd: a session that is over is begun anew by the client itself', async () => {
  const one = await Cometd.begin(strict.url());
  await fetch(strict.url(), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify([{ channel: '/meta/disconnect', clientId: one.client.getClientId() }]),
  });
  await until(() => one.handshakes, (n) => n >= 2);
  const list = [];
  await one.subscribe('/new', list);
  await strict.push('/new', 'x');
  await heard(list, ['x']);
  await one.end();
});
await strict.stop();

const without = await Daemon.start('timeout_ms = 1000\nwebsocket = false');
await check('clients that would rather have WebSocket do with long-polling', async () => {
  const one = new CometD();
  one.configure({ url: without.url(), logLevel: 'warn' });
  one.handshake();
  await until(() => one.getStatus(), (status) => status === 'connected');
  assert.equal(one.getTransport().type, 'long-polling');
  await new Promise((done) => one.disconnect(done));
  const two = new faye.Client(without.url());
  await two.publish('/x', 1);
  assert.equal(two._dispatcher.connectionType, 'long-polling');
  await two.disconnect();
});
await without.stop();

rmSync(directory, { recursive: true, force: true });
console.log(`${passed} passed${failed.length ? `, failed: ${failed.join('; ')}` : ''}`);
process.exit(failed.length ? 1 : 0);
