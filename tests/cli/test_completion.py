# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shell completes commands, options, choices and files."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("argcomplete")

# What the shell's function does, for several lines in one process, because argcomplete takes the
# descriptors 8 and 9.
CODE = """
import functools, json, os, sys
import argcomplete
from lensmap.cli import main

def end(code):
    raise KeyboardInterrupt

argcomplete.autocomplete = functools.partial(argcomplete.autocomplete, exit_method=end)
found = []
for line, first in json.load(sys.stdin):
    os.environ.update({
        "_ARGCOMPLETE": str(first), "_ARGCOMPLETE_IFS": "\\n", "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_STDOUT_FILENAME": "found", "COMP_LINE": line, "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    })
    try:
        main()
    except KeyboardInterrupt:
        found.append([word.strip() for word in open("found").read().split("\\n")])
sys.modules["argcomplete"] = None
os._exit = end
os.remove("found")
try:
    main()
except KeyboardInterrupt:
    found.append(os.path.exists("found"))
print(json.dumps(found))
"""

LINES = [
    ("lensmap re", 1, {"reconstruct"}, {"peaks"}),
    ("python -m lensmap re", 3, {"reconstruct"}, {"peaks"}),
    ("lensmap simulate ", 1, {"fields", "survey", "cluster"}, {"train"}),
    ("lensmap profile cat.fits --z-", 1, {"--z-lens", "--z-source"}, {"--radii"}),
    ("lensmap peaks k.fits --by ", 1, {"snr", "kappa"}, set()),
    ("lensmap check ca", 1, {"cat.fits"}, {"dog.fits"}),
]


def test_completions(tmp_path):
    for name in ("cat.fits", "dog.fits"):
        (tmp_path / name).touch()
    lines = json.dumps([(line, first) for line, first, _, _ in LINES])
    done = subprocess.run([sys.executable, "-c", CODE], input=lines, cwd=tmp_path, text=True,
                          stdout=subprocess.PIPE, check=True)
    *found, without_argcomplete = json.loads(done.stdout)
    for (line, _, offered, others), words in zip(LINES, found, strict=True):
        assert offered <= set(words), line
        assert not others & set(words), line
    assert without_argcomplete is False
