# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate``: skies of which everything is known, and catalogs of them."""

from lensmap.cli.commands import (
    _simulate_cluster as simulate_cluster,
)
from lensmap.cli.commands import (
    _simulate_fields as simulate_fields,
)
from lensmap.cli.commands import (
    _simulate_survey as simulate_survey,
)

NAME = "simulate"
SUMMARY = "make convergence fields and mock shear catalogs with their truth"
DESCRIPTION = """Make skies of which everything is known, and the catalogs that surveys would
have of them."""
EXAMPLES = """examples:
  lensmap simulate fields -o fields -n 100
  lensmap simulate survey -o shear.fits --truth truth.fits
  lensmap simulate cluster -o coma.fits --preset coma --survey shear.fits

'lensmap simulate COMMAND --help' shows the options of each, with more examples."""
COMMANDS = (simulate_fields, simulate_survey, simulate_cluster)
