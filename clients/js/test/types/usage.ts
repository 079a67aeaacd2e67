// Compiled, never run: what is right must compile, and what is marked must not.
import { connect, type Cursor, type Feed, type Message } from 'rcomet-client';

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

// @ts-expect-error: no such event
feed.on('massage', () => {});
// @ts-expect-error: no such transport
connect({ transport: 'pigeon' });
// @ts-expect-error: read only
feed.cursor = 'x';
