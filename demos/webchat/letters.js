// What is said in a room: how it is written in the channel, and how it looks on the page.
import { clock, disc, el, hue, tidyName } from './dom.js';

export const TEXT_MOST = 2000;
const PLAIN_MOST = 8000; // what others put into the channel may be long
const SAME_BREATH_MS = 5 * 60_000; // messages of one person closer than this stand together

/** What was published, if it is from a page like this. Anything else in the channel was said by someone. */
export function readLetter(content) {
  try {
    const { name, text, id = '', at } = JSON.parse(content);
    if (typeof text === 'string' && typeof id === 'string' && tidyName(name)) {
      const known = Number.isFinite(at) && at > 0 && at < Date.now() + 86_400_000;
      return { name: tidyName(name), text: text.slice(0, TEXT_MOST), id, at: known ? at : Date.now() };
    }
  } catch { /* not from a page like this */ }
  return { name: 'someone', text: content.length > PLAIN_MOST ? `${content.slice(0, PLAIN_MOST)}…` : content, id: '', at: Date.now(), kind: 'plain' };
}

/** A message as it stands on the page; `own` ones are ours. */
export function drawMessage(letter, own) {
  const { name, text, at, kind = '' } = letter;
  const time = Object.assign(el('time', 'when', clock.format(at)), { dateTime: new Date(at).toISOString(), title: new Date(at).toLocaleString() });
  const said = el('div', 'said', Object.assign(el('div', 'text', text), { dir: 'auto' }), time);
  const head = el('div', own ? 'unseen' : 'head', el('bdi', '', own ? 'You' : name));
  const item = el('li', `msg ${own ? 'own' : ''} ${kind}`, ...(own ? [] : [disc(name)]), head, said);
  item.style.setProperty('--hue', kind === 'broadcast' ? 16 : hue(name));
  return Object.assign(item, { letter });
}

/** Moves a message close to the one above if the same person said both in one breath: name and disc stand there once. */
export function nestle(item, above) {
  const near = above?.letter && above.letter.name === item.letter.name && above.matches('.own') === item.matches('.own')
    && Math.abs(item.letter.at - above.letter.at) < SAME_BREATH_MS;
  item.classList.toggle('more', Boolean(near));
}
