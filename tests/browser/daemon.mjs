// The daemon, for tests that start and end it themselves.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  start() {
    const config = join(this.folder, 'rcomet.toml');
    writeFileSync(config, `[server]\nfront = ["${this.front}"]\nadmin = ["${this.admin}"]\n${this.options}\n`);
    this.process = spawn(binary, ['run', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.ended = new Promise((done) => this.process.on('exit', done));
    return soon(new Promise((done, fail) => {
      let said = '';
      this.process.stderr.on('data', (data) => {
        said += data;
        const at = (role) => said.match(new RegExp(`listening ${role} (\\S+)\n`))?.[1];
        if (!at('front') || !at('admin')) return;
        [this.front, this.admin] = [at('front'), at('admin')];
        done();
      });
      this.process.on('exit', () => fail(new Error(said)));
    }), 'the daemon');
  }

  stop(signal = 'SIGTERM') {
    this.process.kill(signal);
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
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}
