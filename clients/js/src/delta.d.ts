/** A message as the server says it. With a `splice`, `data` stands behind so many units of the one before, in the place of so many. */
export interface Told {
  type: string;
  channel?: string;
  seq?: number;
  data?: string;
  splice?: [start: number, deleted: number];
}

/**
 * Gives a function that makes whole messages of what the server says, in the order in which it came; everything else is given back as it
 * is. One is enough for several connections one after the other, as each begins with whole messages; not for several at a time.
 * It throws when a delta comes whose base has not been shown to it.
 */
export function deltas(): <T extends Told>(event: T) => Omit<T, 'splice'>;
