# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields that are exported, mapped by another program and scored."""

import json
import shutil

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from one_process import resources_in_this_process  # noqa: F401  a fixture

from lensmap import ConvergenceMap, KaiserSquires
from lensmap.simulate import HaloModelField
from lensmap.validation import (
    ExternalMaps,
    ValidationPlan,
    ValidationResults,
    ValidationSetup,
    compare,
    export_fields,
    exported_grid,
    result_table,
    validate,
)

pytestmark = pytest.mark.usefixtures("resources_in_this_process")

# The WCS of this pixel scale has no digits that a FITS card would round.
SKY = HaloModelField(z_source=1.0, shape=(48, 64), pixel_scale=0.75 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)
PLAN = ValidationPlan(n_fields=3, n_null=2, n_masked=2, n_coma=0)
KS = KaiserSquires(smoothing=1.5 * u.arcmin)


def _name(path):
    return path.name.replace("-shear.fits", "")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export_fields(SETUP, folder, PLAN, seed=2, workers=1)
    (folder / "ks").mkdir()
    for path in (folder / "shear").iterdir():
        KS.reconstruct(exported_grid(path)).write(folder / "ks" / f"{_name(path)}.fits")
    return folder


@pytest.fixture
def maps(exported, tmp_path):
    """A copy of the maps elsewhere, to be spoiled."""
    shutil.copytree(exported / "ks", tmp_path / "ks")
    shutil.copy(exported / "export.json", tmp_path / "ks")
    return tmp_path / "ks"


def test_maps_by_lensmap_have_the_row_of_lensmap(exported, tmp_path):
    estimators = {"inside": KS, "outside": ExternalMaps(exported / "ks")}
    validate(estimators, SETUP, tmp_path, PLAN, seed=2, workers=1)
    results = ValidationResults.read(tmp_path)
    assert results.names == ["inside", "outside"]
    times = ["seconds", "first_seconds", "memory"]
    numbers = result_table(results)
    # Contrasts have no row of the reference.
    numbers = numbers[(numbers["table"] != "contrasts") & ~np.isin(numbers["quantity"], times)]
    for table, n in ((results.scores, 3 + 2), (numbers, 500)):
        one, other = (table[table["estimator"] == name] for name in estimators)
        assert len(one) == len(other) >= n
        for name in set(one.colnames) - {"estimator", "seconds"}:
            np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]), name)
    seconds = results.scores["seconds"]
    assert np.array_equal(np.isnan(seconds), results.scores["estimator"] == "outside")
    assert np.isnan(results.tables["resources"]["seconds"][1])


def test_the_files_are_what_the_readme_says(exported):
    text = (exported / "README.txt").read_text()
    assert "64 x 48 pixels (x, y)" in text and "fields-0000.fits" in text
    index = json.loads((exported / "export.json").read_text())
    names = [f"fields-000{i}" for i in range(3)]
    names += [f"{part}-000{i}" for part in ("null", "masked") for i in range(2)]
    assert list(index["fields"]) == names and index["settings"]["seed"] == 2
    for name in names:
        with fits.open(exported / "shear" / f"{name}-shear.fits") as hdus:
            data = {hdu.name: hdu.data for hdu in hdus[1:]}
            truth = fits.getdata(exported / "truth" / f"{name}-truth.fits")
            assert set(data) > {"G1", "G2", "SIGMA", "WEIGHT", "COUNT", "MASK"}
            assert hdus["G1"].data.shape == truth.shape == (48, 64)
        is_masked, has_data = data["MASK"] == 1, data["WEIGHT"] > 0
        assert not np.any(has_data & is_masked) and is_masked.any() == name.startswith("masked")
        assert np.all(np.isinf(data["SIGMA"][~has_data])) and np.all(data["G1"][~has_data] == 0)
        assert np.any(truth != 0) != name.startswith("null")
    noise = [fits.open(exported / "shear" / f"null-000{i}-shear.fits") for i in range(2)]
    ratio = np.concatenate([hdus[g].data / hdus["SIGMA"].data for hdus in noise
                            for g in ("G1", "G2")])
    assert np.std(ratio) == pytest.approx(1, abs=0.03)
    for hdus in noise:
        hdus.close()


def test_signs_and_axes_by_a_transform_of_its_own(exported):
    """The convergence by Kaiser & Squires 1993, written out here."""
    ky, kx = np.fft.fftfreq(48)[:, None], np.fft.fftfreq(64)[None]
    square = np.where((kx == 0) & (ky == 0), 1, kx**2 + ky**2)
    for i in range(3):
        with fits.open(exported / "shear" / f"fields-000{i}-shear.fits") as hdus:
            g1, g2 = np.fft.fft2(hdus["G1"].data), np.fft.fft2(hdus["G2"].data)
        truth = fits.getdata(exported / "truth" / f"fields-000{i}-truth.fits")
        low = np.exp(-square / (2 * 0.08**2))
        right, crossed = (
            np.fft.ifft2(low * (a * (kx**2 - ky**2) + b * 2 * kx * ky) / square).real
            for a, b in ((g1, g2), (g2, -g1))
        )
        assert np.corrcoef(right.ravel(), truth.ravel())[0, 1] > 0.4
        assert abs(np.corrcoef(crossed.ravel(), truth.ravel())[0, 1]) < 0.15


def test_more_fields_are_added_and_other_settings_refused(tmp_path):
    one = ValidationPlan(n_fields=1, n_null=0, n_masked=0, n_coma=0)
    export_fields(SETUP, tmp_path, one, workers=1)
    first = tmp_path / "shear" / "fields-0000-shear.fits"
    before = first.stat().st_mtime_ns
    two = ValidationPlan(n_fields=2, n_null=0, n_masked=0, n_coma=0)
    index = export_fields(SETUP, tmp_path, two, workers=1)
    assert first.stat().st_mtime_ns == before
    assert list(json.loads(index.read_text())["fields"]) == ["fields-0000", "fields-0001"]
    with pytest.raises(ValueError, match="seed was 0 and is now 1"):
        export_fields(SETUP, tmp_path, two, seed=1, workers=1)
    with pytest.raises(TypeError, match="setup must be a ValidationSetup"):
        export_fields(3, tmp_path)


def _check(maps, plan=PLAN, seed=2, setup=SETUP):
    validate({"ks": ExternalMaps(maps)}, setup, maps.parent / "out", plan, seed=seed, workers=1)


def _rewrite(path, change):
    kappa = ConvergenceMap.read(path)
    fits.writeto(path, change(kappa.data.copy()), kappa.wcs.to_header(), overwrite=True)


def _with_nan(data):
    data[3, 4:7] = np.nan
    return data


def _mirrored(path):
    header = ConvergenceMap.read(path).wcs.to_header()
    header["CDELT1"] *= -1
    fits.writeto(path, fits.getdata(path), header, overwrite=True)


def _two_files(path):
    shutil.copy(path, path.with_suffix(".fits.gz"))


def _without_wcs(path):
    fits.writeto(path, fits.getdata(path), overwrite=True)


def _aperture_mass(path):
    kappa = ConvergenceMap.read(path)
    kappa.replace(meta={"quantity": "aperture mass"}).write(path, overwrite=True)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda path: path.unlink(), FileNotFoundError, r"1 of 7 maps are missing .*'fields-0001"),
        (lambda path: _rewrite(path, lambda d: d[:-1]), ValueError, r"shape \(47, 64\) .* \(48, "),
        (lambda path: _rewrite(path, np.transpose), ValueError, r"shape \(64, 48\) "),
        (lambda path: _rewrite(path, _with_nan), ValueError, "NaN or infinite in 3 of .*0001"),
        (_mirrored, ValueError, "0001.fits' has another WCS than its field"),
        (_without_wcs, ValueError, "celestial"),
        (_two_files, ValueError, "two files are maps of the field 'fields-0001'"),
        (_aperture_mass, ValueError, "is one of aperture mass"),
        (lambda path: path.write_text("no"), ValueError, "0001.fits"),
    ],
)
def test_bad_maps(maps, spoil, error, message):
    spoil(maps / "fields-0001.fits")
    with pytest.raises(error, match=message):
        _check(maps)


def test_nan_is_allowed_where_the_field_or_the_map_is_masked(exported, maps):
    path = maps / "masked-0000.fits"
    masked = exported_grid(exported / "shear" / "masked-0000-shear.fits").mask
    y, x = np.argwhere(masked)[0]

    def in_the_mask(data):
        data[y, x] = np.nan
        return data

    _rewrite(path, in_the_mask)
    extra = maps / "fields-0000.fits"
    kappa = ConvergenceMap.read(extra)
    mask = np.zeros(kappa.shape, dtype=bool)
    mask[3, 4:7] = True
    kappa.replace(data=_with_nan(kappa.data.copy()), mask=mask).write(extra, overwrite=True)
    _check(maps)
    scores = ValidationResults.read(maps.parent / "out").scores
    assert scores["n_masked"][(scores["part"] == "fields") & (scores["field"] == 0)] == 3
    shutil.rmtree(maps.parent / "out")
    outside = tuple(np.argwhere(~masked)[0])

    def spoiled(data, inside):
        data[masked], data[y, x], data[outside] = np.nan, inside, np.nan
        return data

    # one more pixel than the mask has, and as many, but elsewhere
    for inside in (np.nan, 0.0):
        _rewrite(path, lambda data, inside=inside: spoiled(data, inside))
        with pytest.raises(ValueError, match="NaN or infinite in 1 of .*masked-0000"):
            _check(maps)
        assert (maps.parent / "out").exists() == (inside == 0)


def test_maps_of_other_fields_are_refused(exported, maps):
    with pytest.raises(ValueError, match="fields of other settings: seed was 2 and is now 3"):
        _check(maps, seed=3)
    with pytest.raises(ValueError, match="of other settings: .*z_source was 1.* and is now 2"):
        _check(maps, setup=SETUP.replace(sky=SKY.replace(z_source=2.0)))
    with pytest.raises(ValueError, match="without 'fields-0003'"):
        _check(maps, ValidationPlan(n_fields=4, n_null=0, n_masked=0, n_coma=0))
    assert not (maps.parent / "out").exists()
    # The settings are right, but the data are not: those of another version of lensmap, perhaps.
    index = json.loads((maps / "export.json").read_text())
    index["fields"]["fields-0000"]["mean_g1"] += 1e-4
    (maps / "export.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="are of other fields"):
        _check(maps)


def test_other_maps_in_the_same_folder_do_not_resume(maps):
    plan = ValidationPlan(n_fields=1, n_null=0, n_masked=0, n_coma=0)
    _check(maps, plan)
    _check(maps, plan)
    _rewrite(maps / "fields-0000.fits", lambda data: 2 * data)
    with pytest.raises(ValueError, match="with other settings: estimators.ks.sha256 was"):
        _check(maps, plan)


def test_maps_are_compared(exported):
    table = compare({"ks": ExternalMaps(exported / "ks")}, SETUP, 2, seed=2, workers=1)
    expected = compare({"ks": KS}, SETUP, 2, seed=2, workers=1)
    assert np.array_equal(table["rmse"], expected["rmse"]) and np.all(np.isnan(table["seconds"]))


def test_bad_folders(exported, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .* with maps"):
        ExternalMaps(tmp_path / "none")
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no file 'export.json' in .* or the folder above"):
        ExternalMaps(tmp_path / "a" / "b")
    index = json.loads((exported / "export.json").read_text())
    for content, message in (
        ("{", "is not the list of fields"),
        (json.dumps({**index, "kind": "validation"}), "is not the list of fields"),
        (json.dumps({**index, "schema": 99}), "has version 99 of the file format"),
    ):
        (tmp_path / "a" / "export.json").write_text(content)
        with pytest.raises(ValueError, match=message):
            ExternalMaps(tmp_path / "a" / "b")
    with pytest.raises(ValueError, match="is not the shear of a field"):
        exported_grid(exported / "truth" / "fields-0000-truth.fits")
    with pytest.raises(FileNotFoundError):
        exported_grid(exported / "none.fits")
