// Three ways of listening to a channel, behind one function each:
//
//   import { transports } from './transports.js';
//   const close = transports.stream.subscribe({ cname: 'news' }, (message) => …, (state) => …);
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

// The server says something at least every 30 s. Longer silence means that the connection died without telling us.
const SILENCE_MS = 45_000;
const BACKOFF_LEAST_MS = 500;
const BACKOFF_MOST_MS = 10_000;

/** How far a channel has been read. Hand it from one subscription to the next to go on exactly there. */
export class Cursor {
  constructor({ seq = -1, epoch = '', roster = null } = {}) {
    this.seq = seq; // number of the next message wanted; below 1 while no number is known
    this.epoch = epoch; // the life of the channel that the number belongs to
    this.roster = roster; // the last roster number seen; null asks for the whole roster
  }

  /**
   * Takes one message in. fresh: it is news and should be shown. missed: how many messages never came ('some' when
   * nobody knows). restarted: the channel began a new life. fault: what the server should not have done, in words.
   */
  take({ type, seq, content }) {
    const verdict = { fresh: false, missed: 0, restarted: false, fault: '' };
    const known = this.seq > 0;
    switch (type) {
      case 'data':
      case 'broadcast':
        if (!Number.isSafeInteger(seq) || seq < 1) {
          verdict.fault = `a message with the number ${seq}`;
        } else if (known && seq < this.seq) {
          verdict.fault = `number ${seq} came again or late: ${this.seq} is next`;
        } else {
          if (known && seq > this.seq) {
            verdict.missed = seq - this.seq;
            verdict.fault = `number ${seq} came although ${this.seq} is next, and no gap was told`;
          }
          verdict.fresh = true;
          this.seq = seq + 1;
        }
        break;
      case 'next_seq':
        if (known && seq !== this.seq) {
          verdict.fault = `the next number is said to be ${seq}, but ${this.seq} is next`;
          verdict.missed = Math.max(0, seq - this.seq);
        }
        this.seq = seq;
        break;
      case 'gap':
        // An EventSource that comes back with an id from a former life may be told of the loss after the epoch has
        // said so: a gap of unknown size that ends where we are. That is no fault, and nothing new.
        if (known && content !== '' && Number(content) !== seq - this.seq) {
          verdict.fault = `a gap of ${content} from ${this.seq} to ${seq}`;
        } else if (known && seq < this.seq) {
          verdict.fault = `a gap up to ${seq}, but ${this.seq} is next`;
        }
        if (known && seq > this.seq) verdict.missed = Number(content) || 'some';
        this.seq = Math.max(seq, this.seq);
        break;
      case 'epoch':
        if (content === this.epoch) {
          // An EventSource that the browser reconnected asks with the address it was made with.
          if (known && seq !== this.seq) verdict.fault = `same epoch, but ${seq} is said to be next, not ${this.seq}`;
          break;
        }
        verdict.restarted = this.epoch !== '';
        if (verdict.restarted) this.roster = null;
        this.epoch = content;
        this.seq = seq;
        break;
      case 'roster':
        this.roster = seq;
        break;
      case 'join':
      case 'leave':
        // Numbers rise; some are of changes that are not told here.
        if (this.roster !== null && seq <= this.roster) {
          verdict.fault = `${type} ${seq} came after number ${this.roster} of the roster`;
        }
        this.roster = seq;
        break;
    }
    return verdict;
  }
}

/** What the three have in common: addresses, taking messages in, silence, and trying again. */
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

/** EventSource: the browser keeps the connection, remembers the last id and reconnects by itself. */
function eventSource(line) {
  // The browser reconnects with the address from now, when a roster number in it is long out of date: ask for all.
  const url = line.url('/sse', { roster: null });
  const { epoch } = line.cursor;
  let lastId = '';
  const source = new EventSource(url);
  source.onopen = () => line.live();
  source.onmessage = (event) => {
    lastId = event.lastEventId;
    line.receive(event.data);
  };
  source.onerror = () => {
    // Leave it to the browser if what it will send says which life of the channel it means: the address does, when it
    // has the epoch of today, and so does an id that is more than a number.
    const exact = epoch === line.cursor.epoch || /\D/.test(lastId);
    if (source.readyState === EventSource.CONNECTING && exact) {
      line.trace('note', `the browser reconnects${lastId && `, Last-Event-ID: ${lastId}`}`);
      line.onState({ name: 'waiting', ms: 0, reason: 'the connection was lost' });
    } else {
      line.failed('the connection was lost');
    }
  };
  return () => source.close();
}

/** A response that never ends, one line for each message. */
function fetchStream(line) {
  const abort = new AbortController();
  const url = line.url('/stream');
  (async () => {
    const response = await fetch(url, { signal: abort.signal, cache: 'no-store' });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    line.live();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the stream ended');
      line.heard();
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const text of lines) if (text.trim() && !line.receive(text)) return;
    }
  })().catch((error) => abort.signal.aborted || line.failed(error.message));
  return () => abort.abort();
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

const subscribe = (open) => (options, onMessage, onState = () => {}) => {
  const line = new Line(open, options, onMessage, onState);
  return () => line.close();
};

export const transports = {
  sse: { label: 'EventSource', path: '/sse', subscribe: subscribe(eventSource) },
  stream: { label: 'fetch stream', path: '/stream', subscribe: subscribe(fetchStream) },
  jsonp: { label: 'JSONP poll', path: '/sub', subscribe: subscribe(jsonp) },
};

const PUSH_TRIES = 4;
const PUSH_ANSWER_MS = 10_000;

/**
 * Publishes content to a channel; resolves to '' when it was taken, else to the reason in words. Tries again when nobody
 * knows whether it was taken, so it may be taken twice: put an id into the content, and say with `needed` when it was seen.
 */
export async function publish({ base = '', cname, content, trace = () => {}, needed = () => true }) {
  let reason = '';
  for (let tries = 0; tries < PUSH_TRIES && needed(); tries++) {
    if (tries) await new Promise((done) => setTimeout(done, BACKOFF_LEAST_MS * 2 ** tries * (0.5 + Math.random() / 2)));
    trace({ kind: 'ask', text: `POST /push cname=${cname} content=${content}` });
    try {
      const response = await fetch(`${base}/push`, {
        method: 'POST',
        body: new URLSearchParams({ cname, content }), // sets the content type, too
        signal: AbortSignal.timeout(PUSH_ANSWER_MS),
      });
      const text = (await response.text()).trim();
      trace({ kind: 'got', text, type: `${response.status}` });
      let answer = {};
      try { answer = JSON.parse(text); } catch { /* a refusal may be plain text */ }
      if (response.ok && answer.type === 'ok') return '';
      reason = `The server refused it: ${answer.content ?? answer.error ?? (text.slice(0, 200) || response.status)}`;
      if (response.status < 500 && response.status !== 429 && answer.type !== '429') break; // it would say the same again
    } catch {
      reason = 'The server could not be reached.';
      trace({ kind: 'note', text: 'POST /push: no answer' });
    }
  }
  return needed() ? reason : '';
}
