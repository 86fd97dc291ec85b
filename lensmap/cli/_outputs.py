# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files that a command writes: checked before the work, there whole or not at all."""

from contextlib import ExitStack, contextmanager

from lensmap.cli._tables import table_format
from lensmap.utils import atomic_write

__all__ = ["check_folder", "check_outputs", "open_outputs", "say_outputs"]


def check_folder(folder, option="--output"):
    """Refuse a file where a folder shall be made.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder, which need not be there.
    option : str
        What it was given by.

    Raises
    ------
    NotADirectoryError
        If it, or a folder that it shall be in, is a file.
    """
    place = next(place for place in (folder, *folder.parents) if place.exists())
    if not place.is_dir():
        where = "" if place == folder else f"{str(folder)!r} cannot be made, because "
        raise NotADirectoryError(f"{option}: {where}{str(place)!r} is a file, not a directory")


def check_outputs(arguments):
    """Check the suffixes of ``--output``, a table, and ``--plot``, a picture, if they are given."""
    if arguments.output is not None:
        table_format(arguments.output)
    if arguments.plot is not None:
        from lensmap.plotting import check_picture

        check_picture(arguments.plot)


@contextmanager
def open_outputs(arguments, *names):
    """Give temporary names for those of some options that are given, by the option's name."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(atomic_write(path, overwrite=arguments.overwrite))
            for name in names
            if (path := getattr(arguments, name)) is not None
        }


def say_outputs(arguments, *names):
    """Print which files were written, if any."""
    paths = [str(path) for name in names if (path := getattr(arguments, name)) is not None]
    if paths:
        print(f"written: {', '.join(paths)}")
