// Each way of hearing events, against the real daemon.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect, Daemon, live, numbers, pause, until, Wire } from './support.mjs';

const MANY = 1000;

for (const transport of (process.env.TRANSPORTS ?? 'websocket,sse,poll').split(',')) {
  describe(transport, () => {
    let daemon;
    let wire;
    const feeds = [];
    const open = (options) => {
      const feed = connect({ url: wire.url, transport, ...options });
      feeds.push(feed);
      return feed;
    };
    before(async () => {
      daemon = await Daemon.start();
      wire = await Wire.to(() => daemon.front);
    });
    afterEach(() => feeds.splice(0).forEach((feed) => feed.close()));
    after(async () => {
      await wire.end();
      await daemon.end();
    });

    test(`${MANY} messages come in order, once`, async () => {
      const feed = open({ channels: ['many.a', 'many.b'] });
      await live(feed, transport);
      await Promise.all([daemon.publishes('many.a', 0, MANY / 2), daemon.publishes('many.b', 0, MANY / 2)]);
      for (const channel of ['many.a', 'many.b']) await until(numbers(0, MANY / 2), () => feed.data(channel));
      assert.equal(feed.heard.length, MANY);
      assert.ok(feed.heard.every(({ seq, data }) => seq === Number(data) + 1));
    });

    test('who is there, and everybody who comes and goes, also while the line is cut', async () => {
      const feed = open({ channels: ['people', 'people.2'], who: 'Ann' });
      const told = () => feed.heard.filter(({ channel }) => channel === 'people').map(({ type, who }) => `${type} ${who}`);
      await until(['roster Ann'], () => told().slice(0, 1));
      await live(feed, transport);
      const visits = (who) => fetch(`http://${daemon.front}/events?channel=people&who=${who}&wait=0`, { headers: { accept: 'application/json' } });
      // What has been heard of a change: it is in a list of all, or told by itself.
      const knows = (who) => feed.heard.some((event) => event.channel === 'people' && [event.who].flat().includes(who));
      for (const who of ['Bob', 'Eve', 'Joe']) {
        wire.cut();
        await visits(who);
        await until(true, () => knows(who));
      }
      const changes = feed.heard.filter(({ type, channel }) => type === 'join' && channel === 'people').map(({ roster }) => roster);
      assert.deepEqual(changes, [...new Set(changes)].sort(), 'each once, in order');
    });

    test('who is there is told anew in a channel that is listened to once more', async () => {
      const feed = open({ channels: ['again', 'again.2'], who: 'Ann' });
      const lists = () => feed.heard.filter(({ type, channel }) => type === 'roster' && channel === 'again').length;
      await live(feed, transport);
      await until(1, lists);
      feed.unsubscribe('again');
      await until(0, () => daemon.subscribers('again'));
      feed.subscribe('again');
      await until(2, lists);
    });

    test('cut in the middle: nothing is lost or doubled', async () => {
      const feed = open({ channels: ['cut.a', 'cut.b', 'cut.quiet'] });
      await live(feed);
      const waits = () => feed.states.filter(({ state }) => state === 'waiting').length;
      for (let n = 0; n < 300; n += 50) {
        const published = Promise.all(['cut.a', 'cut.b'].map((channel) => daemon.publishes(channel, n, n + 50)));
        await pause(Math.random() * 10);
        // A cut between two polls, or before a connection is there, is none.
        const before = waits();
        await until(true, () => {
          if (waits() === before) wire.cut();
          return waits() > before;
        });
        await published;
        await live(feed);
      }
      await daemon.publish('cut.quiet', 'still here');
      await until(['still here'], () => feed.data('cut.quiet'));
      for (const channel of ['cut.a', 'cut.b']) await until(numbers(0, 300), () => feed.data(channel));
      assert.equal(feed.heard.length, 601, 'and no gap');
    });

    test('goes on where another feed was', async () => {
      const first = open({ channels: ['on.a', 'on.b'] });
      await live(first);
      await daemon.publish('on.a', '0');
      await daemon.publish('on.b', '0');
      await until(2, () => first.heard.length);
      const cursor = JSON.parse(JSON.stringify(first.cursor));
      first.close();
      await daemon.publishes('on.a', 1, 5);
      await daemon.publishes('on.b', 1, 5);
      const second = open({ channels: ['on.a', 'on.b'], cursor });
      for (const channel of ['on.a', 'on.b']) await until(numbers(1, 5), () => second.data(channel));
      assert.equal(second.heard.length, 8);
    });

    test('subscribes and unsubscribes while it runs', async () => {
      const feed = open({ channels: ['sub.a', 'sub.b'] });
      await live(feed);
      await daemon.publish('sub.c', 'before');
      await daemon.publish('sub.a', '1');
      await until(['1'], () => feed.data());
      feed.subscribe('sub.c');
      feed.unsubscribe('sub.a');
      // Whoever subscribes hears what is new from some moment on; another message tells when that is.
      await until(true, async () => {
        await daemon.publish('sub.c', 'new');
        await pause(20);
        return feed.data('sub.c').length > 0;
      });
      assert.ok(feed.data('sub.c').every((data) => data === 'new'));
      await daemon.publish('sub.a', 'not wanted');
      await daemon.publish('sub.b', 'wanted');
      await until(['wanted'], () => feed.data('sub.b'));
      assert.deepEqual(feed.data('sub.a'), ['1']);
      feed.subscribe('sub.a');
      await until(true, async () => {
        await daemon.publish('sub.a', 'again');
        await pause(20);
        return feed.data('sub.a').length > 1;
      });
      assert.equal(feed.data('sub.a').includes('not wanted'), false);
      assert.deepEqual(feed.gaps(), []);
    });

    test('what is unsubscribed while its past is on its way is not subscribed then', async () => {
      const feed = open({ channels: ['stays'], history: 1 });
      await live(feed);
      feed.subscribe('left');
      feed.unsubscribe('left');
      feed.subscribe('after');
      await until(1, () => daemon.subscribers('after'));
      await pause(200);
      assert.equal(await daemon.subscribers('left') ?? 0, 0);
    });

    test('publishes, and is told why not', async () => {
      const feed = open({ channels: ['chat.x'] });
      await live(feed);
      await feed.publish('chat.x', 'ä <b> 😀 & + = %');
      await feed.publish('chat.x', { n: [1, 2] });
      await until(['ä <b> 😀 & + = %', '{"n":[1,2]}'], () => feed.data());
      await assert.rejects(feed.publish('shut', 'x'), (error) => error.status === 403 && /publish/.test(error.message));
    });

    test('a closed channel is told, and left', async () => {
      const feed = open({ channels: ['end.only'] });
      await live(feed);
      await daemon.publish('end.only', '1');
      await until(1, () => feed.heard.length);
      await until(1, () => daemon.subscribers('end.only')); // a poll is back
      await daemon.close('end.only');
      await until([{ type: 'closed', channel: 'end.only' }], () => feed.heard.slice(1));
      // A WebSocket stays open, for publishing.
      await until(transport === 'websocket' ? 'live' : 'idle', () => feed.state);
      assert.deepEqual(feed.errors, []);
      feed.subscribe('end.only');
      await until('live', () => feed.state);
      await until(true, async () => {
        await daemon.publish('end.only', 'anew');
        await pause(20);
        return feed.data().length > 1;
      });
    });

    test('one of two is closed, and the other stays', async () => {
      const feed = open({ channels: ['end.a', 'end.b'] });
      await live(feed);
      await daemon.publish('end.a', '1');
      await daemon.publish('end.b', '1');
      await until(2, () => feed.heard.length);
      await until(1, () => daemon.subscribers('end.a')); // between two polls it would not be told
      await daemon.close('end.a');
      await daemon.publish('end.b', '2');
      await until(['1', '2'], () => feed.data('end.b'));
      await until([{ type: 'closed', channel: 'end.a' }], () => feed.heard.filter(({ type }) => type !== 'message'));
      assert.deepEqual(feed.data('end.a'), ['1']);
    });

    test('a restarted daemon is a gap for each channel, and then it goes on', async () => {
      const feed = open({ channels: ['re.a', 're.b'], retryMsMax: 200 });
      await live(feed);
      await daemon.publishes('re.a', 0, 3);
      await daemon.publishes('re.b', 0, 5);
      await until(8, () => feed.heard.length);
      await daemon.stop('SIGKILL');
      await until('waiting', () => feed.state);
      await daemon.start();
      await until([['re.a', null], ['re.b', null]],
        () => feed.gaps().map(({ channel, missing }) => [channel, missing]).sort().slice(0, 2));
      await live(feed);
      await daemon.publishes('re.a', 10, 20);
      await daemon.publishes('re.b', 10, 20);
      for (const channel of ['re.a', 're.b']) {
        await until(numbers(10, 20), () => feed.data(channel).filter((data) => data >= 10));
        assert.equal(feed.gaps().filter((gap) => gap.channel === channel).length, 1);
      }
    });

    test('begins with history, and goes on behind it', async () => {
      await daemon.publishes('past.a', 0, 10);
      await daemon.publishes('past.b', 0, 2);
      const feed = open({ channels: ['past.a', 'past.b'], history: 3 });
      await live(feed);
      await daemon.publishes('past.a', 10, 12);
      await until(numbers(7, 12), () => feed.data('past.a'));
      await until(numbers(0, 2), () => feed.data('past.b'));
      feed.subscribe('past.c');
      await daemon.publish('past.a', '12');
      await until(numbers(7, 13), () => feed.data('past.a'));
      const all = open({ channels: ['past.a'], history: 'all' });
      await until(numbers(0, 13), () => all.data());
      assert.deepEqual([...feed.gaps(), ...all.gaps()], []);
    });

    test('what is no longer kept is counted', async () => {
      const feed = open({ channels: ['old'] });
      await live(feed);
      await daemon.publish('old', '0');
      await until(['0'], () => feed.data());
      const { cursor } = feed;
      feed.close();
      await daemon.publishes('old', 1, 1101);
      const late = open({ channels: ['old'], cursor });
      await until(numbers(101, 1101), () => late.data());
      assert.deepEqual(late.gaps().map(({ next, missing }) => [next, missing]), [[102, 100]]);
      assert.equal(late.heard[0].type, 'gap');
    });

    test('for await', async () => {
      const feed = open({ channels: ['loop'] });
      const got = (async () => {
        const data = [];
        for await (const message of feed) {
          data.push(message.data);
          if (data.length === 3) break;
        }
        for await (const message of feed) data.push(message.data); // ends with the feed
        return data;
      })();
      await live(feed);
      await daemon.publishes('loop', 0, 3);
      await until(3, () => feed.heard.length);
      await pause(0);
      await daemon.publish('loop', '3');
      await until(4, () => feed.heard.length);
      feed.close();
      assert.deepEqual(await got, numbers(0, 4));
      assert.equal(feed.state, 'closed');
    });
  });
}

test('a transport that there is not is refused at once, and not tried for ever', () => {
  for (const [transport, name] of [['smoke', 'smoke'], [['poll', 'smoke'], 'smoke'], ['Poll', 'Poll'], [[], ''], ['', ''], [null, 'null'],
    ['constructor', 'constructor'], [['poll', 'toString'], 'toString'], ['__proto__', '__proto__']]) {
    assert.throws(() => connect({ url: 'http://127.0.0.1:9', transport }), { message: `no transport: ${name}` });
  }
  for (const transport of [undefined, 'auto', 'stream', ['sse', 'poll'], ['stream', 'auto']]) {
    connect({ url: 'http://127.0.0.1:9', transport }).close();
  }
});
