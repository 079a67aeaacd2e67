// How tests wait, here and in those of the JavaScript client.
import assert from 'node:assert/strict';

/** For everything that should happen at once: generous, as machines that test are busy. */
export const SOON_MS = 15_000;

export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** Waits until the function gives what is wanted; complains with what it gave last. */
export async function until(wanted, give, ms = SOON_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await give();
    try {
      return assert.deepEqual(got, wanted);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await pause(20);
  }
}
