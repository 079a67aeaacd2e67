"""What the tests in PHP need: pieces of PHP that are run, and PHP's own web server."""
import json
import os
import re
import shutil
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

from support import HERE, SOON_S, Daemon, until

FOLDER = os.path.abspath(os.path.join(HERE, '../../clients/php'))
#: -n: no configuration, and so no extension beyond those that are built in.
PHP = ['php', '-n', '-d', 'disable_functions=exec,passthru,shell_exec,proc_open,popen,system', '-d', 'display_errors=stderr',
       '-d', 'error_reporting=-1', '-d', 'log_errors=0']


def php(code, at=None, user=None, **more):
    """What a piece of PHP prints, as JSON. `$c` is a client."""
    code = f"""
        require getenv('CLIENT') ?: '{FOLDER}/rcomet.php';
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
        self.process = subprocess.Popen([*PHP, '-S', '127.0.0.1:0', '-t', folder or self.daemon.folder], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, 'PHP_CLI_SERVER_WORKERS': '4', 'RCOMET_CONTROL': self.daemon.control,
                                             'FRONT': self.daemon.front}, start_new_session=True)
        for line in self.process.stderr:
            if place := re.search(r'\((http://[0-9.:]+)\) started', line):
                self.url = place[1]
                break
        else:
            raise AssertionError("PHP's web server did not start")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        until(True, self._is_there)

    def _is_there(self):
        try:
            urllib.request.urlopen(f'{self.url}/none.php', timeout=SOON_S).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def end(self):
        os.killpg(self.process.pid, 15)
        self.process.wait()
        self.daemon.end()


def play():
    """Runs the tests of the file that was started."""
    if not shutil.which('php'):
        raise SystemExit('php-cli is missing: scripts/tools.sh php=php-cli')
    unittest.main(warnings='ignore')
