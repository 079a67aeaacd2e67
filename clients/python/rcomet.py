"""rcomet for Python: publish, read, and subscribe with resume. One file, the standard library only, Python 3.8 or later.

    from rcomet import Rcomet
    rcomet = Rcomet('http://127.0.0.1:8000', 'http://127.0.0.1:8100')
    rcomet.publish('news', 'hello')
    for event in rcomet.subscribe('news'):
        print(event)

Knows the HTTP API (docs/api.md) over TCP, TLS and socket files ('unix:/run/rcomet/admin.sock').

Licence: MIT.
"""

import http.client
import json
import random
import re
import socket
import time
from collections import namedtuple
from urllib.parse import quote, urlencode, urlsplit

__all__ = ['Closed', 'Gap', 'Message', 'Misunderstood', 'Published', 'Rcomet', 'RcometError', 'Refused', 'Unreachable']

#: What stands in a channel: `seq` is its number there, `cursor` goes on behind it, for any number of channels.
Message = namedtuple('Message', 'channel seq cursor data')
#: Where a message stands that has been published.
Published = namedtuple('Published', 'channel seq cursor')
#: Messages of a channel before number `next` are lost; `missing` says how many, or None where nobody can know.
Gap = namedtuple('Gap', 'channel next missing')
#: A channel was closed.
Closed = namedtuple('Closed', 'channel')

#: Bytes of an answer, or of a line of a stream, that are read at most.
ANSWER_BYTES_MAX = 64 << 20


class RcometError(Exception):
    """Whatever goes wrong here."""


class Unreachable(RcometError):
    """Nobody answers, or not to the end, or not in time. Whether a publish was taken is not known."""


class Refused(RcometError):
    """The server says no. `status` is that of HTTP, `reason` is rcomet's own, or None when it was somebody in between."""

    def __init__(self, message, status, reason=None):
        super().__init__(message)
        self.status, self.reason = status, reason


class Misunderstood(RcometError):
    """What answers is not rcomet."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Rcomet:
    """One daemon: `admin` is its side for publishing and looking, `front` that for reading and listening.

    `timeout` are seconds for an answer, `token` is the channel's where the front asks for one, `retry` and `retry_max` are the
    seconds between which subscriptions wait before they try again, `quiet` those of silence after which a line is dead.
    An object may be used by several threads.
    """

    def __init__(self, admin='http://127.0.0.1:8000', front='http://127.0.0.1:8100', *, timeout=5.0, token=None,
                 retry=1.0, retry_max=30.0, quiet=90.0):
        self.admin, self.front = _address(admin), _address(front)
        self.timeout, self.token = timeout, token
        self.retry, self.retry_max, self.quiet = retry, retry_max, quiet

    def publish(self, channel, data):
        """Publishes, and says where it stands. What is no string is published as its JSON text."""
        return self.publish_all([(channel, data)])[0]

    def publish_all(self, messages):
        """Publishes pairs of a channel and data: all of them, or none."""
        bodies = [{'channel': channel, 'data': data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}
                  for channel, data in messages]
        if not bodies:
            return []
        answer = self._ask('POST', self.admin, '/publish', body={'messages': bodies})
        return _understand(lambda: [Published(each['channel'], each['seq'], each['cursor']) for each in answer['published']])

    def read(self, channel):
        """The latest message, or None when none is kept."""
        latest = self.history(channel, limit=1)
        return latest[0] if latest else None

    def history(self, channel, limit=100):
        """The newest messages that are kept, the oldest of them first."""
        try:
            answer = self._ask('GET', self.front, '/history', {'channel': channel, 'limit': limit})
        except Refused as refused:
            if refused.status == 404 and refused.reason:
                return []  # nobody has said anything there
            raise
        return _understand(lambda: [Message(channel, each['seq'], each['cursor'], each['data']) for each in answer['messages']])

    def channels(self, prefix=''):
        """All channels whose names begin so: dicts with `channel`, `subscribers`, `messages` and `next`."""
        after = None
        while True:
            query = {'prefix': prefix, 'limit': 1000}
            answer = self._ask('GET', self.admin, '/channels', query if after is None else {**query, 'after': after})
            yield from _understand(lambda: answer['channels'])
            after = answer.get('after')
            if after is None:
                return

    def close(self, channel):
        """Closes a channel: its subscribers are told. False when there is none."""
        # A name that ends so is Simple Comet's there, and of the channel without it.
        name = re.sub(r'\.(jsonp?)$', r'%2E\1', quote(channel, safe=''))
        try:
            self._ask('DELETE', self.admin, '/channels/' + name)
        except Refused as refused:
            if refused.status == 404 and refused.reason:
                return False
            raise
        return True

    def sign(self, channel, expires=60):
        """A token for subscribing to a channel, good for so many seconds without a subscriber."""
        answer = self._ask('GET', self.admin, '/sign', {'cname': channel, 'expires': expires})
        return _understand(lambda: answer['token'])

    def subscribe(self, *channels, cursor=None, history=0, on_state=None):
        """Yields Message, Gap and Closed, for as long as it is asked; comes back by itself, behind what it has yielded last.

        Without a `cursor` it begins with so many of the newest messages (`history`, or 'all'). `on_state(state, why)` is told
        'live' and 'waiting'. Raises Refused when the server will not have us there.
        """
        if not channels:
            raise ValueError('subscribe takes at least one channel')
        on_state = on_state or (lambda state, why: None)
        tries = 0
        while True:
            query = [('channel', channel) for channel in channels]
            query += [('cursor', cursor)] if cursor else [('history', history)]
            try:
                for event in self._stream(query):
                    kind = event['type']
                    if kind == 'ready':
                        tries = 0
                        on_state('live', None)
                    if kind == 'message':
                        yield Message(event['channel'], event['seq'], event['cursor'], event['data'])
                    elif kind == 'gap':
                        yield Gap(event['channel'], event['next'], event['missing'])
                    elif kind == 'closed':
                        channels = tuple(channel for channel in channels if channel != event['channel'])
                        yield Closed(event['channel'])
                        if not channels:
                            return
                    cursor = event.get('cursor') or cursor
                why = Unreachable('the stream ended')
            except Refused as refused:
                if refused.status < 429:
                    raise
                why = refused
            except Unreachable as broken:
                why = broken
            on_state('waiting', why)
            time.sleep(random.uniform(0, min(self.retry_max, self.retry * 2 ** tries)))
            tries = min(tries + 1, 16)

    def _stream(self, query):
        connection, response = self._open('GET', self.front, '/events?' + urlencode(query), None, 'application/x-ndjson')
        try:
            if response.status != 200:
                raise _refused('GET', '/events', response.status, response.read(ANSWER_BYTES_MAX))
            connection.wire.settimeout(self.quiet)
            while True:
                line = response.readline(ANSWER_BYTES_MAX)
                if not line.endswith(b'\n'):
                    return
                event = _understand(lambda: json.loads(line))
                _understand(lambda: event['type'])
                yield event
        except (OSError, http.client.HTTPException) as broken:
            raise Unreachable(f'the stream broke: {broken}') from broken
        finally:
            response.close()
            connection.close()

    def _ask(self, method, address, path, query=None, body=None):
        where = path + ('?' + urlencode(query) if query else '')
        connection, response = self._open(method, address, where, body, 'application/json')
        try:
            text = response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as broken:
            raise Unreachable(f'{_name(address)} broke off in the middle of its answer: {broken}') from broken
        finally:
            connection.close()
        if response.status == 204:
            return {}
        if response.status != 200:
            raise _refused(method, path, response.status, text)
        answer = _understand(lambda: json.loads(text))
        if not isinstance(answer, dict):
            raise Misunderstood(f'what answers at {_name(address)} is not rcomet')
        return answer

    def _open(self, method, address, path, body, accept):
        scheme, place, base = address
        if scheme == 'unix':
            connection = _UnixConnection(place, self.timeout)
        else:
            kind = http.client.HTTPSConnection if scheme == 'https' else http.client.HTTPConnection
            connection = kind(place, timeout=self.timeout)
        fields = {'Accept': accept, 'User-Agent': 'rcomet-python'}
        if self.token:
            fields['Authorization'] = f'Bearer {self.token}'
        if body is not None:
            body = json.dumps(body).encode()
            fields['Content-Type'] = 'application/json'
        try:
            connection.request(method, base + path, body, fields)
            connection.wire = connection.sock  # http.client lets go of it when the answer ends the connection
            return connection, connection.getresponse()
        except socket.timeout as late:
            connection.close()
            raise Unreachable(f'no answer from {_name(address)} within {self.timeout} s') from late
        except http.client.BadStatusLine as odd:
            connection.close()
            if isinstance(odd, http.client.RemoteDisconnected):
                raise Unreachable(f'{_name(address)} closed the connection without an answer') from odd
            raise Misunderstood(f'what answers at {_name(address)} does not speak HTTP') from odd
        except (OSError, http.client.HTTPException) as broken:
            connection.close()
            raise Unreachable(f'no connection to rcomet at {_name(address)}: {broken}. Does it run, and may this user connect?') from broken


def _address(text):
    if text.startswith('unix:'):
        return 'unix', '/' + text[5:].lstrip('/'), ''
    parts = urlsplit(text)
    if parts.scheme not in ('http', 'https') or not parts.netloc or parts.query or parts.fragment or '@' in parts.netloc:
        raise ValueError(f'{text!r} is no address: http://HOST:PORT, https://HOST:PORT or unix:/PATH is expected')
    return parts.scheme, parts.netloc, parts.path.rstrip('/')


def _name(address):
    scheme, place, base = address
    return f'unix:{place}' if scheme == 'unix' else f'{scheme}://{place}{base}'


def _refused(method, path, status, text):
    reason = None
    try:
        answer = json.loads(text)
        why = reason = answer.get('detail') or answer.get('content')
    except (ValueError, AttributeError):
        why = text[:200].decode('utf-8', 'replace').strip()
    return Refused(f'{method} {path}: {why or "no reason given"} ({status})', status, reason)


def _understand(read):
    try:
        return read()
    except (ValueError, KeyError, TypeError) as odd:
        raise Misunderstood(f'an answer is not as rcomet\'s: {odd!r}') from odd
