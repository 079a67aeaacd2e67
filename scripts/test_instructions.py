"""Plays instructions.py with counts and baselines that are made up: what it judges, what it only shows, and how loudly."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("instructions.py")


def counted(number):
    """The runner's line about one path."""
    metrics = {"Ir": {"values": {"new": number}}}
    profile = {"data": {"total": {"metrics": metrics}}}
    return json.dumps({"function_name": "publish", "id": "one", "profiles": [profile]}) + "\n"


def play(directory, number, wish=""):
    """(exit code, what was said, the note)"""
    jsonl = directory / "instructions.jsonl"
    jsonl.write_text(counted(number))
    run = subprocess.run(
        [sys.executable, SCRIPT, jsonl, directory / "baseline.toml"],
        capture_output=True, text=True, env={**os.environ, "RCOMET_INSTRUCTIONS": wish},
    )
    note = directory / "instructions.note"
    return run.returncode, run.stdout + run.stderr, note.read_text() if note.exists() else ""


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        baseline = directory / "baseline.toml"
        jsonl = directory / "instructions.jsonl"
        jsonl.write_text(counted(1000))
        subprocess.run([sys.executable, SCRIPT, jsonl, baseline, "--update"], check=True, capture_output=True)
        # Its own surroundings: judged, and nothing has to be said about that.
        assert play(directory, 1040)[::2] == (0, ""), play(directory, 1040)
        code, said, note = play(directory, 1100)
        assert code == 1 and "more expensive" in said and note == "", said
        # Others: shown, which is the last that is said, and kept for who says it again.
        baseline.write_text(baseline.read_text().replace('counted_with = "rustc', 'counted_with = "another rustc'))
        code, said, note = play(directory, 1100)
        assert code == 0 and said.endswith(note) and "SHOWN AND NOT JUDGED" in note, said
        assert "publish.one would fail" in note and "another rustc" in note, note
        # Unless it is wished.
        code, said, note = play(directory, 1100, "judge")
        assert code == 1 and "more expensive" in said and "judged all the same" in said and note == "", said
        assert play(directory, 1040, "judge")[0] == 0
        code, said, _ = play(directory, 1040, "yes")
        assert code == 1 and "can only be `judge`" in said, said


if __name__ == "__main__":
    main()
