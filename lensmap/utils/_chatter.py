# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What libraries say about themselves, below Python's own streams."""

import os
import sys
import tempfile
from contextlib import contextmanager

__all__ = ["kept_from_terminal"]


@contextmanager
def kept_from_terminal():
    """Keep what is written to the standard error stream in a block; show it if the block fails.

    Yields
    ------
    None
        Nothing.
    """
    try:
        sys.stderr.flush()
        own = os.dup(2)
    except (AttributeError, OSError):  # there is none
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(own, kept.read())
            raise
        finally:
            os.dup2(own, 2)
            os.close(own)
