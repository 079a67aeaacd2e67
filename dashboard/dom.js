// Small helpers: elements, tables, and how figures are written.
export const $ = (id) => document.getElementById(id);

/** An element with a class and children; strings become text, never markup. */
export function el(tag, kind = '', ...children) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

export const row = (...cells) => el('tr', '', ...cells.map(([what, kind]) => el('td', kind, what)));

/** Puts rows into a table, or says that there are none. A row that has not changed stays, with whatever has the focus in it. */
export function rows(id, list) {
  const body = $(id).tBodies[0];
  list.forEach((fresh, i) => {
    const old = body.rows[i];
    if (!old) body.append(fresh);
    else if (!old.isEqualNode(fresh)) old.replaceWith(fresh);
  });
  while (body.rows.length > list.length) body.deleteRow(-1);
  $(id).hidden = list.length === 0;
  $(`${id}-none`).hidden = list.length > 0;
}

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
export const number = (n) => (n < 100_000 ? whole.format(Math.round(n * 10) / 10) : short.format(n));
export const count = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) [n, i] = [n / 1024, i + 1];
  return `${n < 10 && i > 0 ? n.toFixed(1) : whole.format(Math.round(n))} ${units[i]}`;
}

export function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${seconds % 60} s` : `${seconds} s`;
}
