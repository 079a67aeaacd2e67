// Sending: again and again while nobody knows whether it was taken.
const BACKOFF_LEAST_MS = 500;
const PUSH_TRIES = 4;
const PUSH_ANSWER_MS = 10_000;

/**
 * Publishes content to a channel; resolves to '' when it was taken, else to the reason in words. Tries again when nobody
 * knows whether it was taken, so it may be taken twice: put an id into the content, and say with `needed` when it was seen.
 */
export async function publish({ cname, content, send = post, trace = () => {}, needed = () => true }) {
  let reason = '';
  for (let tries = 0; tries < PUSH_TRIES && needed(); tries++) {
    if (tries) await new Promise((done) => setTimeout(done, BACKOFF_LEAST_MS * 2 ** tries * (0.5 + Math.random() / 2)));
    trace({ kind: 'ask', text: `publish ${cname} ${content}` });
    try {
      await Promise.race([send(cname, content), late()]);
      return '';
    } catch ({ status, message }) {
      trace({ kind: 'note', text: `not published: ${message}`, type: `${status ?? ''}` });
      reason = status ? `The server refused it: ${message}` : 'The server could not be reached.';
      if (status && status < 500 && status !== 429) break; // it would say the same again
    }
  }
  return needed() ? reason : '';
}

const late = () => new Promise((_, fail) => { setTimeout(() => fail(new Error('no answer')), PUSH_ANSWER_MS); });

/** Publishes with a plain POST, for lines that can only listen. */
export async function post(cname, content) {
  const response = await fetch('/push', { method: 'POST', body: new URLSearchParams({ cname, content }) });
  const text = (await response.text()).trim();
  let answer = {};
  try { answer = JSON.parse(text); } catch { /* a refusal may be plain text */ }
  if (response.ok && answer.type === 'ok') return;
  const words = answer.content ?? answer.error ?? text.slice(0, 200);
  throw Object.assign(new Error(words || 'no words'), { status: answer.type === '429' ? 429 : response.status });
}
