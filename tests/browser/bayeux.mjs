// The page with jquery.comet's calls in a real browser: on its own origin, and on another, by scripts.
//
//   node bayeux.mjs [FRONT [ADMIN]]      or by environment: RCOMET_FRONT, RCOMET_ADMIN, CHROMIUM
//
// The daemon must run with its demo on.
import assert from 'node:assert/strict';
import { admin, check, front, launch, NASTY, run, SOON_MS } from './support.mjs';

const browser = await launch();
const complaints = [];

async function open(query = '') {
  // A script of another origin is what the page's own policy forbids, and what is tested here.
  const context = await browser.newContext({ bypassCSP: query !== '' });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.asked = [];
  page.on('request', (request) => page.asked.push(`${request.method()} ${request.url()}`));
  await page.goto(`${front}/comet/${query}`);
  await page.getByText('connected', { exact: true }).waitFor({ timeout: SOON_MS });
  return page;
}

async function say(page, user, text) {
  await page.getByLabel('Name').fill(user);
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button').click();
}

async function reads(page, texts) {
  const wanted = JSON.stringify(texts);
  await page.waitForFunction((wanted) => JSON.stringify(
    [...document.querySelectorAll('#said li')].map((row) => row.textContent)) === wanted, wanted, { timeout: SOON_MS })
    .catch(async () => assert.deepEqual(await page.locator('#said li').allTextContents(), texts));
}

await run(() => check("jquery.comet's calls, on one origin and across two", async () => {
  const other = front.replace('127.0.0.1', 'localhost');
  const [own, foreign] = [await open(), await open(`?url=${encodeURIComponent(`${other}/cometd`)}`)];
  await say(own, 'a', 'from its own origin');
  await reads(foreign, ['a: from its own origin']);
  await say(foreign, 'b', NASTY);
  await reads(own, ['a: from its own origin', `b: ${NASTY}`]);
  const body = new URLSearchParams({ cname: '/chat/demo', content: NASTY });
  await fetch(`${admin}/push`, { method: 'POST', body });
  for (const page of [own, foreign]) await reads(page, ['a: from its own origin', `b: ${NASTY}`, NASTY]);
  await say(own, 'a', '1');
  await say(own, 'a', '2');
  await reads(foreign, ['a: from its own origin', `b: ${NASTY}`, NASTY, 'a: 1', 'a: 2']);
  assert.ok(own.asked.some((line) => line.startsWith('POST') && line.endsWith('/cometd')), 'forms');
  assert.ok(foreign.asked.some((line) => line.includes('jsonp=')), 'scripts');
  assert.deepEqual(complaints, []);
}), () => browser.close());
