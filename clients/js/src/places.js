/** A value that is one for all channels, or an object with one for each. */
export const each = (value, channel) => (typeof value === 'string' ? value : value?.[channel]);

// How far each channel has been read. Knows nothing of connections.
//
// A cursor is opaque, and good for any channel: "everything of all channels up to here". Event streams and polls tell all
// channels in one order, so that their channels share one place, which every message moves. Over a WebSocket each is subscribed on
// its own, behind a cursor of its own: there each channel has a place of its own. Cursors cannot be compared, so that nobody can say which
// of several is the oldest; see level() in feed.js for how they become one again.
//
// Begins where `cursor` says. What is `shared` with other tabs may come from two leaders.
export function places(names, cursor, shared) {
  // name -> { seq, at: { cursor }, roster }; `at` is one object for all that share a place, `roster` the last change of its people
  const known = new Map();

  const find = (name) => known.get(name) ?? known.set(name, { at: {} }).get(name);

  for (const name of names) find(name).at.cursor = each(cursor, name);

  /** The cursor behind which a channel goes on; none yet: with what is new. */
  const of = (name) => known.get(name)?.at.cursor;

  /** Those who go on behind the same cursor: cursor -> channels. */
  const groups = (names) => {
    const found = new Map();
    for (const name of names) found.set(of(name), [...found.get(of(name)) ?? [], name]);
    return found;
  };

  /** What is known of these, for another tab. */
  const all = (names) => [...names].map((name) => [name, of(name), known.get(name)?.seq]);

  /** Takes in what came, and says whether it is news; or gives the gap before it, if there is one that nobody told. */
  const take = ({ type, channel: name, seq, cursor, next, missing, channels, roster, again }) => {
    if (type === 'mark') {
      // Of ours: these have been read up to the cursor, and share a place from now on; or further, and are told it `again`.
      const at = { cursor };
      for (const one of channels) {
        const channel = find(one);
        channel.at = at;
        channel.again ||= again;
      }
      return false;
    }
    // One that goes on has a cursor already. The one it is told here may stand behind gaps that are still to be told.
    if (type === 'ready') return channels.some((one) => !of(one)) && take({ type: 'mark', channels, cursor });
    if (type === 'closed') {
      known.delete(name);
      return true;
    }
    if (!name) return false; // what is of no channel ends here
    const channel = find(name);
    channel.roster = roster ?? channel.roster;
    if (type === 'subscribed') {
      // What is missing behind a cursor has been told before: then its loss is past. Else the cursor is as good as it was, and
      // this one may be that of other channels.
      if (channel.told || !channel.at.cursor) Object.assign(channel, { seq, at: { cursor }, told: 0 });
      else channel.at = { ...channel.at };
      return false;
    }
    // Nothing comes twice from the server; where something may, numbers tell. Else lower numbers are another life of the channel.
    again = shared || channel.again;
    if (type === 'gap') {
      // A gap of known size that ends before what we have was told to somebody who was further behind.
      if (again && missing !== null && next <= channel.seq + 1) return false;
      channel.seq = next - 1; // of unknown size: numbers may have begun anew
      channel.told = 1;
    }
    if (type === 'message') {
      channel.at.cursor = cursor;
      channel.told = 0;
      if (again && seq <= channel.seq) return false;
      missing = seq - channel.seq - 1;
      channel.seq = seq;
      channel.again = false;
      if (missing > 0) return { type: 'gap', channel: name, next: seq, missing };
    }
    return true;
  };

  return {
    of,
    groups,
    take,
    roster: (name) => known.get(name)?.roster,

    /** Forgets all but these. */
    keep(names) {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    },

    /** Where these stand, as a value that places() takes: one cursor if they share it. */
    cursor(names) {
      const found = groups(names);
      if (found.size < 2) return [...found.keys()][0];
      return Object.fromEntries(all(names)); // takes two of each three
    },

    all,

    /** Takes over what another tab knows of those among `names` that are new here. */
    adopt(theirs, names) {
      for (const [name, cursor, seq] of theirs) {
        if (cursor && names.has(name) && !of(name)) Object.assign(find(name), { seq, at: { cursor } });
      }
    },
  };
}
