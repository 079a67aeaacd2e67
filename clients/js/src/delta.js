// Messages that come as deltas, put together. It stands beside the client, which asks for none: for whoever opens an EventSource with
// delta=1, a WebSocket with "delta":true, or reads lines, as docs/api.md of the daemon describes.

/** Gives a function that makes whole messages of what the server says, in the order in which it came. */
export function deltas() {
  const bases = new Map(); // by channel: its last message
  return (event) => {
    const { type, channel, seq, splice } = event;
    if (type === 'closed' || type === 'unsubscribed') bases.delete(channel);
    if (type !== 'message') return event;
    let { data } = event;
    if (splice) {
      const base = bases.get(channel);
      if (base?.seq !== seq - 1) throw new Error(`message ${seq} of ${channel} is a delta, and the last one was ${base?.seq}: some were left out`);
      const [start, deleted] = splice;
      data = base.data.slice(0, start) + data + base.data.slice(start + deleted);
    }
    bases.set(channel, { seq, data });
    const { splice: _, ...whole } = event;
    return { ...whole, data };
  };
}
