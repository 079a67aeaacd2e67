// The calls of the jquery.comet plugin, without jQuery: $.comet.connect(url), which was init(url) once, subscribe, unsubscribe, publish, startBatch,
// endBatch, disconnect, clientId, errorCount. Written for rcomet from what the plugin's README promises and what it sends
// (docs/bayeux.md); a page that calls the plugin can have this in its place.
//
// Besides, subscribe takes options: { history } asks for so many messages of before, and { renewed } is called when a session
// begins anew, before they come again; and listen(channel, call) hears a channel that needs no subscription.
//
// Unlike the plugin it honours the advice that it is given, sends what was queued while a request was on its way, and
// tells subscribers of data that is false.
'use strict';
globalThis.$ ??= {};
$.comet = (() => {
  const listeners = new Map(); // channel → functions
  const asked = new Map(); // channel → options, of those that are subscribed
  let url = '';
  let id = null;
  let queue = [];
  let batches = 0;
  let sending = false;
  let ready = false; // hands have been shaken, and the session is not known to be dead
  let shakenAt = -Infinity;
  let sessions = 0; // that there have been
  let generation = 0; // of the connection: what belongs to an older one stops
  let count = 0;
  let errors = 0;
  let options = {};

  const isForeign = () => new URL(url, location.href).origin !== location.origin;
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function post(message) {
    const body = new URLSearchParams({ message: JSON.stringify(message) });
    const response = await fetch(url, { method: 'POST', body });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  }

  /** Pages of other origins ask by scripts. */
  function call(message) {
    return new Promise((done, fail) => {
      const name = `comet_${Date.now()}_${++count}`;
      const script = document.createElement('script');
      const end = () => {
        script.remove();
        delete globalThis[name];
      };
      globalThis[name] = (replies) => { end(); done(replies); };
      script.onerror = () => { end(); fail(new Error('the script cannot be had')); };
      script.src = `${url}?${new URLSearchParams({ jsonp: name, message: JSON.stringify(message), _: Date.now() })}`;
      document.head.append(script);
    });
  }

  const ask = (message) => (isForeign() ? call(message) : post(message));
  const stamped = (message) => ({ id: String(++count), ...message });

  /** Begins a session, or goes on with the one that there was, after a pause of so many milliseconds. */
  async function shake(mine, first = 0) {
    ready = false;
    // What brings us here again and again must not do so at once.
    const soonest = Date.now() - shakenAt < options.errorDelay ? options.errorDelay : 0;
    // A script that waits for its answer would keep the page from being loaded.
    if (document.readyState !== 'complete') await new Promise((done) => addEventListener('load', done, { once: true }));
    for (let delay = Math.max(first, soonest); mine === generation; delay = Math.min(Math.max(delay * options.errorBackoff, options.errorDelay), options.errorMaxDelay)) {
      await pause(delay);
      try {
        const message = stamped({ channel: '/meta/handshake', minimumVersion: '0.9', version: '1.0' });
        const [reply] = await ask(id ? { ...message, clientId: id } : message);
        if (mine !== generation) return;
        if (reply.successful) {
          errors = 0;
          shakenAt = Date.now();
          const isNew = id !== reply.clientId;
          const isFirst = sessions === 0;
          sessions += isNew ? 1 : 0;
          id = reply.clientId;
          ready = true;
          // A session that goes on has its subscriptions. What is queued already would come twice.
          if (isNew) {
            queue = queue.filter((message) => message.channel !== '/meta/subscribe');
            for (const [channel, more] of asked) {
              if (!isFirst) more.renewed?.();
              queue.push(subscription(channel, more));
            }
          }
          flush();
          return poll(mine);
        }
      } catch {
        errors++;
      }
    }
  }

  async function poll(mine) {
    while (mine === generation) {
      let replies;
      try {
        replies = await ask(stamped({ channel: '/meta/connect', clientId: id, connectionType: 'long-polling' }));
      } catch {
        errors++;
        await pause(options.errorDelay);
        continue;
      }
      if (mine !== generation) return;
      const advice = deliver(replies);
      if (advice?.reconnect === 'none') return;
      if (advice?.reconnect === 'handshake') return shake(mine, advice.interval);
      await pause(advice?.interval ?? 0);
    }
  }

  /** Hands events to whoever wants them; gives the last advice. */
  function deliver(replies) {
    let advice;
    for (const message of replies) {
      advice = message.advice ?? advice;
      if (!('data' in message)) continue;
      for (const tell of listeners.get(message.channel) ?? []) tell.call($.comet, message, message.data, message.channel);
    }
    return advice;
  }

  async function flush() {
    if (sending || batches > 0 || !ready || queue.length === 0) return;
    sending = true;
    const [mine, used] = [generation, id];
    const messages = queue.splice(0, 50);
    const sent = messages.map((message) => stamped({ ...message, clientId: id }));
    try {
      const replies = await ask(sent);
      deliver(replies);
      // What a dead session was asked to do has not been done: it is for the next one.
      const isDead = ({ successful, error }) => successful === false && error?.startsWith('402::');
      const undone = new Set(replies.filter(isDead).map((reply) => reply.id));
      if (undone.size > 0 && mine === generation) {
        queue.unshift(...messages.filter((message, i) => undone.has(sent[i].id)));
        if (ready && id === used) shake(++generation);
      }
    } catch {
      errors++;
      if (mine === generation) queue.unshift(...messages);
      await pause(options.errorDelay);
    }
    sending = false;
    flush();
  }

  const subscription = (channel, { history }) => ({
    channel: '/meta/subscribe', subscription: channel, ...(history ? { ext: { rcomet: { history } } } : {}),
  });

  function listen(channel, tell) {
    listeners.set(channel, [...(listeners.get(channel) ?? []), tell]);
  }

  function send(message) {
    queue.push(message);
    queueMicrotask(flush);
  }

  function connect(to, more = {}) {
    url = to;
    options = { errorDelay: 5000, errorBackoff: 1.5, errorMaxDelay: 60000, ...more };
    shake(++generation);
  }

  return {
    connect,
    // What the plugin's first README calls it; without a URL it is this one.
    init: (to = '/cometd', more = {}) => connect(to, more),
    disconnect() {
      generation++;
      ready = false;
      if (id) ask([stamped({ channel: '/meta/disconnect', clientId: id })]).catch(() => errors++);
      id = null;
      queue = [];
    },
    listen,
    subscribe(channel, tell, more = {}) {
      listen(channel, tell);
      if (asked.has(channel)) return;
      asked.set(channel, more);
      send(subscription(channel, more));
    },
    unsubscribe(channel, tell) {
      const left = (listeners.get(channel) ?? []).filter((other) => tell && other !== tell);
      if (left.length > 0) return listeners.set(channel, left);
      listeners.delete(channel);
      if (asked.delete(channel)) send({ channel: '/meta/unsubscribe', subscription: channel });
    },
    publish: (channel, data) => send({ channel, data }),
    startBatch: () => batches++,
    endBatch() {
      batches = Math.max(0, batches - 1);
      flush();
    },
    clientId: () => id,
    errorCount: () => errors,
  };
})();
