// Nchan's own client, unmodified as npm has it, in a page of another origin: each of its transports, several channels by one
// subscription, and going on with the id that another transport has left, also over a restart of the daemon.
//
//   node nchan.mjs      by environment: RCOMET, CHROMIUM
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Daemon } from './daemon.mjs';
import { check, launch, NASTY, pause, run, SOON_MS } from './support.mjs';

const TRANSPORTS = ['websocket', 'eventsource', 'longpoll', 'longpoll in batches'];

const location = (path, role, more = '') => `[[push.location]]\npath = "${path}"\nrole = "${role}"\nsplit = ","\n${more}\n`;
const daemon = new Daemon((folder) => `[history]\nfile = "${folder}/history"\n`
  + location('/sub/{ids}', 'subscriber') + location('/batches/{ids}', 'subscriber', 'longpoll_multipart = "on"')
  + location('/pub/{ids}', 'publisher', 'messages_max = 100'));
await daemon.start();

const host = createServer((_, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>elsewhere</title>');
});
await new Promise((done) => { host.listen(0, '127.0.0.1', done); });

const browser = await launch();
const page = await (await browser.newContext()).newPage();
await page.goto(`http://localhost:${host.address().port}`);
await page.addScriptTag({ path: new URL('node_modules/nchan/NchanSubscriber.js', import.meta.url).pathname });

async function publish(channels, body, type = 'text/plain') {
  const answer = await fetch(`http://${daemon.admin}/pub/${channels}`, { method: 'POST', headers: { 'Content-Type': type }, body });
  assert.ok([201, 202].includes(answer.status), `${answer.status}`);
}

/** Begins to read, behind an id if there is one. */
async function listen(transport, channels, id) {
  const path = transport === 'longpoll in batches' ? 'batches' : 'sub';
  await page.evaluate(([url, subscriber, id]) => {
    // Of its own: the end of the last one may be told late.
    const heard = globalThis.heard = [];
    const told = globalThis.told = [];
    globalThis.sub = new NchanSubscriber(url, { subscriber, id });
    sub.on('message', (text, meta) => heard.push([text, meta.id, meta['content-type']]));
    sub.on('error', (code, text) => told.push(`error ${code} ${text}`));
    sub.on('disconnect', () => told.push('disconnect'));
    sub.start();
  }, [`http://${daemon.front}/${path}/${channels}`, transport.split(' ')[0], id]);
}

const leave = () => page.evaluate(() => sub.stop());

/** The texts that are heard until there are so many, and a moment longer: what comes twice is one too many. */
async function hears(n) {
  await page.waitForFunction((n) => heard.length >= n, n, { timeout: SOON_MS });
  await pause(100);
  return page.evaluate(() => heard.splice(0, heard.length));
}
const texts = (messages) => messages.map(([text]) => text);

await run(async () => {
  let names = 0;
  for (const transport of TRANSPORTS) {
    await check(`${transport}: what is kept and what comes, with types`, async () => {
      const channel = `one${names++}`;
      await publish(channel, 'kept');
      await publish(channel, NASTY, 'text/html; charset=utf-8');
      await listen(transport, channel);
      const kept = await hears(2);
      // Of parts it takes the first byte of the line end before the boundary for the message's last, whichever server sent them.
      const end = transport === 'longpoll in batches' ? '\r' : '';
      const published = (messages) => texts(messages).map((text) => (text.endsWith(end) ? text.slice(0, text.length - end.length) : text));
      assert.deepEqual(texts(kept), [`kept${end}`, `${NASTY}${end}`]);
      if (transport !== 'eventsource') assert.deepEqual(kept.map(([,, type]) => type), ['text/plain', 'text/html; charset=utf-8']);
      await publish(channel, 'two\nlines');
      await publish(channel, '');
      await publish(channel, 'and\n\nmore');
      // Those that come while the client is between two polls are parts, too.
      assert.deepEqual(published(await hears(3)), ['two\nlines', '', 'and\n\nmore']);
      assert.deepEqual(await page.evaluate(() => told), []);
      await leave();
    });

    for (const next of TRANSPORTS) {
      await check(`${transport}, then ${next}: several channels in one order, each message once`, async () => {
        const [a, b, c] = ['a', 'b', 'c'].map((name) => `${name}${names}`);
        names += 1;
        const all = `${a},${b},${c}`;
        await publish(b, '1');
        await publish(a, '2');
        await publish(`${c},${a}`, '3');
        await publish(b, '4');
        await listen(transport, all);
        assert.deepEqual(texts(await hears(5)), ['1', '2', '3', '3', '4']);
        for (const [channel, text] of [[c, '5'], [a, '6'], [c, '7']]) await publish(channel, text);
        const live = await hears(3);
        assert.deepEqual(texts(live), ['5', '6', '7']);
        await leave();
        for (const [channel, text] of [[a, '8'], [c, '9'], [b, '10']]) await publish(channel, text);
        const [, id] = live.at(-1);
        assert.match(id, /^\d+:\d+$/);
        await listen(next, all, id);
        assert.deepEqual(texts(await hears(3)), ['8', '9', '10']);
        await publish(b, '11');
        assert.deepEqual(texts(await hears(1)), ['11']);
        await leave();
      });
    }

    await check(`${transport}: goes on by itself when the daemon has been away`, async () => {
      const [a, b] = [`a${names}`, `b${names++}`];
      await listen(transport, `${a},${b}`);
      await publish(a, 'before');
      await publish(b, 'it');
      assert.deepEqual(texts(await hears(2)), ['before', 'it']);
      await daemon.stop();
      await daemon.start();
      await publish(b, 'behind');
      await publish(a, 'it');
      assert.deepEqual(texts(await hears(2)), ['behind', 'it']);
      await leave();
    });
  }

  await check('one of several channels is deleted, and the others are read on', async () => {
    for (const transport of TRANSPORTS) {
      const [a, b] = [`a${names}`, `b${names++}`];
      await listen(transport, `${a},${b}`);
      await publish(a, 'first');
      assert.deepEqual(texts(await hears(1)), ['first']);
      await fetch(`http://${daemon.admin}/pub/${a}`, { method: 'DELETE' });
      await publish(b, 'second');
      await publish(a, 'third');
      assert.deepEqual(texts(await hears(2)), ['second', 'third']);
      assert.deepEqual(await page.evaluate(() => told), []);
      await leave();
    }
  });
}, () => browser.close(), () => daemon.forget(), () => new Promise((done) => { host.close(done); host.closeAllConnections(); }));
