# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Coverage of the error bars of maps, in bins of the predicted convergence."""

from astropy.table import QTable

from lensmap.scores import coverage_in_bins, pool_coverage
from lensmap.validation._field_maps import error_about_truth
from lensmap.validation.measures._base import Measure, table_of_each

__all__ = ["Coverage"]

# A standard deviation is taken as the half-width of a 68 per cent error bar.
_PERCENT = 68


class Coverage(Measure):
    """The fraction of pixels where the truth lies within the 68 per cent error bar of the map.

    The table ``coverage`` has a row for each estimator and bin of the predicted convergence, with
    the columns of `lensmap.scores.pool_coverage`. It includes only estimators whose uncertainty is
    with respect to the true convergence, and none whose uncertainty is the noise alone.
    """

    name = "coverage"
    parts = ("fields", "more")
    keys = {"coverage": ("bin_low", "bin_high")}

    def measure(self, field):
        record = {}
        for name, kappa in field.maps.items():
            error = error_about_truth(kappa)
            if isinstance(error, dict):
                error = error.get(_PERCENT)
            if error is not None:
                bins = coverage_in_bins(field.truth, kappa.data, error, field.mask)
                record[name] = {"bins": bins.as_array()}
        return record

    def pool(self, records):
        bins = {name: [QTable(one) for one in records.each(part, name, "bins")]
                for part in self.parts for name in records.names(part)}
        named = {name: tables for name, tables in bins.items() if tables}
        if not named:
            return {}
        return {"coverage": table_of_each(named, lambda name: pool_coverage(named[name]))}

    def conclude(self, results):
        from lensmap.validation.report._conclusions import covered_truth

        return covered_truth(results.tables)

    def section(self, page, results):
        from lensmap.validation.report._figures_curves import plot_coverage

        if "coverage" in results.tables:
            page.section("Error bars", "The fraction of the pixels with the truth within the 68 "
                         "per cent error, by the kappa of the map, for estimators with an error "
                         "about the truth.")
            page.figure("coverage", plot_coverage(results.tables["coverage"], page.styles),
                        "The fraction of the pixels with the truth within the 68 per cent error; "
                        "the line is at 0.683.")
