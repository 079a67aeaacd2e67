// Bubbles on a page, and what they are fed from: two calls, no jQuery, nothing else needed. A classic script, so that it works beside
// whatever a page has already:
//
//   <link rel="stylesheet" href="notifier.css">
//   <script src="notifier.js"></script>
//   <script>notifier.listen('/events?channel=notes', notifier.show);</script>
//
// notifier.listen(url, heard, options)   calls heard(text, id) for each message; returns a function that ends it
// notifier.show(text, id, options)       shows a bubble; returns a function that closes it
'use strict';

const notifier = (() => {
  const RETRY_MS = 1000;
  const RETRY_MS_MAX = 30000;
  // More wait in line until one of these is closed.
  const shownMax = () => (matchMedia('(max-width: 30rem)').matches ? 3 : 5);
  const KINDS = { info: 'Note', good: 'Done', warn: 'Warning', bad: 'Error' };

  /**
   * Listens. An address that ends with /events is rcomet's own, and is read as server-sent events; any other is a page that relays, such
   * as read.php, and is asked again and again, each time for what comes behind the last answer. What is missed while nobody is connected
   * is asked for afterwards; tries get rarer while there is nobody, and random, so that not all pages come back at once.
   *
   * options.state(live, why)   is told whether there is a connection
   * options.lost(count)        is told that messages are lost, and how many; null when nobody can say
   * options.history            how many of the latest are wanted at first: 1, or 0 for none
   */
  function listen(url, heard, { state = () => {}, lost = () => {}, history = 1 } = {}) {
    const address = new URL(url, document.baseURI);
    const over = new AbortController();
    let tries = 0;
    let timer = 0;

    const live = () => {
      tries = 0;
      state(true, '');
    };
    const again = (listenOnce, why) => {
      if (over.signal.aborted) return;
      state(false, why);
      const most = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** tries++);
      timer = setTimeout(listenOnce, most * (0.5 + Math.random() / 2));
    };

    let cursor = '';
    const events = () => {
      const from = new URL(address);
      from.searchParams.set(cursor ? 'cursor' : 'history', cursor || history);
      const source = new EventSource(from);
      source.addEventListener('ready', live);
      const told = ({ data }) => {
        const event = JSON.parse(data);
        cursor = event.cursor || cursor;
        if (event.type === 'message') heard(event.data, event.cursor);
      };
      source.addEventListener('ready', told);
      source.onmessage = told;
      source.addEventListener('gap', ({ data }) => lost(JSON.parse(data).missing));
      // It would come back by itself, but not after a refusal, and all pages at the same pace.
      source.onerror = () => {
        source.close();
        again(events, 'the connection was lost');
      };
      over.signal.addEventListener('abort', () => source.close());
    };

    let since = history ? '0' : '';
    const polls = async () => {
      try {
        for (;;) {
          const from = new URL(address);
          if (since !== '') from.searchParams.set('since', since);
          const response = await fetch(from, { signal: over.signal, cache: 'no-store', headers: { accept: 'application/json' } });
          if (!response.ok) throw new Error(`the server answers ${response.status}`);
          const { version, value, missing } = await response.json();
          live();
          if (value === undefined) {
            since = version ?? since; // a time-out says where to go on: behind 0 where nothing has been written yet
            continue;
          }
          since = version;
          if (missing !== 0) lost(missing);
          heard(value, version);
        }
      } catch (error) {
        again(polls, error.message);
      }
    };

    (/\/events$/.test(address.pathname) ? events : polls)();
    return () => {
      over.abort();
      clearTimeout(timer);
    };
  }

  /** What was said: a text, or a JSON object with `text`, and maybe `title`, `kind` (info, good, warn, bad) and `life` in seconds. */
  function note(text) {
    try {
      const said = JSON.parse(text);
      if (typeof said?.text === 'string') {
        const life = Number.isFinite(said.life) && said.life >= 0 ? said.life : undefined;
        return { text: said.text, title: typeof said.title === 'string' ? said.title : '', kind: said.kind in KINDS ? said.kind : 'info', life };
      }
    } catch {
      // a plain text
    }
    return { text, title: '', kind: 'info', life: undefined };
  }

  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  let place;
  let polite;
  let urgent;
  const line = [];

  /** The corner where bubbles are, and what says them to those who do not see: once each, without their buttons. */
  function build() {
    place = element('section', 'notifier');
    place.setAttribute('aria-label', 'Notes (F8)');
    place.tabIndex = -1;
    polite = element('div', 'notifier-said');
    polite.setAttribute('aria-live', 'polite');
    urgent = element('div', 'notifier-said');
    urgent.setAttribute('role', 'alert');
    document.body.append(place, polite, urgent);
    let before = null;
    document.addEventListener('keydown', (event) => {
      if (event.key === 'F8' && place.lastElementChild && !place.contains(document.activeElement)) {
        before = document.activeElement;
        place.lastElementChild.querySelector('button').focus();
        event.preventDefault();
      } else if (event.key === 'Escape' && place.contains(document.activeElement)) {
        document.activeElement.closest('.notifier-bubble')?.dispatchEvent(new Event('notifier-close'));
        event.preventDefault();
      }
    });
    place.addEventListener('notifier-empty', () => before?.focus?.());
  }

  function say(where, text) {
    const paragraph = element('p', '', text);
    where.append(paragraph);
    setTimeout(() => paragraph.remove(), 10000);
  }

  /**
   * Shows a bubble. It goes after `life` seconds (6, or so many as the note says; 0 is never), but not while it is pointed at or has the
   * focus. Its text is shown as text; with `html: true` as HTML, for those who trust all that can publish there.
   */
  function show(text, id, { html = false, life = 6 } = {}) {
    if (!place) build();
    const said = note(text);
    const bubble = element('article', `notifier-bubble notifier-${said.kind}`);
    const words = element('div', 'notifier-words');
    words.append(element('strong', 'notifier-title', said.title || KINDS[said.kind]));
    const body = element('p', 'notifier-text');
    body.dir = 'auto';
    if (html) body.innerHTML = said.text;
    else body.textContent = said.text;
    words.append(body);
    const button = element('button', 'notifier-close');
    button.type = 'button';
    button.setAttribute('aria-label', `Close: ${(said.title || body.textContent).slice(0, 60)}`);
    bubble.append(words, button);

    let timer = 0;
    let gone = false;
    const close = () => {
      if (gone) return;
      gone = true;
      clearTimeout(timer);
      const waiting = line.indexOf(open);
      if (waiting >= 0) line.splice(waiting, 1);
      const next = bubble.contains(document.activeElement) && (bubble.nextElementSibling ?? bubble.previousElementSibling);
      const had = bubble.contains(document.activeElement);
      bubble.remove();
      if (next) next.querySelector('button').focus();
      else if (had) place.dispatchEvent(new Event('notifier-empty'));
      if (place.childElementCount < shownMax()) line.shift()?.();
    };
    const seconds = said.life ?? life;
    const arm = () => {
      clearTimeout(timer);
      if (seconds && !bubble.matches(':hover, :focus-within')) timer = setTimeout(close, seconds * 1000);
    };
    const open = () => {
      place.append(bubble);
      arm();
      say(said.kind === 'bad' ? urgent : polite, `${said.title || KINDS[said.kind]}: ${body.textContent}`);
    };
    button.addEventListener('click', close);
    bubble.addEventListener('notifier-close', close);
    for (const type of ['pointerenter', 'pointerleave', 'focusin', 'focusout']) {
      bubble.addEventListener(type, () => setTimeout(arm));
    }
    if (place.childElementCount < shownMax()) open();
    else line.push(open);
    return close;
  }

  return { listen, show, note };
})();
