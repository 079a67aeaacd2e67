// What the tests need: the real daemon, and real proxies in front of it that cut, refuse and hold back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { started } from '../../../tests/browser/starting.mjs';
import { pause, until } from '../../../tests/browser/waiting.mjs';
import { connect as bare } from '../src/index.js';

export { pause, until };

const binary = process.env.RCOMET ?? fileURLToPath(new URL('../../../target/debug/rcomet', import.meta.url));

/** The daemon, on ports of its own choice the first time, and on the same ones when it is started again. */
export class Daemon {
  front = '127.0.0.1:0';
  admin = '127.0.0.1:0';
  folder = mkdtempSync(join(tmpdir(), 'rcomet-js-'));

  static async start(config = '') {
    const daemon = new Daemon();
    daemon.more = config;
    await daemon.start();
    return daemon;
  }

  async start() {
    const more = `demo = true\n${this.more}`;
    this.running = await started(binary, { folder: this.folder, front: this.front, admin: this.admin, more });
    ({ front: this.front, admin: this.admin } = this.running);
  }

  get url() {
    return `http://${this.front}`;
  }

  async stop(signal = 'SIGTERM') {
    this.running.wanted = true;
    this.running.child.kill(signal);
    await this.running.ended;
  }

  async end() {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true });
  }

  async post(path, fields) {
    const response = await fetch(`http://${this.admin}${path}`, { method: 'POST', body: new URLSearchParams(fields) });
    assert.match(await response.text(), /^(ok|\{"type":"ok"\})/);
  }

  publish(channel, content) {
    return this.post('/push', { cname: channel, content });
  }

  /** Messages one after the other, named from `from` on; in one go, as fast as the daemon takes them. */
  async publishes(channel, from, to) {
    const socket = net.connect({ host: '127.0.0.1', port: Number(this.admin.split(':')[1]) });
    for (let n = from; n < to; n++) socket.write(`GET /push?cname=${channel}&content=${n} HTTP/1.1\r\nhost: x\r\n\r\n`);
    let said = '';
    for await (const data of socket) {
      said += data;
      if (said.split('{"type":"ok"}').length > to - from) return;
    }
    throw new Error(said);
  }

  async subscribers(channel) {
    return (await (await fetch(`http://${this.admin}/info?cname=${channel}`)).json()).subscribers;
  }

  close(channel) {
    return this.post('/close', { cname: channel });
  }
}

/** Between client and daemon: passes bytes on until it is told to cut. */
export class Wire {
  #sockets = new Set();
  connections = 0;

  static async to(target) {
    const wire = new Wire();
    wire.server = net.createServer((near) => {
      wire.connections++;
      const far = net.connect({ host: '127.0.0.1', port: Number(target().split(':')[1]) });
      for (const [one, other] of [[near, far], [far, near]]) {
        wire.#sockets.add(one);
        one.on('error', () => {}).on('close', () => {
          wire.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    }).listen(0, '127.0.0.1');
    await once(wire.server, 'listening');
    return wire;
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  cut() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** No more bytes for those who are here, and no end either. */
  freeze() {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  end() {
    this.cut();
    return new Promise((done) => { this.server.close(done); });
  }
}

/** An HTTP proxy of the bad kind: it may refuse upgrades, and hand on an answer only when it is whole. */
export class Proxy {
  seen = []; // what was asked, as 'websocket', 'text/event-stream', 'application/json'
  #streams = new Set();

  static async to(target, { upgrades = true, buffers = false, streams = true } = {}) {
    const proxy = new Proxy();
    Object.assign(proxy, { upgrades, buffers, streams });
    const options = ({ url: path, method, headers }) => {
      const [host, port] = target().split(':');
      return { host, port, path, method, headers };
    };
    proxy.server = http.createServer((request, response) => {
      if (request.method === 'GET') proxy.seen.push(request.headers.accept);
      if (!proxy.streams && request.headers.accept === 'text/event-stream') {
        return response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>403 Forbidden</h1>');
      }
      const onwards = http.request(options(request), async (answer) => {
        answer.on('error', () => {});
        if (!proxy.buffers) {
          response.writeHead(answer.statusCode, answer.headers);
          response.flushHeaders();
          return answer.pipe(response);
        }
        const parts = [];
        try {
          for await (const part of answer) parts.push(part);
        } catch {
          return response.destroy();
        }
        const body = Buffer.concat(parts);
        const { 'transfer-encoding': chunked, ...headers } = answer.headers;
        response.writeHead(answer.statusCode, { ...headers, 'content-length': body.length }).end(body);
      });
      onwards.on('error', () => response.destroy());
      response.on('close', () => onwards.destroy());
      request.pipe(onwards);
    });
    proxy.server.on('upgrade', (request, socket, head) => {
      proxy.seen.push('websocket');
      socket.on('error', () => {});
      if (!proxy.upgrades) return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      const onwards = http.request(options(request)).on('error', () => socket.destroy());
      onwards.on('upgrade', (answer, far, first) => {
        const fields = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
        socket.write(first);
        far.write(head);
        proxy.#streams.add(socket);
        socket.on('close', () => far.destroy());
        far.on('error', () => {}).on('close', () => socket.destroy());
        far.pipe(socket).pipe(far);
      }).end();
    });
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  cut() {
    for (const socket of this.#streams) socket.destroy();
    this.#streams.clear();
    this.server.closeAllConnections();
  }

  end() {
    this.cut();
    return new Promise((done) => { this.server.close(done); });
  }
}

const opened = new Set();

/** Ends all feeds, also of tests that failed: what goes on trying keeps the tests from coming to their end. */
export function closeAll() {
  opened.forEach((feed) => feed.close());
  opened.clear();
}

/** A feed whose every event is kept, in order. */
export function connect(options) {
  const feed = bare({ WebSocket, retryMs: 50, ...options });
  opened.add(feed);
  feed.heard = [];
  feed.states = [];
  feed.errors = [];
  for (const type of ['message', 'gap', 'closed', 'roster', 'join', 'leave']) feed.on(type, (event) => feed.heard.push(event));
  feed.on('state', (state) => feed.states.push(state));
  feed.on('error', (error) => feed.errors.push(error));
  feed.data = (channel) => feed.heard.filter((event) => event.type === 'message' && (!channel || event.channel === channel))
    .map((event) => event.data);
  feed.gaps = () => feed.heard.filter((event) => event.type === 'gap');
  return feed;
}

/** Waits until a feed is live, with the transport that is named. */
export async function live(feed, transport) {
  await until('live', () => feed.state);
  if (transport) assert.equal(feed.transport, transport);
}

export const numbers = (from, to) => Array.from({ length: to - from }, (_, n) => String(from + n));
