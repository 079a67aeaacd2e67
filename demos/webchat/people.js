// Who is in a room: ids as the server tells them, and the names that the page shows.
import { $, disc, el, hue, tidyName } from './dom.js';

/** Names and how often: two windows of one person have two ids. */
function namesOf(here) {
  const names = new Map();
  for (const who of here ?? []) {
    const name = tidyName(String(who).replace(/~[^~]*$/, '')) || 'someone';
    names.set(name, (names.get(name) ?? 0) + 1);
  }
  return names;
}

/** What is to be told of those who came and went, other than me. */
export function changes(before, now, myName) {
  const [was, is] = [namesOf(before), namesOf(now)];
  const other = (from, to) => [...from.keys()].filter((name) => !to.has(name) && name !== myName);
  return [...other(is, was).map((n) => `${n} joined`), ...other(was, is).map((n) => `${n} left`)];
}

/** Lists them at the side, me first, and their number where the side is folded away. */
export function drawPeople(here, myName) {
  const names = [...namesOf(here)].sort(([a], [b]) => (b === myName) - (a === myName) || a.localeCompare(b));
  $('people').replaceChildren(...names.map(([name, times]) => {
    const more = `${name === myName ? 'you ' : ''}${times > 1 ? `×${times}` : ''}`;
    const item = el('li', '', disc(name), el('bdi', '', name), el('small', '', more));
    item.style.setProperty('--hue', hue(name));
    return item;
  }));
  $('present-title').textContent = names.length ? `Here now: ${names.length}` : 'Here now';
  $('head-count').textContent = names.length ? `${names.length} here` : 'people';
}
