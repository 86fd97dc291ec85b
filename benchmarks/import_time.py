# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``import lensmap``, and its first name, in a new interpreter."""

import subprocess
import sys

from timing import report, say_machine, timed


def main():
    """Print the table."""
    say_machine()
    for code, target in (
        ("pass", None),
        ("import lensmap", 1),
        ("from lensmap import KaiserSquires, ShearCatalog", None),
    ):
        command = [sys.executable, "-c", code]
        report(f"python -c {code!r}", timed(lambda: subprocess.run(command, check=True), 5), target)


if __name__ == "__main__":
    main()
