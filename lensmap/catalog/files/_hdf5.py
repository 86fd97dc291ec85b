# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tables in HDF5 files: datasets of rows, and groups that hold one dataset for each column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Column
from astropy.table.meta import get_header_from_yaml

from lensmap.catalog.files._source import TableSource, choose_table, make_column
from lensmap.catalog.files._versions import name_version
from lensmap.utils import (
    CatalogWarning,
    ParameterError,
    check_memory,
    import_optional,
    list_names,
    printable,
    warn_user,
)

if TYPE_CHECKING:
    import h5py

__all__ = ["open_hdf5"]

# astropy writes the units and the metadata of a table into a dataset of this suffix beside it.
_HEADER = ".__table_column_meta__"


@contextmanager
def open_hdf5(
    path: str, suits: Callable[[list[str]], bool] | None, within: str | None = None
) -> Iterator[TableSource]:
    """Open a table in an HDF5 file.

    Parameters
    ----------
    path : str
        The file.
    suits : callable or None
        A function that takes column names and returns whether a table with these columns can be
        used, which chooses among several tables of the file. If None, any table can be used.
    within : str or None
        The path of a dataset of rows, or of a group whose datasets are columns. A group without
        datasets stands for the tables below it or, if none of these has the needed columns, for
        one table of all datasets below it, with names such as ``"gold/ra"``. If None, the only
        table of the file that has the needed columns.

    Yields
    ------
    TableSource
        The table.

    Raises
    ------
    ImportError
        If h5py is not installed.
    ValueError
        If no table can be chosen.
    """
    h5py = import_optional("h5py", purpose="a table in HDF5", install="h5py")
    with h5py.File(path, "r") as file:
        if within is None:
            tables = _tables_below(file, "", path)
        else:
            place = within.strip("/")
            item = _at(file, within, path)
            tables = _tables_below(item, place, path)
            if len(tables) > 1:
                tables = _narrowed(tables, item, place, path, suits)
        chosen = choose_table(tables, suits, path, "path")
        yield name_version(chosen, file[chosen.key].parent if chosen.key in file else ())


def _at(file: h5py.File, within: str, path: str) -> Any:
    """Return the group, or the dataset of rows, at the path ``within`` in a file.

    ``path`` is the name of the file, for messages. A ParameterError is raised if there is no group
    or dataset of rows at this path.
    """
    item = _linked(file, within)
    if item is None or (hasattr(item, "dtype") and item.dtype.names is None):
        found = "which is one column" if item is not None else "which is not in the file"
        tables = list_names(table.key for table in _tables_below(file, "", path))
        raise ParameterError(
            "path",
            f"the path of a table (a group of columns, or a dataset of rows) in {path!r}",
            f"{printable(within)!r}, {found}",
            f"the file has {tables or 'no table'}",
        )
    return item


def _linked(group: Any, name: str) -> Any:
    """Return a member of a group; None if it does not exist or is a broken link."""
    try:
        return group[name]
    except (KeyError, OSError, ValueError):
        return None


def _tables_below(root: Any, place: str, path: str) -> list[TableSource]:
    """Return all tables in ``root``, a file, group or dataset; those of a group itself come first.

    ``place`` is the path of ``root`` in the file, and ``path`` the name of the file.
    """
    if hasattr(root, "dtype"):
        return [_source_of_rows(root, place, path)]
    tables = []
    for group, name, datasets in _groups_below(root, place, set()):
        columns = {key: item for key, item in datasets.items() if _is_column(item, key)}
        if columns:
            tables.append(_source_of_group(group, name, path, columns))
        for key, item in datasets.items():
            if item.ndim == 1 and item.dtype.names is not None:
                tables.append(_source_of_rows(item, _joined(name, key), path))
    return tables


def _groups_below(
    group: Any, place: str, seen: set[tuple[int, int]]
) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """Iterate over a group and all groups below it, with their places and their datasets.

    Links are followed, as the files of some surveys consist of links. Each group is visited once.

    Yields
    ------
    group : h5py.Group
        The group.
    place : str
        Its path in the file.
    datasets : dict
        The datasets of the group by name.
    """
    from h5py import h5o

    about = h5o.get_info(group.id)
    if (about.fileno, about.addr) in seen:
        return
    seen.add((about.fileno, about.addr))
    members = {name: _linked(group, name) for name in group}
    yield group, place, {name: item for name, item in members.items() if hasattr(item, "ndim")}
    for name, item in members.items():
        if hasattr(item, "keys"):
            yield from _groups_below(item, _joined(place, name), seen)


def _joined(place: str, name: str) -> str:
    return f"{place}/{name}".strip("/")


def _narrowed(
    tables: list[TableSource],
    group: Any,
    place: str,
    path: str,
    suits: Callable[[list[str]], bool] | None,
) -> list[TableSource]:
    """Return the tables among which to choose if the user names a group.

    If datasets of the group itself are columns, they are the only table. Otherwise, the result is
    ``tables``, all tables below the group, or, if none of these has the needed columns, one table
    of all datasets below the group. ``place`` is the path of the group in the file, and ``path``
    the name of the file.
    """
    own = [table for table in tables if table.key == place]
    if own:
        return own
    if any(suits is None or suits(table.colnames) for table in tables):
        return tables
    columns = {
        _joined(name, key): item
        for _, name, datasets in _groups_below(group, "", set())
        for key, item in datasets.items()
        if _is_column(item, key)
    }
    return [_source_of_group(group, place, path, columns)]


def _is_column(item: Any, name: str) -> bool:
    return bool(item.ndim >= 1 and item.dtype.names is None and not name.endswith(_HEADER))


def _source_of_group(
    group: Any, place: str, path: str, datasets: dict[str, Any]
) -> TableSource:
    def read(
        wanted: list[str], start: int = 0, stop: int | None = None
    ) -> dict[str, Column]:
        if stop is None:
            _check_size({name: datasets[name].nbytes for name in wanted}, path)
        if start == 0:  # once, and not for each part
            _check_other_files({name: datasets[name] for name in wanted}, path)
        rows = () if stop is None else slice(start, stop)
        return {
            name: make_column(
                datasets[name][rows],
                name,
                datasets[name].attrs.get("unit", datasets[name].attrs.get("units")),
            )
            for name in wanted
        }

    lengths = {dataset.shape[0] for dataset in datasets.values()}
    return TableSource(
        path,
        list(datasets),
        read,
        meta=_plain(group.attrs),
        place=f"the group '/{printable(place)}'",
        key=place or "/",
        n_rows=lengths.pop() if len(lengths) == 1 else None,
        read_rows=read,
    )


def _source_of_rows(dataset: Any, place: str, path: str) -> TableSource:
    header = dataset.file.get(f"{dataset.name}{_HEADER}")
    if header is not None:
        lines = [line.decode("utf-8") for line in header[()]]
    else:  # astropy before 3.0
        lines = [line.decode("utf-8") for line in dataset.attrs.get(_HEADER.lstrip("."), ())]
    described = get_header_from_yaml(lines) if lines else {}
    units = {item["name"]: item.get("unit") for item in described.get("datatype", ())}
    meta = dict(described.get("meta", {})) if lines else _plain(dataset.attrs)
    masks = {f"{name}.mask" for name in dataset.dtype.names} & set(dataset.dtype.names)
    names = [name for name in dataset.dtype.names if name not in masks]

    def read(
        wanted: list[str], start: int = 0, stop: int | None = None
    ) -> dict[str, Column]:
        if stop is None:
            _check_size({place: dataset.nbytes}, path)
        if start == 0:  # once, and not for each part
            _check_other_files({place: dataset}, path)
        selected = () if stop is None else slice(start, stop)
        fields = [*wanted, *(f"{name}.mask" for name in wanted if f"{name}.mask" in masks)]
        # One field would come without its name.
        rows = dataset.fields(fields if len(fields) > 1 else fields[0])[selected]
        values = {field: rows[field] for field in fields} if len(fields) > 1 else {fields[0]: rows}
        return {
            name: make_column(
                np.ascontiguousarray(values[name]),
                name,
                units.get(name),
                values.get(f"{name}.mask"),
            )
            for name in wanted
        }

    where = f"the dataset '/{printable(place)}'"
    return TableSource(
        path, names, read, meta=meta, place=where, key=place, n_rows=dataset.shape[0],
        read_rows=read,
    )


def _check_size(sizes: dict[str, int], path: str) -> None:
    """Raise MemoryError if columns, given by their sizes in bytes, do not fit into memory."""
    largest = max(sizes, key=lambda name: sizes[name])
    check_memory(
        sum(sizes.values()),
        f"the columns of {path!r} (the largest is {printable(largest)!r})",
        "read the catalog in parts, with ShearGrid.from_chunks",
    )


def _check_other_files(datasets: dict[str, Any], path: str) -> None:
    """Warn about data that lie in other files, and raise ValueError if those are missing.

    Of a virtual dataset whose files are missing, HDF5 would return zeros.
    """
    sources: dict[str, None] = {}
    for name, dataset in datasets.items():
        used = []
        if dataset.is_virtual:
            used += [source.file_name for source in dataset.virtual_sources()]
        used += [source[0] for source in dataset.external or ()]
        folder = Path(dataset.file.filename).parent
        files = [str(folder / source) for source in used if source != "."]
        missing = [source for source in files if not Path(source).is_file()]
        if missing:
            raise ValueError(
                f"the column {printable(name)!r} of {path!r} takes its values from the file "
                f"{printable(missing[0])!r}, which does not exist: put the files of the catalog "
                "into one folder"
            )
        if not Path(dataset.file.filename).samefile(path):
            files.append(dataset.file.filename)
        sources.update(dict.fromkeys(files))
    if sources:
        warn_user(
            f"the catalog file {path!r} takes columns from other files, "
            f"{list_names(sources, 4)}, which the checksum of the file in records does not cover",
            CatalogWarning,
            "other_files",
        )


def _plain(attributes: Any) -> dict[str, Any]:
    """Return the attributes of an HDF5 group or dataset as Python's strings and numbers."""
    meta = {}
    for key in attributes:
        try:
            value = attributes[key]
        except (OSError, TypeError, ValueError):  # a type that h5py does not know
            continue
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        meta[key] = value.item() if isinstance(value, np.generic) else value
    return meta
