# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Validation of mass maps on simulated fields, for any estimators.

`ValidationSetup` combines simulated fields and a survey of them; `compare` scores the maps of
several estimators on the same data, field by field; `tune_linear` finds the best parameters of the
linear ones; `summarize_scores` and `contrast` give means and differences, with errors from the
scatter of fields. `true_clusters` are the peaks of a true map, by projected mass.

`validate` measures many statistics field by field and stores them in a folder; `ValidationResults`
are the tables of all fields, and `write_report` writes them as a page with figures. For halos that
are injected into a user's own catalog, see `lensmap.injection`.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
