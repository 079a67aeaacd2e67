// The page: a room of the web chat, by the calls in comet.js. What travels is the business of those.
import { clock, disc, el, hue, keep, kept, shortId, tidyName } from '../chat/dom.js';

const KEPT = 200; // messages on the page
const HISTORY = 50; // of those that were said before we came
const PLAIN_MOST = 8000; // what others put into the channel may be long
const SAME_BREATH_MS = 5 * 60_000; // messages of one person closer than this stand together

const $ = (id) => document.getElementById(id);
const form = $('compose');
const browserId = kept('localStorage', 'browser', shortId()); // the web chat's: begins the ids of our messages
keep('localStorage', 'browser', browserId);
let seen = new Set(); // ids shown: what was sent again may have been taken twice

// A room is a channel; of the names that the web chat allows, Bayeux has those in plain letters.
const room = () => {
  try { return decodeURIComponent(location.hash.slice(1)).replace(/[^A-Za-z0-9_-]/g, '').slice(0, 40) || 'lobby'; } catch { return 'lobby'; }
};
const channelOf = (name) => `/chat/${name}`;

/** What was published: by a page like this an object, by the web chat the text of one, by others anything. */
function readLetter(data) {
  let letter = data;
  if (typeof data === 'string') {
    try { letter = JSON.parse(data); } catch { /* just text */ }
  }
  const { name, user = name, text, id = '', at } = letter ?? {};
  if (typeof text === 'string' && typeof id === 'string' && typeof user === 'string' && tidyName(user)) {
    const known = Number.isFinite(at) && at > 0 && at < Date.now() + 86_400_000;
    return { name: tidyName(user), text, id, at: known ? at : Date.now() };
  }
  const words = typeof data === 'string' ? data : JSON.stringify(data);
  return { name: 'someone', text: words.length > PLAIN_MOST ? `${words.slice(0, PLAIN_MOST)}…` : words, id: '', at: Date.now(), kind: 'plain' };
}

function show(data) {
  const letter = readLetter(data);
  if (letter.id && seen.has(letter.id)) return;
  seen.add(letter.id);
  const { name, text, at, id, kind = '' } = letter;
  const own = id.startsWith(`${browserId}-`);
  const time = Object.assign(el('time', 'when', clock.format(at)), { dateTime: new Date(at).toISOString() });
  const words = Object.assign(el('div', 'words', text), { dir: 'auto' });
  const head = el('div', own ? 'unseen' : 'head', el('bdi', '', own ? 'You' : name));
  const item = el('li', `msg ${own ? 'own' : ''} ${kind}`, ...(own ? [] : [disc(name)]), head, el('div', 'said', words, time));
  item.style.setProperty('--hue', hue(name));
  item.letter = letter;
  const above = $('said').lastElementChild;
  const near = above?.letter?.name === name && above.matches('.own') === own && Math.abs(at - above.letter.at) < SAME_BREATH_MS;
  item.classList.toggle('more', Boolean(near));
  add(item);
}

function add(item) {
  const scroll = $('scroll');
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  $('empty').hidden = true;
  $('said').append(item);
  while ($('said').children.length > KEPT) $('said').firstChild.remove();
  if (atEnd || item.matches('.own')) scroll.scrollTop = scroll.scrollHeight;
}

function begin() {
  seen = new Set();
  $('said').replaceChildren();
  $('empty').hidden = false;
}

let here = '';
function enter() {
  if (room() === here) return;
  if (here) globalThis.$.comet.unsubscribe(channelOf(here));
  here = room();
  begin();
  const channel = channelOf(here);
  $('room-name').textContent = here;
  document.title = `${here} · a chat in jquery.comet's calls`;
  for (const link of ['to-chat', 'same-room']) $(link).href = `../chat/#${here}`;
  for (const place of document.querySelectorAll('.channel')) place.textContent = channel;
  for (const place of document.querySelectorAll('.front')) place.textContent = location.origin;
  for (const place of document.querySelectorAll('.admin')) place.textContent = 'http://127.0.0.1:8000';
  // A session that begins anew is told what there is; what stood here before is among it, or forgotten.
  globalThis.$.comet.subscribe(channel, (message, data) => here === room() && show(data), { history: HISTORY, renewed: begin });
}

// What fell out of the server's history while we were away is said.
globalThis.$.comet.listen('/service/rcomet/gap', (message, { lost }) => {
  add(el('li', 'note', lost === 1 ? 'One message is missing here.' : `${lost} messages are missing here.`));
});

form.elements.user.value = tidyName(String(kept('localStorage', 'name', ''))) || `Guest ${shortId().slice(0, 3)}`;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { user, text } = form.elements;
  const name = tidyName(user.value);
  if (!name || !text.value.trim()) return;
  keep('localStorage', 'name', name);
  const letter = { name, text: text.value.trim(), id: `${browserId}-${shortId()}`, at: Date.now() };
  globalThis.$.comet.publish(channelOf(here), letter);
  text.value = '';
  text.focus();
});

// A page may be served by one host and talk with another: ?url=http://other.example/cometd
const connect = () => globalThis.$.comet.connect(new URLSearchParams(location.search).get('url') ?? '/cometd', { errorDelay: 1000 });
connect();
enter();
addEventListener('hashchange', enter);
// A page kept for the back button keeps no connection; what it is subscribed to, the next session has as well.
addEventListener('pagehide', () => globalThis.$.comet.disconnect());
addEventListener('pageshow', (event) => event.persisted && connect());
setInterval(() => {
  const { comet } = globalThis.$;
  $('standing').textContent = comet.clientId() ? 'connected' : `connecting${comet.errorCount() ? `, ${comet.errorCount()} errors` : ''}`;
  $('standing').classList.toggle('live', Boolean(comet.clientId()));
}, 200);
