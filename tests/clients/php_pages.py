"""Pages in PHP that relay and write, behind PHP's own web server: what browsers get of the real daemon through them."""
import http.cookiejar
import json
import os
import subprocess
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request
from xml.etree import ElementTree

from php_support import Site, php, play
from support import HERE, SOON_S, Daemon, end_late, until


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site(read="(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2))->answer();",
                        listened="(new Rcomet\\Relay(new Rcomet\\Client(), 'listened', 1))->answer();",
                        between="$relay = new Rcomet\\Relay(new Rcomet\\Client(), 'between', 2);"
                                "isset($_GET['xml']) ? $relay->answerXml() : $relay->answer();",
                        xml="(new Rcomet\\Relay(new Rcomet\\Client(), ['ann@example.org'], isset($_GET['brief']) ? 1 : 30))->answerXml();",
                        events="(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2, ['more']))->answerEvents();",
                        front="(new Rcomet\\Relay(new Rcomet\\Client(), 'notes', 2))->answerEvents(getenv('FRONT'));",
                        lost="(new Rcomet\\Relay(new Rcomet\\Client('unix:/no/such.sock'), 'notes', 2))->answer();")
        cls.at = f'unix:{cls.site.daemon.control}'

    @classmethod
    def tearDownClass(cls):
        cls.site.end()

    def get(self, path, opener=urllib.request):
        with (opener.open if opener is not urllib.request else opener.urlopen)(self.site.url + path, timeout=SOON_S * 3) as answer:
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
        self.addCleanup(end_late(node).cancel)
        self.assertEqual([json.loads(node.stdout.readline()) for _ in range(2)], [['live', True]] * 2)  # two polls without a value
        for text in ('one', 'two'):
            php(f"$c->write('listened', '{text}');", self.at)
            said = (json.loads(node.stdout.readline()) for _ in range(20))
            self.assertEqual(next(value for what, value in said if what == 'heard'), text)

    def test_the_form_of_the_original(self):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        results = []
        waiting = threading.Thread(target=lambda: results.append(self.get('/xml.php?_=1', browser)))
        key = php("show(Rcomet\\Client::channel(['ann@example.org']));")
        waiting.start()
        until(1, lambda: self.site.daemon.waiting(key))
        tricky = 'a ]]> b\\x01 \u00e9'
        php(f"$c->write(['ann@example.org'], \"{tricky}\"); $c->write(['ann@example.org'], 'at once'); "
            "$c->write(['ann@example.org'], 'at once');", self.at)
        waiting.join(SOON_S)
        results += [self.get('/xml.php?_=2', browser), self.get('/xml.php?_=3', browser)]
        trees = [ElementTree.fromstring(text) for _, text in results]
        self.assertEqual([tree.find('data').text for tree in trees], ['value: a ]]> b\ufffd \u00e9', 'value: at once', 'value: at once'])
        self.assertEqual(len({tree.find('time').text for tree in trees}), 3)
        self.assertEqual(ElementTree.fromstring(self.get('/xml.php?brief=1', browser)[1]).find('data').text, None)
        self.assertEqual({kind for kind, _ in results}, {'text/xml'})

    def test_the_polls_of_the_javascript_client(self):
        first = json.loads(self.get('/events.php/events?channel=notes&channel=more&wait=0')[1])
        php("$c->write('more', 'told');", self.at)
        then = json.loads(self.get(f'/events.php/events?channel=notes&channel=more&cursor={first["cursor"]}')[1])
        self.assertEqual([(event['channel'], event['data']) for event in then['events']], [('more', 'told')])
        self.assertEqual(json.loads(self.get('/front.php/events?wait=0')[1])['events'], [])
        for path, other in (('/front.php/events?channel=more', 'more'), ('/events.php/events?channel=secret', 'secret'),
                            ('/events.php/events?channel=notes&channel=%22%ff&channel=secret', '"\ufffd')):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.get(path)
            self.assertEqual((refused.exception.code, json.load(refused.exception)['channel']), (403, other))
            refused.exception.close()

    def test_a_daemon_that_is_gone_is_said_without_its_place(self):
        with self.assertRaises(urllib.error.HTTPError) as lost:
            self.get('/lost.php')
        text = lost.exception.read().decode()
        self.assertEqual((lost.exception.code, 'such.sock' in text), (502, False))
        lost.exception.close()


REPOSITORY = os.path.abspath(os.path.join(HERE, '../..'))

#: The page's own script, with as much of a browser as it asks for: says where it listens and whether the daemon's pages are shown.
PAGE = """
    const html = process.argv[1];
    const element = () => ({ classList: { toggle() {} }, addEventListener() {} });
    const known = {};
    globalThis.location = { search: '?for=ann', pathname: process.argv[2] };
    globalThis.document = {
      getElementById: (id) => (known[id] ??= element()),
      querySelectorAll: () => [],
      querySelector: (what) => (html.includes('<' + what.replace('[', ' ').replace(']', '')) ? element() : null),
    };
    globalThis.notifier = { listen: (source) => console.log(JSON.stringify([source, known.demos.hidden])) };
    Function(require('fs').readFileSync(process.argv[3], 'utf8'))();
"""


class Places(unittest.TestCase):
    """The page with notes knows by whom it is served, whatever the folder is called."""

    def listens(self, url):
        """Where the page at this address listens, and whether it hides the daemon's other pages."""
        with urllib.request.urlopen(url, timeout=SOON_S) as answer:
            html = answer.read().decode()
        script = os.path.join(REPOSITORY, 'demos/notifier/page.js')
        done = subprocess.run(['node', '-e', PAGE, html, urllib.parse.urlparse(url).path, script], capture_output=True, text=True,
                              timeout=SOON_S * 3)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        source, hides = json.loads(done.stdout)
        return urllib.parse.urljoin(url, source), hides

    def test_a_folder_of_a_web_server_with_php_is_not_the_daemon(self):
        site = Site(REPOSITORY)
        self.addCleanup(site.end)
        at, hides = self.listens(f'{site.url}/demos/notifier/')
        self.assertEqual((at, hides), (f'{site.url}/demos/notifier/read.php?for=ann', True))
        php("$c->write('chat.notes.ann', 'there');", f'unix:{site.daemon.control}')
        with urllib.request.urlopen(f'{at}&since=0', timeout=SOON_S * 3) as answer:
            self.assertEqual(json.load(answer)['value'], 'there')

    def test_the_daemons_page_listens_to_the_daemon(self):
        daemon = Daemon('demo = true\n')
        self.addCleanup(daemon.end)
        at, hides = self.listens(f'{daemon.front}/notifier/')
        self.assertEqual((at, hides), (f'{daemon.front}/events?channel=chat.notes.ann', False))
        daemon.publish('chat.notes.ann', 'there')
        poll = urllib.request.Request(f'{at}&history=1&wait=0', headers={'Accept': 'application/json'})
        with urllib.request.urlopen(poll, timeout=SOON_S) as answer:
            self.assertEqual([event['data'] for event in json.load(answer)['events']], ['there'])


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
            with urllib.request.urlopen(request, timeout=SOON_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def test_the_form_writes_and_announces_again(self):
        status, page = self.post({'refresh': '1', 'for': 'nobody'})
        self.assertEqual((status, 'nothing at chat.notes.nobody' in page), (200, True))
        status, page = self.post({'text': '<b>100%+</b>', 'for': 'ann'})
        self.assertEqual((status, 'written to chat.notes.ann, version' in page), (200, True))
        first = json.loads(urllib.request.urlopen(f'{self.site.url}/read.php?for=ann&since=0', timeout=SOON_S * 3).read())
        self.assertEqual(first['value'], '<b>100%+</b>')
        self.assertIn('announced again', self.post({'refresh': '1', 'for': 'ann'})[1])
        again = json.loads(urllib.request.urlopen(f'{self.site.url}/read.php?for=ann&since={first["version"]}', timeout=SOON_S * 3).read())
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
    play()
