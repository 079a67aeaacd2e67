// One channel: its facts, its history and what comes, a box to publish; and the list of all by name.
import { $, bytes, el, number, row, rows } from './dom.js';

const SHOWN_MOST = 500; // messages; older ones go
const LOOK_MS = 2_000;
const AGAIN_MS = 5_000; // after a refusal
const REASONS = {
  epoch: 'the server was started anew, without its histories',
  channel: 'the channel was made anew',
  cursor: 'the server does not know what this page has seen',
  history: 'they are no longer kept',
};

let name = '';
let turn = 0; // whatever was asked before we went elsewhere is not listened to
let source = null;
let again = 0; // when a source that was refused is opened again: one at a time
let timer = 0;
let place = ''; // the cursor of what was seen last
let coming = []; // lines that are to be drawn
let why = ''; // what was said of the last refusal
let isOver = false; // it was closed, and is not to be opened anew by looking at it

export function leave() {
  turn++;
  source?.close();
  clearTimeout(again);
  clearInterval(timer);
}

/** Asks the API; what it refuses is thrown in its own words. */
async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `${answer.status} ${answer.statusText}`), { status: answer.status });
}
// What ends in .json or .jsonp there is Simple Comet's, and of the channel without it.
const pathOf = (channel) => `channels/${encodeURIComponent(channel).replace(/\.(jsonp?)$/, '%2E$1')}`;
const post = (path, body) => ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

// ---- one

export function openChannel(which) {
  name = which;
  const mine = turn;
  $('one-name').textContent = name;
  $('one-log').replaceChildren();
  $('publish-said').value = '';
  fault('');
  [place, coming, why, isOver] = ['', [], '', false];
  look(mine);
  timer = setInterval(() => document.hidden || isOver || look(mine), LOOK_MS);
  listen();
}

// Only what somebody sees has a connection: a browser has few to a server, for all of its tabs.
function listen() {
  clearTimeout(again);
  source?.close();
  if (document.hidden || isOver) return;
  const mine = turn;
  source = new EventSource(`events?channel=${encodeURIComponent(name)}&${place ? `cursor=${place}` : 'history=100'}`);
  source.onopen = () => {
    why = '';
    $('one-live').textContent = 'live';
  };
  source.onerror = () => {
    $('one-live').textContent = 'connecting…';
    if (source.readyState === EventSource.CLOSED) refused(mine);
  };
  source.addEventListener('ready', ({ lastEventId }) => { place = lastEventId; });
  source.onmessage = ({ data, lastEventId }) => {
    const { seq, data: text, encoding } = JSON.parse(data);
    place = lastEventId;
    say(number(seq), encoding ? `${encoding}: ${text}` : text);
  };
  source.addEventListener('gap', ({ data }) => {
    const { missing, because } = JSON.parse(data);
    say('', missing === null ? `Here messages may be missing: ${REASONS[because]}.` : `Here ${missing === 1 ? '1 message is' : `${missing} messages are`} missing.`, 'said');
  });
  source.addEventListener('closed', () => {
    say('', 'The channel was closed.', 'said');
    source.close(); // or it would be opened anew
    isOver = true;
    $('one-live').textContent = 'closed';
  });
}
document.addEventListener('visibilitychange', () => { if (!$('one').hidden) listen(); });

/** An event source does not tell why it was refused; the same question, asked for one answer, does. */
async function refused(mine) {
  const from = source;
  try {
    await ask(`events?channel=${encodeURIComponent(name)}&wait=0`, { headers: { accept: 'application/json' } });
    if (mine === turn && from === source) again = setTimeout(listen, LOOK_MS);
  } catch (error) {
    if (mine !== turn || from !== source) return;
    const words = `The server refuses: ${error.message}.`;
    if (words !== why) say('', words, 'said'); // once, however often it is tried
    why = words;
    $('one-live').textContent = 'refused';
    // Another time will not change what is wrong with the question.
    if (![400, 403, 404].includes(error.status)) again = setTimeout(listen, AGAIN_MS);
  }
}

/** Puts a line below the others; many that come at once are drawn at once. */
function say(number, text, kind = '') {
  if (coming.push([number, text, kind]) === 1) requestAnimationFrame(show);
  else if (coming.length > SHOWN_MOST) coming.shift();
}

function show() {
  const log = $('one-log');
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(...coming.map(([number, text, kind]) => el('li', kind, el('i', '', number), el('span', '', text))));
  coming = [];
  while (log.childElementCount > SHOWN_MOST) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function fault(words) {
  $('one-fault').textContent = words;
  $('one-fault').hidden = !words;
}

async function look(mine) {
  try {
    const facts = await ask(pathOf(name));
    if (mine !== turn) return;
    // This page is a reader, too.
    const list = [['Subscribers, this page included', number(facts.subscribers)], ['Messages kept', number(facts.messages)],
      ['Bytes kept', bytes(facts.bytes)], ['First kept', number(facts.first)], ['Next number', number(facts.next)]];
    $('one-facts').replaceChildren(...list.map(([words, value]) => el('div', '', el('dt', '', words), el('dd', '', value))));
    const who = facts.who ?? [];
    $('one-who').replaceChildren(...who.map((one) => el('li', '', el('bdi', '', one))));
    $('one-who-none').hidden = who.length > 0;
    fault('');
  } catch (error) {
    if (mine === turn && error.status !== 404) fault(`The server does not say more: ${error.message}`);
  }
}

$('publish').onsubmit = async (event) => {
  event.preventDefault();
  const mine = turn;
  const said = $('publish-said');
  try {
    const { published: [{ seq }] } = await post('publish', { channel: name, data: $('publish-data').value });
    if (mine !== turn) return;
    said.className = '';
    said.value = `Published as number ${seq}.`;
    $('publish-data').value = '';
    if (isOver) {
      // It is there again.
      [place, isOver] = ['', false];
      listen();
    }
  } catch (error) {
    said.className = 'bad';
    said.value = `Not published: ${error.message}`;
  }
  $('publish-data').focus();
};
$('publish-data').onkeydown = (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('publish').requestSubmit();
};
$('one-disconnect').onclick = () => post('disconnect', { channel: name }).catch((error) => fault(`Not done: ${error.message}`));
$('one-close').onclick = () => {
  if (!confirm(`Close ${name}? Its messages are forgotten.`)) return;
  ask(pathOf(name), { method: 'DELETE' }).catch((error) => fault(`Not closed: ${error.message}`));
};

// ---- all, by name

let after = null;
let listed = [];

export function openList(prefix) {
  $('list-prefix').value = prefix;
  [after, listed] = [null, []];
  more();
}

async function more() {
  const mine = turn;
  const prefix = $('list-prefix').value;
  try {
    const page = await ask(`channels?prefix=${encodeURIComponent(prefix)}${after === null ? '' : `&after=${encodeURIComponent(after)}`}`);
    if (mine !== turn) return;
    listed.push(...page.channels);
    after = page.after;
    rows('list-table', listed.map((one) => row(
      [Object.assign(el('a', '', one.channel), { href: `#channel=${encodeURIComponent(one.channel)}` }), 'name'],
      [number(one.subscribers), 'n'], [number(one.messages), 'n'], [number(one.next), 'n'])));
    $('list-table-none').hidden = listed.length > 0;
    $('list-more').hidden = after === null;
  } catch (error) {
    $('list-table-none').textContent = error.message;
    $('list-table-none').hidden = false;
  }
}
$('list-more').onclick = more;
$('list-form').onsubmit = (event) => event.preventDefault();
$('list-prefix').oninput = () => {
  turn++;
  [after, listed] = [null, []];
  history.replaceState(null, '', `#channels=${encodeURIComponent($('list-prefix').value)}`);
  more();
};
