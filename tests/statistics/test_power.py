# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Power spectra of maps, of Gaussian fields of known power."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from gaussian_sky import gaussian_fields, grid_of_pixels, lensing_power, round_holes
from lenses import CENTERS, tangent_wcs

from lensmap import ConvergenceMap, KaiserSquires
from lensmap.estimators import KaiserSquiresPlus
from lensmap.flatsky import shear_to_convergence
from lensmap.statistics import power_spectrum

SIDE = np.radians(1 / 60)
SHAPE = (96, 80)
EDGES = np.geomspace(600, 5400, 7)


def _map(data, mask=None, **more):
    return ConvergenceMap(
        data, None, mask, tangent_wcs(CENTERS["equator"], np.shape(data), 1.0), **more
    )


def _noise(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(scope="module")
def holes():
    return round_holes(SHAPE, (1, 2, 4), 0.2, 3)


def test_holes_change_nothing(holes):
    """The mean over fields is the theory and that of the fields without holes."""
    whole, masked, pseudo = [], [], []
    for seed in range(25):
        kappa, _ = gaussian_fields(SHAPE, SIDE, seed)
        whole.append(power_spectrum(_map(kappa), edges=EDGES)["power"].value)
        table = power_spectrum(_map(kappa, holes), edges=EDGES)
        masked.append(table["power"].value)
        pseudo.append(
            power_spectrum(_map(kappa, holes), edges=EDGES, masked="pseudo")["power"].value
        )
    theory = table["window"] @ lensing_power(np.array(table.meta["window_ell"]))
    whole, masked, pseudo = np.array([whole, masked, pseudo])
    error = masked.std(axis=0) / np.sqrt(len(masked))
    assert np.abs((masked.mean(axis=0) - theory) / error).max() < 3.5
    ratio = masked.mean(axis=0) / whole.mean(axis=0)
    assert np.abs(ratio - 1)[2:].max() < 0.06
    assert pseudo.mean(axis=0)[-1] > 1.05 * masked.mean(axis=0)[-1]


def test_table(tmp_path, holes):
    kappa, _ = gaussian_fields(SHAPE, SIDE, 1)
    table = power_spectrum(_map(kappa, holes), edges=EDGES)
    assert table["power"].unit == u.sr and table["covariance"].unit == u.sr**2
    errors = np.sqrt(np.diag(table["covariance"].value))
    np.testing.assert_allclose(errors, table["power_err"].value)
    np.testing.assert_allclose(table["ell_low"], EDGES[:-1])
    assert np.all((table["ell"] > table["ell_low"]) & (table["ell"] < table["ell_high"]))
    table.write(tmp_path / "power.ecsv")
    again = QTable.read(tmp_path / "power.ecsv")
    np.testing.assert_allclose(
        again["window"] @ np.array(again.meta["window_ell"]),
        table["window"] @ np.array(table.meta["window_ell"]),
    )


def test_default_bins():
    table = power_spectrum(_map(_noise(0)))
    fundamental = 2 * np.pi / (80 * SIDE)
    np.testing.assert_allclose(table["ell_low"][0], 2 * fundamental, rtol=1e-3)
    np.testing.assert_allclose(table["ell_high"][-1], np.pi / SIDE / 2, rtol=1e-3)
    assert len(table) == 18 and np.all(np.diff(table["ell"]) > 0)
    assert len(power_spectrum(_map(_noise(0)), n_bins=5)) == 5


@pytest.mark.parametrize("part", [0, 0.25, 0.5])
@pytest.mark.parametrize("masked", ["decoupled", "pseudo"])
def test_errors_are_the_scatter(part, masked):
    """Of white noise, half of which may be masked."""
    shape = (48, 48)
    mask = np.zeros(shape, dtype=bool)
    mask[: int(48 * part)] = True
    tables = [
        power_spectrum(_map(_noise(seed, shape), mask), n_bins=5, taper=0, smoothed=0,
                       masked=masked)
        for seed in range(60)
    ]
    powers = np.array([table["power"].value for table in tables])
    assert powers.mean() == pytest.approx(SIDE**2, rel=0.03)
    stated = np.mean([table["power_err"].value for table in tables], axis=0)
    assert np.mean(powers.std(axis=0, ddof=1) / stated) == pytest.approx(1, abs=0.15)


def test_offset_is_no_power():
    """A constant changes nothing, as the mean is subtracted and accounted for."""
    kappa, _ = gaussian_fields(SHAPE, SIDE, 2)
    one, two = (power_spectrum(_map(kappa + shift), edges=EDGES)["power"] for shift in (0, 5))
    np.testing.assert_allclose(two.value, one.value, rtol=1e-6)


def test_pixel_window():
    """It is divided out; a field that is sampled has none."""
    kappa = _map(_noise(1))
    one, two = (power_spectrum(kappa, edges=EDGES, smoothed=n)["power"].value for n in (0, 1))
    ell = power_spectrum(kappa, edges=EDGES)["ell"]
    # The mean over directions of the squared window of a pixel, to fourth order in l times side.
    np.testing.assert_allclose(one / two, 1 - (ell * SIDE) ** 2 / 12, rtol=0.02)


def test_cross_spectrum(holes):
    """Its mean is the power of what two maps share; noise and two masks do not bias it."""
    other_holes = round_holes(SHAPE, (1, 2, 4), 0.2, 4)
    found, error = [], []
    for seed in range(25):
        kappa, _ = gaussian_fields(SHAPE, SIDE, seed)
        one, two = (kappa + 0.02 * _noise([seed, i]) for i in (1, 2))
        table = power_spectrum(_map(one, holes), _map(-two, other_holes), edges=EDGES)
        found.append(-table["power"].value)
        error.append(table["power_err"].value)
    theory = table["window"] @ lensing_power(np.array(table.meta["window_ell"]))
    pulls = (np.mean(found, axis=0) - theory) / (np.std(found, axis=0) / 5)
    assert np.abs(pulls).max() < 3.5
    assert np.mean(np.mean(error, axis=0) / np.std(found, axis=0)) == pytest.approx(1, abs=0.2)


def test_cross_spectrum_of_a_map_with_itself(holes):
    kappa = _map(gaussian_fields(SHAPE, SIDE, 1)[0], holes)
    one, two = power_spectrum(kappa, edges=EDGES), power_spectrum(kappa, kappa, edges=EDGES)
    for name in ("power", "power_err"):
        np.testing.assert_allclose(two[name].value, one[name].value, rtol=1e-9)


def test_noise_maps(holes):
    """The mean power of noise maps is subtracted, for a cross-spectrum that of pairs."""
    kappa = gaussian_fields(SHAPE, SIDE, 1)[0]
    noise = [0.02 * _noise(seed) for seed in range(3)]
    raw = power_spectrum(_map(kappa, holes), edges=EDGES)
    table = power_spectrum(_map(kappa, holes), edges=EDGES, noise_maps=[noise[0], _map(noise[1])])
    alone = [power_spectrum(_map(n, holes), edges=EDGES)["power"].value for n in noise]
    np.testing.assert_allclose(table["noise"].value, np.mean(alone[:2], axis=0), rtol=1e-9)
    np.testing.assert_allclose(
        table["power"].value, raw["power"].value - table["noise"].value, rtol=1e-9
    )
    pairs = power_spectrum(_map(kappa, holes), _map(kappa), edges=EDGES,
                           noise_maps=[(n, n) for n in noise])
    assert pairs["noise"].value[-1] == pytest.approx(alone[0][-1], rel=0.2)


def test_weights(holes):
    """Zero weights are a mask."""
    kappa = gaussian_fields(SHAPE, SIDE, 1)[0]
    weighted = power_spectrum(_map(kappa), edges=EDGES, weights=~holes)
    masked = power_spectrum(_map(kappa, holes), edges=EDGES)
    np.testing.assert_allclose(weighted["power"].value, masked["power"].value, rtol=1e-9)


def test_map_of_shear_with_holes(holes):
    """It is refused, also where holes are inpainted; a mask that is added later is not."""
    wcs = tangent_wcs(CENTERS["equator"], SHAPE, 1.0)
    _, shear = gaussian_fields(SHAPE, SIDE, 1)
    weight = np.where(holes, 0.0, 1.0)
    grid = grid_of_pixels(wcs, weight)
    estimator = KaiserSquires(smoothing="0.4 arcmin")
    kappa = estimator.reconstruct(grid.with_ellipticities(weight * shear))
    assert kappa.mask.mean() > 0.03
    assert kappa.meta["missing_fraction"] == pytest.approx(kappa.mask.mean())
    with pytest.raises(ValueError, match="kappa must be made from shear without holes.*"
                                         "shear_power_spectrum.*masked='pseudo'"):
        power_spectrum(kappa)
    with pytest.raises(ValueError, match="other must be made from shear without holes"):
        power_spectrum(_map(shear.real), kappa)
    inpainted = kappa.replace(mask=None, data=np.nan_to_num(kappa.data))
    with pytest.raises(ValueError, match="made from shear without holes"):
        power_spectrum(inpainted)
    assert "window" not in power_spectrum(kappa, masked="pseudo").colnames
    whole = estimator.reconstruct(grid_of_pixels(wcs, np.ones(SHAPE)))
    assert whole.meta["missing_fraction"] == 0
    power_spectrum(whole.replace(data=shear.real, mask=holes))
    # A map by another program says what shear is missing by its mask only.
    other = kappa.replace(meta={"estimator": "KaiserSquires"})
    with pytest.raises(ValueError, match="made from shear without holes"):
        power_spectrum(other)


def test_map_of_shear_with_inpainted_holes(holes):
    """The power of inpainted maps is nearly that of the fields, that of others is too low."""
    wcs = tangent_wcs(CENTERS["equator"], SHAPE, 1.0)
    weight = np.where(holes, 0.0, 1.0)
    grid = grid_of_pixels(wcs, weight)
    powers = []
    for seed in range(4):
        kappa, shear = gaussian_fields(SHAPE, SIDE, seed)
        observed = grid.with_ellipticities(weight * shear)
        inpainted = KaiserSquiresPlus(smoothing=None, fill_holes=True).reconstruct(observed)
        assert inpainted.meta["missing_fraction"] > 0.01
        plain = _map(shear_to_convergence(observed.shear).real, holes)
        powers.append([
            power_spectrum(one, edges=EDGES)["power"].value
            for one in (_map(kappa), inpainted, plain)
        ])
    truth, inpainted, plain = np.mean(powers, axis=0)
    assert np.all(np.abs(inpainted / truth - 1) < 0.1)
    assert np.mean(plain / truth) < 0.85


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"edges": [100, 50]}, "edges must be at least two bin edges, strictly increasing"),
        ({"edges": [100, 1e6]}, "edges must be multipoles from 0 to 10800"),
        ({"edges": np.arange(1000, 1100, 2)}, "edges must be at least 270 apart"),
        ({"edges": [500, 501, 2000]}, "edges must be at least 270 apart"),
        ({"n_bins": 0}, "n_bins must be at least 1"),
        ({"taper": 0.7}, "taper must be a number from 0 to 0.5"),
        ({"weights": np.ones((3, 3))}, "weights must have the shape of the map"),
        ({"weights": -np.ones(SHAPE)}, "weights must be finite and not negative"),
        ({"weights": np.zeros(SHAPE)}, "kappa must have an unmasked pixel of positive weight"),
        ({"masked": "no"}, "masked must be"),
        ({"smoothed": -1}, "smoothed must be at least 0"),
        ({"noise_maps": []}, "noise_maps must contain at least one map"),
        ({"noise_maps": [np.ones((3, 3))]}, "noise_maps must have the shape of the map"),
        ({"noise_maps": [np.full(SHAPE, np.nan)]}, "noise_maps must be finite"),
        ({"other": _map(np.ones((4, 4)))}, "other must be a map on the pixels of kappa"),
        ({"other": _map(_noise(1)), "noise_maps": [[_noise(1)]]}, "noise_maps must contain pairs"),
    ],
)
def test_bad_arguments(settings, message):
    with pytest.raises(ValueError, match=message):
        power_spectrum(_map(_noise(0)), **settings)


def test_bad_maps():
    with pytest.raises(TypeError, match="other must be a ConvergenceMap"):
        power_spectrum(_map(_noise(0)), np.ones(SHAPE))
    with pytest.raises(ValueError, match="edges must be given for a map of 8 x 8 pixels"):
        power_spectrum(_map(_noise(0, (8, 8))))
    wcs = tangent_wcs(CENTERS["equator"], SHAPE, 1.0)
    wcs.wcs.cdelt = wcs.wcs.cdelt * [1, 2]
    with pytest.raises(ValueError, match="kappa must have square pixels"):
        power_spectrum(ConvergenceMap(_noise(0), wcs=wcs))
