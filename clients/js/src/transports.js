// Four ways of hearing events: transports[name](line) begins to listen. It ends when line.signal is aborted.
//
// line.base             the server, with / at its end
// line.who, history, WebSocket           those of connect()
// line.bearer(channel)   what lets one subscribe it, if anything
// line.wanted()       what is to be listened to
// line.place(channel)  behind which cursor, if any
// line.address(channels, cursor, more)   a URL of /events
// line.ask(channels, cursor, wait)       one poll: { events, cursor }
// line.level()          brings all channels to one cursor, and resolves to it
// line.live()           called when the path has shown that it carries events; `ready` shows it too
// line.take(event)      called for each event
// line.heard()          called for signs of life without an event
// line.fail(error)      called when it is over; the error has a `status` if the server said so, and a `channel` if it is over
//                       for that one only
//
// What is returned is what a transport can do while it runs: sync(), listen to what line.wanted() says now;
// publish(channel, data); ping(), ask for a sign of life; renew(), show the token of now. Who cannot renew is begun anew.
// `silent`: signs of life cannot be seen.

function websocket(line) {
  const socket = new line.WebSocket(`${line.base.replace(/^http/, 'ws')}ws`);
  const calls = new Map();
  let id = 0;
  const call = (type, more) => new Promise((resolve, reject) => {
    calls.set(++id, { reject, resolve });
    socket.send(JSON.stringify({ ...more, type, id }));
  });
  const add = (channel) => call('subscribe', {
    channel,
    history: line.history,
    who: line.who,
    cursor: line.place(channel), // if there is one, it goes first
    token: line.bearer(channel),
  }).catch((error) => {
    error.channel = channel;
    line.fail(error);
  });
  const on = new Set();
  const sync = () => {
    const wanted = line.wanted();
    for (const channel of on) {
      if (!wanted.has(channel)) {
        on.delete(channel);
        call('unsubscribe', { channel }).catch(() => {}); // it was closed meanwhile
      }
    }
    for (const channel of wanted) {
      if (!on.has(channel)) {
        on.add(channel);
        add(channel);
      }
    }
  };
  const over = ({ code = 1000 }) => {
    socket.close();
    const error = new Error(`closed ${code}`);
    calls.forEach(({ reject }) => reject(error));
    line.fail(error);
  };
  const able = {
    close: over,
    sync() {}, // not open yet
  };
  socket.onopen = () => {
    Object.assign(able, {
      sync,
      publish: (channel, data) => call('publish', { channel, data }),
      ping: () => call('ping').catch(() => {}),
      // One signed token is for all channels.
      renew: () => call('auth', { token: line.bearer([...on][0]) }).catch(() => {}),
    });
    sync();
    // A path may let the handshake through and nothing behind it: an answer shows that it does more.
    call('ping').then(line.live, line.fail);
  };
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    const waiting = calls.get(event.id);
    calls.delete(event.id);
    if (event.type === 'error') {
      const error = refusal(event);
      if (waiting) waiting.reject(error);
      else if (event.channel) line.fail(error); // a new token does not allow it
    } else {
      line.take(event);
      waiting?.resolve();
    }
  };
  socket.onclose = over;
  socket.onerror = () => {}; // npm's `ws` would throw it; a close follows
  return able;
}

/** The browser's own. It does not say what a server refuses with: a poll will. */
function sse(line) {
  if (!globalThis.EventSource) return stream(line);
  let source;
  line.level().then((cursor) => {
    if (line.signal.aborted) return;
    source = new EventSource(line.address(line.wanted(), cursor));
    let begun;
    for (const type of 'ready,message,gap,closed,roster,join,leave,expiring,expired'.split(',')) {
      source.addEventListener(type, ({ data }) => {
        begun = true;
        line.take(JSON.parse(data));
      });
    }
    // It would come back by itself, but at its own pace, and with the address of now. What was refused a poll is told why.
    const ended = () => line.fail(new Error('ended'));
    source.onerror = () => (begun ? ended() : line.ask(line.wanted(), cursor, 0).then(ended, line.fail));
  }).catch(line.fail);
  return { silent: true, close: () => source?.close() };
}

/** The same events, read from a response: where there is no EventSource. */
function stream(line) {
  return (async () => {
    const cursor = await line.level();
    const response = await request(line.address(line.wanted(), cursor), { accept: 'text/event-stream' }, line);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error('ended');
      line.heard();
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop();
      for (const text of lines) if (text.startsWith('data:')) line.take(JSON.parse(text.slice(5)));
    }
  })().catch(line.fail); // a promise can do nothing of what others can
}

function poll(line) {
  (async () => {
    let cursor = await line.level();
    // The first is answered at once: it shows that the path is good, and where we are.
    for (let wait = 0; ; wait = undefined) {
      const channels = [...line.wanted()];
      const { cursor: next, events } = await line.ask(channels, cursor, wait);
      events.forEach(line.take);
      line.take({ type: 'mark', channels, cursor: cursor = next });
      line.live();
    }
  })().catch(line.fail);
  return { renew() {} }; // the next one shows it
}

/** What a server says instead of yes, to all channels or to one: over a WebSocket it gives a `reason`, over HTTP a `detail`. */
export const refusal = ({ channel, status, reason, detail = reason }) =>
  Object.assign(new Error(detail), { channel, status });

/** Asks by HTTP; what the server refuses is thrown. Its own words are a problem, with a status; a proxy's have none here. */
export async function request(url, headers, options) {
  const response = await fetch(url, { ...options, cache: 'no-store', headers });
  if (response.ok) return response;
  throw refusal(/problem/.test(response.headers.get('content-type')) ? await response.json() : { detail: `status ${response.status}` });
}

export const transports = { __proto__: null, websocket, sse, stream, poll }; // nothing else, such as `constructor`
