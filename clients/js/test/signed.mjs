// Signed tokens as an application would make them, and a daemon that asks for them.
import { createHmac } from 'node:crypto';

const SECRET = '0123456789abcdef0123456789abcdef';

/** What the daemon is told of them. */
export const config = (warnSeconds) => `
[token]
required = true
leeway_seconds = 0
warn_seconds = ${warnSeconds}
[[token.keys]]
id = "a"
algorithm = "HS256"
secret = "${SECRET}"
`;

/** A token for channels of a pattern that is good for so many seconds. */
export function sign(seconds, match = '*', acts = ['subscribe', 'publish']) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { exp: Math.floor(Date.now() / 1000) + seconds, channels: [{ match, do: acts }] };
  const signed = `${part({ alg: 'HS256', kid: 'a' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}
