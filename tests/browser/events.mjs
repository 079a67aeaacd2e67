// A browser's own EventSource, without any client of ours: it resumes by itself when its connection is ended, when the network is
// cut, and over a restart of the daemon, from which on it gets everything that is kept.
//
//   node events.mjs      by environment: RCOMET (the binary), CHROMIUM
import assert from 'node:assert/strict';
import { Daemon } from './daemon.mjs';
import { check, launch, pause, run, until } from './support.mjs';

const browser = await launch();
const daemon = new Daemon('demo = true');
await daemon.start();
const page = await (await browser.newContext()).newPage();
await page.goto(`http://${daemon.front}/chat/`);

/** What an event source hears, each in a few words. */
await page.evaluate(() => {
  globalThis.heard = [];
  globalThis.opened = 0;
  globalThis.source = new EventSource('/events?channel=a&channel=b');
  source.onopen = () => { opened++; };
  for (const type of ['message', 'gap', 'closed', 'ready']) {
    source.addEventListener(type, ({ data }) => {
      const said = JSON.parse(data);
      if (type !== 'ready') heard.push(type === 'message' ? `${said.channel} ${said.data}` : `${type} ${said.channel} ${said.missing}`);
    });
  }
});

const opened = () => page.evaluate(() => opened);
const hears = (wanted) => until(wanted, () => page.evaluate(() => heard));
const forget = () => page.evaluate(() => { heard.length = 0; });

await run(async () => {
  await check('hears two channels in the order in which they were published', async () => {
    await until(1, opened);
    for (const [channel, text] of [['a', '1'], ['b', '2'], ['a', '3']]) await daemon.publish(channel, text);
    await hears(['a 1', 'b 2', 'a 3']);
  });

  await check('its connection is ended: it comes back by itself, nothing is lost and nothing comes twice', async () => {
    const body = JSON.stringify({ channel: 'a' });
    const answer = await fetch(`http://${daemon.admin}/disconnect`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
    assert.equal((await answer.json()).disconnected, 1);
    for (let n = 4; n < 30; n++) await daemon.publish(n % 2 ? 'a' : 'b', `${n}`);
    await hears(['a 1', 'b 2', 'a 3', ...Array.from({ length: 26 }, (_, i) => `${(i + 4) % 2 ? 'a' : 'b'} ${i + 4}`)]);
    assert.equal(await opened(), 2);
    await forget();
  });

  await check('the network is gone for a while: the same', async () => {
    const client = await page.context().newCDPSession(page);
    const network = (offline) => client.send('Network.emulateNetworkConditions',
      { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await client.send('Network.enable');
    await network(true);
    const body = JSON.stringify({ channel: 'a' });
    await fetch(`http://${daemon.admin}/disconnect`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
    await daemon.publish('b', 'while away');
    await pause(1_000);
    await network(false);
    assert.notEqual(await page.evaluate(() => source.readyState), 2, 'it has not given up');
    await hears(['b while away']);
    await forget();
  });

  await check('the daemon restarts: each channel has a gap, and everything that is kept from then on comes, once', async () => {
    const before = await opened();
    await daemon.stop();
    await daemon.start();
    for (const [channel, text] of [['b', 'first'], ['a', 'second'], ['b', 'third']]) await daemon.publish(channel, text);
    await until(before + 1, opened);
    await hears(['gap a null', 'gap b null', 'b first', 'a second', 'b third']);
    await daemon.publish('a', 'and on');
    await hears(['gap a null', 'gap b null', 'b first', 'a second', 'b third', 'a and on']);
  });
}, () => browser.close(), () => daemon.forget());
