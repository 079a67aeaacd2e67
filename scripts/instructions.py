"""Compares counted instructions with the baseline: instructions.py COUNTED.jsonl BASELINE.toml [--update]

Counts depend on the compiler, and a little on the C library and on what the processor can do: searches and copies choose
their way by that. So a baseline names its own; with others they are shown and not judged, and that is said at the end, and in
COUNTED.note beside COUNTED.jsonl for whoever wants to say it again. RCOMET_INSTRUCTIONS=judge judges them all the same.
"""
import json
import os
import pathlib
import platform
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


def surroundings():
    """What counts depend on besides the code."""

    def first_line(*command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()

    cpu = pathlib.Path("/proc/cpuinfo")
    flags = set(re.findall(r"\w+", cpu.read_text())) if cpu.exists() else set()
    can = [flag for flag in ("sse4_2", "avx2", "erms") if flag in flags] or ["plain"]
    return "; ".join([
        first_line("rustc", "--version"), " ".join(platform.libc_ver()), first_line("valgrind", "--version"),
        f"{platform.machine()} with {' '.join(can)}",
    ])


def baseline(path):
    """(surroundings, {name: instructions}) of the committed file: `name = number` lines, and one for the surroundings."""
    counted_with, figures = "", {}
    if path.exists():
        for line in path.read_text().splitlines():
            if match := re.fullmatch(r'counted_with = "(.*)"', line):
                counted_with = match.group(1)
            elif match := re.fullmatch(r'"([\w.]+)" = (\d+)', line):
                figures[match.group(1)] = int(match.group(2))
    return counted_with, figures


def write(path, counted_with, figures):
    lines = [
        "# Instructions for a thousand deliveries, subscriptions or publishes. Written by `scripts/instructions.sh --update`;",
        "# a change for the worse is explained in the commit that makes it.",
        f'counted_with = "{counted_with}"',
        "",
        "[instructions]",
        *(f'"{name}" = {number}' for name, number in sorted(figures.items())),
    ]
    path.write_text("\n".join(lines) + "\n")


def main():
    figures = counted(sys.argv[1])
    path = pathlib.Path(sys.argv[2])
    here = surroundings()
    if not figures:
        raise SystemExit("instructions.py: nothing was counted")
    if "--update" in sys.argv[3:]:
        write(path, here, figures)
    known_here, known = baseline(path)
    same = known_here == here
    wish = os.environ.get("RCOMET_INSTRUCTIONS", "")
    if wish not in ("", "judge"):
        raise SystemExit(f"instructions.py: RCOMET_INSTRUCTIONS is `{wish}`, and can only be `judge`")
    judged = same or wish == "judge"
    worse = []
    for name, number in sorted(figures.items()):
        before = known.get(name)
        change = f"{100.0 * (number - before) / before:+6.1f} %" if before else "   new"
        print(f"{name:<28} {number:>12,} {change}   {number / 1000:,.0f} each")
        if before is None or number > before * (1 + PERCENT_MAX / 100):
            worse.append(name)
    gone = sorted(set(known) - set(figures))
    note = pathlib.Path(sys.argv[1]).with_suffix(".note")
    note.unlink(missing_ok=True)
    if not same:
        words = [
            f"!!! instruction counts were {'judged all the same' if judged else 'SHOWN AND NOT JUDGED'}: they are of other surroundings.",
            f"!!!   baseline: {known_here or 'nothing'}",
            f"!!!   here:     {here}",
        ]
        if not judged:
            worst = f": {', '.join(worse)} would fail" if worse else ""
            words.append(f"!!!   RCOMET_INSTRUCTIONS=judge judges them all the same{worst}")
        print("\n".join(words))
        if not judged:
            note.write_text("\n".join(words) + "\n")
    if judged and (worse or gone):
        for name in worse:
            print(f"instructions.py: {name} is new, or more than {PERCENT_MAX:.0f} % more expensive than its baseline")
        for name in gone:
            print(f"instructions.py: {name} is in the baseline, and was not counted")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
