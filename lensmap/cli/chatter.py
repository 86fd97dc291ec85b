# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""TensorFlow greets its user with a dozen lines about the machine: not between ours."""

import os
import sys
import tempfile
from contextlib import contextmanager

__all__ = ["load_networks"]


def load_networks():
    """Load what networks need, without TensorFlow's greeting; an error is told as it is."""
    # Warnings and what is worse are for those who ask for them.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _kept_from_terminal():
        from lensmap.networks import load_network  # noqa: F401


@contextmanager
def _kept_from_terminal():
    """Keep what libraries write to the standard error stream; show it if all fails."""
    try:
        sys.stderr.flush()
        own = os.dup(2)
    except OSError:  # there is none
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
