# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fifty bad and odd inputs, always the same; ``run.py`` runs as many as one likes."""

import pytest
from fuzz_runner import Runner

SEED, CASES, PER_TEST = 20, 50, 2
QUICK_CASES = 10  # the others are slow


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """The series, with what commands do without mutations."""
    runner = Runner(SEED, tmp_path_factory.mktemp("fuzz"), slow=False)
    yield runner
    runner.close()


@pytest.mark.parametrize(
    "first",
    [pytest.param(first, marks=pytest.mark.slow if first >= QUICK_CASES else ())
     for first in range(0, CASES, PER_TEST)],
)
def test_commands_obey_their_laws(runner, first):
    findings = [runner.run(index) for index in range(first, first + PER_TEST)]
    broken = [f"case {one.index}: {one.case.mutations}, {one.faults}\n{one.command}"
              for one in findings if one.faults]
    assert not broken, "\n".join(broken)
