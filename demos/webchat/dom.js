// Small things for pages: elements, storage, clocks, names. Nothing here knows of rooms or messages.

export const $ = (id) => document.getElementById(id);
export function el(tag, className = '', ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children); // strings become text nodes: nothing anybody writes is ever read as HTML
  return node;
}
export const button = (text, onclick) => Object.assign(el('button', '', text), { type: 'button', onclick });
export const shortId = () => Array.from(crypto.getRandomValues(new Uint8Array(6)), (n) => (n % 36).toString(36)).join('');
export const clock = new Intl.DateTimeFormat([], { hour: 'numeric', minute: '2-digit' });
export const exactClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
export const date = new Intl.DateTimeFormat([], { weekday: 'long', day: 'numeric', month: 'long' });
export const hue = (name) => [...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7);
export const disc = (name) => Object.assign(el('span', 'disc', [...name][0].toUpperCase()), { ariaHidden: 'true' });

// Storage may be forbidden or full: the chat goes on without.
export function keep(store, key, value) {
  try { window[store].setItem(`rcomet.${key}`, JSON.stringify(value)); } catch { /* fine */ }
}
export function kept(store, key, otherwise) {
  try { return JSON.parse(window[store].getItem(`rcomet.${key}`)) ?? otherwise; } catch { return otherwise; }
}

/** A person's name without what would confuse others. */
export const tidyName = (text) => [...text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e]/gu, '').trim()].slice(0, 28).join('').trim();

/** A room's name as it can stand in an address. */
export const tidyRoom = (text) => [...text.normalize('NFC').toLowerCase().trim().replace(/\s+/g, '-').replace(/[^\p{L}\p{M}\p{N}_-]/gu, '')]
  .slice(0, 40).join('');
