# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Maps of other quantities are told from maps of the convergence, and by whom it matters."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs

from lensmap import ConvergenceMap, find_peaks, fit_nfw
from lensmap.maps import check_map
from lensmap.peaks import aperture_mass, find_multiscale_peaks
from lensmap.profiles import projected_mass

CENTER = SkyCoord(150, 2, unit="deg")


def _map(**meta):
    return ConvergenceMap(
        np.zeros((32, 32)), np.ones((32, 32)), wcs=tangent_wcs(CENTER, (32, 32), 1.0), meta=meta
    )


def test_quantities(tmp_path):
    potential = _map(quantity="potential")
    check_map(potential)
    check_map(_map(), quantity="kappa")  # a map that does not say
    check_map(_map(quantity="kappa"), quantity="kappa")
    with pytest.raises(ValueError, match="^data must be a map of kappa, not of potential$"):
        check_map(potential, "data", quantity="kappa")
    with pytest.raises(TypeError, match="^kappa must be a ConvergenceMap, not list$"):
        check_map([1, 2])
    # it survives a file
    potential.write(tmp_path / "potential.fits")
    with pytest.raises(ValueError, match="of kappa, not of potential"):
        check_map(ConvergenceMap.read(tmp_path / "potential.fits"), quantity="kappa")


@pytest.mark.parametrize(
    "mass",
    [
        lambda kappa: fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0),
        lambda kappa: projected_mass(kappa, CENTER, 1 * u.Mpc, z_lens=0.3, z_source=1.0),
        lambda kappa: aperture_mass(kappa, 4 * u.arcmin),
        lambda kappa: find_multiscale_peaks(kappa, 4 * u.arcmin),
    ],
)
def test_masses_need_kappa(mass):
    with pytest.raises(ValueError, match="must be a map of kappa, not of potential"):
        mass(_map(quantity="potential"))


def test_peaks_are_peaks_of_any_map():
    assert len(find_peaks(_map(quantity="potential"), 5)) == 0
