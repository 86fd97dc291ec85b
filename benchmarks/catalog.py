# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A catalog of 10 million galaxies read, selected and cleaned: time and peak memory."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
from astropy.table import Table
from floors import reading
from mock import columns
from timing import report, say_machine, timed

from lensmap import ShearCatalog

N = 10_000_000

DECLARED = {"convention": "euclidean", "kind": "shear"}


def main():
    """Print the table."""
    say_machine()
    clean = columns(N, 10, 10)
    dirty = {name: values.copy() for name, values in clean.items()}
    dirty["e1"][::100] = float("nan")
    size = sum(values.nbytes for values in clean.values())
    floor = reading(*clean.values())
    for what, data in (("all rows good", clean), ("1 per cent of rows bad", dirty)):
        def construct(data=data):
            return ShearCatalog(data, "generic", **DECLARED)

        report(f"ShearCatalog, 10 million rows, {what}", timed(construct, 3), 2, floor)
        tracemalloc.start()
        catalog = construct()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"    peak {(peak + size) / size:.2f} times the columns, those included; target 3")
        half = np.arange(len(catalog)) % 2 == 0
        report(f"half of them selected, {what}", timed(lambda c=catalog, h=half: c.select(h), 3))
        del catalog
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "galaxies.fits")
        Table(clean | {"unused": np.zeros((N, 4), np.float32)}).write(path)
        report("the same from a FITS table of twice the size", timed(
            lambda: ShearCatalog.read(path, "generic", **DECLARED), 3
        ))
        report("the same, where=\"weight > 0.75\"", timed(
            lambda: ShearCatalog.read(path, "generic", where="weight > 0.75", **DECLARED), 3
        ))


if __name__ == "__main__":
    import warnings

    from lensmap.utils import CatalogWarning

    warnings.simplefilter("ignore", CatalogWarning)
    main()
