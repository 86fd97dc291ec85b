# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shell commands of the pages and of the README do what they say."""

import os
import re
import shlex
from importlib.resources import files
from pathlib import Path

import pytest
from astropy.table import Table

from lensmap.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    page
    for page in [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]
    if "gallery" not in page.parts  # made from the tutorials, which run when the pages are made
    and re.search(r"^ +\$ lensmap ", page.read_text(), flags=re.MULTILINE)
]

# A dozen commands, or a whole validation. Each command has quick tests of its own in tests/cli.
SLOW = {"command_line", "validation"}


def commands(page):
    """Return the words of each line that begins with ``$ lensmap``."""
    text = page.read_text().replace("\\\n", " ")
    return [
        shlex.split(line)
        for line in re.findall(r"^ +\$ lensmap (.*)$", text, flags=re.MULTILINE)
    ]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[pytest.mark.slow] if page.stem in SLOW else [])
        for page in PAGES
    ],
)
def test_commands_of_a_page_succeed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # One worker, which is this process: new ones would spend most of their time on imports.
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    table = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
    table.meta.clear()
    table.write("shear.fits")
    for words in commands(page):
        if words == ["--version"]:
            continue  # argparse ends the process
        assert main(words) == 0, words
