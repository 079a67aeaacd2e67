// Compiled, never run: what is right must compile, and what is marked must not.
import { connect, type Cursor, type Feed, type Message } from 'rcomet-client';
import { deltas } from 'rcomet-client/delta';

const feed: Feed = connect({ url: 'https://example.org/', channels: ['a'], transport: ['sse', 'poll'], history: 'all', share: true });
const off: () => void = feed.on('message', ({ channel, seq, data }) => `${channel.trim()} ${seq.toFixed()} ${data.trim()}`);
feed.on('gap', ({ missing }) => {
  // @ts-expect-error: it may not be known
  missing.toFixed();
});
feed.on('gap', ({ because, epoch }) => because === 'epoch' && epoch?.trim());
feed.on('epoch', ({ epoch }) => epoch.trim());
feed.on('state', ({ state, transport }) => state === 'live' && transport === 'poll');
feed.on('error', (error) => error.status.toFixed());
const cursor: Cursor | undefined = feed.cursor;
connect({ channels: new Set(['a']), cursor, WebSocket: null });
connect({ token: async () => (await fetch('/token')).text() });
connect({ token: () => ({ a: 'x' }) });

export async function loop(): Promise<Message | undefined> {
  await feed.publish('a', { any: 'json' });
  for await (const message of feed) return message;
  off();
}

const whole = deltas();
whole({ type: 'message', channel: 'a', seq: 2, data: 'x', splice: [0, 1] }).data.trim();
// @ts-expect-error: it is put together by now
whole({ type: 'message', splice: [0, 1] }).splice;
// @ts-expect-error: a place and a length
whole({ type: 'message', splice: ['0', 1] });

// @ts-expect-error: no such event
feed.on('massage', () => {});
// @ts-expect-error: no such transport
connect({ transport: 'pigeon' });
// @ts-expect-error: read only
feed.cursor = 'x';
