// A room through the JavaScript client (clients/js): WebSocket, server-sent events or long polls, whichever is asked for or gets
// through. The client reconnects and resumes; here its events become what the page knows: messages with numbers, and what is
// missing.
import { connect } from './client/index.js';
import { Cursor } from './cursor.js';

const LOOK_MS = 5_000; // long polls are not told who comes and goes: the page asks

/** Listens by these transports; the same options and callbacks as in jsonp.js. Returns how to publish and how to stop. */
export const feed = (transport) => ({ cname, cursor = new Cursor(), who, trace = () => {} }, onMessage, onState = () => {}) => {
  // Without a cursor of the server's, all that is kept comes, and what we have is left out by its number.
  const begin = cursor.token ? { cursor: cursor.token } : { history: 'all' };
  const line = connect({ ...begin, channels: [cname], who, transport, retryMsMax: 10_000 });
  let tries = 0;
  let look = 0;

  const say = (message, verdict) => {
    if (verdict.fault) trace({ kind: 'fault', text: verdict.fault, ...message });
    onMessage(message, verdict);
  };
  const got = (type, event) => trace({ kind: 'got', type, seq: event.seq, text: JSON.stringify(event) });

  line.on('message', (event) => {
    got('message', event);
    const { seq, data: content } = event;
    if (cursor.seq > 0 && seq < cursor.seq) return trace({ kind: 'note', text: `number ${seq} was had on another line` });
    const message = { type: 'data', seq, content };
    const verdict = cursor.take(message);
    cursor.token = event.cursor;
    say(message, verdict);
  });
  line.on('gap', (event) => {
    got('gap', event);
    const { next, missing } = event;
    if (cursor.seq < 1) return; // nothing was had that something could be missing behind
    if (missing === null) {
      // Another life of the room: its numbers begin anew.
      cursor.seq = next;
      cursor.roster = null;
      return say({ type: 'gap', seq: next }, { fresh: false, missed: 0, restarted: true });
    }
    const message = { type: 'gap', seq: next, content: String(missing) };
    say(message, cursor.take(message));
  });
  const people = (who, number) => {
    const message = { type: 'roster', seq: number, content: JSON.stringify(who) };
    say(message, cursor.take(message));
  };
  line.on('roster', (event) => {
    got('roster', event);
    people(event.who, event.roster);
  });
  for (const type of ['join', 'leave']) {
    line.on(type, (event) => {
      got(type, event);
      const message = { type, seq: event.roster, content: event.who };
      say(message, cursor.take(message));
    });
  }
  line.on('closed', () => onState({ name: 'stopped', type: 'close', reason: '' }));
  line.on('error', ({ status, message }) => onState({ name: 'stopped', type: String(status), reason: message }));
  line.on('state', ({ state, transport: by, delay, reason }) => {
    clearInterval(look);
    if (state === 'connecting') {
      const path = by === 'websocket' ? '/ws' : '/events';
      trace({ kind: 'ask', text: `${path} by ${by}, from ${cursor.token || 'the oldest'}` });
      onState({ name: 'connecting', tries });
    } else if (state === 'live') {
      tries = 0;
      onState({ name: 'live' });
      if (by === 'poll') look = setInterval(ask, LOOK_MS, ask());
    } else if (state === 'waiting') {
      tries++;
      trace({ kind: 'note', text: `${reason}; trying again in ${(delay / 1000).toFixed(1)} s` });
      onState({ name: 'waiting', ms: delay, reason });
    }
  });

  async function ask() {
    try {
      const { who: here, roster } = await (await fetch(`/presence?channel=${encodeURIComponent(cname)}`)).json();
      people(here, roster);
    } catch { /* the next one may succeed */ }
  }

  return {
    publish: (channel, data) => line.publish(channel, data),
    close() {
      clearInterval(look);
      line.close();
    },
  };
};
