// Messages as deltas, put together: from the real daemon, over everything that carries them, in Node and in a page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { deltas } from '../src/delta.js';
import { launch } from './chromium.mjs';
import { Daemon, until } from './support.mjs';

/** Texts of which little changes, here and there, with characters of all sizes. */
const text = (n) => `{"home":"Féyenoord 😀","minute":${n},"scored":"${'😁'.repeat(n % 3)}${'é'.repeat(n % 5)}","guest":"Ajax"}`;
const texts = Array.from({ length: 40 }, (_, n) => text(n));

describe('deltas', () => {
  let daemon;
  const ends = [];
  before(async () => { daemon = await Daemon.start(); });
  after(async () => {
    for (const end of ends) await end();
    await daemon.end();
  });
  test('a channel that is read no more leaves nothing behind', () => {
    const whole = deltas();
    for (const type of ['closed', 'unsubscribed']) {
      whole({ type: 'message', channel: 'a', seq: 1, data: 'one' });
      whole({ type, channel: 'a' });
      assert.throws(() => whole({ type: 'message', channel: 'a', seq: 2, splice: [0, 1], data: 'x' }), /some were left out/);
    }
  });

  const publish = async (channel, all = texts) => { for (const one of all) await daemon.publish(channel, one); };
  const counted = async () => {
    const metrics = await (await fetch(`http://${daemon.admin}/metrics`)).text();
    return Number(metrics.match(/^rcomet_deltas_delivered_total (\d+)$/m)[1]);
  };

  /** What a reader has made of what it was told, and how much of that were deltas. */
  const reader = () => {
    const whole = deltas();
    const heard = { data: [], deltas: 0, types: [] };
    heard.take = (event) => {
      heard.deltas += event.splice ? 1 : 0;
      heard.types.push(event.type);
      const message = whole(event);
      assert.equal('splice' in message, false);
      if (message.type === 'message') heard.data.push(message.data);
    };
    return heard;
  };

  test('over a WebSocket, compressed or not', async () => {
    const before = await counted();
    const readers = [];
    for (const perMessageDeflate of [true, false]) {
      const socket = new WebSocket(`ws://${daemon.front}/ws`, { perMessageDeflate });
      ends.push(() => socket.terminate());
      const heard = reader();
      socket.on('message', (data) => heard.take(JSON.parse(data)));
      await new Promise((done) => socket.on('open', done));
      socket.send(JSON.stringify({ type: 'subscribe', channels: ['ws', 'other'], delta: true }));
      await until(2, () => heard.types.length);
      readers.push(heard);
    }
    await publish('ws');
    for (const heard of readers) {
      await until(texts, () => heard.data);
      assert.equal(heard.deltas, texts.length - 1);
    }
    assert.equal(await counted(), before + 2 * (texts.length - 1));
  });

  test('as lines, and a poll', async () => {
    const heard = reader();
    const stop = new AbortController();
    ends.push(() => stop.abort());
    const answer = await fetch(`${daemon.url}/events?channel=lines&delta=1`, { headers: { accept: 'application/x-ndjson' }, signal: stop.signal });
    (async () => {
      let rest = '';
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split('\n');
        rest = lines.pop();
        lines.forEach((line) => heard.take(JSON.parse(line)));
      }
    })().catch(() => {});
    await until(['ready'], () => heard.types);
    await publish('lines');
    await until(texts, () => heard.data);
    assert.equal(heard.deltas, texts.length - 1);
    const poll = reader();
    const headers = { accept: 'application/json' };
    const { events } = await (await fetch(`${daemon.url}/events?channel=lines&delta=1&history=all`, { headers })).json();
    events.forEach(poll.take);
    assert.deepEqual(poll.data, texts.slice(-events.length));
    assert.equal(poll.deltas, events.length - 1);
  });

  test('in a page, whose EventSource comes back by itself after a restart', async () => {
    const browser = await launch();
    ends.push(() => browser.close());
    const page = await (await browser.newContext({ bypassCSP: true })).newPage();
    await page.goto(`${daemon.url}/chat/chat.css`); // a page that does nothing by itself
    await page.evaluate(async (source) => {
      const { deltas } = await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
      const whole = deltas();
      Object.assign(globalThis, { data: [], deltas: 0, ready: 0 });
      const events = new EventSource('/events?channel=page&delta=1');
      events.addEventListener('ready', () => { globalThis.ready++; });
      events.onmessage = ({ data: text }) => {
        const event = JSON.parse(text);
        globalThis.deltas += event.splice ? 1 : 0;
        globalThis.data.push(whole(event).data);
      };
    }, readFileSync(new URL('../src/delta.js', import.meta.url), 'utf8'));
    await until(1, () => page.evaluate(() => ready));
    await publish('page', texts.slice(0, 20));
    await until(texts.slice(0, 20), () => page.evaluate(() => data));
    await daemon.stop();
    await daemon.start();
    await until(2, () => page.evaluate(() => ready));
    await publish('page', texts.slice(20));
    await until(texts, () => page.evaluate(() => data));
    // The first of each connection is whole.
    assert.equal(await page.evaluate(() => deltas), texts.length - 2);
  });

  test('a delta whose base was left out is not guessed at', () => {
    const whole = deltas();
    const message = (seq, more) => ({ type: 'message', channel: 'a', seq, data: 'x', ...more });
    assert.throws(() => whole(message(1, { splice: [0, 0] })), /message 1 of a is a delta, and the last one was undefined/);
    assert.deepEqual(whole(message(2)), message(2));
    assert.throws(() => whole(message(4, { splice: [0, 1] })), /message 4 of a/);
    assert.equal(whole(message(3, { data: 'y', splice: [1, 0] })).data, 'xy');
    assert.deepEqual(whole({ type: 'closed', channel: 'a' }), { type: 'closed', channel: 'a' });
    assert.throws(() => whole(message(4, { splice: [0, 1] })), /undefined/);
  });
});
