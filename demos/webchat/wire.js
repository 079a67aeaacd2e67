// The panel that shows what travels, for those who want to see it.
import { $, el, exactClock } from './dom.js';

const WIRE_LINES = 150;
let faults = 0;
export function wire({ kind, text, type = '', seq = '' }) {
  const arrow = { ask: '→', got: '←', note: '·', fault: '!' }[kind];
  const raw = Object.assign(el('code', '', text.slice(0, 600)), { title: text.slice(0, 2000) });
  $('wire-log').append(el('li', `wire-${kind}`, el('time', '', exactClock.format()), el('span', '', arrow), el('span', '', type), el('span', '', String(seq)), raw));
  if ($('wire-log').childElementCount > WIRE_LINES) $('wire-log').firstChild.remove();
  if ($('wire').open) $('wire-log').scrollTop = $('wire-log').scrollHeight;
  $('wire-last').textContent = `${arrow} ${type || text.split('?')[0].slice(0, 60)} ${seq}`;
  if (kind === 'fault') {
    $('faults').textContent = `${++faults} ${faults === 1 ? 'fault' : 'faults'} of the server`;
    $('faults').hidden = false;
  }
}
$('wire').ontoggle = () => { $('wire-log').scrollTop = $('wire-log').scrollHeight; };
