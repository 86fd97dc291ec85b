# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate``: simulate fields, and mock shear catalogs of them."""

from lensmap.cli.commands import (
    _simulate_cluster,
    _simulate_fields,
    _simulate_sky,
    _simulate_survey,
)

NAME = "simulate"
SUMMARY = "make convergence fields and mock shear catalogs with their truth"
DESCRIPTION = """Make simulated convergence fields, and mock shear catalogs of these fields. The
true convergence, shear and halos are known."""
EXAMPLES = """examples:
  lensmap simulate fields -o fields -n 100
  lensmap simulate survey -o shear.fits --truth truth.fits
  lensmap simulate cluster -o coma.fits --preset coma --survey shear.fits
  lensmap simulate sky -o mock --area 1000

'lensmap simulate COMMAND --help' shows the options of each, with more examples."""
COMMANDS = (_simulate_fields, _simulate_survey, _simulate_cluster, _simulate_sky)
