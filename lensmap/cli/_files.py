# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of all files on the command line before any work begins, and the outputs of a command."""

import os
from contextlib import contextmanager
from pathlib import Path

from lensmap.cli._file_types import (
    InputCatalog,
    InputFile,
    InputFolder,
    InputMap,
    InputPart,
    MaybeFile,
    Output,
    OutputFile,
    OutputFolder,
    ReportFile,
)
from lensmap.cli._messages import OptionError
from lensmap.utils import ParameterError, atomic_writes, check_no_address

__all__ = [
    "check_files",
    "check_new_files",
    "input_files",
    "open_outputs",
    "report_files",
    "writes_results",
]


def check_files(arguments, options, outputs=None):
    """Check all files on the command line before any work begins.

    Inputs must exist. An output must not be an input or another output, its name must suit the
    kind of file, and its folder must exist and be writable.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command; values of the types in this module are files.
    options : dict
        The option, or the name of the positional argument, keyed by its ``dest``.
    outputs : iterable of str or None
        The ``dest`` names of the outputs to check. If None, all outputs and inputs are checked.

    Raises
    ------
    OptionError
        At the first file that cannot be used.
    """
    inputs = _files_of(arguments, (InputFile, MaybeFile))
    written = _files_of(arguments, Output)
    if outputs is None:
        _check_inputs(inputs, options)
    else:
        written = [(name, path) for name, path in written if name in outputs]
    for name, path in written:
        for other, source in inputs:
            if _is_same(path, source.file):
                kind = options[other]
                kind = f"the input file of {kind}" if kind.startswith("-") else kind
                raise OptionError(
                    name,
                    f"{options[name]}: {path!r} is {kind}, which would be lost: give another name",
                    "output_is_input",
                )
    for i, (name, path) in enumerate(written):
        _check_no_address(name, path, options[name])
        _check_name(name, path, options[name])
        for other, earlier in written[:i]:
            if _is_same(path, earlier):
                both = "" if name == other else f"{options[other]} and "
                raise OptionError(
                    name,
                    f"{both}{options[name]}: the file {path!r} is named twice: give different "
                    "names",
                    "same_output",
                )
        _check_place(name, path, options[name], arguments.overwrite)


def _check_inputs(inputs, options):
    for name, path in inputs:
        if isinstance(path, InputFile) and not Path(path.file).exists():
            _check_no_address(name, path, options[name])
            raise OptionError(
                name, f"{options[name]}: there is no file {str(path)!r}", "not_found"
            )


def _check_no_address(name, path, option):
    """Raise an OptionError if a path is the address of an object store or of a web page."""
    try:
        check_no_address(path, option)
    except ParameterError as error:
        raise OptionError(name, str(error), "not_found") from None


def check_new_files(paths, name, option, *, overwrite):
    """Check output files whose names the command chooses.

    Parameters
    ----------
    paths : iterable of path-like
        The files.
    name, option : str
        The ``dest`` and the name of the option that the files belong to.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    OptionError
        If a file exists and ``overwrite`` is False.
    """
    for path in paths:
        _check_existing(name, OutputFile(path), option, overwrite)


def input_files(arguments):
    """Return the ``dest`` and the path of each argument that is an existing input."""
    files = _files_of(arguments, (InputFile, MaybeFile, InputFolder))
    folders = InputCatalog, InputFolder, InputMap, InputPart
    return [
        (name, path.file) for name, path in files
        if Path(path.file).is_file() or (isinstance(path, folders) and Path(path.file).is_dir())
    ]


def report_files(arguments):
    """Return the paths of the files of ``--json``, ``--log`` and ``--save-config``."""
    return [path for _, path in _files_of(arguments, ReportFile)]


def writes_results(arguments):
    """Return whether the command line names files or folders for the results of the command."""
    return any(not isinstance(path, ReportFile) for _, path in _files_of(arguments, Output))


def _files_of(arguments, kinds):
    """Return a tuple (``dest``, path) for each argument whose type is one of ``kinds``.

    The items of arguments that are lists count separately.
    """
    return [
        (name, item)
        for name, value in vars(arguments).items()
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, kinds)
    ]


def _is_same(path, other):
    path, other = Path(path), Path(other)
    if path.resolve() == other.resolve():
        return True
    # Different names, such as hard links, may stand for the same file.
    return path.exists() and other.exists() and path.samefile(other)


def _check_name(name, path, option):
    try:
        path.check_name()
    except ParameterError as error:
        text = error.describe(lambda parameter, value: option)
        raise OptionError(name, text, "suffix") from error


def _check_place(name, path, option, overwrite):
    """Raise OptionError unless the file or folder ``path`` can be created.

    ``name`` is the ``dest`` of the option, ``option`` its name for messages, and ``overwrite``
    whether an existing file may be replaced.
    """
    if isinstance(path, OutputFolder):
        return _check_folder(name, Path(path), option)
    # A file that a symbolic link leads to is written to its own directory.
    place = Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)
    folder = place.parent
    if not folder.is_dir():
        raise OptionError(
            name,
            f"{option}: the directory {str(folder)!r} does not exist: create the directory first",
            "folder_missing",
        )
    _check_writable(name, folder, option)
    _check_existing(name, path, option, overwrite)


def _check_folder(name, folder, option):
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir():
        where = "" if existing == folder else f"{str(folder)!r} cannot be made, because "
        raise OptionError(
            name,
            f"{option}: {where}{str(_short(existing))!r} is a file, not a directory: give another "
            "name",
            "not_a_folder",
        )
    _check_writable(name, _short(existing), option)


def _short(path):
    """Return a path relative to the working directory if it lies within, otherwise unchanged."""
    absolute = path.absolute()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path


def _check_writable(name, folder, option):
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OptionError(
            name,
            f"{option}: cannot write to the directory {str(folder)!r}: no permission; use another "
            "directory",
            "permission",
        )


def _check_existing(name, path, option, overwrite):
    if not Path(path).exists():
        return
    if Path(path).is_dir():
        raise OptionError(
            name,
            f"{option}: {path!r} is a directory: give the name of a file",
            "not_a_file",
        )
    if not Path(path).is_file():
        raise OptionError(
            name,
            f"{option}: {path!r} is a device, pipe or socket, which a file cannot replace: give "
            "another name",
            "not_a_file",
        )
    if isinstance(path, OutputFile) and not overwrite:
        raise OptionError(
            name, f"{option}: the file {path!r} exists; --overwrite replaces it", "file_exists"
        )


@contextmanager
def open_outputs(arguments):
    """Open a temporary file for each output; if the block succeeds, these become the outputs.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.

    Yields
    ------
    dict
        The path of the temporary file of each output, `pathlib.Path`, keyed by the `OutputFile`
        among the arguments.
    """
    paths = [path for _, path in _files_of(arguments, OutputFile)]
    with atomic_writes(paths, overwrite=arguments.overwrite) as temporaries:
        yield dict(zip(paths, temporaries, strict=True))
