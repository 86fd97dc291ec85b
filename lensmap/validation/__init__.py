# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How near to the truth maps come: on simulated skies of which all is known, and on real ones.

`ValidationSetup` says what is simulated, `compare` lets estimators work on the same data and
scores their maps field by field, `tune_linear` makes rivals worth the name, and `summarize_scores`,
`contrast` and `paired_difference` say what the scores mean, with errors from field to field.
`true_clusters` are the peaks of a true map, to hold found ones against.

`validate` does all of that and more, field by field into a folder; `ValidationResults` are the
tables of it, and `write_report` makes a page with figures. `recover_halos` puts halos in front of
a user's own galaxies (`inject_halos`), and counts those that the map shows.
"""

from lensmap._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
