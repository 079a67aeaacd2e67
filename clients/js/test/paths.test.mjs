// Paths that are bad, and get bad while they are used: real proxies in front of the real daemon.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { closeAll, connect, Daemon, live, numbers, pause, Proxy, until, Wire } from './support.mjs';

describe('paths', () => {
  let daemon;
  const closing = [];
  const open = (options) => {
    const feed = connect({ openMs: 20_000, ...options });
    closing.push(feed);
    return feed;
  };
  const proxied = async (options) => {
    const proxy = await Proxy.to(() => daemon.front, options);
    closing.push({ close: () => proxy.end() });
    return proxy;
  };
  before(async () => { daemon = await Daemon.start(); });
  afterEach(async () => { for (const each of closing.splice(0)) await each.close(); });
  after(() => daemon.end());

  test('a WebSocket where nothing is in the way', async () => {
    const proxy = await proxied();
    const feed = open({ url: proxy.url, channels: ['free'] });
    await live(feed, 'websocket');
    await daemon.publish('free', '1');
    await until(['1'], () => feed.data());
    assert.deepEqual(proxy.seen, ['websocket']);
  });

  test('an event stream where upgrades are refused', async () => {
    const proxy = await proxied({ upgrades: false });
    const feed = open({ url: proxy.url, channels: ['refused'] });
    await live(feed, 'sse');
    await daemon.publish('refused', '1');
    await until(['1'], () => feed.data());
    assert.deepEqual(proxy.seen, ['websocket', 'text/event-stream']);
  });

  test('polls where streams are held back', async () => {
    const proxy = await proxied({ upgrades: false, buffers: true });
    const feed = open({ url: proxy.url, channels: ['held'], openMs: 1500 });
    await live(feed, 'poll');
    await daemon.publish('held', '1');
    await until(['1'], () => feed.data());
    assert.deepEqual([...new Set(proxy.seen)], ['websocket', 'text/event-stream', 'application/json']);
  });

  test('without a WebSocket, an event stream', async () => {
    const feed = open({ url: daemon.url, channels: ['none'], WebSocket: null });
    await live(feed, 'sse');
  });

  test('a path that gets worse, and better again: nothing is lost or doubled', async () => {
    const proxy = await proxied();
    const feed = open({ url: proxy.url, channels: ['tour.a', 'tour.b', 'tour.quiet'], openMs: 3000, retryMs: 10, retryMsMax: 50 });
    await live(feed, 'websocket');
    let sent = 0;
    let going = true;
    // Two channels at once, so that each has a cursor of its own over the WebSocket.
    const publishing = (async () => {
      while (going) {
        // Less than is kept (history_messages_max) while a path is given up, however long that takes.
        if (sent < 500 + Math.min(...['tour.a', 'tour.b'].map((channel) => feed.data(channel).length))) {
          await Promise.all([daemon.publishes('tour.a', sent, sent + 5), daemon.publishes('tour.b', sent, sent + 5)]);
          sent += 5;
        }
        await pause(20);
      }
    })();
    const turns = async (path, transport) => {
      const before = feed.states.length;
      Object.assign(proxy, path);
      proxy.cut();
      await until(true, () => feed.states.slice(before).some((now) => now.state === 'live' && now.transport === transport));
      const had = feed.heard.length;
      await until(true, () => feed.heard.length > had + 20);
    };
    await pause(50);
    await turns({ upgrades: false }, 'sse');
    await turns({ buffers: true }, 'poll');
    await turns({ upgrades: true, buffers: false }, 'websocket');
    await turns({ upgrades: false, buffers: true }, 'poll');
    await turns({ upgrades: true, buffers: false }, 'websocket');
    going = false;
    await publishing;
    await daemon.publish('tour.quiet', 'at last');
    await until(['at last'], () => feed.data('tour.quiet'));
    for (const channel of ['tour.a', 'tour.b']) await until(numbers(0, sent), () => feed.data(channel));
    assert.deepEqual(feed.gaps(), []);
  });

  test('a line that has gone silent is noticed', async () => {
    const wire = await Wire.to(() => daemon.front);
    closing.push({ close: () => wire.end() });
    const feed = open({ url: wire.url, channels: ['silent'], transport: 'websocket', quietMs: 500 });
    await live(feed);
    await pause(2500);
    assert.equal(wire.connections, 1, 'a quiet line is not a dead one');
    wire.freeze();
    await until(2, () => wire.connections);
    await live(feed);
    await daemon.publish('silent', '1');
    await until(['1'], () => feed.data());
  });

  test('nobody there: tries again, later and later, and not in step', async () => {
    // A port that no system gives to a program that asks for any.
    const feed = open({ url: 'http://127.0.0.1:2', channels: ['x'], transport: 'poll', retryMs: 2, retryMsMax: 32 });
    const delays = () => feed.states.filter(({ state }) => state === 'waiting').map(({ delay }) => delay);
    await until(true, () => delays().length >= 60);
    const most = (n) => Math.min(32, 2 * 2 ** n);
    const parts = delays().map((delay, n) => delay / most(n));
    assert.ok(parts.every((part) => part >= 0 && part <= 1), parts);
    // Evenly between none and all: that fewer than five of sixty are in a quarter has a chance of one in a thousand million.
    for (let quarter = 0; quarter < 4; quarter++) {
      assert.ok(parts.filter((part) => Math.floor(part * 4) === quarter).length >= 2, `${quarter}: ${parts}`);
    }
  });

  test('everything that is tried is tried before it waits', async () => {
    const proxy = await proxied({ upgrades: false, buffers: true });
    await daemon.stop();
    const feed = open({ url: proxy.url, channels: ['down'], openMs: 1500 });
    await until(true, () => feed.states.length > 3);
    assert.deepEqual(feed.states.slice(0, 4).map(({ state, transport }) => (state === 'connecting' ? transport : state)),
      ['websocket', 'sse', 'poll', 'waiting']);
    await daemon.start();
    await live(feed, 'poll');
  });
});

describe('who may', () => {
  let daemon;
  before(async () => { daemon = await Daemon.start('[front]\nauth = "token"'); });
  afterEach(closeAll);
  after(() => daemon.end());

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: refused without a token, let in with one`, async () => {
      const refused = connect({ url: daemon.url, channels: ['secret'], transport });
      await until(['secret'], () => refused.errors.map(() => 'secret'));
      assert.equal(refused.errors[0].status, 403);
      assert.equal(refused.errors[0].channel, 'secret');
      await until(transport === 'websocket' ? 'live' : 'idle', () => refused.state);
      refused.close();
      const sign = async (channel) => (await (await fetch(`http://${daemon.admin}/sign?cname=${channel}`)).json()).token;
      const token = { secret: await sign('secret'), private: await sign('private') };
      const feed = connect({ url: daemon.url, channels: Object.keys(token), token, transport });
      await live(feed);
      await daemon.publish('secret', '1');
      await daemon.publish('private', '2');
      await until(['1', '2'], () => feed.data().sort());
      assert.deepEqual(feed.errors, []);
      feed.close();
    });
  }
});
