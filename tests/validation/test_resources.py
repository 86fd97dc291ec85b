# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Time and memory of a map."""

import numpy as np
import pytest
from astropy import units as u

from lensmap import KaiserSquires
from lensmap.estimators import make_estimator
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup
from lensmap.validation._resources import measure_resources

SKY = HaloModelField(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)


@pytest.mark.slow
def test_memory_is_that_of_the_estimator():
    held = np.ones(100_000_000)  # of this process: it does not count
    modest = measure_resources(KaiserSquires(), SETUP)
    assert 0.05 < modest.memory < 0.7 and 0 < modest.seconds < 30
    assert modest.first_seconds > 0 and held[0] == 1


def test_an_estimator_that_cannot_be_sent_has_no_numbers():
    class Local(KaiserSquires):
        pass

    assert np.isnan(measure_resources(Local(), SETUP)).all()


@pytest.mark.slow
def test_an_estimator_of_a_file_is_measured(tmp_path):
    (tmp_path / "random.py").write_text(
        "from lensmap import KaiserSquires\nclass Mine(KaiserSquires):\n    pass\n",
        encoding="utf-8",
    )
    mine = make_estimator(f"{tmp_path / 'random.py'}:Mine")
    assert measure_resources(mine, SETUP).seconds > 0
