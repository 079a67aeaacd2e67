// The built client in a real Chromium, as an ES module and as a classic script, against the real daemon.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, tab as open } from './chromium.mjs';
import { Daemon, numbers, pause, Proxy, until } from './support.mjs';

describe('Chromium', () => {
  let daemon;
  let browser;
  let context;
  const proxies = [];

  before(async () => {
    daemon = await Daemon.start();
    browser = await launch();
  });
  beforeEach(async () => {
    // The demo's own policy does not let a test bring a script along.
    context = await browser.newContext({ bypassCSP: true });
  });
  afterEach(async () => {
    await context.close();
    for (const proxy of proxies.splice(0)) await proxy.end();
  });
  after(async () => {
    await browser.close();
    await daemon.end();
  });

  const tab = (options, more) => open(context, options, { base: daemon.url, ...more });

  for (const transport of ['websocket', 'sse', 'stream', 'poll']) {
    test(`${transport}: in order, through a restart of the daemon, and publishes`, async () => {
      const { page, heard, data, live } = await tab({ channels: [`chat.${transport}`], transport }, { module: true });
      await live(transport);
      await daemon.publishes(`chat.${transport}`, 0, 500);
      await until(numbers(0, 500), () => data());
      await page.evaluate((channel) => feed.publish(channel, { from: 'the page' }), `chat.${transport}`);
      await until(['{"from":"the page"}'], async () => (await data()).slice(500));
      await daemon.stop();
      await daemon.start();
      await until([null], async () => (await heard()).filter(({ type }) => type === 'gap').map(({ missing }) => missing));
      await live(transport);
      await daemon.publish(`chat.${transport}`, 'anew');
      await until(['anew'], async () => (await data()).slice(501));
    });
  }

  test('WebSocket, event source, poll: falls back by itself, and loses nothing', async () => {
    const proxy = await Proxy.to(() => daemon.front);
    proxies.push(proxy);
    const { data, live } = await tab({ channels: ['fall.a', 'fall.b'], openMs: 15_000 }, { base: proxy.url });
    await live('websocket');
    await daemon.publishes('fall.a', 0, 20);
    proxy.upgrades = false;
    proxy.cut();
    await daemon.publishes('fall.b', 0, 20);
    await live('sse');
    await daemon.publishes('fall.a', 20, 40);
    proxy.buffers = true;
    proxy.cut();
    await daemon.publishes('fall.b', 20, 40);
    await live('poll');
    await daemon.publishes('fall.a', 40, 60);
    await daemon.publishes('fall.b', 40, 60);
    await until([numbers(0, 60), numbers(0, 60)], async () => [await data('fall.a'), await data('fall.b')]);
    assert.ok(proxy.seen.includes('text/event-stream'));
  });

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`several tabs, one connection over ${transport}, and the leader goes`, async () => {
      const proxy = await Proxy.to(() => daemon.front);
      proxies.push(proxy);
      const options = { transport, share: true, openMs: 20_000 };
      const name = (channel) => `${transport}.${channel}`;
      const tabs = [await tab({ ...options, channels: [name('all')] }, { base: proxy.url })];
      await tabs[0].live(transport);
      tabs.push(await tab({ ...options, channels: [name('all'), name('two')] }, { base: proxy.url }));
      tabs.push(await tab({ ...options, channels: [name('all')] }, { base: proxy.url }));
      for (const each of tabs) await each.live(transport);
      // A channel that only a follower wants is there when the leader says so: until then, what is new is not yet told.
      await until(true, async () => {
        await daemon.publish(name('two'), 'x');
        await pause(20);
        return (await tabs[1].data(name('two'))).length > 0;
      });
      await daemon.publishes(name('all'), 0, 100);
      for (const each of tabs) await until(numbers(0, 100), () => each.data(name('all')));
      assert.deepEqual(await tabs[0].data(name('two')), [], 'each hears its own channels');
      const open = transport === 'websocket' ? 'websocket' : transport === 'sse' ? 'text/event-stream' : 'application/json';
      assert.ok(proxy.seen.includes(open));
      if (transport === 'websocket') assert.equal(proxy.seen.filter((one) => one === 'websocket').length, 1);

      // The leader is closed while messages are on their way, twice.
      for (const round of [1, 2]) {
        const sending = (async () => {
          for (let n = round * 100; n < round * 100 + 100; n += 10) {
            await daemon.publishes(name('all'), n, n + 10);
            await pause(20);
          }
        })();
        await pause(60);
        await tabs.shift().page.close();
        await sending;
        await until('live', () => tabs[0].page.evaluate(() => feed.state));
        for (const each of tabs) await until(numbers(0, round * 100 + 100), () => each.data(name('all')));
      }
      if (transport === 'websocket') await until(3, () => proxy.seen.filter((one) => one === 'websocket').length);
      assert.deepEqual(await tabs[0].page.evaluate(() => errors), []);
    });
  }

  test('a tab that has been told nothing yet still goes on where the leader was', async () => {
    const [leader, other] = [await tab({ share: true, channels: ['chat.quiet'] }), await tab({ share: true, channels: ['chat.quiet'] })];
    for (const each of [leader, other]) await each.live('websocket');
    await leader.page.close();
    await daemon.publish('chat.quiet', 'while nobody listened');
    await until(['while nobody listened'], () => other.data());
    const late = await tab({ share: true, channels: ['chat.quiet'] });
    await late.live('websocket');
    await late.page.evaluate(() => feed.publish('chat.quiet', 'from one that does not lead'));
    for (const each of [other, late]) await until('from one that does not lead', async () => (await each.data()).at(-1));
  });

  test('a leader that crashes is followed, and a tab that has gone is no longer listened for', async () => {
    const tabs = [];
    for (const channels of [['crash', 'crash.0'], ['crash'], ['crash', 'crash.2']]) {
      tabs.push(await tab({ share: true, channels }));
      await tabs.at(-1).live('websocket');
    }
    const subscribers = (channel) => daemon.subscribers(channel);
    await until([1, 1, 1], () => Promise.all(['crash', 'crash.0', 'crash.2'].map(subscribers)));
    await daemon.publishes('crash', 0, 10);
    for (const each of tabs) await until(numbers(0, 10), () => each.data('crash'));
    const [leader, ...rest] = tabs;
    const crashed = leader.page.waitForEvent('crash');
    leader.page.goto('chrome://crash').catch(() => {});
    await crashed;
    await daemon.publishes('crash', 10, 20);
    for (const each of rest) await until(numbers(0, 20), () => each.data('crash'));
    await until([1, 1], () => Promise.all(['crash', 'crash.2'].map(subscribers)));
    await rest[1].page.close();
    await until(0, () => subscribers('crash.2'));
    await daemon.publishes('crash', 20, 30);
    await until(numbers(0, 30), () => rest[0].data('crash'));
  });

  test('a tab that joins others goes on where it was before a reload', async () => {
    const first = await tab({ share: true, channels: ['join'] });
    await first.live('websocket');
    await daemon.publishes('join', 0, 5);
    await until(numbers(0, 5), () => first.data());
    const cursor = await first.page.evaluate(() => heard[1].cursor);
    const late = await tab({ share: true, channels: ['join'], cursor });
    await late.live('websocket');
    await daemon.publishes('join', 5, 10);
    await until(numbers(2, 10), () => late.data());
    await until(numbers(0, 10), () => first.data());
    await late.page.evaluate(() => feed.subscribe('join.more'));
    await until(true, async () => {
      await daemon.publish('join.more', 'm');
      await pause(20);
      return (await late.data('join.more')).length > 0;
    });
    await first.page.evaluate(() => feed.close());
    await daemon.publishes('join', 10, 15);
    await until(numbers(2, 15), () => late.data('join'));
    await until('live', () => late.page.evaluate(() => feed.state));
    assert.deepEqual(await first.data('join'), numbers(0, 10));
  });

  test('what the last tab that wanted it no longer wants begins anew for the next one', async () => {
    const leader = await tab({ share: true, channels: ['kept'] });
    await leader.live('websocket');
    const first = await tab({ share: true, channels: ['passing'] });
    await until(1, () => daemon.subscribers('passing'));
    await daemon.publish('passing', 'heard');
    await until(['heard'], () => first.data());
    await first.page.close();
    await until(0, () => daemon.subscribers('passing'));
    await daemon.publishes('passing', 0, 5);
    const next = await tab({ share: true, channels: ['passing'] });
    await until(1, () => daemon.subscribers('passing'));
    await daemon.publish('passing', 'new');
    await until('new', async () => (await next.data()).at(-1));
    assert.deepEqual((await next.heard()).map(({ type, data }) => [type, data]), [['message', 'new']]);
  });

  test('a tab that cannot catch up keeps no more than a bound of what it is told meanwhile', async () => {
    // A ping's answer would take a message's place.
    const options = { share: 'bound', channels: ['behind', 'busy'], quietMs: 600_000 };
    const leader = await tab(options);
    await leader.live('websocket');
    await daemon.publish('behind', '0');
    await until(['0'], () => leader.data('behind'));
    const cursor = { behind: await leader.page.evaluate(() => heard[0].cursor) };
    const late = await tab({ ...options, cursor }, { before: (page) => page.route('**/events?*', (route) => route.abort()) });
    await late.live('websocket');
    // Hears after the feed what the feed is told, for it is younger.
    await late.page.evaluate(() => {
      globalThis.told = [];
      globalThis.spy = new BroadcastChannel(`rcomet ${JSON.stringify(['bound', `${location.origin}/`, null, null])}`);
      spy.onmessage = ({ data: { event } }) => event?.data && told.push(event.data);
    });
    await daemon.publishes('busy', 0, 1500);
    await until(1500, async () => (await leader.data('busy')).length);
    await daemon.publish('behind', '1');
    await until(['0', '1'], () => leader.data('behind'));
    await until([...numbers(0, 1500), '1'], () => late.page.evaluate(() => told));
    assert.deepEqual(await late.data(), []);
    await late.page.unroute('**/events?*');
    await until(['1'], () => late.data('behind'));
    // The newest, and that of the other channel: those who were held are heard after what was caught up with.
    await until(numbers(501, 1500), () => late.data('busy'));
    assert.deepEqual(await late.data('behind'), ['1']);
  });
});
