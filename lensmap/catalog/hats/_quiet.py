# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading of many parts without a message for each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from astropy import log

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Leave messages below warnings out of astropy's log, in this thread."""
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        return record.thread != thread or record.levelno >= logging.WARNING

    log.addFilter(keep)
    try:
        yield
    finally:
        log.removeFilter(keep)
