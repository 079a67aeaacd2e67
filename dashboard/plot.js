// A small plot of lines over time, as SVG.
const NS = 'http://www.w3.org/2000/svg';
const HEIGHT = 136;
const FOOT = 18; // for the words below
const TOP = 14;

function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The least of 1, 2, 5, 10, 20, 50, ... of its unit that is not less. */
function round(most, thousand) {
  const unit = thousand ** Math.floor(Math.log(Math.max(most, 1)) / Math.log(thousand));
  return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n * unit).find((n) => n >= most) ?? most;
}

/** Draws lines of [milliseconds, value], the first with its area; `words` writes a value, in units of which each has a `thousand` of the one
 * before. */
export function plot(svg, lines, until, seconds, words, thousand = 1000) {
  const width = svg.clientWidth || 300;
  svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
  const top = round(Math.max(1, ...lines.flat().map(([, value]) => value)), thousand);
  const x = (at) => (width * (1 - (until - at) / (seconds * 1000))).toFixed(1);
  const y = (value) => (TOP + (HEIGHT - FOOT - TOP) * (1 - value / top)).toFixed(1);
  const parts = [
    ...[0, top / 2, top].map((value) => shape('line', { class: 'grid', x1: 0, x2: width, y1: y(value), y2: y(value) })),
    shape('text', { x: 0, y: y(top) - 4 }, words(top)),
    shape('text', { x: 0, y: HEIGHT - 4 }, `${seconds / 60} min ago`),
    shape('text', { x: width, y: HEIGHT - 4, 'text-anchor': 'end' }, 'now'),
  ];
  lines.forEach((points, i) => {
    if (points.length < 2) return;
    const path = points.map(([at, value]) => `${x(at)} ${y(value)}`).join('L');
    if (i === 0) parts.push(shape('path', { class: 'a1', d: `M${x(points[0][0])} ${y(0)}L${path}L${x(points.at(-1)[0])} ${y(0)}Z` }));
    parts.push(shape('path', { class: `l${i + 1}`, d: `M${path}` }));
  });
  svg.replaceChildren(...parts);
}
