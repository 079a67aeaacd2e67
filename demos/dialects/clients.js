// Listeners of four dialects, one of them by WebSocket as well, each as short as its protocol allows. Every one calls `heard(number, text)` for each message,
// in order and once, and `line(words)` when its connection is in another state. Plain functions, no dependency.

const BASE = new URL('..', import.meta.url);
const url = (path, parameters = {}) => {
  const address = new URL(path, BASE);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address;
};

/** Loads a script; the answer is what it calls. Resolves when it has run, or has failed to load. */
function script(address) {
  const element = document.createElement('script');
  element.src = address;
  return new Promise((done) => {
    element.onload = element.onerror = (event) => {
      element.remove();
      done(event.type === 'load');
    };
    document.head.append(element);
  });
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** icomet: an event source. The browser comes back by itself and says where it was. */
export function icomet(channel, heard, line) {
  const source = new EventSource(url('sse', { cname: channel, seq: -1 }));
  source.onopen = () => line('live');
  source.onerror = () => line('reconnecting');
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === 'data') heard(message.seq, message.content);
  };
}

/** CComet: a poll asks for a number, and is answered with that message and those behind it, in a string of JSON. */
export async function ccomet(channel, name, heard, line) {
  const callback = 'ccomet_heard';
  for (let next = 0; ;) {
    let items = [];
    globalThis[callback] = (text) => { items = JSON.parse(text); };
    line('live');
    const ran = await script(url('subscribe', { channel, sname: name, seqid: next, callback, time: Date.now() }));
    for (const item of items) {
      if (item.type !== 'MSG') continue;
      next = Number(item.seqid) + 1;
      heard(next, item.msg);
    }
    if (ran) continue;
    line('reconnecting');
    await pause(1000);
  }
}

/** Simple Comet: a poll says the number of the last message it has, of all its channels; the answer says the next. */
export async function simpleComet(channels, heard, line) {
  const list = channels.map(encodeURIComponent).join('%7C');
  for (let since = 0, count = 0; ;) {
    let answer = null;
    globalThis._JSONP_comet_cb = (object) => { answer = object; };
    line('live');
    await script(url(`channels/${list}.jsonp`, { since, t: `${Date.now()}.${count++}` }));
    if (answer?.return_code > 0 && answer.since >= since) {
      const messages = Object.values(answer.messages).flat();
      messages.sort((a, b) => a.id - b.id); // one counter for all channels
      for (const { id, content } of messages) heard(id, content);
      since = answer.last_id;
      continue;
    }
    // Nothing to read yet, or nobody there.
    line('waiting for the channel');
    await pause(1000);
  }
}

/** The push module: a poll names the message that it has by second and tag, and is answered with the next and its name. */
export async function pushModule(room, heard, line) {
  for (let seen = {}; ;) {
    line('live');
    const response = await fetch(url(`rooms/${encodeURIComponent(room)}`), { headers: seen, cache: 'no-store' }).catch(() => null);
    const text = await response?.text().catch(() => null);
    if (response?.status === 200 && text !== null) {
      const [date, tag] = ['Last-Modified', 'Etag'].map((name) => response.headers.get(name));
      seen = { 'If-Modified-Since': date, 'If-None-Match': tag };
      heard(`${Date.parse(date) / 1000}:${tag}`, text);
      continue;
    }
    line('reconnecting');
    await pause(1000);
  }
}

/**
 * The push module by WebSocket, as Nchan has it: each message comes with its id, behind which the next connection goes on.
 * Gives a function that publishes by the same socket, and says as what the message has come back.
 */
export function pushSocket(room, heard, line) {
  const address = url(`rooms/${encodeURIComponent(room)}`);
  address.protocol = address.protocol.replace('http', 'ws');
  const waiting = []; // texts on their way, and who wants to know
  let socket;
  const connect = (id) => {
    if (id) address.searchParams.set('last_event_id', id);
    socket = new WebSocket(address, 'ws+meta.nchan');
    socket.onopen = () => line('live');
    socket.onmessage = ({ data }) => {
      const [, which, text] = /^id: (.*)\n(?:content-type: .*\n)?\n([^]*)$/.exec(data) ?? [];
      if (which === undefined) return;
      id = which;
      heard(id, text);
      const place = waiting.findIndex((one) => one.text === text);
      if (place >= 0) waiting.splice(place, 1)[0].done(`it came back as ${id}`);
    };
    socket.onclose = ({ reason }) => {
      line('reconnecting');
      waiting.splice(0).forEach(({ fail }) => fail(new Error(reason || 'the connection ended')));
      setTimeout(connect, 1000, id);
    };
  };
  connect();
  return (text) => new Promise((done, fail) => {
    if (socket.readyState !== WebSocket.OPEN) return fail(new Error('not connected'));
    waiting.push({ text, done, fail });
    socket.send(text);
  });
}

/** Publishes; gives what the server says. */
export const publish = {
  async icomet(channel, content) {
    const response = await fetch(url('push'), { method: 'POST', body: new URLSearchParams({ cname: channel, content }) });
    return response.text();
  },
  async simple_comet(channel, content) {
    const address = url(`channels/${encodeURIComponent(channel)}.json`);
    const response = await fetch(address, { method: 'POST', body: new URLSearchParams({ content }) });
    return response.text();
  },
  async push(channel, body) {
    const room = channel.replace(/^chat\./, '');
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' };
    const response = await fetch(url(`rooms/${encodeURIComponent(room)}`), { method: 'POST', headers, body });
    return response.text();
  },
};
