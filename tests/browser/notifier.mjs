// Drives the page with notes in a real browser: what is written pops up, once, and can be handled without a mouse.
//
//   node notifier.mjs [FRONT [ADMIN]]      or by environment: RCOMET_FRONT, RCOMET_ADMIN, CHROMIUM
//
// The daemon must run with its demo on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { admin, check, front, launch, NASTY, pause, run, until, untilLike } from './support.mjs';

const browser = await launch();
const publish = async (channel, content) => {
  const response = await fetch(`${admin}/push`, { method: 'POST', body: new URLSearchParams({ cname: channel, content }) });
  assert.equal((await response.json()).type, 'ok');
};
const shown = (page) => page.$$eval('.notifier-bubble .notifier-text', (all) => all.map((e) => e.textContent));
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.name ?? '');

/** A page with what it complains about. Its bubbles stay until they are closed, unless they say otherwise. */
async function arrives(who, options = {}) {
  const page = await (await browser.newContext({ viewport: { width: 1000, height: 760 }, ...options })).newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (m) => m.type() === 'error' && page.complaints.push(m.text()));
  await page.goto(`${front}/notifier/?for=${who}`);
  await until('live', () => page.textContent('#standing'));
  return page;
}
const lasting = (text, more) => JSON.stringify({ text, life: 0, ...more });

await run(async () => {
  const page = await arrives('ann');
  await check('what is published pops up, as text, and is said to screen readers', async () => {
    await publish('chat.notes.ann', lasting(NASTY, { kind: 'warn', title: '<i>Disk</i>' }));
    await until([NASTY], () => shown(page));
    assert.equal(await page.textContent('.notifier-title'), '<i>Disk</i>');
    await until(true, async () => (await page.textContent('[aria-live=polite]')).includes('<i>Disk</i>: <b>'));
    assert.equal(await page.$('.notifier img'), null);
  });
  await check('errors interrupt, others wait', async () => {
    await publish('chat.notes.ann', lasting('on fire', { kind: 'bad' }));
    await until('Error: on fire', () => page.textContent('body > [role=alert]'));
  });
  await check('F8 goes to the newest, Escape closes, and focus comes back to where it was', async () => {
    await page.focus('input[name=title]');
    await page.keyboard.press('F8');
    await until('Close: on fire', () => focused(page));
    await page.keyboard.press('Escape');
    await until([NASTY], () => shown(page));
    await untilLike(/^Close: <i>Disk/, () => focused(page));
    await page.keyboard.press('Enter');
    await until([], () => shown(page));
    await until('title', () => focused(page));
  });
  await check('a bubble goes after its time, but not while it has the focus', async () => {
    await publish('chat.notes.ann', JSON.stringify({ text: 'brief', life: 4 }));
    await until(['brief'], () => shown(page));
    await page.keyboard.press('F8');
    await until('Close: brief', () => focused(page));
    await pause(5000);
    assert.deepEqual(await shown(page), ['brief']);
    await page.focus('input[name=text]');
    await until([], () => shown(page));
  });
  await check('more than five wait in line, and none is lost', async () => {
    for (let n = 1; n <= 7; n++) await publish('chat.notes.ann', lasting(`n${n}`));
    await until(['n1', 'n2', 'n3', 'n4', 'n5'], () => shown(page));
    await page.click('.notifier-close');
    await until(['n2', 'n3', 'n4', 'n5', 'n6'], () => shown(page));
    for (let n = 0; n < 6; n++) await page.click('.notifier-close');
    await until([], () => shown(page));
  });
  await check('the form writes, and the last can be shown again', async () => {
    const other = await arrives('ann');
    await until(['n7'], () => shown(other)); // the latest is there for who comes later
    await page.fill('input[name=text]', 'from the form');
    await page.press('input[name=text]', 'Enter');
    await until('from the form', async () => (await shown(other)).at(-1));
    await page.click('#again');
    await until(['n7', 'from the form', 'from the form'], () => shown(other));
    assert.deepEqual(other.complaints, []);
    await other.close();
  });
  await check('rcomet write pops up, and rcomet refresh once more', async () => {
    const binary = process.env.RCOMET ?? fileURLToPath(new URL('../../target/debug/rcomet', import.meta.url));
    const rcomet = (...words) => execFileSync(binary, [...words, '--url', admin]);
    const shell = await arrives('shell');
    rcomet('write', 'chat.notes.shell', lasting('The backup is done'));
    await until(['The backup is done'], () => shown(shell));
    rcomet('refresh', 'chat.notes.shell');
    await until(['The backup is done', 'The backup is done'], () => shown(shell));
    await shell.close();
  });
  await check('notes for one are not for another, and those for all are', async () => {
    const bob = await arrives('bob');
    await publish('chat.notes.ann', 'for ann alone');
    await publish('chat.notes.bob', 'for bob');
    await until(['for bob'], () => shown(bob));
    assert.deepEqual(bob.complaints, []);
    await bob.close();
  });
  await check('what is written while the line is cut comes afterwards, once', async () => {
    await page.context().setOffline(true);
    const { disconnected } = await (await fetch(`${admin}/disconnect`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ channel: 'chat.notes.ann' }),
    })).json();
    assert.ok(disconnected >= 1);
    await publish('chat.notes.ann', lasting('while away 1'));
    await publish('chat.notes.ann', lasting('while away 2'));
    await until(true, async () => (await page.textContent('#standing')).includes('trying again'));
    await page.context().setOffline(false);
    await until(['while away 1', 'while away 2'], async () => (await shown(page)).filter((text) => text.startsWith('while')));
    await until('live', () => page.textContent('#standing'));
    page.complaints = page.complaints.filter((text) => !text.includes('ERR_'));
  });
  await check('what the daemon no longer has is told to be lost', async () => {
    const lost = await page.evaluate((address) => new Promise((done) => {
      const end = notifier.listen(address, () => {}, { lost: (count) => { end(); done({ count }); } });
    }), `../events?channel=chat.notes.ann&cursor=${'A'.repeat(32)}`);
    assert.deepEqual(lost, { count: null });
  });
  await check('it fits a telephone, in the dark, without motion', async () => {
    const phone = await arrives('phone', { viewport: { width: 360, height: 640 }, colorScheme: 'dark', reducedMotion: 'reduce' });
    await publish('chat.notes.phone', lasting('x'.repeat(400)));
    await until(1, async () => (await shown(phone)).length);
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
    assert.equal(await phone.$eval('.notifier-bubble', (e) => getComputedStyle(e).animationName), 'none');
    await phone.close();
  });
  await check("the README's lines for jQuery show text and title of a note, as text", async () => {
    const readme = readFileSync(new URL('../../demos/notifier/README.md', import.meta.url), 'utf8');
    const lines = readme.split('## With jQuery\n')[1].split('```js\n')[1].split('```')[0];
    const notes = [NASTY, lasting('<b>disk</b> full', { title: '<i>web-3</i>', kind: 'bad' })];
    // As much of jQuery and jGrowl as those lines take.
    const grown = await page.evaluate(`(() => {
      const grown = [];
      const $ = (tag) => {
        const made = document.createElement(tag.slice(1, -1));
        return { text(text) { made.textContent = text; return this; }, html: () => made.innerHTML };
      };
      $.jGrowl = (message, options) => grown.push([message, options]);
      const listening = { ...notifier, listen: (url, heard) => ${JSON.stringify(notes)}.forEach((text) => heard(text, '')) };
      ((jQuery, notifier) => { ${lines} })((ready) => ready($), listening);
      return grown.map(([message, { header, sticky }]) => {
        const said = [message, header].map((html) => {
          const place = document.createElement('p');
          place.innerHTML = html;
          return [place.childElementCount, place.textContent];
        });
        return [...said, sticky];
      });
    })()`);
    const plain = (text) => [0, text];
    assert.deepEqual(grown, [[plain(NASTY), plain(''), false], [plain('<b>disk</b> full'), plain('<i>web-3</i>'), true]]);
  });
  await check('nothing was complained about', () => assert.deepEqual(page.complaints, []));
}, () => browser.close());
