// The built client in a real Chromium: pages with a feed whose every event is kept.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { until } from './support.mjs';

const built = (name) => readFileSync(new URL(`../dist/${name}`, import.meta.url), 'utf8');

/** Playwright gives each launch an empty profile of its own and adds --headless. */
export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  timeout: 120_000,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});

/**
 * A page of the daemon's origin at `base`. With `token`, a function of ours, the feed asks that for tokens. `before` is called with the page
 * before there is a feed.
 */
export async function tab(context, options, { base, module = false, token, before }) {
  const page = await context.newPage();
  await page.goto(`${base}/chat/chat.css`); // a page that does nothing by itself
  if (token) await page.exposeFunction('token', token);
  await before?.(page);
  if (module) {
    await page.evaluate(async (source) => {
      globalThis.loaded = await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
    }, built('rcomet.js'));
  } else await page.addScriptTag({ content: built('rcomet.global.js') });
  await page.evaluate((options) => {
    globalThis.heard = [];
    globalThis.states = [];
    globalThis.errors = [];
    const more = globalThis.token ? { token: globalThis.token } : {};
    globalThis.feed = (globalThis.loaded ?? rcomet).connect({ retryMs: 50, ...options, ...more });
    for (const type of ['message', 'gap', 'closed', 'join', 'leave', 'roster']) feed.on(type, (event) => heard.push(event));
    feed.on('state', (state) => states.push(state));
    feed.on('error', ({ status, message, channel }) => errors.push({ status, message, channel }));
  }, options);
  const look = {
    page,
    heard: () => page.evaluate(() => heard),
    errors: () => page.evaluate(() => errors),
    data: async (channel) => (await look.heard()).filter((event) => event.type === 'message' && (!channel || event.channel === channel))
      .map((event) => event.data),
    live: (transport) => until(['live', transport], () => page.evaluate(() => [feed.state, feed.transport])),
    publish: (channel, data) => page.evaluate(([one, text]) => feed.publish(one, text), [channel, data]),
  };
  return look;
}
