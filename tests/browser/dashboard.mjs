// The dashboard in a real Chromium: what it shows is what the server does, live, and a channel's page reads and publishes.
import assert from 'node:assert/strict';
import { NASTY, admin, check, front, launch, pause, run, until, untilLike } from './support.mjs';

const browser = await launch();
const page = await browser.newPage();
const complaints = [];
page.on('pageerror', (error) => complaints.push(String(error)));
page.on('console', (message) => {
  // A look at a channel may be under way while it is closed, or before it is there.
  const isGone = message.text().includes('404') && /\/channels\/(odd|report|long|bytes|hidden|fast|passing)/.test(message.location().url);
  const isRefused = message.text().includes('400') && message.location().url.includes('channel=long')
    || message.text().includes('503') && message.location().url.includes('channel=passing');
  if (message.type() === 'error' && !isGone && !isRefused) complaints.push(`${message.text()} ${message.location().url}`);
});

const text = (selector) => page.locator(selector).innerText();
const push = (channel, content) => fetch(`${admin}/push?cname=${encodeURIComponent(channel)}&content=${encodeURIComponent(content)}`);
const listeners = [];

await run(async () => {
  await check('opens live, from the admin side only', async () => {
    assert.equal((await fetch(`${front}/dashboard`)).status, 404);
    await page.goto(`${admin}/`);
    await page.waitForURL(/\/dashboard$/);
    await until('Live', () => text('#line-text'));
    await untilLike(/^up /, () => text('#uptime'));
  });

  await check('counts connections by dialect and transport, and channels by subscribers', async () => {
    for (const [n, target] of [[3, '/stream?cname=board'], [2, '/events?channel=board']]) {
      for (let i = 0; i < n; i++) {
        const cut = new AbortController();
        listeners.push(cut);
        const answer = await fetch(front + target, { signal: cut.signal });
        answer.text().catch(() => {});
      }
    }
    await until(true, async () => /icomet\s+stream\s+3/.test(await text('#kinds')) && /native\s+SSE\s+2/.test(await text('#kinds')));
    await until(true, async () => /board\s+5/.test(await text('#channels')));
  });

  await check('draws messages as they are published', async () => {
    let going = true;
    const publishing = (async () => { for (; going; await pause(20)) await push('board', 'tick'); })();
    await until(true, async () => Number(await text('#published')) > 5 && Number(await text('#delivered')) > 25);
    going = false;
    await publishing;
    await until(true, async () => (await page.locator('#plot-messages path.l1').count()) > 0);
  });

  await check('names a limit that was reached, with what it means', async () => {
    const answer = await fetch(`${front}/stream?cname=${'x'.repeat(10_000)}`);
    assert.ok(answer.status >= 200);
    await until(true, async () => /request_lines_too_long[\s\S]*414/.test(await text('#limits')) || /names_refused/.test(await text('#limits')));
  });

  await check('a channel has a page with its past and what comes', async () => {
    await push(`odd/${NASTY}`, NASTY);
    await page.fill('#go-name', `odd/${NASTY}`);
    await page.press('#go-name', 'Enter');
    await until(`odd/${NASTY}`.trim(), async () => (await page.locator('#one-name').textContent()).trim());
    await until([NASTY], () => page.locator('#one-log li span').allTextContents());
    await push(`odd/${NASTY}`, 'second');
    await until([NASTY, 'second'], () => page.locator('#one-log li span').allTextContents());
    assert.equal(await page.locator('img').count(), 0, 'text is never markup');
  });

  await check('its box publishes to everybody', async () => {
    await page.fill('#publish-data', `from the board ${NASTY}`);
    await page.press('#publish-data', 'Enter');
    await until([NASTY, 'second', `from the board ${NASTY}`], () => page.locator('#one-log li span').allTextContents());
    await untilLike(/^Published as number 3\.$/, () => page.locator('#publish-said').textContent());
  });

  await check('a channel can be closed, and says so', async () => {
    page.once('dialog', (dialog) => dialog.accept());
    await page.click('#one-close');
    await until('closed', () => text('#one-live'));
    const { channels } = await (await fetch(`${admin}/channels?prefix=odd`)).json();
    assert.deepEqual(channels, []);
  });

  await check('what its box publishes then is shown again', async () => {
    await page.fill('#publish-data', 'a new life');
    await page.press('#publish-data', 'Enter');
    await until(['The channel was closed.', 'a new life'], async () => (await page.locator('#one-log li span').allTextContents()).slice(-2));
    await until('live', () => text('#one-live'));
  });

  await check('bytes that are no text are said to be', async () => {
    await page.goto(`${admin}/dashboard#channel=bytes`);
    await until('live', () => text('#one-live'));
    await fetch(`${admin}/publish?channel=bytes`, { method: 'POST', headers: { 'content-type': 'image/png' }, body: new Uint8Array([0xff, 0xfe, 0]) });
    await until(['base64: //4A'], () => page.locator('#one-log li span').allTextContents());
  });

  const become = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);

  await check('a channel that cannot be says why', async () => {
    await page.goto(`${admin}/dashboard#channel=${'long'.repeat(100)}`);
    await until('refused', () => text('#one-live'));
    await untilLike(/^The server refuses: .*too long/, () => page.locator('#one-log li span').first().innerText());
  });

  await check('a channel that is refused for a time is asked for again', async () => {
    const events = /\/events\?channel=passing/;
    const detail = 'memory_bytes_max is reached';
    let sources = 0;
    await page.route(events, (route) => {
      sources += route.request().headers().accept === 'text/event-stream' ? 1 : 0;
      return route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ detail }) });
    });
    await page.goto(`${admin}/dashboard#channel=passing`);
    await until([`The server refuses: ${detail}.`], () => page.locator('#one-log li span').allTextContents());
    await until('refused', () => text('#one-live'));
    // However often it was looked at: every five seconds.
    for (let n = 0; n < 10; n++) {
      await become(true);
      await become(false);
      await until('refused', () => text('#one-live'));
      await pause(100);
    }
    sources = 0;
    await pause(7000);
    assert.ok(sources >= 1 && sources <= 2, `${sources} times`);
    await page.unroute(events);
    await until('live', () => text('#one-live'));
  });

  await check('a tab that nobody sees holds no connection, and misses nothing', async () => {
    await page.goto(`${admin}/dashboard#channel=hidden`);
    await until('live', () => text('#one-live'));
    await push('hidden', 'before');
    await until(['before'], () => page.locator('#one-log li span').allTextContents());
    const watching = async () => {
      const { connections } = await (await fetch(`${admin}/stats`)).json();
      return connections.filter(([, transport]) => transport === 'statistics').length;
    };
    const readers = async () => (await (await fetch(`${admin}/channels/hidden`)).json()).subscribers;
    await until(1, watching);
    await become(true);
    await until(0, readers);
    await until(0, watching);
    await push('hidden', 'meanwhile');
    await become(false);
    await until(['before', 'meanwhile'], () => page.locator('#one-log li span').allTextContents());
    await push('hidden', 'after');
    await until(['before', 'meanwhile', 'after'], () => page.locator('#one-log li span').allTextContents());
    await until(1, watching);
  });

  await check('a channel that is fast is drawn to its end', async () => {
    await page.goto(`${admin}/dashboard#channel=fast`);
    await until('live', () => text('#one-live'));
    for (let i = 0; i < 20; i++) {
      const messages = Array.from({ length: 100 }, (_, n) => ({ channel: 'fast', data: String(100 * i + n) }));
      await fetch(`${admin}/publish`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ messages }) });
    }
    await until('1999', () => page.locator('#one-log li span').last().innerText());
    assert.deepEqual(await page.locator('#one-log li span').allTextContents(), Array.from({ length: 500 }, (_, n) => String(1500 + n)));
  });

  await check('a name that ends in .json is that channel, and no other', async () => {
    for (const name of ['report', 'report.json', 'report.jsonp']) await push(name, name);
    for (const name of ['report.json', 'report.jsonp']) {
      await page.goto(`${admin}/dashboard#channel=${name}`);
      await until([name], () => page.locator('#one-log li span').allTextContents());
      await until('2', () => page.locator('#one-facts dd').last().innerText()); // the next number
      page.once('dialog', (dialog) => dialog.accept());
      await page.click('#one-close');
      await until('closed', () => text('#one-live'));
    }
    const { channels } = await (await fetch(`${admin}/channels?prefix=report`)).json();
    assert.deepEqual(channels.map(({ channel }) => channel), ['report']);
  });

  await check('all channels are listed by name', async () => {
    for (let i = 0; i < 120; i++) await push(`list/${String(i).padStart(3, '0')}`, 'x');
    await page.goto(`${admin}/dashboard#channels=list/`);
    await until(100, () => page.locator('#list-table tbody tr').count());
    await page.click('#list-more');
    await until(120, () => page.locator('#list-table tbody tr').count());
    await page.fill('#list-prefix', 'list/11');
    await until(10, () => page.locator('#list-table tbody tr').count());
  });

  await check('nothing went wrong on the page', async () => assert.deepEqual(complaints, []));
}, () => listeners.forEach((cut) => cut.abort()), () => browser.close());
