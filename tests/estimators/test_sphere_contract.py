# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The estimators on the sphere obey the contract."""

import numpy as np
import pytest

from lensmap.estimators import load_estimators
from lensmap.testing import check_estimator
from lensmap.testing._sphere_case import SphereCase

pytest.importorskip("ducc0")

SPHERE = {name: cls for name, cls in load_estimators().items() if cls.geometry == "sphere"}

LAWS = ["1a", "2a", "2b", "3a", "4a", "4b", "5", "6", "7", "8a", "8b", "9", "10", "11", "12", "13",
        "14"]

every = pytest.mark.parametrize("cls", SPHERE.values(), ids=SPHERE)


def test_the_estimators_on_the_sphere():
    assert list(SPHERE) == ["sphere-ks", "sphere-wiener"]


@every
@pytest.mark.parametrize("law", LAWS)
def test_the_contract(cls, law):
    (result,) = check_estimator(cls, laws=[law]).results
    assert result.status == ("skipped" if law == "14" else "holds"), result


def test_the_contract_with_zero_filled_gaps():
    """The declared response is that of the equations. Laws 6 and 11 do not depend on them."""
    laws = [law for law in LAWS if law not in ("6", "10", "11", "14")]
    report = check_estimator("sphere-ks", laws=laws, gaps="zero")
    assert [result.status for result in report.results] == ["holds"] * len(laws)


@every
@pytest.mark.filterwarnings("ignore:.*per square arcminute")
def test_the_tolerance_is_far_below_the_map(cls):
    """Otherwise, the laws about equal maps would say nothing."""
    case = SphereCase(cls, {})
    kappa = case.map(case.noise())
    for values in (kappa.data, kappa.kappa_b):
        assert np.nanstd(values) > 1e3 * cls.contract.tolerance
