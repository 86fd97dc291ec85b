# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""File arguments: a type for each kind of file, and checks before any work begins."""

import os
from contextlib import contextmanager
from pathlib import Path

from lensmap.cli._messages import OptionError
from lensmap.utils import ParameterError, atomic_writes, has_suffix, table_format

__all__ = [
    "InputFile",
    "InputFolder",
    "InputPart",
    "MaybeFile",
    "OutputField",
    "OutputFile",
    "OutputFolder",
    "OutputMask",
    "OutputPicture",
    "OutputRegions",
    "OutputSegments",
    "OutputTable",
    "ReportFile",
    "ResumedTable",
    "check_files",
    "check_new_files",
    "input_files",
    "open_outputs",
    "report_file",
    "report_files",
    "writes_results",
]


class InputFile(str):
    """A file that a command reads, and that must exist."""

    @property
    def file(self):
        """The path of the file."""
        return str(self)


class InputPart(InputFile):
    """A file that a command reads, optionally with a part of it: ``file.fits:HDU``."""

    @property
    def file(self):
        """The path of the file, without the name of the part."""
        from lensmap.masks import as_path_and_part

        return str(as_path_and_part(self)[0])


class MaybeFile(str):
    """A word that may, but need not, be the name of a file that a command reads.

    An example is the value of ``--method``: the name of an estimator, or a Python file.
    """

    @property
    def file(self):
        """The word as the path of a file, which need not exist."""
        return str(self)


class InputFolder(str):
    """A folder that a command reads, optionally with its share of a whole: ``DIR:PART``."""

    @property
    def file(self):
        """The path of the folder, without the share."""
        path, colon, part = self.rpartition(":")
        return str(self) if not colon or "/" in part else path


class _Output(str):
    """A file or folder that a command writes."""

    def check_name(self):
        """Raise a ParameterError if the name does not suit the kind of file."""


class OutputFile(_Output):
    """A file that is written completely or not at all, and replaced only with ``--overwrite``."""


class OutputTable(OutputFile):
    """A file with a table, in the format of its suffix."""

    def check_name(self):
        """Check the suffix."""
        table_format(self)


class OutputPicture(OutputFile):
    """A file with a picture that matplotlib draws."""

    def check_name(self):
        """Check the suffix, and that matplotlib is installed."""
        from lensmap.plotting import check_picture

        check_picture(self)


class OutputField(OutputFile):
    """A file with a `lensmap.simulate.LensingField`, in the format of its suffix."""

    def check_name(self):
        """Check the suffix."""
        from lensmap.simulate import field_format

        field_format(self)


class OutputRegions(OutputFile):
    """A region file of circles, written by `lensmap.peaks.write_regions`."""

    def check_name(self):
        """Check the suffix."""
        from lensmap.peaks import region_format

        region_format(self)


class OutputSegments(OutputFile):
    """A region file of line segments for DS9; CARTA's format has no line segments."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, (".reg", ".ds9")):
            raise ParameterError("path", ".reg or .ds9", repr(str(self)), verb="end in")


class OutputMask(OutputFile):
    """A FITS file with a mask as an image."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, (".fits", ".fits.gz")):
            raise ParameterError("path", ".fits or .fits.gz", repr(str(self)), verb="end in")


class ResumedTable(_Output):
    """An ECSV file with a table; if it exists, the command resumes the run that wrote it."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, (".ecsv",)):
            raise ParameterError("path", ".ecsv", repr(str(self)), verb="end in")


class OutputFolder(_Output):
    """A folder, created if it does not exist."""


class ReportFile(_Output):
    """The file of ``--json``, ``--log`` or ``--save-config``.

    `check_files` allows an existing file; the function that writes the file may refuse it.
    """


def report_file(text):
    """Return a word as a `ReportFile`; return ``-``, the standard output, unchanged."""
    return text if text == "-" else ReportFile(text)


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
    written = _files_of(arguments, _Output)
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
            raise OptionError(
                name, f"{options[name]}: there is no file {str(path)!r}", "not_found"
            )


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
    return [
        (name, path.file) for name, path in files
        if Path(path.file).is_file() or (isinstance(path, InputFolder) and Path(path.file).is_dir())
    ]


def report_files(arguments):
    """Return the paths of the files of ``--json``, ``--log`` and ``--save-config``."""
    return [path for _, path in _files_of(arguments, ReportFile)]


def writes_results(arguments):
    """Return whether the command line names files or folders for the results of the command."""
    return any(not isinstance(path, ReportFile) for _, path in _files_of(arguments, _Output))


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
