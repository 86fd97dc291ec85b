# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The arguments and input files of a run, for its JSON record."""

import re
from pathlib import Path

from lensmap.cli._files import input_files
from lensmap.utils import file_digest

__all__ = ["record_inputs"]

# A path within a word, such as that of a file in --method PATH.py:Class(key=value).
_PATH = re.compile(r"[^\s,=:()]*/[^\s,=:()]+")


def record_inputs(arguments, *, full_paths):
    """Describe the arguments and the input files of a run.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    full_paths : bool
        Whether files are recorded with their absolute paths. Otherwise only their names are
        recorded, because paths may tell more of a person or machine than they should.

    Returns
    -------
    dict
        ``arguments``, the options of the run by their long names, and ``inputs``, a list with the
        option, the name, the size and the digest of each input file.
    """
    inputs = [
        {
            "option": arguments.option_names[name],
            "path": str(Path(path).absolute()) if full_paths else Path(path).name,
            **file_digest(path),
        }
        for name, path in input_files(arguments)
    ]
    settings = {name: _shorten(value, full_paths) for name, value in arguments.settings.items()}
    return {"arguments": settings, "inputs": inputs}


def _shorten(value, full_paths):
    """Return the value of an option with its paths made absolute or reduced to names."""
    if isinstance(value, list):
        return [_shorten(item, full_paths) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match):
        path = Path(match[0])
        # Words such as the group of an HDF5 file contain slashes too, but are no paths.
        if not (path.is_absolute() or path.exists() or path.parent.exists()):
            return match[0]
        return str(path.absolute()) if full_paths else path.name

    return _PATH.sub(replace, value)
