// A browser's own EventSource, without any client of ours: it resumes by itself when its connection is ended, when the network is
// cut, and over a restart of the daemon: from which on it gets everything that is kept; or from where it was, if histories are kept in
// a file.
//
//   node events.mjs      by environment: RCOMET (the binary), CHROMIUM
import assert from 'node:assert/strict';
import { Daemon } from './daemon.mjs';
import { check, launch, pause, run, until } from './support.mjs';

const browser = await launch();
const daemon = new Daemon('demo = true');
const lasting = new Daemon((folder) => `demo = true\n[history]\nfile = "${folder}/history"`);

/** A page of a daemon with an event source; and what that hears, each in a few words. */
async function listen(daemon) {
  await daemon.start();
  const page = await (await browser.newContext()).newPage();
  await page.goto(`http://${daemon.front}/chat/`);
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
  return page;
}

const page = await listen(daemon);

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

  await check('the daemon ends, or is killed, and its histories are in a file: nothing is lost, nothing comes twice, no gap', async () => {
    const page = await listen(lasting);
    const heard = (wanted) => until(wanted, () => page.evaluate(() => heard));
    await until(1, () => page.evaluate(() => opened));
    await lasting.publish('a', '1');
    const wanted = ['a 1'];
    await heard(wanted);
    let n = 1;
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL']) {
      const before = await page.evaluate(() => opened);
      await lasting.stop(signal);
      await lasting.start();
      // It has not come back yet: what it lacks is from the life that now ends.
      for (let more = 0; more < 3; more++) {
        await lasting.publish(n % 2 ? 'b' : 'a', `${++n}`);
        wanted.push(`${n % 2 ? 'a' : 'b'} ${n}`);
      }
      await lasting.stop('SIGKILL');
      await lasting.start();
      await lasting.publish('b', 'on');
      wanted.push('b on');
      await until(true, async () => await page.evaluate(() => opened) > before);
      await heard(wanted);
    }
  });
}, () => browser.close(), () => daemon.forget(), () => lasting.forget());
