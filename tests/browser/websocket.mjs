// WebSockets with clients that are not ours: a real browser's and npm's `ws`, with compression and without, through a
// restart of the daemon.
//
//   node websocket.mjs      by environment: RCOMET (the binary), CHROMIUM
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { Daemon, soon } from './daemon.mjs';
import { check, launch, run, SOON_MS } from './support.mjs';

const LONG = 'lång, but it repeats itself; '.repeat(300);

/** A client in a page of the browser. What it hears is kept there, and fetched piece by piece. */
class InPage {
  static async opens(page, url) {
    const client = new InPage();
    client.page = page;
    client.extensions = await soon(page.evaluate((url) => new Promise((done, fail) => {
      globalThis.heard = [];
      globalThis.socket = new WebSocket(url);
      socket.onopen = () => done(socket.extensions);
      socket.onerror = () => fail(new Error('no connection'));
      socket.onmessage = (event) => heard.push(event.data);
      socket.onclose = (event) => heard.push(JSON.stringify({ closed: event.code, clean: event.wasClean }));
    }), url), 'a connection');
    return client;
  }

  say(message) {
    return this.page.evaluate((text) => socket.send(text), JSON.stringify(message));
  }

  async hears(n) {
    await this.page.waitForFunction((n) => heard.length >= n, n, { timeout: SOON_MS });
    return (await this.page.evaluate((n) => heard.splice(0, n), n)).map((text) => JSON.parse(text));
  }

  close() {
    return this.page.evaluate(() => socket.close(1000, 'bye'));
  }
}

/** The same with npm's `ws`. */
class InNode {
  static async opens(url, options) {
    const client = new InNode();
    client.heard = [];
    client.wake = () => {};
    client.socket = new WebSocket(url, options);
    client.socket.on('message', (data, isBinary) => client.hear(isBinary ? { bytes: data } : JSON.parse(data)));
    client.socket.on('close', (code) => client.hear({ closed: code, clean: true }));
    await soon(new Promise((done, fail) => client.socket.on('open', done).on('error', fail)), 'a connection');
    client.extensions = client.socket.extensions;
    return client;
  }

  hear(what) {
    this.heard.push(what);
    this.wake();
  }

  async say(message) {
    this.socket.send(JSON.stringify(message));
  }

  async hears(n) {
    while (this.heard.length < n) {
      await soon(new Promise((done) => { this.wake = done; }), `${n} messages, and there are ${this.heard.length}`);
    }
    return this.heard.splice(0, n);
  }

  close() {
    this.socket.close(1000, 'bye');
  }
}

/** One client's life; `opens` connects it, again and again. */
async function life(by, daemon, compression, opens) {
  const channel = `open.${by.replace(/\W/g, '')}`;
  let client;
  let cursor;

  await check(`${by}: connects and agrees on ${compression ? 'compression' : 'none'}`, async () => {
    client = await opens();
    assert.equal(/permessage-deflate/.test(client.extensions), compression, client.extensions);
  });

  await check(`${by}: subscribes, publishes, and hears the admin side`, async () => {
    await client.say({ type: 'subscribe', channel, id: 1 });
    const [subscribed] = await client.hears(1);
    assert.deepEqual([subscribed.type, subscribed.id, subscribed.seq], ['subscribed', 1, 0]);
    const before = await daemon.counter('frames_deflated');
    await daemon.publish(channel, LONG);
    await daemon.publish(channel, 'short \u2028 <&> 😀');
    const got = await client.hears(2);
    assert.deepEqual(got.map((m) => [m.type, m.seq, m.data]), [['message', 1, LONG], ['message', 2, 'short \u2028 <&> 😀']]);
    assert.equal(await daemon.counter('frames_deflated') - before, compression ? 1 : 0);
    await client.say({ type: 'publish', channel, data: LONG + 2, id: 'x' });
    const [published, message] = await client.hears(2);
    assert.deepEqual([published, message.data], [{ type: 'published', id: 'x' }, LONG + 2]);
    await client.say({ type: 'publish', channel: 'shut', data: '', id: 3 });
    assert.deepEqual((await client.hears(1)).map((m) => [m.type, m.id, m.status]), [['error', 3, 403]]);
    cursor = got[0].cursor;
  });

  await check(`${by}: closes, comes back, and goes on where it was`, async () => {
    await client.close();
    assert.deepEqual(await client.hears(1), [{ closed: 1000, clean: true }]);
    client = await opens();
    await client.say({ type: 'subscribe', channel, cursor });
    assert.deepEqual((await client.hears(3)).map((m) => [m.type, m.seq]), [['subscribed', 1], ['message', 2], ['message', 3]]);
  });

  await check(`${by}: is told when the daemon goes, and what is lost when it comes back`, async () => {
    await daemon.stop();
    assert.deepEqual(await client.hears(1), [{ closed: 1001, clean: true }]);
    await daemon.start();
    client = await opens();
    await client.say({ type: 'subscribe', channel, cursor });
    const [gap, subscribed] = await client.hears(2);
    const { epoch } = gap;
    assert.match(epoch, /^\w+$/);
    assert.deepEqual([subscribed.type, subscribed.seq, gap], ['subscribed', 0, { type: 'gap', channel, next: 1, missing: null, because: 'epoch', epoch }]);
    await daemon.publish(channel, 'anew');
    assert.deepEqual((await client.hears(1)).map((m) => [m.seq, m.data]), [[1, 'anew']]);
    await client.close();
    await client.hears(1);
  });
}

const browser = await launch();
await run(async () => {
  for (const compression of [true, false]) {
    const daemon = new Daemon('demo = true\n[front]\npublish = ["open.*"]\n'
      + `[websocket]\ncompression = ${compression}\necho = true`);
    await daemon.start();
    const url = `ws://${daemon.front}/ws`;
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://${daemon.front}/chat/`);
    await life(`Chromium, compression ${compression}`, daemon, compression, () => InPage.opens(page, url));
    await page.context().close();
    await life(`ws, compression ${compression}`, daemon, compression, () => InNode.opens(url));

    await check(`ws, compression ${compression}: fragments, bytes, pings, large messages`, async () => {
      const client = await InNode.opens(`ws://${daemon.front}/echo`);
      client.socket.send('"one ', { fin: false });
      client.socket.send('and ', { fin: false });
      client.socket.ping('alive?');
      client.socket.send('two"', { fin: true });
      const pong = await soon(new Promise((done) => client.socket.on('pong', done)), 'a pong');
      assert.equal(String(pong), 'alive?');
      assert.deepEqual(await client.hears(1), ['one and two']);
      const bytes = Buffer.from(Array.from({ length: 900_000 }, (_, n) => (n * n) >> 3));
      client.socket.send(bytes);
      assert.ok((await client.hears(1))[0].bytes.equals(bytes));
      client.socket.send(JSON.stringify('x'.repeat(2_000_000)));
      assert.deepEqual(await client.hears(1), [{ closed: 1009, clean: true }]);
    });
    await daemon.forget();
  }
}, () => browser.close());
