# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The page on stability must name every public package once."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "stability.rst"
LISTED = (Path(__file__).parent / "public_names.txt").read_text(encoding="utf-8").split()

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the docs are not installed")


def test_every_public_package_is_stable_or_experimental():
    text = PAGE.read_text(encoding="utf-8")
    _, stable, experimental = re.split(r"\nStable\n-+\n|\nExperimental\n-+\n", text)
    stable, experimental = (
        set(re.findall(r"``lensmap\.([a-z]+)``", part)) for part in (stable, experimental)
    )
    packages = {name.split(".")[1] for name in LISTED}
    assert stable | experimental == packages
    assert not stable & experimental
