"""The PHP client against the real daemon: without extensions, and with everything forbidden that starts a program."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from php_support import FOLDER, php, play
from support import BINARY, HERE, NASTY, SOON_S, Daemon, stranger, until

PHP_WITH_PASSTHRU = ['php', '-n', '-d', 'disable_functions=exec,shell_exec,proc_open,popen,system', '-d', 'display_errors=stderr',
                     '-d', 'error_reporting=-1']
#: A user who may do nothing: for what root may do whatever is forbidden.
NOBODY = 65534


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.end()

    def both(self, code):
        """The same over the control socket and over the admin side's port."""
        results = [php(code, f'unix:{self.daemon.control}'), php(code, self.daemon.admin)]
        self.assertEqual(results[0], results[1])
        return results[0]

    def test_what_is_written_is_read(self):
        for text in ('hello', '', '0', NASTY):
            bytes_ = text.encode().hex()
            self.assertEqual(self.both(f"$text = hex2bin('{bytes_}'); $c->write('texts', $text); show($c->read('texts')->data === $text);"), True)
        self.assertEqual(self.both("show($c->read('nothing here'));"), None)
        self.assertEqual(self.both("$c->write('bytes', \"\\xff\\x00\"); show(bin2hex($c->read('bytes')->data));"), 'ff00')
        self.assertEqual(self.both("$c->write('object', ['a' => 1.0]); show([$c->read('object')->data, $c->read('object')->json()]);"),
                         ['{"a":1.0}', {'a': 1.0}])

    def test_it_finds_the_socket_by_itself(self):
        self.assertEqual(php("$c->write('found', 'yes'); show((string) $c->read('found'));", RCOMET_CONTROL=self.daemon.control), 'yes')

    def test_it_looks_where_the_command_line_does(self):
        folder = self.daemon.folder
        places = {'session': f'{folder}/session/rcomet/control.sock', 'home': f'{folder}/home/.rcomet/control.sock'}
        variables = {'RCOMET_CONTROL': '', 'XDG_RUNTIME_DIR': f'{folder}/session', 'HOME': f'{folder}/home'}
        listed = """
            $places = new ReflectionMethod('Rcomet\\Client', 'places'); $places->setAccessible(true);
            $isRoot = new ReflectionMethod('Rcomet\\Client', 'isRoot'); $isRoot->setAccessible(true);
            show([$places->invoke(null, true), $places->invoke(null, false), $isRoot->invoke(null)]);"""
        own, system = list(places.values()), '/run/rcomet/control.sock'
        self.assertEqual(php(listed, **variables), [[system, *own], [*own, system], os.geteuid() == 0])
        self.assertEqual(php(listed, **{**variables, 'HOME': '', 'XDG_RUNTIME_DIR': ''})[0:2], [[system], [system]])
        # From here on another place is the system's, so that a daemon of this machine is not found.
        elsewhere = tempfile.mkdtemp(prefix='rcomet-php-')
        self.addCleanup(shutil.rmtree, elsewhere)
        os.chmod(elsewhere, 0o755)
        with open(f'{FOLDER}/rcomet.php') as whole:
            text = whole.read()
        self.assertEqual(text.count(f"'{system}'"), 1)
        with open(f'{elsewhere}/rcomet.php', 'w') as copy:
            copy.write(text.replace(f"'{system}'", f"'{elsewhere}/control.sock'"))
        variables['CLIENT'] = f'{elsewhere}/rcomet.php'
        found = """
            $address = new ReflectionProperty('Rcomet\\Client', 'address'); $address->setAccessible(true);
            show($address->getValue(new Rcomet\\Client()));"""
        for place in places.values():
            os.makedirs(os.path.dirname(place))
        # A socket file that a daemon left behind, and then one at which somebody answers.
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(places['session'])
        self.assertEqual(php(found, **variables), 'http://127.0.0.1:8000')
        with socket.socket(socket.AF_UNIX) as home:
            home.bind(places['home'])
            home.listen()
            self.assertEqual(php(found, **variables), f'unix:{places["home"]}')
            os.remove(places['session'])
            with socket.socket(socket.AF_UNIX) as session:
                session.bind(places['session'])
                session.listen()
                self.assertEqual(php(found, **variables), f'unix:{places["session"]}')
            # What is forbidden is asked all the same, if nobody else answers: it says why.
            if os.geteuid() == 0 and subprocess.run(['test', '-r', variables['CLIENT']], user=NOBODY).returncode == 0:
                self.assertEqual(php(listed, user=NOBODY, **variables)[2], False)
                self.assertEqual(php(found, user=NOBODY, **variables), f'unix:{places["session"]}')
                self.assertIn('Permission denied', php("$c->read('a');", user=NOBODY, **variables)[2])
            with socket.socket(socket.AF_UNIX) as of_the_system:
                of_the_system.bind(f'{elsewhere}/control.sock')
                of_the_system.listen()
                first = f'unix:{elsewhere}/control.sock' if os.geteuid() == 0 else f'unix:{places["home"]}'
                self.assertEqual(php(found, **variables), first)
        # Who says where it is has said it.
        self.assertEqual(php(found, **{**variables, 'RCOMET_CONTROL': places['session']}), f'unix:{places["session"]}')
        for place in places.values():
            os.remove(place)

    def test_waiting_goes_on_behind_what_was_there(self):
        at = f'unix:{self.daemon.control}'
        self.assertEqual(php("""
            [$value, $version] = $c->waitOn('place', null, 1);
            $c->write('place', 'first');
            [$first, $version] = $c->waitOn('place', $version, 1);
            [$none, $same] = $c->waitOn('place', null, 1);
            $c->write('place', 'second'); $c->write('place', 'third');
            [$second, $next] = $c->waitOn('place', $same, 1);
            show([$value, (string) $first, $version === $first->version, $none, $same === $version, (string) $second, $next === $second->version]);
            """, at), [None, 'first', True, None, True, 'second', True])
        # The place that a daemon names goes before the one that was asked from.
        answer = b'{"key":"place","timeout":true,"since":7}'
        named = stranger(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(answer), answer))
        self.assertEqual(php("show($c->waitOn('place', 3, 1));", named), [None, 7])

    def test_versions_rise_and_each_value_comes_once(self):
        self.assertEqual(self.both("""
            $first = $c->write('versions', 'a');
            $c->write('versions', 'b'); $c->write('versions', 'c'); $c->refresh('versions');
            $heard = [];
            for ($v = $first; ($v = $c->wait('versions', $v, 1)) !== null;) { $heard[] = [(string) $v, $v->version > $first, $v->missing]; }
            show($heard);"""), [['b', True, 0], ['c', True, 0], ['c', True, 0]])
        self.assertEqual(self.both("$v = $c->wait('versions', 0, 1); show((string) $v);"), 'c')
        self.assertEqual(self.both("show($c->refresh('no value'));"), None)

    def test_waiting_ends_with_the_next_value_or_with_none(self):
        results = []
        at = f'unix:{self.daemon.control}'
        waiting = threading.Thread(target=lambda: results.append(php("show((string) $c->wait('next', null, 60));", at)))
        waiting.start()
        until(1, lambda: self.daemon.waiting('next'))
        php("$c->write('next', 'now');", at)
        waiting.join(SOON_S)
        self.assertEqual(results, ['now'])
        began = time.monotonic()
        self.assertEqual(php("show($c->wait('next', null, 1));", at), None)
        self.assertGreater(time.monotonic() - began, 0.9)

    def test_waiting_takes_longer_than_the_daemon_holds_a_poll(self):
        daemon = Daemon('[icomet]\npolling_timeout_ms = 1000\n')
        self.addCleanup(daemon.end)
        results = []
        at = f'unix:{daemon.control}'
        waiting = threading.Thread(target=lambda: results.append(php("show((string) $c->wait('long', null, 60));", at)))
        waiting.start()
        until(1, lambda: daemon.waiting('long'))
        time.sleep(2.5)  # the polls that this takes time out; what is written between two of them is not lost
        self.assertEqual(results, [])
        php("$c->write('long', 'late');", at)
        waiting.join(SOON_S)
        self.assertEqual(results, ['late'])
        began = time.monotonic()
        self.assertEqual(php("show($c->wait('long', null, 3));", at), None)
        self.assertGreater(time.monotonic() - began, 2.8)

    def test_what_is_published_is_read_and_what_is_written_is_heard(self):
        seq = self.both("show($c->publish('mixed', 'told')['seq'] > 0);")
        self.assertEqual(seq, True)
        self.assertEqual(self.both("show((string) $c->read('mixed'));"), 'told')
        published = php("show($c->publishAll([['several.a', '1'], ['several.b', [2]]]));", self.daemon.admin)
        self.assertEqual([(each['channel'], each['seq']) for each in published], [('several.a', 1), ('several.b', 1)])
        refused = php("$c->publishAll([['several.a', 'not this'], [str_repeat('x', 300), 'as this is refused']]);", self.daemon.admin)
        self.assertEqual(refused[0:2], ['Rcomet\\Refused', 400])
        self.assertEqual(php("show((string) $c->read('several.a'));", self.daemon.admin), '1')

    def test_keys_are_strings_numbers_and_lists(self):
        # The names that CometServer's class gives.
        names = {"['a', 'b']": 'a%3A2%3A%7Bi%3A0%3Bs%3A1%3A%22a%22%3Bi%3A1%3Bs%3A1%3A%22b%22%3B%7D',
                 "['ali.hichem@mail.com']": 'a%3A1%3A%7Bi%3A0%3Bs%3A21%3A%22ali.hichem%2540mail.com%22%3B%7D',
                 '[1, 2]': 'a%3A2%3A%7Bi%3A0%3Bs%3A1%3A%221%22%3Bi%3A1%3Bs%3A1%3A%222%22%3B%7D',
                 '7': '7', '1.5': '1.5', "'/chat/lobby'": '/chat/lobby'}
        for key, name in names.items():
            self.assertEqual(php(f"show(Rcomet\\Client::channel({key}));"), name)
        for key in ("''", '[]', "['a' => 1]", 'null', 'true', "[[]]"):
            self.assertEqual(php(f"Rcomet\\Client::channel({key});")[0], 'Rcomet\\Unsuitable', key)
        self.assertEqual(self.both("$c->write(['user', 7], 'hi'); show((string) $c->read(['user', 7]));"), 'hi')

    def test_all_keys_and_the_end_of_one(self):
        self.assertEqual(self.both("""
            $c->write('dump.b', '1'); $c->write('dump.a', '2');
            show([array_map(function ($v) { return [$v->key, $v->data]; }, $c->dump('dump.')), $c->delete('dump.a'), $c->delete('dump.a'),
                count($c->dump('dump.')), $c->delete('dump.b')]);"""),
                         [[['dump.b', '1'], ['dump.a', '2']], True, False, 1, True])
        self.assertEqual(self.both("""
            $c->write("\\xff", 'b');
            show([in_array("\\xff", array_map(function ($v) { return $v->key; }, $c->dump()), true), $c->delete("\\xff")]);"""), [True, True])
        self.assertEqual(php("for ($i = 0; $i < 1200; $i++) { $c->write(\"many.$i\", $i); } show(count($c->dump('many.')));",
                             f'unix:{self.daemon.control}'), 1200)

    def test_a_value_may_be_kept_for_a_while_only(self):
        php("$c->write('short', 'here', 1);", self.daemon.admin)
        until(None, lambda: php("$v = $c->read('short'); show($v === null ? null : (string) $v);", self.daemon.admin))

    def test_what_goes_wrong_is_said(self):
        cases = [
            ("new Rcomet\\Client('127.0.0.1:8000') and (new Rcomet\\Client('127.0.0.1:8000'))->read('a');", None, 'Unsuitable', 'http://HOST:PORT'),
            ("$c->read('a');", 'unix:/no/such/file.sock', 'Unreachable', 'No such file or directory. Does it run'),
            ("$c->read('a');", 'http://127.0.0.1:1', 'Unreachable', 'Connection refused'),
            ("(new Rcomet\\Client(getenv('AT'), 0.5))->read('a');", stranger(None), 'Unreachable', 'in time'),
            ("$c->read('a');", stranger(b''), 'Unreachable', 'without an answer'),
            ("$c->read('a');", stranger(b'SSH-2.0-OpenSSH\r\n'), 'Misunderstood', 'does not speak HTTP'),
            ("$c->read('a');", stranger(b'HTTP/1.1 200 OK\r\n\r\n<html>'), 'Misunderstood', 'is not rcomet'),
            ("$c->read('a');", stranger(b'HTTP/1.1 200 OK\r\n\r\n{"it":"works"}'), 'Misunderstood', "has no string 'value'"),
            ("$c->read('a');", stranger(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{'), 'Unreachable', 'broke off'),
            ("$c->read('a');", stranger(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"'), 'Unreachable', 'broke off'),
            ("$c->write('a', str_repeat('x', 3000000));", self.daemon.admin, 'Refused', '(413)'),
            ("$c->write('a', NAN);", self.daemon.admin, 'Unsuitable', 'cannot be published'),
            ("$c->write('a', 'no json'); $c->read('a')->json();", self.daemon.admin, 'Misunderstood', 'is no JSON'),
            ("$c->publishAll(['a']);", self.daemon.admin, 'Unsuitable', 'pairs'),
        ]
        for code, at, kind, words in cases:
            said = php(code, at)
            self.assertEqual(said[0], f'Rcomet\\{kind}', (code, said))
            self.assertIn(words, said[2])

    def test_what_goes_wrong_is_no_refusal_of_nothing(self):
        # A 404 of somebody else does not mean that there is no value.
        page = stranger(b'HTTP/1.1 404 Not Found\r\n\r\n<html>')
        self.assertEqual(php("show($c->read('a'));", page)[0:2], ['Rcomet\\Refused', 404])

    def test_a_token_for_a_page(self):
        self.assertRegex(php("show($c->sign('guarded'));", self.daemon.admin), '^[0-9a-f]{32}$')


class Original(unittest.TestCase):
    """CometServer's own class runs a command, whose place ours takes. This runs it as that class does."""

    def test_the_command_that_it_runs(self):
        daemon = Daemon()
        self.addCleanup(daemon.end)

        def command(words):
            done = subprocess.run(f'{BINARY} --comet=decoded {words} 2>&1', shell=True, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, 'RCOMET_CONTROL': daemon.control})
            return done.stdout.strip()

        key = php("show(Rcomet\\Client::channel(['ann@example.org']));")
        text = '<b> "q" $HOME `id` \u00e9 100%+'
        self.assertEqual(command(f'write {key} "{urllib.parse.quote_plus(text)}"'), '')
        self.assertEqual(command(f'write {key}-time "1795219794"'), '')
        read = command(f'read {key}')
        self.assertEqual((read[:7], urllib.parse.unquote_plus(read)), ('value: ', f'value: {text}'))
        self.assertEqual(command(f'read {key}-time'), 'value: 1795219794')
        self.assertEqual(command('read unknown'), 'value:')
        # Pages that use that class and those that use ours meet.
        at = f'unix:{daemon.control}'
        self.assertEqual(php("show((string) $c->read(['ann@example.org']));", at), text)
        php("$c->write(['ann@example.org'], 'a + b & c');", at)
        self.assertEqual(urllib.parse.unquote_plus(command(f'read {key}')), 'value: a + b & c')

    def test_a_class_that_does_as_it_is_described(self):
        daemon = Daemon()
        self.addCleanup(daemon.end)
        link = os.path.join(daemon.folder, 'Comet')
        os.symlink(os.path.abspath(BINARY), link)
        text = '<b> "q" $HOME `id` \u00e9 100%+'

        def plays(command, code):
            done = subprocess.run([*PHP_WITH_PASSTHRU, '-r', f"""
                require '{HERE}/original.php';
                $o = new Original(['cometSrv' => $argv[1]], ['ann@example.org']);
                $text = $argv[2];
                {code}""", '--', command, text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SOON_S * 3,
                                  env={**os.environ, 'RCOMET_CONTROL': daemon.control})
            self.assertEqual(done.returncode, 0, done.stdout)
            return done.stdout

        # A command with a space in it, and a link: what is written is read, by the class itself and by whoever waits.
        for command in (f'{os.path.abspath(BINARY)} --comet=decoded', link):
            self.assertEqual(plays(command, 'echo $o->write($text), "|", $o->readOnce();'), f'|value: {text}', command)
            heard = []
            waiting = threading.Thread(target=lambda: heard.append(plays(command, f'echo $o->read({SOON_S});')))
            waiting.start()
            while waiting.is_alive():
                plays(command, '$o->refresh();')
            self.assertEqual(heard, [f'value: {text}'], command)
        # Numbers, plain words and lists are the same keys there and here; of other strings that class makes others.
        at = f'unix:{daemon.control}'
        for key in ("'news-1.a_b'", "7", "['r\u00e4ume', 'my news', 7]", "'my news'", "'r\u00e4ume/a'"):
            plays(link, f"(new Original(['cometSrv' => $argv[1]], {key}))->write('at' . json_encode({key}));")
            same = php(f"show((string) $c->read({key}));", at)
            encoded = php(f"show((string) $c->read(is_string({key}) ? urlencode({key}) : {key}));", at)
            wanted = php(f"show(urlencode('at' . json_encode({key})));")
            self.assertEqual(encoded, wanted, key)
            self.assertEqual(same, '' if '/' in key or key == "'my news'" else wanted, key)
        # Without a daemon it is told so where it expects a value.
        daemon.stop()
        self.assertIn('Server is not running', plays(link, 'echo $o->readOnce();'))
        daemon.start()


if __name__ == '__main__':
    play()
