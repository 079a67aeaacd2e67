// WebSockets at the push module's locations, as clients of Nchan use them: a page in a real browser that reads by `ws+meta.nchan` and
// comes back by `last_event_id`, and publishers with npm's `ws`.
//
//   node locations.mjs      by environment: RCOMET_FRONT, RCOMET_ADMIN, RCOMET, CHROMIUM
//
// The daemon must run with its demo on.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import WebSocket from 'ws';
import { Daemon } from './daemon.mjs';
import { admin, check, front, launch, NASTY, run, SOON_MS } from './support.mjs';

const socketed = (address) => address.replace(/^http/, 'ws');
const soon = (promise, what) => Promise.race([
  promise,
  new Promise((_, fail) => setTimeout(() => fail(new Error(`waited for ${what}`)), SOON_MS).unref()),
]);

const browser = await launch();
const page = await (await browser.newContext()).newPage();
await page.goto(`${front}/dialects/`);

/** Reads in the page, from behind an id if there is one. What is heard is kept there as [id, type, text or size]. */
const opens = (id = '', channel = 'nchan') => soon(page.evaluate(({ id, channel }) => new Promise((done, fail) => {
  globalThis.heard = [];
  const address = new URL(`/activity?channel=${channel}`, location.href.replace(/^http/, 'ws'));
  if (id) address.searchParams.set('last_event_id', id);
  globalThis.socket = new WebSocket(address, ['other', 'ws+meta.nchan']);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => done(socket.protocol);
  socket.onerror = () => fail(new Error('no connection'));
  socket.onclose = ({ code, reason }) => heard.push([code, reason]);
  socket.onmessage = ({ data }) => {
    const isText = typeof data === 'string';
    const whole = isText ? data : String.fromCharCode(...new Uint8Array(data));
    const [, id, , type, body] = /^id: (.*)\n(content-type: (.*)\n)?\n([^]*)$/.exec(whole);
    heard.push([id, type ?? null, isText ? body : { bytes: [...body].map((c) => c.charCodeAt(0)) }]);
  };
}), { id, channel }), 'a connection');

const hears = async (n) => {
  await page.waitForFunction((n) => heard.length >= n, n, { timeout: SOON_MS });
  return page.evaluate((n) => heard.splice(0, n), n);
};

/** Pages of another site than any daemon's. */
const host = createServer((_, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>elsewhere</title>');
});
await new Promise((done) => { host.listen(0, '127.0.0.1', done); });
const elsewhere = `http://localhost:${host.address().port}`;

/** By each way of listening and by one of publishing, with what the browser knows of its user: what a page of the other site hears at `url`, or
 * that it is refused. `write` is where it may publish. */
async function fromElsewhere(url, write) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(elsewhere);
  const heard = await soon(page.evaluate(async ([url, write]) => {
    const said = async (promise) => { try { return await promise; } catch { return 'refused'; } };
    const include = { credentials: 'include' };
    const poll = async (headers) => {
      const answer = await fetch(url, { ...include, headers });
      return [answer.status, await answer.text(), answer.headers.get('etag') !== null];
    };
    const events = () => new Promise((done, fail) => {
      const source = new EventSource(url, { withCredentials: true });
      source.onmessage = ({ data }) => { source.close(); done(data); };
      source.onerror = () => { source.close(); fail(new Error('closed')); };
    });
    const socket = () => new Promise((done, fail) => {
      const socket = new WebSocket(url.replace(/^http/, 'ws'));
      socket.onmessage = ({ data }) => { socket.close(); done(data); };
      socket.onerror = () => fail(new Error('closed'));
    });
    return {
      poll: await said(poll({})),
      // Not without asking first.
      preflighted: await said(poll({ 'If-None-Match': '"none"' })),
      events: await said(events()),
      socket: await said(socket()),
      published: write && await said(fetch(write, { ...include, method: 'POST', headers: { 'Content-Type': 'text/x' }, body: 'by a page' }).then(({ status }) => status)),
    };
  }, [url, write]), 'a page elsewhere');
  await page.context().close();
  return heard;
}

/** A publisher that is answered message by message. */
async function publisher(channel = 'nchan') {
  const socket = new WebSocket(`${socketed(admin)}/publish?channel=${channel}`, { headers: { Accept: 'text/json' } });
  await soon(new Promise((done, fail) => socket.on('open', done).on('error', fail)), 'a publisher');
  const says = (data, options = {}) => soon(new Promise((done) => {
    socket.once('message', (answer) => done(JSON.parse(answer)));
    socket.send(data, options);
  }), 'an answer');
  return { socket, says };
}

await run(async () => {
  const by = await publisher();
  let last;

  await check('a page reads what a WebSocket publishes, with ids and types', async () => {
    assert.equal(await opens(), 'ws+meta.nchan');
    const answer = await by.says(NASTY);
    assert.deepEqual([answer.messages, answer.subscribers], [1, 1]);
    await by.says(Buffer.from([0, 255, 10, 128]));
    await fetch(`${admin}/publish?channel=nchan`, { method: 'POST', headers: { 'Content-Type': 'image/x' }, body: new Uint8Array([255, 254]) });
    await fetch(`${admin}/push`, { method: 'POST', body: new URLSearchParams({ cname: 'nchan', content: 'by icomet' }) });
    const got = await hears(4);
    assert.deepEqual(got.map(([, type, body]) => [type, body]), [
      [null, NASTY],
      ['application/octet-stream', { bytes: [0, 255, 10, 128] }],
      ['image/x', { bytes: [255, 254] }],
      ['text/plain', 'by icomet'],
    ]);
    assert.equal(got[0][0], answer.last_message_id);
    last = got[1][0];
  });

  await check('it comes back behind what it has', async () => {
    await page.evaluate(() => socket.close(1000));
    assert.deepEqual(await hears(1), [[1000, '']]);
    await by.says('while it was away');
    await opens(last);
    assert.deepEqual((await hears(3)).map(([, , body]) => body), [{ bytes: [255, 254] }, 'by icomet', 'while it was away']);
  });

  await check('fragments are one message', async () => {
    by.socket.send('one ', { fin: false });
    by.socket.send('and ', { fin: false });
    by.socket.ping('alive?');
    await by.says('two', { fin: true });
    assert.deepEqual((await hears(1)).map(([, , body]) => body), ['one and two']);
  });

  await check('a deleted channel closes it, and a reader may not publish', async () => {
    await fetch(`${admin}/publish?channel=nchan`, { method: 'DELETE' });
    assert.deepEqual(await hears(1), [[1001, '410 Gone']]);
    await opens();
    await page.evaluate(() => socket.send('hello?'));
    assert.deepEqual(await hears(1), [[1008, '403 Forbidden']]);
  });

  await check('a thousand messages come in order', async () => {
    await opens();
    const all = new Promise((done) => {
      let answers = 0;
      by.socket.on('message', () => { answers += 1; if (answers === 1000) done(); });
    });
    for (let i = 0; i < 1000; i += 1) by.socket.send(`${i}`);
    await soon(all, 'a thousand answers');
    assert.deepEqual((await hears(1000)).map(([, , body]) => Number(body)), Array.from({ length: 1000 }, (_, i) => i));
  });

  await check('pages get no WebSocket on the admin side', async () => {
    const outcome = await page.evaluate((address) => new Promise((done) => {
      const socket = new WebSocket(address);
      socket.onopen = () => done('open');
      socket.onerror = () => done('refused');
    }), `${socketed(admin)}/publish?channel=nchan`);
    assert.equal(outcome, 'refused');
  });

  await check('pages of another site listen with credentials, as with Nchan', async () => {
    await fetch(`${admin}/publish?channel=elsewhere`, { method: 'POST', body: 'hello' });
    assert.deepEqual(await fromElsewhere(`${front}/activity?channel=elsewhere`), {
      poll: [200, 'hello', true], preflighted: [200, 'hello', true], events: 'hello', socket: 'hello', published: undefined,
    });
  });

  await check('where origins are listed, pages of others hear nothing and publish nothing', async () => {
    const location = (path, origin) => `[[push.location]]\npath = "${path}"\nrole = "pubsub"\non = ["front"]\naccess_control_allow_origin = ["${origin}"]\n`;
    const daemon = new Daemon(location('/open/{id}', elsewhere) + location('/shut/{id}', 'https://example.org'));
    try {
      await daemon.start();
      await daemon.publish('x', 'hello');
      const at = (path) => `http://${daemon.front}/${path}`;
      assert.deepEqual(await fromElsewhere(at('open/x'), at('open/y')), {
        poll: [200, 'hello', true], preflighted: [200, 'hello', true], events: 'hello', socket: 'hello', published: 202,
      });
      assert.deepEqual(await fromElsewhere(at('shut/x'), at('shut/z')), {
        poll: 'refused', preflighted: 'refused', events: 'refused', socket: 'refused', published: 'refused',
      });
      assert.ok(await daemon.counter('sites_denied') >= 5);
      assert.equal((await fetch(`http://${daemon.admin}/channels/z`)).status, 404, 'what was refused has published nothing');
    } finally {
      await daemon.forget();
    }
  });

  by.socket.close();
}, () => browser.close(), () => new Promise((done) => { host.close(done); host.closeAllConnections(); }));
