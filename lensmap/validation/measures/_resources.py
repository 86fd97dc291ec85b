# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Time and memory that estimators need for a map, as a table and a section of the report."""

from astropy.table import QTable

from lensmap.validation.measures._base import Measure

__all__ = ["ResourceUse"]


class ResourceUse(Measure):
    """The time and memory that each estimator needs for a map.

    Time and memory are measured once, not for each field. The table ``resources`` has a row for
    each estimator, with ``seconds``, ``first_seconds`` (for the first map) and ``memory`` (GiB).
    """

    name = "resources"
    parts = ()
    keys = {"resources": ()}

    def measure(self, field):
        return {}

    def pool(self, records):
        rows = [{"estimator": name, **numbers} for name, numbers in records.resources.items()]
        return {"resources": QTable(rows)} if rows else {}

    def section(self, page, results):
        if "resources" not in results.tables:
            return
        page.section("Time and memory", "Each estimator runs alone in a process of its own: the "
                     "median time of a map, the time of the first map, which includes loading, "
                     "and the largest memory of the process, Python and libraries included.")
        names = [*results.detection_names, *results.more_names]
        page.estimator_table(results.tables["resources"], names, (
            ("s", "seconds", 3), ("first, s", "first_seconds", 2), ("GiB", "memory", 2)))
