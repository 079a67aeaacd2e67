"""The clients of several languages against the real daemon, all of them through the same days: what one can, the others can."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import unittest

from support import HERE, NASTY, SOON_S, Client, Daemon, Wire, end_group, end_late, stranger, until

JAVA = os.environ.get('RCOMET_JAVA_CLASSES', '')


def end_of_group(group):
    """Ends what is left of a group of processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class Days:
    """What every client lives through."""

    command = ()
    subscribes = True
    sockets = True  # can use socket files
    misread = 'misunderstood: '
    codes = (3, 3, 3)  # of refused, unreachable, misunderstood
    said = ('refused: ', 'unreachable: ')

    @classmethod
    def setUpClass(cls):
        cls.client = Client(*cls.command)
        cls.daemon = Daemon('[http]\norigins = ["*"]\n')

    @classmethod
    def tearDownClass(cls):
        cls.daemon.end()

    def text(self, out):
        """What `read` prints, as the text that it means."""
        return json.loads(out)

    def texts(self, out):
        return json.loads(out)

    def done(self, *words, **more):
        code, out, err = self.client.ask(self.daemon, *words, **more)
        self.assertEqual((code, err), (0, ''), words)
        return out

    def test_any_text_comes_back_as_it_was(self):
        for text in ('hello', NASTY, '0', ' a  b ', '\x01\x0e\x1f\x7f.'):
            self.done('publish', 'texts', text)
            self.assertEqual(self.text(self.done('read', 'texts')), text)
        self.done('publish', 'r\u00e4ume/a b&c', 'there')
        self.assertEqual(self.text(self.done('read', 'r\u00e4ume/a b&c')), 'there')

    def test_history_is_in_order_and_limited(self):
        self.daemon.publish('history', *'abcde')
        self.assertEqual(self.texts(self.done('history', 'history', '3')), ['c', 'd', 'e'])
        self.assertEqual(self.texts(self.done('history', 'history', '100')), list('abcde'))
        self.assertEqual(self.texts(self.done('history', 'no-such-channel', '100')), [])

    def test_a_refusal_is_told_with_its_reason(self):
        code, out, err = self.client.ask(self.daemon, 'publish', 'x' * 300, 'hello')
        self.assertEqual((code, out), (self.codes[0], ''), err)
        self.assertTrue(err.startswith(self.said[0]), err)
        self.assertRegex(err, r'channel|name')

    def test_nobody_there(self):
        code, _, err = self.client.ask(self.daemon, 'publish', 'a', 'b', admin='http://127.0.0.1:1', front='http://127.0.0.1:1')
        self.assertEqual(code, self.codes[1], err)
        self.assertIn(self.said[1], err)

    def test_one_who_never_answers(self):
        mute = stranger(None)
        code, _, err = self.client.ask(self.daemon, 'publish', 'a', 'b', admin=mute, front=mute, RCOMET_SECONDS='1')
        self.assertEqual(code, self.codes[1], err)
        self.assertIn(self.said[1], err)

    def test_one_who_is_not_rcomet(self):
        page = b'<html>It works!</html>'
        other = stranger(b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' % (len(page), page))
        code, _, err = self.client.ask(self.daemon, 'history', 'a', '1', admin=other, front=other)
        self.assertEqual(code, self.codes[2], err)
        self.assertIn(self.misread, err)

    def test_a_token_is_shown_where_it_is_asked_for(self):
        daemon = Daemon('[front]\nauth = "token"\n')
        self.addCleanup(daemon.end)
        _, token, _ = Client(sys.executable, os.path.join(HERE, 'probe.py')).ask(daemon, 'sign', 'guarded')
        daemon.publish('guarded', 'secret')
        code, _, err = self.client.ask(daemon, 'read', 'guarded')
        self.assertEqual(code, self.codes[0])
        self.assertIn('token', err)
        code, out, _ = self.client.ask(daemon, 'read', 'guarded', RCOMET_TOKEN=token.strip())
        self.assertEqual((code, self.text(out)), (0, 'secret'))
        if self.subscribes:
            with self.client.subscribe(daemon, 'guarded') as listening:
                self.assertEqual(listening.process.wait(SOON_S), self.codes[0])
                self.assertIn('token', listening.process.stderr.read())

    def test_socket_files(self):
        if not self.sockets:
            self.skipTest('has none')
        daemon = Daemon(front='unix:%s/front.sock' % self.daemon.folder)
        self.addCleanup(daemon.end)
        daemon.publish('by-file', 'here')
        code, out, err = self.client.ask(daemon, 'read', 'by-file')
        self.assertEqual((code, self.text(out)), (0, 'here'), err)

    def test_a_subscription_goes_on_where_the_line_was_cut(self):
        if not self.subscribes:
            self.skipTest('clients/js does')
        wire = Wire(lambda: self.daemon.at['front'])
        self.daemon.publish('cut', 'old 1', 'old 2', 'old 3')
        with self.client.subscribe(self.daemon, 'cut', 'cut.other', front=wire.url, RCOMET_HISTORY='2') as listening:
            until(1, lambda: self.daemon.subscribers('cut'))
            until(['old 2', 'old 3'], listening.data)
            wanted = ['old 2', 'old 3']
            for n in range(3):
                self.daemon.publish('cut', f'before {n}', NASTY)
                wanted += [f'before {n}', NASTY]
                until(wanted, listening.data)
                wire.cut(is_away=True)
                until(0, lambda: self.daemon.subscribers('cut'))
                self.daemon.publish('cut.other', f'while away {n}')
                self.daemon.publish('cut', f'and {n}')
                wire.is_away = False
                wanted += [f'while away {n}', f'and {n}']
                until(wanted, listening.data)
            self.assertEqual(listening.gaps(), [])

    def test_what_is_lost_is_told_also_after_a_restart(self):
        if not self.subscribes:
            self.skipTest('clients/js does')
        daemon = Daemon('[limits]\nhistory_messages_max = 5\n')
        self.addCleanup(daemon.end)
        wire = Wire(lambda: daemon.at['front'])
        with self.client.subscribe(daemon, 'lossy', front=wire.url) as listening:
            until(1, lambda: daemon.subscribers('lossy'))
            daemon.publish('lossy', 'first')
            until(['first'], listening.data)
            wire.cut(is_away=True)
            until(0, lambda: daemon.subscribers('lossy'))
            daemon.publish('lossy', *map(str, range(9)))
            wire.is_away = False
            until(['first', '4', '5', '6', '7', '8'], listening.data)
            self.assertEqual(listening.gaps(), [4])
            daemon.stop()
            daemon.start()
            until(1, lambda: daemon.subscribers('lossy'))
            until([4, None], listening.gaps)
            daemon.publish('lossy', 'anew')
            until('anew', lambda: listening.data()[-1])

    def test_a_channel_that_is_closed_ends_it(self):
        if not self.subscribes:
            self.skipTest('clients/js does')
        with self.client.subscribe(self.daemon, 'ending') as listening:
            until(1, lambda: self.daemon.subscribers('ending'))
            self.daemon.close('ending')
            until(['closed'], lambda: [event['type'] for event in listening.events if event['type'] != 'live'])


class Python(Days, unittest.TestCase):
    command = (sys.executable, os.path.join(HERE, 'probe.py'))

    def test_several_together_or_none(self):
        messages = [['both.a', '1'], ['both.b', {'two': 2}], ['both.a', '3']]
        self.assertEqual(json.loads(self.done('all', stdin=json.dumps(messages))), [['both.a', 1], ['both.b', 1], ['both.a', 2]])
        self.assertEqual(json.loads(self.text(self.done('read', 'both.b'))), {'two': 2})
        code, _, err = self.client.ask(self.daemon, 'all', stdin=json.dumps([['both.a', 'not this'], ['', 'as this is refused']]))
        self.assertEqual(code, 3, err)
        self.assertEqual(self.texts(self.done('history', 'both.a', '9')), ['1', '3'])
        self.assertEqual(json.loads(self.done('channels', 'both.')), ['both.a', 'both.b'])
        self.assertEqual([self.done('close', 'both.a'), self.done('close', 'both.a')], ['true\n', 'false\n'])

    def test_a_channel_whose_name_ends_in_json_is_closed_and_no_other(self):
        names = ['ended', 'ended.json', 'ended.jsonp', 'ended.json.jsonp']
        self.done('all', stdin=json.dumps([[name, '1'] for name in names]))
        for name in names[1:]:
            self.assertEqual(self.done('close', name), 'true\n')
        self.assertEqual(json.loads(self.done('channels', 'ended')), ['ended'])
        self.assertEqual(self.done('close', 'ended.json'), 'false\n')

    def test_what_is_no_string_is_json(self):
        self.done('json', 'objects', '{"a": [1, null, "\u00e9"]}')
        self.assertEqual(json.loads(self.text(self.done('read', 'objects'))), {'a': [1, None, '\u00e9']})


class Node(Python):
    command = ('node', os.path.join(HERE, 'probe.mjs'))
    subscribes = False


class Shell(Days, unittest.TestCase):
    command = (os.environ.get('RCOMET_SHELL', 'sh'), os.path.join(HERE, 'probe.sh'))
    codes = (2, 3, 2)
    said = ('rcomet: refused', 'rcomet: no answer')
    misread = 'not rcomet'

    def text(self, out):
        return out[:-1]

    def texts(self, out):
        return out.splitlines()

    def test_nothing_is_not_an_empty_text(self):
        self.assertEqual(self.client.ask(self.daemon, 'read', 'nothing-here')[:2], (1, ''))
        self.done('publish', 'empty', '')
        self.assertEqual(self.done('read', 'empty'), '\n')

    def test_standard_input_is_published_as_it_is(self):
        self.done('stdin', 'piped', stdin='line 1\nline 2\n')
        self.assertEqual(self.done('read', 'piped'), 'line 1\nline 2\n\n')

    def test_texts_come_while_the_subscription_is_open(self):
        # What cannot be said of an awk that fills a block first, as mawk does, which is Debian's.
        process = subprocess.Popen([*self.command, 'texts', 'spoken'], stdout=subprocess.PIPE, text=True, start_new_session=True,
                                   env=self.client.environment(self.daemon.admin, self.daemon.front, {}))
        self.addCleanup(process.stdout.close)
        self.addCleanup(end_group, process)
        late = threading.Timer(SOON_S, end_group, [process])
        self.addCleanup(late.cancel)
        late.start()
        until(1, lambda: self.daemon.subscribers('spoken'))
        for text in ('one', 'two \u20ac', 'x' * 50000):
            self.daemon.publish('spoken', text)
            self.assertEqual(process.stdout.readline(), f'{text}\n')
        self.assertIsNone(process.poll())

    def test_it_ends_when_its_reader_leaves(self):
        shell = self.command[0]
        script = os.path.join(HERE, '../../clients/shell/rcomet.sh')
        # As a terminal has it, where SIGPIPE ends who writes, and as services have it, which ignore it.
        for restore in (True, False):
            process = subprocess.Popen([shell, '-c', '. "$0"; rcomet_subscribe left | head -n 1', script], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, restore_signals=restore, start_new_session=True,
                                       env=self.client.environment(self.daemon.admin, self.daemon.front, {}))
            self.addCleanup(end_group, process)
            until(1, lambda: self.daemon.subscribers('left'))

            def has_ended():
                self.daemon.publish('left', 'more')
                return process.poll() is not None

            until(True, has_ended)
            out, err = process.communicate()
            self.assertEqual((process.returncode, len(out.splitlines())), (0, 1))
            # curl may say that it cannot write any more; nobody else has anything to say.
            self.assertEqual([line for line in err.splitlines() if not line.startswith('curl: (23)')], [])
            until(0, lambda: self.daemon.subscribers('left'))

    def test_in_the_background_it_is_ended_as_the_manual_says(self):
        with open(os.path.join(HERE, '../../clients/shell/README.md')) as file:
            begin, end = re.search(r'```sh\n(setsid .*)\n# later\n(kill .*)\n```', file.read()).groups()
        begin = begin.replace('sh -c', f'{self.command[0]} -c').replace('news.log', '/dev/null').replace(' news', ' apart')
        process = subprocess.Popen([self.command[0], '-c', f'{begin}\necho "$group"\nread -r line\n{end}'], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=os.path.join(HERE, '../../clients/shell'), start_new_session=True,
                                   env=self.client.environment(self.daemon.admin, self.daemon.front, {}))
        group = int(process.stdout.readline())
        self.addCleanup(end_of_group, group)
        until(1, lambda: self.daemon.subscribers('apart'))
        _, err = process.communicate('\n', timeout=SOON_S)
        self.assertEqual((process.returncode, err), (0, ''))
        until(0, lambda: self.daemon.subscribers('apart'))

    def test_a_token_is_on_no_command_line(self):
        with self.client.subscribe(self.daemon, 'watched', RCOMET_TOKEN='s3cret') as listening:
            until(1, lambda: self.daemon.subscribers('watched'))
            seen = []
            for pid in filter(str.isdigit, os.listdir('/proc')):
                try:
                    with open(f'/proc/{pid}/cmdline') as file:
                        seen.append(file.read())
                except OSError:
                    pass
            self.assertTrue(any('channel=watched' in line for line in seen))
            self.assertFalse(any('s3cret' in line for line in seen))
            self.assertIsNone(listening.process.poll())


class Bash(Shell):
    command = ('bash', os.path.join(HERE, 'probe.sh'))


@unittest.skipUnless(JAVA, 'RCOMET_JAVA_CLASSES names the compiled client')
class Java(Days, unittest.TestCase):
    command = ('java', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-cp', JAVA, 'Probe')
    sockets = False

    def test_where_streams_do_not_get_through_it_polls(self):
        wire = Wire(lambda: self.daemon.at['front'], holds_back=b'x-ndjson')
        with self.client.subscribe(self.daemon, 'polled', front=wire.url, RCOMET_SECONDS='0.5') as listening:
            until(1, lambda: self.daemon.subscribers('polled'))
            self.daemon.publish('polled', 'one', 'two')
            until(['one', 'two'], listening.data)
            wire.cut()
            self.daemon.publish('polled', 'three')
            until(['one', 'two', 'three'], listening.data)

    def test_what_a_listener_throws_does_not_disturb_it(self):
        for holds_back in (b'', b'x-ndjson'):  # lines, and polls
            wire = Wire(lambda: self.daemon.at['front'], holds_back=holds_back)
            channel = f'thrown{len(holds_back)}'
            # So soon it stops waiting for a first line only where none will come: a machine of its own takes longer to warm up.
            hurry = {'RCOMET_SECONDS': '0.5'} if holds_back else {}
            with self.client.subscribe(self.daemon, channel, front=wire.url, **hurry) as listening:
                until(1, lambda: self.daemon.subscribers(channel))
                wanted = ['one', 'throw null', 'two', 'throw state', 'three']
                self.daemon.publish(channel, *wanted)
                until('three', lambda: listening.data()[-1:] and listening.data()[-1])
                wire.cut()
                self.daemon.publish(channel, 'four')
                until([*wanted, 'four'], listening.data)
                failed = [event['channel'] for event in listening.events if event['type'] == 'failed']
                self.assertEqual(failed, ['NullPointerException', 'IllegalStateException'])
                tried = [event['channel'] for event in listening.events[:listening.events.index(
                    next(event for event in listening.events if event.get('data') == 'three'))] if event['type'] == 'live']
                self.assertEqual(tried[-1], 'true')  # what was thrown cost no connection
                self.assertEqual(tried.count('true'), 1)
            err = listening.process.stderr.read()
            self.assertEqual(err.count('Exception: of the listener'), 2, err)

    def test_the_chat_meets_the_web_chat(self):
        daemon = Daemon('demo = true\n')
        self.addCleanup(daemon.end)
        daemon.publish('/chat/kitchen', json.dumps({'name': 'Web', 'text': 'before \U0001f600', 'id': '1', 'at': 1}), 'plain \x1b[31m')
        ann, bob = (subprocess.Popen(['java', '-Dstdout.encoding=UTF-8', '-Dfile.encoding=UTF-8', '-cp', JAVA, 'rcomet.Chat', name, 'kitchen',
                                      daemon.front], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8')
                    for name in ('Ann "A"', 'Bob'))
        self.addCleanup(ann.kill)
        self.addCleanup(bob.kill)
        for process in (ann, bob):
            self.addCleanup(end_late(process).cancel)
        first = [bob.stdout.readline() for _ in range(3)]
        self.assertEqual(first, ['-- connected\n', 'Web: before \U0001f600\n', 'someone: plain  [31m\n'])
        ann.stdin.write('hello "you" \\ \u00e9\n')
        ann.stdin.flush()
        self.assertEqual(bob.stdout.readline(), 'Ann "A": hello "you" \\ \u00e9\n')
        ann.stdin.close()
        self.assertEqual(ann.wait(SOON_S), 0)


if __name__ == '__main__':
    unittest.main(warnings='ignore')  # of sockets that the threads of a test leave to its end
