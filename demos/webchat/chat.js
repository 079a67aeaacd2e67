// The page of the chat: rooms, people, messages, sending. How messages travel is the business of transports.js.
import { $, button, clock, date, el, keep, kept, shortId, tidyName, tidyRoom } from './dom.js';
import { Cursor } from './cursor.js';
import { TEXT_MOST, drawMessage, nestle, readLetter } from './letters.js';
import { changes, drawPeople } from './people.js';
import { publish } from './publish.js';
import { transports } from './transports.js';
import { wire } from './wire.js';

const PREFIX = '/chat/'; // the channel of a room: this and its name, so that Bayeux's clients can be there too
const COMES_BACK_MS = 20_000; // what was taken but does not come through the channel for so long is in doubt
const LINGER_MS = 2_000; // how long the old transport may stay while the new one connects

// ---- me

const browserId = kept('localStorage', 'browser', shortId()); // begins the ids of our messages, to know them later
keep('localStorage', 'browser', browserId);
const pageId = shortId();
let myName = tidyName(String(kept('localStorage', 'name', '')));

function askName() {
  const one = (list) => list[Math.floor(Math.random() * list.length)];
  $('who-name').value = myName
    || `${one(['Amber', 'Brisk', 'Calm', 'Early', 'Kind', 'Quiet'])} ${one(['Badger', 'Heron', 'Otter', 'Robin', 'Wren'])}`;
  $('who').showModal();
  $('who-name').select();
}
$('rename').onclick = askName;
$('who').onclose = () => {
  const name = tidyName($('who-name').value) || myName || `Guest ${pageId}`;
  if (name !== myName) {
    myName = name;
    keep('localStorage', 'name', name);
    $('my-name').textContent = name;
    if (room) connect();
    else enter();
  }
  $('text').focus();
};

// ---- rooms

let room = null; // the one we are in
const rooms = new Map();

/** What the page knows of a room. It stays when we go elsewhere, so that coming back goes on exactly where we were. */
function roomOf(name) {
  if (!rooms.has(name)) {
    rooms.set(name, {
      name,
      cursor: new Cursor(),
      log: el('ol'), // what came through the channel, in its order
      outbox: el('ol'), // and below it what is on its way there
      sent: new Map(), // the outbox by id
      seen: new Set(), // ids shown: a POST that was tried again may have been taken twice
      here: null, // ids of the people; null until the first roster
      draft: '',
      unread: 0,
    });
  }
  return rooms.get(name);
}

function roomInHash() {
  try { return tidyRoom(decodeURIComponent(location.hash.slice(1))) || 'lobby'; } catch { return 'lobby'; }
}

function enter() {
  const next = roomOf(roomInHash());
  if (next === room || !myName) return;
  if (room) room.draft = $('text').value;
  room = next;
  const known = kept('localStorage', 'rooms', ['lobby', 'tea-kitchen']);
  const names = [...new Set([...[known].flat().map(String), room.name])].slice(-12);
  keep('localStorage', 'rooms', names);
  $('rooms').replaceChildren(...names.map((name) => {
    const link = Object.assign(el('a', '', el('bdi', '', name)), { href: `#${encodeURIComponent(name)}` });
    if (name === room.name) link.ariaCurrent = 'page';
    return el('li', '', link);
  }));
  $('room-name').textContent = room.name;
  $('to-comet').href = `../comet/#${encodeURIComponent(room.name)}`;
  $('scroll').ariaLive = 'off'; // a screen reader should hear what is said from now on, not a thousand old messages
  $('scroll').replaceChildren($('empty'), room.log, room.outbox);
  $('text').value = room.draft;
  textChanged();
  fold(false);
  drawPeople(room.here, myName);
  toEnd();
  connect();
}
addEventListener('hashchange', enter);
$('enter').onsubmit = (event) => {
  event.preventDefault();
  const name = tidyRoom($('enter-name').value);
  if (!name) return;
  $('enter-name').value = '';
  location.hash = encodeURIComponent(name);
  fold(false);
  $('text').focus();
};

// On a narrow window, the name of the room unfolds the rooms and the people.
const narrow = matchMedia('(max-width: 46rem)');
function fold(open) {
  document.body.classList.toggle('unfolded', open);
  $('fold').ariaExpanded = String(open);
}
$('fold').onclick = () => fold(!document.body.classList.contains('unfolded'));
addEventListener('keydown', (event) => event.key === 'Escape' && fold(false));
document.querySelector('.stage').onpointerdown = () => fold(false);
narrow.onchange = () => { $('fold').disabled = !narrow.matches; };
narrow.onchange();

// ---- the line to the server

let transport = kept('localStorage', 'transport', 'auto');
if (!Object.hasOwn(transports, transport)) transport = 'auto';
let hangUp = () => {};
let send; // how the present line publishes, if it can
let turn = 0;

/** Listens to the room. gently: the line before stays until this one stands, so that nobody sees us leave. */
function connect(gently = false) {
  let before = hangUp;
  const hangUpBefore = () => { before(); before = () => {}; };
  if (!gently) hangUpBefore();
  const now = ++turn; // whatever an older line still says is not listened to; it has a cursor of its own
  const here = room;
  here.cursor = new Cursor(here.cursor);
  const options = { cname: PREFIX + here.name, cursor: here.cursor, who: `${myName}~${pageId}`, trace: (entry) => now === turn && wire(entry) };
  const line = transports[transport].subscribe(options, (message, verdict) => now === turn && take(here, message, verdict), (state) => {
    if (now !== turn) return;
    if (state.name === 'live') hangUpBefore();
    drawLine(state);
  });
  const linger = setTimeout(hangUpBefore, LINGER_MS);
  hangUp = () => {
    clearTimeout(linger);
    hangUpBefore();
    line.close();
  };
  send = line.publish;
}
$('again').onclick = () => connect();
// A page kept for the back button keeps no connections.
addEventListener('pagehide', () => hangUp());
addEventListener('pageshow', (event) => event.persisted && room && connect());

function drawLine({ name, tries = 0, ms = 0, type = '', reason = '' }) {
  const lost = name === 'waiting' || (name === 'connecting' && tries > 0);
  document.body.dataset.line = lost ? 'waiting' : name;
  const words = lost ? `Reconnecting${ms >= 1500 ? ` in ${Math.round(ms / 1000)} s` : '…'}`
    : { connecting: 'Connecting…', live: 'Live', stopped: 'Not connected' }[name];
  if ($('line-text').textContent !== words) $('line-text').textContent = words;
  $('line').title = reason;
  $('stop').hidden = name !== 'stopped';
  const who = type === 'close' ? 'The administrator closed this room' : 'The server refused';
  $('stop-text').textContent = reason ? `${who}: ${reason}` : `${who}.`;
  if (name === 'live') setTimeout(() => { $('scroll').ariaLive = 'polite'; }, 1500);
  drawEmpty();
}

for (const [key, { label, path }] of Object.entries(transports)) {
  const choice = Object.assign(el('input'), { type: 'radio', name: 'transport', value: key, checked: key === transport });
  choice.onchange = () => {
    transport = key;
    keep('localStorage', 'transport', key);
    if (room) connect(true);
  };
  $('transport').append(Object.assign(el('label', '', choice, el('span', '', label)), { title: `GET ${path}` }));
}

// ---- what comes

function take(room, { type, content }, { missed, restarted, fresh }) {
  if (missed) addNote(room, 'warn', missed === 1 ? 'One message is missing here.' : `${missed === 'some' ? 'Some' : missed} messages are missing here.`);
  if (restarted) {
    room.seen.clear();
    addNote(room, 'warn', 'The room began anew: the server no longer has what stands above, and counts from the start again.');
  }
  if (fresh) addMessage(room, type, String(content));
  if (type === 'roster') {
    try { setPeople(room, new Set(JSON.parse(content))); } catch { wire({ kind: 'fault', type, text: 'a roster that is no JSON array' }); }
  } else if (type === 'join' || type === 'leave') {
    const here = new Set(room.here);
    here[type === 'join' ? 'add' : 'delete'](content);
    setPeople(room, here);
  }
}

const isOwn = ({ id }) => id.startsWith(`${browserId}-`);

function addMessage(room, type, content) {
  const letter = readLetter(content);
  if (letter.id && room.seen.has(letter.id)) return wire({ kind: 'note', text: 'the same message, taken twice by the server: shown once' });
  room.seen.add(letter.id);
  if (type === 'broadcast') Object.assign(letter, { name: 'Announcement', id: '', kind: 'broadcast' });
  const mine = room.sent.get(letter.id);
  if (mine) unqueue(mine);
  const item = mine?.item ?? drawMessage(letter, isOwn(letter));
  item.classList.remove('sending', 'failed');
  item.querySelector('time').textContent = clock.format(letter.at);
  const day = new Date(letter.at).toDateString();
  if (room.day !== day) room.log.append(el('li', 'note day', day === new Date().toDateString() ? 'Today' : date.format(letter.at)));
  room.day = day;
  nestle(item, room.log.lastElementChild);
  room.log.append(item);
  if (!item.matches('.own')) arrived(room);
  shown(room);
}

function addNote(room, kind, text) {
  const note = el('li', `note ${kind}`, text);
  room.log.append(note);
  shown(room);
  return note;
}

// ---- staying at the end, or not

const scroll = $('scroll');
let atEnd = true;
let wasAt = 0;
let moving = 0;
function move() {
  moving = 0;
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  wasAt = scroll.scrollTop;
}
function toEnd() {
  atEnd = true;
  if (room) room.unread = 0;
  $('pill').hidden = true;
  move();
}
scroll.onscroll = () => {
  const near = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  if (near && !atEnd) toEnd();
  else if (scroll.scrollTop < wasAt) atEnd = near; // only going up leaves the end; growing at the end does not
  wasAt = scroll.scrollTop;
};
new ResizeObserver(move).observe(scroll);
$('pill').onclick = toEnd;

function shown(where) {
  if (where !== room) return;
  drawEmpty();
  if (atEnd) moving ||= requestAnimationFrame(move); // many at once are one movement
}
let unseen = 0;
function arrived(where) {
  if (where === room && !atEnd) {
    where.unread++;
    $('pill').textContent = `${where.unread} new ${where.unread === 1 ? 'message' : 'messages'} ↓`;
    $('pill').hidden = false;
  }
  if (document.hidden && scroll.ariaLive === 'polite') unseen++;
  drawTitle();
}
document.onvisibilitychange = () => { unseen = 0; drawTitle(); };
function drawTitle() { document.title = `${unseen ? `(${unseen}) ` : ''}${room?.name ?? ''} · rcomet chat`; }
function drawEmpty() {
  $('empty').hidden = Boolean(room.log.querySelector('.msg') || room.outbox.firstChild);
  $('empty').textContent = document.body.dataset.line === 'live' ? 'Nobody has said anything here yet.\nThe address of this page is the invitation.' : 'One moment, looking for what was said …';
  drawTitle();
}

// ---- people

function setPeople(where, here) {
  const told = where.here ? changes(where.here, here, myName) : [];
  where.here = here;
  if (told.length) {
    // Comings and goings in a row share a line.
    const last = where.log.lastElementChild;
    const note = last?.told ? last : Object.assign(addNote(where, 'people', ''), { told: [] });
    note.told = [...note.told, ...told].slice(-6);
    note.textContent = note.told.join(' · ');
    shown(where);
  }
  drawPeople(room.here, myName);
}

// ---- sending

const queue = []; // one POST at a time, or quick messages would overtake each other
let posting = false;

function say(room, letter) {
  const item = drawMessage(letter, isOwn(letter));
  const entry = { room, letter, item };
  room.sent.set(letter.id, entry);
  nestle(item, room.outbox.lastElementChild ?? room.log.lastElementChild);
  requeue(entry);
}

function requeue(entry) {
  clearTimeout(entry.doubt);
  entry.item.classList.remove('failed');
  entry.item.classList.add('sending');
  entry.item.querySelector('.deal')?.remove();
  entry.item.querySelector('time').textContent = 'sending…';
  entry.room.outbox.append(entry.item);
  queue.push(entry);
  keepUnsent();
  shown(entry.room);
  post();
}

function unqueue({ room, letter, item, doubt }) {
  clearTimeout(doubt);
  item.querySelector('.deal')?.remove();
  room.sent.delete(letter.id);
  keepUnsent();
}

async function post() {
  if (posting) return;
  posting = true;
  for (let entry; (entry = queue.shift());) {
    const { room, letter } = entry;
    const needed = () => room.sent.has(letter.id);
    const refusal = await publish({ cname: PREFIX + room.name, content: JSON.stringify(letter), send, needed, trace: wire });
    if (needed()) refusal ? failed(entry, refusal) : doubt(entry);
  }
  posting = false;
}

/** Taken by the server; counts as said when it comes back. If it does not although we listen, a person must know. */
function doubt(entry) {
  entry.doubt = setTimeout(() => {
    if (entry.room === room && document.body.dataset.line === 'live') failed(entry, 'The server took it, but it did not come back.');
    else doubt(entry);
  }, COMES_BACK_MS);
}

function failed(entry, reason) {
  const { item, letter } = entry;
  item.classList.replace('sending', 'failed');
  item.append(el('div', 'deal', `Not sent. ${reason} `, button('Send again', () => requeue(entry)), button('Take back', () => {
    unqueue(entry);
    item.remove();
    $('text').value = [letter.text, $('text').value].filter(Boolean).join('\n').slice(0, TEXT_MOST);
    textChanged();
    $('text').focus();
    drawEmpty();
  })));
  shown(entry.room);
}

// What is not sent survives a reload.
function keepUnsent() {
  keep('sessionStorage', 'unsent', [...rooms.values()].flatMap((r) => [...r.sent.values()].map(({ letter }) => [r.name, letter])));
}

function textChanged() {
  const text = $('text');
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight + 2}px`;
  $('send').disabled = !text.value.trim();
  $('left').textContent = text.value.length > TEXT_MOST - 200 ? `${TEXT_MOST - text.value.length} left` : '';
}
$('text').oninput = textChanged;
$('text').onkeydown = (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('compose').requestSubmit();
};
$('compose').onsubmit = (event) => {
  event.preventDefault();
  const text = $('text').value.trim().slice(0, TEXT_MOST);
  if (!text || !room) return;
  $('text').value = '';
  textChanged();
  toEnd();
  say(room, { name: myName, text, id: `${browserId}-${shortId()}`, at: Date.now() });
};

// ---- go

$('my-name').textContent = myName;
for (const [name, letter] of kept('sessionStorage', 'unsent', [])) say(roomOf(name), letter);
if (myName) enter();
else askName();
