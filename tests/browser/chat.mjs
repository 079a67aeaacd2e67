// Drives the web chat demo in a real browser, once with every transport.
//
//   node chat.mjs [FRONT [ADMIN]]      or by environment: RCOMET_FRONT, RCOMET_ADMIN, CHROMIUM
//
// The daemon must run with its demo on. Each run uses rooms of its own, so one daemon can be tested again and again.
import assert from 'node:assert/strict';
import { admin, check, front, launch, NASTY, pause, run, until, untilLike } from './support.mjs';

const LEASE_MS = 90_000; // somebody who left is still listed for a while
// Those of which each has a chat of its own; all are switched to.
const WHO = { websocket: 'WebSocket', sse: 'EventSource', jsonp: 'JSONP' };
// What a page asks for then: the kind of request, and a part of its address.
const ASKS = {
  auto: ['websocket', '/ws'],
  websocket: ['websocket', '/ws'],
  sse: ['eventsource', '/events?'],
  stream: ['fetch', '/events?'],
  jsonp: ['script', '/sub?'],
};

/** Whether one of these requests is what a transport begins with. */
const asks = (asked, transport) => asked.some(([kind, url]) => kind === ASKS[transport][0] && url.includes(ASKS[transport][1]));

const browser = await launch();

const numbers = (count) => Array.from({ length: count }, (_, n) => n + 1);

async function publish(room, content) {
  const body = new URLSearchParams({ cname: `/chat/${room}`, content });
  const response = await fetch(`${admin}/push`, { method: 'POST', body });
  assert.equal(JSON.parse(await response.text()).type, 'ok');
}

/** A browser of somebody's own, with what it complains about and what it asks for. */
class Person {
  static async arrives(name, room, transport, more = {}) {
    const person = new Person();
    person.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...more });
    await person.context.addInitScript(([name, transport]) => {
      if (name) localStorage.setItem('rcomet.name', JSON.stringify(name));
      if (!localStorage.getItem('rcomet.transport')) localStorage.setItem('rcomet.transport', JSON.stringify(transport));
    }, [name, transport]);
    person.page = await person.context.newPage();
    person.complaints = [];
    person.asked = [];
    person.page.on('console', (m) => m.type() === 'error' && person.complaints.push(`${m.text()} ${m.location().url}`));
    person.page.on('pageerror', (error) => person.complaints.push(error.message));
    person.page.on('request', (request) => person.asked.push([request.resourceType(), request.url()]));
    person.page.on('websocket', (socket) => person.asked.push(['websocket', socket.url()]));
    await person.page.goto(`${front}/chat/#${room}`);
    return person;
  }

  says(text) {
    // As fast as a page can: no waiting for one message to arrive before the next is sent.
    return this.page.evaluate((text) => {
      document.getElementById('text').value = text;
      document.getElementById('compose').requestSubmit();
    }, text);
  }

  /** What stands there and has come through the channel, in the order of the page. */
  reads() {
    return this.page.$$eval('#scroll .msg:not(.sending, .failed) .text', (all) => all.map((e) => e.textContent));
  }

  unfinished() {
    return this.page.$$eval('#scroll .sending, #scroll .failed', (all) => all.length);
  }

  people() {
    return this.page.$$eval('#people bdi', (all) => all.map((e) => e.textContent).sort());
  }

  notes() {
    return this.page.$$eval('#scroll .note', (all) => all.map((e) => e.textContent).join('\n'));
  }

  line() {
    return this.page.getAttribute('body', 'data-line');
  }

  switches(transport) {
    return this.page.check(`#transport input[value=${transport}]`, { force: true });
  }

  faults() {
    return this.page.$$eval('.wire-fault', (all) => all.map((e) => e.textContent));
  }

  leaves() {
    return this.context.close();
  }
}

async function chat(transport) {
  const by = WHO[transport];
  const others = Object.keys(ASKS).filter((key) => key !== transport);
  const room = `test-${transport}-${Math.random().toString(36).slice(2, 8)}`;
  const ann = await Person.arrives('Ann', room, transport);
  const bob = await Person.arrives('Bob', room, transport);
  const both = [ann, bob];
  let said = [];

  await check(`${by}: two people see each other`, async () => {
    for (const one of both) await until('live', () => one.line());
    for (const one of both) await until(['Ann', 'Bob'], () => one.people());
    await untilLike(/Bob joined/, () => ann.notes());
    for (const one of both) await until(true, () => asks(one.asked, transport)); // and by no other way
  });

  await check(`${by}: 20 quick messages each way arrive once and in order`, async () => {
    const texts = (name) => numbers(20).map((n) => `${name} ${n} ${NASTY}`);
    await Promise.all([ann, bob].map(async (one, n) => {
      for (const text of texts(['ann', 'bob'][n])) await one.says(text);
    }));
    for (const one of both) await until(40, async () => (await one.reads()).length);
    await pause(300); // nothing more must come
    said = await ann.reads();
    assert.deepEqual(said.filter((text) => text.startsWith('ann')), texts('ann'));
    assert.deepEqual(said.filter((text) => text.startsWith('bob')), texts('bob'));
    assert.deepEqual(await bob.reads(), said, 'one order for everybody');
    for (const one of both) {
      await until(0, () => one.unfinished()); // nothing is still being sent
      assert.equal(await one.page.$$eval('#scroll .text *', (all) => all.length), 0, 'text is text, not HTML');
      assert.equal(await one.page.$$eval('#scroll .own', (all) => all.length), 20, 'own messages are marked');
    }
  });

  const eve = await Person.arrives('Eve', room, transport);
  await check(`${by}: who comes later sees what was said, and everybody sees who came`, async () => {
    await until(said, () => eve.reads());
    for (const one of [ann, bob, eve]) await until(['Ann', 'Bob', 'Eve'], () => one.people());
    assert.deepEqual(await eve.faults(), []);
    assert.deepEqual(eve.complaints, []);
  });
  await eve.leaves(); // seen below, when the lease is over

  await check(`${by}: changing the transport while messages keep coming loses nothing`, async () => {
    let talking = true;
    const sent = [];
    const talk = (async () => {
      for (let n = 1; talking; n++) {
        const text = `news ${n}`;
        await publish(room, text);
        sent.push(text);
        await pause(4);
      }
    })();
    for (const next of [...others, transport, ...others, transport]) {
      await pause(350);
      const before = ann.asked.length;
      await ann.switches(next);
      await until(true, () => asks(ann.asked.slice(before), next));
    }
    await pause(350);
    await until(true, () => sent.length > 100); // a slow machine says less in that time
    talking = false;
    await talk;
    for (const one of both) await until([...said, ...sent], () => one.reads());
    said = [...said, ...sent];
    assert.doesNotMatch(await bob.notes(), /Ann (left|joined)/, 'nobody sees a change of transport');
  });

  await check(`${by}: going to another room and back goes on where it was`, async () => {
    await ann.page.evaluate((room) => { location.hash = room; }, `${room}-next-door`);
    await until(['Ann'], () => ann.people());
    await until([], () => ann.reads());
    for (const n of numbers(5)) await publish(room, `meanwhile ${n}`);
    await ann.says('hello next door');
    await until(['hello next door'], () => ann.reads());
    await ann.page.goBack();
    said = [...said, ...numbers(5).map((n) => `meanwhile ${n}`)];
    for (const one of both) await until(said, () => one.reads());
    assert.doesNotMatch(await ann.notes(), /missing|anew/);
  });

  await check(`${by}: when the network is gone, the page says so, and loses nothing`, async () => {
    const [errors, asked] = [bob.complaints.length, bob.asked.length];
    await bob.context.setOffline(true);
    // What is open already goes on when offline is only emulated, so let it end: by asking anew.
    await bob.switches(others[0]);
    await bob.switches(transport);
    await until('waiting', () => bob.line());
    for (const n of numbers(5)) await publish(room, `unheard ${n}`);
    await bob.says('from the dark');
    await until(1, () => bob.unfinished());
    await bob.context.setOffline(false);
    await until('live', () => bob.line());
    said = [...said, ...numbers(5).map((n) => `unheard ${n}`), 'from the dark'];
    for (const one of both) await until(said, () => one.reads());
    await until(0, () => bob.unfinished());
    assert.ok(bob.asked.length > asked);
    bob.complaints.length = errors; // that requests failed here is meant
  });

  await check(`${by}: everybody sees who left`, async () => {
    for (const one of both) await until(['Ann', 'Bob'], () => one.people(), LEASE_MS);
    for (const one of both) await untilLike(/Eve left/, () => one.notes());
  });

  await check(`${by}: the server did nothing strange, the browser complained of nothing`, async () => {
    for (const one of both) {
      assert.deepEqual(await one.faults(), []);
      assert.ok(await one.page.isHidden('#faults'));
      assert.deepEqual(one.complaints, []);
    }
  });
  for (const one of both) await one.leaves();
}

async function looks() {
  const room = `test-looks-${Math.random().toString(36).slice(2, 8)}`;

  await check('the name is asked for first, and remembered', async () => {
    const newcomer = await Person.arrives('', room, 'sse');
    await newcomer.page.waitForSelector('#who[open]');
    await untilLike(/./, () => newcomer.page.inputValue('#who-name')); // a name is proposed
    await newcomer.page.fill('#who-name', 'Zoë ~ <i>');
    await newcomer.page.press('#who-name', 'Enter');
    await until(['Zoë ~ <i>'], () => newcomer.people());
    await newcomer.page.reload();
    await until('live', () => newcomer.line());
    assert.ok(await newcomer.page.isHidden('#who'));
    await until('Zoë ~ <i>', () => newcomer.page.textContent('#my-name'));
    assert.deepEqual(newcomer.complaints, []);
    await newcomer.leaves();
  });

  for (const width of [390, 320]) {
    await check(`a phone of ${width} pixels: nothing sticks out, and people fold away`, async () => {
      const phone = await Person.arrives('Pia', room, 'stream', { viewport: { width, height: 700 }, hasTouch: true });
      await until('live', () => phone.line());
      await phone.says(`short\n${'a-long-word-without-end'.repeat(12)}`);
      await publish(room, 'x'.repeat(500));
      await until(true, async () => (await phone.reads()).length >= 2);
      const fits = () => phone.page.evaluate(() => {
        const wide = [document.documentElement, ...document.querySelectorAll('body, main, header, #scroll, #side')];
        return wide.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.id || e.tagName);
      });
      assert.deepEqual(await fits(), []);
      assert.ok(await phone.page.isHidden('#people'));
      await phone.page.tap('#fold');
      await until(true, () => phone.page.isVisible('#people'));
      assert.deepEqual(await fits(), []);
      await phone.page.keyboard.press('Escape');
      await until(true, () => phone.page.isHidden('#people'));
      await phone.page.click('#wire summary');
      assert.deepEqual(await fits(), []);
      assert.deepEqual(phone.complaints, []);
      await phone.leaves();
    });
  }

  await check('new messages do not pull down who reads above, and a button leads there', async () => {
    const reader = await Person.arrives('Rita', room, 'sse');
    for (const n of numbers(40)) await publish(room, `line ${n}`);
    const distance = () => reader.page.$eval('#scroll', (e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    await until(true, async () => (await reader.reads()).at(-1) === 'line 40' && (await distance()) < 2);
    await reader.page.hover('#scroll');
    await reader.page.mouse.wheel(0, -600);
    await until(true, async () => (await distance()) > 400);
    await publish(room, 'one more');
    await until('1 new message ↓', () => reader.page.textContent('#pill'));
    assert.ok((await distance()) > 400, 'stayed where it was');
    await reader.page.click('#pill');
    await until(true, async () => (await distance()) < 2);
    await until(true, () => reader.page.isHidden('#pill'));
    await reader.leaves();
  });

  await check('what the server refuses stays, and can be taken back', async () => {
    const writer = await Person.arrives('Wim', room, 'sse');
    await until('live', () => writer.line());
    const refusal = { contentType: 'application/problem+json', body: JSON.stringify({ status: 403, detail: 'not today' }) };
    await writer.context.route('**/publish', (route) => route.fulfill({ status: 403, ...refusal }));
    await writer.says('precious words');
    await until(true, async () => (await writer.page.textContent('#scroll .failed .deal').catch(() => '')).includes('not today'));
    await writer.page.click('text=Take back');
    await until('precious words', () => writer.page.inputValue('#text'));
    await writer.context.unroute('**/publish');
    await writer.page.press('#text', 'Enter');
    await until('precious words', async () => (await writer.reads()).at(-1));
    await until(0, () => writer.unfinished());
    await writer.leaves();
  });
}

await run(async () => {
  for (const transport of Object.keys(WHO)) await chat(transport);
  await looks();
}, () => browser.close());
