# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Galaxies of a HATS folder, of which those near the lenses are read."""

from pathlib import Path

import numpy as np

from lensmap.cli._inputs import folder_options, numbers_of_declaration
from lensmap.cli._source_options import EACH_LENS, check_source_arguments
from lensmap.utils import add_provenance, unit_vectors, without_warnings

__all__ = ["open_folder", "reads_near_lenses"]

# The galaxies on which the sign convention is tested, those of the partitions near a lens.
_MAX_TESTED = 500_000


def reads_near_lenses(arguments):
    """Return whether the catalog is a HATS folder of which a profile needs no other galaxies.

    A selection of the whole catalog, and its distribution of redshifts, need all galaxies.
    """
    if not Path(arguments.catalog).is_dir():
        return False
    if arguments.behind is None:
        return True
    needs_redshifts = arguments.structure and arguments.z_source is None
    return arguments.behind == EACH_LENS and not needs_redshifts


def open_folder(arguments, positions):
    """Open a HATS folder for profiles.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of ``lensmap profile``.
    positions : `~astropy.coordinates.SkyCoord`
        The lenses.

    Returns
    -------
    catalog : lensmap.catalog.HatsCatalog
        The catalog.
    sample : lensmap.ShearCatalog
        Galaxies near the first lens, on which the sign convention is tested.
    n_galaxies : int
        The number of usable galaxies of the catalog.
    """
    from lensmap.catalog import HatsCatalog
    from lensmap.profiles import survey_facts

    check_source_arguments(arguments)
    catalog = HatsCatalog(arguments.catalog, **folder_options(arguments, arguments.catalog))
    facts = survey_facts(catalog)
    add_provenance(declaration=numbers_of_declaration(catalog), catalog=facts)
    return catalog, _sample(catalog, positions), facts["n_galaxies"]


def _sample(catalog, positions):
    """Return the galaxies of whole partitions around the first of some positions."""
    from lensmap.sphere import HealpixPixels

    first = (positions if positions.isscalar else positions[0]).icrs
    here = unit_vectors(np.array([first.ra.deg]), np.array([first.dec.deg]))[0]
    centers = np.concatenate([
        unit_vectors(*HealpixPixels(1 << part.order).centers([part.pixel]))
        for part in catalog.partitions
    ])
    pixels, n_rows, parts = [], 0, catalog.partitions
    order = max(part.order for part in parts)
    for number in np.argsort(-centers @ here, kind="stable"):
        part, steps = parts[number], order - parts[number].order
        if pixels and n_rows + part.n_rows > _MAX_TESTED:
            break
        pixels.append((part.pixel << 2 * steps) + np.arange(4**steps))
        n_rows += part.n_rows
    with without_warnings("rows_left_out"):  # those of the whole catalog were counted
        sample = catalog.within_pixels(order, np.concatenate(pixels))
        return next(catalog.chunks()) if sample is None else sample
