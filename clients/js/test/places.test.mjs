// Where channels stand, without any connection.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { places as begin } from '../src/places.js';

const message = (channel, seq, cursor = `${channel}${seq}`) => ({ type: 'message', channel, seq, cursor, data: '' });
const gap = (channel, next, missing) => ({ type: 'gap', channel, next, missing });

describe('places', () => {
  test('between tabs, a message is taken once', () => {
    const places = begin([], null, true);
    assert.equal(places.take(message('a', 7)), true);
    assert.equal(places.take(message('a', 7)), false);
    assert.equal(places.take(message('a', 6)), false);
    assert.equal(places.take(message('a', 8)), true);
    assert.equal(places.take(message('b', 1)), true);
  });

  test('what is told again is dropped, until there is news', () => {
    const places = begin([]);
    places.take(message('a', 7));
    places.take({ type: 'mark', channels: ['a'], cursor: 'before', again: true });
    assert.equal(places.take(message('a', 6)), false);
    places.take({ type: 'mark', channels: ['a'], cursor: 'a poll later' });
    assert.equal(places.take(gap('a', 7, 2)), false);
    assert.equal(places.take(message('a', 7)), false);
    assert.equal(places.take(message('a', 8)), true);
    assert.equal(places.take(message('a', 1)), true, 'another life of the channel');
    assert.equal(places.take(message('a', 2)), true);
  });

  test('who shares a place is moved by the messages of all', () => {
    const places = begin(['a', 'b'], 'begin');
    assert.equal(places.of('b'), 'begin');
    places.take({ type: 'mark', channels: ['a', 'b'], cursor: 'begin' });
    places.take(message('a', 1));
    assert.equal(places.of('b'), 'a1');
    assert.equal(places.cursor(['a', 'b']), 'a1');
    places.take({ type: 'subscribed', channel: 'b', seq: 9, cursor: 'other' });
    places.take(message('a', 2));
    assert.deepEqual(places.cursor(['a', 'b']), { a: 'a2', b: 'a1' });
    assert.deepEqual([...places.groups(['a', 'b', 'c'])], [['a2', ['a']], ['a1', ['b']], [undefined, ['c']]]);
  });

  test('a cursor for each channel, or one for all; names may be strange', () => {
    const places = begin(['a', '0', 'length'], { a: 'x' });
    assert.deepEqual([places.of('a'), places.of('0'), places.of('length')], ['x', undefined, undefined]);
    const all = begin(['0', 'length', 'constructor'], 'xyz');
    assert.deepEqual([all.of('0'), all.of('length'), all.of('constructor')], ['xyz', 'xyz', 'xyz']);
  });

  test('a gap is told once, and one of unknown size begins anew', () => {
    const places = begin([], null, true);
    places.take(message('a', 7));
    assert.equal(places.take(gap('a', 6, 2)), false, 'that was before what we have');
    assert.equal(places.take(gap('a', 10, 2)), true);
    assert.equal(places.take(message('a', 9)), false);
    assert.equal(places.take(message('a', 10)), true);
    assert.equal(places.take(gap('a', 1, null)), true);
    assert.equal(places.take(message('a', 1)), true);
  });

  test('a hole that nobody told is told', () => {
    const places = begin([]);
    places.take(message('a', 7));
    assert.deepEqual(places.take(message('a', 10)), gap('a', 10, 2));
    assert.equal(places.take(message('a', 11)), true);
  });

  test('behind a cursor, the answer of a subscription counts when a gap was told before', () => {
    const places = begin(['a'], 'old');
    places.take({ type: 'subscribed', channel: 'a', seq: 0, cursor: 'others' });
    assert.equal(places.of('a'), 'old', 'nothing was lost: its own is as good');
    places.take(gap('a', 1, null));
    assert.equal(places.of('a'), 'old', 'cut here, it asks for the gap once more');
    places.take({ type: 'subscribed', channel: 'a', seq: 0, cursor: 'new' });
    assert.equal(places.of('a'), 'new');
    assert.equal(places.take(message('a', 1)), true);
    assert.equal(places.take(gap('a', 4, 2)), true);
    places.take(message('a', 4));
    places.take({ type: 'subscribed', channel: 'a', seq: 4, cursor: 'others' });
    assert.equal(places.of('a'), 'a4', 'a gap that a message followed is over');
    const fresh = begin([], null, true);
    fresh.take({ type: 'subscribed', channel: 'a', seq: 4, cursor: 'new' });
    assert.equal(fresh.of('a'), 'new');
    assert.equal(fresh.take(message('a', 4)), false);
    assert.equal(fresh.take(message('a', 5)), true);
  });

  test('the same for a stream', () => {
    const places = begin(['a'], 'old');
    places.take({ type: 'ready', channels: ['a'], cursor: 'new' });
    assert.equal(places.of('a'), 'old');
    const fresh = begin([]);
    fresh.take({ type: 'ready', channels: ['a', 'b'], cursor: 'new' });
    fresh.take(message('b', 1));
    assert.equal(fresh.of('a'), 'b1');
  });

  test('another tab knows what is new here, and only that', () => {
    const leader = begin(['a', 'b'], 'x');
    leader.take(message('a', 3));
    const places = begin(['b'], 'mine', true);
    places.adopt(leader.all(['a', 'b', 'none']), new Set(['a', 'b', 'none']));
    assert.deepEqual([places.of('a'), places.of('b'), places.of('none')], ['a3', 'mine', undefined]);
    assert.equal(places.take(message('a', 3)), false);
  });

  test('the last change of people is known as long as the channel is', () => {
    const places = begin(['a'], 'x');
    places.take({ type: 'roster', channel: 'a', who: ['Ann'], roster: 7 });
    places.take(message('a', 1));
    assert.equal(places.roster('a'), 7);
    places.keep(new Set());
    assert.equal(places.roster('a'), undefined);
  });

  test('what was closed is forgotten', () => {
    const places = begin(['a'], 'x');
    assert.equal(places.take({ type: 'closed', channel: 'a' }), true);
    assert.equal(places.of('a'), undefined);
  });
});
