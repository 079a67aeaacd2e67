import { each, places as begins } from './places.js';
import { pause, share } from './share.js';
import { refusal, request, transports } from './transports.js';

const TRIES = 3; // of a path that is known to be good, before others are tried
const SETTLED_MS = 10_000; // a line that lived so long was no flash in the pan
const DRAINS = 64; // answers, before a busy channel is believed to have caught up with the others
const HELD_MAX = 1000; // events; what is let go has been published before the catching up ends, which finds it

/** What is heard of a channel that the server will not have us in. */
const refused = ({ channel, status, message }) => ({ type: 'error', channel, status, message });

/** Listens to channels. See index.d.ts. */
export function connect(options) {
  const {
    channels = [], transport = 'auto', history, who, cursor, token,
    retryMs = 1000, retryMsMax = 30_000, openMs = 5000, quietMs = 30_000,
    WebSocket = globalThis.WebSocket,
  } = options;
  const base = new URL(options.url ?? '/', globalThis.location?.href).href.replace(/\/?$/, '/');
  const order = `${transport}`.replace('auto', 'websocket,sse,poll').split(',');
  order.forEach((name) => { if (!transports[name]) throw new Error(`no transport: ${name}`); });
  const wants = new Set(channels);
  const places = begins(wants, cursor, options.share);
  const listeners = {};
  let others; // other tabs' channels, where this one leads
  let group; // of the tabs that share a connection
  let held = null; // what the leader told while this tab was still catching up
  let at = 0; // which of `order` is tried
  let known = order.length; // the first of `order` that has worked
  let tries = 0;
  let attempt; // what aborts the line of now
  let line = {}; // what it can do
  let log; // whose epoch was told last
  let covered = ''; // the channels that it was begun with
  let later;
  let now = { state: 'idle' };
  const renews = typeof token === 'function';
  let shown = renews ? 0 : token; // nothing, while a new one has to be asked for
  let spared = 0; // until when a warning that it expires is no news: the one before has been followed

  const renew = async () => { shown = await token(); };
  const bear = async () => renews && !shown && renew();

  const emit = (type, event) => listeners[type]?.forEach((listener) => {
    try {
      listener(event);
    } catch (error) {
      setTimeout(() => { throw error; }); // not our fault: goes where uncaught errors go
    }
  });

  const state = (name, more) => {
    const next = { state: name, transport: order[at], ...more };
    if (name !== 'closed') group?.tell({ state: next });
    follow(next);
  };

  const follow = (next) => {
    now = next;
    emit('state', now);
  };

  /** What is to be listened to: by this tab, and by those it leads. */
  const all = () => (others ? new Set([...wants, ...[...others.values()].flat()]) : wants);

  const key = () => JSON.stringify([...all()].sort());

  /** Takes in an event, heard here or told by the tab that leads. */
  const hear = (event) => {
    const wanted = all();
    const { type, channel, epoch, channels } = event;
    if (channels) event = { ...event, channels: channels.filter((one) => wanted.has(one)) };
    if (channel && !wanted.has(channel)) return;
    const news = places.take(event);
    if (!news) return;
    const mine = wants.has(channel);
    if (type === 'closed' || type === 'error') {
      wants.delete(channel);
      others?.forEach((theirs, id) => others.set(id, theirs.filter((one) => one !== channel)));
      settle();
    }
    if (!mine) return;
    if (epoch && epoch !== log) emit('epoch', { epoch: log = epoch }); // once for the gaps of all channels, told again or not
    if (news.type) emit(news.type, news);
    emit(type, event);
  };

  /** Whether the server would say the same again: of all, or of the error's channel. Where one token is over, a function may give another. */
  const isFinal = (error) => {
    const { status, channel } = error;
    // No channel's fault, unless each has a token of its own, and that one has none.
    if (status === 401 && (!channel || each(shown || '-', channel))) {
      error.channel = undefined;
      if (renews) return (shown = 0);
    }
    return status > 399 && status < (error.channel ? 429 : 404);
  };

  const address = (names, cursor, more) => {
    const query = new URLSearchParams(more);
    for (const name of names) {
      query.append('channel', name);
      if (shown) query.append('token', each(shown, name) ?? '');
      if (who) query.append('roster', places.roster(name) ?? 0);
    }
    if (cursor) query.append('cursor', cursor);
    else if (history) query.append('history', history);
    if (who) query.append('who', who);
    return `${base}events?${query}`;
  };

  const ask = async (names, cursor, wait = Math.ceil(quietMs / 1000), signal) => {
    const response = await request(address(names, cursor, { wait }), { accept: 'application/json' }, { signal });
    const answer = await response.json();
    answer.cursor ??= cursor;
    return answer;
  };

  /** Takes what has been published to these, who stand at one place, up to now, and brings them there. */
  const drain = async (names, take, signal) => {
    let place = places.of(names[0]);
    for (let rounds = DRAINS; rounds--;) {
      const { cursor, events } = await ask(names, place, 0, signal);
      events.forEach(take);
      take({ type: 'mark', channels: names, cursor: place = cursor });
      if (!events.length) break;
    }
    return place;
  };

  const stop = () => {
    clearTimeout(later);
    attempt?.abort();
  };

  const begin = () => {
    stop();
    covered = key();
    if (!all().size) return state('idle');
    attempt = new AbortController();
    const { signal } = attempt;
    let live = 0;
    let quiet = 0;
    let timer;

    const fail = (error = {}) => {
      if (signal.aborted) return;
      if (isFinal(error)) {
        if (!error.channel) {
          emit('error', error);
          return close();
        }
        take(refused(error));
        if (line.sync || signal.aborted) return; // it goes on without, or another has been begun; else nobody wanted that one
      }
      attempt.abort();
      if (live && Date.now() - live > SETTLED_MS) {
        tries = 0;
        at = known;
      } else if (at !== known || tries >= TRIES) {
        if (++at < order.length) return begin();
        at = 0;
      }
      // Full jitter: thousands who lost the same server do not come back at the same moment.
      const delay = Math.random() * Math.min(retryMsMax, retryMs * 2 ** tries++);
      later = setTimeout(begin, delay);
      state('waiting', { delay, reason: error.message });
    };

    const silent = () => fail(new Error('silent'));

    const heard = () => {
      quiet = 0;
      clearTimeout(timer);
      if (!live) timer = setTimeout(silent, openMs);
    };

    const becomeLive = () => {
      if (live || signal.aborted) return;
      live = Date.now();
      known = Math.min(known, at);
      heard();
      state('live');
    };

    const take = (event) => {
      if (signal.aborted) return;
      heard();
      if (event.type === 'ready') becomeLive();
      if (renews && event.type === 'expiring' && Date.now() > spared) {
        spared = Date.now() + event.in * 250;
        // If there is none to be had now, this one is still good for a while.
        renew().then(() => signal.aborted || (line.renew ?? begin)(), () => {});
      }
      if (event.type === 'expired') return fail(refusal({ status: 401 }));
      group?.tell({ event });
      hear(event);
    };

    /**
     * Brings all channels to one cursor, for transports that have but one. Those who stand together catch up together; where
     * the first of them then stands is in nobody's future. The others are told again what came between, and drop it by number.
     */
    const level = async () => {
      const groups = places.groups(all());
      let joint;
      for (const [cursor, names] of groups) {
        const alone = groups.size < 2 && (cursor || !history);
        const place = alone ? cursor : await drain(names, take, signal);
        joint ??= place;
      }
      if (groups.size > 1) take({ type: 'mark', channels: [...all()], cursor: joint, again: true });
      return joint;
    };

    // Two rounds, because a browser may let the clock of a hidden page run slowly.
    const clock = setInterval(() => {
      if (quiet++ > 1) silent();
      else line.ping?.();
    }, quietMs);
    signal.onabort = (event) => {
      line.close?.(event);
      line = {};
      clearTimeout(timer);
      clearInterval(clock);
    };
    state('connecting');
    bear().then(() => {
      if (signal.aborted) return; // closed by a listener, or meanwhile
      heard();
      line = transports[order[at]]({
        base, WebSocket, signal, address, take, heard, fail, history, who,
        wanted: all,
        bearer: (channel) => each(shown, channel),
        place: places.of,
        ask: (names, cursor, wait) => ask(names, cursor, wait, signal),
        level,
        live: becomeLive,
      });
      if (line.silent) clearInterval(clock);
    }).catch(fail); // no token; no WebSocket, or none that may be used
  };

  /** Goes on with other channels than before. */
  const settle = () => {
    places.keep(all()); // what is wanted again some day begins anew
    if (now.state === 'closed') return;
    if (group && !group.leads()) group.hello();
    else if (line.sync) line.sync();
    else if (now.state !== 'waiting' && key() !== covered) {
      stop(); // at once: it must not ask for none, and what it has not taken comes again
      later = setTimeout(begin); // once for all that are changed now
    }
  };

  /**
   * A tab that joins others, and was somewhere before, goes on there by itself: they are further. Channel by channel: one may be
   * refused, and a place that several share is not for what a WebSocket tells.
   */
  const catchUp = async () => {
    held = [];
    for (const channel of [...wants]) {
      while ((places.of(channel) || history) && held) {
        try {
          await bear();
          await drain([channel], (event) => held && hear(event));
          break;
        } catch (error) {
          if (isFinal(error)) {
            error.channel = channel;
            hear(refused(error));
            break;
          }
          await pause(Math.random() * 9 * retryMs);
        }
      }
    }
    held?.forEach(hear);
    held = null;
  };

  const online = () => {
    if (attempt && now.state === 'waiting') {
      tries = at = 0; // another network, other paths
      begin();
    }
  };

  const on = (type, listener) => {
    (listeners[type] ??= new Set()).add(listener);
    return () => listeners[type].delete(listener);
  };

  const close = () => {
    if (now.state === 'closed') return;
    state('closed');
    stop();
    held = null;
    group?.close();
    globalThis.removeEventListener?.('online', online);
  };

  globalThis.addEventListener?.('online', online);
  if (options.share && globalThis.navigator?.locks) { // wherever these are, there are broadcast channels
    catchUp();
    group = share(`rcomet ${JSON.stringify([options.share, base, token, who])}`, {
      event: (event) => (held ? held.push(event) > HELD_MAX && held.shift() : hear(event)),
      state: follow,
      wishes: () => places.all(wants),
      knows: () => [places.all(all()), now],
      known([theirs, state]) {
        if (!held) places.adopt(theirs, wants);
        if (now.state !== state.state) follow(state);
      },
      begin(theirs) {
        others = theirs;
        held = null;
        begin();
      },
      wanted(theirs) {
        places.adopt(theirs, all());
        settle();
      },
    });
  } else later = setTimeout(begin);

  return {
    on,
    get state() { return now.state; },
    get transport() { return now.transport; },
    get cursor() { return places.cursor(wants); },
    subscribe(channel) {
      wants.add(channel);
      settle();
    },
    unsubscribe(channel) {
      wants.delete(channel);
      settle();
    },
    async publish(channel, data) {
      const said = line.publish?.(channel, data);
      if (said) return said;
      const post = () => {
        const bearer = each(shown, channel);
        const headers = { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
        return request(`${base}publish`, headers, { method: 'post', body: JSON.stringify({ channel, data }) });
      };
      await bear();
      await post().catch(async (error) => {
        if (!renews || error.status !== 401) throw error;
        await renew(); // where another tab leads, nobody has
        await post();
      });
    },
    async* [Symbol.asyncIterator]() {
      const queue = [];
      let wake;
      const off = [on('message', (message) => {
        queue.push(message);
        wake?.();
      }), on('state', () => wake?.())];
      try {
        for (;;) {
          if (queue.length) yield queue.shift();
          else if (now.state === 'closed') return;
          else await new Promise((done) => (wake = done));
        }
      } finally {
        off.forEach((stop) => stop());
      }
    },
    close,
  };
}
