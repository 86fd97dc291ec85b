# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Values beyond all reason are refused wherever they come in."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap, WienerFilter, find_peaks
from lensmap.cosmology import SourceRedshifts, sigma_crit
from lensmap.filaments import find_filaments
from lensmap.grid import tangent_wcs
from lensmap.halos import NFWHalo, convert_mass
from lensmap.simulate import MockSurvey
from lensmap.utils import PLAUSIBLE, ParameterError, check_plausible

SUN = u.solMass
MAP = ConvergenceMap(
    np.random.default_rng(0).normal(0, 0.1, (20, 20)), uncertainty=np.full((20, 20), 0.1),
    wcs=tangent_wcs(SkyCoord(0, 0, unit="deg"), (20, 20), 1 * u.arcmin),
)


@pytest.mark.parametrize("quantity", PLAUSIBLE)
def test_limits_are_plausible_themselves(quantity):
    low, high, unit = PLAUSIBLE[quantity]
    check_plausible(low, "x", quantity)
    check_plausible([low, high] * unit, "x", quantity)
    check_plausible([], "x", quantity)
    for wrong in (low - abs(low) / 10 - 1e-9, high * 1.1, np.nan, np.inf):
        with pytest.raises(ParameterError, match=f"^x must be between .*{quantity}, not .*: check"):
            check_plausible([high, wrong], "x", quantity)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: NFWHalo(1e3 * SUN, 4.0, 0.3), "m200c"),
        (lambda: NFWHalo(1e44 * u.kg, 4.0, 0.3), None),
        (lambda: NFWHalo(1e20 * SUN, 4.0, 0.3), "m200c"),
        (lambda: NFWHalo(1e14 * SUN, 1e9, 0.3), "c200c"),
        (lambda: NFWHalo(1e14 * SUN, 1e-9, 0.3), "c200c"),
        (lambda: NFWHalo(1e14 * SUN, 4.0, 1e-12), "z_lens"),
        (lambda: NFWHalo(1e14 * SUN, 4.0, 1e3), "z_lens"),
        (lambda: convert_mass(1e14 * SUN, 1e9, 0.3, "200c", "500c"), "c"),
        (lambda: sigma_crit(1e-12, 1.0), "z_lens"),
        (lambda: sigma_crit(0.3, 1e-12), "z_source"),
        (lambda: WienerFilter(z_source=1e-12), "z_source"),
        (lambda: SourceRedshifts([1e-13, 1e-12], [1.0, 1.0]), "z"),
        (lambda: SourceRedshifts([0.1, 1e9], [1.0, 1.0]), "z"),
        (lambda: MockSurvey(density="10 / arcmin2", measurement_error=1e5), "measurement_error"),
        (lambda: MockSurvey(density="1e12 / arcmin2"), "density"),
        (lambda: find_peaks(MAP, 1e9), "threshold"),
        (lambda: find_peaks(MAP, -1e9, by="kappa"), "threshold"),
        (lambda: find_filaments(MAP, 1e9), "threshold"),
    ],
)
def test_absurd_values(make, name):
    if name is None:
        make()
        return
    with pytest.raises(ParameterError, match=f"^{name} must be between .* plausible values of"):
        make()
