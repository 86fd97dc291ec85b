# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Validation of mass maps on simulated fields, for any estimator.

`ValidationSetup` combines simulated fields with a mock survey. `compare` scores the maps of several
estimators on the same data, field by field. `tune_linear` finds the best parameters of the linear
estimators. `summarize_scores` and `contrast` return means and differences, with errors from the
scatter between fields. `true_clusters` finds the peaks of a true map above a projected mass.

`validate` measures many statistics field by field and stores them in a folder. `ValidationResults`
combines the fields of such a folder into tables, and `write_report` writes the tables and figures
as an HTML page. To inject halos into your own catalog instead, see `lensmap.injection`.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
