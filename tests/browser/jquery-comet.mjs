// The push module's own client for jQuery, written anew from what it does (one request after another, with the validators that jQuery
// keeps of each URL), in a real browser, with two generations of jQuery, in pages of the same origin and of another. At the two URLs
// that are there when nothing is configured.
//
//   node jquery-comet.mjs      by environment: RCOMET, CHROMIUM
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Daemon } from './daemon.mjs';
import { check, launch, NASTY, pause, run, SOON_MS, until } from './support.mjs';

const daemon = new Daemon((folder) => `[history]\nfile = "${folder}/history"`);
await daemon.start();

const host = createServer((_, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>elsewhere</title>');
});
await new Promise((done) => { host.listen(0, '127.0.0.1', done); });

/** Its pause after an answer that is none; the original has ten seconds. */
const PAUSE_MS = 1_000;

/** The client's cycle. Events of the document are kept as `got`, errors as `failed`. */
const client = ({ url, timeout, pauseMs }) => {
  globalThis.got = [];
  globalThis.failed = [];
  for (const type of ['feed', 'null']) {
    jQuery(document).on(`${type}.comet`, (_, data, type) => got.push([type, data]));
  }
  const ask = () => jQuery.ajax({
    url, timeout, cache: true, ifModified: true,
    success: (payload) => {
      let [type, data] = [null, payload];
      // Of no payload at all, as with 304 and 204, this is an exception, and it never asks again.
      if (payload.type) type = payload.type;
      if (payload.data) data = payload.data;
      jQuery(document).trigger(`${type}.comet`, [data, type]);
      setTimeout(ask, 1);
    },
    error: (xhr, why) => {
      if (why === 'timeout') return ask();
      failed.push(xhr.status);
      setTimeout(ask, pauseMs);
    },
  });
  ask();
};

async function publish(channel, body, type = 'application/json') {
  const target = `http://${daemon.admin}/publish?channel=${channel}`;
  const answer = await fetch(target, { method: 'POST', headers: { 'Content-Type': type }, body });
  assert.ok([201, 202].includes(answer.status), `${answer.status}`);
  return answer.status;
}
const feed = (channel, text) => publish(channel, JSON.stringify({ type: 'feed', data: { text } }));

const browser = await launch();

/** A page that reads, with what it has asked for. */
async function reads(jquery, isSame, channel, timeout = 60_000) {
  const page = await (await browser.newContext()).newPage();
  page.asked = [];
  page.on('request', (request) => request.url().includes('/activity?') && request.method() === 'GET' && page.asked.push(request.headers()));
  const own = `http://${daemon.front}/page`;
  await page.route(own, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>here</title>' }));
  await page.goto(isSame ? own : `http://localhost:${host.address().port}`);
  await page.addScriptTag({ path: new URL(`node_modules/${jquery}/dist/jquery.js`, import.meta.url).pathname });
  const url = `${isSame ? '' : `http://${daemon.front}`}/activity?channel=${channel}`;
  await page.evaluate(client, { url, timeout, pauseMs: PAUSE_MS });
  page.texts = () => page.evaluate(() => got.map(([type, data]) => [type, data.text ?? data]));
  page.failed = () => page.evaluate(() => failed);
  return page;
}
const feeds = (texts) => texts.map((text) => ['feed', text]);
const waiting = async (channel, n) => {
  const info = async () => (await fetch(`http://${daemon.admin}/publish?channel=${channel}`, { headers: { Accept: 'text/json' } })).json();
  await until(n, async () => (await info()).subscribers);
};

await run(async () => {
  let names = 0;
  for (const [jquery, isSame] of [['jquery', true], ['jquery', false], ['jquery-1.12', true], ['jquery-1.12', false]]) {
    const who = `${jquery}, ${isSame ? 'same origin' : 'another origin'}`;
    const name = () => `${jquery}-${names++}`;

    await check(`${who}: what is kept and what comes, one message an answer, in order`, async () => {
      const channel = name();
      const texts = ['one', NASTY];
      for (const text of texts) await feed(channel, text);
      const page = await reads(jquery, isSame, channel);
      await until(feeds(texts), page.texts);
      await waiting(channel, 1);
      for (let i = 0; i < 8; i++) texts.push(`burst ${i}`);
      for (const text of texts.slice(2)) await feed(channel, text);
      await until(feeds(texts), page.texts);
      await publish(channel, '{"type": "feed"', 'text/plain');
      await until([...feeds(texts), [null, '{"type": "feed"']], page.texts);
      await until(texts.length + 2, () => page.asked.length);
      // The first names no place, each of the others one of its own.
      const [first, ...others] = page.asked.map((fields) => `${fields['if-modified-since'] ?? ''} ${fields['if-none-match'] ?? ''}`);
      assert.equal(first, ' ');
      assert.deepEqual([new Set(others).size, others.length], [texts.length + 1, texts.length + 1]);
      assert.deepEqual(await page.failed(), []);
      await page.close();
    });

    await check(`${who}: what comes while it gives up and asks again is heard once`, async () => {
      const channel = name();
      const page = await reads(jquery, isSame, channel, 400);
      const texts = [];
      for (let i = 0; i < 12; i++) {
        texts.push(`text ${i}`);
        await feed(channel, `text ${i}`);
        await pause(190);
      }
      await until(feeds(texts), page.texts);
      await until(true, () => page.asked.length > texts.length + 3);
      assert.deepEqual([await page.texts(), await page.failed()], [feeds(texts), []]);
      await page.close();
    });

    await check(`${who}: a deleted channel is an error, after which it goes on`, async () => {
      const channel = name();
      await feed(channel, 'before');
      const page = await reads(jquery, isSame, channel);
      await until(feeds(['before']), page.texts);
      await waiting(channel, 1);
      await fetch(`http://${daemon.admin}/publish?channel=${channel}`, { method: 'DELETE' });
      await until([410], page.failed);
      await feed(channel, 'after');
      await until(feeds(['before', 'after']), page.texts);
      await page.close();
    });
  }

  await check('pages go on by themselves when the daemon has been away', async () => {
    const pages = [];
    for (const [jquery, isSame] of [['jquery', true], ['jquery-1.12', false]]) pages.push(await reads(jquery, isSame, 'away'));
    await feed('away', 'before');
    for (const page of pages) await until(feeds(['before']), page.texts);
    await waiting('away', 2);
    await daemon.stop();
    // They are told, and not cut off: 304, or no answer at all, is the end of some.
    for (const page of pages) await until(503, async () => (await page.failed())[0]);
    await daemon.start();
    await feed('away', 'after');
    for (const page of pages) await until(feeds(['before', 'after']), page.texts, SOON_MS);
    for (const page of pages) await page.close();
  });
}, () => browser.close(), () => host.close(), () => daemon.forget());
