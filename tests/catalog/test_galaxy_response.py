# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The response of two galaxies relative to that of both, worked out by hand."""

import numpy as np
import pytest
from catalogs import shear_catalog

from lensmap.catalog import Calibration, galaxy_response

WEIGHT = np.array([1.0, 3.0])
TABLE = {
    "ra": np.zeros(2), "dec": np.zeros(2), "e1": np.array([0.4, 0.2]), "e2": np.array([0.2, -0.6]),
    "weight": WEIGHT,
}


def relative(kind="shear", **columns):
    kwargs = {"response": columns.pop("response", None)}
    catalog = shear_catalog(TABLE | columns, kind=kind, **kwargs)
    return galaxy_response(catalog, Calibration.from_catalog(catalog))


@pytest.mark.parametrize(
    ("kind", "columns", "values", "noisy"),
    [
        # Half the traces are 0.5 and 0.9, whose mean with the weights 1 and 3 is 0.8.
        ("shear", {"r11": np.array([0.6, 0.8]), "r22": np.array([0.4, 1.0])}, [5 / 8, 9 / 8], True),
        ("shear", {"r11": np.array([0.5, 0.9])}, [5 / 8, 9 / 8], True),
        ("shear", {"r22": np.array([0.5, 0.9])}, [5 / 8, 9 / 8], True),
        # The columns replace the responsivity of distortions.
        ("distortion", {"r22": np.array([0.5, 0.9])}, [5 / 8, 9 / 8], True),
        # 1 - sigma_e^2 is 0.96 and 0.84, with the mean 0.87.
        ("distortion", {"sigma_e": np.array([0.2, 0.4])}, [96 / 87, 84 / 87], False),
        # The mean squares of the components are 0.1 and 0.2: 0.9 and 0.8, with the mean 0.825.
        ("distortion", {}, [0.9 / 0.825, 0.8 / 0.825], True),
        # Less the measurement variances 0.01 and 0.04: 0.91 and 0.84, with the mean 0.8575.
        ("distortion", {"sigma_m": np.array([0.1, 0.2])}, [0.91 / 0.8575, 0.84 / 0.8575], True),
    ],
)
def test_relative_to_the_mean(kind, columns, values, noisy):
    response = relative(kind, **columns)
    np.testing.assert_allclose(response.values, values)
    assert np.average(response.values, weights=WEIGHT) == pytest.approx(1)
    assert response.noisy is noisy


def test_one_response_for_all():
    assert relative() is None and relative(m=np.array([0.1, 0.2])) is None
    assert relative("distortion", response=0.7) is None
    assert relative(r11=np.array([0.6, 0.8]), response=0.7) is None
