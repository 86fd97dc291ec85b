# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A directory in which no file can be created."""

import os


def deny_new_files(monkeypatch):
    """Let the system refuse to create files; a superuser may create them in any real directory."""
    opened = os.open

    def denied(path, flags, *more, **options):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", denied)
