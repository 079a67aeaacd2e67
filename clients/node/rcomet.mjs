/**
 * rcomet for Node back ends: publish, read, and look. One file, no dependencies, Node 18 or later. For listening there is rcomet-client
 * (clients/js), in Node as in browsers.
 *
 *     import { Rcomet } from './rcomet.mjs';
 *     const rcomet = new Rcomet({ admin: 'http://127.0.0.1:8000', front: 'http://127.0.0.1:8100' });
 *     await rcomet.publish('news', { hello: 'world' });
 *
 * Knows the HTTP API (docs/api.md) over TCP, TLS and socket files ('unix:/run/rcomet/admin.sock').
 *
 * Licence: MIT.
 */
import http from 'node:http';
import https from 'node:https';

const ANSWER_BYTES_MAX = 64 << 20;

/**
 * Whatever goes wrong. `kind` is 'refused' (the server says no: `status` is that of HTTP), 'unreachable' (no answer, or not a whole
 * one in time: whether a publish was taken is not known) or 'misunderstood' (what answers is not rcomet). `reason` is that of rcomet, and
 * missing when somebody in between refuses.
 */
export class RcometError extends Error {
  name = 'RcometError';

  constructor(kind, message, more) {
    super(message, more);
    this.kind = kind;
    this.status = more?.status;
    this.reason = more?.reason;
  }
}

/** One daemon. Connections are kept and shared by all requests. */
export class Rcomet {
  #sides;
  #timeoutMs;
  #token;

  /**
   * `admin` is the side for publishing and looking, `front` that for reading; `timeoutMs` is how long an answer may take; `token` is the
   * channel's, where the front asks for one.
   */
  constructor({ admin = 'http://127.0.0.1:8000', front = 'http://127.0.0.1:8100', timeoutMs = 5000, token } = {}) {
    this.#sides = { admin: side(admin), front: side(front) };
    this.#timeoutMs = timeoutMs;
    this.#token = token;
  }

  /** Publishes, and says where it stands: `{ channel, seq, cursor }`. What is no string is published as its JSON text. */
  async publish(channel, data) {
    return (await this.publishAll([{ channel, data }]))[0];
  }

  /** Publishes objects of `channel` and `data`: all of them, or none. */
  async publishAll(messages) {
    if (!messages.length) return [];
    const bodies = messages.map(({ channel, data }) => {
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      if (text === undefined) throw new TypeError(`what is to be published in ${channel} is no JSON`);
      return { channel, data: text };
    });
    return part(await this.#ask('admin', 'POST', '/publish', { messages: bodies }), 'published');
  }

  /** The latest message, `{ channel, seq, cursor, data }`, or null when none is kept. */
  async read(channel) {
    return (await this.history(channel, { limit: 1 })).messages[0] ?? null;
  }

  /**
   * What is kept of a channel, the newest `limit` messages or those behind a `cursor`: `{ messages, cursor, missing, more }`. Show the
   * cursor to a page, and its feed goes on there.
   */
  async history(channel, { limit = 100, cursor } = {}) {
    const query = new URLSearchParams({ channel, limit, ...(cursor && { cursor }) });
    const answer = await this.#ask('front', 'GET', `/history?${query}`).catch((error) => {
      if (error.status !== 404 || !error.reason) throw error;
      return { messages: [], cursor: null, missing: 0, more: false }; // nobody has said anything there
    });
    return { ...answer, messages: part(answer, 'messages').map((each) => ({ channel, ...each })) };
  }

  /** All channels whose names begin so, one after the other: `{ channel, subscribers, messages, next }`. */
  async *channels(prefix = '') {
    for (let after; after !== null;) {
      const query = new URLSearchParams({ prefix, limit: 1000, ...(after && { after }) });
      const answer = await this.#ask('admin', 'GET', `/channels?${query}`);
      yield* part(answer, 'channels');
      after = answer.after ?? null;
    }
  }

  /** Closes a channel: its subscribers are told. False when there is none. */
  close(channel) {
    // A name that ends so is Simple Comet's there, and of the channel without it.
    const name = encodeURIComponent(channel).replace(/\.(jsonp?)$/, '%2E$1');
    return this.#ask('admin', 'DELETE', `/channels/${name}`).then(() => true, (error) => {
      if (error.status === 404 && error.reason) return false;
      throw error;
    });
  }

  /** Ends the connections of who reads a channel, or of one of them; they may come back. How many were ended. */
  async disconnect(channel, who) {
    return part(await this.#ask('admin', 'POST', '/disconnect', { channel, who }), 'disconnected');
  }

  /** A token for subscribing to a channel, good for so many seconds without a subscriber. */
  async sign(channel, expires = 60) {
    return part(await this.#ask('admin', 'GET', `/sign?${new URLSearchParams({ cname: channel, expires })}`), 'token');
  }

  /** Ends the connections that are kept. */
  end() {
    for (const { agent } of Object.values(this.#sides)) agent.destroy();
  }

  async #ask(which, method, path, body) {
    const { module, agent, at, base, name } = this.#sides[which];
    const text = body && JSON.stringify(body);
    const headers = { accept: 'application/json', 'user-agent': 'rcomet-node' };
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    if (text) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    const failed = (what, cause) => new RcometError('unreachable', `${what} ${name}${cause ? `: ${cause.message || cause.code}` : ''}`, { cause });
    const { status, said } = await new Promise((done, fail) => {
      const late = setTimeout(() => request.destroy(failed(`no answer within ${this.#timeoutMs} ms from`)), this.#timeoutMs);
      const over = (act) => (value) => {
        clearTimeout(late);
        act(value);
      };
      const lost = over((error) => {
        if (error instanceof RcometError) fail(error);
        else if (error.code?.startsWith('HPE_')) fail(new RcometError('misunderstood', `what answers at ${name} does not speak HTTP`));
        else fail(failed('no answer of rcomet at', error));
      });
      const request = module.request({ ...at, agent, method, path: base + path, headers }, async (answer) => {
        const parts = [];
        let bytes = 0;
        try {
          for await (const piece of answer) {
            if ((bytes += piece.length) > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes`);
            parts.push(piece);
          }
        } catch (error) {
          lost(error);
          return;
        }
        over(done)({ status: answer.statusCode, said: Buffer.concat(parts).toString() });
      });
      request.on('error', lost).end(text);
    });
    if (status === 204) return {};
    let answer;
    try {
      answer = JSON.parse(said);
    } catch {
      answer = null;
    }
    if (status !== 200) {
      const reason = answer?.detail ?? answer?.content;
      const why = reason ?? (said.slice(0, 200).trim() || 'no reason given');
      throw new RcometError('refused', `${method} ${name}${path.split('?')[0]}: ${why} (${status})`, { status, reason });
    }
    if (answer === null || typeof answer !== 'object') throw new RcometError('misunderstood', `what answers at ${name} is not rcomet`);
    return answer;
  }
}

function side(address) {
  const file = /^unix:(?:\/\/)?(\/.+)$/.exec(address)?.[1];
  if (file) return { module: http, agent: new http.Agent({ keepAlive: true }), at: { socketPath: file }, base: '', name: address };
  const url = URL.canParse?.(address) ?? /^https?:/.test(address) ? new URL(address) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) {
    throw new TypeError(`'${address}' is no address: http://HOST:PORT, https://HOST:PORT or unix:/PATH is expected`);
  }
  const module = url.protocol === 'https:' ? https : http;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { module, agent: new module.Agent({ keepAlive: true }), at: { host, port: url.port }, base: url.pathname.replace(/\/$/, ''), name: url.origin };
}

function part(answer, name) {
  if (answer?.[name] === undefined) throw new RcometError('misunderstood', `an answer has no '${name}': is this rcomet, and of this version?`);
  return answer[name];
}
