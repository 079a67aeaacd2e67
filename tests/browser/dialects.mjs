// Drives the page on dialects in a real browser: what is published in one is read in all, in one order.
//
//   node dialects.mjs [FRONT [ADMIN]]      or by environment: RCOMET_FRONT, RCOMET_ADMIN, CHROMIUM
//
// The daemon must run with its demo on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import vm from 'node:vm';
import { admin, check, front, launch, run, until } from './support.mjs';

const NASTY = `<b> & " ' \\ </script> */ 你好 😀 \u2028 <img src=x onerror=alert(1)>`;
const COLUMNS = ['icomet', 'ccomet', 'simple_comet', 'push', 'push_socket'];
const SAYS = { icomet: '"ok"', simple_comet: 'message_id', push: 'queued messages: ', push_socket: 'it came back as ' };

const browser = await launch();

const post = (address, fields) => fetch(address, { method: 'POST', body: new URLSearchParams(fields) }).then((r) => r.text());

/** A page with what it complains about. */
async function arrives(address = `${front}/dialects/`) {
  const page = await (await browser.newContext({ viewport: { width: 1100, height: 800 } })).newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (m) => m.type() === 'error' && page.complaints.push(m.text()));
  await page.goto(address);
  return page;
}

const reads = (page, column) => page.$$eval(`#${column} li span`, (all) => all.map((e) => e.textContent));

/** The columns end with these, all of them the same. */
async function agree(page, texts, columns = COLUMNS) {
  for (const column of columns) await until(texts, async () => (await reads(page, column)).slice(-texts.length));
}

async function send(page, dialect, text) {
  await page.check(`input[value=${dialect}]`);
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
  await until(true, async () => (await page.textContent('#answer')).includes(SAYS[dialect]));
}

await run(async () => {
  const page = await arrives();
  await check('all five are live', async () => {
    for (const column of COLUMNS) await until('live', () => page.textContent(`#${column}-line`));
  });
  await check('what is published in one dialect is read in all, in one order', async () => {
    await send(page, 'icomet', 'one');
    await send(page, 'simple_comet', 'two');
    await post(`${admin}/push`, { cname: 'chat.crossing', content: 'three' });
    const pushed = JSON.parse(await post(`${admin}/channels/chat.crossing.json`, { content: NASTY }));
    assert.equal(pushed.return_code, 1);
    await send(page, 'push', 'four');
    await send(page, 'push_socket', 'five');
    await agree(page, ['one', 'two', 'three', NASTY, 'four', 'five']);
    const badges = await page.$$eval('#simple_comet li b', (all) => all.slice(-6).map((e) => e.textContent));
    assert.deepEqual(badges, ['icomet', 'Simple Comet', 'elsewhere', 'elsewhere', 'Push module', 'Push socket']);
    const [ids, same] = await Promise.all(['push', 'push_socket'].map((column) =>
      page.$$eval(`#${column} li small`, (all) => all.slice(-6).map((e) => e.textContent))));
    assert.ok(ids.every((id) => /^\d{10}:\d+$/.test(id)), ids.join());
    assert.deepEqual(same, ids);
  });
  await check('a burst is neither lost nor doubled nor reordered', async () => {
    const texts = Array.from({ length: 60 }, (_, i) => `burst ${i}`);
    for (const [i, text] of texts.entries()) {
      if (i % 3 === 2) await fetch(`${front}/rooms/crossing`, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: text });
      else if (i % 3) await post(`${admin}/push`, { cname: 'chat.crossing', content: text });
      else await post(`${admin}/channels/chat.crossing.json`, { content: text });
    }
    await agree(page, texts);
  });
  await check('whoever comes later has it all', async () => {
    const later = await arrives();
    await agree(later, await reads(page, 'icomet'));
    assert.deepEqual(later.complaints, []);
  });
  await check('another page reads by JSONP, and cannot register', async () => {
    const answer = await fetch(`${front}/channels/chat.crossing%7Cnone.jsonp?since=0&t=1.0`);
    assert.equal(answer.headers.get('content-type'), 'application/javascript');
    let heard = null;
    vm.runInNewContext(await answer.text(), { _JSONP_comet_cb: (object) => { heard = object; } });
    assert.equal(heard.messages['chat.crossing'].at(-1).content, 'burst 59');
    assert.ok(heard.last_id >= heard.messages['chat.crossing'].at(-1).id);
    const refused = JSON.parse(await post(`${front}/channels.json`, { channel_id: 'mine' }));
    assert.deepEqual(refused, { return_code: -1, error_message: 'Not allowed here' });
  });
  await check('an event source of the push module goes on where it was, and its channels are those of the chat', async () => {
    const id = (await page.$$eval('#push li small', (all) => all.at(-3).textContent));
    const answer = await fetch(`${front}/rooms/crossing`, { headers: { Accept: 'text/event-stream', 'Last-Event-ID': id } });
    const reader = answer.body.getReader();
    let text = '';
    while (!text.includes('burst 59')) text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    assert.deepEqual(text.match(/data: .*/g), ['data: burst 58', 'data: burst 59']);
    const elsewhere = await fetch(`${front}/publish?channel=secret`, { method: 'POST', body: 'x' });
    assert.ok(elsewhere.status >= 400, `${elsewhere.status}`);
  });
  await check('a WebSocket that is cut off goes on behind the last message that it has', async () => {
    const { clients } = await (await fetch(`${admin}/clients?channel=chat.crossing&limit=100`)).json();
    const sockets = clients.filter(({ dialect, doing }) => dialect === 'push' && doing === 'websocket');
    assert.ok(sockets.length > 0, JSON.stringify(clients));
    // It says so for a second only, which a busy machine may miss.
    await page.evaluate(() => {
      globalThis.said = [];
      const line = document.getElementById('push_socket-line');
      new MutationObserver(() => said.push(line.textContent)).observe(line, { childList: true, characterData: true, subtree: true });
    });
    for (const { id } of sockets) {
      await fetch(`${admin}/disconnect`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ client: id }) });
    }
    await until('reconnecting', () => page.evaluate(() => said[0]));
    await post(`${admin}/push`, { cname: 'chat.crossing', content: 'while it was away' });
    await agree(page, ['burst 58', 'burst 59', 'while it was away']);
    await until('live', () => page.textContent('#push_socket-line'));
  });
  const single = {
    icomet: [['icomet', 'simple_comet'], ['icomet', 'simple_comet', 'push']],
    ccomet: [['ccomet', 'icomet'], ['icomet', 'simple_comet', 'push']],
    'simple-comet': [['simple_comet', 'icomet'], ['simple_comet', 'icomet', 'push']],
    'push-module': [['push', 'push_socket', 'icomet'], ['push', 'push_socket', 'icomet', 'simple_comet']],
  };
  for (const [name, [columns, ways]] of Object.entries(single)) {
    await check(`the page on ${name} alone hears what is published there and elsewhere, and its lines for a shell are true`, async () => {
      const alone = await arrives(`${front}/dialects/${name}/`);
      for (const column of columns) await until('live', () => alone.textContent(`#${column}-line`));
      assert.deepEqual(await alone.$$eval('input[name=dialect]', (all) => all.map(({ value }) => value)), ways);
      const texts = ways.map((way) => `${name}, in the words of ${way}`);
      for (const [i, way] of ways.entries()) await send(alone, way, texts[i]);
      await agree(alone, texts, columns);
      const said = [];
      for (const line of (await alone.textContent('pre')).trim().split('\n')) {
        const words = line.replaceAll('http://127.0.0.1:8100', front).replaceAll('http://127.0.0.1:8000', admin);
        // What it prints of a channel that has a history comes at once; a stream is cut off.
        const { stdout, status } = spawnSync('sh', ['-c', `${words} --silent --show-error --max-time 3`], { encoding: 'utf8' });
        assert.ok(status === 0 || status === 28, `${words}: ${status}`);
        assert.ok(!/"error"|HTTP\/1.1 [45]|"return_code": -/.test(stdout) && stdout.length > 0, `${words}: ${stdout}`);
        said.push(...[.../hello from [a-zA-Z ]+/.exec(line) ?? []]);
      }
      await agree(alone, said, columns);
      await alone.setViewportSize({ width: 360, height: 740 });
      assert.equal(await alone.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
      assert.deepEqual(alone.complaints, []);
      await alone.close();
    });
  }
  await check('it can be used without a mouse, and at the width of a telephone', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    assert.equal(wide, false);
    await page.focus('#text');
    await page.keyboard.type('by hand');
    await page.keyboard.press('Enter');
    await agree(page, ['by hand']);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
  });
  await check('nothing was complained about', () => assert.deepEqual(page.complaints, []));
}, () => browser.close());
