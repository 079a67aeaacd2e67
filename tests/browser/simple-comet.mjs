// Simple Comet's client in a real browser page, written anew from what it does (one script after another, a timer of 30 seconds, a
// pause of 100 ms), and what a back end asks for as plain requests: in the order of the original's own tests. Starts a daemon of its
// own with a listener in the original's place.
//
//   node simple-comet.mjs      by environment: RCOMET, CHROMIUM
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { Daemon } from './daemon.mjs';
import { check, launch, NASTY, pause, run, SOON_MS, until } from './support.mjs';

/** A port that nobody listens on. */
const port = await new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});
const at = `http://127.0.0.1:${port}`;
const daemon = new Daemon(`simple_comet = ["127.0.0.1:${port}"]\n[simple_comet]\npublish = true`);
await daemon.start();

async function call(method, path, fields) {
  const body = fields && new URLSearchParams(fields);
  const response = await fetch(`${at}${path}`, { method, body });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('access-control-allow-origin'), null, 'the proxy in front of it says that');
  return response.json();
}

/** The client's cycle. What it hands to its page is kept there as `got`. */
const client = ({ url, id }) => {
  let since = 0;
  let asked = 0;
  let timer;
  let element;
  globalThis.got = [];
  const ask = () => {
    element = document.createElement('script');
    element.src = `${url}?since=${since}&t=${Date.now()}.${asked++}${id ? `&client_id=${encodeURIComponent(id)}` : ''}`;
    document.body.append(element);
    timer = setTimeout(() => {
      element.remove();
      ask();
    }, 30_000);
  };
  globalThis._JSONP_comet_cb = (answer) => {
    if (answer.return_code <= 0) return;
    clearTimeout(timer);
    element.remove();
    if (answer.since < since) return; // It would never ask again.
    got.push(answer);
    since = answer.last_id;
    setTimeout(ask, 100);
  };
  ask();
};

const browser = await launch();

/** A page of another origin that reads. */
async function reads(names, id) {
  const page = await (await browser.newContext()).newPage();
  page.asked = [];
  page.on('request', (request) => request.url().startsWith(at) && page.asked.push(new URL(request.url()).searchParams));
  await page.setContent('<!doctype html><body></body>');
  await page.evaluate(client, { url: `${at}/channels/${names.map(encodeURIComponent).join('%7C')}.jsonp`, id });
  page.texts = (channel) => page.evaluate((channel) =>
    got.flatMap(({ messages }) => messages[channel] ?? []).map(({ content }) => content), channel);
  return page;
}

await run(async () => {
  await check('a back end registers, pushes, reads and deletes by plain requests', async () => {
    assert.equal((await call('POST', '/channels.json', { channel_id: 'chan' })).channel_id, 'chan');
    assert.equal((await call('POST', '/channels.json', { channel_id: 'own', use_sessions: '1' })).channel_id, 'own');
    assert.ok((await call('POST', '/channels/chan.json', { content: 'one' })).return_code > 0);
    const read = await call('GET', '/channels/chan.json');
    assert.deepEqual([read.since, read.messages.chan.map(({ content }) => content)], [0, ['one']]);
    assert.ok((await call('POST', '/channels/own.json', { content: 'two' })).return_code > 0);
    assert.ok((await call('GET', '/channels/own.json?client_id=cid')).return_code < 0, 'nobody knows it yet');
    assert.equal((await call('POST', '/clients.json', { client_id: 'cid' })).client_id, 'cid');
    const own = await call('GET', '/channels/own.json?client_id=cid');
    assert.deepEqual([own.since, own.messages.own.map(({ content }) => content)], [0, ['two']]);
    for (const name of ['chan', 'own']) {
      const gone = await call('DELETE', `/channels/${name}.json`);
      assert.deepEqual([gone.channel_id, gone.removed, gone.return_code > 0], [name, true, true]);
    }
    const gone = await call('DELETE', '/channels/chan.json');
    assert.deepEqual([gone.removed, gone.return_code > 0], [false, true]);
  });

  for (const channel_id of ['news', 'room', 'silent']) await call('POST', '/channels.json', { channel_id });
  await call('POST', '/channels.json', { channel_id: 'mine', use_sessions: '1' });
  await call('POST', '/clients.json', { client_id: 'ann & co' });
  const silent = await reads(['silent']);
  const silentSince = Date.now();

  await check('a page reads two channels, a message at a time and in order', async () => {
    await call('POST', '/channels/news.json', { content: 'before' });
    const page = await reads(['news', 'room']);
    await until(['before'], () => page.texts('news'));
    const texts = ['one', NASTY, ...Array.from({ length: 10 }, (_, i) => `burst ${i}`)];
    for (const content of texts) await call('POST', '/channels/room.json', { content });
    await until(texts, () => page.texts('room'));
    assert.deepEqual(await page.texts('news'), ['before']);
    // Each request goes on from what the last answer said, and has a text of its own.
    const since = page.asked.map((query) => Number(query.get('since')));
    assert.deepEqual(since, since.toSorted((a, b) => a - b));
    assert.equal(new Set(page.asked.map((query) => query.get('t'))).size, page.asked.length);
    await page.close();
  });

  await check('a session channel is read by its client, and by nobody else', async () => {
    const [ann, stranger] = await Promise.all([reads(['mine'], 'ann & co'), reads(['mine'], 'bob')]);
    await call('POST', '/channels/mine.json', { content: 'for ann' });
    await until(['for ann'], () => ann.texts('mine'));
    await pause(500);
    assert.deepEqual(await stranger.texts('mine'), []);
    assert.equal(stranger.asked.length, 1, 'what is refused is asked again after 30 seconds, and no sooner');
    for (const page of [ann, stranger]) await page.close();
  });

  await check('where nothing comes the client asks again after 30 seconds, and has what comes then once', async () => {
    await until(2, () => silent.asked.length, 30_000 + SOON_MS);
    assert.ok(Date.now() - silentSince > 29_000, 'nothing has answered it before');
    assert.deepEqual(silent.asked.map((query) => query.get('since')), ['0', '0']);
    await call('POST', '/channels/silent.json', { content: 'at last' });
    await until(['at last'], () => silent.texts('silent'));
    await pause(500);
    assert.deepEqual(await silent.texts('silent'), ['at last']);
  });

  await check('ids go on after a restart', async () => {
    const before = await silent.evaluate(() => got.at(-1).last_id);
    await daemon.stop();
    await daemon.start();
    await call('POST', '/channels.json', { channel_id: 'silent' });
    const { message_id } = await call('POST', '/channels/silent.json', { content: 'after' });
    assert.ok(message_id > before, `${message_id} > ${before}`);
    await until(['at last', 'after'], () => silent.texts('silent'), 30_000 + SOON_MS);
  });
}, () => browser.close(), () => daemon.forget());
