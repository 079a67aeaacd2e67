/** How events are heard. `sse` is the browser's EventSource, and `stream` the same read from a response (also without one). */
export type Transport = 'websocket' | 'sse' | 'stream' | 'poll';

/** Where a feed stands: one cursor, or one for each channel. Can be kept as JSON. */
export type Cursor = string | Record<string, string>;

/** One for all channels, or one for each. */
export type Token = string | Record<string, string>;

export interface Options {
  /** Where the daemon is; default: `/` of the page. A path is kept: `https://example.org/push/`. */
  url?: string;
  /** What to listen to. */
  channels?: Iterable<string>;
  /** `auto` is WebSocket, then SSE, then long polls. An array is tried in its order. connect() throws of any other. */
  transport?: 'auto' | Transport | Transport[];
  /**
   * What lets one subscribe, where the daemon asks for it: one for all channels, or one for each. A function is asked for one at
   * the beginning, before one expires, and when one is refused as over (401).
   */
  token?: Token | (() => Token | Promise<Token>);
  /** Be listed under this name, and hear of others; for feeds with one channel. */
  who?: string;
  /** Go on here: the `cursor` of another feed, or of anything that the server gave one with. */
  cursor?: Cursor;
  /** Without a cursor: begin with so many of each channel's newest messages, or with all that are kept. Default: what is new. */
  history?: number | 'all';
  /** Share one connection with the other tabs that share; a string makes groups of them. Without Web Locks: each its own. */
  share?: boolean | string;
  /** The constructor to use: in Node before 22, that of `ws`. `null`: none. Default: the global one. */
  WebSocket?: (new (url: string) => any) | null;
  /** Milliseconds before the second try, at most; twice as long after each. The wait is random, from none to that. Default 1000. */
  retryMs?: number;
  /** Milliseconds between tries, at most. Default 30000. */
  retryMsMax?: number;
  /** Milliseconds in which a path must show that it carries events, before the next is tried. Default 5000. */
  openMs?: number;
  /** Milliseconds of silence after which a sign of life is asked for; three times that is the end of a line. Default 30000. */
  quietMs?: number;
}

export interface Message {
  type: 'message';
  channel: string;
  /** Its number in the channel, from 1 without holes. */
  seq: number;
  /** Everything up to here has been had: go on with it after a reload. Several channels: see `feed.cursor`. */
  cursor: string;
  /** The text; of bytes that are no text their base64, and `encoding` says so. */
  data: string;
  encoding?: 'base64';
}

export interface Gap {
  type: 'gap';
  channel: string;
  /** Messages before this number are missing. */
  next: number;
  /** How many; `null` when that cannot be known, and `because` says why. */
  missing: number | null;
  /**
   * The server was started anew; the channel was; the cursor was not given out there; what is kept no longer reaches back to it. A later
   * server may know other reasons.
   */
  because?: 'epoch' | 'channel' | 'cursor' | 'history' | (string & {});
  /** Because of the epoch: the new one. */
  epoch?: string;
}

/** The server was started anew, or is another one: a gap for each channel follows, and all numbers begin anew. */
export interface Epoch {
  /** What the server's log is called now. */
  epoch: string;
}

export interface Closed {
  type: 'closed';
  channel: string;
}

export interface Roster {
  type: 'roster';
  channel: string;
  roster: number;
  who: string[];
}

export interface Change {
  type: 'join' | 'leave';
  channel: string;
  roster: number;
  who: string;
}

export interface State {
  /** `idle`: no channels. `waiting`: for the next try. `closed`: by close(), or for good by the server. */
  state: 'idle' | 'connecting' | 'live' | 'waiting' | 'closed';
  transport?: Transport;
  /** Waiting: for so many milliseconds. */
  delay?: number;
  /** Waiting: why. */
  reason?: string;
}

/** A refusal. With a `channel` it is about that one, and the others go on, over every transport; without, the feed is closed. */
export interface Refusal {
  status: number;
  message: string;
  channel?: string;
}

export interface Events {
  message: Message;
  gap: Gap;
  epoch: Epoch;
  closed: Closed;
  roster: Roster;
  join: Change;
  leave: Change;
  state: State;
  error: Refusal;
}

export interface Feed extends AsyncIterable<Message> {
  /** Calls the listener for each event of a type. Returns how to stop that. */
  on<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void;
  subscribe(channel: string): void;
  unsubscribe(channel: string): void;
  /** Publishes; what is no string is published as its JSON. Rejects with a Refusal, or when nobody knows whether it was taken. */
  publish(channel: string, data: unknown): Promise<void>;
  close(): void;
  readonly state: State['state'];
  readonly transport: Transport | undefined;
  readonly cursor: Cursor | undefined;
}

/** Listens to channels, by whichever path gets through. */
export function connect(options: Options): Feed;
