# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All products of a survey map, written in one pass over its blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lensmap.maps import HealpixMap
from lensmap.survey.products._blocks import Block, Cell, cells_of, map_blocks
from lensmap.survey.products._folders import new_folder
from lensmap.survey.products._healpix_table import HealpixTable
from lensmap.survey.products._healsparse import HealSparseFile
from lensmap.survey.products._hips import HipsFolder
from lensmap.survey.products._moc import MocFile
from lensmap.survey.products._survey import Survey
from lensmap.utils import ParameterError, ParameterTypeError, atomic_writes

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["write_products"]

_Product: TypeAlias = HealSparseFile | HealpixTable | HipsFolder | MocFile


def write_products(
    products: Sequence[_Product],
    source: HealpixMap | Iterable[Block],
    nside: int | None = None,
    *,
    meta: dict | None = None,
    overwrite: bool = False,
) -> None:
    """Write a survey map to files in one pass, with little memory.

    No file gets its final name before all are complete. After an error, all files are as they were
    before the call.

    Parameters
    ----------
    products : sequence of HealSparseFile, HealpixTable, HipsFolder or MocFile
        The products, each with its path and its layers.
    source : HealpixMap or iterable of Block
        The map, in the frame ``"icrs"``. Its layers are ``kappa`` and ``mask``, and ``kappa_b``,
        ``error`` and ``counts`` if the map has them. Or the blocks of a map that does not fit into
        the memory, in the order of the nested index.
    nside : int or None
        The resolution of the blocks. None for a `~lensmap.maps.HealpixMap`.
    meta : dict or None
        The metadata that the files record. None takes those of the map, or none.
    overwrite : bool
        Whether to replace existing files.

    Raises
    ------
    FileExistsError
        If a file exists and ``overwrite`` is False.
    ImportError
        If a product needs a package that is not installed.
    TypeError, ValueError
        If a layer is missing, if blocks are not in order, or if no product has any data.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from lensmap.maps import HealpixMap
    >>> from lensmap.survey import HealSparseFile, HealpixTable, write_products
    >>> kappa = HealpixMap(np.full(1000, 0.1), 256, index=np.arange(1000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_products([HealSparseFile(f"{folder}/kappa.hsp", "kappa"),
    ...                     HealpixTable(f"{folder}/kappa.fits", ["kappa"])], kappa)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['kappa.fits', 'kappa.hsp']
    """
    _check_products(products)
    if isinstance(source, HealpixMap):
        if nside not in (None, source.nside):
            raise ParameterError("nside", f"None or that of the map, {source.nside}", str(nside))
        nside, blocks = source.nside, map_blocks(source)
        meta = source.meta if meta is None else meta
    elif nside is None:
        raise ParameterTypeError("nside", "given with blocks", "None")
    else:
        blocks = iter(source)
    cells = cells_of(blocks, nside)
    first = next(cells, None)
    if first is None:
        raise _no_data()
    survey = Survey(
        nside, {name: values.dtype for name, values in first.layers.items()}, dict(meta or {})
    )
    for product in products:
        product._check(survey)
    _write(products, survey, chain([first], cells), overwrite)


def _check_products(products):
    """Check that there are products, each with a path of its own."""
    for product in products:
        if not isinstance(product, _Product):
            raise ParameterTypeError(
                "products", "of HealSparseFile, HealpixTable, HipsFolder and MocFile",
                type(product).__name__, verb="consist",
            )
    paths = [_path(product).resolve() for product in products]
    repeated = [path for path in paths if paths.count(path) > 1]
    if repeated:
        raise ParameterError(
            "products", "written to different paths", f"two to {str(repeated[0])!r}"
        )


def _path(product: _Product) -> Path:
    path: PathLike = product.folder if isinstance(product, HipsFolder) else product.path
    return Path(path)


def _write(
    products: Sequence[_Product], survey: Survey, cells: Iterator[Cell], overwrite: bool
) -> None:
    folders = [product for product in products if isinstance(product, HipsFolder)]
    files = [product for product in products if not isinstance(product, HipsFolder)]
    with ExitStack() as stack:
        # What is entered first gets its final name last.
        paths: list[Path] = [
            *stack.enter_context(atomic_writes(map(_path, files), overwrite=overwrite)),
            *(stack.enter_context(new_folder(_path(folder), overwrite=overwrite))
              for folder in folders),
        ]
        add = [stack.enter_context(product._writing(path, survey))
               for product, path in zip([*files, *folders], paths, strict=True)]
        has_data = False
        for cell in cells:
            # All products get each cell.
            has_data = any([add_to(cell) for add_to in add]) or has_data
        if add and not has_data:
            raise _no_data()


def _no_data():
    return ParameterError(
        "source", "at least one pixel with data", "none", "check the mask of the map", verb="have"
    )
