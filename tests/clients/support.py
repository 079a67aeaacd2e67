"""What the tests of the clients need: the real daemon, wires that are cut, servers that are none, and the clients' probes."""
import json
import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get('RCOMET', os.path.join(HERE, '../../target/debug/rcomet'))
#: For everything that should happen at once: generous, as machines that test are busy.
SOON_S = 45
#: Text that breaks whatever does not escape it.
NASTY = '<b> & " \' \\ </script> %41 + ]]> \u4f60\u597d \U0001f600 \u2028\ttab\nline {"seq":1},{"seq":2}],"cursor":"x"'


class Daemon:
    """On ports of its own choice at first, and on the same ones when it is started again."""

    def __init__(self, more='', front='127.0.0.1:0'):
        self.folder = tempfile.mkdtemp(prefix='rcomet-clients-')
        self.more, self.at = more, {'front': front, 'admin': '127.0.0.1:0'}
        self.start()

    def start(self):
        file = os.path.join(self.folder, 'rcomet.toml')
        with open(file, 'w') as out:
            out.write(f'[server]\nfront = ["{self.at["front"]}"]\nadmin = ["{self.at["admin"]}"]\n{self.more}')
        environment = {**os.environ, 'RCOMET_CONTROL': self.control}
        self.process = subprocess.Popen([BINARY, 'run', '--config', file], stderr=subprocess.PIPE, text=True, env=environment)
        found = set()
        late = end_late(self.process)
        for line in self.process.stderr:
            words = line.split()
            if 'listening' in words:
                role, place = words[words.index('listening') + 1:][:2]
                found.add(role)
                self.at[role] = place
            if {'front', 'admin'} <= found:
                break
        else:
            raise AssertionError('the daemon did not start')
        late.cancel()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        self.process.wait(SOON_S)

    def end(self):
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def control(self):
        return os.path.join(self.folder, 'control.sock')

    def waiting(self, key):
        """How many wait for a key's next value."""
        return self.subscribers(key)

    @property
    def front(self):
        at = self.at['front']
        return at if at.startswith('unix:') else f'http://{at}'

    @property
    def admin(self):
        return f'http://{self.at["admin"]}'

    def publish(self, channel, *texts):
        for text in texts:
            body = urllib.parse.urlencode({'cname': channel, 'content': text}).encode()
            with urllib.request.urlopen(f'{self.admin}/push', body, timeout=SOON_S) as answer:
                assert json.load(answer)['type'] == 'ok'

    def subscribers(self, channel):
        with urllib.request.urlopen(f'{self.admin}/info?' + urllib.parse.urlencode({'cname': channel}), timeout=SOON_S) as answer:
            return json.load(answer)['subscribers']

    def close(self, channel):
        with urllib.request.urlopen(f'{self.admin}/close?' + urllib.parse.urlencode({'cname': channel}), timeout=SOON_S) as answer:
            answer.read()


def until(wanted, give):
    """Waits until the function gives what is wanted; complains with what it gave last."""
    end = time.monotonic() + SOON_S
    while (got := give()) != wanted:
        assert time.monotonic() < end, f'{got!r} is not {wanted!r}'
        time.sleep(0.02)


class Wire:
    """Between client and daemon: passes bytes on until it is told to cut, but for requests with certain bytes in them."""

    def __init__(self, target, holds_back=b''):
        self.target, self.sockets, self.holds_back = target, [], holds_back
        self.is_away = False
        self.server = socket.create_server(('127.0.0.1', 0))
        self.url = 'http://127.0.0.1:%d' % self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            if self.is_away:
                near.close()
                continue
            if self.holds_back and self.holds_back in near.recv(65536, socket.MSG_PEEK):
                self.sockets.append(near)
                continue
            host, port = self.target().rsplit(':', 1)
            try:
                far = socket.create_connection((host, int(port)))
            except OSError:
                near.close()
                continue
            self.sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one, other):
        try:
            while part := one.recv(65536):
                other.sendall(part)
        except OSError:
            pass
        for each in (one, other):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self, is_away=False):
        """Ends all connections; with `is_away` there are no others until it is set to false."""
        self.is_away = is_away
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []


def stranger(answer):
    """The address of a server that says this to whatever it is asked; with None it says nothing."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)
            if answer is None:
                time.sleep(SOON_S)
            else:
                self.request.sendall(answer)

    server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return 'http://127.0.0.1:%d' % server.server_address[1]


class Client:
    """A client in one of the languages, by its probe."""

    def __init__(self, *command):
        self.command = command

    def environment(self, admin, front, more):
        return {**os.environ, 'RCOMET_ADMIN': admin, 'RCOMET_FRONT': front, **more}

    def ask(self, daemon, *words, stdin='', admin=None, front=None, **more):
        """Exit code, standard output and standard error of one call."""
        done = subprocess.run([*self.command, *words], input=stdin, capture_output=True, text=True, timeout=SOON_S * 3,
                              env=self.environment(admin or daemon.admin, front or daemon.front, more))
        return done.returncode, done.stdout, done.stderr

    def subscribe(self, daemon, *channels, front=None, **more):
        return Listening(subprocess.Popen([*self.command, 'subscribe', *channels], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          text=True, env=self.environment(daemon.admin, front or daemon.front, more),
                                          start_new_session=True))


class Listening:
    """A probe that subscribes: what it has told so far."""

    def __init__(self, process):
        self.process, self.events = process, []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def data(self):
        return [event['data'] for event in self.events if event['type'] == 'message']

    def gaps(self):
        return [event['missing'] for event in self.events if event['type'] == 'gap']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_group(self.process)


def end_late(process):
    """Ends a process that says nothing any more, so that whoever reads from it finds the end; to be cancelled when all has come."""
    late = threading.Timer(SOON_S * 3, process.kill)
    late.daemon = True
    late.start()
    return late


def end_group(process):
    """Ends what was begun as a session of its own, with all that it has begun."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
    process.wait()
