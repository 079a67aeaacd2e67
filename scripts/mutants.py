#!/usr/bin/env python3
"""A test of the tests: plants bugs, one at a time, and sees that the tests of the core notice.

Each bug of mutants.toml is planted in a scratch copy of the tree, never in the tree itself. The simulated world is run
first; if it notices nothing, every other test of the core. A bug that nobody notices is an error.

  scripts/mutants.sh                all of them
  scripts/mutants.sh gap clock      those whose names have one of these words in them
  scripts/mutants.sh --check        only see that each still has its place in the code
  scripts/mutants.sh --all          also run the other tests where the world has noticed
  MUTANTS_DIR=/somewhere            where the copy and what is built of it stand (default: target/mutants)
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = Path(os.environ.get("MUTANTS_DIR") or ROOT / "target" / "mutants")
TREE, TARGET = SCRATCH / "tree", SCRATCH / "target"
CORE = ["cargo", "test", "--offline", "-p", "rcomet-core"]
WORLDS = ["world", "simple_world", "bayeux_world", "journal_sessions", "push_world", "control_world"]
WORLD, OTHERS = CORE + [word for world in WORLDS for word in ("--test", world)], CORE + ["--lib", "--tests"]
# What a run may take, in seconds. A bug that makes the server go round and round is noticed by that.
PATIENCE = 300


def copy_tree():
    """The tree without what was built of it; unchanged files keep their times, so that cargo builds only what it must."""
    shutil.rmtree(TREE, ignore_errors=True)
    ignored = shutil.ignore_patterns("target", ".git", "node_modules")
    shutil.copytree(ROOT, TREE, ignore=ignored)


def edits(mutant):
    return mutant.get("edit", [mutant])


def misplaced(mutant):
    """Edits whose place is not in the tree as it stands, or is there more than once."""
    for edit in edits(mutant):
        path = ROOT / "core" / "src" / edit["file"]
        found = path.read_text().count(edit["old"]) if path.exists() else 0
        if found != 1:
            yield f"{mutant['name']}: stands {found} times in {edit['file']}, not once:\n{edit['old']}"


def plant(mutant):
    """Plants one bug in the copy; returns what stood there before."""
    before = {}
    for edit in edits(mutant):
        path = TREE / "core" / "src" / edit["file"]
        text = path.read_text()
        before.setdefault(path, text)
        path.write_text(text.replace(edit["old"], edit["new"]))
    return before


def run(command):
    """Runs tests; returns whether they noticed something, and what first."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET), RUST_BACKTRACE="0", CARGO_TERM_COLOR="never")
    child = subprocess.Popen(
        command, cwd=TREE, env=environment, text=True, errors="replace", start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    try:
        output, _ = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return True, f"nothing came to an end within {PATIENCE} s"
    if child.returncode == 0:
        return False, ""
    if "could not compile" in output:
        errors = "\n".join(line for line in output.splitlines() if "error" in line or "-->" in line)
        raise SystemExit(f"this does not compile:\n{errors}")
    return True, first_failure(output)


def first_failure(output):
    binary = ""
    for line in output.splitlines():
        if running := re.match(r"\s+Running (?:unittests )?(\S+)", line):
            binary = Path(running[1]).stem
        if failed := re.match(r"test (\S+) ... FAILED", line):
            test = f"{binary} {failed[1]}"
            break
    else:
        return "the tests did not end well"
    seed = re.search(r"the world of seed (\d+) fails", output)
    panic = re.search(r"panicked at (\S+?):\d+:\d+:\n(.*)", output)
    words = f": {panic[2]}" if panic else ""
    where = f"seed {seed[1]}" if seed else test
    return f"{where}{words}"


def main():
    words = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    if set(options) - {"--all", "--check"}:
        raise SystemExit(__doc__)
    mutants = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text())["mutant"]
    mutants = [m for m in mutants if not words or any(word in m["name"] for word in words)]
    if faults := [fault for mutant in mutants for fault in misplaced(mutant)]:
        raise SystemExit("\n".join(faults))
    if "--check" in options:
        return 0
    copy_tree()
    print("without any bug:", end=" ", flush=True)
    for command in [WORLD, OTHERS]:
        noticed, what = run(command)
        if noticed:
            raise SystemExit(f"the tests fail as they are: {what}")
    print("all tests pass")
    survivors = []
    print(f"{'bug':<34} {'s':>4}  noticed by")
    for mutant in mutants:
        begun = time.monotonic()
        before = plant(mutant)
        by_world, what = run(WORLD)
        told = f"the world, {what}" if by_world else ""
        if not by_world or "--all" in options:
            by_others, what = run(OTHERS) if not by_world else run(OTHERS + ["--", "--skip", "many_worlds"])
            if by_others:
                told += f"{' / ' if told else ''}{what}"
            elif not by_world:
                survivors.append(mutant)
                told = f"NOBODY: {mutant['breaks']}"
        for path, text in before.items():
            path.write_text(text)
        print(f"{mutant['name']:<34} {time.monotonic() - begun:>4.0f}  {told[:150]}", flush=True)
    print(f"{len(mutants)} bugs, {len(mutants) - len(survivors)} noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
