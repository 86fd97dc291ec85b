# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The further files of a survey map, which are written to its folder by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lensmap.survey.products import HealpixTable, HipsFolder, MocFile
from lensmap.utils import ParameterError, ParameterTypeError, atomic_write, import_optional

__all__ = [
    "FURTHER_FILES", "check_nside", "check_products", "draw_picture", "further_products",
]

#: The names of further files and folders in the folder of a survey.
FURTHER_FILES = {
    "fits": "maps.fits", "hips": "hips", "moc": "moc.fits", "picture": "kappa.png",
}

# The lowest resolution of a HiPS, whose tiles have 512 pixels a side.
_MIN_HIPS_NSIDE = 512


def check_products(products: Any) -> tuple[bool, tuple[str, ...]]:
    """Check which files a survey map is written to, and that their packages are installed.

    Parameters
    ----------
    products : object
        True for the HealSparse files, False for no files, or the names of further files, a str or a
        sequence.

    Returns
    -------
    write : bool
        Whether files are written.
    names : tuple of str
        The names of the further files.

    Raises
    ------
    TypeError, ValueError
        If a name is not one of ``FURTHER_FILES``.
    ImportError
        If a package is not installed.
    """
    write, names = True, tuple[str, ...]()
    if isinstance(products, bool):
        write = products
    elif isinstance(products, Iterable):
        given = [products] if isinstance(products, str) else list(products)
        names = tuple(dict.fromkeys(given))
        for name in names:
            if name not in FURTHER_FILES:
                raise ParameterError(
                    "products", f"of {', '.join(FURTHER_FILES)}", repr(name), verb="consist"
                )
    else:
        raise ParameterTypeError(
            "products", f"True, False or names of {', '.join(FURTHER_FILES)}",
            type(products).__name__,
        )
    install = "'lensmap[survey,plot]'"
    if write:
        import_optional("healsparse", purpose="a survey map", install=install)
    if {"moc", "hips"} & {*names}:
        import_optional("mocpy", purpose="a coverage map", install=install)
    if "picture" in names:
        import_optional("skyproj", purpose="a picture of the sky", install=install)
    return write, names


def check_nside(names: Sequence[str], nside: int) -> None:
    """Raise a ParameterError if a map is too coarse for one of the further files."""
    if "hips" in names and nside < _MIN_HIPS_NSIDE:
        raise ParameterError(
            "nside", f"at least {_MIN_HIPS_NSIDE} for a HiPS", str(nside),
            "leave out the HiPS, or use smaller pixels",
        )


def further_products(
    names: Sequence[str], folder: Path, layers: Iterable[str], title: str
) -> list[Any]:
    """Return the further products of a survey, apart from the picture.

    Parameters
    ----------
    names : sequence of str
        Their names.
    folder : `pathlib.Path`
        The folder of the survey.
    layers : iterable of str
        The layers of the map.
    title : str
        The title of the HiPS.

    Returns
    -------
    list
        The products for `write_products`.
    """
    columns = [name for name in layers if name != "mask"]
    make = {
        "fits": lambda path: HealpixTable(path, columns),
        "hips": lambda path: HipsFolder(path, title=title),
        "moc": lambda path: MocFile(path),
    }
    return [make[name](folder / FURTHER_FILES[name]) for name in names if name in make]


def draw_picture(folder: Path, title: str) -> None:
    """Draw the convergence of ``kappa.hsp`` in the folder of a survey."""
    from lensmap.plotting import plot_sky, write_picture

    sky = plot_sky(folder / "kappa.hsp", title=title)
    with atomic_write(folder / FURTHER_FILES["picture"], overwrite=True) as temporary:
        write_picture(sky.ax.figure, temporary, tight=True)
