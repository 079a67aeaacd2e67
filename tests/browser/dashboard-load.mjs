// The dashboard under load of known size: bytes a second, memory by kind against its budget, and readers that take nothing.
//
//   node dashboard-load.mjs      by environment: RCOMET (the binary), CHROMIUM, SCREENSHOTS (a folder to put two pictures in)
import assert from 'node:assert/strict';
import net from 'node:net';
import { Daemon } from './daemon.mjs';
import { check, launch, run, until, untilLike } from './support.mjs';

const MIB = 1 << 20;
const daemon = new Daemon(`[limits]\nmemory_bytes_max = ${64 * MIB}`);
await daemon.start();
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const complaints = [];
page.on('pageerror', (error) => complaints.push(String(error)));
page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
const sockets = [];

const text = (selector) => page.locator(selector).innerText();
const stats = async () => (await fetch(`http://${daemon.admin}/stats`)).json();

/** A number of bytes as the page writes it. */
function size(words) {
  const [, digits, unit] = words.match(/^([\d,.]+) (B|KiB|MiB|GiB)/) ?? assert.fail(words);
  return Number(digits.replaceAll(',', '')) * 1024 ** ['B', 'KiB', 'MiB', 'GiB'].indexOf(unit);
}

/** Opens a stream of a channel on a socket of its own, and reads no further than its head if it is told not to. */
function stream(channel, reads = true) {
  const [host, port] = daemon.front.split(':');
  const socket = net.connect(Number(port), host);
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write(`GET /stream?cname=${channel} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return new Promise((done) => {
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
      if (!reads) socket.pause();
      done({ socket, bytes: () => bytes });
    });
  });
}

async function publish(channel, bytes, times) {
  for (let i = 0; i < times; i++) await daemon.publish(channel, 'x'.repeat(bytes));
}

/** The largest value that the page shows at this place from now on; `stop` gives it. */
async function highest(selector) {
  await page.evaluate((selector) => {
    const place = document.querySelector(selector);
    globalThis.shown = [];
    new MutationObserver(() => shown.push(place.textContent)).observe(place, { childList: true, characterData: true, subtree: true });
  }, selector);
  return async () => Math.max(0, ...(await page.evaluate(() => shown)).map(size));
}

await run(async () => {
  await check('opens, with nothing to tell', async () => {
    await page.goto(`http://${daemon.admin}/dashboard`);
    await until('Live', () => text('#line-text'));
    await untilLike(/^None\./, () => text('#slow-none'));
    await until('64 MiB', async () => (await text('#budget-text')).split(' = ')[1]);
    assert.match(await text('#memory-more'), / % of 64 MiB$/);
  });

  await check('bytes a second are those that are sent', async () => {
    const reader = await stream('fast');
    const began = await reader.bytes();
    const shown = await highest('#sent');
    const each = 60_000;
    await publish('fast', each, 100);
    await until(true, () => reader.bytes() - began > 100 * each);
    const sent = reader.bytes() - began;
    // As much within a second or a few: no more than all of it, and no small part.
    await until(true, async () => await shown() > sent / 20);
    assert.ok(await shown() < sent * 1.5, `${await shown()} of ${sent}`);
    // And when it is over, next to nothing: what the page itself is told.
    await until(true, async () => size(await text('#sent')) < 100_000);
    assert.ok(await page.locator('#plot-bytes path.l1').count() > 0, 'sent is drawn');
    assert.ok(await page.locator('#plot-bytes path.l2').count() > 0, 'received is drawn');
  });

  await check('memory by kind is what is kept, against its budget', async () => {
    const kept = async () => size((await page.locator('#budget-key li').first().innerText()).replace('Messages kept', '').trim());
    const before = await kept();
    // Twelve channels with nine tenths of what each may keep.
    const each = 94_371;
    for (let i = 0; i < 12; i++) await publish(`kept/${i}`, each, 10);
    const more = 12 * 10 * each;
    await until(true, async () => await kept() - before > more * 0.97);
    assert.ok(await kept() - before < more * 1.1, `${await kept()} for ${more}`);
    const { gauges } = await stats();
    const [parts, words] = [await page.locator('#budget i').all(), await page.locator('#budget-key li').allInnerTexts()];
    assert.deepEqual(words.map((one) => one.replace(/ [\d.,]+ [KMGT]?i?B$/, '').trim()), ['Messages kept', 'Buffers', 'Frames on their way', 'Tables']);
    const width = Number((await parts[0].getAttribute('style')).match(/width: ([\d.]+)%/)[1]);
    assert.ok(Math.abs(width - 100 * gauges.history_bytes / (64 * MIB)) < 1, `${width} %`);
    // The total is the sum, at all three places.
    const total = size((await text('#budget-text')).split(' of ')[0]);
    assert.ok(total >= more && total < more * 1.5, `${total}`);
    assert.equal(Math.round(size(await text('#memory')) / MIB), Math.round(total / MIB));
    const share = Number((await text('#memory-more')).split(' ')[0]);
    assert.ok(Math.abs(share - 100 * total / (64 * MIB)) < 2, `${share} %`);
  });

  await check('a reader that takes nothing is listed with what waits and since when, and no other', async () => {
    const stuck = await stream('slow', false);
    await stream('slow');
    // More than the system keeps for a socket, and than the daemon does.
    for (let i = 0; !(await stats()).slow.length && i < 40; i++) await publish('slow', 60_000, 10);
    await until(1, () => page.locator('#slow tbody tr').count());
    const cells = () => page.locator('#slow tbody tr td').allInnerTexts();
    const seconds = (words) => Number(words.match(/(\d+) s$/)[1]) + 60 * Number(words.match(/(\d+) min/)?.[1] ?? 0);
    const [address, speaks, waiting, since] = await cells();
    assert.deepEqual([address, speaks], ['127.0.0.1', 'icomet, stream']);
    const [one] = (await stats()).slow;
    assert.ok(size(waiting) > 1_000 && Math.abs(size(waiting) - one.waiting_bytes) < one.waiting_bytes / 5, `${waiting}, ${one.waiting_bytes}`);
    await until(true, async () => seconds((await cells())[3]) > seconds(since));
    assert.equal(await page.locator('#slow-none').isVisible(), false);
    // Headings stand where their columns do.
    const edges = (selector) => page.locator(selector).evaluateAll((cells) => cells.map((cell) => getComputedStyle(cell).paddingLeft));
    assert.deepEqual(await edges('#slow thead th'), await edges('#slow tbody td'));
    // What waits for it is in memory: frames, which it shares with who has taken them.
    const part = async (nth, words) => size((await page.locator('#budget-key li').nth(nth).innerText()).replace(words, '').trim());
    const held = await part(1, 'Buffers') + await part(2, 'Frames on their way');
    assert.ok(held >= one.waiting_bytes * 0.9, `${held} for ${waiting}`);
    if (process.env.SCREENSHOTS) {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${process.env.SCREENSHOTS}/dashboard-${colorScheme}.png`, fullPage: true });
      }
    }
    // It reads again, and is out of the list.
    stuck.socket.resume();
    stuck.socket.on('data', () => stuck.socket.resume());
    await until(0, () => page.locator('#slow tbody tr').count());
    assert.equal(await page.locator('#slow-none').isVisible(), true);
  });

  await check('nothing went wrong on the page', async () => assert.deepEqual(complaints, []));
}, () => sockets.forEach((socket) => socket.destroy()), () => browser.close(), () => daemon.forget());
