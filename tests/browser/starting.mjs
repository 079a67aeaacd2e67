// How tests start the daemon, here, with Bayeux's clients and in those of the JavaScript client.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SOON_MS, pause } from './waiting.mjs';

/** Of a daemon that ends without being told to, what it said last is all that tells why. */
const SAID_MAX = 20_000;

async function startedOnce(binary, args, { env, hear }) {
  const child = spawn(binary, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  const at = (role) => said.match(new RegExp(`listening ${role} (\\S+)\n`))?.[1];
  const listens = new Promise((done) => {
    child.stderr.on('data', (data) => {
      said = (said + data).slice(-SAID_MAX);
      hear?.(`${data}`);
      if (at('front') && at('admin')) done(true);
    });
    child.stderr.on('close', () => done(false));
  });
  if (!await Promise.race([listens, pause(SOON_MS, false)])) {
    child.kill('SIGKILL');
    return { said };
  }
  const daemon = { child, ended, front: at('front'), admin: at('admin'), wanted: false };
  child.on('exit', (code, signal) => {
    if (!daemon.wanted) console.error(`the daemon ended by itself, with ${signal ?? code}, and had said:\n${said}`);
  });
  return { said, daemon };
}

/**
 * Starts the daemon with a configuration that listens at `front` and `admin`, and waits until it does. Gives its process, a promise of its
 * end, and where it listens. Set `wanted` before it is ended: otherwise its end is complained of. `folder` gets its configuration and its
 * control socket, `hear` what it says.
 */
export async function started(binary, { folder, front, admin, more = '', hear }) {
  const config = join(folder, 'rcomet.toml');
  writeFileSync(config, `[server]\nfront = ["${front}"]\nadmin = ["${admin}"]\n${more}\n`);
  const env = { ...process.env, RCOMET_CONTROL: join(folder, 'control.sock') };
  const until = Date.now() + SOON_MS;
  for (;;) {
    const { said, daemon } = await startedOnce(binary, ['run', '--config', config], { env, hear });
    if (daemon) return daemon;
    // Between the end of a daemon and its next start, the kernel may have given its port to somebody else for a while.
    if (!said.includes('address already in use') || Date.now() > until) throw new Error(`the daemon does not start:\n${said}`);
    await pause(50);
  }
}
