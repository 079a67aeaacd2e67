"""The client and its pages under PHP-FPM, asked by FastCGI as a web server does."""
import glob
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import unittest
import urllib.parse

from php_support import FOLDER, php, play
from support import HERE, SOON_S, Daemon, until

NOTIFIER = os.path.abspath(os.path.join(HERE, '../../demos/notifier'))


def fpm():
    """Where it is: Debian's has its version in its name."""
    return shutil.which('php-fpm') or next(iter(sorted(glob.glob('/usr/sbin/php-fpm*'))), None)


class Fpm:
    """PHP-FPM with two workers, as a user's own process, and a daemon beside it."""

    def __init__(self):
        # By its settings, and not by hand: the daemon sets what they say until it serves.
        self.daemon = Daemon('[control]\nmode = "666"\n')
        self.socket = os.path.join(self.daemon.folder, 'fpm.sock')
        config = os.path.join(self.daemon.folder, 'fpm.conf')
        # Its workers have no environment but what is said here, as is usual, and no functions that start programs.
        with open(config, 'w') as out:
            out.write(f"""[global]
error_log = /dev/stderr
daemonize = no
[www]
{'user = nobody' if os.geteuid() == 0 else ''}
listen = {self.socket}
pm = static
pm.max_children = 2
clear_env = yes
env[RCOMET_CONTROL] = {self.daemon.control}
php_admin_value[disable_functions] = exec,passthru,shell_exec,system,proc_open,popen
php_admin_value[error_reporting] = -1
php_admin_value[display_errors] = 1
""")
        os.chmod(self.daemon.folder, 0o755)
        self.process = subprocess.Popen([os.environ.get('RCOMET_FPM') or fpm(), '-n', '-y', config], stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        until(True, lambda: self.process.poll() is not None or self._listens())

    def _listens(self):
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(self.socket) == 0

    def end(self):
        self.process.terminate()
        self.process.wait(SOON_S)
        self.daemon.end()

    def ask(self, script, query='', form=None, headers=()):
        """What a page answers: its fields and its body. The records are those of the FastCGI specification, section 3.3."""
        body = urllib.parse.urlencode(form).encode() if form else b''
        values = {'SCRIPT_FILENAME': script, 'QUERY_STRING': query, 'REQUEST_METHOD': 'POST' if form else 'GET', 'SERVER_PROTOCOL': 'HTTP/1.1',
                  'CONTENT_TYPE': 'application/x-www-form-urlencoded' if form else '', 'CONTENT_LENGTH': str(len(body) or ''), **dict(headers)}
        pairs = b''.join(struct.pack('>II', len(name) | 1 << 31, len(value) | 1 << 31) + name + value
                         for name, value in ((n.encode(), v.encode()) for n, v in values.items()))

        def record(kind, content):
            return struct.pack('>BBHHBx', 1, kind, 1, len(content), 0) + content

        begin, parameters, standard_input = 1, 4, 5
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(SOON_S * 2)
            one.connect(self.socket)
            one.sendall(record(begin, struct.pack('>HB5x', 1, 0)) + record(parameters, pairs) + record(parameters, b'') +
                        (record(standard_input, body) if body else b'') + record(standard_input, b''))
            raw = b''.join(iter(lambda: one.recv(65536), b''))
        streams = {6: b'', 7: b''}
        while raw:
            _, kind, _, length, padding = struct.unpack('>BBHHBx', raw[:8])
            if kind in streams:
                streams[kind] += raw[8:8 + length]
            raw = raw[8 + length + padding:]
        assert not streams[7], streams[7].decode()
        head, _, text = streams[6].decode().partition('\r\n\r\n')
        return dict(line.split(': ', 1) for line in head.split('\r\n')), text


@unittest.skipUnless(os.environ.get('RCOMET_FPM') or fpm(), 'no PHP-FPM is here')
class UnderFpm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fpm = Fpm()
        cls.at = f'unix:{cls.fpm.daemon.control}'

    @classmethod
    def tearDownClass(cls):
        cls.fpm.end()

    def page(self, name, code):
        path = os.path.join(self.fpm.daemon.folder, f'{name}.php')
        with open(path, 'w') as out:
            out.write(f"<?php require '{FOLDER}/rcomet.php'; require '{FOLDER}/relay.php';\n{code}")
        os.chmod(path, 0o644)
        return path

    def test_the_client_finds_the_socket_and_does_its_work(self):
        page = self.page('client', """$c = new Rcomet\\Client();
            $version = $c->write('k', 'one'); $c->refresh('k'); $c->publish('k', ['a' => 1]);
            echo json_encode([PHP_SAPI, (string) $c->read('k'), (string) $c->wait('k', $version, 5), $c->delete('k'), $c->read('k')]);""")
        self.assertEqual(json.loads(self.fpm.ask(page)[1]), ['fpm-fcgi', '{"a":1}', 'one', True, None])

    def test_a_page_that_waits_is_answered_when_something_is_written(self):
        page = self.page('relay', "(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 30))->answer();")
        said = []
        waiting = threading.Thread(target=lambda: said.append(self.fpm.ask(page)))
        waiting.start()
        until(1, lambda: self.fpm.daemon.waiting('notes'))
        php("$c->write('notes', 'told');", self.at)
        waiting.join(SOON_S)
        fields, text = said[0]
        self.assertEqual((fields['Content-Type'].split(';')[0], json.loads(text)['value']), ('application/json', 'told'))

    def test_a_refusal_has_its_status(self):
        page = self.page('events', "(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2))->answerEvents();")
        fields, text = self.fpm.ask(page, 'channel=secret')
        self.assertEqual((fields['Status'][:3], json.loads(text)['channel']), ('403', 'secret'))

    def test_the_pages_of_the_notes(self):
        status, text = self.fpm.ask(f'{NOTIFIER}/write.php', form={'text': 'x', 'for': 'ann'}, headers={'HTTP_ACCEPT': 'application/json'})
        self.assertEqual((status.get('Status', '200'), text), ('200', '{"type":"ok"}'))
        _, text = self.fpm.ask(f'{NOTIFIER}/read.php', 'for=ann&since=0')
        self.assertEqual(json.loads(text)['value'], 'x')


if __name__ == '__main__':
    play()
