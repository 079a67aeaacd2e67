// The page on which all dialects are side by side.
import { compose, listen, loaded } from './columns.js';

await loaded;
for (const dialect of ['icomet', 'ccomet', 'simple_comet', 'push']) listen(dialect);
const say = listen('push_socket');
compose({ push_socket: (_, text) => say(text) });
