# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A WCS has the same numbers in every process."""

import pickle

import numpy as np
import pytest
from astropy.wcs import WCS, Sip
from worker_functions import wcs_and_sky

from lensmap.utils import run_tasks
from lensmap.utils._exact_pickle import exact_dumps

RNG = np.random.default_rng(5)
PIXELS = RNG.uniform(0, 40, (500, 2))


def make_wcs(matrix, projection="TAN", *, sip=False, axes=("RA", "DEC")):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<5}{projection}{'-SIP' if sip else ''}" for name in axes]
    wcs.wcs.crval = RNG.uniform(0, 360), RNG.uniform(-80, 80)
    wcs.wcs.crpix = RNG.uniform(-20, 20, 2)
    angle = RNG.uniform(0, 6)
    rotation = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if matrix == "cd":
        wcs.wcs.cd = rotation / 300
    else:
        wcs.wcs.pc, wcs.wcs.cdelt = rotation, RNG.uniform(1e-3, 1e-2, 2)
    if sip:
        wcs.sip = Sip(*RNG.normal(0, 1e-5, (2, 3, 3)), None, None, wcs.wcs.crpix)
    wcs.array_shape = 30, 40
    return wcs


ALL = {
    "pc": make_wcs("pc"), "cd": make_wcs("cd"), "ZEA": make_wcs("cd", "ZEA"),
    "SIP": make_wcs("cd", sip=True),
    "galactic": make_wcs("pc", axes=("GLON", "GLAT")),
}


def sky_of(wcs):
    return wcs.all_pix2world(PIXELS, 0)


@pytest.mark.parametrize("wcs", ALL.values(), ids=ALL)
def test_a_wcs_comes_back_with_the_same_numbers(wcs):
    before = sky_of(wcs.deepcopy())
    (back,) = pickle.loads(exact_dumps({"a": [wcs]}))["a"]
    np.testing.assert_array_equal(sky_of(back), before)
    assert back.array_shape == wcs.array_shape and back.wcs.has_cd() == wcs.wcs.has_cd()
    assert repr(back) == repr(wcs)


def test_the_pickles_of_astropy_round_numbers():
    # If this fails, astropy has mended it, and the module can go.
    wcs = ALL["pc"]
    assert not np.array_equal(sky_of(pickle.loads(pickle.dumps(wcs))), sky_of(wcs.deepcopy()))


@pytest.mark.slow
def test_workers_have_the_same_numbers():
    shared = {"wcs": ALL, "pixels": PIXELS}
    for outcome in run_tasks(wcs_and_sky, shared, list(ALL)[:3], workers=2):
        back, sky = outcome.value
        expected = sky_of(ALL[outcome.item].deepcopy())
        np.testing.assert_array_equal(sky_of(back), expected)
