// Goes through nginx before a socket of Simple Comet's dialect, as docs/simple-comet.md shows it: node simple_comet.mjs URL SOCKET
// Readers get through, and browsers' preflights; nobody else does.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import vm from 'node:vm';

const [, , base, socketPath] = process.argv;
const channel = `comet.${Date.now()}`;
const TEXT = `<b> & " 你好`;
const page = { Origin: 'https://page.example' };

/** What the back end asks, by the socket file. */
const behind = (method, path, form = {}) => new Promise((done, fail) => {
  const body = new URLSearchParams(form).toString();
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(body) };
  const asked = request({ socketPath, method, path, headers }, async (response) => {
    let text = '';
    for await (const piece of response) text += piece;
    done(JSON.parse(text));
  });
  asked.on('error', fail).end(body);
});
const push = (content) => behind('POST', `/channels/${channel}.json`, { content });
const read = (more = '', kind = 'json') => fetch(`${base}/subscribe/${channel}.${kind}${more}`, { headers: page });

const ways = {
  'what is kept': async () => {
    const answer = await read('?since=0');
    // Said twice, browsers would refuse it.
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    const { messages, return_code } = await answer.json();
    assert.ok(return_code > 0);
    assert.deepEqual(messages[channel].map(({ content }) => content), ['first']);
  },
  'a poll that waits': async () => {
    const { last_id } = await (await read('?since=0')).json();
    const waiting = read(`?since=${last_id}`);
    let over = false;
    waiting.then(() => { over = true; });
    for (let tries = 0; tries < 1800 && !over; tries++) {
      // The poll may not be there yet: what comes before it is not lost on it.
      if (tries % 40 === 8) await push(TEXT);
      await new Promise((done) => { setTimeout(done, 25); });
    }
    const { messages } = await (await waiting).json();
    assert.equal(messages[channel][0].content, TEXT);
  },
  JSONP: async () => {
    const heard = [];
    vm.runInNewContext(await (await read('?since=0&cb=_JSONP_heard', 'jsonp')).text(), { _JSONP_heard: (answer) => heard.push(answer) });
    assert.equal(heard[0].messages[channel][0].content, 'first');
  },
  'a preflight': async () => {
    const headers = { ...page, 'Access-Control-Request-Method': 'GET' };
    const answer = await fetch(`${base}/subscribe/${channel}.json`, { method: 'OPTIONS', headers });
    assert.ok(answer.ok, `${answer.status}`);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  },
  'nothing but reading': async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const body = method === 'DELETE' ? undefined : new URLSearchParams({ content: 'by a stranger' });
      const answer = await fetch(`${base}/subscribe/${channel}.json`, { method, body });
      assert.equal(answer.status, 403, method);
    }
    const { messages } = await (await read('?since=0')).json();
    assert.ok(messages[channel].every(({ content }) => content !== 'by a stranger'));
  },
};

assert.equal((await behind('POST', '/channels.json', { channel_id: channel })).channel_id, channel);
assert.ok((await push('first')).message_id > 0);
for (const [name, way] of Object.entries(ways)) {
  const began = Date.now();
  await way();
  console.log(`ok    ${name} (${Date.now() - began} ms)`);
}
process.exit(0);
