# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Record of a command's run in its files and its JSON output."""

import re
import shlex
from pathlib import Path

from lensmap.cli._files import input_files, report_files
from lensmap.utils import file_digest, folder_digest, visible_files

__all__ = ["record_outputs", "record_run"]

# A path within a word, such as that of a file in --method PATH.py:Class(key=value).
_PATH = re.compile(r"[^\s,=:()]*/[^\s,=:()]+")


def record_run(arguments):
    """Describe the command line and the inputs of a run.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command. If ``record_paths`` is False, only the names of files are
        recorded, because paths may tell more of a person or machine than they should.

    Returns
    -------
    dict
        ``command``, the name of the command; ``command_line``; ``arguments``, the options of the
        run by their long names; and ``inputs``, a list with the option, the name, the size and the
        digest of each input file or folder.
    """
    full_paths = arguments.record_paths
    inputs = [
        {
            "option": arguments.option_names[name],
            "path": str(Path(path).absolute()) if full_paths else Path(path).absolute().name,
            **(folder_digest(path) if Path(path).is_dir() else file_digest(path)),
        }
        for name, path in input_files(arguments)
    ]
    return {
        "command": arguments.command,
        "command_line": shlex.join(
            ["lensmap", *(_shorten(word, full_paths) for word in arguments.words)]
        ),
        "arguments": {
            name: _shorten(value, full_paths) for name, value in arguments.settings.items()
        },
        "inputs": inputs,
    }


def record_outputs(result, arguments):
    """Describe the files that a command has written.

    Parameters
    ----------
    result : Result
        The result of the command.
    arguments : argparse.Namespace
        The arguments of the command. Its reports (``--json``, ``--log``, ``--save-config``) are
        left out.

    Returns
    -------
    list of dict
        The path, the size and the digest of each file. Those in the folder of the result have
        paths relative to it.
    """
    paths = [(str(path), Path(path)) for path in result.outputs]
    if result.folder is not None:
        paths += [(name, result.folder / name) for name in visible_files(result.folder)]
    reports = {Path(path).resolve() for path in report_files(arguments)}
    return [
        {"path": name, **(file_digest(path) if path.is_file() else {})}
        for name, path in paths if path.resolve() not in reports
    ]


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
