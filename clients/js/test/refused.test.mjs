// One of several channels is refused: it is left, and the others go on, over each transport.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { config, sign } from './signed.mjs';
import { closeAll, connect, Daemon, live, numbers, until } from './support.mjs';

const TRANSPORTS = ['websocket', 'sse', 'poll'];
const told = (feed) => feed.errors.map(({ status, channel }) => [status, channel]);

/** A channel's own token. */
const own = async (daemon, channel) => (await (await fetch(`http://${daemon.admin}/sign?cname=${channel}`)).json()).token;

describe('a channel of its own token', () => {
  let daemon;
  before(async () => { daemon = await Daemon.start('[front]\nauth = "token"'); });
  afterEach(closeAll);
  after(() => daemon.end());

  for (const transport of TRANSPORTS) {
    test(`${transport}: one of three is refused, and the others lose nothing`, async () => {
      const name = (channel) => `${transport}.${channel}`;
      const token = { [name('a')]: await own(daemon, name('a')), [name('b')]: await own(daemon, name('b')) };
      const options = { url: daemon.url, transport, token };
      const before = connect({ ...options, channels: [name('a'), name('b')] });
      await live(before, transport);
      for (const channel of ['a', 'b']) await daemon.publishes(name(channel), 0, 3);
      for (const channel of ['a', 'b']) await until(numbers(0, 3), () => before.data(name(channel)));
      const { cursor } = before;
      before.close();
      for (const channel of ['a', 'b']) await daemon.publishes(name(channel), 3, 6);
      const feed = connect({ ...options, channels: [name('a'), name('not'), name('b')], cursor });
      await until([[403, name('not')]], () => told(feed));
      await live(feed, transport);
      for (const channel of ['a', 'b']) {
        await daemon.publishes(name(channel), 6, 9);
        await until(numbers(3, 9), () => feed.data(name(channel)));
      }
      assert.equal(feed.heard.length, 12, 'once each, and no gap');
      assert.ok(!feed.states.some(({ state }) => state === 'waiting' || state === 'closed'), JSON.stringify(feed.states));
      assert.match(feed.errors[0].message, /token/);
      // Who wants it again is told again, and the others go on.
      feed.subscribe(name('not'));
      await until(2, () => feed.errors.length);
      await live(feed, transport);
      await daemon.publish(name('a'), '9');
      await until(numbers(3, 10), () => feed.data(name('a')));
      assert.deepEqual(told(feed), [[403, name('not')], [403, name('not')]]);
    });

    test(`${transport}: where none is left, the feed waits for another`, async () => {
      const token = { [`${transport}.later`]: await own(daemon, `${transport}.later`) };
      const feed = connect({ url: daemon.url, transport, token, channels: ['no.1', 'no.2'] });
      await until([[403, 'no.1'], [403, 'no.2']], () => told(feed));
      await until(transport === 'websocket' ? 'live' : 'idle', () => feed.state);
      feed.subscribe(`${transport}.later`);
      await until(1, () => daemon.subscribers(`${transport}.later`));
      await daemon.publish(`${transport}.later`, 'x');
      await until(['x'], () => feed.data());
    });

    test(`${transport}: a listener that takes back the others, or closes the feed, is followed`, async () => {
      const token = { taken: await own(daemon, 'taken') };
      const feed = connect({ url: daemon.url, transport, token, channels: ['no', 'taken'] });
      feed.on('error', () => feed.unsubscribe('taken'));
      await until(transport === 'websocket' ? 'live' : 'idle', () => feed.state);
      await until(0, async () => await daemon.subscribers('taken') ?? 0);
      const other = connect({ url: daemon.url, transport, token, channels: ['no', 'taken'] });
      other.on('error', () => other.close());
      await until('closed', () => other.state);
      assert.deepEqual([...told(feed), ...told(other)], [[403, 'no'], [403, 'no']]);
    });
  }

  test('a channel whose name cannot be is left, too', async () => {
    for (const transport of TRANSPORTS) {
      const token = { fit: await own(daemon, 'fit') };
      const feed = connect({ url: daemon.url, transport, token, channels: ['"\n\\', 'fit'] });
      await until(1, () => feed.errors.length);
      assert.equal(feed.errors[0].channel, '"\n\\');
      await live(feed, transport);
      feed.close();
    }
  });
});

describe('a channel that a signed token does not allow', () => {
  let daemon;
  before(async () => { daemon = await Daemon.start(config(2)); });
  afterEach(closeAll);
  after(() => daemon.end());

  for (const transport of TRANSPORTS) {
    for (const [kind, token] of [['one', sign(600, 'good*')], ['a function', () => sign(600, 'good*')]]) {
      test(`${transport}: with ${kind}, it is left, and the others go on`, async () => {
        const channels = ['good.1', 'bad', 'good.2'].map((channel) => `${channel}.${transport}.${kind.length}`);
        const feed = connect({ url: daemon.url, transport, channels, token });
        await until([[403, channels[1]]], () => told(feed));
        await live(feed, transport);
        for (const channel of [channels[0], channels[2]]) {
          await daemon.publish(channel, 'x');
          await until(['x'], () => feed.data(channel));
        }
        assert.equal(feed.errors.length, 1);
      });
    }

    test(`${transport}: with tokens for some, the one without is left`, async () => {
      const channels = [`own.${transport}`, `none.${transport}`];
      const token = { [channels[0]]: await own(daemon, channels[0]) };
      for (const given of [token, () => token]) {
        const feed = connect({ url: daemon.url, transport, channels, token: given });
        await until([[401, channels[1]]], () => told(feed));
        await live(feed, transport);
        await daemon.publish(channels[0], 'x');
        await until(['x'], () => feed.data());
        feed.close();
      }
    });

    test(`${transport}: a token that is over is no channel's, and the end`, async () => {
      for (const token of [sign(-10), undefined]) {
        const feed = connect({ url: daemon.url, transport, channels: ['a', 'b'], token });
        await until([[401, undefined]], () => told(feed));
        await until('closed', () => feed.state);
      }
    });
  }
});

test('a refusal of a channel that nobody wants is tried again, and not believed', async () => {
  const server = http.createServer((request, response) => {
    response.writeHead(403, { 'content-type': 'application/problem+json' }).end('{"status":403,"detail":"no","channel":"other"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const transport of ['sse', 'poll']) {
    const feed = connect({ url: `http://127.0.0.1:${server.address().port}`, transport, channels: ['mine'], retryMsMax: 100 });
    await until(true, () => feed.states.filter(({ state }) => state === 'waiting').length > 2);
    assert.deepEqual(feed.errors, []);
  }
  closeAll();
  server.closeAllConnections();
  server.close();
});
