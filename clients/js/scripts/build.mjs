// Makes dist/ of src/: an ES module, the same as a classic script (global `rcomet`), and the types.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
// Names of properties that only our own modules see are made short, too. Not those of what travels: between server, tabs of
// different versions, and users.
const mangleProps = new RegExp(`^(${[
  'address', 'ask', 'level', 'heard', 'refused', 'sync', 'adopt', 'wanted', 'leads', 'hello', 'silent',
  'told', 'groups', 'keep', 'tell', 'base', 'live', 'fail', 'take', 'ping', 'renew', 'resolve', 'reject',
  'bearer', 'place', 'of', 'all', 'at', 'wishes', 'knows', 'begin',
].join('|')})$`);
const common = {
  entryPoints: [at('src/index.js')], bundle: true, minify: true, target: 'es2022', legalComments: 'none', mangleProps,
};
await build({ ...common, format: 'esm', outfile: at('dist/rcomet.js') });
// What esbuild has put together, terser writes with five bytes less in a hundred. What the options call unsafe is to be told from what
// was written only by whoever looks at functions, calls them with `new`, or asks whether something is the very value `true`.
const compress = { passes: 3, unsafe: true, unsafe_arrows: true, booleans_as_integers: true, reduce_funcs: false };
const file = at('dist/rcomet.js');
const { code } = await minify(readFileSync(file, 'utf8'), { module: true, ecma: 2022, compress });
writeFileSync(file, code);
// The classic script is the module in a function that gives what the module exports: a bundler's own wrapper is ten times as long.
const exported = /export\{(\w+) as connect\};?\s*$/;
if (!exported.test(code)) throw new Error(`the module is expected to export connect, and nothing else: ${code.slice(-60)}`);
writeFileSync(at('dist/rcomet.global.js'), `var rcomet=(()=>{${code.replace(exported, 'return{connect:$1}')}})()`);
copyFileSync(at('src/index.d.ts'), at('dist/rcomet.d.ts'));
