// What every test in a browser needs: where the daemon is, a Chromium, checks that are counted.
import { chromium } from 'playwright-core';

export { SOON_MS, pause, until, untilLike } from './waiting.mjs';

/** The public side and that of the application servers: from the command line, or the environment. */
export const front = process.argv[2] ?? process.env.RCOMET_FRONT ?? 'http://127.0.0.1:8100';
export const admin = process.argv[3] ?? process.env.RCOMET_ADMIN ?? 'http://127.0.0.1:8000';

/** Text that breaks whatever does not escape it. */
export const NASTY = `<b> & " ' \\ </script> 你好 😀 \u2028 <img src=x onerror=alert(1)>`;

/** A Chromium. Playwright gives each launch an empty profile of its own and adds --headless. */
export const launch = (more = {}) => chromium.launch({
  ...more,
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  timeout: 120_000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

let passed = 0;
let failed = 0;

/** Does a test, says how it went, and goes on whatever that was. */
export async function check(what, test) {
  const began = Date.now();
  try {
    await test();
    passed++;
    console.log(`ok    ${what} (${Date.now() - began} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${what}\n      ${String(error.stack).split('\n').slice(0, 12).join('\n      ')}`);
  }
}

/** Does all tests, says how many went well, and closes what they used. */
export async function run(tests, ...close) {
  try {
    await tests();
  } catch (error) {
    failed++;
    console.log(`FAIL  the test itself broke: ${error.stack}`);
  }
  for (const each of close) await each();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed || !passed ? 1 : 0);
}
