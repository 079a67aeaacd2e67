// The page: what has been heard, and what is sent. The dialects are in clients.js.
import { ccomet, icomet, publish, pushModule, pushSocket, simpleComet } from './clients.js';

const CHANNEL = 'chat.crossing';
const KEPT = 200; // lines in a column
const NAMES = { icomet: 'icomet', simple_comet: 'Simple Comet', push: 'Push module', push_socket: 'Push socket' };
const $ = (id) => document.getElementById(id);

/** Everything anybody writes goes in as text. What was sent by this page says in which dialect, before a tab. */
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

const into = (column) => (number, content) => show(column, number, content);
const lamp = (column) => (words) => {
  $(`${column}-line`).textContent = words;
  $(`${column}-line`).classList.toggle('live', words === 'live');
};

// A script that waits for its answer would keep the page from being loaded.
if (document.readyState !== 'complete') await new Promise((done) => addEventListener('load', () => setTimeout(done)));

icomet(CHANNEL, into('icomet'), lamp('icomet'));
ccomet(CHANNEL, `page-${crypto.getRandomValues(new Uint32Array(1))[0]}`, into('ccomet'), lamp('ccomet'));
// A second channel, which need not be there, so that a list is asked for.
simpleComet([CHANNEL, 'chat.no-such-room'], into('simple_comet'), lamp('simple_comet'));
const room = CHANNEL.replace('chat.', '');
pushModule(room, into('push'), lamp('push'));
const say = pushSocket(room, into('push_socket'), lamp('push_socket'));
const ways = { ...publish, push_socket: (_, text) => say(text) };

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
