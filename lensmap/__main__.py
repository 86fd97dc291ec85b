# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``python -m lensmap`` is the ``lensmap`` command."""

import sys

from lensmap.cli import main

if __name__ == "__main__":
    sys.exit(main())
