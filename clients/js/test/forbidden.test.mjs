// A proxy that forbids what it does not know: what it says is not what the daemon says, and another path is tried.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { closeAll, connect, Daemon, live, Proxy, until } from './support.mjs';

let daemon;
let proxy;
before(async () => {
  daemon = await Daemon.start();
  proxy = await Proxy.to(() => daemon.front, { upgrades: false, streams: false });
});
afterEach(closeAll);
after(async () => {
  await proxy.end();
  await daemon.end();
});

test('403 as a page to upgrades and streams: polls get through', async () => {
  const feed = connect({ url: proxy.url, channels: ['a'] });
  await live(feed, 'poll');
  await daemon.publish('a', '1');
  await until(['1'], () => feed.data());
  assert.deepEqual(feed.errors, []);
  assert.ok(proxy.seen.includes('text/event-stream'), proxy.seen.join());
});
