// Signed tokens: the feed asks for another before one is over, and nothing is lost when it changes.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { config, sign } from './signed.mjs';
import { closeAll, connect, Daemon, live, numbers, pause, Proxy, until } from './support.mjs';

describe('tokens', () => {
  let daemon;
  before(async () => { daemon = await Daemon.start(config(4)); });
  afterEach(closeAll);
  after(() => daemon.end());

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: another is asked for in time, and nothing is lost`, async () => {
      const channel = `renewed.${transport}`;
      const began = Date.now();
      let asked = 0;
      const feed = connect({
        url: daemon.url, transport, channels: [channel, `${channel}.2`], retryMs: 50,
        token: async () => { asked++; return sign(8); }, // half of which is left when it is warned of
      });
      await live(feed);
      const from = feed.states.length;
      for (let n = 0; n < 40; n++) {
        await daemon.publish(channel, String(n));
        await pause(300);
      }
      await until(numbers(0, 40), () => feed.data(channel));
      assert.equal(feed.heard.length, 40, 'once each, and no gap');
      const seconds = (Date.now() - began) / 1000;
      assert.ok(asked >= 3 && asked < 3 + seconds, `${asked} tokens in ${seconds} s`);
      if (transport !== 'sse') assert.ok(!feed.states.slice(from).some(({ state }) => state === 'waiting'), 'without a break');
      feed.close();
    });

    test(`${transport}: one that is over is followed by another`, async () => {
      const channel = `over.${transport}`;
      let asked = 0;
      const feed = connect({
        url: daemon.url, transport, channels: [channel], retryMs: 50,
        token: () => (asked++ < 1 ? sign(-10) : sign(600)),
      });
      await live(feed);
      await daemon.publish(channel, 'x');
      await until(['x'], () => feed.data(channel));
      feed.close();
    });

    test(`${transport}: one that does not allow it is an error`, async () => {
      const feed = connect({ url: daemon.url, transport, channels: ['b'], token: sign(600, 'a') });
      const errors = [];
      feed.on('error', (error) => errors.push(error.status));
      await until([403], () => errors);
      feed.close();
    });
  }

  test('publishing takes the token, over HTTP too', async () => {
    for (const transport of ['websocket', 'poll']) {
      const feed = connect({ url: daemon.url, transport, channels: ['said'], token: async () => sign(600, 'said') });
      await live(feed);
      await feed.publish('said', { by: transport });
      await until([`{"by":"${transport}"}`], () => feed.data('said'));
      await assert.rejects(feed.publish('other', 1), { status: 403 });
      feed.close();
    }
  });

  test('without a token, none is shown', async () => {
    const proxy = await Proxy.to(() => daemon.front);
    const shown = [];
    proxy.server.on('request', ({ method, headers }) => method === 'POST' && shown.push(headers.authorization));
    const feed = connect({ url: proxy.url, transport: 'poll' });
    await assert.rejects(feed.publish('said', 1), { status: 401 });
    assert.deepEqual(shown, [undefined]);
    feed.close();
    await proxy.end();
  });

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: a renewal that fails early does not end a good line`, async () => {
      let asked = 0;
      const feed = connect({
        url: daemon.url, transport, channels: ['early'], retryMs: 50,
        token: async () => {
          if (asked++ === 1) throw new Error('no token today');
          return sign(4);
        },
      });
      await live(feed);
      await until(true, () => asked > 3);
      const reasons = feed.states.filter(({ state }) => state === 'waiting').map(({ reason }) => reason);
      assert.ok(!reasons.includes('no token today'), reasons);
      feed.close();
    });
  }
});

describe('tokens that are always near their end', () => {
  let daemon;
  before(async () => { daemon = await Daemon.start(config(30)); });
  afterEach(closeAll);
  after(() => daemon.end());

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: a function that gives the same one until its end is asked a handful of times`, async () => {
      let asked = 0;
      const token = sign(12); // warned of when half of its time is over
      const enough = Date.now() + 7500; // the rest is for the last messages
      const feed = connect({ url: daemon.url, transport, channels: ['cached'], retryMs: 50, token: () => (asked++, token) });
      await live(feed);
      let sent = 0;
      for (; Date.now() < enough; sent++) {
        await daemon.publish('cached', String(sent));
        await pause(50);
      }
      const count = asked;
      assert.ok(count > 1 && count < 12, `${count} times`);
      const lines = feed.states.filter(({ state }) => state === 'connecting').length;
      await until(numbers(0, sent), () => feed.data());
      assert.ok(lines < 12, `${lines} lines`);
      feed.close();
    });
  }
});
