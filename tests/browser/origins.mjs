// Unmodified Bayeux clients from npm in the pages of another origin, in a real browser: which transports they find, and that
// everything comes by them.
//
//   node origins.mjs          or by environment: RCOMET, CHROMIUM
//
// Starts daemons itself. The clients are those of tests/bayeux.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Daemon } from './daemon.mjs';
import { check, launch, pause, run, until } from './support.mjs';

const clients = new URL('../bayeux/node_modules/', import.meta.url).pathname;
const browser = await launch();

/** The host of the pages: another origin than any daemon's, and for `localhost` another site. */
const host = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://x');
  if (pathname === '/page') {
    response.setHeader('Content-Type', 'text/html');
    return response.end('<!doctype html><title>a page</title>');
  }
  try {
    const body = readFileSync(join(clients, pathname));
    response.setHeader('Content-Type', 'text/javascript');
    return response.end(body);
  } catch {
    response.statusCode = 404;
    return response.end();
  }
});
await new Promise((done) => { host.listen(0, '127.0.0.1', done); });
const pages = `http://localhost:${host.address().port}`;

/** A page of the other origin, which counts what it asks for. */
async function open() {
  const page = await (await browser.newContext()).newPage();
  page.asked = [];
  page.on('request', (request) => page.asked.push(`${request.method()} ${decodeURIComponent(request.url())}`));
  await page.goto(`${pages}/page`);
  return page;
}

/** Faye's client in a page, without these transports. */
async function faye(url, without, { retry = 0.5 } = {}) {
  const page = await open();
  await page.addScriptTag({ url: `${pages}/faye/client/faye-browser.js` });
  await page.evaluate(([url, without, retry]) => {
    globalThis.client = new globalThis.Faye.Client(url, { retry });
    globalThis.client.addExtension({
      outgoing(message, go) {
        if (message.channel === '/meta/connect') globalThis.connectedAt = performance.now();
        go(message);
      },
    });
    for (const name of without) globalThis.client.disable(name);
    globalThis.got = [];
    globalThis.subscription = globalThis.client.subscribe('/x/*', (data) => globalThis.got.push(data));
    return new Promise((done, fail) => globalThis.subscription.then(done, (error) => fail(new Error(error.message))));
  }, [url, without, retry]);
  return Object.assign(page, {
    publish: (channel, data, options = {}) => page.evaluate(([channel, data, options]) => new Promise((done, fail) => {
      globalThis.client.publish(channel, data, options).then(done, (error) => fail(new Error(error.message)));
    }), [channel, data, options]),
    // While a connect is under way, and none is about to begin: a message over 2,048 bytes pushes what waits there out on its own and is taken
    // for part of it. When the long one fails, the client throws the other's answer away, and if that was a connect, all that came by it;
    // no server can know.
    alone: (channel, data, options) => page.evaluate(([channel, data, options]) => new Promise((done, fail) => {
      const look = () => {
        const age = performance.now() - globalThis.connectedAt;
        if (!(age > 50 && age < 300)) return setTimeout(look, 5);
        return globalThis.client.publish(channel, data, options).then(done, (error) => fail(new Error(error.message)));
      };
      look();
    }), [channel, data, options]),
    batch: (channel, all) => page.evaluate(([channel, all]) => { for (const data of all) globalThis.client.publish(channel, data); }, [channel, all]),
    cancel: () => page.evaluate(() => globalThis.subscription.cancel()),
    type: () => page.evaluate(() => globalThis.client._dispatcher.connectionType),
    id: () => page.evaluate(() => globalThis.client._dispatcher.clientId),
    end: () => page.evaluate(() => new Promise((done) => { globalThis.client.disconnect().then(done); })),
  });
}

/** cometd's client in a page, without these transports. */
async function cometd(url, without, options = {}) {
  const page = await open();
  await page.evaluate(async ([url, without, pages, options]) => {
    const { CometD } = await import(`${pages}/cometd/cometd.js`);
    globalThis.client = new CometD();
    for (const name of without) globalThis.client.unregisterTransport(name);
    globalThis.client.configure({ url, logLevel: 'error', backoffIncrement: 100, maxBackoff: 500, ...options });
    globalThis.got = [];
    globalThis.done = (call) => new Promise((resolve, fail) => call((m) => (m.successful ? resolve() : fail(new Error(JSON.stringify(m))))));
    const begin = (cb) => { globalThis.subscription = globalThis.client.subscribe('/x/*', (m) => globalThis.got.push(m.data), cb); };
    // What a client subscribed in a session that is over it has to ask for again.
    let shaken = 0;
    globalThis.client.addListener('/meta/handshake', (m) => { if (m.successful && shaken++ > 0) begin(); });
    await new Promise((resolve) => {
      globalThis.client.addListener('/meta/connect', (m) => m.successful && resolve());
      globalThis.client.handshake();
    });
    await globalThis.done(begin);
  }, [url, without, pages, options]);
  const publish = (channel, data) => (
    page.evaluate(([channel, data]) => globalThis.done((cb) => globalThis.client.publish(channel, data, cb)), [channel, data]));
  return Object.assign(page, {
    publish,
    alone: publish,
    batch: (channel, all) => page.evaluate(([channel, all]) => {
      globalThis.client.batch(() => all.forEach((data) => globalThis.client.publish(channel, data)));
    }, [channel, all]),
    cancel: () => page.evaluate(() => globalThis.done((cb) => globalThis.client.unsubscribe(globalThis.subscription, cb))),
    type: () => page.evaluate(() => globalThis.client.getTransport().type),
    id: () => page.evaluate(() => globalThis.client.getClientId()),
    end: () => page.evaluate(() => globalThis.done((cb) => globalThis.client.disconnect(cb))),
  });
}

const got = (page) => page.evaluate(() => globalThis.got);

/** Where a batch leaves its client as several requests side by side, which may overtake each other on their way to the server: what is too
 * long for one URL, and what Faye's client cuts at 2,048 bytes. */
const SIDE_BY_SIDE = ['callback-polling', 'cross-origin-long-polling'];

/** All of these, once each; in this order, unless their client has published them side by side. */
const heard = (page, wanted, type) => {
  const sorted = (all) => (SIDE_BY_SIDE.includes(type) ? all.map((data) => JSON.stringify(data)).sort() : all);
  return until(sorted(wanted), async () => sorted(await got(page)));
};

/** An application server publishes all of these in one go. */
async function flood(daemon, channel, all) {
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify(all.map((data) => ({ channel, data })));
  const replies = await (await fetch(`http://${daemon.admin}/cometd`, { method: 'POST', headers, body })).json();
  assert.ok(replies.length === all.length && replies.every((reply) => reply.successful));
}

/** What every client does by every transport. */
async function day(begin, daemon, { path = '/cometd', without = [], type }) {
  const page = await begin(`http://${daemon.front}${path}`, without);
  assert.equal(await page.type(), type);
  await page.publish('/x/a', { n: 1 });
  await page.publish('/x/b', 'two \u2028 </script>');
  await heard(page, [{ n: 1 }, 'two \u2028 </script>'], type);
  const many = Array.from({ length: 30 }, (_, n) => n);
  await page.batch('/x/a', many);
  await heard(page, [{ n: 1 }, 'two \u2028 </script>', ...many], type);
  // What others publish comes in its order, by whatever transport.
  const thousand = Array.from({ length: 1000 }, (_, n) => 1000 + n);
  await flood(daemon, '/x/b', thousand);
  await until(thousand, async () => (await got(page)).slice(many.length + 2));
  await page.evaluate((length) => globalThis.got.splice(length), many.length + 2);
  // Two connects come back with nothing, and the session goes on.
  const before = await daemon.counter('bayeux_sessions_opened');
  await pause(2500);
  await daemon.publish('/x/c', 'after a while');
  await heard(page, [{ n: 1 }, 'two \u2028 </script>', ...many, 'after a while'], type);
  assert.equal(await daemon.counter('bayeux_sessions_opened'), before, 'in the same session');
  await page.cancel();
  await daemon.publish('/x/c', 'to nobody');
  await page.publish('/x/a', 'to nobody else');
  assert.equal((await got(page)).length, many.length + 3, 'it has been given up');
  await page.end();
  await page.context().close();
  return page.asked.filter((line) => line.includes(daemon.front));
}

/** A client without WebSocket whose session ends: it comes back as it came, and hears again. */
async function anew(begin, daemon, path = '/cometd') {
  const page = await begin(`http://${daemon.front}${path}`, ['websocket']);
  await page.publish('/x/a', 'before');
  await heard(page, ['before']);
  const back = async (word) => {
    // Until its subscription is there again, what is published is nobody's.
    await until(true, async () => {
      await daemon.publish('/x/a', word);
      return (await got(page)).includes(word);
    });
    assert.equal(await page.type(), 'callback-polling');
  };
  await daemon.stop('SIGKILL');
  await pause(1000);
  await daemon.start();
  await back('after a restart');
  const before = await daemon.counter('bayeux_sessions_opened');
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify([{ channel: '/meta/disconnect', clientId: await page.id() }]);
  await fetch(`http://${daemon.front}/cometd`, { method: 'POST', headers, body });
  await back('after its end');
  assert.equal(await daemon.counter('bayeux_sessions_opened'), before + 1);
  const words = await got(page);
  await page.publish('/x/a', 'its own');
  await until('its own', async () => (await got(page)).slice(words.length).find((word) => word === 'its own'));
  await page.end();
  await page.context().close();
}

/** By scripts, a message that is too long for any URL fails; those before and after it come, in the same session. Faye's client tells nobody
 * when it gives a message up. */
async function tooLong(begin, daemon, refused) {
  const page = await begin();
  assert.equal(await page.type(), 'callback-polling');
  const before = await daemon.counter('bayeux_sessions_opened');
  await page.publish('/x/a', 'before');
  await heard(page, ['before']);
  // As it stands in a URL it is longer than request_line_bytes_max.
  const long = page.alone('/x/a', 'x'.repeat(70_000), { attempts: 2 });
  if (refused) await assert.rejects(long, refused);
  else long.catch(() => {}); // the page is closed
  await page.publish('/x/a', 'after');
  await daemon.publish('/x/a', 'and then');
  await heard(page, ['before', 'after', 'and then']);
  assert.equal(await daemon.counter('bayeux_sessions_opened'), before);
  const tries = () => page.asked.filter((line) => line.length > 70_000).length;
  if (!refused) await until(2, tries);
  await page.end();
  await page.context().close();
  return tries();
}

const bayeux = '[bayeux]\ntimeout_ms = 1000\nmax_interval_ms = 30000\npublish = ["/**"]\npaths = ["/", "/cometd"]\n';

await run(async () => {
  const usual = new Daemon(bayeux);
  await usual.start();
  for (const [name, begin] of [['faye', faye], ['cometd', cometd]]) {
    await check(`${name} from another origin: WebSocket`, () => day(begin, usual, { type: 'websocket' }));
    await check(`${name} from another origin, without WebSocket: scripts`, async () => {
      const asked = await day(begin, usual, { without: ['websocket'], type: 'callback-polling' });
      assert.ok(asked.some((line) => line.startsWith('GET') && line.includes('jsonp=')), 'scripts');
    });
  }
  // After a restart of the daemon, and after the end of the session alone: by scripts, as before.
  for (const [name, begin] of [['faye', faye], ['cometd', cometd]]) {
    await check(`${name} from another origin, by scripts, begins anew by scripts`, () => anew(begin, usual));
  }
  await check('faye from another origin, at the root path: WebSocket', () => day(faye, usual, { path: '/', type: 'websocket' }));
  const cometdBy = (options) => () => cometd(`http://${usual.front}/cometd`, ['websocket'], options);
  await check('cometd by scripts: a message that is too long for its own limit is not sent', async () => {
    assert.equal(await tooLong(cometdBy({}), usual, /Bayeux message too big/), 0);
  });
  await check('cometd by scripts, without a limit of its own: a message that is too long is refused once', async () => {
    assert.equal(await tooLong(cometdBy({ maxURILength: 1_000_000 }), usual, /"successful":false/), 1);
  });
  await check('faye by scripts: a message that is too long is refused as often as it may be tried', async () => {
    // Its second try comes when the others have been heard.
    const begin = () => faye(`http://${usual.front}/cometd`, ['websocket'], { retry: 5 });
    assert.equal(await tooLong(begin, usual), 2);
  });
  await usual.forget();

  // With a list of origins, requests may have cookies; bound sessions of another site go on without.
  const listed = new Daemon(`${bayeux}bind_sessions = true\n[http]\norigins = ["${pages}"]\n`);
  await listed.start();
  await check('faye from a listed origin of another site, sessions bound: its own long-polling', () => (
    day(faye, listed, { without: ['websocket'], type: 'cross-origin-long-polling' })));
  await check('faye from a listed origin, at the root path', () => (
    day(faye, listed, { path: '/', without: ['websocket'], type: 'cross-origin-long-polling' })));
  await check('cometd from a listed origin of another site, sessions bound: long-polling', () => (
    day(cometd, listed, { without: ['websocket'], type: 'long-polling' })));
  await check('cometd from a listed origin, at the root path', () => (
    day(cometd, listed, { path: '/', without: ['websocket'], type: 'long-polling' })));
  await listed.forget();
}, () => browser.close(), () => host.close());
