# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Construction of a catalog of 10 million galaxies: time and peak memory."""

import tracemalloc

from floors import reading
from mock import columns
from timing import report, say_machine, timed

from lensmap import ShearCatalog

N = 10_000_000


def main():
    """Print the table."""
    say_machine()
    clean = columns(N, 10, 10)
    dirty = {name: values.copy() for name, values in clean.items()}
    dirty["e1"][::100] = float("nan")
    size = sum(values.nbytes for values in clean.values())
    for what, data in (("all rows good", clean), ("1 per cent of rows bad", dirty)):
        def construct(data=data):
            return ShearCatalog(data, "generic", convention="euclidean", kind="shear")

        report(f"ShearCatalog, 10 million rows, {what}", timed(construct, 3), 2,
               reading(*data.values()))
        tracemalloc.start()
        catalog = construct()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"    peak {(peak + size) / size:.2f} times the columns, those included; target 3")
        del catalog


if __name__ == "__main__":
    import warnings

    from lensmap.utils import CatalogWarning

    warnings.simplefilter("ignore", CatalogWarning)
    main()
