# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The examples in the help of each command are valid, and the first ones run."""

import shlex

import pytest
from survey_files import demo_galaxies

from lensmap.cli import main
from lensmap.cli._parser import _COMMANDS, parse_words

#: Commands whose first example runs on a small catalog within seconds, in this order.
QUICK = ("reconstruct", "check", "peaks", "profile", "filaments", "verify")


def commands(modules=_COMMANDS):
    """Yield the module of each command and subcommand."""
    for module in modules:
        yield module
        yield from commands(getattr(module, "COMMANDS", ()))


def examples(module):
    """Return the examples of a command, each as a list of words."""
    block = module.EXAMPLES.split("\n\n")[0].replace("\\\n", " ")
    lines = [line.strip() for line in block.splitlines()[1:]]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize(
    "module", list(commands()), ids=lambda module: module.__name__.split("._")[-1]
)
def test_examples_are_valid(module):
    for words in examples(module):
        assert parse_words(words).run is not None, words


def test_first_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    galaxies = demo_galaxies()
    galaxies.meta |= {"CONVENTN": "celestial", "KIND": "shear"}
    galaxies.write("shear.fits")
    first = {module.NAME: examples(module)[0] for module in _COMMANDS}
    for name in QUICK:
        assert main(first[name]) == 0, first[name]
