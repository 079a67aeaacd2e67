"""Compares counted instructions with the baseline: instructions.py COUNTED.jsonl BASELINE.toml [--update]

Counts depend on the compiler, so a baseline names its own; with another one they are shown and not judged.
"""
import json
import pathlib
import re
import subprocess
import sys

PERCENT_MAX = 5.0


def counted(path):
    """{path's name: instructions} from the runner's output, one JSON object a line."""
    figures = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.startswith("{"):
            continue
        bench = json.loads(line)
        name = f"{bench['function_name']}.{bench['id']}"
        total = bench["profiles"][0]["data"]["total"]["metrics"]
        figures[name] = int(total["Ir"]["values"]["new"])
    return figures


def baseline(path):
    """(compiler, {name: instructions}) of the committed file: `name = number` lines, and one for the compiler."""
    compiler, figures = "", {}
    if path.exists():
        for line in path.read_text().splitlines():
            if match := re.fullmatch(r'compiler = "(.*)"', line):
                compiler = match.group(1)
            elif match := re.fullmatch(r'"([\w.]+)" = (\d+)', line):
                figures[match.group(1)] = int(match.group(2))
    return compiler, figures


def write(path, compiler, figures):
    lines = [
        "# Instructions for a thousand deliveries, subscriptions or publishes. Written by `scripts/instructions.sh --update`;",
        "# a change for the worse is explained in the commit that makes it.",
        f'compiler = "{compiler}"',
        "",
        "[instructions]",
        *(f'"{name}" = {number}' for name, number in sorted(figures.items())),
    ]
    path.write_text("\n".join(lines) + "\n")


def main():
    figures = counted(sys.argv[1])
    path = pathlib.Path(sys.argv[2])
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if not figures:
        raise SystemExit("instructions.py: nothing was counted")
    if "--update" in sys.argv[3:]:
        write(path, compiler, figures)
    known_compiler, known = baseline(path)
    judged = known_compiler == compiler
    if not judged:
        print(f"the baseline is {known_compiler or 'missing'}, this is {compiler}: shown, not judged")
    worse = []
    for name, number in sorted(figures.items()):
        before = known.get(name)
        change = f"{100.0 * (number - before) / before:+6.1f} %" if before else "   new"
        print(f"{name:<28} {number:>12,} {change}   {number / 1000:,.0f} each")
        if before is None or number > before * (1 + PERCENT_MAX / 100):
            worse.append(name)
    gone = sorted(set(known) - set(figures))
    if judged and (worse or gone):
        for name in worse:
            print(f"instructions.py: {name} is new, or more than {PERCENT_MAX:.0f} % more expensive than its baseline")
        for name in gone:
            print(f"instructions.py: {name} is in the baseline, and was not counted")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
