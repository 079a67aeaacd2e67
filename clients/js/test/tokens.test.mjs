// Signed tokens: the feed asks for another before one is over, and nothing is lost when it changes.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { connect, Daemon, live, numbers, pause, until } from './support.mjs';

const SECRET = '0123456789abcdef0123456789abcdef';
const CONFIG = `
[token]
required = true
leeway_seconds = 0
warn_seconds = 2
[[token.keys]]
id = "a"
algorithm = "HS256"
secret = "${SECRET}"
`;

/** A token for channels of a pattern that is good for so many seconds. */
function sign(seconds, match = '*', acts = ['subscribe', 'publish']) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { exp: Math.floor(Date.now() / 1000) + seconds, channels: [{ match, do: acts }] };
  const signed = `${part({ alg: 'HS256', kid: 'a' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

describe('tokens', () => {
  let daemon;
  before(async () => { daemon = await Daemon.start(CONFIG); });
  after(() => daemon.end());

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: another is asked for in time, and nothing is lost`, async () => {
      const channel = `renewed.${transport}`;
      let asked = 0;
      const feed = connect({
        url: daemon.url, transport, channels: [channel, `${channel}.2`], retryMs: 50,
        token: async () => { asked++; return sign(4); },
      });
      await live(feed);
      for (let n = 0; n < 30; n++) {
        await daemon.publish(channel, String(n));
        await pause(300);
      }
      await until(numbers(0, 30), () => feed.data(channel));
      assert.equal(feed.heard.length, 30, 'once each, and no gap');
      assert.ok(asked >= 3 && asked < 12, `${asked} tokens`);
      if (transport !== 'sse') assert.ok(!feed.states.some(({ state }) => state === 'waiting'), 'without a break');
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
});
