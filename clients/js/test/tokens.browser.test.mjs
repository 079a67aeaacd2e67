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
  const proxies = [];
  afterEach(async () => { for (const proxy of proxies.splice(0)) await proxy.end(); });
  const tab = (options, more) => open(context, options, { base: daemon.url, ...more });

  test('an event source: another is asked for in time, and nothing is lost', async () => {
    const began = Date.now();
    let asked = 0;
    const { data, live } = await tab({ transport: 'sse', channels: ['renewed'] }, { token: () => (asked++, sign(4)) });
    await live('sse');
    for (let n = 0; n < 30; n++) {
      await daemon.publish('renewed', String(n));
      await pause(300);
    }
    await until(numbers(0, 30), () => data());
    const seconds = (Date.now() - began) / 1000;
    assert.ok(asked >= 3 && asked < 3 + seconds, `${asked} tokens in ${seconds} s`);
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
    proxies.push(proxy);
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
  });

  const told = async ({ errors }) => (await errors()).map(({ status, channel }) => [status, channel]);

  test('an event source: a token that is over, and no other, is an error, and the end', async () => {
    const one = await tab({ transport: 'sse', channels: ['theirs'], token: sign(-10) });
    await until([[401, undefined]], () => told(one));
    await until('closed', () => one.page.evaluate(() => feed.state));
  });

  for (const transport of ['websocket', 'sse', 'stream', 'poll']) {
    test(`${transport}: one of three channels is refused, and the others go on`, async () => {
      const [first, bad, second] = ['good.1', 'bad', 'good.2'].map((channel) => `${channel}.${transport}`);
      const one = await tab({ transport, channels: [first, bad, second], token: sign(600, 'good*') });
      await until([[403, bad]], () => told(one));
      await one.live(transport);
      for (const channel of [first, second]) {
        await daemon.publishes(channel, 0, 10);
        await until(numbers(0, 10), () => one.data(channel));
      }
      assert.equal((await one.heard()).length, 20);
    });
  }

  // Whose channel it is that is refused: the leading tab's or another's, of which none leads before it has an answer.
  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`tabs that share a line over ${transport}: a refused channel is told to those who want it, and all others go on`, async () => {
      const name = (channel) => `${channel}.${transport}`;
      const options = { transport, share: true, token: sign(600, 'good*') };
      const open = (...channels) => tab({ ...options, channels: channels.map(name) });
      const leader = await open('good.1', 'bad.1');
      await until([[403, name('bad.1')]], () => told(leader));
      await leader.live(transport);
      let sent = 0;
      const publishes = async (tabs) => {
        await daemon.publishes(name('good.1'), sent, sent + 20);
        sent += 20;
        for (const each of tabs) await until(numbers(0, sent), () => each.data(name('good.1')));
      };
      await publishes([leader]);
      // While messages are on their way, others come whose channels are refused: the leader begins its line anew.
      const sending = daemon.publishes(name('good.1'), sent, sent + 100);
      const others = [await open('bad.2', 'good.2'), await open('good.2', 'bad.2', 'bad.3')];
      await sending;
      sent += 100;
      await until([[403, name('bad.2')]], () => told(others[0]));
      await until([[403, name('bad.2')], [403, name('bad.3')]], async () => (await told(others[1])).sort());
      for (const each of [leader, ...others]) await each.live(transport);
      await publishes([leader]);
      await until(1, () => daemon.subscribers(name('good.2')));
      await daemon.publish(name('good.2'), 'x');
      for (const each of others) await until(['x'], () => each.data(name('good.2')));
      assert.deepEqual(await told(leader), [[403, name('bad.1')]], 'what others want is not its affair');
      // When the leader goes, the next does not ask for what has been refused.
      await leader.page.close();
      await until(0, () => daemon.subscribers(name('good.1')));
      await until(1, () => daemon.subscribers(name('good.2')));
      await daemon.publish(name('good.2'), 'y');
      for (const each of others) await until(['x', 'y'], () => each.data(name('good.2')));
      assert.equal((await others[0].errors()).length, 1);
      assert.equal((await others[1].errors()).length, 2);
    });
  }

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

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`a tab that joins others over ${transport}, one of whose channels is refused, hears the past of the others`, async () => {
      const token = sign(600, 'good*', ALL);
      const [one, two] = [`good.past.1.${transport}`, `good.past.2.${transport}`];
      await daemon.publishes(one, 0, 3);
      await daemon.publishes(two, 0, 3);
      const options = { transport, share: true, history: 10, token };
      const first = await tab({ ...options, channels: [one] });
      await first.live(transport);
      const second = await tab({ ...options, channels: ['bad', one, two] });
      for (const channel of [one, two]) {
        await until(numbers(0, 3), () => second.data(channel));
        await daemon.publish(channel, '3');
        await until(numbers(0, 4), () => second.data(channel));
      }
      await until([[403, 'bad']], () => told(second));
      await until(numbers(0, 4), () => first.data(one));
      assert.deepEqual(await first.errors(), []);
    });
  }
});
