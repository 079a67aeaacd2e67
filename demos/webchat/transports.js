// The ways to listen to a room, by name. All but the last are the JavaScript client's; each goes on where another has stopped.
import { feed } from './feed.js';
import { scripts } from './jsonp.js';

export const transports = {
  auto: { label: 'Auto', path: '/ws, or /events', subscribe: feed('auto') },
  websocket: { label: 'WebSocket', path: '/ws', subscribe: feed('websocket') },
  sse: { label: 'EventSource', path: '/events', subscribe: feed('sse') },
  stream: { label: 'fetch', path: '/events', subscribe: feed('stream') },
  jsonp: { label: 'JSONP', path: '/sub', subscribe: scripts },
};
