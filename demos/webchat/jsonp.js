// Long polling with script elements, in icomet's dialect: how pages have listened since long before there was anything else. It
// needs nothing of the browser, and shows on the wire what old pages send.
//
// options:  cname    the channel
//           cursor   a Cursor: where to go on from (default: from the oldest message the server still has)
//           who      be listed under this id while subscribed (default: not listed)
//           base     where the server is (default: the origin of the page)
//           trace    called with { kind: 'ask' | 'got' | 'note' | 'fault', text, type, seq }, to watch what travels
// onMessage(message, verdict)   every message of the server, with what Cursor.take() says about it
// onState(state)   { name: 'connecting', tries }  { name: 'live' }  { name: 'waiting', ms, reason }
//                  { name: 'stopped', type, reason }   the channel was closed, or the server refused for good
//
// Reconnecting is done in here; whoever subscribes sees every message once and in order, or is told what was missed.
import { Cursor } from './cursor.js';

// The server says something at least every 30 s. Longer silence means that the connection died without telling us.
const SILENCE_MS = 45_000;
const BACKOFF_LEAST_MS = 500;
const BACKOFF_MOST_MS = 10_000;

/** Addresses, taking messages in, silence, and trying again. */
class Line {
  constructor(open, options, onMessage, onState) {
    Object.assign(this, { open, options, onMessage, onState });
    this.cursor = options.cursor ?? new Cursor();
    this.tries = 0;
    this.noop = 0;
    this.over = false;
    this.hangUp = () => {};
    this.wake = () => this.retry && this.connect(); // the network is back: do not sit out the pause
    addEventListener('online', this.wake);
    this.connect();
  }

  /** Address of a request that goes on from the cursor. */
  url(path, { roster = this.cursor.roster, ...more } = {}) {
    const { base = '', cname, who } = this.options;
    const { seq, epoch } = this.cursor;
    // The number comes back in a noop, so that one can tell which request it answers.
    const query = new URLSearchParams({ cname, seq, epoch, noop: ++this.noop, ...more });
    if (who) query.set('who', who);
    if (who && roster !== null) query.set('roster', roster);
    const url = new URL(`${base}${path}?${query}`, location.href).href;
    this.trace('ask', `GET ${path}?${query}`);
    return url;
  }

  trace(kind, text, { type, seq } = {}) {
    this.options.trace?.({ kind, text, type, seq });
  }

  connect() {
    clearTimeout(this.retry);
    this.retry = 0;
    this.onState({ name: 'connecting', tries: this.tries });
    if (this.over) return; // closed from within the callback
    this.heard();
    this.hangUp = this.open(this);
  }

  /** Something came: start to wait for silence anew. */
  heard() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.failed(`nothing heard for ${SILENCE_MS / 1000} s`), SILENCE_MS);
  }

  live() {
    if (!this.over) this.onState({ name: 'live' });
  }

  /** Takes in what came, text or value, one message or an array. Returns whether the subscription goes on. */
  receive(answer) {
    if (this.over) return false;
    this.heard();
    try {
      if (typeof answer === 'string') answer = JSON.parse(answer);
    } catch {
      this.trace('fault', `not JSON: ${answer}`);
      return true;
    }
    for (const message of [answer].flat()) {
      const type = String(message.type);
      this.trace('got', JSON.stringify(message), message);
      if (type === '429') {
        this.failed(message.content || 'the server is full', 5_000 + Math.random() * 5_000);
        return false;
      }
      if (type === '400' || type === '401' || type === 'close') {
        this.onMessage(message, { fresh: false });
        this.close();
        this.onState({ name: 'stopped', type, reason: message.content });
        return false;
      }
      this.tries = 0; // only an answer counts: a server that takes connections and drops them must not be hammered
      const verdict = this.cursor.take(message);
      if (type === 'noop' && message.seq !== this.noop) verdict.fault = `a noop for ${message.seq}, not ${this.noop}`;
      if (verdict.fault) this.trace('fault', verdict.fault, message);
      this.onMessage(message, verdict);
      if (this.over) return false;
    }
    return true;
  }

  /** The connection is gone: try again, later each time, and not everybody at the same moment. */
  failed(reason, ms = 0) {
    if (this.over || this.retry) return;
    this.hangUp();
    clearTimeout(this.silence);
    const most = Math.min(BACKOFF_MOST_MS, 1_000 * 2 ** this.tries++);
    ms ||= BACKOFF_LEAST_MS + Math.random() * (most - BACKOFF_LEAST_MS);
    this.retry = setTimeout(() => this.connect(), ms);
    this.trace('note', `${reason}; trying again in ${(ms / 1000).toFixed(1)} s`);
    this.onState({ name: 'waiting', ms, reason });
  }

  close() {
    this.over = true;
    removeEventListener('online', this.wake);
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.hangUp();
  }
}

/** Long polling with a script element: each answer is a piece of JavaScript that calls us. Works since 1997. */
function jsonp(line) {
  // In a frame of its own, because a script element cannot be told to stop waiting, but a frame can be thrown away.
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.title = 'long poll';
  let poll = 0;
  const ask = (more) => {
    const page = frame.contentWindow;
    const cb = `poll${++poll}`; // another name each time also keeps any cache out of it
    const before = JSON.stringify(line.cursor);
    const script = page.document.createElement('script');
    let goOn = null;
    page[cb] = (answer) => (goOn = line.receive(answer));
    script.onerror = () => line.failed('the poll failed');
    script.onload = () => {
      script.remove();
      delete page[cb];
      if (goOn === null) line.failed('the poll brought no answer');
      if (!goOn || line.over) return;
      line.live();
      // At once, unless the answer changed nothing: then a little patience keeps a confused server from being flooded.
      setTimeout(() => frame.isConnected && ask(), before === JSON.stringify(line.cursor) ? 250 : 0);
    };
    script.src = line.url('/sub', { cb, ...more });
    line.heard();
    page.document.head.append(script);
  };
  // The whole roster is answered at once: without it, we would not know for half a minute whether the line is good.
  frame.addEventListener('load', () => ask({ roster: null }), { once: true });
  document.body.append(frame);
  return () => frame.remove();
}

/** Listens by script elements. */
export function scripts(options, onMessage, onState = () => {}) {
  const line = new Line(jsonp, options, onMessage, onState);
  return { close: () => line.close() };
}
