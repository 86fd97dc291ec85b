# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Python files that users name by their path, loaded in this process and in its workers."""

import hashlib
import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

__all__ = ["code_digest", "code_files_of", "load_code_file"]

# The names of the modules hold a digest of path and content, so that no two files share a module,
# no file hides an installed module, and pickled objects show which files they need.
_NAME = re.compile(rb"lensmap_code_file_[0-9a-f]{24}")

_DIGESTS: dict[str, str] = {}  # of the contents, keyed by the names of the modules


def load_code_file(path: str | Path, name: str | None = None) -> ModuleType:
    """Execute a Python file, and return its module.

    While the file is executed, it can import the modules in its folder. Neither the folder nor
    these modules can be imported afterwards, so that the modules of two folders are not confused.

    Parameters
    ----------
    path : path-like
        The file. The same content at the same path is executed once.
    name : str or None
        The name of the module, if another process has loaded the file and its content must be the
        same. None for no comparison.

    Returns
    -------
    module
        The module.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the content is not that of the module ``name``.
    Exception
        All errors of the code in the file.
    """
    path = Path(path).resolve()
    content = path.read_bytes()
    own_name = _module_name(path, content)
    if name not in (None, own_name):
        raise ValueError(
            f"the file {str(path)!r} is not the one with which the run began: change no files "
            "while a run works, and repeat the call"
        )
    if own_name in sys.modules:
        return sys.modules[own_name]
    module = ModuleType(own_name)
    module.__file__ = str(path)
    _DIGESTS[own_name] = hashlib.sha256(content).hexdigest()[:16]
    # Compiled from the bytes of the digest: cached bytecode may be that of an earlier version.
    code = compile(content, str(path), "exec")
    sys.modules[own_name] = module
    try:
        with _modules_of(path.parent):
            exec(code, module.__dict__)  # noqa: S102  the user names the file in order to run it
    except BaseException:
        del sys.modules[own_name]
        raise
    return module


def _module_name(path: Path, content: bytes) -> str:
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape") + b"\0" + content)
    return f"lensmap_code_file_{digest.hexdigest()[:24]}"


@contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """Let code import the modules of a folder for a moment."""
    if any(Path(entry).resolve() == folder for entry in sys.path):
        yield
        return
    before = set(sys.modules)
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        sys.path_importer_cache.pop(str(folder), None)
        for name in set(sys.modules) - before:
            source = getattr(sys.modules[name], "__file__", None)
            if source is not None and Path(source).resolve().is_relative_to(folder):
                if not _NAME.fullmatch(name.encode()):
                    del sys.modules[name]


def code_files_of(pickled: bytes) -> dict[str, str]:
    """Return the files that a process must load before it can unpickle objects.

    Parameters
    ----------
    pickled : bytes
        The pickled objects.

    Returns
    -------
    dict
        The path of each file, keyed by the name of its module, for `load_code_file`.
    """
    names = sorted({match.decode() for match in _NAME.findall(pickled)} & sys.modules.keys())
    return {name: str(sys.modules[name].__file__) for name in names}


def code_digest(cls: type) -> str | None:
    """Return a digest of the file that defines a class.

    Parameters
    ----------
    cls : type
        The class.

    Returns
    -------
    str or None
        The first digits of the SHA-256 checksum of the file; None for classes of packages.
    """
    return _DIGESTS.get(cls.__module__)
