// A page on one dialect: its listener, and beside it that of another, so that messages are seen to cross.
import { compose, listen, loaded } from './columns.js';

await loaded;
const given = [...document.querySelectorAll('section[data-dialect]')].map(({ dataset }) => [dataset.dialect, listen(dataset.dialect)]);
// Who listens by a WebSocket may also publish by it.
const say = Object.fromEntries(given).push_socket;
compose(say ? { push_socket: (_, text) => say(text) } : {});
