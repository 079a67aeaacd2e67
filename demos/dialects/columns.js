// What the pages on dialects share: columns of what has been heard, and the form that sends. The dialects are in clients.js.
import { ccomet, icomet, publish, pushModule, pushSocket, simpleComet } from './clients.js';

const CHANNEL = 'chat.crossing';
const ROOM = 'crossing'; // the same to the push module, whose location is /rooms/{id}
const KEPT = 200; // lines in a column
const NAMES = { icomet: 'icomet', simple_comet: 'Simple Comet', push: 'Push module', push_socket: 'Push socket' };
const $ = (id) => document.getElementById(id);

/** Everything anybody writes goes in as text. What was sent by these pages says in which dialect, before a tab. */
function show(column, number, content) {
  const [, dialect, text] = /^(icomet|simple_comet|push|push_socket)\t([^]*)$/.exec(content) ?? [null, null, content];
  const item = document.createElement('li');
  const small = document.createElement('small');
  small.textContent = number;
  const badge = document.createElement('b');
  badge.textContent = NAMES[dialect] ?? 'elsewhere';
  const words = document.createElement('span');
  words.textContent = text;
  item.append(small, badge, words);
  $(column).append(item);
  while ($(column).children.length > KEPT) $(column).firstChild.remove();
  $(column).scrollTop = $(column).scrollHeight;
}

const LISTENERS = {
  icomet: (heard, line) => icomet(CHANNEL, heard, line),
  ccomet: (heard, line) => ccomet(CHANNEL, `page-${crypto.getRandomValues(new Uint32Array(1))[0]}`, heard, line),
  // A second channel, which need not be there, so that a list is asked for.
  simple_comet: (heard, line) => simpleComet([CHANNEL, 'chat.no-such-room'], heard, line),
  push: (heard, line) => pushModule(ROOM, heard, line),
  push_socket: (heard, line) => pushSocket(ROOM, heard, line),
};

/** Listens in a dialect, and shows what it hears in the column of that name. What its listener gives, if it gives anything. */
export function listen(dialect) {
  return LISTENERS[dialect]((number, content) => show(dialect, number, content), (words) => {
    $(`${dialect}-line`).textContent = words;
    $(`${dialect}-line`).classList.toggle('live', words === 'live');
  });
}

/** Sends what is written in the form, in the dialect that is chosen there: a script's address, a `fetch`, or a way of `more`. */
export function compose(more = {}) {
  const ways = { ...publish, ...more };
  $('compose').addEventListener('submit', async (event) => {
    event.preventDefault();
    const dialect = new FormData($('compose')).get('dialect');
    const text = $('text').value;
    $('text').value = '';
    try {
      $('answer').textContent = `${NAMES[dialect]} says: ${await ways[dialect](CHANNEL, `${dialect}\t${text}`)}`;
    } catch (error) {
      $('answer').textContent = `Not sent: ${error.message}`;
      $('text').value = text;
    }
    $('text').focus();
  });
}

/** A script that waits for its answer would keep the page from being loaded. */
export const loaded = document.readyState === 'complete'
  ? Promise.resolve()
  : new Promise((done) => addEventListener('load', () => setTimeout(done)));
