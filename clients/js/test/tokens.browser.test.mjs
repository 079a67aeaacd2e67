// Signed tokens in a real Chromium: its EventSource says nothing of a status, and tabs that share a line have tokens of their own.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, tab as open } from './chromium.mjs';
import { config, sign } from './signed.mjs';
import { Daemon, numbers, pause, Proxy, until } from './support.mjs';

const ALL = ['subscribe', 'publish', 'history'];

describe('tokens in Chromium', () => {
  let daemon;
  let browser;
  let context;
  before(async () => {
    daemon = await Daemon.start(config(2));
    browser = await launch();
  });
  beforeEach(async () => { context = await browser.newContext({ bypassCSP: true }); });
  afterEach(() => context.close());
  after(async () => {
    await browser.close();
    await daemon.end();
  });
  const tab = (options, more) => open(context, options, { base: daemon.url, ...more });

  test('an event source: another is asked for in time, and nothing is lost', async () => {
    let asked = 0;
    const { data, live } = await tab({ transport: 'sse', channels: ['renewed'] }, { token: () => (asked++, sign(4)) });
    await live('sse');
    for (let n = 0; n < 30; n++) {
      await daemon.publish('renewed', String(n));
      await pause(300);
    }
    await until(numbers(0, 30), () => data());
    assert.ok(asked >= 3 && asked < 12, `${asked} tokens`);
  });

  test('an event source: a token that is over is followed by another', async () => {
    let asked = 0;
    const { data, live } = await tab({ transport: 'sse', channels: ['over'] }, { token: () => sign(asked++ < 1 ? -10 : 600) });
    await live('sse');
    await daemon.publish('over', 'x');
    await until(['x'], () => data());
    assert.equal(asked, 2);
  });

  test('an event source, where WebSockets do not get through: cut, and back when its token is over', async () => {
    const proxy = await Proxy.to(() => daemon.front, { upgrades: false });
    let asked = 0;
    let away = false;
    proxy.server.on('connection', (socket) => away && socket.destroy());
    const options = { transport: ['websocket', 'sse'], channels: ['slept'] };
    const { data, live, page } = await tab(options, { base: proxy.url, token: () => (asked++, sign(asked < 2 ? 4 : 600)) });
    await live('sse');
    away = true;
    proxy.cut();
    await daemon.publish('slept', 'while away');
    await pause(5000);
    away = false;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await until(['while away'], () => data());
    assert.equal(asked, 2);
    await proxy.end();
  });

  test('an event source: one that does not allow it is an error, and the end', async () => {
    const { errors, page } = await tab({ transport: 'sse', channels: ['theirs'], token: sign(600, 'mine') });
    await until([403], async () => (await errors()).map(({ status }) => status));
    assert.equal(await page.evaluate(() => feed.state), 'closed');
  });

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`a tab that joins others over ${transport} asks for a token itself: for what was before, and for publishing`, async () => {
      const channel = `joined.${transport}`;
      await daemon.publishes(channel, 0, 3);
      const options = { transport, share: true, channels: [channel], history: 10 };
      const first = await tab(options, { token: () => sign(600, '*', ALL) });
      await first.live(transport);
      let asked = 0;
      const second = await tab(options, { token: () => (asked++, sign(asked < 2 ? 2 : 600, '*', ALL)) });
      await until(numbers(0, 3), () => second.data());
      await daemon.publish(channel, '3');
      await until(numbers(0, 4), () => second.data());
      await pause(3000); // its token is over, and nobody has told it so
      await second.publish(channel, '4');
      for (const each of [first, second]) await until(numbers(0, 5), () => each.data());
      assert.equal(asked, 2);
      assert.deepEqual(await second.errors(), []);
    });
  }

  test('a tab that joins others, one of whose channels is refused, hears the others', async () => {
    const token = sign(600, 'good*', ALL);
    await daemon.publishes('good.1', 0, 3);
    await daemon.publishes('good.2', 0, 3);
    const options = { transport: 'websocket', share: true, history: 10, token };
    const first = await tab({ ...options, channels: ['good.1'] });
    await first.live('websocket');
    const second = await tab({ ...options, channels: ['bad', 'good.1', 'good.2'] });
    for (const channel of ['good.1', 'good.2']) {
      await until(numbers(0, 3), () => second.data(channel));
      await daemon.publish(channel, '3');
      await until(numbers(0, 4), () => second.data(channel));
    }
    await until([[403, 'bad']], async () => (await second.errors()).map(({ status, channel }) => [status, channel]));
  });
});
