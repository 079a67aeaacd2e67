// The daemon, for tests that start and end it themselves.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { started } from './starting.mjs';
import { SOON_MS } from './support.mjs';

const binary = process.env.RCOMET ?? new URL('../../target/debug/rcomet', import.meta.url).pathname;

/** A promise, if it is kept in time. */
export function soon(promise, what) {
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`waited for ${what}`)), SOON_MS).unref());
  return Promise.race([promise, late]);
}

/** The daemon, on ports of its own choice the first time, and on the same ones when it is started again. */
export class Daemon {
  /** With these lines in its configuration, behind `[server]`; a function is told in which folder its files may be. */
  constructor(options) {
    this.folder = mkdtempSync(join(tmpdir(), 'rcomet-'));
    this.options = typeof options === 'function' ? options(this.folder) : options;
    this.front = this.admin = '127.0.0.1:0';
  }

  async start() {
    this.running = await started(binary, { folder: this.folder, front: this.front, admin: this.admin, more: this.options });
    ({ front: this.front, admin: this.admin, ended: this.ended } = this.running);
  }

  stop(signal = 'SIGTERM') {
    this.running.wanted = true;
    this.running.child.kill(signal);
    return soon(this.ended, 'the end of the daemon');
  }

  async publish(channel, content) {
    const body = new URLSearchParams({ cname: channel, content });
    const response = await fetch(`http://${this.admin}/push`, { method: 'POST', body });
    assert.equal(JSON.parse(await response.text()).type, 'ok');
  }

  async counter(name) {
    const metrics = await (await fetch(`http://${this.admin}/metrics`)).text();
    return Number(metrics.match(new RegExp(`^rcomet_${name}_total (\\d+)$`, 'm'))[1]);
  }

  /** Its files go, too. */
  async forget() {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}
