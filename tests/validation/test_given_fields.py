# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""True maps that the user brings."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.simulate import draw_fields, read_field
from lensmap.validation import GivenFields, ValidationSetup


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(1)
    found = []
    for number in range(3):
        path = tmp_path / f"{number}.npy"
        np.save(path, 0.02 * rng.normal(size=(48, 64)))
        found.append(path)
    return found


def read(path):
    return read_field(path, pixel_scale=0.5 * u.arcmin, z_source=1.0)


def test_a_series_is_the_files_in_order(paths):
    fields = GivenFields(paths, read, z_source=1.0)
    setup = ValidationSetup(sky=fields)
    assert fields.shape == (48, 64)
    assert fields.pixel_scale.to_value(u.arcmin) == pytest.approx(0.5)
    drawn = list(draw_fields(setup, 2, seed=7, first=1, workers=1))
    for path, (truth, grid, halos) in zip(paths[1:], drawn, strict=True):
        np.testing.assert_allclose(truth, np.load(path))
        assert grid.shape == (48, 64) and len(halos) == 0
    assert len(fields[:2]) == 2 and "3 files" in repr(fields)
    masked = next(draw_fields(setup.replace(mask_fraction=0.3), 1, workers=1))
    np.testing.assert_allclose(masked.truth, np.load(paths[0]))
    assert masked.grid.mask.mean() == pytest.approx(0.3, abs=0.01)


def test_too_few_or_other_files(paths, tmp_path):
    setup = ValidationSetup(sky=GivenFields(paths, read, z_source=1.0))
    with pytest.raises(ValueError, match="field number 3 needs 4 files, but 'paths' names only 3"):
        list(draw_fields(setup, 4, workers=1))
    np.save(paths[1], np.zeros((10, 64)))
    with pytest.raises(ValueError, match="all maps must have the same pixels"):
        list(draw_fields(setup, 2, workers=1))
    with pytest.raises(ValueError, match="at least one file"):
        GivenFields([], z_source=1.0)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        GivenFields([tmp_path / "none.fits"], z_source=1.0)
    with pytest.raises(ValueError, match="z_source must be between 0.001 and 100"):
        GivenFields(paths, read, z_source=-1.0)
    with pytest.raises(TypeError, match="sky must be a HaloModelField, GivenFields or an object"):
        ValidationSetup(sky=paths)
