// Makes dist/ of src/: an ES module, the same as a classic script (global `rcomet`), and the types.
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const common = {
  entryPoints: [at('src/index.js')], bundle: true, minify: true, target: 'es2022', legalComments: 'none',
};
await build({ ...common, format: 'esm', outfile: at('dist/rcomet.js') });
await build({ ...common, format: 'iife', globalName: 'rcomet', outfile: at('dist/rcomet.global.js') });
copyFileSync(at('src/index.d.ts'), at('dist/rcomet.d.ts'));
