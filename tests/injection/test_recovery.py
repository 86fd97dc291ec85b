# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Halos that are injected and looked for: what is known of it beforehand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.wcs import WCS

from lensmap import (
    ConvergenceMap,
    KaiserSquires,
    ShearCatalog,
    SourceRedshifts,
    WienerFilter,
    find_peaks,
    make_wcs,
)
from lensmap.estimators import ApertureMass
from lensmap.grid import noise_realizations
from lensmap.injection import HaloRecovery, inject_halos, recover_halos
from lensmap.peaks import unmasked_area
from lensmap.simulate import MockSurvey

CENTER = SkyCoord(40.0, -20.0, unit="deg")
WCS_OF_ALL = make_wcs(SkyCoord([39.7, 40.3], [-20.3, -19.7], unit="deg"), 0.5 * u.arcmin)
NOISE = MockSurvey(density=25 / u.arcmin**2, sigma_e=0.25, measurement_error=0.0).observe(
    None, WCS_OF_ALL, rng=1
)
KS = KaiserSquires(uncertainty="analytic")
COMMON = {"z_source": 1.0, "wcs": WCS_OF_ALL, "rng": 0}


def _recover(masses, n=3, catalog=NOISE, estimator=KS, **more):
    return recover_halos(catalog, estimator, masses * u.solMass, 0.3,
                         **{**COMMON, "n_realizations": n, **more})


def test_no_mass_is_not_recovered():
    found = _recover([0.0, 1e9], 5, threshold=2.0)
    assert found.chance_matched > 0.1  # of noise, at so low a threshold
    table = found.summary()
    assert table["n"].tolist() == [len(found) // 2] * 2 and found.n_controls > 10
    assert table["n_matched"].sum() > 0 and table["n_recovered"].tolist() == [0, 0]
    assert np.all(table["corrected"] == 0) and found.chance == 0
    assert np.all(np.isnan(table["mass_ratio"]))


def test_completeness_rises_with_mass():
    table = _recover([5e13, 2e14, 8e14], 10).summary()
    assert np.all(np.diff(table["rate"]) > 0.2) and table["rate"][0] < 0.3
    assert table["rate"][-1] > 0.9
    assert np.all((table["rate_low"] <= table["rate"]) & (table["rate"] <= table["rate_high"]))
    assert table["mass_ratio_err"][-1] < table["mass_scatter"][-1] < 0.4


@pytest.mark.parametrize("sources", [1.0, "column", SourceRedshifts.smail(0.5, 1.5)],
                         ids=["one", "column", "distribution"])
def test_masses_without_noise_are_the_true_ones(sources):
    zeros = np.zeros(len(NOISE))
    catalog = NOISE.with_ellipticities(zeros, zeros)
    if sources == "column":
        table = catalog.table
        table["redshift"] = np.random.default_rng(6).uniform(0.1, 2, len(table))
        catalog, sources = ShearCatalog(table, convention="celestial", kind="shear"), None
    found = _recover([2e14, 1e15], 24, catalog, KaiserSquires(smoothing=0.5 * u.arcmin),
                     by="kappa", threshold=0.02, n_halos=1, z_source=sources)
    halos = found.halos
    assert halos["recovered"].all()
    inner = SkyCoord(halos["ra"], halos["dec"]).separation(CENTER) < 9 * u.arcmin
    ratio = (halos["mass_map"] / halos["mass_true"]).to_value(u.one)[inner]
    assert len(ratio) > 3
    np.testing.assert_allclose(ratio, 0.985, rtol=0, atol=0.045)
    assert np.all(halos["offset"][inner] < 0.15 * u.arcmin)


def test_aperture_masses_are_recovered_without_masses():
    found = _recover([1e9, 2e15], 2, estimator=ApertureMass(radius=6 * u.arcmin))
    table = found.summary()
    assert table["n_recovered"].tolist()[0] == 0 and table["rate"][1] > 0.8
    assert np.isnan(table["mass_ratio"]).all()
    assert np.isnan(found.halos["mass_map"]).all()


def _turned_wcs(flip):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (CENTER.ra.deg, CENTER.dec.deg), (45.5, 45.5)
    cos, sin = np.cos(np.radians(35)), np.sin(np.radians(35))
    wcs.wcs.cd = 0.5 / 60 * np.array([[-cos * flip, sin], [sin * flip, cos]])
    wcs.array_shape = 90, 90
    return wcs


@pytest.mark.parametrize("convention", ["celestial", "euclidean"])
@pytest.mark.parametrize("wcs", [WCS_OF_ALL, _turned_wcs(1), _turned_wcs(-1)],
                         ids=["north up", "turned", "mirrored"])
def test_a_huge_halo_is_found_where_it_is(convention, wcs):
    catalog = ShearCatalog(NOISE.table, convention=convention, kind="shear") if (
        convention == "celestial") else _mirrored()
    found = recover_halos(catalog, KS, 3e15 * u.solMass, 0.3, z_source=1.0, wcs=wcs, n_halos=1,
                          n_realizations=4, rng=0)
    halos = found.halos
    assert halos["recovered"].all()
    assert np.median(halos["offset"]) < 0.4 * u.arcmin
    peaks = SkyCoord(halos["peak_ra"], halos["peak_dec"])
    apart = peaks.separation(SkyCoord(halos["ra"], halos["dec"]))
    np.testing.assert_allclose(apart.to_value(u.arcmin), halos["offset"].value, atol=1e-6)
    assert np.all(halos["snr"] > 7) and np.median(halos["snr"]) > 15  # at edges there is less


def _mirrored():
    table = NOISE.table
    table.meta.clear()
    table["e2"] = -table["e2"]
    return ShearCatalog(table, "generic", "euclidean", "shear")


@pytest.mark.slow
def test_false_positives_are_those_of_noise():
    found = _recover([1e14], 20, threshold=3.0)
    kappa = KS.reconstruct(NOISE, WCS_OF_ALL)
    plain = KaiserSquires()
    counts = [
        len(find_peaks(ConvergenceMap(plain.reconstruct(turned), uncertainty=kappa.uncertainty), 3))
        for turned in noise_realizations(NOISE, WCS_OF_ALL, n_realizations=20, rng=5)
    ]
    rate, low, high = found.false_positives()
    area = unmasked_area(kappa)
    expected = np.mean(counts) / area.to(u.deg**2)
    assert np.sum(counts) > 20 and low < rate < high
    assert abs(rate - expected) < 3 * np.hypot(high - rate, np.sqrt(np.sum(counts)) / 20 / area)
    # The catalog is itself a map of noise.
    assert found.peak_density.to_value(u.deg**-2) * area.to_value(u.deg**2) == pytest.approx(
        len(find_peaks(kappa, 3))
    )


def test_other_weights_of_the_estimator_are_refused(tmp_path, monkeypatch):
    """Networks keep their name when the file of their weights is replaced."""
    _recover([2e14], 1, folder=tmp_path)
    monkeypatch.setattr(KaiserSquires, "digest", lambda self: "of other weights")
    with pytest.raises(ValueError, match="weights_or_code_sha256 was .* and is now of other"):
        _recover([2e14], 1, folder=tmp_path)


def test_same_seed_same_result_also_in_two_goes(tmp_path):
    whole = _recover([2e14, 4e14], 4)
    parts = [_recover([2e14, 4e14], n, folder=tmp_path) for n in (1, 2)]
    assert [one.n_realizations for one in parts] == [1, 2]
    assert len(parts[0]) * 4 == len(whole)
    (tmp_path / "data" / "000000.npz").unlink()
    seen = []
    again = _recover([2e14, 4e14], 4, folder=tmp_path, progress=lambda *n: seen.append(n))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert again.halos.colnames == whole.halos.colnames
    for name in whole.halos.colnames:
        np.testing.assert_array_equal(whole.halos[name], again.halos[name])
    assert whole.halos.meta == again.halos.meta
    other = _recover([2e14, 4e14], 1, rng=1)
    assert other.halos["ra"][0] != whole.halos["ra"][0]
    with pytest.raises(ValueError, match="with other settings: seed was 0 and is now 1; use"):
        _recover([2e14, 4e14], 2, rng=1, folder=tmp_path)
    one = _recover([2e14, 4e14], 2, folder=tmp_path)  # fewer than there are: all stay
    assert one.n_realizations == 4
    new = _recover([2e14, 4e14], 1, rng=1, folder=tmp_path, overwrite=True)
    assert new.n_realizations == 1
    np.testing.assert_array_equal(new.halos["ra"], other.halos["ra"])


def test_interrupted_nothing_is_lost(tmp_path):
    path = tmp_path / "halos.ecsv"

    def stop(done, total):
        assert HaloRecovery.read(tmp_path / "run").n_realizations == done
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _recover([3e14], 3, folder=tmp_path / "run", progress=stop)
    before = HaloRecovery.read(tmp_path / "run")
    before.write(path)
    assert before.n_realizations == HaloRecovery.read(path).n_realizations == 2
    after, whole = _recover([3e14], 3, folder=tmp_path / "run"), _recover([3e14], 3)
    assert np.array_equal(after.halos["ra"], whole.halos["ra"])
    np.testing.assert_array_equal(after.halos["mass_map"].value, whole.halos["mass_map"].value)
    assert after.false_positives() == whole.false_positives()


@pytest.fixture(scope="module")
def behind_a_cluster():
    at = QTable({"ra": [40.0] * u.deg, "dec": [-20.0] * u.deg, "m200c": [2e15] * u.solMass,
                 "redshift": [0.3]})
    return inject_halos(NOISE, at, z_source=1.0)


@pytest.mark.slow
def test_what_is_there_already_is_not_recovered(behind_a_cluster):
    # All places are within 8 arcmin, so that some lie on the cluster.
    y, x = np.indices(WCS_OF_ALL.array_shape)
    outside = WCS_OF_ALL.pixel_to_world(x, y).separation(CENTER) > 8 * u.arcmin
    found = _recover([1e10, 8e14], 36, behind_a_cluster, n_halos=1, mask=outside,
                     radius="3 arcmin")
    halos = found.halos
    small = halos["m200c"] < 1e12 * u.solMass
    on_it = np.asarray(halos["already"])
    assert np.count_nonzero(on_it & small) >= 2 and halos["matched"][on_it].all()
    assert not halos["recovered"][small].any()
    # Beside it, a large one is seen.
    assert halos["recovered"][~small & ~on_it].mean() > 0.6
    assert np.all(halos["kappa_before"][on_it & small] > 0.1)


def test_masked_pixels_have_no_halo():
    mask = np.zeros(WCS_OF_ALL.array_shape, dtype=bool)
    mask[:, : mask.shape[1] // 2] = True
    found = _recover([1e15], 3, mask=mask)
    x, y = WCS_OF_ALL.world_to_pixel(SkyCoord(found.halos["ra"], found.halos["dec"]))
    assert np.all(x > mask.shape[1] // 2 - 0.5)
    cells = found.cells(2)
    assert cells["n"].sum() == len(found)
    assert np.all(np.isnan(cells["rate"][cells["column"] == 0]))
    assert cells["n_recovered"].sum() == found.halos["recovered"].sum() > 0


def test_a_density_is_a_threshold():
    kappa = KS.reconstruct(NOISE, WCS_OF_ALL)
    area = unmasked_area(kappa)
    found = _recover([1e15], 1, threshold=6 / area)
    assert (found.peak_density * area).value == pytest.approx(6)
    peaks = find_peaks(kappa, 0.0)
    assert peaks["snr"][6] < found.threshold < peaks["snr"][5]
    assert len(find_peaks(kappa, found.threshold)) == 6


def test_a_seed_is_drawn_and_taken_from_what_was_done_before(tmp_path):
    first, other = (_recover([1e15], 1, n_halos=2, rng=None, folder=tmp_path / name)
                    for name in "ab")
    assert first.settings["seed"] != other.settings["seed"]
    more = _recover([1e15], 2, n_halos=2, rng=None, folder=tmp_path / "a")
    assert more.settings == first.settings and len(more) == 4


@pytest.mark.parametrize(
    "estimator", [KaiserSquires(), WienerFilter(z_source=1.0)], ids=["ks", "wiener"]
)
def test_any_estimator_by_kappa(estimator):
    found = _recover([1e15], 1, estimator=estimator, by="kappa", threshold=0.04, n_halos=2)
    assert found.halos["recovered"].all() and np.all(np.isnan(found.halos["snr"]))
    assert "recovered above kappa of 0.04" in repr(found)


def test_rotations_are_made_once(monkeypatch):
    estimator = KaiserSquires(uncertainty="rotations", n_realizations=4)
    made = []
    original = KaiserSquires.reconstruct

    def reconstruct(self, *args, **kwargs):
        made.append(self.uncertainty)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(KaiserSquires, "reconstruct", reconstruct)
    found = _recover([1e15], 2, estimator=estimator)
    assert made == ["rotations"] + 4 * [None]
    assert np.all(found.halos["snr"][found.halos["matched"]] > 4)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"estimator": KaiserSquires}, TypeError, "estimator must be an Estimator"),
        ({"estimator": KaiserSquires()}, ValueError, "for a map without an uncertainty"),
        ({"masses": 1e14}, TypeError, "m200c must be masses with a unit"),
        ({"masses": [2e14, 1e14] * u.solMass}, ValueError, "m200c must be .* strictly increasing"),
        ({"masses": [-1] * u.solMass}, ValueError, "m200c must be 0 or more"),
        ({"z_lens": [0.2, -1]}, ValueError, "z_lens must be positive"),
        ({"z_lens": 1.5}, ValueError, "lower than z_source"),
        ({"z_source": None}, ValueError, "z_source must be given"),
        ({"n_halos": 1000}, ValueError, "not 1000: only .* halos found room"),
        ({"threshold": 0.0}, ValueError, "threshold must be a positive number or a density"),
        ({"threshold": 0.1 / u.deg**2}, ValueError, "a density that gives at least one peak"),
        ({"by": "mass"}, ValueError, "by must be one of"),
        ({"radius": 2.0}, TypeError, "radius must be an angle"),
        ({"folder": "s3://bucket/run"}, ValueError, "folder must be on a local or network file"),
        ({"n_realizations": 0}, ValueError, "n_realizations must be at least 1"),
    ],
)
def test_what_cannot_be(change, error, match):
    parameters = {"estimator": KS, "masses": [1e14] * u.solMass, "z_lens": 0.3,
                  "n_realizations": 1, **COMMON, **change}
    with pytest.raises(error, match=match):
        recover_halos(NOISE, parameters.pop("estimator"), parameters.pop("masses"), **parameters)
