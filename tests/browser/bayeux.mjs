// The page with jquery.comet's calls in a real browser: on its own origin, on another by scripts, and with the web chat in
// the same room.
//
//   node bayeux.mjs [FRONT [ADMIN]]      or by environment: RCOMET_FRONT, RCOMET_ADMIN, CHROMIUM
//
// The daemon must run with its demo on.
import assert from 'node:assert/strict';
import { admin, check, front, launch, NASTY, pause, run, SOON_MS } from './support.mjs';

const browser = await launch();
const complaints = [];

async function open(room, query = '') {
  // A script of another origin is what the page's own policy forbids, and what is tested here.
  const context = await browser.newContext({ bypassCSP: query !== '' });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.asked = [];
  page.on('request', (request) => page.asked.push(`${request.method()} ${request.url()}`));
  await page.goto(`${front}/comet/${query}#${room}`);
  await page.getByText('connected', { exact: true }).waitFor({ timeout: SOON_MS });
  return page;
}

/** The web chat, by a transport, as somebody. */
async function chat(room, name) {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${front}/chat/#${room}`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByText('Live', { exact: true }).waitFor({ timeout: SOON_MS });
  return page;
}

async function say(page, user, text) {
  await page.getByLabel('Name').fill(user);
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

async function push(cname, content) {
  await fetch(`${admin}/push`, { method: 'POST', body: new URLSearchParams({ cname, content }) });
}

/** Who said what, as the page shows it; `words` is where the text stands. */
async function reads(page, texts, words = '.words') {
  const read = (words) => [...document.querySelectorAll('.msg')].map((row) =>
    `${row.querySelector('.head, .unseen').textContent}: ${row.querySelector(words).textContent}`);
  const end = Date.now() + SOON_MS;
  for (;;) {
    const got = await page.evaluate(read, words);
    if (JSON.stringify(got) === JSON.stringify(texts) || Date.now() > end) return assert.deepEqual(got, texts);
    await pause(50);
  }
}

await run(async () => {
  await check("jquery.comet's calls, on one origin and across two", async () => {
    const other = front.replace('127.0.0.1', 'localhost');
    const [own, foreign] = [await open('calls'), await open('calls', `?url=${encodeURIComponent(`${other}/cometd`)}`)];
    await say(own, 'a', 'from its own origin');
    await reads(foreign, ['a: from its own origin']);
    await say(foreign, 'b', NASTY);
    await reads(own, ['You: from its own origin', `b: ${NASTY}`]);
    await push('/chat/calls', NASTY);
    await reads(own, ['You: from its own origin', `b: ${NASTY}`, `someone: ${NASTY}`]);
    await reads(foreign, ['a: from its own origin', `You: ${NASTY}`, `someone: ${NASTY}`]);
    await say(own, 'a', '1');
    await say(own, 'a', '2');
    await reads(foreign, ['a: from its own origin', `You: ${NASTY}`, `someone: ${NASTY}`, 'a: 1', 'a: 2']);
    assert.ok(own.asked.some((line) => line.startsWith('POST') && line.endsWith('/cometd')), 'forms');
    assert.ok(foreign.asked.some((line) => line.includes('jsonp=')), 'scripts');
    assert.deepEqual(complaints, []);
  });

  await check('the web chat and this page are in one room, and each has what was said before it came', async () => {
    const ann = await chat('one-room', 'Ann');
    const write = async (text) => {
      await ann.getByLabel('Your message').fill(text);
      await ann.getByRole('button', { name: 'Send' }).click();
    };
    await write('before anybody came');
    await reads(ann, ['You: before anybody came'], '.text');
    const bob = await open('one-room');
    await reads(bob, ['Ann: before anybody came']);
    await say(bob, 'Bob', `hello Ann ${NASTY}`);
    await reads(ann, ['You: before anybody came', `Bob: hello Ann ${NASTY}`], '.text');
    await write('hello Bob');
    await push('/chat/one-room', 'the kettle boils');
    const all = ['Ann: before anybody came', `You: hello Ann ${NASTY}`, 'Ann: hello Bob', 'someone: the kettle boils'];
    await reads(bob, all);
    const eve = await chat('one-room', 'Eve');
    await reads(eve, all.map((line) => line.replace('You:', 'Bob:')), '.text');
    // A reload brings back what was there.
    await bob.reload();
    await reads(bob, all);
    await bob.evaluate(() => { location.hash = 'another'; });
    await push('/chat/one-room', 'not here');
    await push('/chat/another', 'here');
    await reads(bob, ['someone: here']);
    assert.equal(await bob.getByRole('link', { name: 'The web chat' }).getAttribute('href'), '../chat/#another');
    assert.deepEqual(complaints, []);
  });

  await check('the page is alive after the back button, and has what was said meanwhile', async () => {
    const keeping = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
    try {
      const page = await (await keeping.newContext()).newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`${front}/comet/#back`);
      await page.getByText('connected', { exact: true }).waitFor({ timeout: SOON_MS });
      await push('/chat/back', 'before');
      await reads(page, ['someone: before']);
      await page.evaluate(() => { globalThis.wasKept = true; });
      await page.goto(`${front.replace('127.0.0.1', 'localhost')}/dialects/`);
      await push('/chat/back', 'meanwhile');
      // A page that was kept is not loaded again.
      await page.goBack({ waitUntil: 'commit' });
      assert.ok(await page.evaluate(() => globalThis.wasKept), 'the browser has kept it');
      await reads(page, ['someone: before', 'someone: meanwhile']);
      await say(page, 'a', 'after');
      await push('/chat/back', 'and after');
      await reads(page, ['someone: before', 'someone: meanwhile', 'You: after', 'someone: and after']);
      assert.deepEqual(complaints, []);
    } finally {
      await keeping.close();
    }
  });

  await check('what is published while the session is dead comes by the next one', async () => {
    const [page, other] = [await open('dead'), await open('dead')];
    // Its connects fail as if the line was bad, so that a message is the first to hear of it.
    await page.route('**/cometd', (route) => (decodeURIComponent(route.request().postData() ?? '').includes('/meta/connect')
      ? route.abort() : route.continue()));
    const clientId = await page.evaluate(() => globalThis.$.comet.clientId());
    const body = JSON.stringify([{ channel: '/meta/disconnect', clientId }]);
    await fetch(`${front}/cometd`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    await say(page, 'a', 'said to a dead session');
    await reads(other, ['a: said to a dead session']);
    await page.unroute('**/cometd');
    await reads(page, ['You: said to a dead session']);
    assert.deepEqual(complaints, []);
  });

  await check("what the plugin's first README calls it begins a connection, too", async () => {
    const [page, other] = [await open('init'), await open('init')];
    await page.evaluate(() => {
      globalThis.$.comet.disconnect();
      globalThis.heard = [];
      globalThis.$.comet.init();
      globalThis.$.comet.listen('/chat/init', (message, data) => globalThis.heard.push(data.text));
    });
    await page.waitForFunction(() => globalThis.$.comet.clientId());
    await say(other, 'b', 'by another name');
    await page.waitForFunction(() => globalThis.heard.includes('by another name'), undefined, { timeout: SOON_MS });
    assert.deepEqual(complaints, []);
  });

  await check('it fits a phone', async () => {
    for (const width of [320, 390, 1200]) {
      const page = await open('calls');
      await page.setViewportSize({ width, height: 700 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} pixels too wide at ${width}`);
      await page.context().close();
    }
  });
}, () => browser.close());
