// How tests wait, here and in those of the JavaScript client.
import assert from 'node:assert/strict';

/** For everything that should happen at once: generous, as machines that test are busy. */
export const SOON_MS = 45_000;

export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

async function untilNone(complaint, give, ms) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await give();
    try {
      return complaint(got);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await pause(20);
  }
}

/** Waits until the function gives what is wanted; complains with what it gave last. */
export const until = (wanted, give, ms = SOON_MS) => untilNone((got) => assert.deepEqual(got, wanted), give, ms);

/** The same for a text that is like a pattern. */
export const untilLike = (pattern, give, ms = SOON_MS) => untilNone((got) => assert.match(got, pattern), give, ms);
