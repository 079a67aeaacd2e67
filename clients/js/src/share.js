// One connection for several tabs. Who holds a lock leads, connects, and tells the others every event, with its cursor; each
// keeps its own places with them, and drops what it has. When the leader goes, however it goes, the browser hands the lock
// on, and the next one goes on behind the last event that it was told. What two leaders told comes twice, and is dropped.
//
// tab.event(event)    an event that the leader heard
// tab.state(state)    how the leader's line is
// tab.known(known)    what the leader said of what it knows
// tab.wishes()        what this tab listens to, as all() of places.js gives it
// tab.begin(others)   this tab leads from now on; `others` is a Map of the channels that others want
// tab.wanted(all)     what another tab wants, as all() of places.js gave it, has changed
// tab.knows()         what the leader knows, and how its line is
const TAKEOVER_MS = 100; // what the one before has told last may still be on its way

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export function share(name, tab) {
  const bus = new BroadcastChannel(name);
  const id = Math.random();
  const others = new Map();
  const over = new AbortController();
  let leads = false;
  let close;
  const closed = new Promise((done) => (close = done));
  const hold = (lock, begin) => navigator.locks.request(lock, { signal: over.signal }, begin).catch(() => {});
  const hello = () => leads || bus.postMessage({ id, wants: tab.wishes() });

  bus.onmessage = ({ data }) => {
    if (data.lead) hello();
    else if (leads) {
      if (!data.wants) return;
      // Its lock is free when it is gone, closed or crashed.
      if (!others.has(data.id)) {
        hold(name + data.id, () => {
          others.delete(data.id);
          tab.wanted([]);
        });
      }
      others.set(data.id, data.wants.map(([channel]) => channel));
      tab.wanted(data.wants);
      bus.postMessage({ known: tab.knows() });
    } else for (const what in data) tab[what]?.(data[what]);
  };

  // The first lock says that this tab is there: it has to be held before anybody hears of it.
  hold(name + id, () => {
    hello();
    hold(name, async () => {
      await pause(TAKEOVER_MS);
      if (over.signal.aborted) return;
      leads = true;
      bus.postMessage({ lead: true });
      tab.begin(others);
      return closed;
    });
    return closed;
  });

  return {
    hello,
    leads: () => leads,
    tell: (what) => leads && bus.postMessage(what),
    close() {
      leads = false;
      over.abort();
      close();
      bus.close();
    },
  };
}
