// The PHP client in every version of PHP from 7.4 on that there is as WebAssembly, against the real daemon over HTTP: all of it is
// parsed, and written, read, waited, published and listed. Socket files and time are the business of tests/clients/php.py.
//
//   node versions.mjs            each version in a process of its own
//   node versions.mjs 8.1 URL    one
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const VERSIONS = ['7.4', '8.0', '8.1', '8.2', '8.3', '8.4', '8.5'];
const PATIENCE_MS = 120_000;
const root = new URL('../../', import.meta.url);
const FILES = ['clients/php/rcomet.php', 'clients/php/relay.php', 'demos/notifier/key.php', 'demos/notifier/read.php', 'demos/notifier/write.php'];

async function play(version, url) {
  const { PHP } = await import('@php-wasm/universal');
  const { loadNodeRuntime } = await import('@php-wasm/node');
  const php = new PHP(await loadNodeRuntime(version, { emscriptenOptions: { processId: 1 } }));
  php.mkdir('/site');
  const names = FILES.map((file) => {
    const name = `/site/${file.split('/').pop()}`;
    php.writeFile(name, readFileSync(new URL(file, root)));
    return name;
  });
  const code = `<?php
    error_reporting(-1);
    set_error_handler(function ($kind, $words, $file, $line) { throw new ErrorException($words, 0, $kind, $file, $line); });
    foreach (json_decode('${JSON.stringify(names)}') as $file) { token_get_all(file_get_contents($file), TOKEN_PARSE); }
    require '/site/rcomet.php';
    require '/site/relay.php';
    $c = new Rcomet\\Client('${url}', 30);
    $key = ['wasm', PHP_VERSION];
    $version = $c->write($key, "a \\u{20ac} & b");
    $read = (string) $c->read($key);
    $c->refresh($key);
    $waited = $c->wait($key, $version, 20);
    $c->publish('other', ['b' => 1.5]);
    $c->publishAll([['other', 'c'], ['other', 'd']]);
    try { $c->write('', 'x'); $refused = null; } catch (Rcomet\\Unsuitable $e) { $refused = get_class($e); }
    try { $c->publish(str_repeat('x', 300), 'x'); $code = null; } catch (Rcomet\\Refused $e) { $code = $e->getCode(); }
    $keys = array_map(function ($value) { return $value->key; }, $c->dump());
    echo json_encode([substr(PHP_VERSION, 0, 3), $read, (string) $waited, $waited->version > $version, (string) $c->read('other'),
        $refused, $code, in_array($c::channel($key), $keys, true), $c->delete($key), $c->read($key)]);`;
  const { text, errors } = await php.run({ code });
  assert.equal(errors.trim(), '', errors);
  const text1 = 'a \u20ac & b';
  assert.deepEqual(JSON.parse(text), [version, text1, text1, true, 'd', 'Rcomet\\Unsuitable', 400, true, true, null]);
}

async function playAll() {
  const binary = process.env.RCOMET ?? fileURLToPath(new URL('target/debug/rcomet', root));
  const daemon = spawn(binary, ['run', '--front', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--control', ''], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    let url;
    for await (const line of createInterface({ input: daemon.stderr })) {
      url = /listening admin (\S+)/.exec(line)?.[1];
      if (url) break;
    }
    assert.ok(url, 'the daemon did not start');
    daemon.stderr.resume();
    for (const version of VERSIONS) {
      const one = spawnSync(process.execPath, [fileURLToPath(import.meta.url), version, `http://${url}`], { encoding: 'utf8', timeout: PATIENCE_MS });
      console.log(`PHP ${version}: ${one.status === 0 ? 'ok' : 'failed'}`);
      if (one.status !== 0) {
        console.log(one.stdout, one.stderr, one.error ?? '');
        process.exitCode = 1;
      }
    }
  } finally {
    daemon.kill();
  }
}

const [version, url] = process.argv.slice(2);
await (version ? play(version, url) : playAll());
process.exit();
