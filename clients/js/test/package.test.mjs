// What is published to npm: its size, its files, its types.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { connect } from '../src/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const SIZE_MAX = 4096;

test(`compressed, it has less than ${SIZE_MAX} bytes`, (t) => {
  for (const name of ['rcomet.js', 'rcomet.global.js']) {
    const bytes = readFileSync(`${root}dist/${name}`);
    // Node's zlib is not everybody's: gzip makes some bytes more of the same.
    const gzip = execFileSync('gzip', ['-9'], { input: bytes });
    const size = Math.max(gzipSync(bytes, { level: 9 }).length, gzip.length);
    t.diagnostic(`dist/${name}: ${bytes.length} bytes, ${size} compressed`);
    assert.ok(size < SIZE_MAX, `${size} bytes`);
  }
});

test('the package has what its description names, and can be imported by its name', async () => {
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'], { cwd: root }));
  const names = files.map(({ path }) => path);
  const { exports, types, main, unpkg } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  for (const path of [types, main, unpkg, exports['.'].types, exports['.'].default, exports['./global'], exports['./delta'].types, exports['./delta'].default, 'README.md', 'LICENSE']) {
    assert.ok(names.includes(path.replace('./', '')), path);
  }
  assert.ok(names.every((name) => /^(dist|src)\/|^(README\.md|LICENSE|package\.json)$/.test(name)), names.join(' '));
  assert.equal(readFileSync(`${root}LICENSE`, 'utf8'), readFileSync(`${root}../../LICENSE`, 'utf8'));
  const own = await import('rcomet-client');
  assert.deepEqual(Object.keys(own), ['connect']);
  assert.deepEqual(Object.keys(await import('rcomet-client/delta')), ['deltas']);
});

test('the types say what there is', () => {
  const feed = connect({ url: 'http://127.0.0.1:9', channels: [] });
  const types = readFileSync(`${root}src/index.d.ts`, 'utf8');
  const [, body] = types.match(/interface Feed .*?\{\n(.*?)\n\}/s);
  const typed = [...body.matchAll(/^ {2}(?:readonly )?(\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(feed).sort(), typed.sort());
  feed.close();
  execFileSync('node', [`${root}node_modules/typescript/bin/tsc`, '--project', `${root}test/types`], { stdio: 'inherit' });
});
