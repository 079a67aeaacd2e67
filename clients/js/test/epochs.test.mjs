// A server that was started anew is told once, and why something is missing with each gap; against the real daemon.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { closeAll, connect, Daemon, live, until, Wire } from './support.mjs';

for (const transport of (process.env.TRANSPORTS ?? 'websocket,sse,stream,poll').split(',')) {
  describe(`epochs: ${transport}`, () => {
    let daemon;
    let wire;
    const open = (channels, more) => {
      const feed = connect({ url: wire.url, transport, channels, retryMsMax: 200, ...more });
      feed.epochs = [];
      feed.on('epoch', (event) => feed.epochs.push({ ...event, after: feed.gaps().length }));
      return feed;
    };
    const cut = async (feed) => {
      const waits = () => feed.states.filter(({ state }) => state === 'waiting').length;
      const before = waits();
      await until(true, () => {
        if (waits() === before) wire.cut();
        return waits() > before;
      });
      await live(feed);
    };
    const restart = async (feed) => {
      await daemon.stop('SIGKILL');
      await until('waiting', () => feed.state);
      await daemon.start();
    };
    before(async () => {
      daemon = await Daemon.start();
      wire = await Wire.to(() => daemon.front);
    });
    afterEach(closeAll);
    after(async () => {
      await wire.end();
      await daemon.end();
    });

    test('one event for all channels of a server that was started anew, before their gaps', async () => {
      const feed = open(['a', 'b']);
      await live(feed);
      await daemon.publish('a', '1');
      await daemon.publish('b', '1');
      await until(2, () => feed.heard.length);
      await cut(feed);
      assert.deepEqual([feed.epochs, feed.gaps()], [[], []], 'the same server');
      await restart(feed);
      await until(true, () => feed.gaps().length > 1);
      await live(feed);
      const [{ epoch }] = feed.epochs;
      assert.deepEqual(feed.epochs, [{ epoch, after: 0 }]);
      assert.match(epoch, /^\w+$/);
      for (const gap of feed.gaps()) {
        assert.deepEqual(gap, { type: 'gap', channel: gap.channel, next: 1, missing: null, because: 'epoch', epoch });
      }
      // Cut before anything has come, it may be told of the gaps again; not of the epoch.
      await cut(feed);
      await daemon.publish('a', '2');
      await until(['1', '2'], () => feed.data('a'));
      await cut(feed);
      assert.equal(feed.epochs.length, 1);
      // Another one is another.
      await restart(feed);
      await until(2, () => feed.epochs.length);
      assert.notEqual(feed.epochs[1].epoch, epoch);
    });

    test('a channel that was made anew is no other epoch', async () => {
      const first = open(['again']);
      await live(first);
      await daemon.publish('again', '1');
      await until(['1'], () => first.data());
      const { cursor } = first;
      first.close();
      await daemon.publish('again', 'unread');
      await daemon.close('again');
      await daemon.publish('again', 'anew');
      const feed = open(['again'], { cursor });
      await until(['anew'], () => feed.data());
      assert.deepEqual(feed.gaps(), [{ type: 'gap', channel: 'again', next: 1, missing: null, because: 'channel' }]);
      assert.deepEqual(feed.epochs, []);
    });
  });
}
