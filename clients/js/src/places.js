/** A value that is one for all channels, or an object with one for each. */
export const each = (value, channel) => (typeof value === 'string' ? value : value?.[channel]);

// How far each channel has been read. Knows nothing of connections.
//
// A cursor is opaque, and good for any channel: "everything of all channels up to here". Event streams and polls tell all
// channels in one order, so that their channels share one place, which every message moves. Over a WebSocket each is subscribed on
// its own, behind a cursor of its own: there each channel has a place of its own. Cursors cannot be compared, so that nobody can say which
// of several is the oldest; see level() in feed.js for how they become one again.
export class Places {
  #channels = new Map(); // name -> { seq, at: { cursor } }; `at` is one object for all that share a place

  #shared;

  /** Begins where `cursor` says. What is shared with other tabs may come from two leaders. */
  constructor(channels, cursor, shared) {
    this.#shared = shared;
    for (const channel of channels) {
      this.#channel(channel).at.cursor = each(cursor, channel);
    }
  }

  #channel(name) {
    let channel = this.#channels.get(name);
    if (!channel) this.#channels.set(name, channel = { at: {} });
    return channel;
  }

  /** The cursor behind which a channel goes on; none yet: with what is new. */
  of(name) {
    return this.#channels.get(name)?.at.cursor;
  }

  /** Those who go on behind the same cursor: cursor -> channels. */
  groups(names) {
    const groups = new Map();
    for (const name of names) {
      const cursor = this.of(name);
      groups.set(cursor, [...groups.get(cursor) ?? [], name]);
    }
    return groups;
  }

  /** Forgets all but these. */
  keep(names) {
    for (const name of this.#channels.keys()) if (!names.has(name)) this.#channels.delete(name);
  }

  /** Takes in what came, and says whether it is news; or gives the gap before it, if there is one that nobody told. */
  take({ type, channel: name, seq, cursor, next, missing, channels, again }) {
    if (type === 'mark') {
      // Of ours: these have been read up to the cursor, and share a place from now on; or further, and are told it `again`.
      const at = { cursor };
      for (const one of channels) {
        const channel = this.#channel(one);
        channel.at = at;
        channel.again ||= again;
      }
      return false;
    }
    if (type === 'ready') {
      // One that goes on has a cursor already. The one it is told here may stand behind gaps that are still to be told.
      if (channels.some((one) => !this.of(one))) this.take({ type: 'mark', channels, cursor });
      return false;
    }
    if (type === 'closed') {
      this.#channels.delete(name);
      return true;
    }
    if (!name) return false;
    const channel = this.#channel(name);
    if (type === 'subscribed') {
      // What is missing behind a cursor has been told before: then its loss is past. Else the cursor is as good as it was, and
      // this one may be that of other channels.
      if (channel.told || !channel.at.cursor) Object.assign(channel, { seq, at: { cursor }, told: 0 });
      else channel.at = { ...channel.at };
      return false;
    }
    // Nothing comes twice from the server; where something may, numbers tell. Else lower numbers are another life of the channel.
    again = this.#shared || channel.again;
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
  }

  /** Where these stand, as a value that the constructor takes: one cursor if they share it. */
  cursor(names) {
    const groups = this.groups(names);
    if (groups.size < 2) return [...groups.keys()][0];
    return Object.fromEntries([...names].map((name) => [name, this.of(name)]));
  }

  /** What is known of these, for another tab. */
  all(names) {
    return [...names].map((name) => [name, this.#channels.get(name)?.seq, this.of(name)]);
  }

  /** Takes over what another tab knows of those among `names` that are new here. */
  adopt(theirs, names) {
    for (const [name, seq, cursor] of theirs) {
      if (cursor && names.has(name) && !this.of(name)) Object.assign(this.#channel(name), { seq, at: { cursor } });
    }
  }
}
