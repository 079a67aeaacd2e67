"""An administrator's day, as docs/operations.md tells it: every line of its console is run, and prints what is shown.

As root, on a machine where no rcomet is installed; it is left as it was. Where systemd does not run, `systemctl` of this folder does as
the unit says. Arguments: the package.
"""
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, '../..'))
SYSTEMD = os.path.isdir('/run/systemd/system')
CONFIG = '/etc/rcomet/rcomet.toml'
#: What differs from day to day, and what stands for it.
VARY = [(r'process \d+', 'process N'), (r'for \d+ (?:s|min \d+ s)\b', 'for T'), (r'\b\d{15}\b', 'V' * 15), (r'(?m)^(V+ +)\d+s( +)', r'\1Ts '),
        (r'(?m)^(memory +)\S+ \S+ of', r'\1M of'), (r'(?m)^(connections +)\d+ of \d+', r'\1C')]


def steps():
    """The commands with what they print."""
    with open(os.path.join(ROOT, 'docs/operations.md')) as file:
        day = file.read().split('## A day with it\n')[1]
    found = []
    for block in re.findall(r'```console\n(.*?)```', day, re.S):
        for line in block.splitlines():
            if line.startswith('# '):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, '\n'.join(output)) for command, output in found]


def settled(text):
    for pattern, stand_in in VARY:
        text = re.sub(pattern, stand_in, text)
    return '\n'.join(line.rstrip() for line in text.strip().splitlines())


def run(command, **more):
    return subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, **more)


def must(command, **more):
    done = run(command, **more)
    assert done.returncode == 0, f'{command}: {done.returncode}\n{done.stdout}'
    return done.stdout


def installed():
    return run("dpkg-query -W -f='${db:Status-Status}' rcomet").stdout


def is_known():
    """Whether dpkg knows anything of the package; of one that it never had it prints that on standard error."""
    said = installed()
    return said not in ('', 'not-installed') and 'no packages found' not in said


class Page:
    """The page with notes, relayed by PHP, in a real browser."""

    def __init__(self, text):
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
        self.php = subprocess.Popen(['php', '-S', f'127.0.0.1:{port}', '-t', os.path.join(ROOT, 'demos/notifier')], stderr=subprocess.DEVNULL,
                                    env={**os.environ, 'PHP_CLI_SERVER_WORKERS': '4'}, start_new_session=True)
        time.sleep(0.5)
        self.browser = subprocess.Popen(['node', os.path.join(HERE, 'browser.mjs'), f'http://127.0.0.1:{port}/', text],
                                        stdout=subprocess.PIPE, text=True)
        assert self.browser.stdout.readline() == 'open\n', 'no browser opened the page'

    def has_seen(self):
        try:
            assert self.browser.wait(60) == 0 and 'seen' in self.browser.stdout.read(), 'the page has not shown the note'
        finally:
            os.killpg(self.php.pid, 15)


def upgrade(package, folder):
    """The next version of the package; the administrator's configuration stays."""
    tree = os.path.join(folder, 'tree')
    must(f'dpkg-deb -R {package} {tree}')
    control = os.path.join(tree, 'DEBIAN/control')
    with open(control) as file:
        text = re.sub(r'(?m)^Version: .*', 'Version: 99.0.0-1', file.read())
    with open(control, 'w') as file:
        file.write(text)
    newer = os.path.join(folder, 'newer.deb')
    must(f'dpkg-deb -b {tree} {newer}')
    with open(CONFIG) as file:
        before = file.read()
    must(f'dpkg -i {newer}')
    with open(CONFIG) as file:
        assert file.read() == before, 'an upgrade has changed the configuration'
    if not SYSTEMD:
        must('systemctl restart rcomet')
    assert must('systemctl is-active rcomet') == 'active\n'
    print('ok    an upgrade keeps the configuration, and serves')


def day(package, folder):
    shutil.copy(package, os.path.join(folder, 'rcomet_0.1.0-1_amd64.deb'))
    page = None
    todo = steps()
    assert len(todo) > 12, 'the page has lost its day'
    for command, shown in todo:
        if command.startswith('dpkg -P'):
            must('systemctl start rcomet')
            upgrade(package, folder)
            must('dpkg -r rcomet' if SYSTEMD else 'systemctl stop rcomet && dpkg -r rcomet')
            assert os.path.exists(CONFIG), 'removing has taken the configuration'
        if command.startswith('php '):
            page = Page('Order 4711 is paid')
        if command.startswith('rcomet write') and page:
            page.has_seen()
            page = None
            time.sleep(0.5)  # its last poll is noticed to be gone
        done = run(command, cwd=folder)
        if command.startswith('dpkg'):
            assert done.returncode == 0, done.stdout
            if not SYSTEMD and command.startswith('dpkg -i'):
                must('systemctl start rcomet')
            if command.startswith('dpkg -i'):
                unit(folder)
        else:
            assert settled(done.stdout) == settled(shown), f'{command}\nprints:\n{done.stdout}\nand not:\n{shown}'
        print(f'ok    {command}')
    user = any(each.pw_name == 'rcomet' for each in pwd.getpwall())
    left = [place for place in ('/etc/rcomet', '/usr/bin/rcomet', '/run/rcomet', '/var/lib/rcomet', '/usr/share/doc/rcomet') if os.path.exists(place)]
    assert not left, left
    assert not user, 'the user rcomet is still there'
    assert not is_known(), installed()
    print('ok    nothing is left')


def unit(folder):
    """What systemd says of the unit, as far as it can be asked here; and a port that it would hold for the daemon."""
    files = '/usr/lib/systemd/system/rcomet.service'
    with open(files) as file:
        assert not re.search('(?m)^ProcSubset=', file.read()), 'the boot id is hidden from the daemon: histories need it'
    if shutil.which('systemd-analyze'):
        said = must(f'systemd-analyze verify --man=no {files} /usr/lib/systemd/system/rcomet.socket')
        assert 'rcomet' not in said, said
        must(f'systemd-analyze security --offline=yes --threshold=20 {files}')
        print('ok    systemd-analyze verify, and security (exposure below 2.0)')
    if shutil.which('systemd-socket-activate'):
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
        command = ['systemd-socket-activate', '--fdname=front', '-l', f'127.0.0.1:{port}', '-E', f'RCOMET_CONTROL={folder}/given.sock',
                   'rcomet', 'run', '--admin', '127.0.0.1:0']
        daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            must(f'curl -sf --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:{port}/healthz')
            assert f'127.0.0.1:{port} (front)' in must(f'rcomet status --socket {folder}/given.sock')
        finally:
            daemon.terminate()
            daemon.wait()
        print('ok    a socket of systemd is the front')


if __name__ == '__main__':
    if os.getuid() != 0 or shutil.which('rcomet') or installed().startswith('inst'):
        sys.exit('this takes root, and a machine on which no rcomet is installed')
    for port in (8100, 8000):
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                sys.exit(f'something listens on port {port} already')
    if not SYSTEMD:
        os.environ['PATH'] = f'{HERE}:{os.environ["PATH"]}'
    for name in ('RCOMET_CONTROL', 'XDG_RUNTIME_DIR'):
        os.environ.pop(name, None)
    os.environ['HOME'] = '/root'
    with tempfile.TemporaryDirectory() as folder:
        try:
            day(os.path.abspath(sys.argv[1]), folder)
        finally:
            if installed().startswith(('inst', 'config', 'half', 'unpack')):
                run('systemctl stop rcomet')
                run('dpkg -P rcomet')
            if not SYSTEMD:
                shutil.rmtree('/run/rcomet-admin-day', ignore_errors=True)
