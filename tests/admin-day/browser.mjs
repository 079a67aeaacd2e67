// Opens the page with notes, says so, and waits for one: node browser.mjs URL TEXT
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../browser/', import.meta.url))('playwright-core');
const [, , url, text] = process.argv;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
await page.goto(url);
console.log('open');
await page.waitForFunction((wanted) => [...document.querySelectorAll('.notifier-text')].some((e) => e.textContent === wanted), text, { timeout: 60000 });
console.log('seen');
await browser.close();
