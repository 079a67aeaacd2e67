// The server, live: what /stats says every second, drawn. A channel's page is in channel.js.
import { $, bytes, count, duration, el, number, row, rows } from './dom.js';
import { openChannel, openList, leave } from './channel.js';
import { plot } from './plot.js';

const KEPT_S = 300; // the plots show as much
const LATELY_MS = 60_000; // a limit that was reached within this time stands out
const AGAIN_MS = 5_000; // after a refusal
const KINDS = [['history_bytes', 'Messages kept', 'k1'], ['buffers_bytes', 'Buffers', 'k2'], ['frames_bytes', 'Frames on their way', 'k3'], ['tables_bytes', 'Tables', 'k4']];

// ---- what comes

const past = []; // snapshots, oldest first
const reached = new Map(); // limits: the count, and when it last moved
let meanings = {};

fetch('metrics').then((answer) => answer.text()).then((text) => {
  meanings = Object.fromEntries([...text.matchAll(/^# HELP rcomet_(\w+?)(?:_total)? (.*)$/gm)].map(([, name, words]) => [name, words]));
}).catch(() => {}); // names alone will do

let source = null;
let again = 0;

// A browser has only so many connections to a server for all of its tabs: those that nobody sees give theirs back.
function listen() {
  source?.close();
  clearTimeout(again);
  if (document.hidden) return;
  source = new EventSource('stats');
  source.onopen = () => line('live', 'Live');
  source.onerror = () => {
    line('lost', source.readyState === EventSource.CLOSED ? 'The server refused. Trying again…' : 'No connection. Trying again…');
    // What is refused, a browser does not ask for again.
    if (source.readyState === EventSource.CLOSED) again = setTimeout(listen, AGAIN_MS);
  };
  source.onmessage = ({ data }) => take(JSON.parse(data));
}

function take(now) {
  const last = past.at(-1);
  // The server was started anew: what it counts begins anew.
  if (last && now.gauges.uptime_seconds < last.gauges.uptime_seconds) past.length = 0;
  past.push(now);
  while (past.length > 2 && past[0].at < now.at - KEPT_S * 1000) past.shift();
  line('live', 'Live');
  if (!document.hidden) requestAnimationFrame(draw);
}
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) draw();
  listen();
});
listen();

function line(state, words) {
  document.body.dataset.line = state;
  if ($('line-text').textContent !== words) $('line-text').textContent = words;
}

/** How fast a counter moves between two snapshots. */
function rate(before, after, name) {
  const seconds = (after.at - before.at) / 1000;
  return seconds > 0 ? Math.max(0, after.counters[name] - before.counters[name]) / seconds : 0;
}

const line_of = (name) => past.slice(1).map((after, i) => [after.at, rate(past[i], after, name)]);

// ---- drawn

function draw() {
  const now = past.at(-1);
  if (!now) return;
  const before = past.at(-2) ?? now;
  const { gauges, counters } = now;
  $('uptime').textContent = `up ${duration(gauges.uptime_seconds)}`;
  $('connections').textContent = number(gauges.connections);
  $('connections-more').textContent = `${number(Math.round(rate(before, now, 'connections_opened')))} new a second`;
  $('subscribers').textContent = number(gauges.subscribers);
  $('subscribers-more').textContent = `in ${count(gauges.channels, 'channel')}`;
  $('published').textContent = number(Math.round(rate(before, now, 'published')));
  $('delivered').textContent = number(Math.round(rate(before, now, 'delivered')));
  $('sent').textContent = bytes(rate(before, now, 'sent_bytes'));
  const used = KINDS.reduce((sum, [name]) => sum + gauges[name], 0);
  $('memory').textContent = bytes(used);
  const share = 100 * used / gauges.memory_bytes_max;
  $('memory-more').textContent = `${share < 0.1 ? 'less than 0.1' : share.toFixed(share < 10 ? 1 : 0)} % of ${bytes(gauges.memory_bytes_max)}`;

  const until = now.at;
  // The plots grow until they are full.
  const span = Math.min(KEPT_S, 60 * Math.max(1, Math.ceil((until - past[0].at) / 60_000)));
  plot($('plot-messages'), [line_of('delivered'), line_of('published')], until, span, number);
  plot($('plot-bytes'), [line_of('sent_bytes'), line_of('received_bytes')], until, span, bytes, 1024);
  plot($('plot-connections'), [past.map(({ at, gauges: g }) => [at, g.connections])], until, span, number);

  drawBudget(gauges, used);
  drawKinds(now.connections);
  drawChannels(now.channels, gauges.channels);
  drawLimits(now.limits);
  drawSlow(now.slow, counters);
}

function drawBudget(gauges, used) {
  const most = gauges.memory_bytes_max;
  $('budget-text').textContent = `${bytes(used)} of memory_bytes_max = ${bytes(most)}`;
  $('budget').replaceChildren(...KINDS.map(([name, , key]) => {
    const part = el('i', key);
    part.style.width = `${100 * gauges[name] / most}%`;
    return part;
  }));
  $('budget-key').replaceChildren(...KINDS.map(([name, words, key]) => el('li', '', el('i', key), `${words} `, el('b', '', bytes(gauges[name])))));
}

function drawKinds(kinds) {
  const most = Math.max(1, ...kinds.map(([, , n]) => n));
  rows('kinds', [...kinds].sort((a, b) => b[2] - a[2]).map(([dialect, transport, n]) => {
    const bar = el('span', 'bar');
    bar.style.width = `${100 * n / most}%`;
    return row([dialect, ''], [transport, ''], [number(n), 'n'], [bar, 'bars']);
  }));
}

function drawChannels(channels, all) {
  $('channels-count').textContent = all > channels.length ? `the first ${channels.length} of ${number(all)}` : '';
  rows('channels', channels.map(({ name, subscribers, messages, bytes: size }) => {
    const link = Object.assign(el('a', '', name || '(no name)'), { href: `#channel=${encodeURIComponent(name)}` });
    return row([link, 'name'], [number(subscribers), 'n'], [number(messages), 'n'], [bytes(size), 'n']);
  }));
  const known = $('go-names');
  if (known.childElementCount !== channels.length) known.replaceChildren(...channels.map(({ name }) => Object.assign(el('option'), { value: name })));
}

function drawLimits(limits) {
  // When a limit was reached is known as exactly as these two are apart: not at all at first, and not after a time unseen.
  const isExact = past.length > 1 && past.at(-1).at - past.at(-2).at < LATELY_MS;
  for (const [name, n] of Object.entries(limits)) {
    const known = reached.get(name);
    if (known?.n !== n) reached.set(name, { n, at: isExact ? Date.now() : 0 });
  }
  for (const name of [...reached.keys()]) if (!(name in limits)) reached.delete(name);
  rows('limits', [...reached].sort(([, a], [, b]) => b.at - a.at || b.n - a.n).map(([name, { n, at }]) => {
    const words = el('div', '', el('code', '', name), el('p', '', (meanings[name] ?? '').replaceAll('`', '')));
    return row([words, 'name'], [number(n), 'n'], [Date.now() - at < LATELY_MS ? 'just now' : '', 'n lately']);
  }));
}

function drawSlow(slow) {
  rows('slow', slow.map(({ address, dialect, transport, waiting_bytes: waiting, ms }) => row(
    [address, 'name'], [`${dialect}, ${transport}`, ''], [bytes(waiting), 'n'], [duration(Math.round(ms / 1000)), 'n'])));
}

// ---- where we are

function route() {
  const [what, name] = location.hash.slice(1).split(/=(.*)/s);
  const decoded = (() => { try { return decodeURIComponent(name ?? ''); } catch { return ''; } })();
  leave();
  $('all').hidden = what === 'channel' || what === 'channels';
  $('one').hidden = what !== 'channel';
  $('list').hidden = what !== 'channels';
  document.title = what === 'channel' ? `${decoded} · rcomet` : 'rcomet';
  if (what === 'channel') openChannel(decoded);
  else if (what === 'channels') openList(decoded);
  else draw();
  scrollTo(0, 0);
}
addEventListener('hashchange', route);
$('go').onsubmit = (event) => {
  event.preventDefault();
  if ($('go-name').value) location.hash = `channel=${encodeURIComponent($('go-name').value)}`;
  $('go-name').value = '';
};
route();
