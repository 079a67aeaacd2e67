"""The PHP client against the real daemon: without extensions, and with everything forbidden that starts a program."""
import http.cookiejar
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from xml.etree import ElementTree

from support import BINARY, HERE, NASTY, SOON_S, Daemon, stranger, until

#: A user who may do nothing: for what root may do whatever is forbidden.
NOBODY = 65534
FOLDER = os.path.abspath(os.path.join(HERE, '../../clients/php'))
#: -n: no configuration, and so no extension beyond those that are built in.
PHP = ['php', '-n', '-d', 'disable_functions=exec,passthru,shell_exec,proc_open,popen,system', '-d', 'display_errors=stderr',
       '-d', 'error_reporting=-1', '-d', 'log_errors=0']


def php(code, at=None, user=None, **more):
    """What a piece of PHP prints, as JSON. `$c` is a client."""
    code = f"""
        require '{FOLDER}/rcomet.php';
        $c = new Rcomet\\Client(getenv('AT') ?: null);
        function show($value) {{ echo json_encode($value), "\\n"; }}
        try {{ {code} }} catch (Rcomet\\Exception $e) {{ show([get_class($e), $e->getCode(), $e->getMessage()]); }}
    """
    environment = {**os.environ, **more}
    if at:
        environment['AT'] = at
    done = subprocess.run([*PHP, '-r', code], capture_output=True, text=True, timeout=SOON_S * 3, env=environment, user=user)
    assert not done.stderr and done.returncode == 0, done.stderr + done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[0] if len(lines) == 1 else lines


class Site:
    """PHP's own web server with pages, or with a folder of them."""

    def __init__(self, folder=None, **pages):
        self.daemon = Daemon()
        for name, text in pages.items():
            with open(os.path.join(self.daemon.folder, f'{name}.php'), 'w') as file:
                file.write(f"<?php require '{FOLDER}/rcomet.php'; require '{FOLDER}/relay.php';\n{text}")
        port = self.daemon.free_port()
        self.url = f'http://127.0.0.1:{port}'
        self.process = subprocess.Popen([*PHP, '-S', f'127.0.0.1:{port}', '-t', folder or self.daemon.folder], stderr=subprocess.DEVNULL,
                                        env={**os.environ, 'PHP_CLI_SERVER_WORKERS': '4', 'RCOMET_CONTROL': self.daemon.control,
                                             'FRONT': self.daemon.front}, start_new_session=True)
        until(True, self._is_there)

    def _is_there(self):
        try:
            urllib.request.urlopen(f'{self.url}/none.php').close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def end(self):
        os.killpg(self.process.pid, 15)
        self.process.wait()
        self.daemon.end()


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
        if os.path.exists(system):
            self.skipTest(f'another daemon is at {system}')
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
            if os.geteuid() == 0 and subprocess.run(['test', '-r', f'{FOLDER}/rcomet.php'], user=NOBODY).returncode == 0:
                self.assertEqual(php(listed, user=NOBODY, **variables)[2], False)
                self.assertEqual(php(found, user=NOBODY, **variables), f'unix:{places["session"]}')
                self.assertIn('Permission denied', php("$c->read('a');", user=NOBODY, **variables)[2])
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
        waiting = threading.Thread(target=lambda: results.append(php("show((string) $c->wait('next', null, 20));", at)))
        waiting.start()
        until(1, lambda: self.daemon.waiting('next'))
        php("$c->write('next', 'now');", at)
        waiting.join(SOON_S)
        self.assertEqual(results, ['now'])
        began = time.monotonic()
        self.assertEqual(php("show($c->wait('next', null, 1));", at), None)
        self.assertGreater(time.monotonic() - began, 0.9)

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


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site(read="(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2))->answer();",
                        listened="(new Rcomet\\Relay(new Rcomet\\Client(), 'listened', 1))->answer();",
                        between="$relay = new Rcomet\\Relay(new Rcomet\\Client(), 'between', 2);"
                                "isset($_GET['xml']) ? $relay->answerXml() : $relay->answer();",
                        xml="(new Rcomet\\Relay(new Rcomet\\Client(), ['ann@example.org'], 2))->answerXml();",
                        events="(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2, ['more']))->answerEvents();",
                        front="(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2))->answerEvents(getenv('FRONT'));",
                        lost="(new Rcomet\\Relay(new Rcomet\\Client('unix:/no/such.sock'), 'notes', 2))->answer();")
        cls.at = f'unix:{cls.site.daemon.control}'

    @classmethod
    def tearDownClass(cls):
        cls.site.end()

    def get(self, path, opener=urllib.request):
        with (opener.open if opener is not urllib.request else opener.urlopen)(self.site.url + path) as answer:
            return answer.headers.get_content_type(), answer.read().decode()

    def test_every_value_comes_in_order(self):
        php(f"$c->write('notes', 'zero');", self.at)
        said = json.loads(self.get('/read.php?since=0')[1])
        self.assertEqual(said['value'], 'zero')
        php("$c->write('notes', '<b>'); $c->write('notes', '<b>'); $c->refresh('notes');", self.at)
        heard = []
        for _ in range(3):
            kind, text = self.get(f'/read.php?since={said["version"]}')
            self.assertNotIn('<', text)
            said = json.loads(text)
            heard.append((kind, said['value'], said['missing']))
        self.assertEqual(heard, [('application/json', '<b>', 0)] * 3)
        self.assertEqual(json.loads(self.get(f'/read.php?since={said["version"]}')[1]), {'timeout': True, 'version': said['version']})

    def test_what_is_written_between_two_polls_comes_with_the_second(self):
        # Behind a value that was there come all in order; behind none, the latest.
        old = "$c->write('between', 'old');"
        for before, between in (('', "$c->write('between', 'new');"), (old, "$c->write('between', 'new'); $c->write('between', 'newer');")):
            php(before, self.at)
            none = json.loads(self.get('/between.php')[1])
            self.assertEqual((none['timeout'], 'value' in none), (True, False))
            php(between, self.at)
            said = json.loads(self.get(f'/between.php?since={none["version"]}')[1])
            self.assertEqual((said['value'], said['missing']), ('new', 0))
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
            php(f"$c->delete('between'); {before}", self.at)
            heard = [ElementTree.fromstring(self.get('/between.php?xml=1', browser)[1]).find('data').text]
            php(between, self.at)
            heard.append(ElementTree.fromstring(self.get('/between.php?xml=1', browser)[1]).find('data').text)
            self.assertEqual(heard, [None, 'value: new'])
            php("$c->delete('between');", self.at)

    def test_the_page_with_notes_hears_values_and_no_time_outs(self):
        script = os.path.abspath(os.path.join(HERE, '../../demos/notifier/notifier.js'))
        page = f"""
            globalThis.document = {{ baseURI: '{self.site.url}/' }};
            const notifier = Function(require('fs').readFileSync('{script}') + '; return notifier;')();
            const say = (...words) => console.log(JSON.stringify(words));
            notifier.listen('listened.php', (text) => say('heard', text ?? null), {{ state: (live) => say('live', live), history: 0 }});"""
        node = subprocess.Popen(['node', '-e', page], stdout=subprocess.PIPE, text=True)
        self.addCleanup(node.wait)
        self.addCleanup(node.kill)
        self.assertEqual([json.loads(node.stdout.readline()) for _ in range(2)], [['live', True]] * 2)  # two polls without a value
        for text in ('one', 'two'):
            php(f"$c->write('listened', '{text}');", self.at)
            said = (json.loads(node.stdout.readline()) for _ in range(20))
            self.assertEqual(next(value for what, value in said if what == 'heard'), text)

    def test_the_form_of_the_original(self):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        results = []
        waiting = threading.Thread(target=lambda: results.append(self.get('/xml.php?_=1', browser)))
        waiting.start()
        until(1, lambda: self.site.daemon.waiting(php("show(Rcomet\\Client::channel(['ann@example.org']));")))
        tricky = 'a ]]> b\\x01 \u00e9'
        php(f"$c->write(['ann@example.org'], \"{tricky}\"); $c->write(['ann@example.org'], 'at once'); "
            "$c->write(['ann@example.org'], 'at once');", self.at)
        waiting.join(SOON_S)
        results += [self.get('/xml.php?_=2', browser), self.get('/xml.php?_=3', browser)]
        trees = [ElementTree.fromstring(text) for _, text in results]
        self.assertEqual([tree.find('data').text for tree in trees], ['value: a ]]> b\ufffd \u00e9', 'value: at once', 'value: at once'])
        self.assertEqual(len({tree.find('time').text for tree in trees}), 3)
        self.assertEqual(ElementTree.fromstring(self.get('/xml.php', browser)[1]).find('data').text, None)
        self.assertEqual({kind for kind, _ in results}, {'text/xml'})

    def test_the_polls_of_the_javascript_client(self):
        first = json.loads(self.get('/events.php/events?channel=notes&channel=more&wait=0')[1])
        php("$c->write('more', 'told');", self.at)
        then = json.loads(self.get(f'/events.php/events?channel=notes&channel=more&cursor={first["cursor"]}')[1])
        self.assertEqual([(event['channel'], event['data']) for event in then['events']], [('more', 'told')])
        self.assertEqual(json.loads(self.get('/front.php/events?wait=0')[1])['events'], [])
        for path in ('/front.php/events?channel=more', '/events.php/events?channel=secret', '/events.php/events?channel=notes&channel=secret'):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.get(path)
            self.assertEqual(refused.exception.code, 403)
            refused.exception.close()

    def test_a_daemon_that_is_gone_is_said_without_its_place(self):
        with self.assertRaises(urllib.error.HTTPError) as lost:
            self.get('/lost.php')
        text = lost.exception.read().decode()
        self.assertEqual((lost.exception.code, 'such.sock' in text), (502, False))
        lost.exception.close()


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


class Notes(unittest.TestCase):
    """The demo's pages in PHP; the rest of it is played in a browser."""

    @classmethod
    def setUpClass(cls):
        cls.site = Site(os.path.abspath(os.path.join(HERE, '../../demos/notifier')))
        cls.at = f'unix:{cls.site.daemon.control}'

    @classmethod
    def tearDownClass(cls):
        cls.site.end()

    def post(self, fields, **headers):
        request = urllib.request.Request(f'{self.site.url}/write.php', urllib.parse.urlencode(fields).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def test_the_form_writes_and_announces_again(self):
        status, page = self.post({'refresh': '1', 'for': 'nobody'})
        self.assertEqual((status, 'nothing at chat.notes.nobody' in page), (200, True))
        status, page = self.post({'text': '<b>100%+</b>', 'for': 'ann'})
        self.assertEqual((status, 'written to chat.notes.ann, version' in page), (200, True))
        first = json.loads(urllib.request.urlopen(f'{self.site.url}/read.php?for=ann&since=0').read())
        self.assertEqual(first['value'], '<b>100%+</b>')
        self.assertIn('announced again', self.post({'refresh': '1', 'for': 'ann'})[1])
        again = json.loads(urllib.request.urlopen(f'{self.site.url}/read.php?for=ann&since={first["version"]}').read())
        self.assertEqual((again['value'], again['version'] > first['version']), ('<b>100%+</b>', True))
        self.assertEqual(php("show($c->read('chat.notes'));", self.at), None)

    def test_what_a_form_must_not(self):
        status, page = self.post({'text': 'x'}, **{'Sec-Fetch-Site': 'cross-site'})
        self.assertEqual((status, 'another site' in page), (400, True))
        self.assertEqual(self.post({'text': ''}, Accept='application/json'), (400, '{"type":"error","detail":"there is no text"}'))
        self.assertEqual(self.post({'text': 'x'}, Accept='application/json'), (200, '{"type":"ok"}'))
        # Who it is for is a word; anything else is for everybody, and nothing of it comes back.
        self.assertNotIn('<script>', self.post({'text': 'x', 'for': '"><script>'})[1])


if __name__ == '__main__':
    if not shutil.which('php'):
        raise SystemExit('php-cli is missing: scripts/tools.sh php=php-cli')
    unittest.main(warnings='ignore')
