# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Series of fields in files: resumed, extended, and whole whatever happens."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u

from lensmap.halos import NFWHalo
from lensmap.simulate import (
    ClusterField,
    HaloModelField,
    LensingField,
    _field_folder,
    field_seed,
    simulate_fields,
)
from lensmap.utils import IncompleteRunError

MODEL = HaloModelField(z_source=0.6, shape=(32, 32), pixel_scale=3 * u.arcmin).prepare()


def test_fields_of_any_model_and_executor(tmp_path):
    halo = NFWHalo(2e14 * u.solMass, 4.0, 0.3)
    model = ClusterField([halo], shape=(32, 32), pixel_scale=1 * u.arcmin, z_source=1.0)
    with ThreadPoolExecutor(2) as pool:
        paths = simulate_fields(model, tmp_path / "a", 3, seed=4, executor=pool)
    assert [path.name for path in paths] == [f"field_000{i}.fits" for i in range(3)]
    drawn = model.draw(field_seed(4, 2))
    np.testing.assert_array_equal(LensingField.read(paths[2]).kappa.data, drawn.kappa.data)
    other = model.replace(clusters=[NFWHalo(4e14 * u.solMass, 4.0, 0.3)])
    with pytest.raises(ValueError, match="clusters.0.m200c was 2e.14 msun and is now 4e.14 msun;"):
        simulate_fields(other, tmp_path / "a", 3, seed=4)


def test_it_grows_and_is_made_good(tmp_path):
    first = simulate_fields(MODEL, tmp_path, 2, format="hdf5", workers=1)
    times = [path.stat().st_mtime_ns for path in first]
    first[0].unlink()
    done = []
    paths = simulate_fields(MODEL, tmp_path, 3, format="hdf5", workers=1,
                            progress=lambda *numbers: done.append(numbers))
    assert done == [(1, 2), (2, 2)] and paths[1].stat().st_mtime_ns == times[1]
    drawn = MODEL.draw(field_seed(0, 0))
    np.testing.assert_array_equal(LensingField.read(paths[0]).gamma, drawn.gamma)
    with pytest.raises(ValueError, match="format was hdf5 and is now fits"):
        simulate_fields(MODEL, tmp_path, 2)


class Faulty(HaloModelField):
    """A model that cannot draw some of its fields."""

    def draw(self, rng=None):
        if rng.spawn_key[0] % 2:
            raise ValueError("no such sky")
        return super().draw(rng)


def test_fields_that_fail_are_named_and_the_others_kept(tmp_path):
    model = Faulty(**MODEL.get_params())
    with pytest.raises(IncompleteRunError) as caught:
        simulate_fields(model, tmp_path, 4, workers=1)
    assert str(caught.value) == (
        "2 of 4 fields failed: 1, 3 (first error: no such sky); the other fields are in the folder "
        f"{str(tmp_path)!r}, and the same call tries the failed fields again"
    )
    assert sorted(path.name for path in tmp_path.glob("field*")) == [
        "field_0000.fits", "field_0002.fits"
    ]
    with pytest.raises(ValueError, match="no such sky"):  # nothing was done
        simulate_fields(model, tmp_path, 4, workers=1)


def test_a_full_disk_ends_it_at_once(tmp_path, monkeypatch):
    written = []

    def full(path, *arguments, **options):
        written.append(path)
        path.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("lensmap.simulate.fields._files._write_fits", full)
    with pytest.raises(OSError, match="No space left"):
        simulate_fields(MODEL, tmp_path, 5, workers=1)
    assert len(written) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_model_without_parameters(tmp_path):
    class Sky:
        pass

    with pytest.raises(TypeError, match="or object with get_params, not .*Sky"):
        simulate_fields(Sky(), tmp_path / "new", 1)
    with pytest.raises(TypeError, match="or object with get_params, not .*<lambda>"):
        simulate_fields(MODEL.replace(resolution=lambda ell: 1 + 0 * ell), tmp_path / "new", 1)
    assert not (tmp_path / "new").exists()


def test_another_algorithm(tmp_path, monkeypatch):
    simulate_fields(MODEL, tmp_path, 1, workers=1)
    monkeypatch.setattr(_field_folder, "_ALGORITHM", 2)
    with pytest.raises(ValueError, match="series of fields in .* with version 1 of the algorithm"):
        simulate_fields(MODEL, tmp_path, 1)
