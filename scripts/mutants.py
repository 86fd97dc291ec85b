# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mutation tests: change the code in one place, and see whether a test fails.

    python scripts/mutants.py
    python scripts/mutants.py signs --only _spin2

A mutant is a module with one operator, number or condition replaced, such as a + that has become a
-. Tests that pass all the same do not check that line. ``tests/mutants.toml`` has the modules and
their tests in groups, and lists the mutants that survive with the reason. The script prints those
that it does not list, and then ends with status 1.

cosmic-ray has the operators that make mutants. Its own runner starts a new interpreter for each,
which takes seconds to import numpy, scipy and astropy. Here pytest imports and collects the tests
once, and each mutant is tried in a fork of that process. Only the tests that run the changed line
are repeated, the quickest first, until one fails.

``--report FILE`` keeps the survivors, and ``--again FILE`` tries only these, after tests were
added.
"""

import argparse
import json
import os
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from mutant_code import make_mutants
from mutant_runner import KILLED, SURVIVED, TIMED_OUT, UNTESTED, MutantRunner

import lensmap

# Hypothesis does not look for the smallest example that fails.
os.environ["HYPOTHESIS_PROFILE"] = "mutants"

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = Path(lensmap.__file__).parent
# No cache, no plug-in that starts processes, and no printing of dots and failures by the forks.
_OPTIONS = [
    "-c", str(_ROOT / "pyproject.toml"), f"--rootdir={_ROOT}", "-o", "addopts=",
    "-o", "faulthandler_timeout=0", "--import-mode=importlib", "-m", "not slow",
    "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist",
]  # fmt: skip


def main() -> int:
    """Run the mutants of the groups that the command line names; return the exit status."""
    settings = tomllib.loads((_ROOT / "tests" / "mutants.toml").read_text())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", help=f"any of {', '.join(settings['groups'])}")
    parser.add_argument("--only", default="", metavar="TEXT", help="modules whose path has it")
    parser.add_argument("--report", type=Path, help="JSON file for the survivors")
    parser.add_argument("--again", type=Path, help="a report, whose survivors are tried again")
    options = parser.parse_args()
    again = None
    if options.again:
        again = {(m["file"], m["was"], m["now"]) for m in json.loads(options.again.read_text())}
    survivors = []
    for name in options.groups or settings["groups"]:
        for file, tests in settings["groups"][name].items():
            if options.only in file:
                survivors += _run_module(file, tests, settings, again)
    if options.report:
        options.report.write_text(json.dumps(survivors, indent=1) + "\n")
    return 1 if any(not mutant["listed"] for mutant in survivors) else 0


def _run_module(file: str, tests: list[str], settings: dict, again: set | None) -> list[dict]:
    """Try the mutants of a module, print how many survive, and return these."""
    mutants = list(make_mutants(_PACKAGE.parent / file, file, settings["skipped"]))
    if again is not None:
        mutants = [mutant for mutant in mutants if mutant.key in again]
    if not mutants:
        return []
    runner = MutantRunner(mutants, settings["limits"])
    before = _cpu_seconds()
    status = pytest.main([*_OPTIONS, *(str(_ROOT / test) for test in tests)], plugins=[runner])
    if status or len(runner.results) != len(mutants):
        sys.exit(f"pytest ended with status {int(status)} before the mutants were tried")
    count = Counter(result.outcome for result in runner.results)
    print(
        f"{file}: {len(mutants)} mutants, {count[KILLED]} killed, {count[TIMED_OUT]} timed out, "
        f"{count[SURVIVED]} survived, {count[UNTESTED]} run by no test, "
        f"{_cpu_seconds() - before:.0f} CPU-seconds",
        flush=True,
    )
    listed = {
        (file, was, now)
        for entry in settings["survivors"] if entry["file"] == file
        for was, now in entry["mutants"]
    }  # fmt: skip
    survivors = [r for r in runner.results if r.outcome in (SURVIVED, UNTESTED)]
    for result in survivors:
        mutant = result.mutant
        if mutant.key not in listed:
            # As an entry of the list.
            lines = ", ".join(json.dumps(text, ensure_ascii=False) for text in mutant.key[1:])
            print(f"  line {mutant.line}, {result.n_tests} tests pass:\n    [{lines}],")
    if again is None:
        for _, was, now in sorted(listed - {result.mutant.key for result in survivors}):
            print(f"  does not survive any more, remove it from the list:\n    {was}\n    {now}")
    return [
        {"file": file, "was": mutant.was, "now": mutant.now, "listed": mutant.key in listed,
         "line": mutant.line}
        for mutant in (result.mutant for result in survivors)
    ]  # fmt: skip


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    sys.exit(main())
