# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Frames that depend on an observer are refused with one message wherever positions come in."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK4, HCRS, AltAz, EarthLocation, Galactic, SkyCoord

from lensmap import ConvergenceMap, HaloModelField, ShearCatalog
from lensmap.grid import tangent_wcs
from lensmap.halos import halo_table
from lensmap.utils import ParameterError, as_icrs, as_skycoord, to_plain, unsuitable_frame
from lensmap.utils._positions import converts_to_icrs

HERE = {"obstime": "2020-01-01", "location": EarthLocation(0 * u.deg, 0 * u.deg)}
SKY = SkyCoord([150.0, 151.0], [2.0, 3.0], unit="deg")
MAP = ConvergenceMap(np.zeros((8, 8)), wcs=tangent_wcs(SKY[0], (8, 8), 1 * u.arcmin))


def test_an_observer_makes_directions():
    seen = SKY.transform_to(AltAz(**HERE))
    for sky in (as_icrs(seen), as_skycoord(seen)):
        assert sky.frame.name == "icrs" and np.all(sky.separation(SKY) < 1 * u.mas)
    assert as_skycoord(SKY.galactic).frame.name == "galactic"


@pytest.mark.parametrize("frame", ["altaz", "hcrs", "hadec", "heliocentrictrueecliptic"])
def test_frames_of_an_observer(frame):
    one = SkyCoord(150.0, 2.0, unit="deg", frame=frame)
    columns = {"ra": [150.0], "dec": [2.0], "e1": [0.1], "e2": [0.0]}
    for call in (
        lambda: as_icrs(one), lambda: as_skycoord(one), lambda: to_plain(one),
        lambda: tangent_wcs(one, (8, 8), 1 * u.arcmin), lambda: MAP.cutout(one, 3 * u.arcmin),
        lambda: halo_table(one.reshape(1), 0.3, 1e14 * u.solMass, 4.0),
        lambda: HaloModelField(center=one),
        lambda: ShearCatalog(columns, convention="celestial", kind="shear", frame=frame),
    ):
        with pytest.raises(ParameterError, match=f"converts to ICRS.*, not .*{frame}.*observer"):
            call()


def test_names_of_frames():
    assert all(map(converts_to_icrs, ("icrs", "fk4", "fk5", "galactic", "supergalactic")))
    assert not any(map(converts_to_icrs, ("altaz", "hcrs", "galactocentric", "itrs", "none")))
    assert unsuitable_frame(HCRS()) == "needs distances, or the place and time of an observer"
    assert unsuitable_frame(FK4()) is unsuitable_frame(Galactic()) is None


def test_the_center_of_a_map_is_one_finite_position():
    for center in (SKY, SkyCoord(np.nan, 0, unit="deg")):
        with pytest.raises(ParameterError, match="^center must be"):
            tangent_wcs(center, (8, 8), 1 * u.arcmin)
    with pytest.raises(TypeError, match="center must be a SkyCoord"):
        tangent_wcs("150 2", (8, 8), 1 * u.arcmin)
