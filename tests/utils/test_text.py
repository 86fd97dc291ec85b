# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""No text from files reaches a terminal with its control characters."""

import pytest

from lensmap.utils import (
    LensmapWarning,
    ParameterError,
    RunError,
    printable,
    printable_lines,
    warn_user,
)

EVIL = "e1\x1b]0;title\x07\x1b[31m\r\b\x9b2J\N{RIGHT-TO-LEFT OVERRIDE}"


def test_printable():
    assert printable(EVIL).isprintable() and printable("\x1b[31m") == "\\x1b[31m"
    assert printable("κ µ ü \N{MINUS SIGN}") == "κ µ ü \N{MINUS SIGN}"
    assert printable_lines(f"a\n\tb {EVIL}\n") == f"a\n    b {printable(EVIL)}\n"


@pytest.mark.parametrize(
    "error",
    [ParameterError("columns", f"not {EVIL}", EVIL, EVIL), ParameterError(EVIL, "x"),
     RunError(f"the folder {EVIL}")],
)
def test_errors(error):
    assert str(error).isprintable() and error.to_record()["message"].isprintable()


def test_warnings():
    with pytest.warns(LensmapWarning) as caught:
        warn_user(f"the column {EVIL}", LensmapWarning)
    assert str(caught[0].message).isprintable()
